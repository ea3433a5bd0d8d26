"""Sentences on the microphone and on what is judged while somebody speaks: key → (en, ru).

`LIVE` is part of `page.STRINGS`, `SENTENCES` of the library's.
"""

from __future__ import annotations

LIVE: dict[str, tuple[str, str]] = {
    "live": ("Live", "Вживую"),
    "live_hint": (
        "The bars move while you speak, and every sentence is judged as soon as you pause.",
        "Столбики движутся, пока вы говорите, а каждая фраза оценивается сразу после паузы.",
    ),
    "live_ready": ("Getting ready to listen…", "Готовимся слушать…"),
    "live_listening": ("Listening. Say something.", "Слушаем. Скажите что-нибудь."),
    "live_hearing": ("You are speaking: this is your voice right now.", "Вы говорите: это ваш голос прямо сейчас."),
    "live_unlike": (
        "You are speaking, but this voice is unlike any that the model learnt from.",
        "Вы говорите, но модель не училась на похожих голосах.",
    ),
    "live_judging": ("Recognising and weighing the last sentence…", "Распознаём и взвешиваем последнюю фразу…"),
    "live_utterances": ("What you have said so far", "Что вы уже сказали"),
    "live_lost": (
        "The live view was interrupted. The recording goes on, and is analysed when you stop.",
        "Живой показ прервался. Запись продолжается и будет проанализирована, когда вы её остановите.",
    ),
    "mic_gone": (
        "The microphone is gone: it was unplugged or switched off. What was recorded until then is kept.",
        "Микрофон пропал: его отключили. Всё, что записано до этого, сохранено.",
    ),
    "mic_full": (
        "The recording has reached its greatest length, an hour, and has stopped. Nothing of it is lost.",
        "Запись достигла предельной длины — часа — и остановлена. Ничего не потеряно.",
    ),
}

SENTENCES: dict[str, tuple[str, str]] = {
    "live-rate": (
        "Sound of {rate} Hz can't be heard live: send {least} to {most} Hz.",
        "Звук с частотой {rate} Гц нельзя слушать вживую: нужно от {least} до {most} Гц.",
    ),
    "live-block": (
        "A block of live sound is 16-bit samples of one channel, low byte first, at most {seconds} s of them.",
        "Блок живого звука — это 16-битные отсчёты одного канала, младший байт первым, не длиннее {seconds} с.",
    ),
    "live-gap": (
        "Sound before this block is missing. Send it again from sample {heard} on.",
        "Перед этим блоком не хватает звука. Отправьте его ещё раз, начиная с отсчёта {heard}.",
    ),
    "live-long": (
        "A live session lasts {minutes} minutes at most. End this one and start another.",
        "Живой сеанс длится не дольше {minutes} минут. Завершите его и начните новый.",
    ),
    "live-fast": (
        "Live sound comes faster than it can be heard and judged. Send on in {seconds} s; nothing is lost.",
        "Звук приходит быстрее, чем его можно прослушать и оценить. Продолжите через {seconds} с — ничего не пропадёт.",
    ),
    "live-hurried": (
        "The words were left out: people speak faster than they can be recognised here. "
        "The whole recording is recognised at the end.",
        "Слова пропущены: речь идёт быстрее, чем здесь удаётся её распознавать. Вся запись будет распознана в конце.",
    ),
    "live-busy": (
        "The last block of this session is still being heard: send the next one after its answer.",
        "Предыдущий блок этого сеанса ещё обрабатывается: отправьте следующий после ответа.",
    ),
    "live-gone": (
        "This live session is over, or nothing came for {seconds} s. Start a new one.",
        "Этот живой сеанс завершён, или {seconds} с не было звука. Начните новый.",
    ),
    "live-share": (
        "You are being heard live {count} times already. Stop one of them first.",
        "Вас уже слушают вживую одновременно столько раз: {count}. Сначала остановите один из сеансов.",
    ),
    "live-full": (
        "The server is listening to {count} people live and can't hear more. Record yourself instead, "
        "or try again in a few minutes.",
        "Сервер уже слушает вживую столько людей: {count}, — больше он не может. Сделайте обычную запись "
        "или попробуйте через несколько минут.",
    ),
    "live-gpu": (
        "There is no live listening here: the GPU is borrowed for each analysis. Record yourself instead.",
        "Здесь нельзя слушать вживую: видеокарта берётся на время каждого анализа. Сделайте обычную запись.",
    ),
}
