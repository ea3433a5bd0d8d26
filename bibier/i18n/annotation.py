"""Sentences about the log of annotations, and its clips."""

SENTENCES: dict[str, tuple[str, str]] = {
    "event-wrong": (
        "The annotation can't be accepted: {field} is “{value}”; expected: {expected}. Correct it and save again.",
        "Разметку нельзя принять: в поле {field} значение «{value}»; нужно: {expected}. Исправьте и сохраните снова.",
    ),
    "event-text": ("{least} to {most} printable characters", "печатные символы, от {least} до {most}"),
    "event-note": ("at most {most} bytes, without U+0000", "не больше {most} байт, без U+0000"),
    "event-newer": (
        "The annotation was made by a newer version of the program (format {version}; known up to {known}). "
        "Update the program.",
        "Разметка сделана более новой версией программы (формат {version}; известны до {known}). Обновите программу.",
    ),
    "event-not-json": (
        "This line is not an annotation in JSON ({reason}). Give a file that the program exported.",
        "Эта строка — не разметка в JSON ({reason}). Нужен файл, который выгрузила эта программа.",
    ),
    "event-other": (
        "There is already another annotation with the id {uuid}. Nothing was changed; save again under a new id.",
        "Другая разметка с идентификатором {uuid} уже есть. Ничего не изменено; сохраните под новым идентификатором.",
    ),
    "event-target": (
        "The {kind} refers to the annotation {uuid}, but another one is due. Load the clip again.",
        "Действие {kind} относится к разметке {uuid}, а сейчас очередь другой. Откройте фрагмент заново.",
    ),
    "clips-half": (
        "Nothing was added: a text of {file} holds half a character, as a cut through an emoji leaves. "
        "Correct it there.",
        "Ничего не добавлено: в тексте к {file} есть половина символа, какая остаётся от разрезанного эмодзи. "
        "Исправьте его.",
    ),
    "clips-text": (
        "Nothing was added: the words of {file}, with its other columns, are longer than {most} signs. Take them out "
        "of its row.",
        "Ничего не добавлено: текст к {file} вместе с остальными столбцами длиннее {most} знаков. Уберите его "
        "из строки.",
    ),
    "clips-none": (
        "No recording was found in {place}. Give a folder or a table with wav, flac, mp3, ogg, opus, m4a, mp4, webm "
        "or another usual format.",
        "В {place} не найдено записей. Укажите папку или таблицу с файлами wav, flac, mp3, ogg, opus, m4a, mp4, webm "
        "или другого распространённого формата.",
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
        'Reading this needs the package datasets: pip install "bibier[train]"',
        'Для чтения нужен пакет datasets: pip install "bibier[train]"',
    ),
    "clips-no-audio": (
        "The dataset {place} has no audio column. Its columns: {columns}.",
        "В наборе данных {place} нет столбца со звуком. Его столбцы: {columns}.",
    ),
    "clips-row": (
        "Row {row}: {field} is “{value}”; expected: {expected}.",
        "Строка {row}: в поле {field} значение «{value}»; ожидается: {expected}.",
    ),
    "clips-row-wrong": ("Row {row}: {reason}", "Строка {row}: {reason}"),
    "clips-same": ("not the recording of row {row}", "не та запись, что в строке {row}"),
    "clips-two-labels": (
        "the recording is there twice, with another label or text in row {first}: keep one of them",
        "запись встречается дважды, в строке {first} у неё другая метка или текст: оставьте одну",
    ),
    "clips-file": ("an existing file", "существующий файл"),
    "import-beside": ("a recording beside the file of tasks", "запись рядом с файлом заданий"),
    "clips-outside": (
        "a recording, or a file in the list's own folder",
        "звуковой файл или файл в папке самого списка",
    ),
    "clips-seconds": ("seconds, 0 or more", "секунды, 0 или больше"),
    # sentences about exports, and their way back
    "export-exists": (
        "{file} already exists and was left as it is. Choose another name, or add --replace.",
        "{file} уже существует и оставлен без изменений. Выберите другое имя или добавьте --replace.",
    ),
    "export-input": (
        "{file} is what is read here, or a database, and was left as it is. Choose another name.",
        "{file} — то, что здесь читается, или база данных; файл оставлен без изменений. Выберите другое имя.",
    ),
    "export-other-folder": (
        "{file} is not a dataset of this program and was left as it is. Choose another folder.",
        "{file} — не набор данных этой программы; всё оставлено как было. Выберите другую папку.",
    ),
    "export-blind-events": (
        "Events are exported whole. Leave --blind-only out, or choose a table.",
        "События экспортируются целиком. Уберите --blind-only или выберите таблицу.",
    ),
    "export-failed": (
        "{file} could not be written ({reason}). What was there is unchanged; free some space or choose another place.",
        "Не удалось записать {file} ({reason}). Прежнее содержимое не изменилось; освободите место или выберите "
        "другую папку.",
    ),
    "export-push": (
        "The dataset could not be pushed to {name} ({reason}). What is there is unchanged. Log in with `hf auth "
        "login`, or set HF_TOKEN to a token that may write.",
        "Не удалось отправить набор данных в {name} ({reason}). Прежнее содержимое не изменилось. Войдите через `hf "
        "auth login` или задайте HF_TOKEN с правом записи.",
    ),
    "export-push-public": (
        "{name} already exists and everybody can see it; nothing was sent. Add --public if you want that, or choose "
        "another name.",
        "{name} уже существует и виден всем; ничего не отправлено. Добавьте --public, если так и нужно, или выберите "
        "другое имя.",
    ),
    "export-no-labels": (
        "The project “{project}” has no labels to export.",
        "В проекте «{project}» нет разметки для экспорта.",
    ),
    "export-missing": (
        "Nothing was written: {count} recordings are not where they were, first {file}. Put them back, or import the "
        "folder again.",
        "Ничего не записано: не на месте записей: {count}, первая — {file}. Верните их или заново импортируйте папку.",
    ),
    "export-changed": (
        "Nothing was written: {file} is not the recording that was labelled. Put that back, or import its folder "
        "again.",
        "Ничего не записано: {file} — не та запись, которую размечали. Верните её или заново импортируйте её папку.",
    ),
    "import-line": (
        "{file}, line {line}, is not an export of this program ({reason}). Nothing was imported.",
        "{file}, строка {line}: это не выгрузка этой программы ({reason}). Ничего не загружено.",
    ),
    "import-ragged": (
        "a row has more or fewer cells than the header",
        "в строке больше или меньше ячеек, чем в заголовке",
    ),
    "import-no-tasks": (
        "{file} is not a list of Label Studio tasks, the only JSON that is read here. Export “JSON” there, or give "
        "another file.",
        "{file} — не список заданий Label Studio; другой JSON здесь не читается. Выгрузите оттуда «JSON» или укажите "
        "другой файл.",
    ),
    "import-task": (
        "{file}, task {task}: {reason} Nothing was imported.",
        "{file}, задание {task}: {reason} Ничего не загружено.",
    ),
    "import-no-file": (
        "its recording “{file}” is not next to the file. Put it there, under its own name.",
        "записи «{file}» рядом с файлом нет. Положите её туда под её именем.",
    ),
    "import-choices": (
        "{count} emotions are chosen ({choices}), but no shares are given. Give one choice, or a number for each "
        "emotion.",
        "выбрано эмоций: {count} ({choices}), а доли не указаны. Нужен один выбор или число для каждой эмоции.",
    ),
    "import-not-labels": (
        "{file} is the export “{kind}”: neither people's first answers nor a list of recordings. Use the export "
        "“events”, “long” or “wide”.",
        "{file} — выгрузка «{kind}»: это не исходная разметка людей и не список записей. Укажите выгрузку «events», "
        "«long» или «wide».",
    ),
    "import-wide": (
        "{file} has no confidence, notes or times: labels are imported without them. The export “events” has "
        "everything.",
        "В {file} нет уверенности, заметок и времени: метки загружены без них. Всё есть в выгрузке «events».",
    ),
    "import-column": ("no column {column}", "нет столбца {column}"),
    # sentences about what the Annotate tab refuses
    "annotate-name": (
        "Every label carries a name: enter yours (1 to 80 characters).",
        "У каждой метки указан автор: введите своё имя (от 1 до 80 знаков).",
    ),
    "annotate-project": (
        "There is no project “{name}” here. Choose one from the list, or create it from a folder or a list of "
        "recordings.",
        "Проекта «{name}» здесь нет. Выберите другой или создайте его из папки или списка записей.",
    ),
    "annotate-clip": (
        "This clip is not in the project “{project}”. Reload the page.",
        "Этого фрагмента нет в проекте «{project}». Обновите страницу.",
    ),
    "annotate-untouched": (
        "Nothing was set on this clip: an untouched label is not saved. Move a bar, or skip the clip.",
        "Для этого фрагмента ничего не задано: нетронутая разметка не сохраняется. Сдвиньте шкалу или пропустите его.",
    ),
    "annotate-points": (
        "A label is {count} whole numbers from 0 to 100 that add up to 100, not {value}. Reload the page.",
        "Разметка состоит из {count} целых чисел от 0 до 100 с суммой 100, а не {value}. Обновите страницу.",
    ),
    "annotate-field": (
        "The page sent something unexpected ({name}). Reload it.",
        "Страница прислала неожиданное значение ({name}). Обновите её.",
    ),
    "annotate-note": (
        "A note may have {most} characters, this one has {count}. Shorten it and save again.",
        "В заметке может быть не больше {most} знаков, а в этой {count}. Сократите её и сохраните ещё раз.",
    ),
    "annotate-uncommitted": (
        "The model's opinion is shown after your own is saved. Save this clip first.",
        "Мнение модели видно только после того, как сохранено ваше. Сначала сохраните этот фрагмент.",
    ),
    "annotate-ask-waits": (
        "The language model is still at your last question. Ask again when it has answered.",
        "Языковая модель ещё отвечает на ваш прошлый вопрос. Спросите снова, когда она ответит.",
    ),
    "annotate-many-wait": (
        "Many people are waiting for this at the moment. Try again in a minute.",
        "Сейчас этого ждут многие. Попробуйте через минуту.",
    ),
    "annotate-export-waits": (
        "Your last export is still being made. Wait until it is there, then ask again.",
        "Ваша предыдущая выгрузка ещё готовится. Дождитесь её и повторите.",
    ),
    "annotate-others": (
        "This label was given under a different name than the one signed in now. It stays in this browser until its "
        "author signs in here.",
        "Эту разметку дал не тот, кто сейчас вошёл. Она останется в этом браузере, пока её автор не войдёт здесь.",
    ),
    "annotate-labels": (
        "This project has no “{name}”: its labels are {names}.",
        "В этом проекте нет метки «{name}»: есть {names}.",
    ),
    "annotate-third": (
        "Nobody can both label a clip and decide on it: a third person decides.",
        "Размечать фрагмент и выносить по нему решение должны разные люди: решает третий.",
    ),
    "annotate-few": (
        "There is nothing to decide yet: fewer than two people have labelled this clip.",
        "Решать пока нечего: этот фрагмент разметило меньше двух человек.",
    ),
    "annotate-folder": (
        "The folder “{name}” can't be listed ({reason}). Choose another one.",
        "Не удаётся показать содержимое папки «{name}» ({reason}). Выберите другую.",
    ),
    "annotate-elsewhere": (
        "Projects can be created from a path only where the app runs for this computer alone. Ask the administrator "
        "of this server to create one.",
        "Создать проект по пути можно, только если приложение запущено для одного этого компьютера. Попросите "
        "администратора сервера создать его.",
    ),
    # sentences about the agreement of people
    "agreement-alone": (
        "Agreement needs labels of at least two people.",
        "Чтобы посчитать согласованность, нужны метки хотя бы двух человек.",
    ),
    "agreement-no-pairs": (
        "No clip has been labelled by two people yet: set the number of annotators per clip to 2 or more.",
        "Пока нет фрагмента, размеченного двумя людьми: задайте не менее 2 разметчиков на фрагмент.",
    ),
    "agreement-few": (
        "Shown from {fewest} clips on.",
        "Показывается начиная с {fewest} фрагментов.",
    ),
    "agreement-one-value": (
        "Everybody gave the same value everywhere, so agreement can't be told from chance.",
        "Все везде поставили одно и то же значение, поэтому согласие нельзя отличить от случайности.",
    ),
    # sentences about where annotations live, and about their copies in a dataset
    "app-read-only": (
        "Annotations can't be kept in {place} ({reason}). Start in a folder that can be written to, or name a database "
        "in one: sqlite:////FOLDER/bibier.db as --database of the app, --store of a command, or $BIBIER_DATABASE.",
        "Хранить разметку в {place} нельзя ({reason}). Запустите программу в папке, открытой для записи, или укажите "
        "базу данных в такой папке: sqlite:////ПАПКА/bibier.db — в --database приложения, в --store команды или в "
        "$BIBIER_DATABASE.",
    ),
    "keeping-server": ("Annotations are kept in a database server.", "Разметка хранится на сервере базы данных."),
    "keeping-bucket": (
        "Annotations are kept in the mounted {place}.",
        "Разметка хранится на подключённом диске: {place}.",
    ),
    "keeping-backup": (
        "Annotations are copied to the dataset {place} every few minutes; recordings are not.",
        "Разметка каждые несколько минут копируется в набор данных {place}; записи — нет.",
    ),
    "keeping-disk": ("Annotations are kept in {place}.", "Разметка хранится в {place}."),
    "keeping-forgets": (
        "Annotations will be LOST when this Space restarts: they are on its own disk ({place}). Save an export, or "
        "give the Space a database or a backup dataset.",
        "Разметка ПРОПАДЁТ при перезапуске этого Space: она лежит на его собственном диске ({place}). Сохраните "
        "выгрузку или подключите к Space базу данных или резервный набор данных.",
    ),
    "backup-never": ("Nothing has been copied yet.", "Пока ничего не скопировано."),
    "backup-done": ("Last copy: {time} UTC.", "Последняя копия: {time} UTC."),
    "backup-last-failed": ("Copying failed at {time} UTC: {reason}", "Сбой копирования в {time} UTC: {reason}"),
    "backup-failed": (
        "the Hub did not accept it ({reason}); it will be tried again.",
        "Hub не принял данные ({reason}); попытка повторится.",
    ),
    "backup-unread": (
        "{count} lines in the dataset {name} can't be read and were left there; everything else came back.",
        "Нечитаемых строк в наборе данных {name}: {count}. Они остались там; остальное восстановлено.",
    ),
    "backup-open": (
        "the dataset {name} is open to everybody. Make it private in its settings.",
        "набор данных {name} открыт для всех. Закройте его в настройках.",
    ),
}
