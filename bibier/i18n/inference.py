"""Sentences about predictions."""

SENTENCES: dict[str, tuple[str, str]] = {
    "no-sound": ("There is no recording, only words.", "Записи нет, есть только слова."),
    "no-words": (
        "There are no words to read. Type what was said, or choose a recogniser.",
        "Слов, которые можно прочитать, нет. Введите сказанное или выберите распознавание речи.",
    ),
    "no-audio-model": ("This checkpoint does not judge the voice.", "Этот чекпойнт не оценивает голос."),
    "no-text-model": ("This checkpoint does not judge words.", "Этот чекпойнт не оценивает слова."),
    "no-fusion-model": (
        "This checkpoint judges voice and words only separately.",
        "Этот чекпойнт оценивает голос и слова только по отдельности.",
    ),
    "not-judged": (
        "The recording has no voice that could be judged.",
        "В записи нет голоса, который можно оценить.",
    ),
    "voice-unlike": (
        "The sound is unlike any speech the model was trained on, so don't rely on what the voice says. A single "
        "speaking voice is judged best.",
        "Звук не похож на речь, на которой модель училась, поэтому на оценку голоса полагаться нельзя. Лучше всего "
        "модель оценивает речь одного человека.",
    ),
    "words-unlike": (
        "The words are unlike any text the model was trained on, so don't rely on what they say. It reads English "
        "and Russian sentences.",
        "Слова не похожи на тексты, на которых модель училась, поэтому на оценку слов полагаться нельзя. Модель "
        "читает фразы на английском и русском.",
    ),
    "words-negated": (
        "The words deny something (“{words}”), and the model overlooks that: without the negation, its answer is the "
        "same. Don't rely on what the words say.",
        "В словах есть отрицание («{words}»), но модель его не замечает: без отрицания её ответ тот же. Полагаться на "
        "оценку слов нельзя.",
    ),
    "one-negated": (
        "The words deny something, and the model overlooks that: look at the voice on its own.",
        "В словах есть отрицание, которого модель не замечает: смотрите на оценку голоса отдельно.",
    ),
    "unlike-negated": (
        "The voice is unlike any the model was trained on, and it overlooks what the words deny.",
        "Голос не похож на те, на которых модель училась, а отрицания в словах она не замечает.",
    ),
    "both-unlike": (
        "Neither the voice nor the words are like anything the model was trained on.",
        "Ни голос, ни слова не похожи на то, на чём модель училась.",
    ),
    "one-unlike": (
        "Either the voice or the words are unlike anything the model was trained on: look at the other one on its own.",
        "Голос или слова не похожи на то, на чём модель училась: смотрите на другую оценку отдельно.",
    ),
    "stretches-unlike": (
        "{count} of {judged} segments are unlike any speech the model was trained on; the overall result leaves them "
        "out.",
        "Отрезков, не похожих на речь, на которой модель училась: {count} из {judged}; в общий итог они не входят.",
    ),
    "words-left-out": (
        "The recogniser also wrote “{text}”. That looks made up and was left out. If it was said, type it in.",
        "Распознаватель написал ещё «{text}». Похоже, это выдумка, и она не учтена. Если это сказано, впишите.",
    ),
    "text-cut": (
        "The text has {words} words, and only the first {limit} are read. Split it to have the rest read.",
        "В тексте слов: {words}; прочитаны только первые {limit}. Чтобы учесть остальные, разделите текст.",
    ),
    "audio-long": (
        "The clip lasts {seconds:.0f} s and is judged as a whole, though the mood may change; clips of a few seconds "
        "are judged best. Cut out one phrase.",
        "Запись длится {seconds:.0f} с и оценивается целиком, хотя настроение могло меняться; лучше всего оцениваются "
        "записи в несколько секунд. Вырежьте одну фразу.",
    ),
    "language-unsupported": (
        "The words seem to be in a language ({language}) the model was not trained on, so what they say is "
        "unreliable. English and Russian are supported.",
        "Похоже, слова на языке ({language}), на котором модель не обучалась, и оценка по словам ненадёжна. "
        "Поддерживаются английский и русский.",
    ),
    # sentences about many recordings at once
    "batch-done": (
        "{file}: {count} recordings, {failed} of them could not be used.",
        "{file}: записей {count}, из них непригодных {failed}.",
    ),
    "batch-other": (
        "{file} belongs to a run with other settings. Finish that run, or delete the file to start over.",
        "{file} относится к запуску с другими настройками. Завершите тот запуск или удалите файл, чтобы начать заново.",
    ),
    "batch-one-file": (
        "{file} can't hold both the table and the embeddings. Give them two names.",
        "{file} не может быть и таблицей, и файлом эмбеддингов. Задайте два имени.",
    ),
    "batch-format": (
        "{file}: the table's format is told by its ending, one of {formats}.",
        "{file}: формат таблицы определяется окончанием, одним из {formats}.",
    ),
    "batch-number": (
        "--batch and --workers are whole numbers from 1.",
        "--batch и --workers — целые числа от 1.",
    ),
    "batch-no-parquet": (
        "Parquet needs the package pyarrow: pip install pyarrow, or choose .csv or .jsonl. Nothing is lost: the same "
        "command goes on from what is done.",
        "Для Parquet нужен пакет pyarrow: pip install pyarrow; или выберите .csv либо .jsonl. Ничего не потеряно: "
        "та же команда продолжит с готового.",
    ),
    "batch-no-ray": (
        'The engine ray needs the package: pip install "bibier[ray]"',
        'Для движка ray нужен пакет: pip install "bibier[ray]"',
    ),
    # sentences about long recordings
    "recording-disk": (
        "The recording can't be unpacked in {folder} ({reason}). Free some space there, or name another folder in "
        "$TMPDIR.",
        "Запись не удаётся распаковать в {folder} ({reason}). Освободите там место или укажите другую папку в $TMPDIR.",
    ),
    "timeline-no-speech": (
        "No speech is found in the {minutes:.1f} minutes of the recording, only silence, noise or music. Check the "
        "file and the microphone; if somebody does speak, cut out that part and analyse it alone.",
        "В записи ({minutes:.1f} мин) речь не найдена: только тишина, шум или музыка. Проверьте файл и микрофон; "
        "если кто-то всё же говорит, вырежьте этот отрывок и проанализируйте его отдельно.",
    ),
    "timeline-no-times": (
        "Words without their times can't be divided among the segments of a long recording. Leave them out to have "
        "them recognised, or give each word its time.",
        "Слова без времени нельзя распределить по отрезкам длинной записи. Уберите их, чтобы речь распозналась сама, "
        "или укажите время каждого слова.",
    ),
    "timeline-failed": (
        "The model failed on this segment ({reason}); the others are not affected. Try the segment again by itself.",
        "На этом отрезке модель дала сбой ({reason}); остальные не затронуты. Попробуйте отрезок отдельно.",
    ),
    "timeline-judged": (
        "{seconds:.1f} s of {whole:.1f} s are speech and were judged; the rest is pauses, music or noise.",
        "Оценена только речь: {seconds:.1f} с из {whole:.1f} с; остальное — паузы, музыка или шум.",
    ),
    "timeline-stopped": (
        "Stopped after {done} of {planned} segments; the result covers only these.",
        "Остановлено, готово отрезков: {done} из {planned}; результат — только по ним.",
    ),
    # sentences of the service: queue, cancelling, a model that fails, deleting, the log
    "turn-share": (
        "{waiting} of your analyses are waiting already. Wait for one of them, or cancel it.",
        "Ваших анализов в очереди уже {waiting}. Дождитесь одного из них или отмените его.",
    ),
    "turn-share-together": (
        "{waiting} analyses from your network or under your name are waiting already. Try again when one is done.",
        "Из вашей сети или под вашим именем в очереди уже есть анализы ({waiting}). Попробуйте немного позже.",
    ),
    "turn-full": (
        "The app is busy: {waiting} analyses are waiting already. Try again in about {seconds} s.",
        "Приложение занято, анализов в очереди: {waiting}. Попробуйте примерно через {seconds} с.",
    ),
    "model-not-finite": (
        "This model gives no usable numbers here: it is damaged or was never tested. Choose another one under Models.",
        "Модель выдаёт здесь не числа: она повреждена или её никто не проверял. Выберите другую на вкладке «Модели».",
    ),
    "model-memory": (
        "There was not enough memory for this recording. Cut it into shorter ones, or close other programs; the app "
        "keeps working.",
        "Для этой записи не хватило памяти. Разделите её на более короткие или закройте другие программы; приложение "
        "продолжает работать.",
    ),
    "model-failed": (
        "The model failed on this recording, and the analysis stopped. Try again or choose another recording; the "
        "app keeps working.",
        "Модель дала сбой на этой записи, анализ остановлен. Попробуйте ещё раз или выберите другую запись; "
        "приложение продолжает работать.",
    ),
    "log-level": (
        "There is no level {level} of the log. Known: {known}.",
        "Уровня журнала {level} нет. Есть: {known}.",
    ),
    "answers-broken": (
        "The file of answers {file} is damaged. It was set aside as {broken}, and a new one was started.",
        "Файл ответов {file} повреждён. Он отложен как {broken}, начат новый.",
    ),
    "disk-full": (
        "The disk of the server is full, so this was not kept. Make room there and try again.",
        "Диск сервера заполнен, поэтому сохранить не удалось. Освободите место и попробуйте снова.",
    ),
}
