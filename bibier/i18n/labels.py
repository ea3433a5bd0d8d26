"""Sentences about the labels of a project: the seven emotions, some of them, or a list of its own."""

SENTENCES: dict[str, tuple[str, str]] = {
    "labels-other": (
        "Nothing was imported: the labels here are {given}, and {project} has {names}. Import them into a project "
        "with the same labels, or into a new one.",
        "Ничего не добавлено: здесь метки {given}, а в проекте «{project}» — {names}. Загрузите их в проект с теми "
        "же метками или в новый.",
    ),
    "labels-no-proposals": (
        "The models know only the seven emotions, and {project} has other labels: there are no suggestions.",
        "Модели знают только семь эмоций, а в проекте «{project}» другие метки: подсказок в нём нет.",
    ),
    "store-labels-used": (
        "People have labelled clips of {project} by {names}. Those labels would mean nothing in another list: create "
        "a new project for it. The names shown on the page and the colours may change.",
        "В проекте «{project}» уже есть разметка с метками {names}. В другом списке она потеряла бы смысл: создайте "
        "для него новый проект. Названия на странице и цвета менять можно.",
    ),
    "store-setting-labels": (
        "some of the seven ({emotions}), or 2 to {most} labels with names of their own: letters, digits, spaces, “-” "
        "and “_”, at most 40 of them, none twice, none that is a column of our tables; colours are written #rrggbb",
        "часть из семи ({emotions}) или от 2 до {most} своих меток: имя — буквы, цифры, пробелы, «-» и «_», не больше "
        "40 знаков, без повторов и не название столбца наших таблиц; цвет пишется как #rrggbb",
    ),
    "annotate-no-export": (
        "{file} is not an export of labels: use events, long, wide, or Label Studio's JSON. A list of recordings is "
        "given by its path, in “New project…”.",
        "{file} — не выгрузка разметки: годятся events, long, wide и JSON из Label Studio. Список записей указывают "
        "путём в «Новом проекте».",
    ),
    "export-seven": (
        "The format {kind} holds only the seven emotions, and the labels of {project} are {names}. Choose events, "
        "long, wide or Label Studio.",
        "Формат {kind} рассчитан только на семь эмоций, а в проекте «{project}» метки {names}. Выберите events, "
        "long, wide или Label Studio.",
    ),
}
