"""What another browser, another page and another name are given: nothing. Two real browsers' worth of cookies."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from asgi import Inner, ask, in_own_loop, scope_of
from served import EXAMPLE, ROOT, START, act, file, function, sent_file, served, upload, visit

from bibier.errors import InputError
from bibier.security.headers import PERMISSIONS, SecurityHeaders
from bibier.security.middleware import start_token
from bibier.security.ownership import Ownership
from bibier.security.routes import is_open
from bibier.security.session import Visitors, visitor
from bibier.security.trusted_hosts import TrustedHosts

CLIP = hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def address(place):
    """Start the app with a project of one clip, known by a name too."""
    (place / "voices").mkdir()
    shutil.copy(EXAMPLE, place / "voices" / "voice.ogg")
    with served(place, "--annotate", str(place / "voices"), "--allowed-host", "voices.example") as address:
        yield address


@pytest.fixture
def ann(address):
    with visit(address) as guest:
        yield guest


@pytest.fixture
def bob(address):
    with visit(address) as guest:
        yield guest


# -------------------------------------------------------------------------------------------------------------- files


def test_an_upload_is_its_session_s_only(address, ann, bob):
    """The owner hears it, whole and in parts; another browser, a program and a path spelt otherwise get 404."""
    path = upload(ann).json()[0]
    whole = file(ann, path)
    assert whole.status_code == 200 and whole.content == EXAMPLE.read_bytes()
    part = file(ann, path, headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == EXAMPLE.read_bytes()[10:20]
    assert ann.head(f"/gradio_api/file={path}").status_code == 200
    folder, name = path.rsplit("/", 1)
    spelt = [path, f"{folder}/./{name}", f"{folder}/x/../{name}", path.replace("/", "//"), path.replace("/", "%2F")]
    for spelling in spelt:
        for guest in (bob, httpx.Client(base_url=address)):
            assert file(guest, spelling).status_code == 404, spelling
            assert file(guest, spelling, headers={"range": "bytes=0-9"}).status_code == 404, spelling
    assert bob.get(f"/gradio_api/file/{path}").status_code == 404
    assert bob.head(f"/gradio_api/file={path}").status_code == 404


def test_other_users_of_the_computer_read_nothing(place, ann):
    """Database and uploads are the user's alone, whatever the umask of the start."""
    sent = Path(upload(ann, "private.ogg").json()[0])
    files = [sent, *(file for file in (place / "annotations").rglob("*") if file.is_file())]
    assert len(files) > 1 and not [file for file in files if file.stat().st_mode & 0o077]


def test_who_sends_the_same_file_may_read_it_and_no_third(ann, bob, address):
    """Gradio keeps identical uploads once: the place is shared, the right is each one's own."""
    path = upload(ann, "same.ogg").json()[0]
    assert file(bob, path).status_code == 404
    assert upload(bob, "same.ogg").json()[0] == path
    assert file(bob, path).status_code == file(ann, path).status_code == 200
    with visit(address) as third:
        assert file(third, path).status_code == 404


def test_what_the_server_gives_is_the_receiver_s(ann, bob, address):
    """An example lands in a session's files when it is chosen there; the examples' own folder is open."""
    chosen = function(ann, "example_0")
    answer = ann.post(
        "/gradio_api/run/example_0", json={"data": [None], "fn_index": chosen["id"], "session_hash": "choosing"}
    )
    path = next(part["path"] for part in answer.json()["data"] if isinstance(part, dict) and part.get("path"))
    assert file(ann, path).status_code == 200
    assert file(bob, path).status_code == 404
    assert file(bob, str(EXAMPLE)).status_code == 200
    for outside in ("/etc/passwd", str(ROOT / "app.py"), f"{EXAMPLE.parent}/../app.py"):
        assert file(ann, outside).status_code == 404


@pytest.mark.parametrize("spelling", ["{}", "{}/", "/{}", "./{}"])
def test_a_call_cannot_name_another_s_file(ann, bob, spelling):
    """Else an answer would say what is in it, or hand it over."""
    path = spelling.format(upload(ann, "mine.ogg").json()[0])
    typed = {"fn_index": function(bob, "typed")["id"], "session_hash": uuid.uuid4().hex}
    for url, body in (
        ("/gradio_api/call/predict", {"data": [sent_file(path), "words"]}),
        ("/gradio_api/run/typed", {"data": ["", sent_file(path), None]} | typed),
        ("/gradio_api/call/v2/predict", {"clip": sent_file(path), "text": "words"}),
        (
            "/gradio_api/queue/join",
            {"data": [[{"x": sent_file(path)}]], "fn_index": 0, "session_hash": uuid.uuid4().hex},
        ),
    ):
        answer = bob.post(url, json=body)
        assert answer.status_code == 403 and "no such file" in answer.json()["detail"], (url, answer.text)


