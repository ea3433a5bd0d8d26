"""Sentences on the microphone and on what is judged while somebody speaks: key → (en, ru).

`LIVE` is part of `page.STRINGS`, `SENTENCES` of the library's.
"""

from __future__ import annotations

LIVE: dict[str, tuple[str, str]] = {
    "live": ("Live", "Вживую"),
    "live_hint": (
        "The bars move while you speak, and every sentence is judged as soon as you pause.",
        "График меняется, пока вы говорите, а каждая фраза оценивается сразу после паузы.",
    ),
    "live_ready": ("Getting ready to listen…", "Готовимся слушать…"),
    "live_listening": ("Listening. Say something.", "Слушаем. Скажите что-нибудь."),
    "live_hearing": ("You are speaking: this is your voice right now.", "Вы говорите: это ваш голос прямо сейчас."),
    "live_unlike": (
        "You are speaking, but this voice is unlike any the model was trained on.",
        "Вы говорите, но модель не училась на похожих голосах.",
    ),
    "live_judging": ("Recognising and judging the last sentence…", "Распознаём и оцениваем последнюю фразу…"),
    "live_utterances": ("What you have said so far", "Что вы уже сказали"),
    "live_lost": (
        "Live was interrupted. The recording goes on and will be analysed when you stop.",
        "Режим «Вживую» прервался. Запись продолжается: остановите её, и она будет проанализирована.",
    ),
    "mic_gone": (
        "The microphone was unplugged or switched off. What was recorded before that is kept.",
        "Микрофон отключился. Всё, что записано до этого, сохранено.",
    ),
    "mic_full": (
        "The recording has reached an hour, the limit, and has stopped. Nothing is lost.",
        "Запись достигла предела — часа — и остановлена. Ничего не потеряно.",
    ),
}

SENTENCES: dict[str, tuple[str, str]] = {
    "live-rate": (
        "Sound at {rate} Hz can't be judged live: send {least} to {most} Hz.",
        "Звук с частотой {rate} Гц нельзя оценивать вживую: нужно от {least} до {most} Гц.",
    ),
    "live-block": (
        "A block of live sound is 16-bit samples of one channel, low byte first, at most {seconds} s of them.",
        "Блок звука — это 16-битные отсчёты одного канала, младший байт первым, не длиннее {seconds} с.",
    ),
    "live-gap": (
        "Sound before this block is missing. Send it again from sample {heard} on.",
        "Перед этим блоком не хватает звука. Отправьте его ещё раз, начиная с отсчёта {heard}.",
    ),
    "live-long": (
        "A live session lasts at most {minutes} minutes. End this one and start another.",
        "Сеанс «Вживую» длится не дольше {minutes} минут. Завершите его и начните новый.",
    ),
    "live-fast": (
        "Sound arrives faster than it can be judged. Continue in {seconds} s; nothing is lost.",
        "Звук приходит быстрее, чем его можно прослушать и оценить. Продолжите через {seconds} с — ничего не пропадёт.",
    ),
    "live-hurried": (
        "The words were left out: speech comes faster than it can be recognised here. The whole recording is "
        "recognised at the end.",
        "Слова пропущены: речь идёт быстрее, чем здесь удаётся её распознавать. Вся запись будет распознана в конце.",
    ),
    "live-busy": (
        "The last block of this session is still being processed: send the next one after its answer.",
        "Предыдущий блок этого сеанса ещё обрабатывается: отправьте следующий после ответа.",
    ),
    "live-gone": (
        "This live session has ended: it was stopped, no sound arrived for {seconds} s, or its place went to somebody "
        "who had none. Start a new one.",
        "Этот сеанс «Вживую» завершён: его остановили, {seconds} с не было звука или место понадобилось тому, у кого "
        "его не было. Начните новый.",
    ),
    "live-share": (
        "You already have {count} live sessions. Stop one of them first.",
        "Сеансов «Вживую» у вас уже {count}. Сначала остановите один из них.",
    ),
    "live-share-together": (
        "{count} live sessions already run from your network or under your name. Wait until one of them ends, or make "
        "a normal recording.",
        "Из вашей сети или под вашим именем уже идут сеансы «Вживую» ({count}). Дождитесь, когда один из них "
        "закончится, или сделайте обычную запись.",
    ),
    "live-full": (
        "The server already runs {count} live sessions and can't take more. Make a normal recording, or try again in "
        "a few minutes.",
        "На сервере уже идут сеансы «Вживую» ({count}), больше он не может. Сделайте обычную запись или попробуйте "
        "через несколько минут.",
    ),
    "live-gpu": (
        "Live is not available here: the GPU is lent for each analysis separately. Make a normal recording instead.",
        "Режим «Вживую» здесь недоступен: видеокарта выделяется отдельно на каждый анализ. Сделайте обычную запись.",
    ),
}
