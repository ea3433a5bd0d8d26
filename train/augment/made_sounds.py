"""Sounds that are no speech, made by code: what a voice model must not be sure of.

n samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bibier.audio.format import SAMPLE_RATE

Maker = Callable[[np.random.Generator, Sequence[np.ndarray]], np.ndarray]

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)  # semitones
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)  # Hz, of the telephone's keys (ITU-T Q.23)
# Formants of five sung vowels in Hz (Peterson & Barney, 1952), and how broad and how strong each is.
VOWELS = np.array(((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)))
BREADTHS, STRENGTHS = np.array((60, 100, 140)), np.array((1.0, 0.6, 0.3))
HIGHEST = 7_500  # Hz, of a partial


def _seconds(generator: np.random.Generator, least: float, most: float) -> np.ndarray:
    """Return the times (n,) in seconds of a sound of a random length."""
    return np.arange(int(SAMPLE_RATE * generator.uniform(least, most))) / SAMPLE_RATE


def _partials(pitch: np.ndarray, strengths: Sequence[float], decay: float = 0.0) -> np.ndarray:
    """Add up partials of a pitch (n,) in Hz; the higher ones fade sooner with a `decay`."""
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    time = np.arange(len(pitch)) / SAMPLE_RATE
    return np.sum(
        [
            strength * np.exp(-decay * number * time) * np.where(number * pitch < HIGHEST, np.sin(number * phase), 0)
            for number, strength in enumerate(strengths, start=1)
        ],
        axis=0,
    )


def _plucked(pitch: float, length: int, generator: np.random.Generator) -> np.ndarray:
    """Return a plucked string (Karplus & Strong, 1983)."""
    from scipy.signal import lfilter

    period = max(2, round(SAMPLE_RATE / pitch))
    burst = np.zeros(length)
    burst[:period] = generator.standard_normal(min(period, length))
    return np.asarray(lfilter([1.0], [1.0, *np.zeros(period - 1), -0.498, -0.498], burst))


def _note(pitch: float, length: int, instrument: str, generator: np.random.Generator) -> np.ndarray:
    time = np.arange(length) / SAMPLE_RATE
    steady = np.full(length, pitch)
    release = np.minimum(1, (length / SAMPLE_RATE - time) / 0.03)
    if instrument == "plucked":
        return _plucked(pitch, length, generator)
    if instrument == "organ":
        return _partials(steady, (1, 1 / 2, 1 / 3, 1 / 4, 0, 1 / 6, 0, 1 / 8)) * np.minimum(1, time / 0.02) * release
    if instrument == "strings":
        vibrato = steady * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * time))
        return _partials(vibrato, [1 / k for k in range(1, 14)]) * np.minimum(1, time / 0.08) * release
    if instrument == "wind":
        breath = generator.standard_normal(length) * 0.05
        return (_partials(steady, (1, 0.1, 0.3, 0.05, 0.1)) + breath) * np.minimum(1, time / 0.05) * release
    struck = [k**-1.5 for k in range(1, 9)]  # piano
    return _partials(steady, struck, decay=0.8) * np.exp(-time) * np.minimum(1, time / 0.003)


def music(generator: np.random.Generator, clips: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return melodies and chords of five instruments, some with drums."""
    time = _seconds(generator, 2, 5)
    sound = np.zeros(len(time))
    scale, root = (MAJOR, MINOR)[generator.integers(2)], generator.uniform(90, 360)
    beat, drums = int(SAMPLE_RATE * generator.uniform(0.15, 0.6)), generator.random() < 0.4
    instrument = str(generator.choice(["plucked", "organ", "strings", "wind", "piano"]))
    for begin in range(0, len(sound), beat):
        length = min(len(sound) - begin, int(beat * generator.uniform(1, 2.5)))
        degree = int(generator.integers(0, 14))
        for step in (degree, degree + 2, degree + 4) if generator.random() < 0.5 else (degree,):
            pitch = root * 2 ** ((scale[step % 7] + 12 * (step // 7)) / 12)
            sound[begin : begin + length] += _note(pitch, length, instrument, generator) * generator.uniform(0.4, 1)
        if drums:
            hit = min(len(sound) - begin, 2_400)
            fall = np.exp(-np.arange(hit) / (0.03 * SAMPLE_RATE))
            sound[begin : begin + hit] += generator.standard_normal(hit) * fall * generator.uniform(0.5, 3)
    return sound


def tones(generator: np.random.Generator, clips: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return telephone keys, dial and busy tones, sirens, chirps, beeps or one held tone."""
    time = _seconds(generator, 1.5, 4)
    kind = generator.integers(6)
    if kind == 0:
        sound, begin = np.zeros(len(time)), 0
        while begin < len(sound):
            pressed = time[begin : begin + int(SAMPLE_RATE * generator.uniform(0.07, 0.2))]
            pair = (generator.choice(ROWS), generator.choice(COLUMNS))
            sound[begin : begin + len(pressed)] = sum(np.sin(2 * np.pi * pitch * pressed) for pitch in pair)
            begin += len(pressed) + int(SAMPLE_RATE * generator.uniform(0.04, 0.15))
        return sound
    if kind == 1:
        period = generator.uniform(0.4, 1.5)
        pair = generator.uniform(350, 620, 2)
        sounding = (time % period) < period * generator.uniform(0.3, 1)
        return sum(np.sin(2 * np.pi * pitch * time) for pitch in pair) * sounding
    if kind == 2:
        sweep = np.sin(2 * np.pi * generator.uniform(0.3, 4) * time)
        return _partials(generator.uniform(500, 900) + generator.uniform(100, 400) * sweep, (1, 0.3, 0.1))
    if kind == 3:
        low, high = generator.uniform(80, 600), generator.uniform(1_500, 7_000)
        share = (time * generator.uniform(0.4, 3)) % 1
        return _partials(low * (high / low) ** (share if generator.random() < 0.5 else 1 - share), (1,))
    if kind == 4:
        period = generator.uniform(0.1, 0.6)
        return np.sign(np.sin(2 * np.pi * generator.uniform(400, 2_500) * time)) * ((time % period) < period / 2)
    return _partials(np.full(len(time), generator.uniform(90, 3_000)), (1, generator.uniform(0, 0.5)))


def noise(generator: np.random.Generator, clips: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return noise of any colour: steady, waxing and waning, with a hum, crackling, or knocking."""
    time = _seconds(generator, 1.5, 5)
    hertz = np.maximum(np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE), 30)
    white = np.fft.rfft(generator.standard_normal(len(time)))
    sound = np.fft.irfft(white * hertz ** -generator.uniform(-0.3, 1.1), len(time))
    sound /= np.std(sound)
    kind = generator.integers(5)
    if kind == 1:
        return sound * (1 + 0.9 * np.sin(2 * np.pi * generator.uniform(0.5, 12) * time))
    if kind == 2:
        hum = _partials(np.full(len(time), generator.choice((25, 50, 60, 80))), [1 / k for k in range(1, 12)])
        return hum + generator.uniform(0.02, 0.3) * sound
    if kind == 3:
        clicks = (generator.random(len(time)) < 0.0008) * 30 * generator.standard_normal(len(time))
        return np.convolve(0.05 * sound + clicks, np.exp(-np.arange(200) / 30), "same")
    if kind == 4:
        knocks = (time % generator.uniform(0.15, 0.8)) * SAMPLE_RATE
        return sound * np.exp(-knocks / generator.uniform(300, 1_500)) + 0.02 * generator.standard_normal(len(time))
    return sound


def singing(generator: np.random.Generator, clips: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Return a sung line: held notes with vibrato through gliding vowels."""
    time = _seconds(generator, 2.5, 5)
    root, begin = generator.uniform(100, 400), 0
    pitch, loudness, formants = np.zeros(len(time)), np.ones(len(time)), np.zeros((3, len(time)))
    while begin < len(time):
        end = begin + int(SAMPLE_RATE * generator.uniform(0.25, 0.9))
        pitch[begin:end] = root * 2 ** (generator.choice((0, 2, 4, 5, 7, 9, 12)) / 12)
        formants[:, begin:end] = VOWELS[generator.integers(len(VOWELS))][:, None]
        loudness[begin : begin + int(0.03 * SAMPLE_RATE)] = 0.1
        begin = end
    glide = np.ones(800) / 800
    pitch = (np.convolve(pitch, glide, "same") + 1) * (
        1 + 0.02 * np.sin(2 * np.pi * generator.uniform(4.5, 6.5) * time)
    )
    formants = np.stack([np.convolve(row, glide, "same") for row in formants]) * generator.uniform(0.95, 1.2)  # (3, n)
    phase, sound = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE, np.zeros(len(time))
    for number in range(1, 30):
        partial = number * pitch  # (n,), Hz
        if partial.min() >= HIGHEST:
            break
        resonances = zip(formants, BREADTHS, STRENGTHS, strict=True)
        strength = sum(s / (1 + ((partial - formant) / b) ** 2) for formant, b, s in resonances) / number**0.4  # (n,)
        sound += np.where(partial < HIGHEST, strength * np.sin(number * phase), 0)
    return sound * loudness


def babble(generator: np.random.Generator, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Return six to thirteen of the clips at once."""
    sound = np.zeros(len(_seconds(generator, 2, 4.5)))
    for _ in range(generator.integers(6, 14)):
        clip = clips[int(generator.integers(len(clips)))]
        begin = int(generator.integers(len(clip)))
        heard = np.resize(np.roll(clip, -begin), len(sound))
        sound += heard / (np.std(heard) + 1e-6)
    return sound


def reversed_speech(generator: np.random.Generator, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Return one of the clips backwards."""
    return clips[int(generator.integers(len(clips)))][::-1].astype(np.float64)


KINDS: dict[str, Maker] = {
    "music": music,
    "tones": tones,
    "noise": noise,
    "singing": singing,
    "babble": babble,
    "reversed": reversed_speech,
}


def make(kind: str, generator: np.random.Generator, clips: Sequence[np.ndarray]) -> np.ndarray:
    """Return one sound of a kind, (n,) float32 in [-1, 1]; every second one but noise lies under some noise.

    Parameters
    ----------
    kind
        One of `KINDS`.
    generator
        The same one gives the same sound.
    clips
        Speech, (nᵢ,) at 16 kHz each, of which babble and reversed speech are made.
    """
    sound = KINDS[kind](generator, clips)
    if kind != "noise" and generator.random() < 0.5:
        below = generator.uniform(10, 30)  # dB
        sound = sound + generator.standard_normal(len(sound)) * np.std(sound) * 10 ** (-below / 20)
    return (generator.uniform(0.1, 0.9) * sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)
