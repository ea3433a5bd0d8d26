"""A checkpoint round-trips, and every bad one is refused with a sentence in both languages."""

import errno
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import scored, shaken, tiny_config

from bibier.checkpoint import bundle as checkpoint
from bibier.checkpoint.bundle import Bundle
from bibier.errors import InputError
from bibier.labels import EMOTIONS
from bibier.models import fusion

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    return checkpoint.save(shaken(Bundle(tiny_config())), tmp_path / "tiny", "# tiny\n")


def test_a_saved_bundle_comes_back_with_its_weights_and_config(folder):
    first, second = checkpoint.load(folder), checkpoint.load(folder)
    assert first.config == tiny_config()
    torch.manual_seed(0)
    original = shaken(Bundle(tiny_config())).state_dict()
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(tensor, original[name], atol=2e-3, rtol=2e-3)  # stored as float16
        assert torch.equal(tensor, second.state_dict()[name])
    assert not first.training


def test_the_score_of_the_voice_comes_back_and_a_checkpoint_without_one_has_none(folder, tmp_path):
    plain = checkpoint.load(folder)
    assert plain.ood_score is None
    edit_config(folder, lambda c: c.pop("ood_score"))  # as it was written before there was one
    assert checkpoint.load(folder).ood_score is None
    again = checkpoint.load(checkpoint.save(scored(plain, 2.5), tmp_path / "scored", "# scored"))
    assert again.ood_score(torch.zeros(1, 24)).item() == pytest.approx(2.5)


@pytest.mark.parametrize(
    "wrong, named",
    [({"dim": 23}, "24"), ({"share": 1.0}, "share"), ({"classes": 0}, "classes"), ({"kind": "oracle"}, "oracle")],
)
def test_a_score_that_does_not_fit_is_refused_by_name(tiny_bundle, tmp_path, wrong, named):
    folder = checkpoint.save(scored(tiny_bundle, 0.0), tmp_path / "scored", "# scored")
    edit_config(folder, lambda c: c["ood_score"].update(wrong))
    with pytest.raises(InputError, match=named):
        checkpoint.load(folder)


def edit_config(folder, change):
    path = folder / "config.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def edit_weights(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def pickled(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weight": [1.0]}))


BAD = {
    "missing tensor": (lambda f: edit_weights(f, lambda t: t.pop("fusion.weight")), "fusion.weight"),
    "extra tensor": (lambda f: edit_weights(f, lambda t: t.update(other=torch.zeros(1))), "other"),
    "other shape": (lambda f: edit_weights(f, lambda t: t.update({"fusion.weight": torch.zeros(7)})), "fusion.weight"),
    "NaN": (lambda f: edit_weights(f, lambda t: t["fusion.weight"].fill_(float("nan"))), "fusion.weight"),
    "truncated": (truncate, "model.safetensors"),
    "pickle": (pickled, "model.safetensors"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json"),
    "config not JSON": (lambda f: (f / "config.json").write_text("{"), "config.json"),
    "config not an object": (lambda f: (f / "config.json").write_text("[]"), "config.json"),
    "extra key": (lambda f: edit_config(f, lambda c: c.update(surprise_me=1)), "surprise_me"),
    "extra key inside": (lambda f: edit_config(f, lambda c: c["fusion"].update(depth=1)), "depth"),
    "missing key": (lambda f: edit_config(f, lambda c: c.pop("fusion")), "fusion"),
    "other labels": (lambda f: edit_config(f, lambda c: c.update(labels=["joy"])), "joy"),
    "labels in another order": (lambda f: edit_config(f, lambda c: c["labels"].reverse()), "surprise, sad"),
    "other rate": (lambda f: edit_config(f, lambda c: c.update(sample_rate=8000)), "8000"),
    "other format": (lambda f: edit_config(f, lambda c: c.update(format=99)), "99"),
    "unknown encoder": (lambda f: edit_config(f, lambda c: c["audio_encoder"].update(temporal="oracle")), "oracle"),
    "wrong type": (lambda f: edit_config(f, lambda c: c["fusion"].update(hidden="wide")), "config.json"),
    "zero temperature": (lambda f: edit_config(f, lambda c: c["calibration"].update(audio=0)), "calibration"),
    "mismatched features": (lambda f: edit_config(f, lambda c: c["text_features"].update(buckets=99)), "buckets"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_checkpoint_is_refused_by_name(folder, name):
    spoil, named = BAD[name]
    spoil(folder)
    with pytest.raises(InputError) as caught:
        checkpoint.load(folder)
    for language in ("en", "ru"):
        assert named in caught.value.text(language)
        assert caught.value.text(language).endswith(".")


@pytest.mark.parametrize("name", ["nowhere", "no/such/folder"])
def test_a_missing_checkpoint_is_named(name):
    with pytest.raises(InputError, match=name):
        checkpoint.load(name)


def test_a_pickle_is_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    file = tmp_path / "model.pt"
    torch.save(Trap(), file)
    with pytest.raises(InputError, match="pickle"):
        checkpoint.load(file)
    assert not (tmp_path / "sprung").exists()


def test_the_embedded_default_is_small_and_says_what_it_is():
    folder = checkpoint.resolve("compact")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 12 * 2**20
    bundle = checkpoint.load("compact")
    assert bundle.config.labels == EMOTIONS
    assert {"meld", "ravdess", "resd", "izard", "goemotions"} <= bundle.config.data["rows"].keys()
    assert bundle.config.text_features.normalisation == 1 and bundle.config.text_encoder.vocabulary > 100_000
    card = (folder / "README.md").read_text()
    assert "non-commercial" in card and "perceived" in card and "{" not in card


def test_a_full_disk_leaves_the_checkpoint_that_was_there(tiny_bundle, tmp_path, monkeypatch):
    folder = checkpoint.save(tiny_bundle, tmp_path / "mine", "# mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    whole = Path.write_text

    def full(path, text, **options):
        whole(path, text[:10], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left"):
        checkpoint.save(shaken(tiny_bundle), folder, "# other")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_checkpoint_changes_places_with_the_old_one_at_once(tiny_bundle, tmp_path, monkeypatch):
    """Whatever moment it is stopped in, the config fits the weights; other files of the folder stay."""
    folder = tmp_path / "run"
    checkpoint.save(tiny_bundle, folder, "the first")
    (folder / "log.jsonl").write_text("{}")
    (folder / "figures").mkdir()
    (folder / "figures" / "a.txt").write_text("a")
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}

    def stopped(new, old):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "replace_folder", stopped)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(tiny_bundle, folder, "the second")
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["run"]

    checkpoint.save(tiny_bundle, folder, "the second")
    assert (folder / "README.md").read_text() == "the second"
    assert (folder / "log.jsonl").read_text() == "{}" and (folder / "figures" / "a.txt").read_text() == "a"


def test_settings_are_refused_without_asserts(monkeypatch):
    """`python -O` leaves asserts out; what a person sets is refused all the same."""
    module = ModuleType("fusion_without_asserts")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(Path(fusion.__file__).read_text(encoding="utf-8"), "fusion", "exec", optimize=1), module.__dict__)
    for wrong in ({"kind": "no"}, {"variant": "no"}, {"wpf": True}, {"heads": 3}):
        with pytest.raises(ValueError):
            module.build_fusion(module.FusionConfig(8, 8, hidden=8, **wrong))
