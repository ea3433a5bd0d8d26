"""Every sentence that the library itself says to a person, in English and in Russian.

A failure carries the key of its sentence and the values in it; the edge (interface, command line) chooses the language.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LANGUAGES = ("en", "ru")

CATALOGUE: dict[str, tuple[str, str]] = {
    # annotation: what the Annotate tab refuses
    "annotate-name": (
        "A label needs a name beside it: type yours (1 to 80 characters).",
        "Разметке нужно имя: введите своё (от 1 до 80 знаков).",
    ),
    "annotate-project": (
        "There is no project {name!r} here. Choose one of the list, or make it from a folder or a manifest.",
        "Проекта {name!r} здесь нет. Выберите из списка или создайте его из папки или манифеста.",
    ),
    "annotate-clip": (
        "This clip is not in the project {project!r}. Reload the page.",
        "Этого фрагмента нет в проекте {project!r}. Обновите страницу.",
    ),
    "annotate-untouched": (
        "Nothing was set on this clip: an untouched label is not saved. Move a bar, or skip the clip.",
        "Для этого фрагмента ничего не задано: нетронутая разметка не сохраняется. Сдвиньте шкалу или пропустите его.",
    ),
    "annotate-points": (
        "A label is seven whole numbers from 0 to 100 that sum to 100, not {value}. Reload the page.",
        "Разметка — это семь целых чисел от 0 до 100 с суммой 100, а не {value}. Обновите страницу.",
    ),
    "annotate-field": (
        "The page sent something unexpected ({name}). Reload it.",
        "Страница прислала неожиданное значение ({name}). Обновите её.",
    ),
    "annotate-uncommitted": (
        "The model's opinion is shown after your own is saved. Save this clip first.",
        "Мнение модели видно после того, как сохранено ваше. Сначала сохраните этот фрагмент.",
    ),
    "annotate-elsewhere": (
        "Projects from a path on this computer can only be made where the app runs for this computer alone. "
        "Start it with --annotate SOURCE.",
        "Создать проект по пути можно, только если приложение запущено для одного этого компьютера. "
        "Запустите его с --annotate ИСТОЧНИК.",
    ),
    # audio: what cannot be read
    "audio-missing": (
        "{prefix}There is no such file. Check the path, or record or upload the clip again.",
        "{prefix}Такого файла нет. Проверьте путь либо запишите или загрузите фрагмент ещё раз.",
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
        "{prefix}Файл пуст (0 байт). Запишите или загрузите фрагмент ещё раз.",
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
        "{prefix}Запись пуста: её длительность — 0 секунд. Запишите или загрузите фрагмент ещё раз.",
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
    # audio: what is wrong with the recording
    "audio-silent": (
        "The recording is silent (level {level:.0f} dB). Check that the microphone is on and not muted.",
        "В записи тишина (уровень {level:.0f} дБ). Проверьте, включён ли микрофон.",
    ),
    "audio-short": (
        "The recording lasts only {seconds:.2f} s; at least {least} s are needed to judge it. Record a longer phrase.",
        "Запись длится всего {seconds:.2f} с, а для оценки нужно не меньше {least} с. Запишите фразу подлиннее.",
    ),
    "audio-no-speech": (
        "No speech is heard, only noise or a steady tone. Record again, closer to the microphone.",
        "Речи не слышно: только шум или ровный тон. Запишите ещё раз, ближе к микрофону.",
    ),
    "audio-clipped": (
        "The recording is overloaded ({share:.1f} % of it is clipped), and the voice may sound angrier than it is. "
        "Lower the microphone level.",
        "Запись перегружена (срезано {share:.1f} % отсчётов), и голос может показаться злее, чем он есть. "
        "Уменьшите уровень микрофона.",
    ),
    "audio-quiet": (
        "The recording is very quiet (level {level:.0f} dB); the result is less certain. "
        "Speak closer to the microphone.",
        "Запись очень тихая (уровень {level:.0f} дБ), поэтому результат менее надёжен. Говорите ближе к микрофону.",
    ),
    "audio-cut": (
        "The file is cut off; the {seconds:.1f} s that could be read are used.",
        "Файл обрывается; использованы первые {seconds:.1f} с, которые удалось прочитать.",
    ),
    "audio-opposite": (
        "The two channels cancel each other out (opposite phase), so only the louder one is used.",
        "Каналы гасят друг друга (они в противофазе), поэтому использован только более громкий.",
    ),
    # recognition
    "recogniser-whisper": ("Whisper {size}", "Whisper {size}"),
    "recogniser-whisper-missing": (
        "Whisper {size} (to be downloaded, {megabytes} MB)",
        "Whisper {size} (нужно скачать, {megabytes} МБ)",
    ),
    "recogniser-pocketsphinx": (
        "PocketSphinx (English only, rough, works without a download)",
        "PocketSphinx (только английский, неточно, работает без загрузки)",
    ),
    "recogniser-none": ("None: type the words yourself", "Без распознавания: введите слова сами"),
    "recogniser-download": (
        "Whisper {size} is going to be downloaded: {megabytes} MB, into {folder}.",
        "Будет загружена модель Whisper {size}: {megabytes} МБ, в папку {folder}.",
    ),
    "recogniser-unknown": (
        "There is no recogniser called {name}. Choose one of: {names}.",
        "Распознавателя {name} нет. Выберите один из следующих: {names}.",
    ),
    "recogniser-not-installed": (
        "The package {package} is not installed. Install it (pip install {package}), choose another recogniser or "
        "type the words.",
        "Пакет {package} не установлен. Установите его (pip install {package}), выберите другой распознаватель "
        "или введите слова сами.",
    ),
    "recogniser-not-downloaded": (
        "The weights of Whisper {size} are not in {folder}. Allow the download ({megabytes} MB), choose another "
        "recogniser or type the words.",
        "Весов Whisper {size} нет в папке {folder}. Разрешите загрузку ({megabytes} МБ), выберите другой "
        "распознаватель или введите слова сами.",
    ),
    "recogniser-no-file": (
        "There is no weights file {path}. Check the path or choose another recogniser.",
        "Файла весов {path} нет. Проверьте путь или выберите другой распознаватель.",
    ),
    "recogniser-damaged": (
        "The weights in {path} are damaged or of another kind. Delete the file and download it again, or choose "
        "another recogniser.",
        "Файл весов {path} повреждён или другого формата. Удалите его и скачайте заново либо выберите другой "
        "распознаватель.",
    ),
    "recogniser-download-failed": (
        "The download failed ({where}: {reason}). Check the connection and try again, choose another recogniser or "
        "type the words.",
        "Загрузка не удалась ({where}: {reason}). Проверьте соединение и повторите, выберите другой распознаватель "
        "или введите слова сами.",
    ),
    "recogniser-timeout": (
        "The download was given up: {host} sent nothing for {seconds:g} s. Try again later, choose another recogniser "
        "or type the words.",
        "Загрузка прервана: от {host} ничего не приходило {seconds:g} с. Попробуйте позже, выберите другой "
        "распознаватель или введите слова сами.",
    ),
    "recogniser-broke": (
        "The connection to {host} broke after {received:.1f} of {total:.1f} MB. Try the download again.",
        "Соединение с {host} оборвалось: получено {received:.1f} из {total:.1f} МБ. Повторите загрузку.",
    ),
    "recogniser-checksum": (
        "What {host} sent is not the expected file (its checksum is wrong), so it was thrown away. Try again later or "
        "choose another recogniser.",
        "От {host} пришёл не тот файл (не совпала контрольная сумма), поэтому он удалён. Попробуйте позже или "
        "выберите другой распознаватель.",
    ),
    "recogniser-no-space": (
        "There is no room for {megabytes:.0f} MB in {folder}. Free some space or choose a smaller model.",
        "В папке {folder} не хватает места: нужно {megabytes:.0f} МБ. Освободите место или выберите модель поменьше.",
    ),
    # frozen extractors and their weights
    "features-unknown": (
        "There are no features called {kind}. Choose one of: {kinds}.",
        "Признаков {kind} нет. Выберите один из видов: {kinds}.",
    ),
    "features-setting": (
        "The features {kind} can't have {setting} = {value}; expected: {expected}. Correct the recipe.",
        "У признаков {kind} не может быть {setting} = {value}; ожидается: {expected}. Исправьте рецепт.",
    ),
    "features-not-finite": (
        "The features {kind} of {name} hold values that are not numbers. Use dtype = float32, or leave the item out.",
        "Признаки {kind} для {name} содержат значения, не являющиеся числами. Задайте dtype = float32 или исключите "
        "этот пример.",
    ),
    "extractor-not-installed": (
        "The features {kind} need the package {package}. Install it: pip install {package}",
        "Для признаков {kind} нужен пакет {package}. Установите его: pip install {package}",
    ),
    "weights-missing": (
        "The weights of {repo} (revision {revision}, about {megabytes} MB) are not on this machine, and nothing is "
        "fetched unasked. To fetch them: python -m train prepare RECIPE --data DATA --download",
        "Весов {repo} (версия {revision}, около {megabytes} МБ) на этом компьютере нет, а без спроса ничего не "
        "загружается. Чтобы загрузить их: python -m train prepare RECIPE --data DATA --download",
    ),
    "weights-fetched": (
        "Fetching {repo} (revision {revision}): {megabytes} MB, into {folder}.",
        "Загружается {repo} (версия {revision}): {megabytes} МБ, в папку {folder}.",
    ),
    "weights-revision": (
        "“{revision}” is no pinned revision of {repo}. Give `revision`: for a repository of the Hub the 40 hex digits "
        "of a commit (its page “Files and versions”), for a folder any name of this version of its files.",
        "«{revision}» не закрепляет версию {repo}. Укажите `revision`: для репозитория Hub — 40 шестнадцатеричных цифр "
        "коммита (страница «Files and versions»), для папки — любое имя этой версии файлов.",
    ),
    "weights-unreachable": (
        "{repo} (revision {revision}) could not be fetched: {reason}. Check the connection and try again, or copy the "
        "repository's files into a folder and give the folder as `repo`.",
        "Не удалось загрузить {repo} (версия {revision}): {reason}. Проверьте соединение и повторите либо скопируйте "
        "файлы репозитория в папку и укажите её в `repo`.",
    ),
    "weights-no-space": (
        "There is no room for {megabytes} MB of {repo} (revision {revision}) in {folder}. Free some space, or set "
        "HF_HOME to a folder on another disk.",
        "В папке {folder} не хватает места для {repo} (версия {revision}): нужно {megabytes} МБ. Освободите место или "
        "задайте в HF_HOME папку на другом диске.",
    ),
    "weights-run-code": (
        "Opening {repo} runs program code that comes with it, with all your rights on this machine. Look at its files "
        "on the Hub; if you trust them, set remote_code = true beside kind = {kind} in the recipe.",
        "При открытии {repo} выполняется его собственный код — со всеми вашими правами на этом компьютере. Посмотрите "
        "файлы на Hub; если доверяете им, добавьте remote_code = true рядом с kind = {kind} в рецепте.",
    ),
    "weights-code-fails": (
        "The program code of {repo} does not run with transformers {version}: {detail}. Pin another revision of it, or "
        "choose other features.",
        "Код из {repo} не работает с transformers {version}: {detail}. Закрепите другую его версию или выберите другие "
        "признаки.",
    ),
    "weights-incomplete": (
        "{folder} lacks {file}. Fetch or copy all its files again.",
        "В {folder} нет {file}. Загрузите или скопируйте все файлы заново.",
    ),
    "weights-other-model": (
        "config.json of {folder} says {setting} = {value}; expected {expected}. It holds another model: correct "
        "`kind`, `repo` or `dim`.",
        "В config.json папки {folder} указано {setting} = {value}, а ожидается {expected}. Это другая модель: "
        "исправьте `kind`, `repo` или `dim`.",
    ),
    "weights-broken": (
        "The weights in {file} are cut off or don't fit the model ({detail}). Delete the file and fetch it again.",
        "Файл весов {file} обрывается или не подходит к модели ({detail}). Удалите его и загрузите заново.",
    ),
    "weights-lack": (
        "The weights in {folder} lack {count} tensors, the first {tensor}. Fetch or copy all its files again.",
        "В весах из {folder} недостаёт тензоров: {count}, первый — {tensor}. Загрузите или скопируйте все файлы "
        "заново.",
    ),
    # checkpoints
    "checkpoint-missing": (
        "There is no checkpoint “{name}”. Give the folder of a checkpoint, or the name of one under checkpoints/.",
        "Контрольной точки «{name}» нет. Укажите папку с ней или имя одной из папок в checkpoints/.",
    ),
    "checkpoint-is-file": (
        "“{name}” is a file, and a checkpoint is a folder with config.json and model.safetensors. Other weight files, "
        "such as pickles, are not opened. Give the folder.",
        "«{name}» — это файл, а контрольная точка — папка с config.json и model.safetensors. Другие файлы с весами, "
        "например pickle, не открываются. Укажите папку.",
    ),
    "checkpoint-no-config": (
        "The folder “{name}” has no {file}, so it is not a checkpoint. Give the folder that the training wrote.",
        "В папке «{name}» нет файла {file}: это не контрольная точка. Укажите папку, созданную при обучении.",
    ),
    "checkpoint-not-written": (
        "The checkpoint “{name}” could not be written, and what was there is untouched ({detail}). Make room on the "
        "disk, or choose another folder.",
        "Контрольную точку «{name}» не удалось записать, прежняя не изменена ({detail}). Освободите место на диске или "
        "выберите другую папку.",
    ),
    "checkpoint-no-weights": (
        "The checkpoint “{name}” has no {file}. Only safetensors are read, never pickles. Copy the whole folder again.",
        "В контрольной точке «{name}» нет файла {file}. Читаются только safetensors, но не pickle. "
        "Скопируйте папку заново целиком.",
    ),
    "checkpoint-weights-broken": (
        "{file} of “{name}” is cut off or is not a safetensors file ({detail}). Copy or download the checkpoint again.",
        "Файл {file} в «{name}» обрывается или это не safetensors ({detail}). "
        "Скопируйте или скачайте контрольную точку заново.",
    ),
    "checkpoint-config-bad": (
        "config.json of “{name}” can't be used: {detail}. The checkpoint was made by another version or was edited: "
        "take an unchanged copy, or train it again.",
        "config.json в «{name}» не подходит: {detail}. Контрольная точка создана другой версией или изменена: "
        "возьмите неизменённую копию или обучите её заново.",
    ),
    "checkpoint-format": (
        "The checkpoint “{name}” has format {found}, and this version reads format {expected}. "
        "Update BiBiER, or train the checkpoint again.",
        "Формат контрольной точки «{name}» — {found}, а эта версия читает формат {expected}. "
        "Обновите BiBiER или обучите контрольную точку заново.",
    ),
    "checkpoint-labels": (
        "The checkpoint “{name}” has other labels ({found}); expected {expected}, in this order. "
        "Choose one that was trained on these seven emotions.",
        "У контрольной точки «{name}» другие метки ({found}), а нужны {expected} — именно в этом порядке. "
        "Выберите обученную на этих семи эмоциях.",
    ),
    "checkpoint-rate": (
        "The checkpoint “{name}” was made for {found} Hz, and sound is read at {expected} Hz. Choose another one.",
        "Контрольная точка «{name}» рассчитана на {found} Гц, а звук читается с частотой {expected} Гц. "
        "Выберите другую.",
    ),
    "checkpoint-tensor-missing": (
        "The checkpoint “{name}” lacks the tensor {tensor}. Copy or download it again.",
        "В контрольной точке «{name}» нет тензора {tensor}. Скопируйте или скачайте её заново.",
    ),
    "checkpoint-tensor-extra": (
        "The checkpoint “{name}” has a tensor that its config doesn't know: {tensor}. Weights and config don't belong "
        "together; take both from one copy.",
        "В контрольной точке «{name}» есть тензор, которого нет в её конфигурации: {tensor}. Веса и конфигурация "
        "от разных моделей; возьмите оба файла из одной копии.",
    ),
    "checkpoint-shape": (
        "The tensor {tensor} of “{name}” has another shape than its config says. Weights and config don't belong "
        "together; take both from one copy.",
        "Размер тензора {tensor} в «{name}» не совпадает с конфигурацией. Веса и конфигурация от разных моделей; "
        "возьмите оба файла из одной копии.",
    ),
    "checkpoint-not-finite": (
        "The tensor {tensor} of “{name}” holds values that are not numbers: its training failed. Choose another one.",
        "В тензоре {tensor} контрольной точки «{name}» есть значения, не являющиеся числами: обучение не удалось. "
        "Выберите другую.",
    ),
    # prediction
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
    # soft labels
    "table-unreadable": (
        "{file} can't be read as a CSV in UTF-8: {reason}. Check the path, or save it again as UTF-8.",
        "{file} не читается как CSV в UTF-8: {reason}. Проверьте путь или сохраните файл заново в UTF-8.",
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
        "{file}, row {row}: “{name}” is there already, in row {first}. Give each row its own name.",
        "{file}, строка {row}: «{name}» уже есть в строке {first}. Дайте каждой строке своё имя.",
    ),
    "table-exists": (
        "{file} is there already and is left as it is. Give another name.",
        "{file} уже существует и оставлен без изменений. Укажите другое имя.",
    ),
    "table-not-written": (
        "{file} could not be written ({reason}). Make room, or choose another folder.",
        "Не удалось записать {file} ({reason}). Освободите место или выберите другую папку.",
    ),
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
        "fetched unasked. Allow it with --download, give a folder as --model, or use --endpoint.",
        "Весов {repo} (версия {revision}, около {megabytes} МБ) на этом компьютере нет, а без спроса ничего не "
        "загружается. Разрешите загрузку (--download), укажите папку в --model или используйте --endpoint.",
    ),
    "llm-way": (
        "There is no way “{way}” to a distribution. Choose one of: {ways}.",
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
    # annotation
    "event-wrong": (
        "The annotation can't be taken: {field} is “{value}”; expected: {expected}. Correct it and save again.",
        "Разметку нельзя принять: в поле {field} значение «{value}»; нужно: {expected}. Исправьте и сохраните снова.",
    ),
    "event-newer": (
        "The annotation was made by a newer version of the program (format {version}; known up to {known}). "
        "Update the program.",
        "Разметка сделана более новой версией программы (формат {version}; известны до {known}). Обновите программу.",
    ),
    "event-not-json": (
        "This line is no JSON object of an annotation ({reason}). Give a file that the program exported.",
        "Эта строка — не JSON-объект разметки ({reason}). Нужен файл, который создан при экспорте.",
    ),
    "event-other": (
        "There is already another annotation with the id {uuid}. Nothing was changed; save again under a new id.",
        "Другая разметка с идентификатором {uuid} уже есть. Ничего не изменено; сохраните под новым идентификатором.",
    ),
    "event-target": (
        "The {kind} names the annotation {uuid}, which is not the one whose turn it is. Load the clip again.",
        "Действие {kind} относится к разметке {uuid}, но очередь не её. Откройте запись заново.",
    ),
    "store-url": (
        "The database “{url}” can't be used ({reason}). Give sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
        "База данных «{url}» не подходит ({reason}). Укажите sqlite:///ФАЙЛ или postgresql+psycopg://ИМЯ@УЗЕЛ/БАЗА.",
    ),
    "store-closed": (
        "The database can't be opened or written ({reason}). What was acknowledged is kept; check the path, the access "
        "rights and the server, and try again.",
        "Базу данных не удаётся открыть или записать ({reason}). Подтверждённое сохранено; проверьте путь, права "
        "доступа и сервер и повторите.",
    ),
    "store-locked": (
        "The database has been locked by another program for {seconds:g} s. Nothing was saved; close that program "
        "and save again.",
        "База данных {seconds:g} с занята другой программой. Ничего не сохранено; закройте её и сохраните ещё раз.",
    ),
    "store-full": (
        "The disk of the database is full. Nothing was saved; free some space and save again.",
        "На диске с базой данных нет места. Ничего не сохранено; освободите место и сохраните ещё раз.",
    ),
    "store-newer": (
        "The database was written by a newer version of the program (schema {version}; known up to {known}). "
        "Update the program.",
        "База данных создана более новой версией программы (схема {version}; известны до {known}). Обновите программу.",
    ),
    "store-no-project": (
        "There is no project “{project}”. Choose one of: {projects}.",
        "Проекта «{project}» нет. Выберите один из следующих: {projects}.",
    ),
    "store-setting": (
        "The project can't have {setting} = {value}; expected: {expected}.",
        "У проекта не может быть {setting} = {value}; ожидается: {expected}.",
    ),
    "store-no-clip": (
        "The project “{project}” has no clip {clip}. Add it first.",
        "В проекте «{project}» нет записи {clip}. Сначала добавьте её.",
    ),
    "clips-none": (
        "No recording was found in {place}. Give a folder or a table with wav, flac, mp3, ogg, opus, m4a or webm.",
        "В {place} нет записей. Укажите папку или таблицу с файлами wav, flac, mp3, ogg, opus, m4a или webm.",
    ),
    "clips-wrong": (
        "Nothing was added: {count} rows of {place} can't be used. {first}",
        "Ничего не добавлено: негодных строк в {place} — {count}. {first}",
    ),
    "clips-row": (
        "Row {row}: {field} is “{value}”; expected: {expected}.",
        "Строка {row}: в поле {field} значение «{value}»; ожидается: {expected}.",
    ),
}


@dataclass(frozen=True)
class Message:
    """A sentence by its key in `CATALOGUE`, with the values it names."""

    key: str
    values: dict[str, object] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language` ("en" or "ru"); a value that is a sentence is put in it too."""
        values = {
            name: v.text(language) if isinstance(v, Message | InputError) else v for name, v in self.values.items()
        }
        return CATALOGUE[self.key][LANGUAGES.index(language)].format_map(values)


class InputError(ValueError):
    """What the user brought can't be used; the message says why and what to do. `str()` is the English sentence."""

    def __init__(self, key: str, **values: object):
        self.message = Message(key, values)
        super().__init__(self.message.text("en"))

    def text(self, language: str = "en") -> str:
        """Return the sentence in `language`."""
        return self.message.text(language)
