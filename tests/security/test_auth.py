"""Signing in: hashed passwords, growing waits, nothing for who is outside, and whose name is written."""

from __future__ import annotations

import hashlib
import io
import os
import pty
import shutil
import subprocess
import sys
import time

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AuthenticationError
from served import EXAMPLE, ROOT, act, file, served, upload, visit

from bibier import __main__ as cli
from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.security import login_throttle, passwords
from bibier.security.middleware import SecuritySettings
from bibier.security.passwords import Passwords, entry, parse

SECRET, OTHER = "correct horse: battery", "длинный пароль"
CLIP = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()

# ----------------------------------------------------------------------------------------------------------- passwords


def test_an_entry_is_a_salted_hash_and_checks():
    """Against RFC 7914's own test vector, and a round trip; two entries of one password differ."""
    vector = passwords.scrypt("pleaseletmein", salt=b"SodiumChloride", n=16384, r=8, p=1)
    assert vector.hex().startswith("7023bdcb3afd7348461c06cd81fd38eb")
    lines = [entry("Ann", SECRET), entry("Борис", SECRET)]
    people = Passwords(parse("# the team\n\n" + "\n".join(lines), source="x"))
    assert SECRET not in "".join(lines) and lines[0].split("$")[-1] != lines[1].split("$")[-1]
    assert people.matches("Ann", SECRET) and people.matches("Борис", SECRET)
    for name, secret in (("Ann", SECRET + " "), ("Ann", ""), ("ann", SECRET), ("Carl", SECRET), ("", "")):
        assert not people.matches(name, secret)


def test_an_unknown_name_takes_as_long_as_a_known_one():
    """The same work is done; times within a factor of two on a busy machine, not 1 to 1000."""
    people = Passwords(parse(entry("Ann", SECRET), source="x"))

    def took(name):
        start = time.process_time()
        people.matches(name, "wrong password")
        return time.process_time() - start

    known, unknown = (min(took(name) for _ in range(3)) for name in ("Ann", "Nobody"))
    assert 0.5 < known / unknown < 2


GOOD = entry("Ann", SECRET)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no entry"),
        ("# nobody\n", "no entry"),
        ("Ann:secret", "Line 1"),
        ("\nAnn:scrypt$1$2$3$x", "Line 2"),
        (GOOD.replace("$32768$", "$32767$"), "Line 1"),  # no power of two
        (GOOD.replace("$32768$", "$1073741824$"), "Line 1"),  # would take a terabyte
        (GOOD[:-8], "Line 1"),
        (f"{GOOD}\n{GOOD}", "twice"),
        (GOOD.replace("Ann", " "), "Line 1"),
        (GOOD.replace("$32768$8$", "$2$1$"), "too weakly"),
        (GOOD.replace("$32768$8$", "$32768$1$"), "too weakly"),
    ],
    ids=range(11),  # an entry has a salt of its own
)
def test_entries_that_are_none(text, message):
    """The line is named, the secret is not."""
    with pytest.raises(InputError, match=message) as caught:
        parse(text, source="people")
    assert "secret" not in str(caught.value) and "scrypt$1" not in str(caught.value)


def test_where_entries_come_from(tmp_path):
    """A file, or the environment: its path, or the entries themselves, as a Space's secret holds them."""
    place = tmp_path / "people"
    place.write_text(GOOD)
    for settings in (
        SecuritySettings.read({}, auth=str(place)),
        SecuritySettings.read({"BIBIER_AUTH": str(place)}),
        SecuritySettings.read({"BIBIER_AUTH": GOOD}),
    ):
        assert settings.passwords.entries.keys() == {"Ann"}
    assert SecuritySettings.read({}).passwords is None
    with pytest.raises(InputError, match="can't be read"):
        SecuritySettings.read({}, auth=str(tmp_path / "nowhere"))


