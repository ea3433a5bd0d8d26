"""The shelf of checkpoints: what is on it, a few in memory, a broken one harms nobody, the Hub's work offline."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hub_server import served
from huggingface_hub import HfApi
from tiny import shaken, tiny_config, voice

from bibier.checkpoint import bundle as checkpoint
from bibier.checkpoint import hub as hub_checkpoint
from bibier.checkpoint.bundle import Bundle, load, read_config, save
from bibier.checkpoint.consent import foreign_code
from bibier.checkpoint.library import FILES, START, ModelLibrary, describe
from bibier.errors import InputError
from bibier.i18n.messages import LANGUAGES
from bibier.inference.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
HUB = "anna/voice"


def readers(bundle: Bundle):
    return lambda choice: Predictor(bundle)


def bundle_of(seed: int, **changes) -> Bundle:
    torch.manual_seed(seed)
    return shaken(Bundle(tiny_config(**changes))).eval()


@pytest.fixture
def root(tmp_path) -> Path:
    """Four checkpoints of different weights."""
    for seed, name in enumerate("abcd"):
        save(bundle_of(seed, name=name), tmp_path / "checkpoints" / name, f"# {name}\n")
    return tmp_path / "checkpoints"


@pytest.fixture
def shelf(root) -> ModelLibrary:
    return ModelLibrary(str(root / "a"), readers, root=root)


def judged(reader) -> dict:
    return reader((voice(1.0), 16_000), "so happy").bimodal.probabilities


def refusal(shelf: ModelLibrary, key: str) -> InputError:
    with pytest.raises(InputError) as caught:
        shelf.of(key)
    assert all(caught.value.text(language) for language in LANGUAGES)
    assert str(shelf.root) not in str(caught.value)  # nobody needs to know where the server keeps things
    return caught.value


def test_each_judges_as_when_it_is_loaded_alone(shelf, root):
    assert [entry.title for entry in shelf.entries()] == ["a", "b", "c", "d"]
    assert [entry.key for entry in shelf.entries()] == [START, "b", "c", "d"]
    alone = {name: judged(Predictor(load(root / name))) for name in "abc"}
    assert judged(shelf("none")) == judged(shelf.of(START)("none")) == alone["a"] != alone["b"]
    assert judged(shelf.of("b")("none")) == alone["b"] and judged(shelf.of("c")("none")) == alone["c"]


def test_the_longest_unused_goes_and_the_start_stays(shelf):
    b, c = shelf.of("b"), shelf.of("c")
    assert shelf.of("b") is b and list(shelf.loaded) == ["c", "b"]
    shelf.of("d")
    assert list(shelf.loaded) == ["b", "d"] and shelf.of("b") is b and shelf.of(START) is shelf.first
    assert judged(c("none"))  # who is using it, keeps it
    assert shelf.of("c") is not c and list(shelf.loaded) == ["b", "c"]


def test_what_a_checkpoint_says_of_itself():
    """The figures of compact's own card, and the parameters that torch counts."""
    description = describe("x", "compact", ROOT / "checkpoints" / "compact")
    counts = {part.name: part.parameters for part in description.parts}
    assert (
        description.problem is None
        and "embedded default" in description.card
        and "unseen speakers" in str(description.config.metrics)
    )
    assert (counts["text_encoder"], counts["fusion"]) == (963_641, 21)
    assert description.parameters == sum(p.numel() for p in load("compact").parameters())
    assert description.size == sum((ROOT / "checkpoints" / "compact" / name).stat().st_size for name in FILES)
    assert [part.kind for part in description.parts][:2] == ["log-mel", "conv-ensemble, lstm"]


