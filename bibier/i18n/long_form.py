"""The sentences of a long recording's ribbon, in English and in Russian: key → (en, ru). Part of `page.STRINGS`."""

TIMELINE: dict[str, tuple[str, str]] = {
    "timeline": ("Over time", "По ходу записи"),
    "timeline_hint": (
        "Select a segment to hear it and see its result. Use the arrow keys to move.",
        "Выберите отрезок, чтобы услышать его и увидеть результат. Переходить можно стрелками.",
    ),
    "timeline_whole": ("Whole recording", "Вся запись"),
    "timeline_shows_whole": (
        "Shown: the whole recording, averaged over its segments by length.",
        "Показана вся запись: среднее по отрезкам с учётом длины.",
    ),
    "timeline_shows_part": (
        "Shown: {start}–{end}.",
        "Показан отрезок {start}–{end}.",
    ),
    "timeline_branch": (
        "Show",
        "Показать",
    ),
    "timeline_stop": ("Stop", "Остановить"),
    "timeline_stopping": (
        "Stopping after this segment…",
        "Останавливаем после этого отрезка…",
    ),
    "timeline_cancelled": (
        "Stopped before the first segment. “Analyse” starts again.",
        "Остановлено до первого отрезка. «Анализировать» начнёт заново.",
    ),
    "timeline_stopped": (
        "Stopped after {done} of {planned} segments. “Analyse” starts again.",
        "Остановлено, готово отрезков: {done} из {planned}. «Анализировать» начнёт заново.",
    ),
    "timeline_pauses": ("Looking for the pauses…", "Ищем паузы…"),
    "timeline_stretch": (
        "Segment {done} of {planned}…",
        "Отрезок {done} из {planned}…",
    ),
    "timeline_done": ("{planned} segments in {took}", "Отрезков: {planned}, заняло {took}"),
    "timeline_pending": (
        "not analysed yet",
        "ещё не проанализирован",
    ),
    "timeline_none": (
        "nothing to analyse",
        "анализировать нечего",
    ),
    "timeline_table": ("Show as a table", "Показать в виде таблицы"),
    "timeline_time": ("Time", "Время"),
    "timeline_said": ("Words", "Слова"),
    "timeline_play": ("Play through", "Слушать подряд"),
    "timeline_pause": ("Pause", "Пауза"),
    "timeline_play_keys": (
        "One segment after another; ← and → go to the previous and the next",
        "Отрезок за отрезком; ← и → — к предыдущему и следующему",
    ),
    "timeline_estimated": (
        "When each word was said is not known: its place is estimated by length.",
        "Когда сказано каждое слово, неизвестно: место оценено по длине.",
    ),
    "timeline_closer": ("Zoom in", "Крупнее"),
    "timeline_farther": ("Zoom out", "Мельче"),
    "timeline_gone": (
        "This recording is no longer available. Press Analyse to process it again.",
        "Эта запись больше не доступна. Нажмите «Анализировать», чтобы обработать её снова.",
    ),
    "relabel_stretch": (
        "Select a segment first: segments are labelled one by one.",
        "Сначала выберите отрезок: отрезки размечаются по одному.",
    ),
}