def test_the_command_makes_an_entry(monkeypatch, capsys):
    def command(*arguments, typed: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return (cli.main(["password", *arguments]), *capsys.readouterr())

    status, out, err = command("Ann", typed=SECRET + "\n")
    assert status == 0 and Passwords(parse(out, source="x")).matches("Ann", SECRET) and not err
    assert command("Ann", typed="short\n")[0] == 2
    status, out, err = command("A:nn", "--language", "ru", typed=SECRET)
    assert status == 2 and "двоеточия" in err and not out


@pytest.mark.parametrize("again, status", [(SECRET, 0), ("something else", 2)])
def test_the_command_does_not_show_what_is_typed(again, status):
    """On a terminal: typed twice, and nothing of it comes back on the screen."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "bibier", "password", "Ann"]
    process = subprocess.Popen(
        call, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, start_new_session=True
    )
    os.close(theirs)
    screen = b""
    for secret, asked in ((SECRET, b"Password: "), (again, b"Again: ")):
        while asked not in screen:
            screen += os.read(ours, 1000)
        os.write(ours, secret.encode() + b"\n")
    with process:
        out = process.stdout.read().decode()
    assert process.returncode == status
    assert SECRET.encode() not in screen
    assert (status == 0) == (":scrypt$" in out)
    if not status:
        assert Passwords(parse(out, source="x")).matches("Ann", SECRET)


# --------------------------------------------------------------------------------------------------------------- tries


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_and_end():
    """5 free tries; then 5, 10, 20, 40, 60, 60 s for a name, up to a quarter of an hour for an address."""
    clock = Clock()
    counter = login_throttle.LoginThrottle(clock)
    assert [counter.begin("Ann", f"10.0.0.{n}") for n in range(5)] == [0] * 5
    waits = []
    for n in range(6):
        waits.append(counter.begin("Ann", f"10.0.1.{n}"))
        clock.now += waits[-1]
        assert counter.begin("Ann", f"10.0.1.{n}") == 0
    assert waits == [5, 10, 20, 40, 60, 60]
    for n in range(5):
        counter.begin(f"name {n}", "10.9.9.9")
    while (pause := counter.begin(f"name {clock.now}", "10.9.9.9")) < 900:
        clock.now += pause
    clock.now += 3601
    assert counter.begin("Ann", "10.9.9.9") == 0


def test_the_right_password_clears_the_name_not_the_address():
    """Else who has a password of his own could guess for ever, signing in between."""
    counter = login_throttle.LoginThrottle(Clock())
    for _ in range(4):
        assert counter.begin("Ann", "10.0.0.1") == 0
    assert counter.begin("Eve", "10.0.0.1") == 0
    counter.right("Eve", "10.0.0.1")
    assert counter.begin("Ann", "10.0.0.1") == 0
    assert counter.begin("Eve", "10.0.0.1") > 0


def test_one_household_is_one_address():
    assert (
        login_throttle.network("2001:db8::1")
        == login_throttle.network("2001:db8::ffff")
        == login_throttle.network("2001:db8:0:7::1")
        != login_throttle.network("2001:db8:1::1")
    )
    assert (
        login_throttle.network("10.0.0.1") != login_throttle.network("10.0.0.2")
        and login_throttle.network("unknown") == "unknown"
    )


# ---------------------------------------------------------------------------------------------------------- the server


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("signed")


@pytest.fixture(scope="module")
def address(place):
    """Start the app with two people and a project; behind one proxy, so that each test has its own address."""
    people = {"Ann": SECRET, "Борис": OTHER, "Вера": OTHER}  # Вера is she whose password is guessed at
    (place / "people").write_text("".join(f"{entry(name, password)}\n" for name, password in people.items()))
    (place / "voices").mkdir()
    shutil.copy(EXAMPLE, place / "voices" / "voice.ogg")
    with served(place, "--auth", "people", "--annotate", "voices", BIBIER_PROXIES="1") as address:
        yield address


def enter(guest: httpx.Client, name: str, password: str, origin: str = "10.0.0.1", **settings) -> httpx.Response:
    headers = {"x-forwarded-for": origin} | settings.pop("headers", {})
    return guest.post("/login", data={"username": name, "password": password}, headers=headers, **settings)


def test_nothing_is_given_to_who_is_outside(address):
    """The sign-in page and its looks; no settings, no file, no clip, no call, no upload."""
    with visit(address) as guest:
        page = guest.get("/", headers={"accept-language": "ru"})
        assert "Пароль" in page.text and "gradio_config" not in page.text
        for path in (
            "/config",
            "/gradio_api/info",
            "/gradio_api/app_id",
            f"/gradio_api/file={EXAMPLE}",
            f"/bibier/clip/{CLIP}",
        ):
            answer = guest.get(path)
            assert answer.status_code == 401, path
        assert "Sign in" in guest.get("/config").json()["detail"]
        assert upload(guest).status_code == 401
        for path in ("queue/join", "call/predict", "run/predict", "component_server", "cancel"):
            assert guest.post(f"/gradio_api/{path}", json={"data": []}).status_code == 401
        assert guest.get("/gradio_api/heartbeat/x").status_code == 401


def test_who_is_outside_learns_no_more_by_head(address):
    """HEAD of the page was answered by Gradio: the app's own page was written for nobody, and its length told."""
    with visit(address) as guest:
        page, head = guest.get("/"), guest.head("/")
        told = ("content-length", "content-type", "cache-control")
        assert [head.headers.get(name) for name in told] == [page.headers.get(name) for name in told]
        assert head.status_code == 200 and not head.content
        for path in ("/config", "/gradio_api/info", f"/gradio_api/file={EXAMPLE}", f"/bibier/clip/{CLIP}"):
            assert guest.head(path).status_code == guest.get(path).status_code == 401
        enter(guest, "Ann", SECRET, "10.0.9.1").raise_for_status()
        assert guest.head("/").headers.get("content-length") != page.headers["content-length"]


def test_in_and_out_again(address):
    """The right password opens the page; signing out closes it, and the session's files with it."""
    with visit(address) as guest:
        assert enter(guest, "Ann", SECRET).json() == {"success": True}
        assert "gradio_config" in guest.get("/").text
        path = upload(guest).json()[0]
        assert file(guest, path).status_code == 200
        guest.get("/logout")
        assert file(guest, path).status_code == 401
        assert enter(guest, "Борис", OTHER).status_code == 200  # in the same browser
        assert file(guest, path).status_code == 404


def test_the_annotator_is_who_signed_in(address, place):
    """Whatever name the browser sends."""
    with visit(address) as guest:
        enter(guest, "Борис", OTHER)
        mine = {"project": "voices", "annotator": "Ann", "clip": CLIP}
        assert act(guest, "open", **mine).json()["annotator"] == "Борис"
        label = {"points": [0, 0, 0, 100, 0, 0, 0], "confidence": 1, "note": "", "seconds": 1}
        label["uuid"] = "00000000-0000-4000-8000-000000000001"
        refused = act(guest, "save", **mine, **label).json()
        assert refused["others"] is True and "different name" in refused["error"]["en"]
        assert act(guest, "save", **mine | {"annotator": "Борис"}, **label).json()["new"] is True
    events = [event for _, event in Store(f"sqlite:///{place}/annotations/bibier.db").events("voices")]
    assert [event.annotator for event in events if event.kind == "label"] == ["Борис"]


def test_who_signs_in_is_not_the_owner_of_the_computer(address):
    """On a local address too, as behind a proxy: no project from its folders, and only one's own labels to take."""
    with visit(address) as guest:
        enter(guest, "Ann", SECRET)
        answer = act(guest, "open", tab="Ann's", project="voices").json()
        assert answer["paths"] is False and answer["annotator"] == "Ann"
        assert act(guest, "open", tab="Ann's").json()["annotator"] == "Ann"  # before a project is chosen
        refused = act(guest, "enter", tab="Ann's", source="/etc", annotator="Ann").json()
        assert "this computer alone" in refused["error"]["en"]


@pytest.mark.parametrize(
    ("environ", "hosts", "shared"),
    [
        ({}, (), False),
        ({"BIBIER_ALLOWED_HOSTS": "a.example"}, (), True),
        ({}, ("a.example",), True),
        ({"BIBIER_PROXIES": "1"}, (), True),
        ({"SPACE_ID": "a/b"}, (), True),
        ({"BIBIER_AUTH": entry("Ann", SECRET)}, (), True),
    ],
)
def test_when_others_come_too(environ, hosts, shared):
    assert SecuritySettings.read(environ, hosts=hosts).shared is shared


def test_a_program_signs_in(address):
    """Gradio's own client, with a name and a password."""
    assert Client(address, auth=("Ann", SECRET), verbose=False).predict(None, "so happy", api_name="/predict")["text"]
    with pytest.raises((AuthenticationError, ValueError)):
        Client(address, auth=("Ann", "wrong password"), verbose=False)


def test_wrong_tries_must_wait_and_are_told(address):
    """60 at once: five are checked, the others wait, even with the right password; another name and address don't."""
    with visit(address, headers={"accept-language": "ru"}) as guest:
        answers = [enter(guest, "Вера", "wrong password", "10.0.7.7") for _ in range(60)]
        assert [answer.status_code for answer in answers[:5]] == [400] * 5
        assert {answer.status_code for answer in answers[5:]} <= {400, 429}
        assert sum(answer.status_code == 400 for answer in answers) <= 7  # 5, and those whose wait was over
        assert "неверны" in answers[0].json()["detail"]
        last = enter(guest, "Вера", OTHER, "10.0.7.8")  # the name waits, from wherever
        assert last.status_code == 429
        seconds = int(last.headers["retry-after"])
        assert 1 <= seconds <= 60 and f"через {seconds} с" in last.json()["detail"]
        assert enter(guest, "Ann", SECRET, "10.0.7.7").status_code == 429  # and so does the address, whatever the name
        assert enter(guest, "Ann", SECRET, "10.0.7.9").status_code == 200
        forged = {"x-forwarded-for": "1.2.3.4, 10.0.7.7"}
        assert enter(guest, "Ann", SECRET, headers=forged).status_code == 429


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"username": "Ann"},
        {"password": SECRET},
        {"username": "A" * 81, "password": SECRET},
        {"username": "Ann", "password": "x" * 257},
    ],
)
def test_forms_that_are_none(address, form):
    with visit(address) as guest:
        assert guest.post("/login", data=form).status_code == 400
        assert (
            guest.post("/login", content=b"\xff\x00", headers={"content-type": "multipart/form-data"}).status_code
            == 400
        )


def test_another_page_can_not_try_passwords(address):
    with visit(address) as guest:
        foreign = {"origin": "http://evil.example"}
        assert enter(guest, "Ann", SECRET, headers=foreign).status_code == 403
