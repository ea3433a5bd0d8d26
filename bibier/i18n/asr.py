"""Sentences about the recognition of words."""

SENTENCES: dict[str, tuple[str, str]] = {
    "recogniser-no-language": (
        "The words were not recognised: the recogniser that is ready here knows English only. Type the words, or "
        "download Whisper under “Options”.",
        "Слова не распознаны: готовый распознаватель знает только английский. Введите слова сами или скачайте "
        "Whisper в «Настройках».",
    ),
    "recogniser-whisper": ("Whisper {size}", "Whisper {size}"),
    "recogniser-whisper-missing": (
        "Whisper {size} ({megabytes} MB to download)",
        "Whisper {size} (скачать {megabytes} МБ)",
    ),
    "recogniser-pocketsphinx": (
        "PocketSphinx (rough, English only)",
        "PocketSphinx (неточно, английский)",
    ),
    "recogniser-none": ("None: type the words", "Нет: введите слова сами"),
    "recogniser-download": (
        "Whisper {size} will be downloaded: {megabytes} MB, into {folder}.",
        "Будет загружена модель Whisper {size}: {megabytes} МБ, в папку {folder}.",
    ),
    "recogniser-unknown": (
        "There is no recogniser called {name}. Choose one of: {names}.",
        "Распознавателя {name} нет. Выберите один из следующих: {names}.",
    ),
    "recogniser-language": (
        "Whisper can't be told the language {language!r}. Choose one of: {known}; without one it finds out by itself.",
        "Язык {language!r} для Whisper указать нельзя. Выберите один из следующих: {known}; без указания он определит "
        "язык сам.",
    ),
    "recogniser-not-installed": (
        'The package {package} is not installed. Install it (pip install "bibier[asr]"), choose another recogniser or '
        "type the words.",
        'Пакет {package} не установлен. Установите его (pip install "bibier[asr]"), выберите другой распознаватель '
        "или введите слова сами.",
    ),
    "recogniser-not-downloaded": (
        "The weights of Whisper {size} are not in {folder}. Allow the download ({megabytes} MB), choose another "
        "recogniser or type the words.",
        "Весов Whisper {size} нет в папке {folder}. Разрешите загрузку ({megabytes} МБ), выберите другой "
        "распознаватель или введите слова сами.",
    ),
    "recogniser-no-file": (
        "There is no weights file {path}. Check the path or choose another recogniser.",
        "Файла весов {path} нет. Проверьте путь или выберите другой распознаватель.",
    ),
    "recogniser-damaged": (
        "The weights in {path} are damaged or of another kind. Delete the file and download it again, or choose "
        "another recogniser.",
        "Файл весов {path} повреждён или другого формата. Удалите его и скачайте заново либо выберите другой "
        "распознаватель.",
    ),
    "recogniser-download-failed": (
        "The download failed ({where}: {reason}). Check the connection and try again, choose another recogniser or "
        "type the words.",
        "Загрузка не удалась ({where}: {reason}). Проверьте соединение и повторите, выберите другой распознаватель "
        "или введите слова сами.",
    ),
    "recogniser-timeout": (
        "The download was stopped: {host} sent nothing for {seconds:g} s. Try again later, choose another recogniser "
        "or type the words.",
        "Загрузка прервана: от {host} ничего не приходило {seconds:g} с. Попробуйте позже, выберите другой "
        "распознаватель или введите слова сами.",
    ),
    "recogniser-broke": (
        "The connection to {host} broke after {received:.1f} of {total:.1f} MB. Try the download again.",
        "Соединение с {host} оборвалось: получено {received:.1f} из {total:.1f} МБ. Повторите загрузку.",
    ),
    "recogniser-checksum": (
        "What {host} sent is not the expected file (its checksum is wrong), so it was deleted. Try again later or "
        "choose another recogniser.",
        "От {host} пришёл не тот файл (не совпала контрольная сумма), поэтому он удалён. Попробуйте позже или "
        "выберите другой распознаватель.",
    ),
    "recogniser-no-space": (
        "There is no room for {megabytes:.0f} MB in {folder}. Free some space or choose a smaller model.",
        "В папке {folder} не хватает места: нужно {megabytes:.0f} МБ. Освободите место или выберите модель поменьше.",
    ),
    # sentences of the recogniser that runs in a process of its own
    "recogniser-ended": (
        "The recogniser {name} stopped in the middle of this recording. Try again, or type the words.",
        "Распознаватель {name} остановился посреди этой записи. Попробуйте ещё раз или введите слова сами.",
    ),
}
