"""The sentences of what leaves the page, and of links to it: key → (en, ru). Part of `page.STRINGS`."""

RESULTS: dict[str, tuple[str, str]] = {
    "link_title": (
        "BiBiER: what the voice says, what the words say",
        "BiBiER: что говорит голос и что говорят слова",
    ),
    "link_picture": (
        "Bars of seven emotions, for the voice and for the words of one phrase",
        "Столбцы семи эмоций для голоса и для слов одной фразы",
    ),
    # copy and download
    "results_copy": ("Copy", "Копировать"),
    "results_copied": ("Copied as JSON.", "Скопировано в формате JSON."),
    "results_no_clipboard": (
        "The browser allows copying only over HTTPS. Download the file instead.",
        "Браузер разрешает копировать только по HTTPS. Скачайте файл.",
    ),
    "results_download": ("Download", "Скачать"),
    "results_saved": ("Saved as {name}.", "Сохранено: {name}."),
    "results_no_chart": ("There is no chart yet.", "Графика ещё нет."),
    "results_json": ("Data (JSON)", "Данные (JSON)"),
    "results_csv": ("Table (CSV)", "Таблица (CSV)"),
    "results_srt": ("Subtitles (SRT)", "Субтитры (SRT)"),
    "results_vtt": ("Subtitles (WebVTT)", "Субтитры (WebVTT)"),
    "results_textgrid": ("Praat (TextGrid)", "Разметка Praat (TextGrid)"),
    "results_eaf": ("ELAN (EAF)", "Разметка ELAN (EAF)"),
    "results_audacity": ("Audacity labels", "Метки Audacity"),
    "results_png": ("Chart (PNG)", "График (PNG)"),
    "results_svg": ("Chart (SVG)", "График (SVG)"),
    # pitch and energy
    "contour": ("Pitch and loudness", "Высота и громкость"),
    "contour_wave": ("Waveform", "Форма волны"),
    "contour_pitch": ("Pitch, Hz", "Высота, Гц"),
    "contour_level": ("Loudness, dB", "Громкость, дБ"),
    "seconds_sign": ("\u00a0s", "\u00a0с"),
    "contour_busy": ("Measuring…", "Измеряем…"),
    "contour_says": (
        "Pitch of the voice: usually {median}\u00a0Hz, from {low} to {high}\u00a0Hz.",
        "Высота голоса: обычно {median}\u00a0Гц, от {low} до {high}\u00a0Гц.",
    ),
    "contour_none": ("No pitch: nobody speaks or sings here.", "Высоты нет: голоса не слышно."),
    # the session's clips
    "results_history": ("This session’s clips", "Записи этого сеанса"),
    "results_pick_two": ("Pick two to compare.", "Отметьте две, чтобы сравнить."),
    "results_words_alone": ("Typed words", "Введённые слова"),
    "results_pair": ("Two clips on one axis", "Две записи на одной оси"),
    # several files
    "batch_choose": ("Several files…", "Несколько файлов…"),
    "batch_title": ("Several recordings", "Несколько записей"),
    "batch_progress": ("{done} of {total} done, failed: {failed}", "Готово {done} из {total}, с ошибкой: {failed}"),
    "batch_file": ("File", "Файл"),
    "batch_both": ("Both together", "Вместе"),
    "batch_voice": ("Voice", "Голос"),
    "batch_words": ("Words", "Слова"),
    "batch_said": ("What was said", "Что сказано"),
    "batch_waiting": ("Waiting", "В очереди"),
    "batch_sending": ("Uploading…", "Загружается…"),
    "batch_judging": ("Analysing…", "Анализируется…"),
    "batch_stopped": ("Stopped", "Остановлено"),
    "batch_save": ("Save the table (CSV)", "Сохранить таблицу (CSV)"),
    "batch_close": ("Close", "Закрыть"),
    "batch_most": (
        "Only the first {most} of {count} files will be analysed. Add the rest afterwards.",
        "Будут обработаны только первые {most} из {count} файлов. Остальные добавьте потом.",
    ),
}
