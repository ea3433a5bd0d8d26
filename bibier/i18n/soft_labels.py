"""Sentences about soft labels from a language model."""

SENTENCES: dict[str, tuple[str, str]] = {
    "table-unreadable": (
        "{file} can't be read as a table. {reason}",
        "{file} не читается как таблица. {reason}",
    ),
    "table-ragged": (
        "{file}, row {row}: it has more or fewer cells than the header. Correct the row.",
        "{file}, строка {row}: ячеек больше или меньше, чем в заголовке. Исправьте строку.",
    ),
    "table-empty": ("{file} has no rows. Choose another table.", "В {file} нет строк. Выберите другую таблицу."),
    "table-column": (
        "{file} has no column “{column}”. Add it, or choose another table.",
        "В {file} нет столбца «{column}». Добавьте его или выберите другую таблицу.",
    ),
    "table-double": (
        "{file}, row {row}: “{name}” is already in row {first}. Give each row its own name.",
        "{file}, строка {row}: «{name}» уже есть в строке {first}. Дайте каждой строке своё имя.",
    ),
    "table-exists": (
        "{file} already exists and is left as it is. Give another name.",
        "{file} уже существует и оставлен без изменений. Укажите другое имя.",
    ),
    "table-not-written": (
        "{file} could not be written ({reason}). Make room, or choose another folder.",
        "Не удалось записать {file} ({reason}). Освободите место или выберите другую папку.",
    ),
    "table-folder": ("no such folder, or no right to write there", "нет такой папки или права записи в неё"),
    # lines of `soft-labels audit`; emotions and faults keep the names that they have in tables
    "audit-rows": ("rows {count}", "строк {count}"),
    "audit-invalid": ("invalid rows {count}", "негодных строк {count}"),
    "audit-corner": ("truth \\ largest", "истина \\ максимум"),
    "audit-wrong": ("wrong {count} of {total}", "неверных {count} из {total}"),
    "audit-entropy": ("mean entropy {value:.4f} nats", "средняя энтропия {value:.4f} нат"),
    "audit-maximum": ("mean maximum {value:.4f}", "средний максимум {value:.4f}"),
    "audit-truth": ("mean of the truth {value:.4f}", "средняя вероятность истины {value:.4f}"),
    "llm-not-set": (
        "No language model is set. Give the address in BIBIER_LLM_URL (http or https, without a name or password in "
        "it), the model in BIBIER_LLM_MODEL and the key in BIBIER_LLM_KEY, or choose a local model.",
        "Языковая модель не задана. Укажите адрес в BIBIER_LLM_URL (http или https, без имени и пароля), модель в "
        "BIBIER_LLM_MODEL и ключ в BIBIER_LLM_KEY либо выберите локальную модель.",
    ),
    "llm-key": (
        "BIBIER_LLM_KEY holds characters that no key has. Copy the key again.",
        "В BIBIER_LLM_KEY есть символы, которых в ключе быть не может. Скопируйте ключ заново.",
    ),
    "llm-refused": (
        "{host} refused the question (HTTP {status}): {reason}. Check the address, the model and the key.",
        "{host} отклонил запрос (HTTP {status}): {reason}. Проверьте адрес, модель и ключ.",
    ),
    "llm-later": (
        "{host} asks not to be asked again for {minutes} min (HTTP {status}). What was answered is kept: run again "
        "later to go on.",
        "{host} просит не обращаться к нему ещё {minutes} мин (HTTP {status}). Полученные ответы сохранены: повторите "
        "запуск позже, чтобы продолжить.",
    ),
    "llm-unreachable": (
        "{host} gave no usable answer in {tries} tries ({reason}). What was answered is kept: run again to go on.",
        "{host} не дал пригодного ответа за {tries} попыток ({reason}). Полученные ответы сохранены: повторите запуск "
        "позже, чтобы продолжить.",
    ),
    "llm-not-finite": (
        "{model} gives values that are not numbers with {dtype}. Use --dtype float32.",
        "{model} с {dtype} выдаёт значения, не являющиеся числами. Задайте --dtype float32.",
    ),
    "llm-cache": (
        "The kept answers in {file} can't be used ({reason}). Make room or close other programs; if the file is "
        "damaged, delete it.",
        "Сохранённые ответы в {file} недоступны ({reason}). Освободите место или закройте другие программы; если файл "
        "повреждён, удалите его.",
    ),
    "llm-weights-missing": (
        "The weights of {repo} (revision {revision}, about {megabytes} MB) are not on this machine, and nothing is "
        "downloaded unless you ask. Allow it with --download, give a folder as --model, or use --endpoint.",
        "Весов {repo} (версия {revision}, около {megabytes} МБ) на этом компьютере нет, а без спроса ничего не "
        "загружается. Разрешите загрузку (--download), укажите папку в --model или используйте --endpoint.",
    ),
    "llm-way": (
        "There is no way “{way}” to get a distribution. Choose one of: {ways}.",
        "Способа «{way}» нет. Выберите один из следующих: {ways}.",
    ),
    "llm-temperature": (
        "A temperature of {value} can't be used: give a number from 0.01 to 100.",
        "Температура {value} не подходит: укажите число от 0.01 до 100.",
    ),
    "llm-label": (
        "“{label}” is none of the seven emotions: {labels}. Correct the label, or ask without the truth.",
        "«{label}» — не одна из семи эмоций: {labels}. Исправьте метку или спросите без истинной метки.",
    ),
    "llm-no-label": (
        "Row {row} has no label to tell the model. Give one in ground_truth, or ask without --oracle.",
        "В строке {row} нет метки, которую нужно сообщить модели. Укажите её в ground_truth или уберите --oracle.",
    ),
    # sentences about a language model's advice in the editor
    "advice-none": (
        "No language model is set. Ask the person who started the app to choose one.",
        "Языковая модель не задана. Попросите того, кто запустил приложение, выбрать её.",
    ),
    "advice-no-text": (
        "This clip has no transcript, so there is nothing to ask a language model about.",
        "У этого фрагмента нет текста, языковую модель спросить не о чем.",
    ),
    "advice-invalid": (
        "{model} gave no distribution ({kind}): “{answer}”. Nothing was kept; label the clip by ear.",
        "{model} не дала распределения ({kind}): «{answer}». Ничего не сохранено; размечайте на слух.",
    ),
    "annotate-settings": (
        "Only the person who started the app can change settings or see other people's labels. Ask them.",
        "Менять настройки и видеть чужие метки может только тот, кто запустил приложение. Обратитесь к нему.",
    ),
}
