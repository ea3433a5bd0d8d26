"""Sentences about exported results."""

SENTENCES: dict[str, tuple[str, str]] = {
    "exported-result": (
        "This result can't be exported ({where}). Analyse the recording again.",
        "Этот результат нельзя экспортировать ({where}). Проанализируйте запись ещё раз.",
    ),
    "exported-nothing": (
        "The result is no longer here to save. Analyse the recording again.",
        "Результата, который нужно сохранить, больше нет. Проанализируйте запись ещё раз.",
    ),
    "exported-silent": (
        "There are only words, so there are no times to write. Choose JSON, or add a recording.",
        "Есть только слова, без времени: в этом формате записать нечего. Выберите JSON или добавьте запись.",
    ),
    "exported-no-format": (
        "--out and --replace belong to --format. Add, for example, --format srt.",
        "--out и --replace относятся к --format. Добавьте, например, --format srt.",
    ),
    "exported-json": (
        "--json and --format are two ways to print. Leave one of them out; --format json writes JSON to a file.",
        "--json и --format — два разных способа вывода. Оставьте один; --format json записывает JSON в файл.",
    ),
    "exported-several": (
        "Several recordings make several files. Name a folder with --out FOLDER.",
        "Из нескольких записей получится несколько файлов. Укажите папку: --out ПАПКА.",
    ),
}
