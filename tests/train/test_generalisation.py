"""Corpora left out and unseen speakers: who never meets whom, what is kept, what the report says."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import small_corpora
from scipy.special import softmax

from train import __main__ as cli
from train.corpora.items import Item
from train.evaluate import generalisation, generalisation_report, matched_pairs
from train.experiment import encoders, left_out, recipe, sources
from train.experiment.left_out import CORPORA, GROUPS, Answers, LeftOut
from train.metrics import Interval, ece, fit_temperature, uar

CHANGES = ['audio.corpora=["ravdess", "nemo"]', 'fusion.model.kind="pool"', "text.fit.epochs=1"]
POLISH = ("anger", "happy", "neutral", "sad")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = small_corpora.make(tmp_path_factory.mktemp("strangers"))
    small_corpora.make_voices(root, "nemo", POLISH)
    return root


def run(small: Path, data: Path, *arguments: str) -> str:
    changes = [word for change in CHANGES for word in ("--set", change)]
    out = small.parent / "benchmarks" / "report.md"
    common = ["generalise", str(small), "--data", str(data), *changes, "--out", str(out), "--draws", "20"]
    assert cli.main([*common, *arguments]) == 0
    return out.read_text()


def rows_of(report: str, title: str) -> dict[str, list[str]]:
    section = report.split(f"## {title}")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row] for row in lines[2:]}


def test_the_report_has_every_table_and_a_second_call_fits_nothing(small, data, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        generalisation_report, "draw_confusions", lambda counts, title, file: drawn.setdefault(file.name, counts)
    )
    report = run(small, data, "--seeds", "2")
    voice = rows_of(report, "Voice: corpora left out")
    assert voice["ravdess"][1:5] == ["21", "3", "7", "0, 1"] and voice["nemo"][1:5] == ["24", "3", "4", "0, 1"]
    assert "±" in voice["nemo"][5] and "[" in voice["nemo"][7] and float(voice["nemo"][9]) is not None
    assert rows_of(report, "Voice: unseen speakers").keys() == voice.keys()
    assert rows_of(report, "Words: corpora left out").keys() == {"meld", "resd", "**mean**"}
    assert rows_of(report, "Words: unseen dialogues")["meld"][4] == "0, 1"
    assert rows_of(report, "Both: corpora left out").keys() == {"en", "ru", "**en**", "**ru**"}
    assert "* nothing: every fold and seed is here." in report
    parts = ("voice-corpora", "voice-groups", "words-corpora", "words-groups")
    assert list(drawn) == [f"report-{part}.png" for part in parts] and all(f"]({name})" in report for name in drawn)
    assert drawn["report-voice-corpora.png"]["nemo"].sum() == 2 * 24
    for name in ("fit_audio", "fit_text"):
        monkeypatch.setattr(encoders, name, lambda *_: pytest.fail("fitted twice"))
    assert run(small, data, "--seeds", "2") == report


def test_what_was_not_run_is_named_and_never_made_up(small, data, monkeypatch):
    report = run(small, data, "--report", "--seeds", "1")
    assert "* voice, corpora left out, seed 0: ravdess, nemo" in report
    assert "* words, unseen dialogues, seed 0: fold 0, fold 1" in report
    assert "| ---" not in report and "UAR" not in report
    fitted = encoders.fit_audio

    def stopped(recipe, source, rows, seed, report):
        if not any(source.items[row].corpus == "ravdess" for row in rows):
            raise KeyboardInterrupt
        return fitted(recipe, source, rows, seed, report)

    # The first fold leaves RAVDESS out: the run is interrupted there, and once more after the second one was kept.
    monkeypatch.setattr(encoders, "fit_audio", stopped)
    monkeypatch.setattr(generalisation_report, "corpus_folds", lambda source: left_out.corpus_folds(source)[::-1])
    with pytest.raises(KeyboardInterrupt):
        run(small, data, "--only", "voice", "--seeds", "1")
    report = run(small, data, "--report", "--seeds", "1")
    assert "* voice, corpora left out, seed 0: ravdess\n" in report
    row = rows_of(report, "Voice: corpora left out")["nemo"]
    assert row[4] == "0" and row[7] == "—"  # no other corpus was judged that a temperature could come from


def test_answers_that_were_carried_elsewhere_are_reported_without_encoders_or_features(small, data):
    answers = small.parent / "answers"
    ours = ("--only", "voice", "--seeds", "1", "--answers", str(answers))
    voice = rows_of(run(small, data, *ours), "Voice: corpora left out")
    assert {file.suffix for file in answers.iterdir()} == {".npz"}
    shutil.rmtree(".cache")
    assert rows_of(run(small, data, "--report", *ours), "Voice: corpora left out") == voice


def test_no_fold_s_training_rows_share_a_corpus_family_or_a_group_with_its_test_rows(small, data):
    chosen = recipe.load(small, CHANGES)
    sound, words = sources.audio_source(chosen, data), sources.text_source(chosen, data)
    for source, group in ((sound, "speaker"), (words, "dialogue")):
        folds = left_out.corpus_folds(source)
        assert [fold.name for fold in folds] == list(dict.fromkeys(item.corpus for item in source.items))
        for fold in folds + left_out.group_folds(source):
            trained, judged = ([source.items[row] for row in rows] for rows in (fold.train, fold.test))
            what = "corpus" if fold.kind == CORPORA else group
            assert not {getattr(item, what) for item in trained} & {getattr(item, what) for item in judged}
        assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(source.items)))


def test_an_encoder_that_was_fitted_elsewhere_is_read_where_nothing_may_be_fitted(small, data):
    chosen = recipe.load(small, CHANGES)
    source = sources.audio_source(chosen, data)
    first, second = left_out.corpus_folds(source)
    assert not encoders.is_fitted(chosen, source, "audio", first.train, 0)
    encoders.fit_audio(chosen, source, first.train, 0)
    answers = left_out.left_out(chosen, source, "audio", [first, second], (0,), fit=False)
    assert answers.missing == ((CORPORA, second.name, 0, ""),)
    assert answers.judged(CORPORA, 0, first.test).tolist() == first.test.tolist()


def test_translated_corpora_are_left_out_together():
    assert left_out.family("izard") == left_out.family("goemotions-ru") == left_out.family("goemotions")
    assert left_out.family("xed-ru") == left_out.family("xed-en") != left_out.family("meld") == "meld"


def random_answers(
    corpora: dict[str, tuple[int, ...]], seeds=(0, 1), kind=CORPORA, skill=2.0, modality="audio"
) -> LeftOut:
    """Answers to made-up rows: 30 of each class of each corpus, by five speakers."""
    generator = np.random.default_rng(5)
    items = [
        Item(f"{corpus}/{label}/{i}", corpus, np.eye(7)[label], speaker=f"s{i % 5}", dialogue=f"d{label}{i}")
        for corpus, labels in corpora.items()
        for label in labels
        for i in range(30)
    ]
    labels = np.array([item.label for item in items])
    source = sources.TrainingRows(
        items, [], [], np.stack([item.target for item in items]), labels, [], np.ones(len(items)), lambda chain: None
    )
    answers = {}
    for seed in seeds:
        logits = generator.standard_normal((len(items), 7)) * 2 + skill * np.eye(7)[labels]
        answers[kind, seed, ""] = Answers(logits, np.full((len(items), 7), 1 / 7))
        answers[kind, seed, "gsm"] = Answers(logits - 1.5 * np.eye(7)[labels], np.full((len(items), 7), 1 / 7))
    return LeftOut(modality, source, answers, ())


def test_the_figures_are_those_of_the_corpus_s_own_classes_and_of_the_others_temperature():
    answers = random_answers({"a": (0, 1, 2), "b": (0, 1, 2, 3, 4, 5, 6)})
    row = generalisation.figures(answers, CORPORA, draws=50)[0]
    rows = answers.rows_of("a")
    others, labels = answers.rows_of("b"), answers.source.labels
    uars, calibrated, temperatures, seven = [], [], [], []
    for seed in (0, 1):
        logits = answers.answers[CORPORA, seed, ""].logits
        uars.append(uar(labels[rows], logits[rows][:, :3].argmax(1)))
        seven.append(uar(labels[rows], logits[rows].argmax(1)))
        temperatures.append(fit_temperature(logits[others], labels[others]))
        calibrated.append(ece(labels[rows], softmax(logits[rows] / temperatures[-1], axis=1)))
    assert row.uar.value == pytest.approx(np.mean(uars)) and row.deviation == pytest.approx(np.std(uars, ddof=1))
    assert row.uar_of_seven == pytest.approx(np.mean(seven)) and row.uar_of_seven < row.uar.value
    assert row.ece is not None and row.ece.value == pytest.approx(np.mean(calibrated))
    assert row.temperature == pytest.approx(np.mean(temperatures))
    assert row.uar.low < row.uar.value < row.uar.high and row.groups == 5 and row.classes == 3
    assert row.lost["gsm"] > 5 and row.counts.sum() == 2 * len(rows) and not row.counts[:, 3:].any()


def test_one_speaker_gives_no_interval():
    figure = Interval(64.8, 64.8, 64.8, groups=1)
    assert generalisation_report.interval(figure) == "64.8 [—]"
    assert generalisation_report.interval(dataclasses.replace(figure, groups=2), 0.5) == "64.8 ± 0.5 [64.8, 64.8]"


def test_a_corpus_of_the_same_family_gives_no_temperature():
    answers = random_answers({"goemotions": (0, 1), "izard": (0, 1)}, modality="text")
    assert generalisation.temperature_of_others(answers, CORPORA, 0, "izard") is None
    assert generalisation.figures(answers, CORPORA, draws=5)[0].ece is None


def test_a_weighted_temperature_counts_an_item_as_often_as_its_weight():
    generator = np.random.default_rng(0)
    logits, truth = generator.standard_normal((40, 7)) * 3, generator.integers(0, 7, 40)
    weights = generator.integers(0, 4, 40)
    repeated = np.repeat(np.arange(40), weights)
    assert fit_temperature(logits, truth, weights) == pytest.approx(
        fit_temperature(logits[repeated], truth[repeated]), rel=1e-4
    )


def test_both_is_the_product_where_voice_and_words_are_independent(small):
    chosen = recipe.load(small, CHANGES)
    voices = random_answers({"a": tuple(range(7)), "b": tuple(range(7))}, seeds=(0,))
    words = random_answers({"c": tuple(range(7)), "d": tuple(range(7))}, seeds=(0,), modality="text")
    rows = matched_pairs.figures(chosen, voices, words, CORPORA, (0, 1), draws=20)
    assert [(row.corpus, row.language, row.seeds) for row in rows] == [("a", "en", (0,)), ("b", "en", (0,))]
    for row in rows:
        assert row.over_branch > 5 and abs(row.over_product) < 3
        assert row.ece["both"].value < 0.1
    without = dataclasses.replace(voices, answers={})
    assert matched_pairs.figures(chosen, without, words, CORPORA, (0,), draws=5) == []
    assert matched_pairs.figures(chosen, voices, words, GROUPS, (0,), draws=5) == []


def test_a_pool_that_stays_unfitted_weighs_the_voice_as_the_recipe_says(small):
    whole = recipe.load(small, [*CHANGES, "fusion.temperature=1.0"])
    voices = random_answers({"a": tuple(range(7)), "b": tuple(range(7))}, seeds=(0,))
    words = random_answers({"c": tuple(range(7)), "d": tuple(range(7))}, seeds=(0,), modality="text")
    for weight, like in ((0.0, "words"), (1.0, "product")):
        chosen = dataclasses.replace(
            whole,
            fusion=dataclasses.replace(whole.fusion, fitted=False, voice_weight=weight, temperature=1.0),
            audio=dataclasses.replace(whole.audio, temperature=1.0),
            text=dataclasses.replace(whole.text, temperature=1.0),
        )
        for row in matched_pairs.figures(chosen, voices, words, CORPORA, (0,), draws=5):
            assert row.uar["both"].value == pytest.approx(row.uar[like].value, abs=0.2)


def test_the_voice_s_temperature_is_the_recipe_s_where_it_sets_one(small):
    chosen = recipe.load(small, CHANGES)
    voices = random_answers({"a": tuple(range(7)), "b": tuple(range(7))}, seeds=(0,))
    words = random_answers({"c": tuple(range(7)), "d": tuple(range(7))}, seeds=(0,), modality="text")

    def doubt(temperature: float | None) -> float:
        """How far the voice is from being right as often as it says."""
        audio = dataclasses.replace(chosen.audio, temperature=temperature)
        rows = matched_pairs.figures(dataclasses.replace(chosen, audio=audio), voices, words, CORPORA, (0,), draws=5)
        return rows[0].ece["voice"].value

    fitted = generalisation.temperature_of_others(voices, CORPORA, 0, "a")
    assert doubt(None) == pytest.approx(doubt(fitted))
    assert doubt(20.0) > 3 * doubt(None)


def test_a_fusion_that_reads_hidden_states_is_named(small):
    assert not matched_pairs.is_pool(recipe.load(small))
    empty = generalisation_report.Generalisation(recipe.load(small), (0,), {"audio": None, "text": None}, {})
    assert any("hidden states" in line for line in generalisation_report.missing(empty))
