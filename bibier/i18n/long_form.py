"""The sentences of a long recording's ribbon, in English and in Russian: key → (en, ru). Part of `page.STRINGS`."""

TIMELINE: dict[str, tuple[str, str]] = {
    "timeline": ("The recording over time", "Запись во времени"),
    "timeline_hint": (
        "Select a stretch to hear it and to see its bars and words; the arrow keys move along.",
        "Выберите отрезок, чтобы услышать его и увидеть его столбцы и слова; стрелки ведут вдоль записи.",
    ),
    "timeline_whole": ("Whole recording", "Вся запись"),
    "timeline_shows_whole": (
        "Below: the whole recording, the mean of its stretches by their length.",
        "Ниже — вся запись: среднее по отрезкам с учётом их длины.",
    ),
    "timeline_shows_part": ("Below: the stretch {start}–{end}.", "Ниже — отрезок {start}–{end}."),
    "timeline_branch": ("What the ribbon shows", "Что показывает лента"),
    "timeline_stop": ("Stop", "Остановить"),
    "timeline_stopping": ("Stopping after this stretch…", "Закончим этот отрезок и остановимся…"),
    "timeline_stopped": (
        "Stopped: {done} of {planned} stretches are ready. Analyse starts over.",
        "Остановлено: готово отрезков — {done} из {planned}. «Анализировать» начнёт заново.",
    ),
    "timeline_pauses": ("Looking for the pauses…", "Ищем паузы…"),
    "timeline_stretch": ("Stretch {done} of {planned}…", "Отрезок {done} из {planned}…"),
    "timeline_done": ("{planned} stretches in {took}", "Отрезков: {planned}; заняло {took}"),
    "timeline_pending": ("not judged yet", "ещё не оценён"),
    "timeline_none": ("nothing to judge", "оценить нечего"),
    "timeline_table": ("The same as a table", "То же таблицей"),
    "timeline_time": ("Time", "Время"),
    "timeline_said": ("Words", "Слова"),
    "timeline_closer": ("Zoom in", "Крупнее"),
    "timeline_farther": ("Zoom out", "Мельче"),
    "timeline_gone": (
        "This recording is no longer at hand. Press Analyse to judge it again.",
        "Эта запись уже не хранится. Нажмите «Анализировать», чтобы оценить её ещё раз.",
    ),
    "relabel_stretch": (
        "Select a stretch of the recording first: it is relabelled by itself.",
        "Сначала выберите отрезок записи: размечается он один.",
    ),
}
