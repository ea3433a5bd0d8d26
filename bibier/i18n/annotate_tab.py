"""The sentences of the Annotate tab, in English and in Russian: key → (en, ru). Part of `page.STRINGS`."""

ANNOTATE: dict[str, tuple[str, str]] = {
    "tab_analyse": ("Analyse", "Анализ"),
    "tab_annotate": ("Annotate", "Разметка"),
    "relabel": (
        "Label this recording",
        "Разметить эту запись",
    ),
    "relabel_nothing": (
        "Nothing to label yet. Analyse a recording first.",
        "Размечать пока нечего: сначала проанализируйте запись.",
    ),
    # who and what
    "project": ("Project", "Проект"),
    "project_more": ("This project", "О проекте"),
    "project_new": ("New project…", "Новый проект…"),
    "project_name": (
        "Name",
        "Название",
    ),
    "project_make": (
        "Create",
        "Создать",
    ),
    "project_making": ("Reading the files…", "Читаем файлы…"),
    "project_read": ("Reading the files… {done} of {total}", "Читаем файлы… {done} из {total}"),
    "project_first": (
        "There are no projects yet. Create one from a folder of recordings or a CSV list.",
        "Проектов пока нет. Создайте проект из папки с записями или списка CSV.",
    ),
    "project_empty": (
        "This project has no clips.",
        "В этом проекте нет фрагментов.",
    ),
    "set_title": ("Settings", "Настройки"),
    "set_proposals": (
        "Suggestions",
        "Предложения",
    ),
    "proposals_hidden": ("hidden until saved", "скрыты до сохранения"),
    "proposals_shown": ("shown from the start", "видны сразу"),
    "set_wanted": ("Annotators per clip", "Разметчиков на фрагмент"),
    "set_order": ("Order", "Порядок"),
    "order_given": ("as given", "как задано"),
    "order_random": ("random", "случайный"),
    "order_uncertain": ("model least certain first", "где модель не уверена"),
    "order_modalities": ("voice and words at odds first", "где голос и слова расходятся"),
    "order_people": ("people at odds first", "где люди расходятся"),
    "set_share": (
        "Random share, %",
        "Доля случайных, %",
    ),
    "set_repeats": ("Repeats, %", "Повторов, %"),
    "set_labels": ("Labels", "Метки"),
    "set_guidelines": ("Guidelines of this project", "Правила этого проекта"),
    "set_guidelines_hint": (
        "Markdown. Everybody sees them when they first open the project.",
        "Markdown. Каждый увидит их, когда впервые откроет проект.",
    ),
    "browse": ("Browse…", "Выбрать…"),
    "browse_title": ("Choose a folder, a list or an export", "Выберите папку, список или выгрузку"),
    "browse_take": ("Take this folder", "Взять эту папку"),
    "begin_title": ("Label your first clips", "Разметьте первые фрагменты"),
    "begin_words": (
        "Try it on the examples that come with the app, or take your own recordings: a folder, a list, or labels that "
        "were exported.",
        "Попробуйте на примерах из приложения или возьмите свои записи: папку, список или выгруженную разметку.",
    ),
    "begin_demo": ("Try a demo project", "Открыть пробный проект"),
    "begin_own": ("Use my own recordings", "Взять свои записи"),
    "list_title": ("Clips", "Фрагменты"),
    "list_search": ("Search the words, or a clip's number", "Искать в тексте или по номеру фрагмента"),
    "list_filter": ("Which clips", "Какие фрагменты"),
    "list_all": ("all", "все"),
    "list_left": ("to do", "не размечен"),
    "list_done": ("done", "размечен"),
    "list_skipped": ("skipped", "пропущен"),
    "list_review": ("to decide on: others differ", "на решение: разметили другие"),
    "list_labels": ("labels: {count}", "разметок: {count}"),
    "list_found": ("Clips found: {count}", "Найдено фрагментов: {count}"),
    "list_more": ("Show more", "Показать ещё"),
    "people_title": ("Everybody", "Участники"),
    "people_name": ("Name", "Имя"),
    "people_done": ("Labels", "Разметок"),
    "people_seconds": ("Median time", "Медиана времени"),
    "people_pace": ("Per hour", "В час"),
    "people_last": ("Last one", "Последняя"),
    "people_none": ("Nobody has labelled anything yet.", "Пока никто ничего не разметил."),
    "mode_review": (
        "You decide: this is what others said. Your decision is kept apart from their labels.",
        "Решаете вы: вот что сказали другие. Ваше решение хранится отдельно от их разметки.",
    ),
    "set_apply": ("Apply", "Применить"),
    "set_done": ("The settings are changed.", "Настройки изменены."),
    "export_title": ("Export", "Экспорт"),
    "export_format": ("Format", "Формат"),
    "export_save": (
        "Save file",
        "Сохранить файл",
    ),
    "export_done": (
        "Your browser is saving the file.",
        "Браузер сохраняет файл.",
    ),
    "format_events": ("every event (JSONL)", "все события (JSONL)"),
    "format_long": ("a row per label (CSV)", "строка на разметку (CSV)"),
    "format_wide": ("a row per clip (CSV)", "строка на фрагмент (CSV)"),
    "format_decisions": ("decisions of a third person (CSV)", "решения третьего человека (CSV)"),
    "format_proposals": (
        "model suggestions (CSV)",
        "предложения моделей (CSV)",
    ),
    "format_lewidi": ("LeWiDi (JSON)", "как LeWiDi (JSON)"),
    "format_chaosnli": ("like ChaosNLI (JSONL)", "как ChaosNLI (JSONL)"),
    "format_ls-llm": ("soft labels for training (CSV)", "мягкие метки для обучения (CSV)"),
    "format_label-studio": ("Label Studio (JSON)", "JSON для Label Studio"),
    "format_manifest": ("manifest for training (CSV)", "манифест для обучения (CSV)"),
    "advise": ("Ask the language model", "Спросить языковую модель"),
    "advising": (
        "Asking the language model…",
        "Спрашиваем языковую модель…",
    ),
    "key_advise": ("save, and ask the language model", "сохранить и спросить языковую модель"),
    "source": ("Folder, list or export", "Папка, список или выгрузка"),
    "source_hint": ("/path/to/recordings", "/путь/к/записям"),
    "annotator": ("Your name", "Ваше имя"),
    "annotator_hint": (
        "shown next to your labels",
        "будет указано рядом с разметкой",
    ),
    "annotator_first": (
        "Enter your name to begin.",
        "Чтобы начать, введите имя.",
    ),
    "progress": (
        "Progress",
        "Прогресс",
    ),
    "far": ("{done} of {total}", "{done} из {total}"),
    "all_done": (
        "All clips are labelled. Thank you! Ctrl+Z reopens the last one.",
        "Все фрагменты размечены. Спасибо! Ctrl+Z вернёт последний.",
    ),
    # the clip
    "clip": (
        "Clip",
        "Фрагмент",
    ),
    "clip_id": ("Clip {id}", "Фрагмент {id}"),
    "spent": ("Time on this clip", "Время на этот фрагмент"),
    "spent_seconds": ("{value} s", "{value} с"),
    "transcript_none": ("No transcript", "Текста нет"),
    "play": (
        "Play",
        "Воспроизвести",
    ),
    "pause": ("Pause", "Пауза"),
    "replay": (
        "Start over",
        "Сначала",
    ),
    "position": (
        "Position",
        "Позиция",
    ),
    "speed": ("Speed", "Скорость"),
    "loop": (
        "Loop",
        "Повтор",
    ),
    "loop_off": ("off", "нет"),
    "autoplay": (
        "Autoplay",
        "Автовоспроизведение",
    ),
    "clip_changed": (
        "This clip's file has changed, so it can't be played. Restore the original, or skip the clip.",
        "Файл этого фрагмента изменился, поэтому он не воспроизводится. Верните прежний файл или пропустите фрагмент.",
    ),
    "clip_gone": (
        "This clip's file is missing. Put it back, or skip the clip.",
        "Файл этого фрагмента пропал. Верните его или пропустите фрагмент.",
    ),
    "clip_lost": (
        "The sound didn't load. Once you are back online, press R or reload the page.",
        "Звук не загрузился. Когда связь восстановится, нажмите R или обновите страницу.",
    ),
    # the bars
    "label_card": (
        "Label",
        "Разметка",
    ),
    "question": ("What do you hear?", "Что вы слышите?"),
    "bars": (
        "Emotion shares, 100 in total",
        "Доли эмоций, всего 100",
    ),
    "bar_unset": ("not set", "не задано"),
    "bar_locked_word": ("locked", "закреплено"),
    "bar_lock": ("Lock {name}", "Закрепить: {name}"),
    "bar_locked": (
        "{name} is locked. Press L to unlock it.",
        "{name}: закреплено. Нажмите L, чтобы открепить.",
    ),
    "bar_is_locked": ("{name} is locked.", "{name}: закреплено."),
    "bar_is_free": (
        "{name} is unlocked.",
        "{name}: откреплено.",
    ),
    "bar_give": ("{name}: a click does what key {key} does", "{name}: щелчок делает то же, что клавиша {key}"),
    "bars_empty": (
        "Nothing is set yet: press 1–7 or drag a bar.",
        "Пока ничего не задано: нажмите 1–7 или сдвиньте шкалу.",
    ),
    "bars_cleared": ("Cleared.", "Очищено."),
    "sum_none": (
        "Empty. Press 1–{last}, drag a bar, or type a number.",
        "Пусто. Нажмите 1–{last}, сдвиньте шкалу или введите число.",
    ),
    "sum_whole": ("Sum: 100", "Сумма: 100"),
    "sum_open": (
        "{given} of 100 given. {rest} are open; Enter asks where they go.",
        "Роздано {given} из 100. Ещё {rest} не отданы никому: Enter спросит, куда их.",
    ),
    "fill_ask": ("{rest} points are not given yet. Where do they go?", "Ещё не роздано: {rest}. Кому их отдать?"),
    "fill_proportion": ("In proportion to what is set", "Пропорционально заданному"),
    "fill_neutral": ("To neutral", "Нейтральной"),
    "fill_even": ("Evenly to the rest", "Поровну остальным"),
    "fill_back": ("Go on editing (Esc)", "Вернуться к правке (Esc)"),
    "preset": ("Two: 70 / 30", "Две: 70 / 30"),
    "preset_first": ("70 / 30: press the digit of the main emotion.", "70 / 30: нажмите цифру главной эмоции."),
    "preset_second": ("Now the second one.", "Теперь вторую."),
    "hard": (
        "Only one",
        "Только одна",
    ),
    "clear": ("Clear", "Очистить"),
    "guide": ("Guidelines", "Правила"),
    "confidence": ("How sure are you?", "Насколько вы уверены?"),
    "confidence_0": ("guessing", "наугад"),
    "confidence_1": ("unsure", "не очень"),
    "confidence_2": ("fairly", "вполне"),
    "confidence_3": ("sure", "уверенно"),
    "note_label": ("Note", "Заметка"),
    "note_hint": ("A note (N)", "Заметка (N)"),
    # acts
    "save": ("Save and next", "Сохранить и дальше"),
    "back": ("Back", "Назад"),
    "skip": ("Skip", "Пропустить"),
    "undo": ("Undo", "Отменить"),
    "redo": ("Redo", "Вернуть"),
    "reveal": ("Save and compare", "Сохранить и сравнить"),
    "close": ("Close", "Закрыть"),
    "skip_why": (
        "Why skip?",
        "Почему пропускаем?",
    ),
    "skip_unclear": ("I can't tell", "Не могу определить"),
    "skip_voices": ("Several people speak", "Говорят несколько человек"),
    "skip_silent": ("No speech, or bad sound", "Нет речи или плохой звук"),
    "skip_later": ("Later", "Позже"),
    "skip_other": (
        "Other",
        "Другое",
    ),
    "skipped": (
        "Skipped ({reason}). The clip will come back.",
        "Пропущено ({reason}). Фрагмент ещё вернётся.",
    ),
    "skipped_before": ("You skipped this before: {reason}", "Вы его уже пропускали: {reason}"),
    "saving": ("Saving: {count}", "Сохраняем: {count}"),
    "no_clip_key": (
        "There is no clip here yet: nothing came of that key.",
        "Фрагмента пока нет: нажатие ничего не изменило.",
    ),
    "next_waits": (
        "What you gave is on its way. The next clip comes as soon as the app answers.",
        "Ваша разметка отправляется. Следующий фрагмент появится, как только приложение ответит.",
    ),
    "also_tab": (
        "This name is open in another tab of this browser too. Labels of both are kept; of one clip, the last counts.",
        "Под этим именем открыта ещё одна вкладка этого браузера. Сохраняется разметка из обеих; для одного фрагмента "
        "считается последняя.",
    ),
    "also_person": (
        "Somebody works under this name in another browser too. If that isn't you, take another name: of two labels of "
        "one clip, only the later counts.",
        "Под этим именем кто-то работает и в другом браузере. Если это не вы, возьмите другое имя: из двух разметок "
        "одного фрагмента считается только последняя.",
    ),
    "saved": ("Saved", "Сохранено"),
    "saved_late": (
        "You are back online, and your label is saved.",
        "Связь восстановлена, разметка сохранена.",
    ),
    "unchanged": (
        "No changes",
        "Изменений нет",
    ),
    "untouched": (
        "Not saved: nothing is set on this clip. Move a bar, or skip the clip (S).",
        "Не сохранено: для фрагмента ничего не задано. Сдвиньте шкалу или пропустите его (S).",
    ),
    "offline": (
        "The server isn't responding.",
        "Сервер не отвечает.",
    ),
    "offline_kept": (
        "Not saved yet: the app does not answer. Waiting: {count}. Your label is kept in this browser and will be "
        "saved as soon as it does.",
        "Пока не сохранено: приложение не отвечает. Ждут отправки: {count}. Разметка лежит в этом браузере и "
        "сохранится, как только оно ответит.",
    ),
    "refused_kept": (
        "{reason} Waiting: {count}. Your label is kept in this browser and will be sent again by itself.",
        "{reason} Ждут отправки: {count}. Разметка лежит в этом браузере и отправится снова сама.",
    ),
    "draft_back": (
        "Your unfinished label was restored.",
        "Незаконченная разметка восстановлена.",
    ),
    "back_none": (
        "There is no earlier clip.",
        "Более раннего фрагмента нет.",
    ),
    "undone": (
        "Undone: this is no longer saved. Correct it and press Enter, or bring it back with Ctrl+Shift+Z.",
        "Отменено: это больше не сохранено. Исправьте и нажмите Enter или верните всё как было: Ctrl+Shift+Z.",
    ),
    "redone": (
        "Redone.",
        "Возвращено.",
    ),
    "undo_none": (
        "Nothing to undo.",
        "Отменять нечего.",
    ),
    "redo_none": (
        "Nothing to redo.",
        "Возвращать нечего.",
    ),
    # proposals
    "opinion_hidden": (
        "The model's suggestion stays hidden until you save yours.",
        "Предложение модели скрыто, пока вы не сохраните своё.",
    ),
    "opinion_none": (
        "No suggestions for this clip.",
        "Для этого фрагмента предложений нет.",
    ),
    "opinion_model": ("Model: {name}", "Модель: {name}"),
    "opinion_words": ("Language model: {name}", "Языковая модель: {name}"),
    "revealed": (
        "Saved. Here is the other opinion. If you now change yours, that is recorded.",
        "Сохранено. Вот другое мнение. Если вы измените своё, это будет отмечено.",
    ),
    # guidelines and keys
    "guide_1": (
        "Judge what you hear in this clip: the voice and the words together, not what you know of the speaker.",
        "Судите о том, что слышно в этом фрагменте, — о голосе и словах вместе, а не о том, что знаете о говорящем.",
    ),
    "guide_2": (
        "Share out 100 points: as you would expect a hundred attentive listeners to answer.",
        "Распределите 100 баллов так, как, по-вашему, ответили бы сто внимательных слушателей.",
    ),
    "guide_3": (
        "A clear case may be 100 for one emotion. A mixture is no failure: give each emotion its share.",
        "В ясном случае отдайте все 100 одной эмоции. Смесь — не ошибка: дайте каждой эмоции её долю.",
    ),
    "guide_4": (
        "Neutral means that no emotion is heard. If you can't tell, lower your confidence or skip the clip.",
        "«Нейтрально» — значит, эмоции не слышно. Если не можете решить, понизьте уверенность или пропустите фрагмент.",
    ),
    "guide_5": (
        "Decide before you look at any other opinion.",
        "Решайте до того, как увидите чужое мнение.",
    ),
    "keys": ("Keys", "Клавиши"),
    "key_add": ("5 points more", "на 5 баллов больше"),
    "key_less": ("5 points less", "на 5 баллов меньше"),
    "key_lock": ("lock the last bar", "закрепить последнюю шкалу"),
    "key_clear": ("clear", "очистить"),
    "key_hard": ("the largest alone", "только самая большая"),
    "key_preset": ("70 / 30, then two digits", "70 / 30, затем две цифры"),
    "key_save": ("save and next", "сохранить и дальше"),
    "key_back": ("one clip back", "на фрагмент назад"),
    "key_skip": ("skip with a reason", "пропустить с причиной"),
    "key_reveal": ("save and compare", "сохранить и сравнить"),
    "key_undo": ("undo; with ⇧, redo", "отменить; с ⇧ — вернуть"),
    "key_confidence": ("how sure", "уверенность"),
    "key_note": ("write a note, Esc to leave", "заметка, Esc — выйти"),
    "key_play": ("play or pause", "слушать или пауза"),
    "key_replay": ("replay", "сначала"),
    "key_speed": ("slower, faster", "медленнее, быстрее"),
    "key_loop": ("loop from, to, off", "петля: от, до, снять"),
}
