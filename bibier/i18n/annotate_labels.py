"""Sentences of the Annotate tab about a project's list of labels, and about labels that are imported."""

ANNOTATE_LABELS: dict[str, tuple[str, str]] = {
    "labels_seven": ("of the seven emotions", "из семи эмоций"),
    "labels_own": ("a list of our own", "свой список"),
    "labels_own_is": (
        "Two to nine labels, in the order of the keys 1–9. One name is enough for both languages; exports have the "
        "English one. Models know the seven emotions alone: here they suggest nothing, and nothing is trained on.",
        "От двух до девяти меток в порядке клавиш 1–9. Хватит названия на одном языке; в выгрузку идёт английское. "
        "Модели знают только семь эмоций: здесь они ничего не подсказывают, и обучаться на этом нельзя.",
    ),
    "labels_add": ("Add a label", "Добавить метку"),
    "labels_remove": ("Remove this label", "Убрать эту метку"),
    "labels_english": ("Name in English", "Название по-английски"),
    "labels_russian": ("Name in Russian", "Название по-русски"),
    "labels_colour": ("Colour", "Цвет"),
    "import_title": ("Import", "Импорт"),
    "import_file": ("Labels as a file", "Файл с разметкой"),
    "import_into": ("Into", "Куда"),
    "import_here": ("this project, or a new name", "в этот проект или новое название"),
    "import_take": ("Import", "Загрузить"),
    "import_sending": ("Sending the file…", "Отправляем файл…"),
    "import_is": (
        "Our own exports (every event, a row per label, a row per clip) and Label Studio's JSON. The recordings stay "
        "where they are. What doesn't fit is refused with the reason, and then nothing is taken.",
        "Наши выгрузки (все события, строка на разметку, строка на фрагмент) и JSON из Label Studio. Записи остаются "
        "на своих местах. Если что-то не подходит, страница скажет почему, и не добавится ничего.",
    ),
    "opinion_other_labels": (
        "No suggestions here: the models know the seven emotions alone.",
        "Подсказок здесь нет: модели знают только семь эмоций.",
    ),
}
