"""Sentences about recordings that can't be read, and what is wrong with one."""

SENTENCES: dict[str, tuple[str, str]] = {
    "audio-missing": (
        "{prefix}There is no such file. Check the path, or record or upload the clip again.",
        "{prefix}Такого файла нет. Проверьте путь либо сделайте или загрузите запись ещё раз.",
    ),
    "audio-directory": (
        "{prefix}This is a folder, not a recording. Choose an audio file.",
        "{prefix}Это папка, а не запись. Выберите звуковой файл.",
    ),
    "audio-closed": (
        "{prefix}The file can't be opened ({reason}). Check its access rights or choose another file.",
        "{prefix}Файл не открывается ({reason}). Проверьте права доступа или выберите другой файл.",
    ),
    "audio-empty-file": (
        "{prefix}The file is empty (0 bytes). Record or upload the clip again.",
        "{prefix}Файл пуст (0 байт). Сделайте или загрузите запись ещё раз.",
    ),
    "audio-not-audio": (
        "{prefix}No sound can be read from this file: it isn't audio, or it is damaged. Use one of {formats}.",
        "{prefix}Из этого файла не удаётся прочитать звук: это не аудио, или файл повреждён. "
        "Подойдёт любой из форматов: {formats}.",
    ),
    "audio-no-sound": (
        "{prefix}The file has no sound track. Choose a recording with a voice.",
        "{prefix}В файле нет звуковой дорожки. Выберите запись с голосом.",
    ),
    "audio-no-samples": (
        "{prefix}The recording is empty: it lasts 0 seconds. Record or upload the clip again.",
        "{prefix}Запись пуста: её длительность — 0 секунд. Сделайте или загрузите её ещё раз.",
    ),
    "audio-damaged": (
        "{prefix}The file is cut off: only {seconds:.2f} s can be read, and at least {least} s are needed. "
        "Export or upload it again.",
        "{prefix}Файл обрывается: прочитать удалось только {seconds:.2f} с, а нужно не меньше {least} с. "
        "Сохраните или загрузите его заново.",
    ),
    "audio-not-finite": (
        "{prefix}Some sample values are not numbers (NaN or infinity), the first at {second:.2f} s. "
        "Export the recording again, for example as 16-bit wav.",
        "{prefix}Некоторые отсчёты не являются числами (NaN или бесконечность), первый — на {second:.2f} с. "
        "Сохраните запись заново, например в формате wav, 16 бит.",
    ),
    "audio-too-long": (
        "{prefix}The recording is longer than {limit} minutes, the most that can be analysed at once. "
        "Cut out the part you need.",
        "{prefix}Запись длиннее {limit} минут — это предел для одного анализа. Вырежьте нужный отрывок.",
    ),
    "audio-rate": (
        "{prefix}A sample rate of {rate} Hz can't be used; it has to be between {low} and {high} Hz. "
        "Export the recording again, for example at 16000 Hz.",
        "{prefix}Частота дискретизации {rate} Гц не подходит: нужна от {low} до {high} Гц. "
        "Сохраните запись заново, например с частотой 16000 Гц.",
    ),
    "audio-channels": (
        "{prefix}The recording has {channels} channels, and at most {limit} can be read. Export it as mono or stereo.",
        "{prefix}Каналов в записи: {channels}, а прочитать можно не больше {limit}. Сохраните её как моно или стерео.",
    ),
    "audio-array": (
        "Samples of type {dtype} and shape {shape} can't be read as sound. Give floats in [-1, 1] or integers of 8, "
        "16 or 32 bits, of shape (n,), (n, channels) or (channels, n).",
        "Отсчёты типа {dtype} и формы {shape} нельзя прочитать как звук. Нужны числа с плавающей точкой в [-1, 1] "
        "или целые на 8, 16 или 32 бита формы (n,), (n, каналы) или (каналы, n).",
    ),
    "audio-silent": (
        "The recording is silent (level {level:.0f} dB). Check that the microphone is on and not muted.",
        "В записи тишина (уровень {level:.0f} дБ). Проверьте, включён ли микрофон.",
    ),
    "audio-short": (
        "The recording lasts only {seconds:.2f} s; at least {least} s are needed to judge it. Record a longer phrase.",
        "Запись длится всего {seconds:.2f} с, а для оценки нужно не меньше {least} с. Запишите фразу подлиннее.",
    ),
    "audio-no-speech": (
        "No speech is heard, only noise, music or other sounds. Record again, closer to the microphone.",
        "Речи не слышно: только шум, музыка или другие звуки. Запишите ещё раз, ближе к микрофону.",
    ),
    "audio-clipped": (
        "The recording is overloaded ({share:.1f}% of it is clipped), and the voice may sound angrier than it is. "
        "Lower the microphone level.",
        "Запись перегружена (срезано {share:.1f}\u00a0% отсчётов), и голос может показаться злее, чем он есть. "
        "Уменьшите уровень микрофона.",
    ),
    "audio-quiet": (
        "The recording is very quiet (level {level:.0f} dB); the result is less certain. "
        "Speak closer to the microphone.",
        "Запись очень тихая (уровень {level:.0f} дБ), поэтому результат менее надёжен. Говорите ближе к микрофону.",
    ),
    "audio-telephone": (
        "The sound ends at about 4 kHz, as over a telephone, so the model hears less in it. A recording from a "
        "computer's microphone or a voice recorder is judged better.",
        "Звук обрывается примерно на 4 кГц, как в телефонном разговоре, и модель слышит в нём меньше. Запись с "
        "микрофона компьютера или диктофона оценивается лучше.",
    ),
    "audio-cut": (
        "The file is cut off; the {seconds:.1f} s{of} that could be read are used.",
        "Файл обрывается; использованы первые {seconds:.1f} с{of}, которые удалось прочитать.",
    ),
    "audio-cut-of": (" of {whole:.1f} s", " из {whole:.1f} с"),
    "audio-lost": (
        "{seconds:.2f} s of the recording are damaged and were left out; everything else is used.",
        "Часть записи ({seconds:.2f} с) повреждена и пропущена; использовано всё остальное.",
    ),
    "audio-unread": (
        "{share:.0f}% of the file can't be read as sound and was left out. If something is missing, export it again.",
        "{share:.0f}\u00a0% файла не читается как звук и пропущено. Если чего-то не хватает, сохраните запись заново.",
    ),
    "audio-no-index": (
        "{prefix}The file is cut off: its table of contents, which comes last, is missing, and nothing can be read "
        "without it. Copy or upload it again, or export it as wav.",
        "{prefix}Файл обрывается: нет оглавления, которое записывается последним, а без него ничего не прочитать. "
        "Скопируйте или загрузите файл ещё раз либо сохраните запись в wav.",
    ),
    "audio-too-dense": (
        "{prefix}{channels} channels at {rate} Hz are more than can be read at this length. "
        "Export the recording as mono at 16000 or 48000 Hz.",
        "{prefix}Каналов: {channels}, частота {rate} Гц — при такой длительности это слишком много. "
        "Сохраните запись как моно с частотой 16000 или 48000 Гц.",
    ),
    "audio-opposite": (
        "The two channels cancel each other out (opposite phase), so only the louder one is used.",
        "Каналы гасят друг друга (они в противофазе), поэтому использован только более громкий.",
    ),
    "audio-channel": (
        "Only channel {channel} is used: speech is heard best there.",
        "Использован только канал {channel}: речь в нём слышна лучше всего.",
    ),
    "audio-two-voices": (
        "The channels hold different voices; only channel {channel} is used, where most is said. Choose another "
        "channel, or judge each one separately.",
        "В каналах разные голоса; использован только канал {channel}, где сказано больше. Выберите другой канал или "
        "оцените каждый отдельно.",
    ),
    "channel-left": ("{number} (left)", "{number} (левый)"),
    "channel-right": ("{number} (right)", "{number} (правый)"),
    "channel-other": ("{number}", "{number}"),
    "channel-unknown": (
        "There is no channel {channel!r}. Give auto, left, right, mix, or a number from 1.",
        "Канала {channel!r} нет. Укажите auto, left, right, mix или номер, начиная с 1.",
    ),
    "channel-missing": (
        "{prefix}There is no channel {channel}: the recording has {channels}. Choose another, or auto.",
        "{prefix}Канала {channel} нет: в записи их {channels}. Выберите другой или auto.",
    ),
    # sentences about the microphone of this computer
    "mic-no-portaudio": (
        "The PortAudio library is missing ({reason}). Install it: apt install libportaudio2, brew install portaudio.",
        "Нет библиотеки PortAudio ({reason}). Установите её: apt install libportaudio2 или brew install portaudio.",
    ),
    "mic-no-device": ("this computer has no input device", "на этом компьютере нет устройств записи"),
    "mic-none": (
        "No microphone was found ({reason}). Connect one and check with --list.",
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
        "The microphone fell silent: it was unplugged or another program took it. What was said before was kept; "
        "connect it and start again.",
        "Микрофон замолчал: его отключили или заняла другая программа. Сказанное до этого сохранено; подключите его "
        "и начните снова.",
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
