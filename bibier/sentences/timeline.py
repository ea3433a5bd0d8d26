"""Sentences about long recordings."""

SENTENCES: dict[str, tuple[str, str]] = {
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
        "Words without their times can't be divided among the stretches of a long recording. Leave them out to have "
        "them recognised, or give each word its time.",
        "Слова без времени нельзя распределить по отрезкам длинной записи. Уберите их, чтобы речь распозналась сама, "
        "или укажите время каждого слова.",
    ),
    "timeline-failed": (
        "The model failed on this stretch ({reason}); the others are not affected. Try the stretch again by itself.",
        "На этом отрезке модель дала сбой ({reason}); остальные не затронуты. Попробуйте отрезок отдельно.",
    ),
    "timeline-stopped": (
        "Stopped after {done} of {planned} stretches; what is shown covers these alone.",
        "Остановлено: готово отрезков — {done} из {planned}; показано только по ним.",
    ),
}
