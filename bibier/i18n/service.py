"""Sentences of the service in the Analyse tab: the queue, cancelling, consent and deletion: key → (en, ru)."""

SERVICE: dict[str, tuple[str, str]] = {
    # the queue
    "cancel": ("Cancel", "Отменить"),
    "stage_place": (
        "Waiting its turn: {before} before it, about {seconds} s…",
        "Ждёт своей очереди: впереди {before}, примерно {seconds} с…",
    ),
    "stage_stopping": ("Stopping after this step…", "Останавливаем после этого шага…"),
    "stopped": (
        "Cancelled. Nothing was changed; press “Analyse” to try again.",
        "Отменено. Ничего не изменилось; чтобы повторить, нажмите «Анализировать».",
    ),
    # where recordings go, and how they are deleted; the page puts these together
    "privacy_here": (
        "Recordings stay on this computer.",
        "Записи остаются на этом компьютере.",
    ),
    "privacy_there": (
        "Recordings go to the server {host} and are analysed there.",
        "Записи отправляются на сервер {host} и анализируются там.",
    ),
    "privacy_hours": (
        "They are deleted {hours} h after their last use, or at once when you ask.",
        "Они удаляются через {hours} ч после последнего использования или сразу, как только вы попросите.",
    ),
    "privacy_unlimited": (
        "They are kept until you delete them.",
        "Они хранятся, пока вы их не удалите.",
    ),
    "privacy_annotate": (
        "What you take to Annotate is kept with its labels.",
        "То, что вы передали в разметку, хранится вместе с метками.",
    ),
    "consent_title": ("Before the first recording", "Перед первой записью"),
    "consent_agree": ("Agree and record", "Согласиться и записать"),
    "consent_later": ("Not now", "Не сейчас"),
    "erase": ("Delete my recordings", "Удалить мои записи"),
    "erase_sure": (
        "Delete all recordings and uploads of this browser from the disk? This can't be undone.",
        "Удалить с диска все записи и загрузки этого браузера? Вернуть их будет нельзя.",
    ),
    "erase_yes": ("Delete", "Удалить"),
    "erase_no": ("Keep", "Оставить"),
    "erased_nothing": (
        "There is no recording of yours on the disk.",
        "Ваших записей на диске нет.",
    ),
    "erased_files": ("Deleted from the disk: {count}.", "Удалено с диска: {count}."),
    "erased_clips": ("Deleted from Annotate: {count}.", "Удалено из разметки: {count}."),
    "erased_labelled": (
        "Kept in Annotate: {count}, since people have worked on it; ask whoever keeps the annotations.",
        "Оставлено в разметке: {count} — с этим уже работали люди; обратитесь к тому, кто хранит разметку.",
    ),
    "erased_shared": (
        "Kept: {count}, since another visitor sent the very same file.",
        "Оставлено: {count} — точно такой же файл прислал другой посетитель.",
    ),
}
