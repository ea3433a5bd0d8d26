"""Sentences about what the Annotate tab refuses."""

SENTENCES: dict[str, tuple[str, str]] = {
    "annotate-name": (
        "A label needs a name beside it: type yours (1 to 80 characters).",
        "Разметке нужно имя: введите своё (от 1 до 80 знаков).",
    ),
    "annotate-project": (
        "There is no project {name!r} here. Choose one of the list, or make it from a folder or a manifest.",
        "Проекта {name!r} здесь нет. Выберите из списка или создайте его из папки или манифеста.",
    ),
    "annotate-clip": (
        "This clip is not in the project {project!r}. Reload the page.",
        "Этого фрагмента нет в проекте {project!r}. Обновите страницу.",
    ),
    "annotate-untouched": (
        "Nothing was set on this clip: an untouched label is not saved. Move a bar, or skip the clip.",
        "Для этого фрагмента ничего не задано: нетронутая разметка не сохраняется. Сдвиньте шкалу или пропустите его.",
    ),
    "annotate-points": (
        "A label is seven whole numbers from 0 to 100 that sum to 100, not {value}. Reload the page.",
        "Разметка — это семь целых чисел от 0 до 100 с суммой 100, а не {value}. Обновите страницу.",
    ),
    "annotate-field": (
        "The page sent something unexpected ({name}). Reload it.",
        "Страница прислала неожиданное значение ({name}). Обновите её.",
    ),
    "annotate-uncommitted": (
        "The model's opinion is shown after your own is saved. Save this clip first.",
        "Мнение модели видно после того, как сохранено ваше. Сначала сохраните этот фрагмент.",
    ),
    "annotate-elsewhere": (
        "Projects from a path on this computer can only be made where the app runs for this computer alone. "
        "Start it with --annotate SOURCE.",
        "Создать проект по пути можно, только если приложение запущено для одного этого компьютера. "
        "Запустите его с --annotate ИСТОЧНИК.",
    ),
}
