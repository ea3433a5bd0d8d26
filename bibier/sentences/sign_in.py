"""Sentences about signing in with the Hub."""

SENTENCES: dict[str, tuple[str, str]] = {
    "sign-in-lacking": (
        "Nobody can sign in here: the Space has no OAuth variables. Put `hf_oauth: true` into its README, or deploy it "
        "again. Until then annotators give their name themselves.",
        "Войти здесь нельзя: у Space нет переменных OAuth. Добавьте `hf_oauth: true` в README или разверните заново. "
        "Пока разметчики сами называют своё имя.",
    ),
}
