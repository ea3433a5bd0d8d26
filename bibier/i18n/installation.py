"""Sentences about what is not installed."""

SENTENCES: dict[str, tuple[str, str]] = {
    "extra-missing": (
        'The package {package} is not installed. It comes with: pip install "bibier[{extra}]"',
        'Пакет {package} не установлен. Он входит в набор: pip install "bibier[{extra}]"',
    ),
}
