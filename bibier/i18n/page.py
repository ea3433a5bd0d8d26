"""Every sentence of the interface, in English and in Russian: key → (en, ru)."""

from __future__ import annotations

from bibier.i18n.agreement_tab import AGREEMENT
from bibier.i18n.annotate_labels import ANNOTATE_LABELS
from bibier.i18n.annotate_tab import ANNOTATE
from bibier.i18n.live import LIVE
from bibier.i18n.long_form import TIMELINE
from bibier.i18n.messages import LANGUAGES, filled
from bibier.i18n.models_tab import MODELS
from bibier.i18n.results import RESULTS
from bibier.i18n.service import SERVICE

STRINGS: dict[str, tuple[str, str]] = {
    # the page
    "tagline": (
        "Speak, and see what your voice says, what your words say, and whether they agree.",
        "Скажите что-нибудь и увидите, что говорит голос, что говорят слова и сходятся ли они.",
    ),
    "language": (
        "Language",
        "Язык",
    ),
    "theme": ("Theme", "Тема"),
    "theme_system": ("same as the system", "как в системе"),
    "theme_light": ("light", "светлая"),
    "theme_dark": ("dark", "тёмная"),
    "keys_record": (
        "start or stop recording; then play or pause",
        "начать или остановить запись; потом — слушать или пауза",
    ),
    "keys_cancel": ("discard the recording in progress", "отменить начатую запись"),
    "keys_move": (
        "move between tabs, words and segments, and within the recording",
        "переходить по вкладкам, словам и отрезкам, двигаться по записи",
    ),
    "keys_choose": ("select what is in focus", "выбрать то, что в фокусе"),
    "keys_help": ("this list", "этот список"),
    "keys_annotate": ("Annotate has its own list: press ? there.", "У вкладки «Разметка» свой список: нажмите ? там."),
    "keys_close": ("Close", "Закрыть"),
    "key_space": ("Space", "Пробел"),
    "perceived": (
        "The model hears how speech comes across. It does not know what a person feels.",
        "Модель оценивает, как речь звучит со стороны. Что человек чувствует, она не знает.",
    ),
    # left: the voice and the words
    "voice_hint": (
        "wav, flac, mp3, ogg, opus, m4a or webm; up to an hour",
        "wav, flac, mp3, ogg, opus, m4a или webm, до часа",
    ),
    "record": ("Record", "Записать"),
    "record_stop": ("Stop", "Стоп"),
    "record_again": ("Record again", "Записать заново"),
    "upload_drop": ("Drop a file here, or", "Перетащите сюда файл или"),
    "upload_choose": ("choose one", "выберите его"),
    "voice_clear": ("Remove the recording", "Убрать запись"),
    "voice_play": ("Play the recording", "Воспроизвести запись"),
    "voice_pause": ("Pause the recording", "Поставить запись на паузу"),
    "position": ("Position in the recording", "Позиция в записи"),
    "recording_name": ("Recording", "Запись"),
    "options": ("Options", "Настройки"),
    "dock": ("at the bottom", "внизу"),
    "examples": (
        "Or try an example. Examples show how it works, not how accurate it is.",
        "Или откройте пример. Примеры показывают, как всё работает, а не насколько модель точна.",
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
        "{name} ещё не готов. Скачайте его, выберите другой распознаватель или введите слова.",
    ),
    "analyse": ("Analyse", "Анализировать"),
    "by_recogniser": ("Recognised by {name}{language}", "Распознано: {name}{language}"),
    "rough": ("{name} (rough)", "{name} (неточно)"),
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
    "stage_queued": ("Waiting in the queue…", "В очереди…"),
    "stage_loading": (
        "Loading the models… You can start now; the analysis will follow.",
        "Загружаем модели… Начинать уже можно: анализ пройдёт следом.",
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
        "Downloading {name}: {received} of {megabytes}\u00a0MB…",
        "Скачиваем {name}: {received} из {megabytes}\u00a0МБ…",
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
    "unit_ms": ("{value}\u00a0ms", "{value}\u00a0мс"),
    "unit_s": ("{value}\u00a0s", "{value}\u00a0с"),
    # errors
    "nothing": (
        "Nothing to analyse yet. Record or upload something, pick an example, or type a few words.",
        "Пока нечего анализировать. Запишите голос, загрузите файл, откройте пример или введите слова.",
    ),
    "failed": (
        "Something went wrong and the analysis stopped. Try again, or try another recording.",
        "Что-то пошло не так, анализ остановлен. Попробуйте ещё раз или возьмите другую запись.",
    ),
    "toast_error": ("Error", "Ошибка"),
    "toast_warning": ("Warning", "Внимание"),
    "toast_info": ("Note", "Заметка"),
    "toast_success": ("Done", "Готово"),
    "connection_lost": (
        "The app isn't responding. Trying to reach it again…",
        "Приложение не отвечает. Пробуем связаться снова…",
    ),
    "failed_models": (
        "The models could not be loaded, so nothing can be analysed. The reason is in the server log.",
        "Модели не загрузились, поэтому анализ невозможен. Причина — в журнале сервера.",
    ),
    "upload_lost": (
        "The file did not reach the app: the connection broke. Try again.",
        "Файл не дошёл до приложения: соединение прервалось. Попробуйте ещё раз.",
    ),
    "upload_failed": (
        "The app did not accept the file. Try again, or choose another one.",
        "Приложение не приняло файл. Попробуйте ещё раз или выберите другой.",
    ),
    "mic_denied": (
        "The browser blocked the microphone. Allow it (the icon next to the address, then “Microphone”) and press "
        "Record again, or upload a file.",
        "Браузер не дал доступ к микрофону. Разрешите его (значок рядом с адресом, «Микрофон») и нажмите «Записать» "
        "ещё раз или загрузите файл.",
    ),
    "mic_missing": (
        "No microphone found. Connect one and press Record again, or upload a file.",
        "Микрофон не найден. Подключите его и нажмите «Записать» ещё раз или загрузите файл.",
    ),
    "mic_busy": (
        "The microphone is not responding; another program may be using it. Close that program and press Record "
        "again, or upload a file.",
        "Микрофон не отвечает: возможно, он занят другой программой. Закройте её и нажмите «Записать» ещё раз или "
        "загрузите файл.",
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
        "The model can't tell: neither the voice nor the words are like anything it was trained on.",
        "Модель не берётся судить: ни голос, ни слова не похожи на то, на чём она училась.",
    ),
    "verdict_unlike_audio": (
        "The model can't tell: this doesn't sound like any speech it was trained on.",
        "Модель не берётся судить: это не похоже на речь, на которой она училась.",
    ),
    "verdict_unlike_text": (
        "The model can't tell: this doesn't read like any text it was trained on.",
        "Модель не берётся судить: это не похоже на тексты, на которых она училась.",
    ),
    "verdict_negated_bimodal": (
        "The model can't tell: the voice is unlike any it was trained on, and it overlooks what the words deny.",
        "Модель не берётся судить: голос не похож на те, на которых она училась, а отрицания в словах она не замечает.",
    ),
    "verdict_negated_text": (
        "The model can't tell: the words deny something, and it overlooks that.",
        "Модель не берётся судить: в словах есть отрицание, а она его не замечает.",
    ),
    "sure_negated_bimodal": ("Don't rely on the bars.", "Не полагайтесь на эти оценки."),
    "sure_negated_text": (
        "Don't rely on the bars. Without the negation, they name the same emotion.",
        "Не полагайтесь на эти оценки. Без отрицания они указывают на ту же эмоцию.",
    ),
    "sure_unlike_bimodal": (
        "Don't rely on the bars. The model knows one voice at a time, and sentences in English and Russian.",
        "Не полагайтесь на эти оценки. Модель знает речь одного человека и фразы на английском и русском.",
    ),
    "sure_unlike_audio": (
        "Don't rely on the bars. A single speaking voice is judged best.",
        "Не полагайтесь на эти оценки. Лучше всего модель оценивает речь одного человека.",
    ),
    "sure_unlike_text": (
        "Don't rely on the bars. The model reads English and Russian sentences.",
        "Не полагайтесь на эти оценки. Модель читает фразы на английском и русском.",
    ),
    "what_clear": ("clearly {first}", "явно {first}"),
    "what_likely": ("most likely {first}", "скорее всего {first}"),
    "what_barely": (
        "{first}, just ahead of {second}",
        "{first}, чуть меньше — {second}",
    ),
    "what_unclear": (
        "the model can't tell; closest are {first} and {second}",
        "однозначного ответа нет; ближе всего {first} и {second}",
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
    "agree": ("Voice and words agree", "Голос и слова сходятся"),
    "differ": ("Voice and words differ a little", "Голос и слова немного расходятся"),
    "strength": (
        "Voice and words point the same way, but not equally strongly",
        "Голос и слова говорят об одном, но с разной силой",
    ),
    "vague_voice": ("The voice alone is unclear", "По одному голосу неясно"),
    "vague_words": ("The words alone are unclear", "По одним словам неясно"),
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
        "This recogniser often mishears. Correct the words, and they will be judged again.",
        "Этот распознаватель часто ошибается. Исправьте слова, и они будут оценены заново.",
    ),
    "divergence": ("Jensen–Shannon divergence {value}\u00a0bit", "Дивергенция Йенсена — Шеннона: {value}\u00a0бит"),
    # right: the chart
    "chart": ("Shares of the seven emotions", "Доли семи эмоций"),
    "chart_as": ("Chart view", "Вид графика"),
    "chart_one": ("One chart", "Один график"),
    "chart_panels": ("Three panels", "Три панели"),
    "panel_audio": ("What the voice says", "Что говорит голос"),
    "panel_text": ("What the words say", "Что говорят слова"),
    "panel_bimodal": ("Both together", "Вместе"),
    "unreliable": ("unreliable", "ненадёжно"),
    "technical_audio": ("audio-only", "только аудио (audio-only)"),
    "technical_text": ("text-only", "только текст (text-only)"),
    "technical_bimodal": ("bimodal", "бимодально (bimodal)"),
    "table": ("Show as a table", "Показать в виде таблицы"),
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
        "Where the model looks while reading, as each word's share. This is focus, not cause.",
        "На какие слова модель смотрит при чтении: доля каждого. Это внимание, а не причина.",
    ),
    "occlusion": ("Without the word", "Без этого слова"),
    "occlusion_is": (
        "How far “{emotion}” falls without the word (occlusion): violet words speak for it, striped brown ones "
        "against.",
        "Насколько падает «{emotion}» без этого слова (окклюзия): фиолетовые слова — за, коричневые в полоску — "
        "против.",
    ),
    "word_attention": ("“{word}”: {value} of the attention", "«{word}»: {value} внимания"),
    "word_falls": (
        "Without “{word}”, “{emotion}” falls by {value} points",
        "Без слова «{word}» вероятность «{emotion}» падает на {value}\u00a0п. п.",
    ),
    "word_rises": (
        "Without “{word}”, “{emotion}” rises by {value} points",
        "Без слова «{word}» вероятность «{emotion}» растёт на {value}\u00a0п. п.",
    ),
    "word_same": (
        "Without “{word}”, “{emotion}” does not change",
        "Без слова «{word}» вероятность «{emotion}» не меняется",
    ),
    "word_from": ("{start}–{end}\u00a0s", "{start}–{end}\u00a0с"),
}
STRINGS |= ANNOTATE | ANNOTATE_LABELS | AGREEMENT | TIMELINE | MODELS | SERVICE | LIVE | RESULTS


def say(key: str, language: str, /, **values: object) -> str:
    """Return the sentence of `key` in `language` ("en" or "ru") with its values filled in."""
    return filled(STRINGS[key], language, values)


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
