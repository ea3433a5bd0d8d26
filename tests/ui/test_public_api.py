"""What programs may call: /predict, and nothing else; with Gradio's client, and with bare HTTP."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import time
from collections.abc import Callable

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from served import EXAMPLE, ROOT, function, sent_file, served, upload, visit

from bibier import __main__ as cli
from bibier.labels import EMOTIONS

WORDS = "so happy to see you"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("public")) as address:
        yield address


@pytest.fixture(scope="module")
def printed() -> dict:
    """Return what `python -m bibier predict --json` says of the same clip and words."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["predict", str(EXAMPLE), "--transcript", WORDS, "--json"]) == 0
    return json.loads(out.getvalue())


def same(answer: dict, printed: dict) -> bool:
    """Compare two answers apart from how long they took and where the file lay."""
    assert answer.keys() - {"file"} == printed.keys() - {"file"}
    for branch in ("audio", "text", "bimodal"):
        assert answer[branch].keys() == set(EMOTIONS)
        assert answer[branch] == pytest.approx(printed[branch], abs=1e-5)
    return all(answer[key] == printed[key] for key in ("transcript", "transcript_by", "warnings"))


def test_predict_answers_as_the_command_does(address, printed):
    client = Client(address, verbose=False)
    assert same(client.predict(handle_file(str(EXAMPLE)), WORDS, api_name="/predict"), printed)


def test_predict_without_a_voice(address):
    answer = Client(address, verbose=False).predict(None, WORDS, api_name="/predict")
    assert answer["audio"] is None and sum(answer["text"].values()) == pytest.approx(1)


def test_predict_by_bare_http(address, printed):
    """As with curl, which keeps no cookies: upload, call, fetch."""
    with httpx.Client(base_url=address, timeout=180) as program:
        path = upload(program, "x.ogg").json()[0]
        assert not program.cookies
        call = program.post("/gradio_api/call/predict", json={"data": [sent_file(path), WORDS]}).json()
        answer = program.get(f"/gradio_api/call/predict/{call['event_id']}").text
    assert "event: complete" in answer
    assert same(json.loads(answer.split("data: ")[-1])[0], printed)


def test_another_s_answer_is_not_given(address):
    """Even to who has learnt the call's name."""
    with visit(address) as ann, visit(address) as bob:
        call = ann.post("/gradio_api/call/predict", json={"data": [None, WORDS]}).json()["event_id"]
        assert bob.get(f"/gradio_api/call/predict/{call}").status_code == 403
        assert "event: complete" in ann.get(f"/gradio_api/call/predict/{call}").text


@pytest.mark.parametrize("data, words", [([None, ""], "record or upload"), ([None, None], "record or upload")])
def test_predict_says_what_is_wrong(address, data, words):
    with visit(address) as guest:
        call = guest.post("/gradio_api/call/predict", json={"data": data}).json()["event_id"]
        answer = guest.get(f"/gradio_api/call/predict/{call}").text
    assert "event: error" in answer and "Traceback" not in answer
    assert words in answer.lower()


@pytest.mark.parametrize("data", [[{"path": 7}, "x"], ["x", "x"], [None, 7], [None], [None, "x", "x"], {}, "xx", None])
def test_values_that_do_not_fit(address, data):
    with visit(address) as guest:
        answer = guest.post("/gradio_api/call/predict", json={"data": data})
    assert answer.status_code == 400 and "parameters" in answer.json()["detail"]


@pytest.mark.parametrize(
    "values, status",
    [
        ({"clip": None, "text": WORDS}, 200),
        ({"clip": None, "text": WORDS, "oauth_token": "x"}, 200),  # Gradio's own: it leaves it out
        ({}, 400),
        ({"text": WORDS}, 400),
        ({"clip": None, "text": WORDS, "more": 1}, 400),
        ({"data": [None, WORDS]}, 400),
        ({"clip": 5, "text": WORDS}, 400),
        ({"clip": None, "text": 5}, 400),
    ],
)
def test_values_by_name_fit_or_are_refused(address, values, status):
    """Each that did not was a fault of Gradio's in the log, and the visitor was told that something went wrong."""
    with visit(address) as guest:
        assert guest.post("/gradio_api/call/v2/predict", json=values).status_code == status


