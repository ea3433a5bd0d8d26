"""Listeners drawn from a crowd: what a vote is worth, and what a model that knows the crowd is worth beside it."""

import numpy as np
import pytest
import small_corpora
from scipy.special import softmax

from benchmarks import crowd
from bibier.distributions import jensen_shannon
from bibier.labels import EMOTIONS
from train.experiment import recipe, sources
from train.experiment.left_out import CORPORA, GROUPS, corpus_folds, group_folds, left_out

CLIPS, LISTENERS = 120, 9
EMOTION_OF_VOICE = ("anger", "happy", "neutral", "sad")


@pytest.fixture(scope="module")
def listeners():
    """True distributions of clips over the six choices (N, 7), and the counts of votes drawn from them."""
    generator = np.random.default_rng(3)
    truth = np.zeros((CLIPS, 7))
    truth[:, crowd.HEARD] = softmax(2 * generator.standard_normal((CLIPS, 6)), axis=1)
    return truth, np.array([generator.multinomial(LISTENERS, p) for p in truth])


def test_every_listener_is_drawn_once_and_left_out_of_the_rest(listeners):
    _, counts = listeners
    votes = crowd.Votes.of(counts)
    assert np.bincount(votes.clip, votes.weight) == pytest.approx(np.ones(CLIPS))
    row = 7
    expected = counts[votes.clip[row]].astype(float)
    expected[votes.vote[row]] -= 1
    assert votes.rest[row] == pytest.approx(expected / (LISTENERS - 1))
    assert votes.weight[row] == pytest.approx(counts[votes.clip[row], votes.vote[row]] / LISTENERS)


def test_the_best_constant_is_the_best(listeners):
    votes = crowd.Votes.of(listeners[1])
    generator = np.random.default_rng(0)
    for name, loss in crowd.LOSSES.items():
        p = crowd.best(loss, votes.rest, votes.weight)
        assert p.sum() == pytest.approx(1) and p[EMOTIONS.index("surprise")] == 0, name
        least = np.average(loss(p, votes.rest), weights=votes.weight)
        for _ in range(20):
            moved = p * np.exp(0.3 * generator.standard_normal(7))
            assert np.average(loss(moved / moved.sum(), votes.rest), weights=votes.weight) >= least - 1e-6, name


def compared(logits, counts):
    speakers = np.arange(CLIPS) % 12
    folds = [speakers % 3 == number for number in range(3)]
    return crowd.make([logits], [1.0], counts, speakers, folds)


def test_who_knows_the_crowd_is_closer_to_it_than_a_listener_who_is_closer_than_a_constant(listeners):
    truth, counts = listeners
    table = compared(np.log(np.maximum(truth, 1e-9)), counts)
    values = dict(zip(crowd.ROWS, table.values, strict=True))
    for measure in range(2):
        assert values[crowd.MODEL][measure] < values[crowd.LISTENER][measure] < values[crowd.CONSTANT][measure]
    value, low, high = table.ratio(crowd.MODEL)
    assert low < value < high < 1
    votes = crowd.Votes.of(counts)
    expected = np.average(jensen_shannon(truth[votes.clip], votes.rest), weights=votes.weight)
    assert values[crowd.MODEL][1] == pytest.approx(expected, abs=1e-6)
    heights = [-(p * np.log2(np.maximum(p, 1e-300))).sum(1) for p in (truth[votes.clip], votes.rest)]
    correlation = np.cov(*heights, aweights=votes.weight)
    expected = correlation[0, 1] / np.sqrt(correlation[0, 0] * correlation[1, 1])
    assert values[crowd.MODEL][2] == pytest.approx(expected, abs=1e-6)


def test_who_knows_nothing_is_as_good_as_the_constant_once_it_may_shift(listeners):
    table = compared(np.zeros((CLIPS, 7)), listeners[1])
    values = dict(zip(crowd.ROWS, table.values, strict=True))
    assert values[crowd.SHIFTED][:2] == pytest.approx(values[crowd.CONSTANT][:2], abs=2e-3)
    assert table.ratio(crowd.SHIFTED)[0] > 1


def test_the_command_s_table_from_a_corpus_with_votes(small, tmp_path):
    data = small_corpora.make(tmp_path / "data")
    small_corpora.make_voices(data, "cremad", EMOTION_OF_VOICE, votes=LISTENERS)
    chosen = recipe.load(small, ['audio.corpora=["ravdess", "cremad"]'])
    source = sources.audio_source(chosen, data)
    for kind, folds in ((GROUPS, group_folds(source)), (CORPORA, corpus_folds(source))):
        empty = left_out(chosen, source, "audio", folds, (0,), fit=False)
        assert crowd.of_corpus(empty, data, kind) is None
        table = crowd.of_corpus(left_out(chosen, source, "audio", folds, (0,)), data, kind)
        assert table is not None and (table.clips, table.speakers, table.seeds) == (24, 3, 1)
        text = crowd.markdown(table)
        assert all(f"| {row} |" in text for row in crowd.ROWS) and "24 clips of 3 speakers; 1 seed." in text
