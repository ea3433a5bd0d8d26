"""Sentences about predictions."""

SENTENCES: dict[str, tuple[str, str]] = {
    "no-sound": ("There is no recording, only words.", "Записи нет, есть только слова."),
    "no-words": (
        "There are no words, only the voice. Type what was said, or choose a recogniser.",
        "Слов нет, есть только голос. Введите сказанное или выберите распознавание речи.",
    ),
    "no-audio-model": ("This checkpoint does not judge the voice.", "Эта модель не оценивает голос."),
    "no-text-model": ("This checkpoint does not judge words.", "Эта модель не оценивает слова."),
    "no-fusion-model": (
        "This checkpoint judges voice and words only by themselves.",
        "Эта модель оценивает голос и слова только по отдельности.",
    ),
    "not-judged": (
        "The recording has no voice that could be judged.",
        "В записи нет голоса, который можно оценить.",
    ),
    "text-cut": (
        "The text has {words} words, and the first {limit} are read. Split it to have the rest read.",
        "В тексте слов: {words}; прочитаны первые {limit}. Чтобы учесть остальные, разделите текст.",
    ),
    "audio-long": (
        "The clip lasts {seconds:.0f} s and is judged as a whole, though the mood may change; clips of a few seconds "
        "are judged best. Cut out one phrase.",
        "Запись длится {seconds:.0f} с и оценивается целиком, хотя настроение могло меняться; лучше всего оцениваются "
        "записи в несколько секунд. Вырежьте одну фразу.",
    ),
    "language-unsupported": (
        "The words seem to be in a language ({language}) that this model was not trained on; what the words say is "
        "unreliable. English and Russian are supported.",
        "Похоже, слова на языке ({language}), на котором модель не обучалась; оценка по словам ненадёжна. "
        "Поддерживаются английский и русский.",
    ),
}