@pytest.mark.parametrize(
    "path, told",
    [
        ("queue/data?session_hash=neverjoined", '"session_not_found":true'),  # so the page's client reloads
        ("queue/data?session_hash=", '"session_not_found":true'),
        ("queue/data?session_hash=first&session_hash=second", '"session_not_found":true'),
        ("call/predict/neverasked", "event: error"),
        ("call/v2/predict/northis", "event: error"),
        (f"file={ROOT}/examples/{'a' * 300}", "not open"),
        (f"/assets/{'a' * 300}", "not open"),
        (f"/static/{'a/' * 1600}", "not open"),
    ],
)
def test_what_nobody_knows_is_no_fault(address, path, told):
    """Gradio raises in the middle of such an answer, or where a name is longer than any on a disk: the log said that
    something broke.
    """
    with visit(address) as guest:
        answer = guest.get(
            path if path.startswith("/") else f"/gradio_api/{path}"
        )  # whole: an answer that breaks off raises
        assert told in answer.text and answer.status_code in (200, 404)
        nameless = {"data": ["{}"], "fn_index": function(guest, "stop")["id"], "session_hash": ""}
        assert guest.post("/gradio_api/queue/join", json=nameless).status_code == 400


def test_the_health_page_watches_over_the_annotations(address):
    health = httpx.get(f"{address}/bibier/health").json()
    assert health["ok"] and {"annotations", "cleaning", "live", "memory"} <= health["tasks"].keys()


