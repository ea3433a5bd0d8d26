"""Sentences about the microphone of this computer."""

SENTENCES: dict[str, tuple[str, str]] = {
    "mic-no-portaudio": (
        "The PortAudio library is missing ({reason}). Install it: apt install libportaudio2, brew install portaudio.",
        "Нет библиотеки PortAudio ({reason}). Установите её: apt install libportaudio2 или brew install portaudio.",
    ),
    "mic-none": (
        "No microphone was found ({reason}). Connect one, and look with --list.",
        "Микрофон не найден ({reason}). Подключите его и проверьте через --list.",
    ),
    "mic-unknown": (
        "There is no microphone {device!r}. Choose by number or by a part of the name: {known}.",
        "Микрофона {device!r} нет. Выберите по номеру или части названия: {known}.",
    ),
    "mic-busy": (
        "The microphone {device} can't be opened ({reason}). Close the program that uses it, or choose another.",
        "Микрофон {device} не открывается ({reason}). Закройте программу, которая его занимает, или выберите другой.",
    ),
    "mic-gone": (
        "The microphone fell silent: it was unplugged or taken away. What was said before was kept; connect it and "
        "start again.",
        "Микрофон замолчал: его отключили или заняли. Сказанное до этого сохранено; подключите его и начните снова.",
    ),
    "mic-save": (
        "An utterance could not be written to {folder} ({reason}). Free some space or choose another folder.",
        "Не удалось записать реплику в {folder} ({reason}). Освободите место или выберите другую папку.",
    ),
    "mic-dropped": (
        "{count} blocks of sound were lost: this computer was too busy. Close other programs.",
        "Потеряно блоков звука: {count}: компьютер был слишком занят. Закройте другие программы.",
    ),
}
