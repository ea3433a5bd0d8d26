"""The sentences of the Agreement tab, in English and in Russian: key → (en, ru). Part of `page.STRINGS`."""

AGREEMENT: dict[str, tuple[str, str]] = {
    "tab_agreement": (
        "Agreement",
        "Согласованность",
    ),
    "agree_project": ("Project", "Проект"),
    "agree_nobody": (
        "Nothing has been labelled here yet. This page compares the labels of two or more people.",
        "Здесь пока ничего не размечено. Эта страница сравнивает разметку двух и более людей.",
    ),
    "agree_no_project": (
        "There are no projects yet. Create one on the Annotate tab.",
        "Проектов пока нет. Создайте проект на вкладке «Разметка».",
    ),
    "agree_who": (
        "People: {people}. Labelled clips: {clips}, by two or more: {shared}.",
        "Людей: {people}. Размечено фрагментов: {clips}, из них двумя и более: {shared}.",
    ),
    "agree_sighted": (
        "Not counted: {count} labels made with a suggestion in sight.",
        "Не учтено меток, поставленных при видимой подсказке: {count}.",
    ),
    "agree_blind": (
        "Only labels made before seeing a suggestion count.",
        "Учитываются только метки, поставленные до показа подсказки.",
    ),
    "agree_few": (
        "The figures appear once {fewest} clips have labels from two people.",
        "Показатели появятся, когда {fewest} фрагментов получат метки от двух человек.",
    ),
    "agree_groups": (
        "Each person's labels are counted {size} at a time, so no figure gives a single label away.",
        "Метки каждого учитываются по {size}, поэтому отдельную метку по показателям не узнать.",
    ),
    "agree_how": (
        "How well people agree",
        "Насколько люди согласны",
    ),
    "agree_alpha": ("Alpha", "Альфа"),
    "agree_alpha_is": (
        "Krippendorff's alpha: 1 is full agreement, 0 is chance. For classes, 0.80 counts as reliable and 0.67 as "
        "tentative. Interval: 95%, from a bootstrap over clips.",
        "Альфа Криппендорфа: 1 — полное согласие, 0 — случайность. Для классов 0,80 считается надёжным, 0,67 — "
        "предварительным. Интервал — 95\u00a0%, бутстреп по фрагментам.",
    ),
    "agree_measure": ("Compared by", "Сравнение по"),
    "agree_interval": ("Interval", "Интервал"),
    "agree_clips": ("Clips", "Фраг\u00adменты"),
    "agree_jsd": ("distributions, Jensen–Shannon", "распределениям, Йенсен — Шеннон"),
    "agree_manhattan": ("distributions, half Manhattan", "распределениям, половина манхэттенского расстояния"),
    "agree_nominal": ("largest class", "главному классу"),
    "agree_tied": (
        "Labels without a single largest class, left out of the last row: {count}.",
        "Меток без единственного главного класса, не учтённых в последней строке: {count}.",
    ),
    "agree_labels": ("By label", "По меткам"),
    "agree_label": ("Label", "Метка"),
    "agree_emotions": ("By emotion", "По эмоциям"),
    "agree_emotion": ("Emotion", "Эмоция"),
    "agree_pairs": ("By pair of people (Jensen–Shannon)", "По парам (Йенсен — Шеннон)"),
    "agree_pairs_bounded": (
        "Of the {most} people with the most labels.",
        "Для {most} человек с наибольшим числом меток.",
    ),
    "agree_people_bounded": (
        "Only the {most} people with the most labels are compared; left out: {count}.",
        "Сравниваются {most} человек с наибольшим числом меток; не учтено людей: {count}.",
    ),
    "agree_pair": ("People", "Люди"),
    "agree_pair_of": ("{first} and {second}", "{first} и {second}"),
    "agree_worst": ("Most disputed", "Самые спорные"),
    "agree_worst_none": (
        "No clip has been labelled by two people.",
        "Ни один фрагмент не размечен двумя людьми.",
    ),
    "agree_worst_is": ("What each person said before seeing a suggestion.", "Что сказал каждый до показа подсказки."),
    "agree_unseen": (
        "Clips whose labels you will see once you have labelled them yourself: {count}.",
        "Фрагментов, чужие метки которых вы увидите, когда разметите их сами: {count}.",
    ),
    "agree_unseen_nameless": (
        "Clips with labels from two people: {count}. Enter your name on the Annotate tab: you see a clip's labels once "
        "you have labelled it yourself.",
        "Фрагментов с метками двух и более человек: {count}. Введите имя на вкладке «Разметка»: чужие метки фрагмента "
        "видны, когда вы разметили его сами.",
    ),
    "agree_worst_open": ("Open in the editor", "Открыть в редакторе"),
    "agree_worst_play": ("Play clip {id}", "Слушать фрагмент {id}"),
    "agree_worst_pause": ("Pause clip {id}", "Пауза, фрагмент {id}"),
    "agree_worst_lost": ("This clip's sound could not be loaded.", "Не удалось загрузить звук этого фрагмента."),
    "agree_level_none": (
        "People agree no more than by chance (alpha {value}).",
        "Согласованность не выше случайной (альфа {value}).",
    ),
    "agree_level_barely": (
        "People agree, but barely above chance (alpha {value}).",
        "Согласованность чуть выше случайной (альфа {value}).",
    ),
    "agree_level_some": (
        "People agree in part: clearly above chance, far from unanimous (alpha {value}).",
        "Согласованность частичная: заметно выше случайной, но далеко не полная (альфа {value}).",
    ),
    "agree_level_well": ("People agree well (alpha {value}).", "Согласованность хорошая (альфа {value})."),
    "agree_level_fully": (
        "People agree almost fully (alpha {value}).",
        "Согласованность почти полная (альфа {value}).",
    ),
    "agree_confusion": ("When one says this, another says…", "Когда один говорит это, другой говорит…"),
    "agree_confusion_is": (
        "Each row sums to 100%. The points of a mixed label are split between its emotions.",
        "Каждая строка в сумме даёт 100\u00a0%. Баллы смешанной метки делятся между эмоциями.",
    ),
    "agree_self": ("With themselves", "С самими собой"),
    "agree_self_is": (
        "Clips shown to the same person twice, unannounced (Jensen–Shannon).",
        "Фрагменты, которые человек без предупреждения получил второй раз (Йенсен — Шеннон).",
    ),
    "agree_person": ("Person", "Кто"),
    "agree_gold": ("Against the gold clips", "По сравнению с эталоном"),
    "agree_gold_is": (
        "Clips marked “gold” in their list. Same class: the share of clips with the same largest emotion. Distance: "
        "the share of points that would have to move.",
        "Фрагменты, отмеченные в списке как «gold». Тот же класс — доля фрагментов с той же главной эмоцией. "
        "Расхождение — доля баллов, которые пришлось бы переложить.",
    ),
    "agree_gold_same": ("Same class", "Тот же класс"),
    "agree_gold_apart": ("Distance", "Расхождение"),
    "agree_one_says": ("One says", "Один говорит"),
    "agree_clip": ("Clip {id}: {value}\u00a0bit, {people} people", "Фрагмент {id}: {value}\u00a0бит, людей: {people}"),
    "agree_moves": ("After seeing a suggestion", "После показа подсказки"),
    "agree_moves_none": ("Nobody has looked at a suggestion yet.", "Подсказок пока никто не смотрел."),
    "agree_moves_few": (
        "Shown once suggestions have been looked at {fewest} times.",
        "Показывается после {fewest} просмотров подсказок.",
    ),
    "agree_source": ("Suggestion by", "Чья подсказка"),
    "agree_shown": ("Shown", "Показано"),
    "agree_changed": ("Changed", "Изменено"),
    "agree_distance": ("Moved by", "Сдвиг"),
    "agree_nearer": ("Towards it", "К подсказке"),
    "agree_moves_is": (
        "Moved by: the share of the 100 points that changed place, averaged over all shown. Towards it: how much "
        "closer to the suggestion the label came; negative means away from it.",
        "Сдвиг: какая доля из 100 баллов сменила место, в среднем по всем показам. К подсказке: насколько метка к "
        "ней приблизилась; отрицательное — удалилась.",
    ),
    "agree_picture": ("What was chosen", "Что выбирали"),
    "agree_share": ("Share of all points", "Доля всех баллов"),
    "agree_entropy": ("Entropy of a label, bit", "Энтропия метки, бит"),
    "agree_entropy_of": ("{low}–{high}\u00a0bit: {count}", "{low}–{high}\u00a0бит: {count}"),
    "agree_table": ("Show as a table", "Показать в виде таблицы"),
}
