"""Checkpoints go to the Hub and come back by the real client, over a server on this computer that can misbehave."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from hub_server import served
from huggingface_hub import HfApi, ModelCard

from bibier import __main__ as cli
from bibier.checkpoint import bundle
from bibier.checkpoint.hub import fetch, is_name
from bibier.errors import CorpusError, InputError
from train.publish import push

ROOT = Path(__file__).resolve().parents[2]
NAME = "anna/voice"


@pytest.fixture
def run(tiny_bundle, tmp_path) -> Path:
    return bundle.save(tiny_bundle, tmp_path / "run", "# tiny\n\n<script>alert(1)</script>\n")


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # read when it is imported
    with served() as server:
        yield server


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.address, token="hf_secret")


@pytest.fixture
def get(api, tmp_path):
    reported = []

    def call(name=NAME, cache="cache"):
        reported.clear()
        return fetch(name, push.FILES, cache=tmp_path / cache, api=api, report=reported.append)

    call.told = reported
    return call


def test_what_is_sent_comes_back_and_is_not_fetched_twice(hub, api, run, get):
    address = push.to_hub(run, NAME, private=True, api=api)
    assert len(address) == 3 and hub.repos[NAME].private
    ours, theirs = bundle.load(run), bundle.load(get())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert [message.key for message in get.told] == ["hub-fetching"]
    before = len([path for method, path in hub.asked if "resolve" in path])
    get()
    assert get.told == [] and len([path for method, path in hub.asked if "resolve" in path]) == before


def test_the_card_has_metadata_and_the_body_stays(run, hub, api):
    push.to_hub(run, NAME, api=api)
    text = hub.files(NAME)["README.md"].decode()
    facts = ModelCard(text).data
    assert facts.pipeline_tag == "audio-classification" and text.endswith("<script>alert(1)</script>\n")
    compact = push.card(ROOT / "checkpoints" / "compact")
    head = yaml.safe_load(compact.split("---\n")[1])
    found = {(one["dataset"]["name"], m["type"]) for one in head["model-index"][0]["results"] for m in one["metrics"]}
    known = bundle.load("compact").config.metrics
    assert {where for where, _ in found} == {where for where, one in known.items() if one}


def test_a_dry_run_sends_nothing(run, hub, api):
    assert len(push.to_hub(run, NAME, dry_run=True, api=api)) == 3 and hub.asked == [] and hub.repos == {}


def test_a_pinned_commit_asks_nobody(hub, api, run, get):
    push.to_hub(run, NAME, api=api)
    sha = hub.repos[NAME].refs["main"]
    get(f"{NAME}@{sha}")
    asked = len(hub.asked)
    bundle.load(get(f"{NAME}@{sha}"))
    assert len(hub.asked) == asked


def test_without_a_connection_the_last_known_is_used(hub, api, run, get):
    push.to_hub(run, NAME, api=api)
    get()
    hub.down = True
    assert bundle.load(get()) and [message.key for message in get.told] == ["hub-offline"]
    with pytest.raises(InputError, match="can't be reached"):
        get(cache="empty")


def test_branches(hub, api, run, get):
    push.to_hub(run, NAME, api=api)
    push.to_hub(run, NAME, revision="next", api=api)
    assert set(hub.repos[NAME].refs) == {"main", "next"} and get(f"{NAME}@next").name == hub.repos[NAME].refs["next"]
    with pytest.raises(InputError, match="no revision gone"):
        get(f"{NAME}@gone")


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_is_told_and_changes_nothing(hub, api, run, status):
    hub.put(NAME, {"README.md": b"mine"})
    hub.refuse |= {"POST /api/validate-yaml": status, "POST /api/models/": status}
    with pytest.raises(CorpusError, match="unchanged.*hf auth login"):
        push.to_hub(run, NAME, api=api)
    assert hub.files(NAME) == {"README.md": b"mine"}


def test_an_upload_that_breaks_off_changes_nothing_and_the_next_finishes(hub, api, run, monkeypatch):
    wait = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: wait(min(seconds, 0.1)))  # the client tries again ever later
    hub.put(NAME, {"README.md": b"mine"})
    hub.broken = 100
    with pytest.raises(CorpusError, match="unchanged"):
        push.to_hub(run, NAME, api=api)
    assert hub.files(NAME) == {"README.md": b"mine"}
    hub.broken = 0
    push.to_hub(run, NAME, api=api)
    assert set(hub.files(NAME)) == {"README.md", "config.json", "model.safetensors"}


def test_a_private_checkpoint_is_never_sent_to_a_public_place(hub, api, run):
    hub.put(NAME, {"README.md": b"mine"}, private=False)
    with pytest.raises(CorpusError, match="public"):
        push.to_hub(run, NAME, private=True, api=api)
    assert hub.files(NAME) == {"README.md": b"mine"}


def test_a_corrupt_cache_is_noticed_and_fetched_anew(hub, api, run, get):
    push.to_hub(run, NAME, api=api)
    folder = get()
    weights = (folder / bundle.WEIGHTS).resolve()
    whole = weights.read_bytes()
    for damage in (whole[:-100], bytes(len(whole))):
        weights.write_bytes(damage)
        assert bundle.load(get()) and (folder / bundle.WEIGHTS).read_bytes() == whole


def test_wrong_bytes_are_not_used(hub, api, run, get):
    push.to_hub(run, NAME, api=api)
    hub.wrong = True
    with pytest.raises(InputError, match="broken"):
        get()


def test_foreign_repositories_and_names_are_said(hub, get):
    hub.put("some/model", {"pytorch_model.bin": b"pickle", "config.json": b"{}"})
    with pytest.raises(InputError, match="not a checkpoint of this program"):
        get("some/model")
    with pytest.raises(InputError, match="no nobody/nothing on the Hub"):
        get("nobody/nothing")


def test_names():
    assert all(map(is_name, ("a/b", "a-b/c.d@main", "a/b@0123456789abcdef")))
    assert not any(map(is_name, ("a", "./a/b", "/a/b", "a/b/c", "../a", "a/..", "a/b@", "https://x/y", "C:\\a/b")))
    assert push.is_hub("anna/voice") and not push.is_hub("checkpoints/mine") and not push.is_hub("./anna/voice")


def test_the_commands_take_a_name_of_the_hub(hub, api, run, tmp_path, capsys):
    environment = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": "hf_x"}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )

    sent = call("train", "push", "compact", "anna/compact")
    assert sent.returncode == 0 and "sent" in sent.stderr, sent.stderr
    clip = ROOT / "examples" / "anger_en.ogg"
    ask = ["predict", str(clip), "--transcript", "no", "--json", "--checkpoint"]
    theirs = call("bibier", *ask, "anna/compact")
    assert cli.main([*ask, "compact"]) == 0
    assert "Fetching anna/compact" in theirs.stderr and theirs.returncode == 0, theirs.stderr
    assert theirs.stdout.split('"timings"')[0] == capsys.readouterr().out.split('"timings"')[0]
