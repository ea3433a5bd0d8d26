"""Sentences of the guarded door: who may come in, how much may be sent, and whose files are given."""

SENTENCES: dict[str, tuple[str, str]] = {
    "guard-host": (
        "This server does not answer to the name {name}. Start it with --allowed-host {name} if it should.",
        "Этот сервер не отвечает на имя {name}. Если должен, запустите его с --allowed-host {name}.",
    ),
    "guard-origin": (
        "Another page tried to use this one. Open this address itself and try again.",
        "Этой страницей пыталась воспользоваться другая. Откройте сам этот адрес и повторите.",
    ),
    "guard-closed": ("This address is not open to you.", "Этот адрес для вас закрыт."),
    "guard-private": (
        "This call belongs to the page and is closed to programs. Open to programs: {names}.",
        "Этот вызов только для страницы, программам он закрыт. Для программ открыто: {names}.",
    ),
    "guard-queued": (
        "This function has a queue: call it by /gradio_api/call/{name}.",
        "У этой функции есть очередь: вызывайте её через /gradio_api/call/{name}.",
    ),
    "guard-file": (
        "There is no such file in your session. Upload it again.",
        "В вашем сеансе такого файла нет. Загрузите его снова.",
    ),
    "guard-clip-gone": (
        "There is no such clip in the projects that you work on, or its file was moved or removed. Reload the page.",
        "В проектах, с которыми вы работаете, такого фрагмента нет, или его файл перемещён или удалён. "
        "Обновите страницу.",
    ),
    "guard-clip-changed": (
        "The clip's file is not the one that was listed. Put the original back, or add the folder again.",
        "Файл фрагмента — не тот, что был внесён в список. Верните исходный или добавьте папку заново.",
    ),
    "guard-url": (
        "This server does not download from links. Upload the file itself.",
        "Этот сервер не скачивает файлы по ссылкам. Загрузите сам файл.",
    ),
    "guard-session": (
        "This session belongs to another visitor. Reload the page.",
        "Этот сеанс принадлежит другому посетителю. Обновите страницу.",
    ),
    "guard-body": (
        "The request can't be read: it must be a JSON object.",
        "Запрос не читается: нужен объект JSON.",
    ),
    "guard-headers": (
        "The request's address or headers are too long. Delete this site's cookies in the browser and try again.",
        "Слишком длинный адрес или заголовки запроса. Удалите в браузере cookie этого сайта и повторите.",
    ),
    "guard-values": (
        "The call's values don't fit its parameters, which /gradio_api/info describes.",
        "Значения вызова не подходят к его параметрам, они описаны в /gradio_api/info.",
    ),
    "guard-too-large": (
        "Too large: at most {limit}. Send a shorter recording, or a compressed one (flac, ogg, mp3).",
        "Слишком большой файл: принимается не больше {limit}. Отправьте запись короче или сжатую (flac, ogg, mp3).",
    ),
    "guard-upload": (
        "The upload can't be read: its form is broken or cut off, or holds too many parts. Send the file again.",
        "Загрузка не читается: форма испорчена или оборвана, либо в ней слишком много частей. Отправьте файл заново.",
    ),
    "guard-body-too-large": (
        "Too much text in one request: at most {limit}. Send less at once.",
        "Слишком много текста в одном запросе: принимается не больше {limit}. Отправьте меньше за раз.",
    ),
    "guard-too-many-uploads": (
        "Too many uploads in a row. Try again in {seconds} s.",
        "Слишком много загрузок подряд. Попробуйте через {seconds} с.",
    ),
    "guard-too-many-calls": (
        "Too many requests in a row. Try again in {seconds} s.",
        "Слишком много запросов подряд. Попробуйте через {seconds} с.",
    ),
    "guard-files": (
        "Your session already has {limit} files here, the limit. Delete your recordings, or come back later.",
        "У вашего сеанса здесь уже {limit} файлов — это предел. Удалите свои записи или вернитесь позже.",
    ),
    "guard-busy": (
        "The server is busy with other requests. Try again in a few seconds.",
        "Сервер занят другими запросами. Попробуйте через несколько секунд.",
    ),
    "guard-slow": (
        "The request came too slowly and was dropped. Check the connection and try again.",
        "Запрос приходил слишком медленно и был прерван. Проверьте соединение и повторите.",
    ),
    "guard-connections": (
        "Too many tabs of this page are open, in your browser or your network. Close some of them.",
        "Открыто слишком много вкладок этой страницы — в вашем браузере или из вашей сети. Закройте часть из них.",
    ),
    "guard-broken": (
        "Something went wrong here. Try again; the reason is in the server log under {request}.",
        "Что-то пошло не так. Попробуйте ещё раз; причина — в журнале сервера под номером {request}.",
    ),
    "guard-events": (
        "This browser already has too many requests waiting. Wait until some are done, or close other tabs.",
        "У этого браузера уже слишком много запросов в очереди. Дождитесь части ответов или закройте другие вкладки.",
    ),
    "guard-events-together": (
        "Too many requests from your network or under your name are waiting. Try again when some are done.",
        "Из вашей сети или под вашим именем уже слишком много запросов в очереди. Повторите, когда часть обработают.",
    ),
    "relabel-share": (
        "Your browser's recordings in Annotate take {limit}, the limit. Delete your recordings, or send shorter ones.",
        "Записи вашего браузера в разметке уже занимают {limit} — это предел. Удалите свои записи или отправляйте "
        "короче.",
    ),
    "relabel-together": (
        "Recordings from your network or under your name take {limit} in Annotate, the limit for one. Delete your "
        "recordings there, or ask the server's administrator.",
        "Записи из вашей сети или под вашим именем занимают в разметке {limit} — это предел для одной сети или одного "
        "человека. Удалите там свои записи или обратитесь к администратору сервера.",
    ),
    "relabel-full": (
        "The recordings kept in Annotate take {limit}, all the room there is. Ask the server's administrator.",
        "Записи, которые хранятся в разметке, заняли все {limit}. Обратитесь к администратору сервера.",
    ),
    "guard-full": (
        "The space for uploads is full of recordings in use, or the disk is full. Try again in a few minutes.",
        "Место для загрузок занято нужными сейчас записями, или заполнен диск. Попробуйте через несколько минут.",
    ),
    "guard-share": (
        "Your session's uploads take {limit}, the limit. Close other tabs, or come back later.",
        "Загрузки вашего сеанса уже занимают {limit} — это предел. Закройте другие вкладки или вернитесь позже.",
    ),
    "guard-coming": (
        "Too much is already being uploaded from your network or under your name. Try again when some of it is here.",
        "Из вашей сети или под вашим именем уже загружается слишком много. Попробуйте снова, когда часть загрузится.",
    ),
    "guard-together": (
        "Recordings in use from your network or under your name take {limit}, the limit for one. Close tabs that "
        "you no longer need, or try again in ten minutes.",
        "Записи, открытые из вашей сети или под вашим именем, занимают {limit} — это предел для одной сети или одного "
        "человека. Закройте лишние вкладки или попробуйте через десять минут.",
    ),
    "guard-sign-in": (
        "Sign in first.",
        "Сначала войдите.",
    ),
    "guard-wrong": (
        "The name or the password is wrong.",
        "Имя или пароль неверны.",
    ),
    "guard-wait": (
        "Too many failed attempts. Try again in {seconds} s.",
        "Слишком много неудачных попыток. Попробуйте через {seconds} с.",
    ),
    "guard-form": (
        "Send a name and a password of at most {limit} characters each.",
        "Отправьте имя и пароль, каждое не длиннее {limit} знаков.",
    ),
    "passwords-file": (
        "The file of passwords {path} can't be read: {reason}.",
        "Файл паролей {path} не читается: {reason}.",
    ),
    "passwords-empty": (
        "There is no entry in {source}. Make one with: python -m bibier password NAME >> FILE",
        "В {source} нет ни одной записи. Создайте её: python -m bibier password NAME >> FILE",
    ),
    "passwords-line": (
        "Line {line} of {source} is not an entry of the form NAME:scrypt$…. "
        "Make it again with: python -m bibier password NAME",
        "Строка {line} в {source} — не запись вида NAME:scrypt$…. Создайте её заново: python -m bibier password NAME",
    ),
    "passwords-weak": (
        "Line {line} of {source} is hashed too weakly: at least N = {n} and r = {r} are taken. "
        "Make it again with: python -m bibier password NAME",
        "Строка {line} в {source} хеширована слишком слабо: нужно не меньше N = {n} и r = {r}. "
        "Создайте её заново: python -m bibier password NAME",
    ),
    "passwords-twice": (
        "The name {name} appears twice in {source}. Keep one entry.",
        "Имя {name} встречается в {source} дважды. Оставьте одну запись.",
    ),
    "passwords-name": (
        "A name has 1 to {limit} characters, without colons, line breaks or spaces at its ends.",
        "В имени от 1 до {limit} знаков; в нём нет двоеточия и перевода строки, а по краям — пробелов.",
    ),
    "passwords-short": (
        "The password has {length} characters; at least {least} are needed.",
        "В пароле {length} знаков, а нужно не меньше {least}.",
    ),
    "passwords-long": (
        "The password has {length} characters; at most {most} are taken.",
        "В пароле {length} знаков, а принимается не больше {most}.",
    ),
    "passwords-differ": (
        "The two passwords differ. Nothing was made; try again.",
        "Пароли не совпали. Ничего не создано, попробуйте ещё раз.",
    ),
    "start-address": (
        "To make projects of folders, change their settings, export all labels and fetch models, open this address; "
        "whoever has it may do all that: {address}",
        "Чтобы создавать проекты из папок, менять их настройки, выгружать все метки и скачивать модели, откройте этот "
        "адрес; всё это может каждый, у кого он есть: {address}",
    ),
    "start-needed": (
        "Projects from folders, their settings and models from the Hub are for the person who started this app: open "
        "the address with “start=” that it printed.",
        "Проекты из папок, их настройки и модели с Hub доступны тому, кто запустил приложение: откройте адрес со "
        "«start=», который оно напечатало.",
    ),
    "start-token": (
        "BIBIER_START_TOKEN must have 20 to 100 letters (a–z), digits, - or _. Leave it out for a new one each time.",
        "В BIBIER_START_TOKEN должно быть от 20 до 100 латинских букв, цифр, - или _. "
        "Без него каждый раз создаётся новый.",
    ),
    "setting-number": (
        "The setting {name} is {value!r}, but must be a number above 0.",
        "Настройка {name} равна {value!r}, а должна быть числом больше 0.",
    ),
    "uploads-not-ours": (
        "The folder for uploads {path} holds files of others: it is used, but never cleaned. "
        "Name an empty one in GRADIO_TEMP_DIR to have it cleaned.",
        "В папке загрузок {path} лежат чужие файлы: она используется, но не очищается. "
        "Чтобы она очищалась, укажите пустую в GRADIO_TEMP_DIR.",
    ),
    "size-mb": ("{count} MB", "{count} МБ"),
    "size-kb": ("{count} kB", "{count} КБ"),
    # the page on which one signs in
    "login-lead": (
        "What the voice says, what the words say, and both together.",
        "Что говорит голос, что говорят слова и что получается вместе.",
    ),
    "login-name": ("Name", "Имя"),
    "login-password": ("Password", "Пароль"),
    "login-enter": ("Sign in", "Войти"),
    "login-broken": ("The server can't be reached. Try again.", "Сервер недоступен. Попробуйте ещё раз."),
    "login-other": ("Русский", "English"),  # leads to the other language, and is in that
    # signing in with the Hub; the button's own script compares its text, so that it can't follow the browser
    "sign-in-button": ("Sign in", "Войти"),
    "sign-out-button": ("Sign out", "Выйти"),
    "sign-in-lacking": (
        "Nobody can sign in here: the Space has no OAuth variables. Put `hf_oauth: true` into its README, or deploy it "
        "again. Until then annotators give their name themselves.",
        "Войти здесь нельзя: у Space нет переменных OAuth. Добавьте `hf_oauth: true` в README или разверните заново. "
        "Пока разметчики сами называют своё имя.",
    ),
}