def test_nothing_is_fetched_by_address(ann):
    answer = ann.post("/gradio_api/call/predict", json={"data": [sent_file("http://127.0.0.1/x.wav"), "words"]})
    assert answer.status_code == 403 and "does not download from links" in answer.json()["detail"]
    assert file(ann, "http://127.0.0.1/x.wav").status_code == 404


def test_another_s_tab_is_closed(ann, bob):
    """A tab's random name gives nobody else its answers, its place in the queue, or its life."""
    assert ann.get("/gradio_api/upload_progress", params={"upload_id": "ann-s-upload"}).status_code == 404
    assert bob.get("/gradio_api/upload_progress", params={"upload_id": "ann-s-upload"}).status_code == 403
    call = {"data": ["", None, None], "fn_index": function(ann, "typed")["id"], "session_hash": "ann-s-tab"}
    assert ann.post("/gradio_api/run/typed", json=call).status_code == 200
    assert bob.post("/gradio_api/run/typed", json=call).status_code == 403
    assert bob.get("/gradio_api/queue/data", params={"session_hash": "ann-s-tab"}).status_code == 403
    assert bob.get("/gradio_api/heartbeat/ann-s-tab").status_code == 403
    cancel = {"session_hash": "ann-s-tab", "fn_index": 0, "event_id": "x"}
    assert bob.post("/gradio_api/cancel", json=cancel).status_code == 403


def test_a_clip_is_for_those_who_annotate_its_project(address, ann, bob):
    """Knowing the hash is not enough."""
    url = f"/bibier/clip/{CLIP}"
    assert ann.get(url).status_code == bob.get(url).status_code == 404
    opened = act(ann, "open", project="voices", annotator="Ann").json()
    assert opened["now"]["clip"] == CLIP
    whole, part = ann.get(url), ann.get(url, headers={"range": "bytes=4-7"})
    assert (whole.status_code, part.status_code) == (200, 206)
    assert whole.content == EXAMPLE.read_bytes() and part.content == whole.content[4:8]
    assert bob.get(url).status_code == httpx.get(address + url).status_code == 404
    assert "error" in act(bob, "visit", project="voices", annotator="", clip=CLIP).json()
    act(bob, "open", project="another")
    assert bob.get(url).status_code == 404


def test_the_session_s_cookie(address):
    """Scripts can't read it, other sites' pages don't send it, and no two are alike."""
    first, two = (httpx.get(address).headers["set-cookie"] for _ in range(2))
    assert first != two and "HttpOnly" in first and "SameSite=Lax" in first and "Path=/" in first
    token = first.split(";")[0]
    assert "set-cookie" not in httpx.get(address, headers={"cookie": token}).headers
    assert "set-cookie" in httpx.get(address, headers={"cookie": "bibier_session=guess"}).headers


# --------------------------------------------------------------------------------------------------------- the operator


def test_only_the_printed_address_makes_an_operator(tmp_path):
    """Other users of the computer, and a proxy that was told to nobody, reach localhost too."""
    gate = Visitors(inner := Inner(), ownership=Ownership(tmp_path), proxies=0, framed=False, start=START)
    app = SimpleNamespace(cookie_id="x", tokens={})

    def come(query: str = "", cookie: str = "") -> tuple[int, dict]:
        scope = scope_of("/", headers=[("cookie", cookie)], query_string=query.encode(), app=app)
        answer = in_own_loop(ask(gate, scope))
        return answer.status, dict(answer.headers)

    for query, rest in (
        ("", "/"),
        ("&tab=annotate", "/?tab=annotate"),
        ("&start=twice&q=a%26b&tab=", "/?q=a%26b&tab="),
    ):
        assert come(f"start={START}{query}")[1][b"location"].decode() == rest
    assert come(f"tab=annotate&start={START}")[1][b"location"] == b"/?tab=annotate"
    status, headers = come(f"start={START}")
    assert status == 303 and headers[b"location"] == b"/" and inner.scopes == []
    given = headers[b"set-cookie"].decode()
    assert "HttpOnly" in given and "SameSite=Strict" in given
    for cookie, operator in ((given.split(";")[0], True), ("bibier_start=guess", False), ("", False)):
        assert come(cookie=cookie)[0] == 200 and visitor(inner.scopes[-1]).operator is operator
    assert come("start=guess")[0] == 200 and not visitor(inner.scopes[-1]).operator
    nobody = Visitors(Inner(), ownership=Ownership(tmp_path), proxies=0, framed=False)
    assert not nobody.is_start("") and not gate.is_start("")


