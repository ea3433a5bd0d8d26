"""Signing in with the Hub: the app in a process of its own, and a session's cookie signed as gradio.oauth does it."""

import base64
import hashlib
import json
import time

import httpx
import pytest
from itsdangerous import TimestampSigner
from served import EXAMPLE, PATIENCE, act, served

from bibier.annotation.store import Store
from bibier.security.session import hub_user

SECRET = "not-a-secret"
CLIP = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
SPACE = {"SPACE_ID": "me/voice", "SYSTEM": "spaces", "SPACE_HOST": "me-voice.hf.space", "HF_HUB_OFFLINE": "1"}
OAUTH = {
    "OAUTH_CLIENT_ID": "an-id",
    "OAUTH_CLIENT_SECRET": SECRET,
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "https://huggingface.invalid",
}


def session(name, *, secret=SECRET, ends=None):
    info = {"userinfo": {"preferred_username": name}, "expires_at": ends or int(time.time()) + 3600}
    data = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    return TimestampSigner(key).sign(data).decode()


def visit(address, cookie=""):
    """Come in as a browser in the Hub's frame does; the cookies are for https, so they are sent by hand."""
    came = httpx.get(address, headers={"cookie": f"session={cookie}"} if cookie else {}, timeout=PATIENCE)
    ours = came.headers["set-cookie"].split(";")[0]
    sent = f"{ours}; session={cookie}" if cookie else ours
    return httpx.Client(base_url=address, headers={"cookie": sent}, timeout=PATIENCE)


def label(guest, number, name="Mallory"):
    mine = {"project": "voices", "annotator": name, "clip": CLIP, "uuid": f"00000000-0000-4000-8000-{number:012}"}
    act(guest, "open", tab=f"tab-{number}", **mine)
    return act(
        guest, "save", tab=f"tab-{number}", **mine, points=[0, 0, 0, 100, 0, 0, 0], confidence=1, note="", seconds=1
    ).json()


def test_the_label_is_the_signed_in_person_s(tmp_path):
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    with served(tmp_path, "--annotate", "voices", **SPACE, **OAUTH) as address:
        with visit(address) as guest:
            parts = guest.get("/config").json()["components"]
            assert [part for part in parts if part["props"].get("elem_id") == "sign-in"]
        cookies = ["", session("ann"), session("eve", secret="a guess"), session("old", ends=1)]
        for number, cookie in enumerate(cookies):
            with visit(address, cookie) as guest:
                answer = label(guest, number)
                if number == 1:  # ann: the browser can't put another name to it
                    assert answer["others"] is True and "different name" in answer["error"]["en"]
                    answer = label(guest, number, "ann")
                assert answer.get("new") is True, answer
    events = [event for _, event in Store(f"sqlite:///{tmp_path}/annotations/bibier.db").events("voices")]
    # without a valid session, the name is what the browser says
    assert [event.annotator for event in events if event.kind == "label"] == ["Mallory", "ann", "Mallory", "Mallory"]


def test_a_space_without_oauth_starts_and_says_so(tmp_path):
    with served(tmp_path, **SPACE) as address, visit(address) as guest:
        parts = guest.get("/config").json()["components"]
        assert not [part for part in parts if part["props"].get("elem_id") == "sign-in"]
    assert "hf_oauth: true" in (tmp_path / "app.log").read_text()


@pytest.mark.parametrize(
    "session_data",
    [None, "text", {}, {"oauth_info": None}, {"oauth_info": []}, {"oauth_info": {"userinfo": None}}]
    + [{"oauth_info": {"userinfo": {"preferred_username": name}}} for name in (None, 3, "")],
)
def test_a_session_of_another_shape_is_nobody(session_data):
    assert hub_user(session_data) is None
