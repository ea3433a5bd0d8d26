"""Which of a recording's channels is judged: the one in which somebody speaks, or the one that a person chose.

C channels, F frames of the voice detector. Averaging them blindly puts one side's hum or the other's voice under the
speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bibier.audio.voice_activity import LIKELY, is_speech, loudness, voice_probabilities
from bibier.errors import InputError
from bibier.i18n.messages import Message

AUTO, MIX, EACH = "auto", "mix", "each"
SIDES = {"left": 1, "right": 2}  # name → number of the channel
CANCELLED = 0.1  # of the energy that unrelated channels would leave in their mean (-10 dB)
ALIKE = 0.9  # correlation of channels that are one voice, whose mean loses nothing
DEAD = 1e-10  # variance, -100 dB: nothing is in such a channel
APART = 0.5  # share of the lesser channel's speech that falls on the other's, under which they are two voices
CLEARER = 1.1  # times the speech of another channel that is more, and not chance
HEARD = 600  # s of a recording that are listened to; of a longer one, as much in stretches
STRETCH = 30  # s


@dataclass(frozen=True)
class ChosenChannel:
    """What is judged: the channel's `number` from 1, None for the mean of all; and what is said about it."""

    number: int | None
    notices: tuple[Message, ...] = ()


def number_of(channel: str, channels: int, prefix: str = "") -> int | None:
    """Return the number from 1 of a channel given as "left", "right" or a number; None for "auto" and "mix".

    Raises InputError where there is no such channel, or no such name.
    """
    if channel in (AUTO, MIX):
        return None
    number = SIDES.get(channel) or (int(channel) if channel.isascii() and channel.isdigit() else 0)
    if not 1 <= number <= 99:
        raise InputError("channel-unknown", channel=channel)
    if number > channels:
        raise InputError("channel-missing", prefix=prefix, channel=name_of(number), channels=channels)
    return number


def name_of(number: int) -> Message:
    """Return what a channel is called."""
    side = next((name for name, place in SIDES.items() if place == number), "other")
    return Message(f"channel-{side}", {"number": number})


def choose(tracks: np.ndarray, products: np.ndarray, total: np.ndarray, rate: int) -> ChosenChannel:
    """Choose among the channels of (n, C) samples, which may lie in a file.

    `products` (C, C) are the sums of the channels' products with each other and `total` (C,) their sums.
    """
    length, channels = tracks.shape
    if channels == 1:
        return ChosenChannel(1)
    mean = total / length
    covariance = products / length - np.outer(mean, mean)  # (C, C)
    energy = np.clip(np.diag(covariance), 0, None)  # (C,)
    alive = np.flatnonzero(energy > DEAD)
    if not len(alive):
        return ChosenChannel(None)
    scale = np.sqrt(np.outer(energy, energy)) + 1e-30
    correlation = (covariance / scale)[np.ix_(alive, alive)]
    if len(alive) == channels and correlation.min() >= ALIKE:
        return ChosenChannel(None)
    if np.abs(correlation).min() >= ALIKE and cancel(energy, float(covariance.mean())):
        return ChosenChannel(int(energy.argmax()) + 1, (Message("audio-opposite"),))
    return _by_speech(tracks, [int(index) for index in alive], rate)


def cancel(energy: np.ndarray, mean_energy: float) -> bool:
    """Whether channels with the variances (C,) cancel each other in their mean, whose variance is given.

    Opposite channels leave 0; unrelated ones, or a voice in one of C channels, leave 1/C² of their energies' sum.
    """
    return mean_energy < CANCELLED * float(energy.sum()) / len(energy) ** 2


def _by_speech(tracks: np.ndarray, alive: list[int], rate: int) -> ChosenChannel:
    """Choose the channel with the most speech; among equals the one that stands out most from what is behind it."""
    heard = {index: _listen(tracks, index, rate) for index in alive}
    spoken = {index: parts for index, parts in heard.items() if is_speech(parts[0])}
    if not spoken:  # a fault of the recording, which is told as such; the loudest has most of whatever it is
        return ChosenChannel(max(alive, key=lambda index: float(np.square(heard[index][1]).mean())) + 1)
    seconds = {index: float(parts[0].sum()) for index, parts in spoken.items()}
    most = max(seconds.values())
    equal = [index for index in spoken if seconds[index] * CLEARER >= most]
    chosen = max(equal, key=lambda index: _clearness(*spoken[index]))
    others = [spoken[index][0] >= LIKELY for index in spoken if index != chosen]
    own = spoken[chosen][0] >= LIKELY
    apart = any((own & other).sum() < APART * min(own.sum(), other.sum()) for other in others)
    sentence = "audio-two-voices" if apart else "audio-channel"
    return ChosenChannel(chosen + 1, (Message(sentence, {"channel": name_of(chosen + 1)}),))


def _listen(tracks: np.ndarray, index: int, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of speech and the levels, both (F,), of one channel, or of as much as is listened to."""
    length, stretch = len(tracks), STRETCH * rate
    if length <= HEARD * rate:
        track = np.array(tracks[:, index])
    else:
        starts = np.linspace(0, length - stretch, HEARD // STRETCH).astype(int)
        track = np.concatenate([tracks[start : start + stretch, index] for start in starts])
    track -= track.mean()
    level = loudness(track)
    return voice_probabilities(track, level), level


def _clearness(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return how many dB the spoken frames of a channel are louder than its others."""
    spoken = probabilities >= LIKELY
    if spoken.all() or not spoken.any():
        return 0.0
    power = np.square(level.astype(np.float64))
    return float(10 * np.log10((power[spoken].mean() + 1e-12) / (power[~spoken].mean() + 1e-12)))
