"""Sentences about putting a Space together."""

SENTENCES: dict[str, tuple[str, str]] = {
    "stage-full": (
        "{path} is not an empty folder. Name one that is new or empty.",
        "{path} — не пустая папка. Укажите новую или пустую.",
    ),
    "stage-checkpoint": (
        "checkpoints/ has no checkpoint “{name}”. Give the name of a folder in it, such as compact.",
        "В checkpoints/ нет модели «{name}». Укажите имя папки в ней, например compact.",
    ),
}
