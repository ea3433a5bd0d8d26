"""From a data folder to a checkpoint that the app loads: `train fit`, `push` and `evaluate`."""

import json
import re
from pathlib import Path

import pytest
import torch
from small_corpora import CODES, WORDS, write_csv
from tiny import voice

from bibier.checkpoint.bundle import Calibration, load
from bibier.inference.predictor import Predictor
from bibier.models import fusion, ssm
from bibier.models.memocmt import AGGREGATIONS
from train import __main__ as cli
from train.experiment import ood


@pytest.fixture
def unscored(monkeypatch):
    """No out-of-distribution score: it hangs on the voice alone, and `fitted` has one."""
    monkeypatch.setattr(ood, "FEWEST", 10**6)


def test_from_a_data_folder_to_a_checkpoint_that_predicts_and_evaluates(fitted, folder, capsys):
    config = load(fitted).config
    assert config.data["rows"] == {"meld": 42, "ravdess": 21, "resd": 35}
    assert config.recipe["audio"]["fit"]["batch"] == 8
    assert "21 clips, 77 texts" in (fitted / "README.md").read_text()
    capsys.readouterr()
    command = ["evaluate", str(fitted), "--corpus", "meld", "--split", "test", "--data", str(folder), "--json"]
    assert cli.main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["text"]["n"] == 14 and figures["audio"] is None
    assert figures["text"]["UAR"] > 80  # each emotion has a word of its own: a text branch that learns must find it
    assert cli.main(["evaluate", str(fitted), "--corpus", "ravdess", "--data", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["audio"]["n"] == 7 and figures["text"] is None


CHANGES = [
    'fusion.model.kind = "bigraphformer"',
    'fusion.model.kind = "bigatedgraphformer"',
    'fusion.model.kind = "bimamba"',
    'fusion.model = {kind = "wpf", wpf = true, pool = false}',
    *(
        f'fusion.model = {{kind = "{kind}", wpf = true, pool = false}}'
        for kind in fusion.FUSIONS
        if kind not in ("wpf", "pool")
    ),
    'fusion.model = {kind = "pool"}',
    *(f'fusion.model = {{kind = "memocmt", hidden = 8, heads = 2, aggregation = "{how}"}}' for how in AGGREGATIONS),
    'fusion.model = {kind = "lpgnet", hidden = 8, heads = 2}',
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_fusion_model_is_fitted_pushed_and_loaded_by_the_app(
    fitted, folder, tmp_path, monkeypatch, capsys, change, unscored
):
    """`fit` → `push` to a folder → the Predictor, which the app runs, for every model of the list."""
    monkeypatch.chdir(fitted.parent)  # where the fitted encoders are kept
    out, there = tmp_path / "run", tmp_path / "space"
    command = ["fit", "small.toml", "--data", str(folder), "--out", str(out), "--set", change]
    assert cli.main(command) == 0
    printed = "".join(capsys.readouterr())
    assert (f"selective scan: {ssm.kernel()}" in printed) == ("bimamba" in change), printed
    assert cli.main(["push", str(out), str(there)]) == 0
    pushed = load(there)
    assert f'"{pushed.config.fusion.kind}"' in change
    prediction = Predictor(pushed)((voice(1.5), 16_000), "What a lovely door")
    assert sum(prediction.bimodal.probabilities.values()) == pytest.approx(1)
    assert len(prediction.words) == 4


def manifest_of_dialogues(root, folder) -> Path:
    """Ten dialogues of seven utterances with a clip and a text; two of them, by another actor, are the dev split."""
    clips = {code: sorted((folder / "ravdess").rglob(f"03-01-{code:02d}-*.wav")) for code in CODES.values()}
    rows = [
        {
            "path": str(clips[CODES[label]][3 if dialogue > 7 else dialogue % 3]),
            "text": f"{WORDS[label]} it {dialogue}",
            "label": label,
            "split": "dev" if dialogue > 7 else "train",
            "speaker": f"s{dialogue}",
            "dialogue": f"d{dialogue}",
        }
        for dialogue in range(10)
        for label in WORDS
    ]
    write_csv(root / "talk.csv", rows)
    return root / "talk.csv"


@pytest.mark.parametrize("variant", ["frame", "utterance"])
def test_a_corpus_with_both_gives_its_own_pairs_and_dialogues(small, folder, tmp_path, variant, unscored):
    """Own pairs, early stopping of all three fits by the dev split, and LPGNet on frames or on whole dialogues."""
    talk = manifest_of_dialogues(tmp_path, folder)
    changes = [
        f'audio.corpora = ["{talk}"]',
        f'text.corpora = ["{talk}"]',
        "audio.folds = 2",
        "audio.fit.patience = 2",
        "text.fit.patience = 9",
        "fusion.fit = {epochs = 25, batch = 4, learning_rate = 1e-2, patience = 20, schedule = 'plateau', average = 0}",
        "fusion.pairs = 0",
        f'fusion.model = {{kind = "lpgnet", hidden = 8, heads = 2, dropout = 0.1, variant = "{variant}"}}',
    ]
    command = ["fit", str(small), "--data", str(folder), "--out", str(tmp_path / "made")]
    assert cli.main(command + [part for change in changes for part in ("--set", change)]) == 0
    fitted = load(tmp_path / "made")
    assert fitted.config.fusion.variant == variant and fitted.config.data["rows"] == {"talk": 112}
    clip = next((folder / "ravdess").rglob("*.wav"))
    predictions = [Predictor(fitted)(clip, f"{word} it").bimodal.probabilities for word in WORDS.values()]
    truth = [p[label] for p, label in zip(predictions, WORDS, strict=True)]
    assert sum(truth) / len(truth) > 0.25  # guessing gives a seventh; the voice is of another emotion in most of these


def test_dialogues_want_a_corpus_that_has_them(small, folder, tmp_path, capsys):
    change = 'fusion.model = {kind = "lpgnet", hidden = 8, heads = 2, variant = "utterance"}'
    command = ["fit", str(small), "--data", str(folder), "--out", str(tmp_path / "made"), "--set", change]
    assert cli.main(command) == 2
    assert "reads dialogues" in capsys.readouterr().err


ACROSS = [
    "audio.features.pitch = 16",
    "audio.encoder.bins = 80",
    "audio.sampling = {draws = 16, smoothing = 0.1}",
    "audio.copies = {rooms = 1, telephone = 1}",
    "audio.perturbation = {crop = 0.5, warp = 0.04, pitch_shift = 1.0}",
    "audio.fit = {class_power = 0, average_warm_up = true, statistics = 2}",
    "audio.temperature = 1.4",
    "text.temperature = 1.25",
    'fusion = {model = {kind = "pool"}, fitted = false, temperature = 0.9, voice_weight = 0.25}',
]


def test_a_voice_of_several_corpora_in_a_pool_that_is_not_fitted(fitted, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["fit", str(fitted.parent / "small.toml"), "--data", str(folder), "--out", "run"]
    assert cli.main(command + [part for change in ACROSS for part in ("--set", change)]) == 0
    model = load(tmp_path / "run")
    assert model.config.calibration == Calibration(1.4, 1.25, 0.9) and model.config.audio_features.pitch == 16
    pool = model.fusion.state_dict()
    torch.testing.assert_close(pool["weight"][0], torch.full((7,), 0.25))
    torch.testing.assert_close(pool["bias"], -torch.tensor(model.config.text_prior).log(), atol=1e-2, rtol=1e-2)
    assert len(list((tmp_path / ".cache" / "encoders").glob("*.safetensors"))) == 2  # no fold is fitted
    prediction = Predictor(model)((voice(1.5), 16_000), "What a lovely door")
    assert sum(prediction.bimodal.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("audio.copies = {rooms = 1}", "give .audio.sampling"),
        ("audio.sampling = {draws = 0}", "draws is 0"),
        ("audio.sampling = {draws = 8}", "set fit.class_power = 0"),
        ("audio.features.pitch = 8", "set encoder.bins = 72"),
        ("fusion.fitted = false", "a fusion is a pool"),
        (ACROSS[-1], "give audio.temperature"),
    ],
)
def test_settings_of_several_corpora_that_do_not_go_together_are_refused(fitted, folder, capsys, change, said):
    command = ["fit", str(fitted.parent / "small.toml"), "--data", str(folder), "--out", "run", "--set", change]
    assert cli.main(command) == 2
    assert re.search(said, capsys.readouterr().err)
