"""Sentences about frozen extractors and their weights."""

SENTENCES: dict[str, tuple[str, str]] = {
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
        "downloaded unless you ask. To download them: python -m train prepare RECIPE --data DATA --download",
        "Весов {repo} (версия {revision}, около {megabytes} МБ) на этом компьютере нет, а без спроса ничего не "
        "загружается. Чтобы загрузить их: python -m train prepare RECIPE --data DATA --download",
    ),
    "weights-fetched": (
        "Downloading {repo} (revision {revision}): {megabytes} MB, into {folder}.",
        "Загружается {repo} (версия {revision}): {megabytes} МБ, в папку {folder}.",
    ),
    "weights-revision": (
        "“{revision}” does not pin a revision of {repo}. Give `revision`: for a repository of the Hub the 40 hex "
        "digits of a commit (its page “Files and versions”), for a folder any name of this version of its files.",
        "«{revision}» не закрепляет версию {repo}. Укажите `revision`: для репозитория Hub — 40 шестнадцатеричных "
        "цифр коммита (страница «Files and versions»), для папки — любое имя этой версии файлов.",
    ),
    "weights-unreachable": (
        "{repo} (revision {revision}) could not be downloaded: {reason}. Check the connection and try again, or copy "
        "the repository's files into a folder and give the folder as `repo`.",
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
    "weights-code-elsewhere": (
        "The weights of {repo} name program code of another repository, which nobody has consented to. Choose other "
        "features.",
        "Веса {repo} ссылаются на программный код другого репозитория, на который согласия нет. Выберите другие "
        "признаки.",
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
}
