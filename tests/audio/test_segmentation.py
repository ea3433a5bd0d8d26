"""A long recording is cut in its pauses: properties of every cut, and the joins between spoken examples."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from bibier.audio import segmentation, voice_activity
from bibier.audio.segmentation import LONGEST, MARGIN, TARGET, cut, plan
from bibier.audio.voice_activity import FRAME, FRAMES_PER_SECOND
from bibier.transcript import Word

RATE = 16_000
EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ogg"))


def clips() -> list[np.ndarray]:
    return [soxr.resample(*soundfile.read(path, dtype="float32"), RATE) for path in EXAMPLES]


@pytest.fixture(scope="module")
def talk() -> tuple[np.ndarray, list[float]]:
    """Return the spoken examples with a second between them (n,), and the middles of these pauses in seconds."""
    parts, joins, at = [], [], 0.0
    for clip in clips():
        parts += [clip, np.zeros(RATE, np.float32)]
        at += len(clip) / RATE
        joins.append(at + 0.5)
        at += 1
    return np.concatenate(parts), joins[:-1]


SHORTEST = 1 / FRAMES_PER_SECOND  # s; the detector tells nothing shorter


@st.composite
def recordings(draw):
    """Draw a recording as `plan` sees it: its length, spoken stretches and levels; up to an hour."""
    seconds = draw(st.sampled_from([0.4, 3.0, 25.0, 305.0, 3600.0]) | st.floats(0.1, 400))
    edges = sorted(draw(st.lists(st.floats(0, seconds), max_size=40)))
    spoken = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if b - a > SHORTEST]
    seed = draw(st.integers(0, 9))
    level = np.random.default_rng(seed).random(int(np.ceil(seconds * FRAMES_PER_SECOND)))
    return seconds, spoken, level


@settings(max_examples=60, deadline=None)
@given(recordings(), st.floats(0.1, 2.0))
def test_stretches_are_ordered_disjoint_short_enough_and_hold_all_speech(recording, word):
    seconds, spoken, level = recording
    starts = np.arange(0.0, max(0.0, min(seconds, 60) - word), word + 0.05)
    words = [(float(a), float(a) + word) for a in starts]
    for spoken_words in ((), words):
        segments = plan(spoken, level, seconds=seconds, words=spoken_words)
        assert all(segment.start < segment.end and segment.duration <= LONGEST + 1e-6 for segment in segments)
        assert all(a.end <= b.start for a, b in zip(segments, segments[1:], strict=False))
        assert not segments or (segments[0].start >= 0 and segments[-1].end <= seconds)
        for start, end in (*spoken, *spoken_words):
            inside = sum(max(0.0, min(end, segment.end) - max(start, segment.start)) for segment in segments)
            assert inside == pytest.approx(end - start, abs=1e-6)  # once, since they are disjoint
        for start, end in spoken_words:  # no cut within a word: it lies in one stretch
            assert any(segment.start - 1e-6 <= start and end <= segment.end + 1e-6 for segment in segments)


def test_the_shortest_pauses_are_crossed_first():
    """As by the definition: look through all pauses, cross the shortest that may be crossed, and look again."""

    def defined(parts, pause, below):
        while True:
            gaps = [
                (c - b, i)
                for i, ((a, b), (c, d)) in enumerate(itertools.pairwise(parts))
                if c - b < pause and d - a <= segmentation.TARGET and min(b - a, d - c) < below
            ]
            if not gaps:
                return parts
            _, i = min(gaps)
            parts = [*parts[:i], (parts[i][0], parts[i + 1][1]), *parts[i + 2 :]]

    for seed in range(60):
        rng = np.random.default_rng(seed)
        lengths, gaps = rng.choice([0.1, 0.5, 2, 6, 11], 30), rng.choice([0.1, 0.2, 0.3, 0.5, 0.7], 30)
        ends = np.cumsum(lengths + gaps)
        parts = [(float(end - length), float(end)) for length, end in zip(lengths, ends, strict=True)]
        for pause, below in ((0.4, np.inf), (0.6, 1.5)):
            assert segmentation._joined(parts, pause, below) == defined(parts, pause, below)


@pytest.mark.parametrize("seconds", [20.5, 305.0, 3600.0])
def test_speech_without_a_pause_is_cut_at_its_quietest(seconds):
    """No pause at all: windows, each cut at the faintest frame within reach."""
    level = np.random.default_rng(0).random(int(seconds * FRAMES_PER_SECOND)) + 1
    dip = round(seconds / 2 * FRAMES_PER_SECOND)
    level[dip - 2 : dip + 3] = 0.0
    segments = plan([(0, seconds)], level, seconds=seconds)
    assert sum(segment.duration for segment in segments) == pytest.approx(seconds)
    assert all(LONGEST / 3 - MARGIN <= segment.duration <= LONGEST for segment in segments)
    assert min(abs(segment.end - seconds / 2) for segment in segments) < 0.1


def test_a_word_longer_than_the_limit_is_cut_all_the_same():
    level = np.ones(round(60 * FRAMES_PER_SECOND))
    assert all(segment.duration <= LONGEST for segment in plan([(0, 60)], level, seconds=60, words=[(0, 60)]))


def test_the_pauses_between_examples_are_cuts(talk):
    """Real speech in two languages: no stretch holds a pause of a second, and nothing spoken is left out."""
    samples, joins = talk
    segments = cut(samples)
    assert not [join for join in joins if any(segment.start < join < segment.end for segment in segments)]
    assert all(segment.duration <= TARGET + 2 * MARGIN for segment in segments)
    covered = np.zeros(len(samples), bool)
    for segment in segments:
        covered[int(segment.start * RATE) : int(segment.end * RATE)] = True
    energy = np.square(samples)
    assert energy[~covered].sum() < 1e-3 * energy.sum()


@pytest.mark.parametrize("gain", [1e-3, 0.1, 2.0])
def test_the_level_does_not_matter(talk, gain):
    samples, _ = talk
    segments, scaled = cut(samples), cut(samples * np.float32(gain))
    assert len(segments) == len(scaled)
    for a, b in zip(segments, scaled, strict=True):
        assert (a.start, a.end) == pytest.approx((b.start, b.end), abs=2 * FRAME / RATE)


def test_whole_numbers_are_cut_like_fractions(talk):
    samples, _ = talk
    whole = cut(np.round(samples * 32767).astype(np.int16))
    assert np.allclose(
        [tuple(vars(s).values()) for s in whole], [tuple(vars(s).values()) for s in cut(samples)], atol=0.1
    )


def test_speech_in_noise_is_found(talk):
    """At 10 dB over white noise still every example is found."""
    samples, joins = talk
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    noisy = samples + noise * samples.std() / 10 ** (10 / 20)
    segments = cut(noisy / np.abs(noisy).max())
    at = 0.0
    for clip in clips():
        end = at + len(clip) / RATE
        assert sum(max(0.0, min(end, s.end) - max(at, s.start)) for s in segments) > 0.5 * (end - at)
        at = end + 1


def test_blocks_hear_what_the_model_hears_in_one_go(talk, monkeypatch):
    samples, _ = talk
    level = voice_activity.loudness(samples)
    whole = voice_activity.voice_probabilities(samples, level)
    monkeypatch.setattr(voice_activity, "BLOCK", 100)
    np.testing.assert_allclose(voice_activity.voice_probabilities(samples, level), whole, atol=1e-5)


def test_nobody_speaks():
    generator = np.random.default_rng(0)
    t = np.arange(30 * RATE) / RATE
    assert cut(np.zeros(0, np.float32)) == []
    assert cut(np.zeros(30 * RATE, np.float32)) == []
    assert cut((0.1 * generator.standard_normal(30 * RATE)).astype(np.float32)) == []
    chord = (
        sum(np.sin(2 * np.pi * hertz * t) for hertz in (220, 277.2, 329.6)) / 10 * np.minimum(t, 1)
    )  # an abrupt start is a consonant
    assert cut(chord.astype(np.float32)) == []


def test_words_are_kept_whole(talk):
    """A word that the recogniser hears across a pause holds its two sides together."""
    samples, _ = talk
    first, second = cut(samples)[:2]
    bridge = Word("bridge", first.end - 0.3, second.start + 0.3)
    assert any(s.start <= bridge.start and bridge.end <= s.end for s in cut(samples, [bridge]))


@pytest.mark.parametrize("call", ["cut(np.zeros(16000, np.float32))", "stretches(np.ones(99, np.float32), 99 * 512)"])
def test_the_threads_of_the_process_are_left_alone(call):
    """Whichever call imports the package of the voice detector."""
    code = "import torch; torch.set_num_threads(3); import numpy as np; from bibier.audio import segmentation; "
    code += f"segmentation.{call}; assert torch.get_num_threads() == 3"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])
