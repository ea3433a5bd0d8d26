"""The dataset: the recordings' bytes, each provenance in a column of its own, and a card that the Hub can read."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import hub_server
import numpy as np
import pytest
import yaml

from bibier import __main__ as command
from bibier.annotation import exports, hf_dataset, ingest
from bibier.annotation.events import Event
from bibier.annotation.ingest import add_place
from bibier.annotation.label_studio import read_label_studio
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.files import sha256
from bibier.labels import EMOTIONS, named, vector

datasets = pytest.importorskip("datasets")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def store(tmp_path):
    store, rng = Store(f"sqlite:///{tmp_path}/a.db"), np.random.default_rng(0)
    ingest.add_folder(store, "p", EXAMPLES)
    for i, clip in enumerate(store.clips("p")[:3]):
        for who in "AB":
            store.append(Event(f"{who}{i}", "p", clip.sha256, who, "label", named(rng.dirichlet([0.5] * 7))))
        store.append(Event(f"m{i}", "p", clip.sha256, "", "propose", named(np.eye(7)[6]), source="model:m"))
    yield store
    store.close()


def test_a_dataset_comes_back_with_its_sound_and_its_provenances_apart(store, tmp_path):
    snapshot = exports.snapshot_of(store, "p")
    folder = hf_dataset.save(snapshot, tmp_path / "dataset")
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(rows.features["audio"], datasets.Audio) and rows.features["label"].names == list(EMOTIONS)
    assert len(rows) == 3
    for row in rows.cast_column("audio", datasets.Audio(decode=False)):
        labels = snapshot.by_clip()[row["sha256"]]
        assert hashlib.sha256(row["audio"]["bytes"]).hexdigest() == row["sha256"]
        assert row["mean"] == named(snapshot.mean(labels)) and row["label"] == vector(row["mean"]).argmax()
        assert {one["name"]: one["probs"] for one in row["people"]} == {n: one.probs for n, one in labels.items()}
        assert [one["source"] for one in row["proposals"]] == ["model:m"] and sum(row["votes"].values()) == 2
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert head["license"] == "other" and head["configs"][0]["data_files"][0]["split"] == "train"
    target = Store(f"sqlite:///{tmp_path}/b.db")
    assert add_place(target, "q", str(folder), tmp_path / "media") == 3
    assert {clip.sha256 for clip in target.clips("q")} == set(snapshot.by_clip())


def test_a_dataset_of_labels_of_its_own_has_its_columns_and_says_so(store, tmp_path):
    """The list's own names in every column of people's, in its order; what the card says of them."""
    store.project("moods", labels=[{"name": "tense", "ru": "Напряжённо"}, "happy", {"name": "calm", "en": "Calm"}])
    clips = store.clips("p")[:2]
    store.add_clips("moods", [replace(clip, label="sad") for clip in clips])
    for clip, who, shares in ((0, "A", (0.5, 0, 0.5)), (0, "B", (0, 0.25, 0.75)), (1, "A", (0.5, 0.5, 0))):
        probs = dict(zip(("tense", "happy", "calm"), shares, strict=True))
        store.append(Event(f"{who}{clip} moods", "moods", clips[clip].sha256, who, "label", probs).stamped())
    folder = hf_dataset.save(exports.snapshot_of(store, "moods"), tmp_path / "dataset")
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    rows = {row["sha256"]: row for row in rows.cast_column("audio", datasets.Audio(decode=False))}
    first, tied = (rows[clip.sha256] for clip in clips)
    assert first["mean"] == {"tense": 0.25, "happy": 0.125, "calm": 0.625} and first["label"] == 2
    assert list(first["mean"]) == ["tense", "happy", "calm"]
    assert first["votes"] == {"tense": 0.5, "happy": 0, "calm": 1.5} and tied["label"] is None
    assert {one["name"]: one["probs"]["calm"] for one in first["people"]} == {"A": 0.5, "B": 0.75}
    assert first["corpus_label"] == EMOTIONS.index("sad") and first["proposals"] == []
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "over 3 labels of the project's own\n(tense, happy, calm)" in text


def test_a_clip_that_names_another_file_brings_nothing_of_it_into_a_dataset(store, tmp_path):
    """An import of events may name any path of this computer."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the key")
    clip = store.clips("p")[0]
    store.add_clips("p", [replace(clip, path=str(secret))])
    with pytest.raises(InputError, match="is not the recording"):
        hf_dataset.save(exports.snapshot_of(store, "p"), tmp_path / "dataset")
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("kind", ["parquet", "manifest"])
def test_a_list_brings_no_file_of_this_computer_in_that_is_no_recording(tmp_path, kind):
    secret, folder, media = tmp_path / "key", tmp_path / "dataset", tmp_path / "media"
    secret.write_text("the key")
    folder.mkdir()
    (folder / "inside").write_bytes(EXAMPLES.joinpath("sad_en.ogg").read_bytes())
    (folder / "link.ogg").symlink_to(secret)
    target = Store(f"sqlite:///{tmp_path}/b.db")

    def listing(place):
        if kind == "manifest":
            (folder / "list.csv").write_text(f"path,text\n{place},x\n")
            return str(folder / "list.csv")
        rows = datasets.Dataset.from_list([{"audio": {"bytes": None, "path": str(place)}, "text": "x"}])
        rows.cast_column("audio", datasets.Audio(decode=False)).to_parquet(str(folder / "rows.parquet"))
        return str(folder / "rows.parquet")

    for number, place in enumerate((secret, folder / ".." / "key", folder / "link.ogg")):
        with pytest.raises(InputError, match="in the list's own folder"):
            add_place(target, f"p{number}", listing(place), media)
    assert target.projects() == {} and not list(media.glob("*"))
    for number, place in enumerate((folder / "inside", EXAMPLES / "happy_en.ogg")):
        assert add_place(target, f"p{number}", listing(place), media) == 1
    target.close()


