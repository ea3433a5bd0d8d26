"""Sentences about tables and lists of recordings that people bring."""

SENTENCES: dict[str, tuple[str, str]] = {
    "nested-deep": ("it holds lists in lists hundreds of times over", "в ней списки вложены друг в друга сотни раз"),
    "file-odd": ("it is no file but a device, a pipe or a folder", "это не файл, а устройство, канал или папка"),
    "file-long": ("it is longer than {megabytes} MB", "он длиннее {megabytes} МБ"),
    "number-long": ("a number has thousands of digits", "число длиной в тысячи цифр"),
    "csv-closed": (
        "{file} can't be opened ({reason}). Check the path and the access rights.",
        "Файл {file} не открывается ({reason}). Проверьте путь и права доступа.",
    ),
    "place-closed": (
        "{place} can't be used ({reason}). Check the path and the access rights.",
        "{place}: с этим файлом или папкой работать нельзя ({reason}). Проверьте путь и права доступа.",
    ),
    "csv-wide": (
        "{file} has {count} columns, at most {most} are read. If it is no CSV with a header, save it as one.",
        "В {file} {count} столбцов, читается не больше {most}. Если это не CSV с заголовком, сохраните его так.",
    ),
    "csv-workbook": (
        "{file} is an Excel workbook, not a CSV: in Excel, save it as “CSV UTF-8”.",
        "{file} — книга Excel, а не CSV: сохраните её в Excel как «CSV UTF-8».",
    ),
    "csv-binary": (
        "{file} is no text: give a CSV, saved as UTF-8.",
        "{file} — не текстовый файл: нужен CSV в UTF-8.",
    ),
    "csv-encoding": (
        "{file}, row {row}: not UTF-8, and no other encoding fits for certain: save it as UTF-8.",
        "{file}, строка {row}: это не UTF-8, а другую кодировку надёжно определить нельзя: сохраните файл в UTF-8.",
    ),
    "csv-guessed": (
        "{file} is not UTF-8; it was read as {encoding}. If letters look wrong, save it as UTF-8.",
        "{file} — не UTF-8; файл прочитан как {encoding}. Если буквы искажены, сохраните его в UTF-8.",
    ),
    "csv-column": (
        "{file}: no column {column!r}; there are {columns}",
        "{file}: нет столбца {column!r}; есть {columns}",
    ),
    "csv-twice": (
        "{file}: column {column!r} is there twice: keep one of them",
        "{file}: столбец {column!r} встречается дважды: оставьте один",
    ),
    "csv-near": (
        "{file}: the column {column!r} is not known: write {right!r}, or give it quite another name",
        "{file}: столбец {column!r} неизвестен: напишите {right!r} или назовите его совсем иначе",
    ),
    "csv-unnamed": (
        "{file}, row {row}: a cell stands in a column without a name: name the column in the header, or remove it",
        "{file}, строка {row}: ячейка в столбце без названия: назовите столбец в заголовке или удалите его",
    ),
    "csv-more": (
        "{file}, row {row}: more cells than the header has ({cells}, not {columns}): put a text with commas in quotes",
        "{file}, строка {row}: ячеек больше, чем в заголовке ({cells}, а не {columns}): текст с запятыми возьмите "
        "в кавычки",
    ),
    "csv-fewer": (
        "{file}, row {row}: fewer cells than the header has ({cells}, not {columns}): an empty cell needs its "
        "separator too",
        "{file}, строка {row}: ячеек меньше, чем в заголовке ({cells}, а не {columns}): пустой ячейке тоже нужен "
        "разделитель",
    ),
    "csv-quote": (
        "{file}, row {row}: a stray quotation mark at “{start}”: put the whole cell in quotes, and double each "
        'quotation mark within it, as in "He said ""bye"""',
        "{file}, строка {row}: лишняя кавычка в «{start}»: возьмите в кавычки всю ячейку и удвойте кавычки внутри неё, "
        'например "Он сказал ""пока"""',
    ),
    # sentences about manifests
    "manifest-other-name": (
        "{file}: the column {column!r} is not known: write {right!r}",
        "{file}: столбец {column!r} неизвестен: напишите {right!r}",
    ),
    "manifest-no-path": (
        "{file}, row {row}: no path: name the recording, or take the row out",
        "{file}, строка {row}: не указан путь (path): назовите запись или удалите строку",
    ),
    "manifest-no-split": (
        "{file}, row {row}: no split, though other rows have one: write train, dev or test",
        "{file}, строка {row}: не указана часть (split), хотя у других строк она есть: напишите train, dev или test",
    ),
    "manifest-near-split": (
        "{file}, row {row}: the split {split!r} is not known: write {right!r}",
        "{file}, строка {row}: часть (split) {split!r} неизвестна: напишите {right!r}",
    ),
    "manifest-two-splits": (
        "{file}, row {row}: {name} is the same recording as in row {first}, in another split ({split}, {other}): "
        "keep one of them",
        "{file}, строка {row}: {name} — та же запись, что в строке {first}, но в другой части ({split}, {other}): "
        "оставьте одну",
    ),
    "manifest-two-labels": (
        "{file}, row {row}: {name} is the same recording as in row {first}, with another label ({label}, {other}): "
        "keep one of them",
        "{file}, строка {row}: {name} — та же запись, что в строке {first}, но с другой меткой ({label}, {other}): "
        "оставьте одну",
    ),
    "manifest-two-texts": (
        "{file}, row {row}: {name} is the same recording as in row {first}, with another text: keep one of them",
        "{file}, строка {row}: {name} — та же запись, что в строке {first}, но с другим текстом: оставьте одну",
    ),
    "manifest-distribution": ("a distribution", "распределение"),
    "file-fault": (
        "{file} can't be judged: the program failed on it ({kind}: {reason}). The other files are judged; please "
        "report this one.",
        "{file} не удаётся оценить: на этом файле программа дала сбой ({kind}: {reason}). Остальные файлы оценены; "
        "пожалуйста, сообщите об этом.",
    ),
    "file-missing": ("{name} is missing", "нет файла {name}"),
    "file-kind": (
        "{name} is no file: it is a folder, a pipe or a device",
        "{name} — не файл, а папка, канал или устройство",
    ),
    "file-alike": (
        "{name} is missing; {other} looks the same but is spelt otherwise: write it as the file is called",
        "нет файла {name}; {other} выглядит так же, но пишется иначе: напишите имя так, как называется файл",
    ),
    "file-elsewhere": (
        "{name} is missing: it is a path of another computer; write paths relative to the table",
        "нет файла {name}: это путь с другого компьютера; пишите пути относительно таблицы",
    ),
    "clips-skipped": (
        "{place}: {count} files were left out, which are no recordings by their endings "
        "({kinds}; “.” are hidden ones, “→” links that lead elsewhere, “?” names that are no text).",
        "{place}: пропущено файлов, судя по окончаниям — не записей: {count} "
        "({kinds}; «.» — скрытые, «→» — ссылки наружу, «?» — имена, которые не являются текстом).",
    ),
    # sentences about labels of another naming
    "labels-toml": ("{file} is not TOML: {reason}", "{file} — не TOML: {reason}"),
    "labels-listed": (
        "{file}: {name!r} must be a label or a list of labels",
        "{file}: {name!r} должно быть меткой или списком меток",
    ),
    "labels-emotion": (
        "{file}: unknown emotion {name!r}: expected one of {emotions}, or none",
        "{file}: неизвестная эмоция {name!r}: нужна одна из {emotions} или none",
    ),
    "labels-twice": (
        "{file}: {first!r} and {name!r} are both {emotion}: list all labels of it under one of them",
        "{file}: {first!r} и {name!r} — это обе {emotion}: перечислите все метки под одним именем",
    ),
    "labels-two-emotions": (
        "{file}: the label {label!r} is given to {first} and to {emotion}: keep one",
        "{file}: метка {label!r} отнесена и к {first}, и к {emotion}: оставьте одну",
    ),
    "labels-unknown": (
        'one of {emotions}; labels of your own go into a file of the form `happy = ["exc"]` and '
        '`none = ["boredom"]`: {file}',
        'одна из {emotions}; свои метки запишите в файл вида `happy = ["exc"]` и `none = ["boredom"]`: {file}',
    ),
}
