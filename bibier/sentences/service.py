"""Sentences of the service: queue, cancelling, a model that fails, deleting, the log."""

SENTENCES: dict[str, tuple[str, str]] = {
    "turn-full": (
        "The app is busy: {waiting} analyses are waiting already. Try again in about {seconds} s.",
        "Приложение занято: своей очереди уже ждут анализы ({waiting}). Попробуйте примерно через {seconds} с.",
    ),
    "model-memory": (
        "There was not enough memory for this recording. Cut it into shorter ones, or close other programs; "
        "the app goes on working.",
        "Для этой записи не хватило памяти. Разделите её на более короткие или закройте другие программы; "
        "приложение продолжает работать.",
    ),
    "model-failed": (
        "The model failed on this recording, and the analysis stopped. Try again or take another recording; "
        "the app goes on working.",
        "На этой записи в модели произошла ошибка, анализ остановлен. Попробуйте ещё раз или возьмите другую запись; "
        "приложение продолжает работать.",
    ),
    "log-level": (
        "There is no level {level} of the log. Known: {known}.",
        "Уровня журнала {level} нет. Есть: {known}.",
    ),
    "answers-broken": (
        "The file of answers {file} is damaged. It was set aside as {broken}, and a new one was begun.",
        "Файл ответов {file} повреждён. Он отложен как {broken}, начат новый.",
    ),
    "disk-full": (
        "The disk of the server is full, and the recording was not kept. Make room there and send it again.",
        "Диск сервера заполнен, запись не сохранена. Освободите на нём место и отправьте её снова.",
    ),
}