def test_the_start_imports_nothing_heavy_in_vain():
    """What the app needs before its first answer does not bring in torch's compiler, which takes seconds, nor what
    takes memory for as long as it runs and is used by none of it."""
    code = """
import sys, threading
from bibier.ui import launch
from bibier.ui.gradio_import import gradio_utils
opened = threading.Event()
opened.set()
shelf = launch.load("compact", opened)
assert shelf.start.parameters > 1_000_000 and shelf.start.problem is None
with gradio_utils.MatplotlibBackendMananger():  # as around each event
    heavy = ("torch._dynamo", "numba", "scipy", "librosa", "sklearn", "transformers", "pyarrow", "pandas", "matplotlib")
print("torch" in sys.modules, *[name for name in heavy if name in sys.modules])
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.split() == ["True"], process.stderr


def spoil(folder: Path, how: str) -> None:
    """Damage a checkpoint in one way."""
    config, weights = folder / "config.json", folder / "model.safetensors"
    facts = json.loads(config.read_text())
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif how == "rubbish":
        weights.write_bytes(b"\x80\x04rubbish" * 9)
    elif how == "no weights":
        weights.unlink()
    elif how == "no config":
        config.unlink()
    elif how == "deep":
        config.write_text("[" * 200_000)
    elif how == "digits":
        config.write_text('{"name": ' + "9" * 10_000 + "}")
    elif how == "foreign":
        config.write_text(json.dumps({"model_type": "wav2vec2"}))
    elif how == "other shape":
        facts["text_encoder"]["dim"] = 16
        config.write_text(json.dumps(facts))
    elif how == "vast":  # 320 GB of parameters: refused before anything is set aside for them
        facts["text_encoder"]["buckets"] = facts["text_features"]["buckets"] = 10**10
        config.write_text(json.dumps(facts))
    elif how == "code":
        facts["audio_features"] = {"kind": "exhubert", "remote_code": True}
        config.write_text(json.dumps(facts))


HOW = ("cut", "rubbish", "no weights", "no config", "deep", "digits", "foreign", "other shape", "vast", "code")


@pytest.mark.parametrize("how", HOW)
def test_a_broken_one_is_said_and_harms_no_other(shelf, root, how):
    b = shelf.of("b")
    spoil(root / "c", how)
    found = {entry.key: entry for entry in shelf.entries()}
    assert found["b"].problem is None and found["d"].problem is None
    assert (found["c"].problem is None) == (how == "code")  # which shows when it is to be used
    reason = refusal(shelf, "c")
    assert how != "code" or reason.message.key == "shelf-runs-code"
    assert list(shelf.loaded) == ["b"] and shelf.of("b") is b and judged(shelf("none"))


def test_a_checkpoint_runs_foreign_code_only_by_the_consent_of_who_opens_it(root, monkeypatch):
    """The consent in its config is that of who made it: `predict --checkpoint` ran the code of any folder it named."""
    spoil(root / "c", "code")
    source = foreign_code(read_config(root / "c").audio_features)
    repo, commit = source.split("@")
    assert re.fullmatch("[0-9a-f]{40}", commit)
    for consent in ("", "somebody/else", repo, f"{repo}@{'0' * 40}", f"{source}/x"):
        monkeypatch.setenv("BIBIER_REMOTE_CODE", consent)
        with pytest.raises(InputError, match="BIBIER_REMOTE_CODE=") as refused:
            load(root / "c")
        assert refused.value.key == "checkpoint-runs-code" and source in refused.value.text("ru")
    monkeypatch.setenv("BIBIER_REMOTE_CODE", f"somebody/else,{source}")
    assert load(root / "c").config.audio_features.repo == repo
    monkeypatch.chdir(root)
    (root / repo).mkdir(parents=True)  # a folder goes before a repository of that name, and nobody has consented to it
    with pytest.raises(InputError, match=f"BIBIER_REMOTE_CODE={root / repo}"):
        load(root / "c")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": 5},
        {"labels": [["anger"]]},
        {"languages": 5},
        {"languages": [5]},
        {"calibration": {"audio": 2**70}},
        {"calibration": [1]},
        {"text_prior": {}},
        {"name": ["x"]},
        {"data": 7},
        {"format": {"x": []}},
        {"sample_rate": [16_000]},
        {"audio_features": {"window": 1}},
        {"audio_features": 5},
    ],
)
def test_what_a_config_says_in_another_kind_is_refused_and_the_others_are_shown(shelf, root, change):
    """One such folder kept the page of models from opening for everybody."""
    file = root / "c" / "config.json"
    facts = json.loads(file.read_text())
    facts["audio_features"] = (
        facts["audio_features"] | change.pop("audio_features")
        if isinstance(change.get("audio_features"), dict)
        else change.pop("audio_features", facts["audio_features"])
    )
    file.write_text(json.dumps(facts | change))
    found = {entry.key: entry for entry in shelf.entries()}
    assert found["c"].problem is not None and len(found["c"].problem.text("ru")) < 500
    assert found["b"].problem is None and found["d"].problem is None
    with pytest.raises(InputError):
        load(root / "c")


def test_a_folder_that_breaks_the_program_is_its_own_line(shelf, root, monkeypatch):
    whole = checkpoint.read_config

    def read(folder, called=""):
        if folder.name == "c":
            raise LookupError("whatever")
        return whole(folder, called)

    monkeypatch.setattr(checkpoint, "read_config", read)
    found = {entry.key: entry for entry in shelf.entries()}
    assert found["c"].problem is not None and found["b"].problem is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_no_text_and_a_card_that_lies_elsewhere_are_not_shown(shelf, root):
    """The first broke the page for everybody; the second showed any file of the computer to every visitor."""
    (root.parent / "secret").write_text("secret")
    card = root / "c" / "README.md"
    card.unlink()
    card.symlink_to(root.parent / "secret")
    shutil.copytree(root / "b", Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")))
    found = {entry.key: entry for entry in shelf.entries()}
    assert found.keys() == {START, "b", "c", "d"} and found["c"].card == "" and found["c"].problem is None


def test_the_list_follows_the_disk_and_reads_nothing_twice(shelf, root):
    before = {entry.key: entry for entry in shelf.entries()}
    assert all(before[entry.key] is entry for entry in shelf.entries())
    shutil.rmtree(root / "b")
    (root / "c" / "README.md").write_text("# another card\n")
    after = {entry.key: entry for entry in shelf.entries()}
    assert list(after) == [START, "c", "d"] and after["d"] is before["d"] and "another" in after["c"].card


@pytest.mark.parametrize("key", ["gone", "../a", "/etc", ".", "a", "x" * 9999, "anna/voice@main", "b/"])
def test_only_what_is_on_the_shelf_is_opened(shelf, key):
    assert refusal(shelf, key).message.key == "shelf-gone"


def test_weights_that_are_needed_from_elsewhere_are_missed_at_once(shelf, root, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    config = root / "c" / "config.json"
    facts = json.loads(config.read_text())
    facts["audio_features"] = {"kind": "wav2vec2"}
    facts["audio_encoder"] = {"kind": "sequence", "inputs": 1024}
    config.write_text(json.dumps(facts))
    assert refusal(shelf, "c").message.key != "shelf-gone" and judged(shelf("none"))


def test_fixed_to_the_start(root):
    shelf = ModelLibrary(str(root / "a"), readers, root=root, hub=True, fixed=True)
    assert [entry.title for entry in shelf.entries()] == ["a"] and judged(shelf.of(START)("none"))
    assert refusal(shelf, "b").message.key == "shelf-fixed"
    for call in (lambda: shelf.offer(HUB), lambda: ModelLibrary(str(root / "a"), readers, root=root).offer(HUB)):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.message.key == "shelf-closed"


# ------------------------------------------------------------------------------------------------------------- the Hub


@pytest.fixture
def hub(monkeypatch, root):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # read when it is imported
    with served() as server:
        server.put(HUB, {name: (root / "b" / name).read_bytes() for name in FILES} | {"big.bin": b"not wanted"})
        server.put("some/model", {name: b"{}" for name in FILES})
        yield server


@pytest.fixture
def online(hub, root, tmp_path) -> ModelLibrary:
    """A shelf that reaches the Hub, with `a` alone beside it."""
    for name in "bcd":
        shutil.move(root / name, tmp_path / name)
    api = HfApi(endpoint=hub.address, token=False)
    return ModelLibrary(str(root / "a"), readers, root=root, hub=True, cache=tmp_path / "cache", api=api)


def test_nothing_is_fetched_before_it_was_offered_and_then_it_works_offline(hub, online, tmp_path):
    offer = online.offer(f" {HUB} ")
    size = sum((tmp_path / "b" / name).stat().st_size for name in FILES)
    assert (offer.size, offer.here, offer.received) == (size, False, 0)
    assert not any("resolve" in path for _, path in hub.asked) and len(online.entries()) == 1
    key = online.fetch(offer)
    assert online.offer(HUB).here and online.offer(HUB).received == size
    hub.down = True
    asked = len(hub.asked)
    entry = online.entries()[1]
    assert (entry.key, entry.title, entry.problem) == (key, f"{HUB}@{offer.commit[:8]}", None)
    alone = judged(Predictor(load(tmp_path / "b")))
    assert judged(online.of(key)("none")) == alone and len(hub.asked) == asked


def test_what_was_shown_is_what_comes(hub, online):
    offer = online.offer(HUB)
    hub.put(HUB, {"README.md": b"# changed\n"})
    with pytest.raises(InputError) as caught:
        online.fetch(offer)
    assert caught.value.message.key == "hub-moved" and len(online.entries()) == 1


def test_foreign_models_in_the_cache_are_not_on_the_shelf(hub, online):
    online.fetch(online.offer("some/model"))
    assert len(online.entries()) == 1


def test_a_damaged_copy_is_noticed_and_fetched_anew(hub, online):
    key = online.fetch(online.offer(HUB))
    weights = (online.entry(key).folder / checkpoint.WEIGHTS).resolve()
    content = weights.read_bytes()
    weights.write_bytes(content[:-8] + bytes(8))
    assert refusal(online, key).message.key == "hub-broken-here"
    offer = online.offer(HUB)
    assert not offer.here and online.fetch(offer) == key and weights.read_bytes() == content
    assert judged(online.of(key)("none"))


@pytest.mark.parametrize(
    "name, key",
    [
        ("nobody/nothing", "hub-no-repo"),
        (f"{HUB}@gone", "hub-no-revision"),
        ("", "hub-no-name"),
        ("compact", "hub-no-name"),
        ("../x/y", "hub-no-name"),
        ("https://x/y", "hub-no-name"),
        ("a--b/c.", "hub-no-name"),
    ],
)
def test_names_that_offer_nothing(online, name, key):
    with pytest.raises(InputError) as caught:
        online.offer(name)
    assert caught.value.message.key == key


def test_an_unreachable_hub_is_said(hub, online):
    hub.down = True
    with pytest.raises(InputError) as caught:
        online.offer(HUB)
    assert caught.value.message.key == "hub-unreachable"


def test_short_names():
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert hub_checkpoint.short(f"{HUB}@{commit}") == f"{HUB}@01234567"
    assert hub_checkpoint.short("compact") == "compact" and hub_checkpoint.short("a/b@main") == "a/b@main"
