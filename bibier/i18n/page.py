"""Every sentence of the interface, in English and in Russian: key → (en, ru)."""

from __future__ import annotations

from bibier.i18n.agreement_tab import AGREEMENT
from bibier.i18n.annotate_labels import ANNOTATE_LABELS
from bibier.i18n.annotate_tab import ANNOTATE
from bibier.i18n.live import LIVE
from bibier.i18n.long_form import TIMELINE
from bibier.i18n.messages import LANGUAGES
from bibier.i18n.models_tab import MODELS
from bibier.i18n.results import RESULTS
from bibier.i18n.service import SERVICE

STRINGS: dict[str, tuple[str, str]] = {
    # the page
    "tagline": (
        "Speak, and see what your voice says, what your words say, and whether they agree.",
        "Скажите что-нибудь и увидите, что говорит голос, что говорят слова и согласны ли они.",
    ),
    "language": (
        "Language",
        "Язык",
    ),
    "theme": ("Theme", "Тема"),
    "theme_system": ("as the system has it", "как в системе"),
    "theme_light": ("light", "светлая"),
    "theme_dark": ("dark", "тёмная"),
    "keys_record": (
        "record and stop; with a recording, play and pause",
        "запись и стоп; когда запись есть — слушать и пауза",
    ),
    "keys_cancel": ("drop the recording that is running", "бросить начатую запись"),
    "keys_move": (
        "move among tabs, words, segments, and in the recording",
        "двигаться по вкладкам, словам, фрагментам и по записи",
    ),
    "keys_choose": ("choose what has the focus", "выбрать то, что в фокусе"),
    "keys_help": ("this list", "этот список"),
    "keys_annotate": ("Annotate has its own list: press ? there.", "У разметки свой список: нажмите ? на её вкладке."),
    "keys_close": ("Close", "Закрыть"),
    "key_space": ("Space", "Пробел"),
    "perceived": (
        "The model hears how speech comes across. It does not know what a person feels.",
        "Модель слышит, как речь воспринимается со стороны. Что человек чувствует, она не знает.",
    ),
    # left: the voice and the words
    "voice_hint": (
        "wav, flac, mp3, ogg, opus, m4a or webm; an hour at most",
        "wav, flac, mp3, ogg, opus, m4a или webm, до часа",
    ),
    "record": ("Record", "Записать"),
    "record_stop": ("Stop", "Стоп"),
    "record_again": ("Record again", "Записать заново"),
    "upload_drop": ("Drop a file here, or", "Перетащите сюда файл или"),
    "upload_choose": ("choose one", "выберите его"),
    "voice_clear": ("Remove the recording", "Убрать запись"),
    "voice_play": ("Play the recording", "Воспроизвести запись"),
    "voice_pause": ("Pause the recording", "Остановить запись"),
    "position": ("Position in the recording", "Место в записи"),
    "recording_name": ("Recording", "Запись"),
    "options": ("Options", "Настройки"),
    "dock": ("at the bottom", "внизу"),
    "examples": (
        "Or try an example. They were picked to show something, not to prove accuracy.",
        "Или попробуйте пример. Они подобраны для показа, а не для проверки точности.",
    ),
    "example_disagree": (
        "Mixed signals",
        "Расхождение",
    ),
    "spoken_en": ("In English:", "По-английски:"),
    "spoken_ru": ("In Russian:", "По-русски:"),
    "transcript": ("Words", "Слова"),
    "transcript_placeholder": (
        "Leave empty to have the words recognised, or type what was said.",
        "Оставьте пустым, чтобы слова распознались сами, или введите сказанное.",
    ),
    "recogniser": (
        "Speech recognition",
        "Распознавание речи",
    ),
    "fetch": ("Download", "Скачать"),
    "fetch_first": (
        "{name} is not ready yet: download it, choose another recogniser, or type the words.",
        "{name} ещё не готов. Скачайте его, выберите другое распознавание или введите слова.",
    ),
    "analyse": ("Analyse", "Анализировать"),
    "by_recogniser": ("Recognised by {name}{language}", "Распознано: {name}{language}"),
    "rough": ("{name} (rough)", "{name} (приблизительно)"),
    "by_person": ("Typed by you{language}", "Введено вами{language}"),
    "by_example": (
        "From the example{language}",
        "Из примера{language}",
    ),
    "by_none": ("No words", "Слов нет"),
    "language_en": ("English", "английский"),
    "language_ru": ("Russian", "русский"),
    # stages
    "stage_recording": (
        "Listening. Speak, then press Stop.",
        "Слушаем. Говорите, затем нажмите «Стоп».",
    ),
    "stage_sending": ("Sending the file…", "Отправляем файл…"),
    "stage_queued": (
        "Waiting in the queue…",
        "Ждём очереди…",
    ),
    "stage_loading": (
        "Loading the models… You can start already; the analysis will follow.",
        "Загружаем модели… Можно уже начинать: анализ подождёт.",
    ),
    "channel": ("Channel", "Канал"),
    "channel_auto": ("where speech is heard", "где слышна речь"),
    "channel_mix": ("all together", "все вместе"),
    "stage_hearing": ("Listening to the recording…", "Слушаем запись…"),
    "stage_transcribing": (
        "Recognising speech ({name})…",
        "Распознаём речь ({name})…",
    ),
    "stage_reading": (
        "Comparing voice and words…",
        "Сопоставляем голос и слова…",
    ),
    "stage_fetching": (
        "Downloading {name}: {received} of {megabytes} MB…",
        "Скачиваем {name}: {received} из {megabytes} МБ…",
    ),
    "stage_fetched": (
        "{name} is ready.",
        "{name}: готово.",
    ),
    "took": ("Took {total}: {stages}", "Заняло {total}: {stages}"),
    "time_read": ("reading the file", "чтение файла"),
    "time_audio": ("voice", "голос"),
    "time_transcribe": ("recognition", "распознавание"),
    "time_text": ("words", "слова"),
    "time_bimodal": ("both", "вместе"),
    "time_explain": ("word weights", "веса слов"),
    "unit_ms": ("{value} ms", "{value} мс"),
    "unit_s": ("{value} s", "{value} с"),
    # errors
    "nothing": (
        "Nothing to analyse yet. Record or upload something, pick an example, or type a few words.",
        "Анализировать пока нечего. Запишите или загрузите голос, возьмите пример или введите слова.",
    ),
    "failed": (
        "Something went wrong and the analysis stopped. Try again, or go on with another recording.",
        "Что-то пошло не так, анализ остановлен. Попробуйте ещё раз или возьмите другую запись.",
    ),
    "failed_models": (
        "The models could not be loaded, so nothing can be analysed. Whoever runs this server finds the reason "
        "in its log.",
        "Модели не загрузились, поэтому анализ невозможен. Причина — в журнале сервера.",
    ),
    "upload_lost": (
        "The file did not reach the app: the connection broke. Try again.",
        "Файл не дошёл до приложения: соединение прервалось. Попробуйте ещё раз.",
    ),
    "upload_failed": (
        "The app did not take the file. Try again, or choose another one.",
        "Приложение не приняло файл. Попробуйте ещё раз или выберите другой.",
    ),
    "mic_denied": (
        "The browser blocked the microphone. Allow it (the icon next to the address, then “Microphone”) and "
        "press Record again, or upload a file.",
        "Браузер не дал доступ к микрофону. Разрешите его (значок рядом с адресом, «Микрофон») и нажмите "
        "«Запись» ещё раз или загрузите файл.",
    ),
    "mic_missing": (
        "No microphone found. Connect one and press Record again, or upload a file.",
        "Микрофон не найден. Подключите его и нажмите «Запись» ещё раз или загрузите файл.",
    ),
    "mic_busy": (
        "The microphone is not responding; another program may be using it. Close that program and press "
        "Record again, or upload a file.",
        "Микрофон не отвечает: возможно, он занят другой программой. Закройте её и нажмите «Запись» ещё раз "
        "или загрузите файл.",
    ),
    "mic_insecure": (
        "Browsers allow the microphone only over HTTPS or on localhost. Open the page that way, or upload a file.",
        "Браузер даёт микрофон только по HTTPS или на localhost. Откройте страницу так или загрузите файл.",
    ),
    # right: the verdict
    "idle": (
        "Your result will appear here. Record a sentence, drop a file, or try an example.",
        "Здесь появится результат. Запишите фразу, перетащите файл или попробуйте пример.",
    ),
    "verdict_bimodal": ("Both together: {what}.", "Голос и слова вместе: {what}."),
    "verdict_audio": (
        "The voice alone: {what}.",
        "Только голос: {what}.",
    ),
    "verdict_text": (
        "The words alone: {what}.",
        "Только слова: {what}.",
    ),
    "verdict_none": (
        "There is nothing to judge here.",
        "Оценивать здесь нечего.",
    ),
    "verdict_unlike_bimodal": (
        "The model can't tell: neither the voice nor the words are like anything that it learnt from.",
        "Модель не может сказать: ни голос, ни слова не похожи на то, на чём она училась.",
    ),
    "verdict_unlike_audio": (
        "The model can't tell: this doesn't sound like any speech that it learnt from.",
        "Модель не может сказать: это не похоже на речь, на которой она училась.",
    ),
    "verdict_unlike_text": (
        "The model can't tell: this doesn't read like any text that it learnt from.",
        "Модель не может сказать: это не похоже на тексты, на которых она училась.",
    ),
    "sure_unlike_bimodal": (
        "Don't rely on the bars. The model knows single speaking voices, and English and Russian sentences.",
        "На столбцы полагаться нельзя. Модель знает речь одного человека и английские и русские фразы.",
    ),
    "sure_unlike_audio": (
        "Don't rely on the bars. One speaking voice, by itself, is judged best.",
        "На столбцы полагаться нельзя. Лучше всего оценивается один говорящий голос.",
    ),
    "sure_unlike_text": (
        "Don't rely on the bars. The model reads English and Russian sentences.",
        "На столбцы полагаться нельзя. Модель читает английские и русские фразы.",
    ),
    "what_clear": ("clearly {first}", "явно {first}"),
    "what_likely": ("most likely {first}", "скорее всего {first}"),
    "what_barely": (
        "{first}, just ahead of {second}",
        "{first}, чуть меньше — {second}",
    ),
    "what_unclear": (
        "the model can't tell; closest are {first} and {second}",
        "модель не может сказать; ближе всего {first} и {second}",
    ),
    "sure_high": (
        "The model is sure: {first} {p}, {second} {q}.",
        "Модель уверена: {first} {p}, {second} {q}.",
    ),
    "sure_fair": (
        "The model is fairly sure: {first} {p}, {second} {q}.",
        "Модель довольно уверена: {first} {p}, {second} {q}.",
    ),
    "sure_low": (
        "The model is not sure: {first} {p}, {second} {q}.",
        "Модель не уверена: {first} {p}, {second} {q}.",
    ),
    "agree": ("Voice and words agree", "Голос и слова согласны"),
    "differ": ("Voice and words differ a little", "Голос и слова немного расходятся"),
    "strength": (
        "Voice and words point the same way, but not equally strongly",
        "Голос и слова говорят об одном, но с разной силой",
    ),
    "vague_voice": (
        "The voice alone is unclear",
        "Голос сам по себе неясен",
    ),
    "vague_words": (
        "The words alone are unclear",
        "Слова сами по себе неясны",
    ),
    "disagree": (
        "Voice and words disagree: {voice} in the voice, {words} in the words",
        "Голос и слова расходятся: в голосе — {voice}, в словах — {words}",
    ),
    "at_odds": ("Voice and words disagree", "Голос и слова расходятся"),
    "odds": ("{words} words in {voice} voice.", "Слова {words}, а голос {voice}."),
    "words_anger": ("Angry", "злые"),
    "words_disgust": ("Disgusted", "брезгливые"),
    "words_fear": ("Fearful", "испуганные"),
    "words_happy": ("Happy", "радостные"),
    "words_neutral": ("Neutral", "нейтральные"),
    "words_sad": ("Sad", "грустные"),
    "words_surprise": ("Surprised", "удивлённые"),
    "voice_anger": ("an angry", "злой"),
    "voice_disgust": ("a disgusted", "брезгливый"),
    "voice_fear": ("a fearful", "испуганный"),
    "voice_happy": ("a happy", "радостный"),
    "voice_neutral": ("a neutral", "нейтральный"),
    "voice_sad": ("a sad", "грустный"),
    "voice_surprise": ("a surprised", "удивлённый"),
    "rough_words": ("Rough words", "Слова неточные"),
    "rough_words_is": (
        "This recogniser often mishears. Correct the words, and they are judged anew.",
        "Это распознавание часто ошибается. Исправьте слова — и они будут оценены заново.",
    ),
    "divergence": ("Jensen–Shannon divergence {value} bit", "Дивергенция Йенсена — Шеннона: {value} бит"),
    # right: the chart
    "chart": ("Shares of the seven emotions", "Доли семи эмоций"),
    "chart_as": ("How the shares are drawn", "Как показать доли"),
    "chart_one": ("One chart", "Один график"),
    "chart_panels": ("Three panels", "Три панели"),
    "panel_audio": ("What the voice says", "Что говорит голос"),
    "panel_text": ("What the words say", "Что говорят слова"),
    "panel_bimodal": ("Both together", "Вместе"),
    "unreliable": ("not to be relied on", "полагаться нельзя"),
    "technical_audio": ("audio-only", "только аудио (audio-only)"),
    "technical_text": ("text-only", "только текст (text-only)"),
    "technical_bimodal": ("bimodal", "бимодально (bimodal)"),
    "table": (
        "Show as a table",
        "Показать таблицей",
    ),
    "emotion": ("Emotion", "Эмоция"),
    "no_value": ("none", "нет"),
    # right: the words
    "weights": (
        "Words that mattered",
        "Важные слова",
    ),
    "weights_hint": (
        "Select a word to see its weight.",
        "Выберите слово, чтобы увидеть его вес.",
    ),
    "weights_hint_play": (
        "Select a word to see its weight and hear it.",
        "Выберите слово, чтобы увидеть его вес и услышать его.",
    ),
    "weights_scale": ("Scale of the colours", "Шкала цветов"),
    "occlusion_unit": ("points", "п. п."),
    "attention_unit": ("% of the attention", "% внимания"),
    "attention": ("Attention", "Внимание"),
    "attention_is": (
        "Where the model looks while reading: each word's share, which is a focus and not a cause",
        "Куда модель смотрит при чтении: доля каждого слова; это фокус, а не причина",
    ),
    "occlusion": ("Leaving the word out", "Удаление слова"),
    "occlusion_is": (
        "How far “{emotion}” falls without the word: violet speaks for it, striped brown against (occlusion)",
        "Насколько падает «{emotion}» без слова: фиолетовые — за, коричневые в полоску — против (окклюзия)",
    ),
    "word_attention": ("“{word}”: {value} of the attention", "«{word}»: {value} внимания"),
    "word_falls": (
        "Without “{word}”, “{emotion}” falls by {value} points",
        "Без слова «{word}» вероятность «{emotion}» падает на {value} п. п.",
    ),
    "word_rises": (
        "Without “{word}”, “{emotion}” rises by {value} points",
        "Без слова «{word}» вероятность «{emotion}» растёт на {value} п. п.",
    ),
    "word_same": (
        "Without “{word}”, “{emotion}” stays as it is",
        "Без слова «{word}» вероятность «{emotion}» не меняется",
    ),
    "word_from": ("{start}–{end} s", "{start}–{end} с"),
}
STRINGS |= ANNOTATE | ANNOTATE_LABELS | AGREEMENT | TIMELINE | MODELS | SERVICE | LIVE | RESULTS


def say(key: str, language: str, /, **values: object) -> str:
    """Return the sentence of `key` in `language` ("en" or "ru") with its values filled in."""
    return STRINGS[key][LANGUAGES.index(language)].format_map(values)


def catalogue(language: str) -> dict[str, str]:
    """Return every sentence of one language by key, for the browser."""
    return {key: texts[LANGUAGES.index(language)] for key, texts in STRINGS.items()}


def percent(probability: float, language: str = "en") -> str:
    """Whole per cent: 0.617 → "62%", in Russian with a no-break space; what rounds to nothing but isn't is "<1%"."""
    whole, gap = round(100 * probability), "\u00a0" if language == "ru" else ""
    return f"{'<1' if whole == 0 and probability > 0 else whole}{gap}%"


def decimal(value: float, language: str, digits: int = 2) -> str:
    """0.416 → "0.42" or "0,42"."""
    return f"{value:.{digits}f}".replace(".", "," if language == "ru" else ".")


def language_name(code: str, language: str) -> str:
    """Name the language of a transcript in the interface's language."""
    return say(f"language_{code}", language) if f"language_{code}" in STRINGS else code
