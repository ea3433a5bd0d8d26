"""Sentences about the log of annotations, and its clips."""

SENTENCES: dict[str, tuple[str, str]] = {
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
    "store-read-only": (
        "The database can't be written to: it is read-only. Nothing was saved; give the program the right to write to "
        "the file and its folder, and save again.",
        "База данных доступна только для чтения. Ничего не сохранено; разрешите запись в файл и его папку "
        "и сохраните ещё раз.",
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
    "clips-columns": (
        "A distribution needs a column for each emotion, once. Missing: {missing}. Twice: {twice}.",
        "Для распределения нужен ровно один столбец на каждую эмоцию. Не хватает: {missing}. Дважды: {twice}.",
    ),
    "clips-no-place": (
        "There is no {place} here. Check the path; if it is a dataset on the Hub, add --download to fetch it.",
        "Здесь нет {place}. Проверьте путь; если это набор данных на Hub, добавьте --download, чтобы скачать его.",
    ),
    "clips-dataset": (
        "The dataset {place} can't be read ({reason}). Give a folder written by save_to_disk, Parquet files, or the "
        "name of a dataset on the Hub.",
        "Набор данных {place} не читается ({reason}). Укажите папку, записанную save_to_disk, файлы Parquet или имя "
        "набора на Hub.",
    ),
    "clips-no-datasets": (
        "To read this the package datasets is needed: pip install -r requirements-train.txt",
        "Для чтения нужен пакет datasets: pip install -r requirements-train.txt",
    ),
    "clips-no-audio": (
        "The dataset {place} has no audio column. Its columns: {columns}.",
        "В наборе данных {place} нет столбца со звуком. Его столбцы: {columns}.",
    ),
    "clips-row": (
        "Row {row}: {field} is “{value}”; expected: {expected}.",
        "Строка {row}: в поле {field} значение «{value}»; ожидается: {expected}.",
    ),
}
