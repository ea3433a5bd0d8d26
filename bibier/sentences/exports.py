"""Sentences about exports, and their way back."""

SENTENCES: dict[str, tuple[str, str]] = {
    "export-exists": (
        "{file} is there already and was left as it is. Choose another name, or add --replace.",
        "{file} уже есть и оставлен как был. Выберите другое имя или добавьте --replace.",
    ),
    "export-other-folder": (
        "{file} holds something else than a dataset of this program and was left as it is. Choose another folder.",
        "В {file} лежит не набор данных этой программы; всё оставлено как было. Выберите другую папку.",
    ),
    "export-blind-events": (
        "Events are exported whole. Leave --blind-only out, or choose a table.",
        "События экспортируются целиком. Уберите --blind-only или выберите таблицу.",
    ),
    "export-failed": (
        "{file} could not be written ({reason}). What was there is unchanged; free some space or choose another place.",
        "Не удалось записать {file} ({reason}). Что там было, не изменилось; освободите место или выберите другое.",
    ),
    "export-push": (
        "The dataset could not be pushed to {name} ({reason}). What is there is unchanged. Log in with "
        "`hf auth login`, or set HF_TOKEN to a token that may write.",
        "Не удалось отправить набор данных в {name} ({reason}). Что там было, не изменилось. Войдите через "
        "`hf auth login` или задайте HF_TOKEN с правом записи.",
    ),
    "export-push-public": (
        "{name} is there already and everybody can see it; nothing was sent. Add --public if that is wanted, or choose "
        "another name.",
        "{name} уже есть и виден всем; ничего не отправлено. Добавьте --public, если так и нужно, или выберите другое "
        "имя.",
    ),
    "export-no-labels": (
        "The project “{project}” has no labels to export.",
        "В проекте «{project}» нет разметки для экспорта.",
    ),
    "export-missing": (
        "Nothing was written: {count} recordings are not where they were, first {file}. Put them back, or import the "
        "folder again.",
        "Ничего не записано: записей, которых нет на месте: {count}, первая — {file}. Верните их или заново "
        "импортируйте папку.",
    ),
    "import-line": (
        "{file}, line {line}, is no export of this program ({reason}). Nothing was taken in.",
        "{file}, строка {line}: это не экспорт этой программы ({reason}). Ничего не принято.",
    ),
}
