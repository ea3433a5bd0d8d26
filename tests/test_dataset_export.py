"""The dataset: the recordings' bytes, each provenance in a column of its own, and a card that the Hub can read."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from bibier import __main__ as command
from bibier import clips, dataset_export, exports
from bibier.events import Event
from bibier.intake import add_place
from bibier.labels import EMOTIONS, named, vector
from bibier.messages import InputError
from bibier.store import Store

datasets = pytest.importorskip("datasets")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def store(tmp_path):
    store, rng = Store(f"sqlite:///{tmp_path}/a.db"), np.random.default_rng(0)
    clips.add_folder(store, "p", EXAMPLES)
    for i, clip in enumerate(store.clips("p")[:3]):
        for who in "AB":
            store.append(Event(f"{who}{i}", "p", clip.sha256, who, "label", named(rng.dirichlet([0.5] * 7))))
        store.append(Event(f"m{i}", "p", clip.sha256, "", "propose", named(np.eye(7)[6]), source="model:m"))
    yield store
    store.close()


def test_a_dataset_comes_back_with_its_sound_and_its_provenances_apart(store, tmp_path):
    work = exports.of_project(store, "p")
    folder = dataset_export.save(work, tmp_path / "dataset")
    made = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(made.features["audio"], datasets.Audio) and made.features["label"].names == list(EMOTIONS)
    assert len(made) == 3
    for row in made.cast_column("audio", datasets.Audio(decode=False)):
        labels = work.by_clip()[row["sha256"]]
        assert hashlib.sha256(row["audio"]["bytes"]).hexdigest() == row["sha256"]
        assert row["mean"] == named(exports.mean_of(labels)) and row["label"] == vector(row["mean"]).argmax()
        assert {one["name"]: one["probs"] for one in row["people"]} == {n: one.probs for n, one in labels.items()}
        assert [one["source"] for one in row["proposals"]] == ["model:m"] and sum(row["votes"].values()) == 2
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert head["license"] == "other" and head["configs"][0]["data_files"][0]["split"] == "train"
    other = Store(f"sqlite:///{tmp_path}/b.db")
    assert add_place(other, "q", str(folder), tmp_path / "media") == 3
    assert {clip.sha256 for clip in other.clips("q")} == set(work.by_clip())


def test_nothing_is_lost_or_half_written(store, tmp_path):
    work = exports.of_project(store, "p")
    folder = dataset_export.save(work, tmp_path / "dataset")
    before = (folder / "data" / "train-00000.parquet").read_bytes()
    with pytest.raises(InputError, match="--replace"):
        dataset_export.save(work, folder)
    gone = [type(clip)(**(vars(clip) | {"path": "/gone.wav"})) for clip in work.clips]
    with pytest.raises(InputError, match="3 recordings"):
        dataset_export.save(type(work)(**(vars(work) | {"clips": gone})), folder, replace=True)
    assert (folder / "data" / "train-00000.parquet").read_bytes() == before
    dataset_export.save(work, folder, replace=True)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="something else"):
        dataset_export.save(work, folder, replace=True)
    assert (folder / "thesis.txt").exists()
    with pytest.raises(InputError, match="no labels"):
        dataset_export.save(type(work)(**(vars(work) | {"labels": {}})), tmp_path / "none")
    assert not (tmp_path / "none").exists() and not list(tmp_path.glob(".new-*"))


def test_the_commands(store, tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/a.db"
    call = ["annotations", "export", "p", "--store", url, "--format", "dataset", "--out", str(tmp_path / "d")]
    assert command.main(call) == 0 and (tmp_path / "d" / "README.md").is_file()
    assert command.main(["annotations", "push", "p", "somebody/name", "--store", url, "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "README.md" in told.out and "not sent" in told.err
    assert (
        json.dumps(dataset_export.push(exports.of_project(store, "p"), "somebody/name", dry_run=True)).count("\\t") == 2
    )
