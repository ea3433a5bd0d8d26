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
        "Не учтено разметок, сделанных при видимом предложении: {count}.",
    ),
    "agree_blind": (
        "Only labels made before seeing a suggestion count.",
        "Учитывается только разметка, сделанная до показа предложения.",
    ),
    "agree_how": (
        "How well people agree",
        "Насколько люди согласны",
    ),
    "agree_alpha": ("Alpha", "Альфа"),
    "agree_alpha_is": (
        "Krippendorff's alpha: 1 is full agreement, 0 is chance. For classes, 0.80 counts as firm and 0.67 as "
        "tentative. Interval: 95 % of the bootstrap over clips.",
        "Альфа Криппендорфа: 1 — полное согласие, 0 — случайность. Для классов 0,80 считается надёжным, "
        "0,67 — предварительным. Интервал: 95 % бутстрепа по фрагментам.",
    ),
    "agree_measure": ("Compared by", "Сравнение по"),
    "agree_interval": ("Interval", "Интервал"),
    "agree_clips": ("Clips", "Фрагменты"),
    "agree_jsd": ("distributions, Jensen–Shannon", "распределениям, Йенсен — Шеннон"),
    "agree_manhattan": ("distributions, half Manhattan", "распределениям, половина манхэттенского"),
    "agree_nominal": ("largest class", "главному классу"),
    "agree_tied": (
        "Labels without a single largest class, left out of the last row: {count}.",
        "Разметки без единственного главного класса, не учтённые в последней строке: {count}.",
    ),
    "agree_labels": ("By label", "По меткам"),
    "agree_label": ("Label", "Метка"),
    "agree_emotions": ("By emotion", "По эмоциям"),
    "agree_emotion": ("Emotion", "Эмоция"),
    "agree_pairs": ("By pair of people (Jensen–Shannon)", "По парам (Йенсен — Шеннон)"),
    "agree_pairs_bounded": (
        "Of the {most} people with the most labels.",
        "Для {most} человек с наибольшим числом разметок.",
    ),
    "agree_people_bounded": (
        "Compared are the {most} people with the most labels; left out: {count}.",
        "Сравниваются {most} человек с наибольшим числом разметок; не учтено людей: {count}.",
    ),
    "agree_pair": ("People", "Люди"),
    "agree_pair_of": ("{first} and {second}", "{first} и {second}"),
    "agree_worst": (
        "Most disputed",
        "Где мнения расходятся сильнее всего",
    ),
    "agree_worst_none": (
        "No clip has been labelled by two people.",
        "Ни один фрагмент не размечен двумя людьми.",
    ),
    "agree_worst_is": (
        "What each person said before seeing a proposal.",
        "Что сказал каждый до показа предложения.",
    ),
    "agree_worst_open": ("Open in the editor", "Открыть в редакторе"),
    "agree_worst_play": ("Play clip {id}", "Слушать фрагмент {id}"),
    "agree_worst_pause": ("Pause clip {id}", "Пауза, фрагмент {id}"),
    "agree_worst_lost": ("The sound of this clip can't be had.", "Звук этого фрагмента получить не удалось."),
    "agree_level_none": (
        "People agree no more than chance would have it (alpha {value}).",
        "Люди согласны не больше, чем вышло бы случайно (альфа {value}).",
    ),
    "agree_level_barely": (
        "People agree, but barely above chance (alpha {value}).",
        "Люди согласны чуть больше, чем вышло бы случайно (альфа {value}).",
    ),
    "agree_level_some": (
        "People agree in part: clearly above chance, far from unanimous (alpha {value}).",
        "Люди согласны отчасти: заметно больше случайного, но далеко не во всём (альфа {value}).",
    ),
    "agree_level_well": ("People agree well (alpha {value}).", "Люди хорошо согласны (альфа {value})."),
    "agree_level_fully": (
        "People agree almost fully (alpha {value}).",
        "Люди согласны почти полностью (альфа {value}).",
    ),
    "agree_confusion": ("When one says this, another says…", "Когда один говорит это, другой говорит…"),
    "agree_confusion_is": (
        "Each row sums to 100%. The points of a mixed label are shared out.",
        "Каждая строка в сумме даёт 100%. Баллы смешанной разметки делятся между эмоциями.",
    ),
    "agree_self": ("With themselves", "С самими собой"),
    "agree_self_is": (
        "Clips that came to the same person again, unannounced (Jensen–Shannon).",
        "Фрагменты, которые тот же человек без предупреждения получил ещё раз (Йенсен — Шеннон).",
    ),
    "agree_person": ("Person", "Кто"),
    "agree_gold": ("Against the gold clips", "По сравнению с эталоном"),
    "agree_gold_is": (
        "Clips whose list says “gold”. Same class: the share of clips with the same largest emotion. Apart: the share "
        "of the points that would have to move.",
        "Фрагменты, отмеченные в списке как «gold». Тот же класс — доля фрагментов с той же главной эмоцией. "
        "Расхождение — доля баллов, которые пришлось бы переставить.",
    ),
    "agree_gold_same": ("Same class", "Тот же класс"),
    "agree_gold_apart": ("Apart", "Расхождение"),
    "agree_one_says": ("One says", "Один говорит"),
    "agree_clip": ("Clip {id}: {value} bit, {people} people", "Фрагмент {id}: {value} бит, людей: {people}"),
    "agree_moves": (
        "After seeing a suggestion",
        "После показа предложения",
    ),
    "agree_moves_none": (
        "Nobody has looked at a suggestion yet.",
        "Предложений пока никто не смотрел.",
    ),
    "agree_source": (
        "Suggestion by",
        "Чьё предложение",
    ),
    "agree_shown": ("Shown", "Показано"),
    "agree_changed": ("Changed", "Изменили"),
    "agree_distance": ("Moved by", "Сдвиг"),
    "agree_nearer": ("Towards it", "К нему"),
    "agree_moves_is": (
        "Moved by: the share of the 100 points that changed place, in the mean over all shown. Towards it: how much "
        "nearer the proposal the label came; negative is away from it.",
        "Сдвиг: доля из 100 пунктов, сменившая место, в среднем по всем показам. К нему: насколько разметка "
        "приблизилась к предложению; отрицательное — удалилась.",
    ),
    "agree_picture": (
        "What was chosen",
        "Что выбрано",
    ),
    "agree_share": ("Share of all points", "Доля всех пунктов"),
    "agree_entropy": ("Entropy of a label, bit", "Энтропия разметки, бит"),
    "agree_entropy_of": ("{low}–{high} bit: {count}", "{low}–{high} бит: {count}"),
    "agree_table": (
        "Show as a table",
        "Показать таблицей",
    ),
}
