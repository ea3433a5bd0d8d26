"""Sentences of the page on the microphone and on what is judged while somebody speaks: key → (en, ru).

Part of `page.STRINGS`.
"""

from __future__ import annotations

LIVE: dict[str, tuple[str, str]] = {
    "mic_gone": (
        "The microphone is gone: it was unplugged or switched off. What was recorded until then is kept.",
        "Микрофон пропал: его отключили. Всё, что записано до этого, сохранено.",
    ),
    "mic_full": (
        "The recording has reached its greatest length, an hour, and has stopped. Nothing of it is lost.",
        "Запись достигла предельной длины — часа — и остановлена. Ничего не потеряно.",
    ),
}
