"""Sentences of the Annotate tab about a project's list of labels, and about labels that are imported."""

ANNOTATE_LABELS: dict[str, tuple[str, str]] = {
    "labels_seven": ("of the seven emotions", "из семи эмоций"),
    "labels_own": ("our own list", "свой список"),
    "labels_own_is": (
        "Two to nine labels, in the order of the keys 1–9. One name can serve both languages; exports use the "
        "English one. Models know only the seven emotions: with other labels they suggest nothing and can't be "
        "trained.",
        "От двух до девяти меток в порядке клавиш 1–9. Хватит названия на одном языке; в выгрузку идёт английское. "
        "Модели знают только семь эмоций: с другими метками они ничего не подсказывают и на них не обучаются.",
    ),
    "labels_add": ("Add a label", "Добавить метку"),
    "labels_remove": ("Remove this label", "Убрать эту метку"),
    "labels_english": ("Name in English", "Название по-английски"),
    "labels_russian": ("Name in Russian", "Название по-русски"),
    "labels_colour": ("Colour", "Цвет"),
    "import_title": ("Import", "Импорт"),
    "import_file": ("File with labels", "Файл с разметкой"),
    "import_choose": ("Choose a file", "Выбрать файл"),
    "import_none": ("none chosen", "не выбран"),
    "import_into": ("Into", "Куда"),
    "import_here": ("this project, or a new name", "этот проект или название нового"),
    "import_take": ("Import", "Импортировать"),
    "import_sending": ("Sending the file…", "Отправляем файл…"),
    "import_is": (
        "Takes exports from this page (every event, a row per label, a row per clip) and Label Studio JSON. "
        "Recordings stay where they are. If something doesn't fit, the page says why and imports nothing.",
        "Подходят выгрузки с этой страницы (все события, строка на метку, строка на фрагмент) и JSON из Label "
        "Studio. Записи остаются на своих местах. Если что-то не подойдёт, страница скажет почему и не добавит "
        "ничего.",
    ),
    "opinion_other_labels": (
        "No suggestions here: the models know only the seven emotions.",
        "Подсказок здесь нет: модели знают только семь эмоций.",
    ),
}