def test_only_predict_is_named_to_programs(address):
    """The page lists what programs may call; the documentation names the same."""
    described = Client(address, verbose=False).view_api(return_format="dict", print_info=False)
    assert described["named_endpoints"].keys() == {"/predict"} and not described["unnamed_endpoints"]
    public = [
        endpoint["api_name"]
        for endpoint in httpx.get(f"{address}/config").json()["dependencies"]
        if endpoint["api_visibility"] == "public"
    ]
    assert public == ["predict"]
    assert "`/predict`" in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def in_time(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send again after the wait that was told, as long as calls come too fast."""
    while (answer := send()).status_code == 429:
        time.sleep(int(answer.headers["retry-after"]))
    return answer


def test_all_others_are_closed_to_programs(address):
    """By name in any way, and by number from who has not come through the page."""
    with visit(address) as guest, httpx.Client(base_url=address, timeout=60) as stranger:
        private = [
            endpoint
            for endpoint in guest.get("/config").json()["dependencies"]
            if endpoint["api_visibility"] != "public"
        ]
        open_one = function(guest, "predict")
        assert len(private) > 20
        named = list(itertools.product(("call", "call/v2"), ({}, {"fn_index": open_one["id"]})))
        ways = ("run/{}", "api/{}", "run/predict", "queue/join", "run/{} by name")
        for place, endpoint in enumerate(private):
            name = endpoint["api_name"]
            each = place < 3  # all ways for these, for the others one after the other: no visitor may ask that often
            # Gradio takes the name, whatever number stands by it
            for way, beside in named if each else [named[place % len(named)]]:
                call, body = f"/gradio_api/{way}/{name}", {"data": [None, "x"], **beside}
                answer = in_time(lambda call=call, body=body: guest.post(call, json=body))
                assert answer.status_code == 404 and "/predict" in answer.json()["detail"], (way, name)
            for way in ways if each else [ways[place % len(ways)]]:
                stranger.cookies.clear()  # one connection, and each time somebody new
                body = {"data": [], "fn_index": endpoint["id"], "session_hash": f"program-{endpoint['id']}"}
                body = {"data": []} if way.endswith("by name") else body
                call = f"/gradio_api/{way.removesuffix(' by name').format(name)}"
                answer = in_time(lambda call=call, body=body: stranger.post(call, json=body))
                assert answer.status_code == 404, (way, name)
        for number in (-1, 9999, "0", 1.0, True, None):
            body = {"data": [], "fn_index": number, "session_hash": "odd"}
            assert guest.post("/gradio_api/queue/join", json=body).status_code == 404


def test_functions_of_parts_are_closed_but_ours(address):
    """Gradio's parts bring functions of their own to the server; the tab's acts need the page's session."""
    for name in ("open", "stream_output", "__init__"):
        with visit(address) as guest:  # a visitor for each: nobody may make that many calls at once
            parts = guest.get("/config").json()["components"]
            tab = next(part["id"] for part in parts if part["props"].get("elem_id") == "annotate")
            for part in parts:
                if part["id"] == tab and name == "open":
                    continue
                call = {"data": [], "component_id": part["id"], "fn_name": name, "session_hash": f"x{name}"}
                assert guest.post("/gradio_api/component_server", json=call).status_code == 404, part["type"]
    with visit(address) as guest:
        call = {"data": [{}], "component_id": tab, "fn_name": "open", "session_hash": "x"}
        assert guest.post("/gradio_api/component_server", json=call).json()["projects"] == []
        assert (
            httpx.post(f"{address}/gradio_api/component_server", json=call | {"session_hash": "y"}).status_code == 404
        )


ODD = [None, 7, "x" * 10_000, [], {}, [[1]], {"path": None}, True, 1e400, "${7*7}", "<img src=x onerror=alert(1)>"]


def test_the_page_s_own_calls_stand_what_a_program_may_send(address):
    """Who does what the page does can call what the page calls: whatever comes, no traceback and the next one works."""
    with visit(address) as guest:
        for endpoint in guest.get("/config").json()["dependencies"]:
            if endpoint["backend_fn"] is False:  # of the browser alone: to call it was a fault in the log
                call = {"data": [None] * len(endpoint["inputs"]), "fn_index": endpoint["id"], "session_hash": "odd one"}
                run = f"/gradio_api/run/{endpoint['api_name']}"
                assert in_time(lambda run=run, call=call: guest.post(run, json=call)).status_code == 404
            if endpoint["backend_fn"] and endpoint["queue"] is not False:  # else a program would go round its queue
                call = {"data": [None] * len(endpoint["inputs"]), "fn_index": endpoint["id"], "session_hash": "odd one"}
                for way in ("run", "api"):
                    closed = f"/gradio_api/{way}/{endpoint['api_name']}"
                    answer = in_time(lambda closed=closed, call=call: guest.post(closed, json=call))
                    assert answer.status_code == 404 and "/gradio_api/call/" in answer.json()["detail"], endpoint
            if endpoint["queue"] is not False or endpoint["backend_fn"] is False:
                continue
            for odd in ODD[:-2] if endpoint["api_name"] == "restore" else ODD:
                data = json.dumps(
                    {"data": [odd] * len(endpoint["inputs"]), "fn_index": endpoint["id"], "session_hash": "odd one"}
                )
                call, kind = f"/gradio_api/run/{endpoint['api_name']}", {"content-type": "application/json"}
                answer = in_time(lambda call=call, data=data, kind=kind: guest.post(call, content=data, headers=kind))
                assert answer.status_code in (200, 400), (endpoint["api_name"], odd)
                assert "Traceback" not in answer.text and "/site-packages/" not in answer.text
        call = {"data": ["", None, None], "fn_index": function(guest, "typed")["id"], "session_hash": "odd one"}
        assert in_time(lambda: guest.post("/gradio_api/run/typed", json=call)).status_code == 200


def test_a_program_that_fails_is_told_so(address):
    with pytest.raises((AppError, ValueError)):
        Client(address, verbose=False).predict(None, "", api_name="/predict")


def test_the_readme_s_live_client(address, monkeypatch):
    """As it stands there, but for the address and the patience; another browser has no part in the session."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.chdir(ROOT)
    (client,) = re.findall(r"```python\n(import time, httpx.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        names: dict = {}
        exec(client.replace("http://127.0.0.1:7860", address), names)
    assert names["at"] == len(names["samples"]) and names["seen"] >= 1 and names["view"]["done"]
    assert "'audio': {'anger': " in out.getvalue()
    with visit(address) as other:
        assert other.post(names["live"]).status_code == 404
        foreign = other.post("/bibier/live", json={"rate": 16_000}, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
