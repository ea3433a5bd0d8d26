"""What the commands print."""

SENTENCES: dict[str, tuple[str, str]] = {
    "threads-number": (
        "--threads and BIBIER_THREADS are whole numbers from 1 to {most}, not “{value}”.",
        "--threads и BIBIER_THREADS — целые числа от 1 до {most}, а не «{value}».",
    ),
    "profile-unknown": (
        "--profile and BIBIER_PROFILE are one of {known}, not “{value}”.",
        "--profile и BIBIER_PROFILE — одно из {known}, а не «{value}».",
    ),
    # app
    "app-importing": (
        "Reading {source}; the page opens when that is done.",
        "Читаем {source}; страница откроется, когда всё будет прочитано.",
    ),
    # predict
    "predict-voice": ("voice", "голос"),
    "predict-words": ("words", "слова"),
    "predict-both": ("both", "вместе"),
    "predict-whole": ("the whole recording", "вся запись"),
    "predict-unlike": ("the model can't tell", "модель не берётся судить"),
    "predict-mattered": (
        "words that mattered (points lost without them): {words}",
        "важные слова (потеря в пунктах без них): {words}",
    ),
    "predict-conflict": ("voice against words: {bits:.2f} bit", "голос против слов: {bits:.2f} бит"),
    "stage-load": ("loading the models…", "загружаются модели…"),
    "stage-encode_audio": ("listening…", "анализируется голос…"),
    "stage-transcribe": ("recognising the words…", "распознаётся речь…"),
    "stage-classify": ("reading the words…", "анализируются слова…"),
    # batch
    "batch-progress": (
        "{done} of {total}, could not be used: {failed}",
        "{done} из {total}, непригодных: {failed}",
    ),
    # mic
    "mic-span": ("{start:.1f}–{end:.1f} s", "{start:.1f}–{end:.1f} с"),
    "mic-level": ("{decibels:4.0f} dB", "{decibels:4.0f} дБ"),
    # password
    "password-ask": ("Password: ", "Пароль: "),
    "password-again": ("Again: ", "Ещё раз: "),
    # soft-labels
    "output-full": (
        "The output could not be written to its end: there is no room for it. Make room, and run the command again.",
        "Вывод не удалось записать до конца: для него нет места. Освободите место и запустите команду снова.",
    ),
    "soft-labels-rows": ("{file}: {count} rows", "{file}: строк {count}"),
    "soft-labels-left-out": ("left out, no distribution: {name}", "пропущено, нет распределения: {name}"),
    "soft-labels-invalid": ("{file}: invalid rows {kinds}", "{file}: непригодных строк {kinds}"),
    # annotations
    "annotations-imported": ("{new} new, {known} known", "новых {new}, уже было {known}"),
    "annotations-proposed": ("{done} of {total}", "{done} из {total}"),
    "annotations-sent": ("{name}: sent", "{name}: отправлено"),
    "annotations-not-sent": ("{name}: not sent", "{name}: не отправлено"),
    # deploy
    "deploy-variable": ("variable {name}", "переменная {name}"),
    "deploy-secret": ("secret {name}", "секрет {name}"),
    "deploy-hardware-set": ("hardware {name}", "оборудование {name}"),
}
