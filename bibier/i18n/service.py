"""Sentences of the service in the Analyse tab: the queue, cancelling, consent and deletion: key → (en, ru)."""

SERVICE: dict[str, tuple[str, str]] = {
    # the queue
    "cancel": ("Cancel", "Отменить"),
    "stage_place": (
        "Queued: {before} ahead, about {seconds}\u00a0s…",
        "В очереди: впереди {before}, примерно {seconds}\u00a0с…",
    ),
    "stage_stopping": (
        "Stopping…",
        "Останавливаем…",
    ),
    "stopped": (
        "Cancelled. Nothing has changed; press “Analyse” to try again.",
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
        "They are deleted {hours}\u00a0h after last use, or whenever you ask.",
        "Они удаляются через {hours}\u00a0ч после последнего использования или сразу по вашей просьбе.",
    ),
    "privacy_unlimited": (
        "They are kept until you delete them.",
        "Они хранятся, пока вы их не удалите.",
    ),
    "privacy_annotate": (
        "What you send to Annotate is kept with its labels.",
        "То, что вы отправили в разметку, хранится вместе с ней.",
    ),
    "consent_title": (
        "Before you record",
        "Перед записью",
    ),
    "consent_agree": ("Agree and record", "Согласиться и записать"),
    "consent_later": ("Not now", "Не сейчас"),
    "erase": ("Delete my recordings", "Удалить мои записи"),
    "erase_sure": (
        "Delete all recordings and uploads of this browser? This can't be undone.",
        "Удалить все записи и загрузки этого браузера? Вернуть их будет нельзя.",
    ),
    "erase_yes": ("Delete", "Удалить"),
    "erase_no": ("Keep", "Оставить"),
    "erased_running": (
        "Your recordings were deleted, so this analysis has ended.",
        "Ваши записи удалены, поэтому этот анализ прекращён.",
    ),
    "erased_nothing": ("You have no recordings on the disk.", "Ваших записей на диске нет."),
    "erased_files": ("Deleted from the disk: {count}.", "Удалено с диска: {count}."),
    "erased_clips": ("Deleted from Annotate: {count}.", "Удалено из разметки: {count}."),
    "erased_labelled": (
        "Kept in Annotate: {count}, because people have worked on them. Ask the project's owner.",
        "Оставлено в разметке: {count} — с ними уже работали люди. Обратитесь к владельцу проекта.",
    ),
    "erased_shared": (
        "Kept: {count}, because someone else uploaded the same file.",
        "Оставлено: {count} — такой же файл загрузил кто-то ещё.",
    ),
}
