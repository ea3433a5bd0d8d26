"""Sentences about a language model's advice in the editor."""

SENTENCES: dict[str, tuple[str, str]] = {
    "advice-none": (
        "No language model is set. Start the app with --language-model NAME, or endpoint and $BIBIER_LLM_URL.",
        "Языковая модель не задана. Запустите приложение с --language-model ИМЯ или endpoint и $BIBIER_LLM_URL.",
    ),
    "advice-no-text": (
        "This clip has no transcript, so there is nothing to ask a language model about.",
        "У этого фрагмента нет текста, языковую модель спросить не о чем.",
    ),
    "advice-invalid": (
        "{model} gave no distribution ({kind}): “{answer}”. Nothing was kept; label the clip by ear.",
        "{model} не дала распределения ({kind}): «{answer}». Ничего не сохранено; разметьте на слух.",
    ),
    "annotate-settings": (
        "Settings and other people's labels are for whoever runs the app: python -m bibier annotations set PROJECT.",
        "Настройки и чужая разметка — у того, кто запустил приложение: python -m bibier annotations set ПРОЕКТ.",
    ),
}