@pytest.mark.parametrize("token", ["short", "x" * 101, "with a space " * 3])
def test_a_start_token_that_could_be_guessed(token):
    assert len(start_token({})) >= 30 and start_token({"BIBIER_START_TOKEN": "x" * 20}) == "x" * 20
    with pytest.raises(InputError, match="BIBIER_START_TOKEN"):
        start_token({"BIBIER_START_TOKEN": token})


def test_what_only_the_operator_may(place, tmp_path_factory):
    """On a server of this computer alone: a visitor may name no folder, and is told how to become the operator."""
    source = tmp_path_factory.mktemp("folder")
    shutil.copy(EXAMPLE, source / "voice.ogg")
    with served(tmp_path_factory.mktemp("own")) as own, visit(own) as guest, visit(own) as operator:
        assert operator.get("/", params={"start": START}).status_code == 303
        opened = act(guest, "open", annotator="Ann").json()
        assert opened["paths"] is False and "start=" in opened["kept"]["texts"]["en"]
        assert "error" in act(guest, "enter", source=str(source), annotator="Ann").json()
        mine = act(operator, "open", tab="mine", annotator="Ann").json()
        assert mine["paths"] is True and "start=" not in mine["kept"]["texts"]["en"]
        assert act(operator, "enter", tab="mine", source=str(source), annotator="Ann").json()["project"] == source.name


# --------------------------------------------------------------------------------------------------- hosts and origins


def test_another_s_name_is_not_written_into_the_page(address):
    """A proxy's word for the name under which it was asked is believed only for a name of ours."""
    for path in ("/", "/config"):
        answer = httpx.get(
            f"{address}{path}", headers={"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
        )
        assert answer.status_code == 200 and "evil.example" not in answer.text
        assert answer.headers["cache-control"] in ("no-store", "private, no-cache")
        answer = httpx.get(f"{address}{path}", headers={"x-gradio-server": "http://evil.example"})
        assert answer.status_code == 200 and "evil.example" not in answer.text
    ours = httpx.get(f"{address}/config", headers={"x-forwarded-host": "voices.example", "x-forwarded-proto": "https"})
    assert "https://voices.example" in ours.text


@pytest.mark.parametrize(
    "host, status",
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("@", 421),
        ("localhost:{port}", 200),
        ("LOCALHOST.", 200),
        ("[::1]:{port}", 200),
        ("192.168.1.7", 200),
        ("voices.example", 200),
    ],
)
def test_hosts(address, host, status):
    """A foreign name that points here is not answered; addresses can't be pointed elsewhere."""
    answer = httpx.get(f"{address}/theme.css", headers={"host": host.format(port=address.rsplit(":")[-1])})
    assert answer.status_code == status
    if host == "evil.example":
        assert "--allowed-host evil.example" in answer.text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost:{port}", "file://"]
)
def test_a_foreign_page_can_neither_write_nor_read(place, address, ann, origin):
    """Another port of this computer is foreign too, and so is another name of it."""
    foreign = {"origin": origin.format(port=address.rsplit(":")[-1])}
    before = sorted((place / "cache").rglob("*.ogg"))
    name = f"{uuid.uuid4().hex}.ogg"
    assert upload(ann, name, headers=foreign).status_code == 403
    assert sorted((place / "cache").rglob("*.ogg")) == before
    call = {"data": ["", None, None], "fn_index": 0, "session_hash": "forged"}
    assert ann.post("/gradio_api/queue/join", json=call, headers=foreign).status_code == 403
    assert ann.get("/config", headers=foreign).status_code == 403


def test_our_own_page_may(address, ann):
    assert upload(ann, headers={"origin": address}).status_code == 200
    named = {"origin": "https://voices.example", "host": "voices.example"}
    assert ann.get("/config", headers=named).status_code == 200


