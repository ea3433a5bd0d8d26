"""Sentences about where annotations live, and about their copies in a dataset."""

SENTENCES: dict[str, tuple[str, str]] = {
    "keeping-server": ("Annotations are kept in a database server.", "Разметка хранится на сервере базы данных."),
    "keeping-bucket": (
        "Annotations are kept in the mounted {place}.",
        "Разметка хранится на подключённом диске: {place}.",
    ),
    "keeping-backup": (
        "Annotations are copied to the dataset {place} every few minutes; recordings are not.",
        "Разметка каждые несколько минут копируется в набор данных {place}; записи — нет.",
    ),
    "keeping-disk": ("Annotations are kept in {place}.", "Разметка хранится в {place}."),
    "keeping-forgets": (
        "Annotations will be LOST when this Space restarts: they lie on its own disk ({place}). Save an export, or "
        "deploy with --database or --backup-dataset.",
        "Разметка ПРОПАДЁТ при перезапуске этого Space: она лежит на его собственном диске ({place}). Сохраните "
        "экспорт или разверните с --database или --backup-dataset.",
    ),
    "backup-never": ("Nothing has been copied yet.", "Пока ничего не скопировано."),
    "backup-done": ("Last copy: {time} UTC.", "Последняя копия: {time} UTC."),
    "backup-last-failed": ("Copying failed at {time} UTC: {reason}", "Сбой копирования в {time} UTC: {reason}"),
    "backup-failed": (
        "the Hub did not take it ({reason}); it is tried again.",
        "Hub не принял данные ({reason}); попытка повторится.",
    ),
    "backup-open": (
        "the dataset {name} is open to everybody. Make it private in its settings.",
        "набор данных {name} открыт для всех. Закройте его в настройках.",
    ),
}