def test_a_label_studio_task_brings_in_no_file_from_elsewhere(tmp_path):
    """A link's target was listed, served to every visitor, and published with the dataset; a private recording too."""
    secret, folder, tasks = tmp_path / "key", tmp_path / "tasks", tmp_path / "tasks" / "tasks.json"
    secret.write_text("the key")
    folder.mkdir()
    (folder / "link.ogg").symlink_to(secret)
    (folder / "3f-link.ogg").symlink_to("link.ogg")
    private = tmp_path / "private.ogg"
    shutil.copy(EXAMPLES / "sad_en.ogg", private)
    (folder / "own.ogg").symlink_to(private)
    places = ("link.ogg", "/data/upload/3f-link.ogg", "/data/local-files/?d=link.ogg")
    for audio in (*places, "own.ogg", str(private), f"file://{private}", "../private.ogg"):
        tasks.write_text(json.dumps([{"id": 7, "data": {"audio": audio}}]))
        with pytest.raises(InputError, match="7.*beside the file"):
            read_label_studio(tasks)
    (folder / "link.ogg").unlink()
    shutil.copy(private, folder / "link.ogg")
    for audio in places:
        tasks.write_text(json.dumps([{"id": 7, "data": {"audio": audio}}]))
        assert [clip.path for clip in read_label_studio(tasks)[0]] == [str(folder / "link.ogg")]
    named = {"audio": str(private), "sha256": sha256(private)}  # as an export of ours says
    tasks.write_text(json.dumps([{"id": 7, "data": named}]))
    assert [clip.path for clip in read_label_studio(tasks)[0]] == [str(private)]


def test_nothing_is_lost_or_half_written(store, tmp_path):
    snapshot = exports.snapshot_of(store, "p")
    folder = hf_dataset.save(snapshot, tmp_path / "dataset")
    before = (folder / "data" / "train-00000.parquet").read_bytes()
    with pytest.raises(InputError, match="--replace"):
        hf_dataset.save(snapshot, folder)
    gone = [type(clip)(**(clip.content() | {"path": "/gone.wav"})) for clip in snapshot.clips]
    with pytest.raises(InputError, match="3 recordings"):
        hf_dataset.save(type(snapshot)(**(vars(snapshot) | {"clips": gone})), folder, replace=True)
    assert (folder / "data" / "train-00000.parquet").read_bytes() == before
    hf_dataset.save(snapshot, folder, replace=True)
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a dataset of this program"):
        hf_dataset.save(snapshot, folder, replace=True)
    assert (folder / "thesis.txt").exists()
    with pytest.raises(InputError, match="no labels"):
        hf_dataset.save(type(snapshot)(**(vars(snapshot) | {"labels": {}})), tmp_path / "none")
    assert not (tmp_path / "none").exists() and not list(tmp_path.glob(".new-*"))


def test_the_commands(store, tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/a.db"
    call = ["annotations", "export", "p", "--store", url, "--format", "dataset", "--out", str(tmp_path / "d")]
    assert command.main(call) == 0 and (tmp_path / "d" / "README.md").is_file()
    assert command.main(["annotations", "push", "p", "somebody/name", "--store", url, "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert "README.md" in printed.out and "not sent" in printed.err
    assert json.dumps(hf_dataset.push(exports.snapshot_of(store, "p"), "somebody/name", dry_run=True)).count("\\t") == 2


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the server speaks git-lfs
    with hub_server.served() as kept:
        yield kept, kept.address


def test_a_push_sends_what_an_export_writes_and_is_private(store, tmp_path, hub):
    from huggingface_hub import HfApi

    server, url = hub
    api, snapshot = HfApi(endpoint=url, token="hf_none"), exports.snapshot_of(store, "p")
    listing = hf_dataset.push(snapshot, "me/voices", api=api)
    repo = server.repos["datasets/me/voices"]
    assert repo.private and len(server.repos) == 1
    folder = hf_dataset.save(snapshot, tmp_path / "dataset")
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {path: data for path, data in repo.files.items() if path != ".gitattributes"} == files
    assert [line.split("\t")[0] for line in listing] == sorted(files)


def test_what_is_public_is_sent_to_only_when_asked_and_a_refusal_is_said(store, hub):
    from huggingface_hub import HfApi

    server, url = hub
    api, snapshot = HfApi(endpoint=url, token="hf_none"), exports.snapshot_of(store, "p")
    server.repos["datasets/me/open"] = hub_server.Repo("datasets")
    with pytest.raises(InputError, match="--public"):
        hf_dataset.push(snapshot, "me/open", api=api)
    assert server.repos["datasets/me/open"].files == {}
    hf_dataset.push(snapshot, "me/open", private=False, api=api)
    assert len(server.repos["datasets/me/open"].files) == 2
    for status in (401, 403):
        server.refuse["POST"] = status
        with pytest.raises(InputError, match="could not be pushed"):
            hf_dataset.push(snapshot, "me/voices", api=api)
    with pytest.raises(InputError, match="could not be pushed"):
        hf_dataset.push(snapshot, "not a name", api=api)
    with pytest.raises(InputError, match="could not be pushed"):
        hf_dataset.push(
            snapshot, "me/voices", api=HfApi(endpoint="http://127.0.0.1:9", token="hf_none")
        )  # nobody there
