"""The sentences of the Models tab, in English and in Russian: key → (en, ru). Part of `page.STRINGS`."""

MODELS: dict[str, tuple[str, str]] = {
    "tab_models": ("Models", "Модели"),
    "models_made": ("Judged by {name}", "Оценено моделью {name}"),
    "models_loading": ("Loading {name}…", "Загружаем {name}…"),
    "models_used": (
        "{name} is now in use. The result in Analyse came from another model: press “Analyse” there to update it.",
        "Теперь используется {name}. Результат на вкладке «Анализ» получен другой моделью: нажмите там "
        "«Анализировать», чтобы обновить его.",
    ),
    "models_same": (
        "{name} is now in use.",
        "Теперь используется {name}.",
    ),
    "models_yours": (
        "Your choice applies to this browser tab only.",
        "Выбор действует только в этой вкладке браузера.",
    ),
    "models_annotate": (
        "Suggestions in Annotate, and answers to programs, still come from {name}, the default model.",
        "Подсказки на вкладке «Разметка» и ответы программам по-прежнему даёт {name} — модель по умолчанию.",
    ),
    "models_list": (
        "Models",
        "Модели",
    ),
    "models_in_use": ("In use", "Используется"),
    "models_use": ("Use this one", "Использовать"),
    "models_use_name": ("Use {name}", "Использовать {name}"),
    "models_start": (
        "Default model",
        "Модель по умолчанию",
    ),
    "models_size": ("Size", "Размер"),
    "models_size_of": ("{size}, {count} parameters", "{size}, параметров: {count}"),
    "models_licence": ("Licence", "Лицензия"),
    "models_languages": ("Languages", "Языки"),
    "models_figures": (
        "Measured results",
        "Измеренные результаты",
    ),
    "models_split": (
        "Test set",
        "На чём проверено",
    ),
    # what our own checkpoints say in English
    "split_voice": ("voice", "голос"),
    "split_words": ("words", "слова"),
    "split_both": ("both", "вместе"),
    "split_speakers": (
        "{branch}, unseen speakers of {corpus} ({part} of {whole} folds)",
        "{branch}, новые дикторы {corpus} ({part} из {whole} частей)",
    ),
    "split_left_out": ("{branch}, {corpus} left out", "{branch}, {corpus} вне обучения"),
    "split_test": ("{branch}, {corpus} test", "{branch}, тест {corpus}"),
    "licence_research": ("research, non-commercial", "для исследований, некоммерческая"),
    "models_chance": (
        "Chance",
        "Случайно",
    ),
    "models_n": (
        "Recordings",
        "Записей",
    ),
    "models_opening": (
        "Loading the list of models…",
        "Загружаем список моделей…",
    ),
    "models_no_figures": (
        "None published.",
        "Не опубликованы.",
    ),
    "models_parts": (
        "Components",
        "Состав",
    ),
    "models_part": (
        "Component",
        "Компонент",
    ),
    "models_kind": (
        "Type",
        "Тип",
    ),
    "models_parameters": ("Parameters", "Параметры"),
    "models_part_audio_features": (
        "Voice features",
        "Признаки голоса",
    ),
    "models_part_audio_encoder": (
        "Voice encoder",
        "Кодировщик голоса",
    ),
    "models_part_text_features": (
        "Word features",
        "Признаки слов",
    ),
    "models_part_text_encoder": (
        "Word encoder",
        "Кодировщик слов",
    ),
    "models_part_fusion": (
        "Fusion of voice and words",
        "Объединение голоса и слов",
    ),
    "models_part_ood_score": ("Unfamiliar-input detector", "Детектор непохожих данных"),
    "models_card": ("Model card", "Карточка модели"),
    "models_card_whose": (
        "Written by the model’s author. Shown as plain text, without images or links.",
        "Написана автором модели. Показана простым текстом, без картинок и ссылок.",
    ),
    "models_card_none": (
        "No model card.",
        "Карточки модели нет.",
    ),
    "models_picture": (
        "[image: {text}]",
        "[картинка: {text}]",
    ),
    # from the Hub
    "models_hub": (
        "Add from Hugging Face Hub",
        "Добавить с Hugging Face Hub",
    ),
    "models_hub_how": (
        "Nothing is downloaded until you have seen the size and confirmed. After that the model works offline.",
        "Ничего не скачается, пока вы не увидите размер и не подтвердите. Дальше модель работает без сети.",
    ),
    "models_hub_name": ("Name: user/name or user/name@revision", "Имя: user/name или user/name@revision"),
    "models_ask": (
        "Check the size",
        "Узнать размер",
    ),
    "models_asking": (
        "Checking {name}…",
        "Проверяем {name}…",
    ),
    "models_offer": (
        "{name}: {size}, saved to {place}.",
        "{name}: {size}, сохранится в {place}.",
    ),
    "models_here": (
        "{name} is already on this computer.",
        "{name} уже есть на этом компьютере.",
    ),
    "models_fetch": (
        "Download ({size})",
        "Скачать ({size})",
    ),
    "models_fetching": (
        "Downloading {name}: {received} of {size}…",
        "Скачиваем {name}: {received} из {size}…",
    ),
    "models_fetched": (
        "{name} has been downloaded and added to the list.",
        "{name} скачана и добавлена в список.",
    ),
    "models_ask_again": (
        "Check the size again.",
        "Узнайте размер ещё раз.",
    ),
    # comparing
    "models_compare": (
        "Compare two models",
        "Сравнить две модели",
    ),
    "models_compare_how": (
        "They are compared on the recording that is open in Analyse.",
        "Сравниваются на записи, открытой на вкладке «Анализ».",
    ),
    "models_compare_go": ("Compare", "Сравнить"),
    "models_first": ("First", "Первая"),
    "models_second": ("Second", "Вторая"),
    "models_no_clip": (
        "Analyse a recording first, then compare here.",
        "Сначала проанализируйте запись, потом вернитесь сюда.",
    ),
    "models_one": (
        "There is only one model here. Add another from the Hub to compare.",
        "Здесь только одна модель. Добавьте ещё одну с Hub, чтобы сравнить.",
    ),
    "models_two": (
        "Choose two different models.",
        "Выберите две разные модели.",
    ),
    "models_reading": ("{name} is judging…", "{name} оценивает…"),
    "models_compared": (
        "What was said: {text}",
        "Что сказано: {text}",
    ),
    "models_compared_none": ("No words were recognised.", "Слова не распознаны."),
    "models_distance": (
        "Difference, bits",
        "Разница, бит",
    ),
    "models_distance_hint": (
        "Jensen–Shannon divergence: 0 if both say the same, 1 if they share nothing.",
        "Дивергенция Йенсена — Шеннона: 0 — говорят одно и то же, 1 — ничего общего.",
    ),
    "models_modality": ("Based on", "Источник"),
    "models_numbers": ("The same in tables", "То же в таблицах"),
    "models_pair": ("What the two models say, on one axis", "Что говорят две модели, на одной оси"),
    "unit_b": ("{value}\u00a0B", "{value}\u00a0Б"),
    "unit_kb": ("{value}\u00a0kB", "{value}\u00a0КБ"),
    "unit_mb": ("{value}\u00a0MB", "{value}\u00a0МБ"),
    "unit_gb": ("{value}\u00a0GB", "{value}\u00a0ГБ"),
}
