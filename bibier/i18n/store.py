"""Sentences about the database of annotations: where it can't be read or written, and what it has not."""

SENTENCES: dict[str, tuple[str, str]] = {
    "store-url": (
        "The database “{url}” can't be used ({reason}). Give sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.",
        "База данных «{url}» не подходит ({reason}). Укажите sqlite:///ФАЙЛ или postgresql+psycopg://ИМЯ@УЗЕЛ/БАЗА.",
    ),
    "store-url-number": (
        "its port, or an option after the “?”, is no number",
        "порт или параметр после «?» — не число",
    ),
    "store-encoding": (
        "The database is kept in {encoding}, in which not every note can be written. Make one in UTF-8: createdb "
        "-E UTF8 -T template0 NAME.",
        "База данных хранится в {encoding}, а в этой кодировке можно записать не любую заметку. Создайте базу в UTF-8: "
        "createdb -E UTF8 -T template0 ИМЯ.",
    ),
    "store-log-alone": (
        "The database {file} is not there, but its log {log} is, which may hold labels. Nothing was opened; put the "
        "database back beside it, or move the log away to begin a new one.",
        "Базы данных {file} нет, но рядом лежит её журнал {log}, и в нём может быть разметка. Ничего не открыто: "
        "верните базу на место или уберите журнал, чтобы начать новую.",
    ),
    "store-closed": (
        "The database can't be opened or written ({reason}). What was acknowledged is kept; check the path, the "
        "access rights and the server, and try again.",
        "Базу данных не удаётся открыть или записать ({reason}). Всё подтверждённое сохранено; проверьте путь, права "
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
    "store-read-only": (
        "The database can't be written to: it is read-only. Nothing was saved; give the program the right to write to "
        "the file and its folder, and save again.",
        "База данных доступна только для чтения. Ничего не сохранено; разрешите запись в файл и его папку "
        "и сохраните ещё раз.",
    ),
    "store-malformed": (
        "The database file itself is damaged ({reason}). Stop the app, keep a copy of the file, and put a backup in "
        "its place, or save what can be read with “sqlite3 FILE .recover”.",
        "Повреждён сам файл базы данных ({reason}). Остановите приложение, сохраните копию файла и верните на его "
        "место резервную или спасите то, что читается: «sqlite3 ФАЙЛ .recover».",
    ),
    "store-damaged": (
        "In the project “{project}” the row “{row}” is damaged: it is no longer what was written. Nothing else is "
        "lost. Put a backup in the database's place, or read the rest with --skip-damaged, as in “python -m bibier "
        "annotations export PROJECT --format events --skip-damaged -o FILE.jsonl”.",
        "В проекте «{project}» повреждена строка «{row}»: в ней уже не то, что было записано. Остальное цело. Верните "
        "резервную копию базы данных или прочитайте остальное с --skip-damaged, например «python -m bibier annotations "
        "export ПРОЕКТ --format events --skip-damaged -o ФАЙЛ.jsonl».",
    ),
    "store-rows-damaged": (
        "{count} rows of the database are damaged: they are no longer what was written (first {rows}). Put a backup in "
        "its place, or read the rest with --skip-damaged; the rows themselves stay.",
        "Повреждённых строк в базе данных: {count} — в них уже не то, что было записано (первые: {rows}). Верните "
        "резервную копию или прочитайте остальное с --skip-damaged; сами строки остаются.",
    ),
    "store-other-writer": (
        "Another program writes to the database in {place}, where two at once would damage it: this place does not "
        "keep them apart. Nothing was saved; stop the other program, or wait {seconds:g} s after it has ended, and "
        "save again.",
        "В базу данных в {place} пишет другая программа, а это место не разводит две программы, и вместе они "
        "испортили бы её. Ничего не сохранено; остановите ту программу или подождите {seconds:g} с после её "
        "завершения и сохраните ещё раз.",
    ),
    "store-memory": (
        "a database in memory is lost at once",
        "база данных в памяти сразу пропадёт",
    ),
    "store-other-project": (
        "These annotations belong to the project “{project}”, but one of them names “{other}”. Give each project its "
        "own.",
        "Эта разметка относится к проекту «{project}», но в одной из записей указан «{other}». Передайте разметку "
        "каждого проекта отдельно.",
    ),
    "store-project-name": (
        "A project can't be called “{name}”. Choose a name of 1 to {most} printable characters.",
        "Проект нельзя назвать «{name}». Выберите имя из печатных символов, от 1 до {most}.",
    ),
    "store-gone": (
        "The database {file} is no longer there. Nothing was saved; put the file back and save again.",
        "Базы данных {file} больше нет на месте. Ничего не сохранено; верните файл и сохраните ещё раз.",
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
    "store-setting-text": ("at most {most} characters", "не больше {most} символов"),
    "store-setting": (
        "The project can't have {setting} = {value}; expected: {expected}.",
        "У проекта не может быть {setting} = {value}; ожидается: {expected}.",
    ),
    "store-no-clip": (
        "The project “{project}” has no clip {clip}. Add it first.",
        "В проекте «{project}» нет фрагмента {clip}. Сначала добавьте его.",
    ),
}