def test_a_foreign_page_can_not_play_a_file_either(ann):
    """A sound or a script element sends no origin; the browser tells where it stands."""
    path = upload(ann).json()[0]
    for site in ("cross-site", "same-site"):
        embedded = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
        assert file(ann, path, headers=embedded).status_code == 403
        assert (
            ann.post("/gradio_api/cancel", json={}, headers=embedded | {"sec-fetch-mode": "navigate"}).status_code
            == 403
        )
    assert ann.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200
    assert file(ann, path, headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_a_link_elsewhere_signs_nobody_out():
    """A link, a picture or a redirect of another page; a typed address and our own page may."""
    gate = TrustedHosts(None)
    link = [("host", "localhost"), ("sec-fetch-mode", "navigate")]
    for site, foreign in (("cross-site", True), ("same-site", True), ("same-origin", False), ("none", False)):
        assert gate.foreign(scope_of("/logout", headers=[*link, ("sec-fetch-site", site)])) is foreign
    assert not gate.foreign(scope_of("/login/callback", headers=[*link, ("sec-fetch-site", "cross-site")]))
    for referer, foreign in (("http://evil.example/a?b", True), ("http://localhost/", False), ("http://[", True)):
        assert gate.foreign(scope_of("/logout", headers=[("host", "localhost"), ("referer", referer)])) is foreign


def test_a_form_is_no_call(ann):
    """A form of another page can be sent without asking; JSON can't."""
    body = json.dumps({"data": ["", None, None], "fn_index": 0, "session_hash": "form"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        for url in ("/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/cancel"):
            assert ann.post(url, content=body, headers={"content-type": kind}).status_code == 415


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b"[" * 100_000, b'{"session_hash": 7}', b"\xff"])
def test_bodies_that_are_no_call(ann, body):
    answer = ann.post("/gradio_api/queue/join", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and "JSON" in answer.json()["detail"]


def test_a_call_s_size(ann):
    answer = ann.post("/gradio_api/queue/join", json={"data": ["x" * 4_100_000]})
    assert answer.status_code == 413 and "4 MB" in answer.json()["detail"]


# --------------------------------------------------------------------------------------------------- headers and doors


def test_headers(address, ann):
    """Every answer carries them; what a visitor sent can't run scripts."""
    path = upload(ann, "page.html", b"<script>alert(1)</script>").json()[0]
    for answer in (ann.get("/"), ann.get("/config"), file(ann, path), ann.get("/monitoring"), ann.get("/theme.css")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["permissions-policy"] == PERMISSIONS
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in ann.get("/").headers["content-security-policy"].split("; ")
    sent = file(ann, path).headers
    assert sent["content-security-policy"] == "default-src 'none'; sandbox"
    assert sent["content-disposition"].startswith("attachment")


def test_no_answer_lets_another_site_s_page_read_it(address):
    """Gradio names whatever page asks as one that may: ours were refused all the same, and now nothing says so."""
    for origin in ("https://evil.example", address):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        for answer in (httpx.options(f"{address}/config", headers=asked), httpx.get(address, headers=asked)):
            assert not [name for name in answer.headers if name.startswith("access-control-")], (origin, answer)


def test_https_is_kept_where_the_server_has_a_name():
    """Not for localhost: the browser would ask every other program of this computer over HTTPS."""
    app = SecurityHeaders(Inner(), framed=False, names=("voices.example",))

    def promised(host: str, proto: str) -> bool:
        scope = scope_of(headers=[("host", host), ("x-forwarded-proto", proto)])
        return b"strict-transport-security" in dict(in_own_loop(ask(app, scope)).headers)

    assert promised("voices.example", "https") and promised("voices.example:443", "https")
    assert not promised("voices.example", "http") and not promised("localhost", "https")


CLOSED = ["/monitoring", "/monitoring/summary", "/openapi.json", "/gradio_api/openapi.json", "/docs", "/redoc"] + [
    f"/gradio_api/{name}"
    for name in ("vibe-code", "token", "deep_link", "runs", "dev/reload", "proxy=http://x", "stream/x")
]


@pytest.mark.parametrize("path", CLOSED)
def test_closed_doors(ann, path):
    assert ann.get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["vibe-edit", "vibe-code", "process_recording", "stream/x", "run-history/connect", "x"]
)
def test_closed_doors_for_writing(ann, path):
    assert ann.post(f"/gradio_api/{path}", json={}).status_code == 404


def test_nothing_but_reading_and_sending():
    assert not [method for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE") if is_open(method, "/config")]
    assert is_open("GET", "/") and is_open("POST", "/gradio_api/upload") and not is_open("GET", "/gradio_api/upload")


# ------------------------------------------------------------------------------------------------------------ settings
