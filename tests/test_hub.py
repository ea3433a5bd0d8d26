"""The Hub's client: its failures become sentences, each the most exact one that was given."""

import errno
import subprocess

import httpx2
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bibier.errors import Cancelled, InputError
from bibier.hub import COMMIT, cached_snapshot, client, git_hash, hub_errors

ANSWER = httpx2.Response(404, request=httpx2.Request("GET", "https://hub.invalid"))
EXACT = {
    "no_repo": "hub-no-repo",
    "no_revision": "hub-no-revision",
    "no_name": "hub-no-name",
    "disk": "hub-disk",
    "full": "weights-no-space",
}
VALUES = {"name": "me/voice@main", "repo": "me/voice", "revision": "main", "megabytes": 1, "folder": "/cache"}


def raised(error, **exact) -> InputError:
    with pytest.raises(InputError) as caught, hub_errors("hub-unreachable", **exact, **VALUES):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error, key",
    [
        (RepositoryNotFoundError("gone", response=ANSWER), "hub-no-repo"),
        (GatedRepoError("closed", response=ANSWER), "hub-no-repo"),
        (RevisionNotFoundError("no branch", response=ANSWER), "hub-no-revision"),
        (HFValidationError("a//b"), "hub-no-name"),
        (OSError(errno.ENOSPC, "No space left on device"), "weights-no-space"),
        (PermissionError(errno.EACCES, "Permission denied"), "hub-disk"),
        (HfHubHTTPError("503 first line\nand more", response=ANSWER), "hub-unreachable"),
        (LocalEntryNotFoundError("offline"), "hub-unreachable"),
        (httpx2.ConnectError("refused"), "hub-unreachable"),
        (OfflineModeIsEnabled("offline mode is enabled."), "hub-unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "hub-unreachable"),
        (TimeoutError("timed out"), "hub-unreachable"),
        (RuntimeError("the upload of a large file failed"), "hub-unreachable"),
        (ValueError("the card has no licence"), "hub-unreachable"),
    ],
)
def test_each_failure_has_its_sentence_or_the_general_one(error, key):
    assert raised(error, **EXACT).key == key and raised(error).key == "hub-unreachable"
    assert "\n" not in raised(error).text("ru")


def test_what_the_client_may_not_ask_is_said_in_one_language():
    error = OfflineModeIsEnabled("Cannot reach https://hub.invalid: offline mode is enabled. To disable it, …")
    assert "Hub недоступен (HF_HUB_OFFLINE=1)" in raised(error).text("ru")


def test_what_is_no_failure_of_the_hub_goes_on():
    for error in (InputError("weights-no-space", **VALUES), Cancelled(), KeyError("a mistake of ours")):
        with pytest.raises(type(error)) as caught, hub_errors("hub-unreachable", **VALUES):
            raise error
        assert caught.value is error


def test_a_file_s_hash_is_git_s(tmp_path):
    (tmp_path / "file").write_bytes(b"one\ntwo")
    printed = subprocess.run(["git", "hash-object", "file"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert git_hash(b"one\ntwo") == printed.stdout.strip() and COMMIT.fullmatch(printed.stdout.strip())


def test_nothing_is_asked_for_what_is_not_in_the_cache(tmp_path):
    api = client()
    assert client(api) is api
    api.endpoint = "http://127.0.0.1:9"  # nobody there
    assert cached_snapshot("me/voice", None, ["*.json"], api=api, cache=tmp_path) is None
