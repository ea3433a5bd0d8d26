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
}
