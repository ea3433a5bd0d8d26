"""Sentences of the recogniser that runs in a process of its own."""

SENTENCES: dict[str, tuple[str, str]] = {
    "recogniser-ended": (
        "The recogniser {name} stopped in the middle of this recording. Try again, or type the words.",
        "Распознаватель {name} остановился посреди этой записи. Попробуйте ещё раз или введите слова сами.",
    ),
}
