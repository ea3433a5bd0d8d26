"""The loop closed: annotate → export → fit → the app loads the new checkpoint, and its prediction has moved."""

import json
from pathlib import Path

import numpy as np
import pytest

from bibier import files
from bibier.annotation import exports
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.checkpoint import bundle
from bibier.errors import CorpusError
from bibier.inference.predictor import Predictor
from bibier.labels import EMOTIONS, named, vector
from train import __main__ as cli
from train.corpora import load
from train.corpora.annotations import annotated

ROOT = Path(__file__).resolve().parents[2]
RELABELLED = ROOT / "train" / "recipes" / "relabelled.toml"
CHANGED = ROOT / "examples" / "anger_en.ogg"
MORE = {"audio": 80, "text": 15, "fusion": 10}  # epochs: the recipe's are for hundreds of clips
WANTED = named([0.0, 0.7, 0.0, 0.0, 0.0, 0.0, 0.3])  # disgust, and some surprise


@pytest.fixture(scope="module")
def told():
    """What the embedded checkpoint says of the examples: transcript and distribution of both, by path."""
    predictor, found = Predictor(bundle.load("compact")), {}
    for row in json.loads((ROOT / "examples" / "examples.json").read_text(encoding="utf-8")):
        path = ROOT / "examples" / row["file"]
        found[path] = row["transcript"], row["language"], predictor(path, row["transcript"]).bimodal.probabilities
    return found


@pytest.fixture
def store(tmp_path, told):
    """Two people: of one clip both say something new, of the others what the model says."""
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("p", [ProjectClip(files.sha256(p), str(p), text, code) for p, (text, code, _) in told.items()])
    store.project("p", wanted=2)
    for i, (path, (*_, probs)) in enumerate(told.items()):
        for who in "AB":
            distribution = WANTED if path == CHANGED else named(vector(probs) / vector(probs).sum())
            store.append(Event(f"{who}{i}", "p", files.sha256(path), who, "label", distribution))
    yield store
    store.close()


def test_an_export_and_the_store_are_one_corpus(store, tmp_path):
    exported = exports.save(exports.snapshot_of(store, "p"), "manifest", tmp_path / "annotations.csv")
    of_export = {item.path: item for item in load.read(str(exported), tmp_path, "all")}
    of_store = {item.path: item for item in load.read(f"sqlite:///{tmp_path}/a.db#p", tmp_path, "all")}
    assert of_export.keys() == of_store.keys() and CHANGED in of_store
    for path, item in of_store.items():
        other = of_export[path]
        np.testing.assert_allclose(other.target, item.target, atol=1e-6)
        assert (other.text, other.language, other.split) == (item.text, item.language, item.split)


def test_the_loop(store, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = f"sqlite:///{tmp_path}/a.db#p"
    changes = [f"{part}.corpora=[{json.dumps(corpus)}]" for part in ("audio", "text")]
    changes += [f"{part}.fit.epochs={count}" for part, count in MORE.items()]
    call = ["fit", str(RELABELLED), "--data", str(tmp_path), "--out", str(tmp_path / "mine")]
    assert cli.main([*call, *(word for change in changes for word in ("--set", change))]) == 0
    fitted = bundle.load(str(tmp_path / "mine"))
    assert fitted.config.recipe["start"] == "compact"
    far = {}
    for path, (text, _, before) in told.items():
        now = vector(Predictor(fitted)(path, text).bimodal.probabilities)
        far[path] = np.abs(now - vector(before)).sum() / 2
        if path == CHANGED:
            then, left = (np.abs(distribution - vector(WANTED)).sum() / 2 for distribution in (vector(before), now))
            assert then > 0.9 and left < then - 0.25
    assert np.median([moved for path, moved in far.items() if path != CHANGED]) < far[CHANGED] / 2, sorted(far.values())


def test_soft_targets_and_not_their_largest_class_are_read_from_the_store(store, told, tmp_path):
    items = annotated(f"sqlite:///{tmp_path}/a.db#p")
    (found,) = [item for item in items if item.path == CHANGED]
    assert len(items) == len(told) and np.allclose(found.target, vector(WANTED))
    assert len({item.speaker for item in items}) == len(items) and found.target[EMOTIONS.index("surprise")] == 0.3


@pytest.mark.parametrize("place", ["sqlite:///{}/a.db", "sqlite:///{}/a.db#none", "sqlite:///{}/no.db#p"])
def test_a_wrong_place_is_said(store, tmp_path, place):
    with pytest.raises(CorpusError):
        annotated(place.format(tmp_path))
    assert not (tmp_path / "no.db").exists()


def test_a_start_of_another_shape_is_said(store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    corpus = f"sqlite:///{tmp_path}/a.db#p"
    changes = [f"{part}.corpora=[{json.dumps(corpus)}]" for part in ("audio", "text")] + ["audio.encoder.dim=32"]
    call = ["fit", str(RELABELLED), "--data", str(tmp_path), "--out", str(tmp_path / "mine")]
    assert cli.main([*call, *(word for change in changes for word in ("--set", change))]) == 2
    assert "start: the audio_encoder of compact is another" in capsys.readouterr().err
