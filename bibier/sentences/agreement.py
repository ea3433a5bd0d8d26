"""Sentences about the agreement of people."""

SENTENCES: dict[str, tuple[str, str]] = {
    "agreement-alone": (
        "Agreement needs labels of at least two people.",
        "Для согласия нужны разметки хотя бы двух человек.",
    ),
    "agreement-no-pairs": (
        "No clip was labelled by two people yet: set the number of annotators per clip to 2 or more.",
        "Пока нет записи, размеченной двумя людьми: задайте не менее 2 разметчиков на запись.",
    ),
    "agreement-one-value": (
        "Everybody gave one and the same value everywhere, so chance can't be told from agreement.",
        "Все везде поставили одно и то же значение, поэтому согласие нельзя отличить от случайности.",
    ),
}
