"""/bibier/live without a server: what goes in and comes out, whose it is, what is refused, and what is left."""

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from asgi import Inner, ask, guest, in_own_loop, scope_of
from served import EXAMPLE, held_recogniser, served, visit
from tiny import voice

from bibier.asr.recognisers import Choice
from bibier.i18n.messages import CATALOGUE, Message
from bibier.inference import live
from bibier.inference.live import LiveSessions
from bibier.inference.predictor import Predictor
from bibier.security.access_log import route
from bibier.security.login import Login
from bibier.security.middleware import SecuritySettings
from bibier.security.rate_limits import SESSION, RateLimits, kind_of
from bibier.security.request_bodies import LIVE_LIMIT, RequestBodies, limit_of
from bibier.security.responses import LIVE
from bibier.security.routes import is_open
from bibier.security.trusted_hosts import TrustedHosts
from bibier.transcript import Transcript
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext, Theme
from bibier.ui.live.route import LiveRoute
from bibier.ui.live.service import LiveService
from bibier.ui.services import Services

RATE = 16_000
CHOICES = (
    Choice("whisper-base", Message("recogniser-none"), ready=False),
    Choice("pocketsphinx", Message("recogniser-none"), ready=True, rough=True),
    Choice("none", Message("recogniser-none"), ready=True),
)


class Loud:
    """Hears a voice where it is loud; notes the threads in which it does."""

    threads: set[str] = set()

    def __call__(self, frames):
        self.threads.add(threading.current_thread().name)
        return np.sqrt(np.square(frames).mean(axis=1)) > 0.01


@pytest.fixture
def service(tiny_bundle):
    reader = Future()
    reader.set_result(lambda name: Predictor(tiny_bundle, lambda samples: Transcript("so it is", "en")))
    service = LiveService(Services(reader, lambda: CHOICES, None, None, None))
    service.sessions = LiveSessions(service.services.queue, detector=Loud)
    yield service
    for session in list(service.sessions.sessions.values()):
        service.sessions.close(session)
    for pool in (service.sessions.hearing, service.sessions.judging, service.openers, service.answers):
        pool.shutdown()


@pytest.fixture
def post(service, tmp_path):
    """Post to the route by `post(path, body, name=…)`; returns the status and what the JSON says."""
    app = LiveRoute(Inner(), service=service)

    async def asked(path, body, name, headers):
        query, path = path.partition("?")[2], path.partition("?")[0]
        scope = scope_of(f"{LIVE}{path}", "POST", headers, query_string=query.encode(), **guest(tmp_path, name))
        return await ask(app, scope, [body])

    def post(path="", body=b"", name="ann", headers=()):
        body = json.dumps(body).encode() if isinstance(body, dict) else bytes(body)
        answer = in_own_loop(asked(path, body, name, headers))
        return answer.status, json.loads(answer.body)

    return post


def talk(utterances: int = 2) -> np.ndarray:
    parts = [part for seed in range(utterances) for part in (voice(1.2, RATE, seed), np.zeros(RATE))]
    return np.round(np.concatenate(parts) * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2")


def opened(post, **more) -> str:
    status, facts = post(body={"rate": RATE} | more)
    assert status == 201, facts
    return facts["session"]


def test_the_whole_way(post):
    """Blocks in, bars and utterances out, each once; the recogniser is one that is ready; nothing in the event loop."""
    Loud.threads.clear()
    status, facts = post(body={"rate": RATE, "recogniser": "whisper-base"})
    assert (status, facts["recogniser"], facts["rough"]) == (201, "pocketsphinx", True)
    name, sound, utterances, bars = facts["session"], talk(), [], []
    for at in range(0, len(sound), 4_000):
        path = f"/{name}?at={at}&seen={len(utterances)}"
        status, view = post(path, sound[at : at + 4_000].tobytes())
        assert status == 200 and view["heard"] == min(at + 4_000, len(sound))
        utterances += view["utterances"]
        bars += [view["bars"]] if view["bars"] else []
    status, view = post(f"/{name}/end?seen={len(utterances)}")
    utterances += view["utterances"]
    assert status == 200 and view["done"] and not view["waiting"]
    assert [utterance["number"] for utterance in utterances] == [0, 1]
    assert all(utterance["bimodal"] and utterance["transcript"] == "so it is" for utterance in utterances)
    assert utterances[0]["end"] <= utterances[1]["start"] and sum(bars[0]["audio"].values()) == pytest.approx(1)
    assert {thread.rpartition("_")[0] for thread in Loud.threads} == {"live"}
    assert post(f"/{name}/leave") == (200, {"heard": len(sound)})
    assert post(f"/{name}/end")[0] == 404


def test_a_recording_keeps_what_was_judged_live(post, service, tmp_path):
    """After Stop only what was not heard is judged; the session goes; another's recording gains nothing by its name."""
    name, sound = opened(post, recogniser="none"), talk(3)
    heard = len(talk(2))
    for at in range(0, heard, 4_000):
        assert post(f"/{name}?at={at}", sound[at : min(heard, at + 4_000)].tobytes())[0] == 200
    assert post(f"/{name}/end")[1]["done"]
    soundfile.write(tmp_path / "talk.wav", sound, RATE)
    judged = []
    session = service.sessions.sessions[name]
    known = [result.prediction for result in session.results]
    session.predictor.encode_audio = lambda clip: judged.append(clip) or Predictor.encode_audio(session.predictor, clip)

    def analyse(context, live):
        long = LongFormHandlers(AnalyseHandlers(service.services), tmp_path / "stretches", live=live)
        return list(long.analyse(str(tmp_path / "talk.wav"), "", "none", None, context)), long

    view = ClientContext(Theme(), "a" * 32, owner=("ann", ""), live=name)
    stranger = replace(view, owner=("bob", ""))
    assert analyse(stranger, service)[0][-1].get("ribbon") is None and name in service.sessions.sessions
    shown, long = analyse(view, service)
    segments = long.cache.get(view.token, view.owner).results
    assert [result.prediction for result in segments[:2]] == known and len(segments) == 3 and len(judged) == 1
    assert segments[2].segment.start >= heard / RATE and segments[2].prediction.audio.probabilities
    assert len(shown[-1]["ribbon"]["rows"]) == 3 and not shown[-1]["ribbon"]["running"]
    assert long.cache.get(view.token, view.owner).recogniser == "none" and name not in service.sessions.sessions
    assert not shown[-1]["stage"].get("error") and shown[-1]["chart"]["rows"][0]["audio"] is not None


def test_another_s_session_does_not_exist(post):
    name = opened(post)
    for act in ("", "/end", "/leave"):
        assert post(f"/{name}{act}", b"\0\0", name="bob")[0] == 404
    assert post(f"/{name}?at=0", b"\0\0")[0] == 200


def test_what_is_no_sound_is_refused(post, service):
    name = opened(post)
    for path, body, status in (
        (f"/{name}", b"\0", 400),
        (f"/{name}", bytes(2 * RATE * 11), 400),
        (f"/{name}?at=-1", b"\0\0", 400),
        (f"/{name}?at=1e9", b"\0\0", 400),
        ("", b"[]", 400),
        ("", b"{", 400),
        ("", b"{}", 400),
        ("", {"rate": 1e9}, 400),
        ("", {"rate": 10**9}, 400),
        ("", {"rate": RATE, "checkpoint": "x" * 1_000}, 400),
        ("", {"rate": RATE, "recogniser": ["none"]}, 400),
    ):
        code, answer = post(path, body)
        assert (code, bool(answer["detail"])) == (status, True), (path, body[:10])
    told = [("content-length", str(LIVE_LIMIT + 1))]
    assert post(f"/{name}", b"\0\0", headers=told)[0] == 413
    assert service.sessions.sessions[name].heard == 0


def test_a_lost_answer_costs_nothing(post):
    name, sound = opened(post), talk()
    first = sound[:8_000].tobytes()
    assert post(f"/{name}?at=0", first)[1]["heard"] == post(f"/{name}?at=0", first)[1]["heard"] == 8_000
    status, answer = post(f"/{name}?at=9000", sound[9_000:].tobytes())
    assert (status, answer["heard"]) == (409, 8_000)
    assert post(f"/{name}?at=8000", sound[8_000:].tobytes())[1]["heard"] == len(sound)


def test_a_flood_waits(post):
    """Sound comes as fast as it is spoken, after half a minute at once; what had to wait can be sent again."""
    name, silence, at = opened(post), bytes(2 * RATE * 10), 0
    for _ in range(3):
        assert post(f"/{name}?at={at}", silence)[0] == 200
        at += 10 * RATE
    status, answer = post(f"/{name}?at={at}", silence)
    assert status == 429 and "lost" in answer["detail"]
    assert post(f"/{name}?at={at}")[1]["heard"] == at


def test_places_are_few_and_come_back(post, service):
    names = [opened(post) for _ in range(live.MOST_OF_SESSION)]
    assert post(body={"rate": RATE})[0] == 429
    post(f"/{names[0]}/leave")
    opened(post)
    service.sessions.limit = 2
    assert post(body={"rate": RATE}, name="bob")[0] == 503
    for session in list(service.sessions.sessions.values()):  # silent ones
        session.touched -= live.IDLE + 1
    service.sweep()
    assert not service.sessions.sessions
    opened(post, recogniser="none")


def test_neighbours_have_four_places_together(post):
    answers = [post(body={"rate": RATE}, name=name)[0] for name in ("ann", "bea", "cid", "dot", "eva")]
    assert answers == [201] * live.MOST_OF_PARTY + [429]


def test_one_block_at_a_time(service, tmp_path, post):
    """A second block of a session that comes before the first is heard must wait; end and leave don't hang."""
    name, go = opened(post), threading.Event()
    session = service.sessions.sessions[name]
    take = session.take
    session.take = lambda at, block: (go.wait(30), take(at, block))
    app = LiveRoute(Inner(), service=service)

    async def both():
        scope = scope_of(f"{LIVE}/{name}", "POST", **guest(tmp_path, "ann"))
        first = asyncio.create_task(ask(app, scope, [b"\0\0"]))
        while name not in app.hearing:
            await asyncio.sleep(0)
        second = await ask(app, scope, [b"\0\0"])
        go.set()
        return (await first).status, second.status

    assert in_own_loop(both()) == (200, 429)


def test_bars_wait_for_nobody_s_results(post, service):
    """A block's answer is written while the thread that writes results is busy with another's."""
    go = threading.Event()
    busy = service.answers.submit(go.wait, 30)
    try:
        status, view = post(f"/{opened(post)}", talk()[:16_000].tobytes())
        assert status == 200 and view["bars"] and not busy.done()
    finally:
        go.set()


def test_in_the_app_a_block_waits_for_no_words(tmp_path):
    """While the recogniser is at somebody's utterance, that visitor and another see bars, block by block."""
    speech, rate = soundfile.read(EXAMPLE, dtype="int16")
    silence = np.zeros(rate, np.int16)
    sound = np.concatenate([speech, silence, speech, silence, speech])
    first, second = len(speech) + rate, 2 * (len(speech) + rate)  # after a pause

    def asked(guest, path, block=b"", **more):
        while (answer := guest.post(f"{LIVE}{path}", content=block, **more)).status_code == 429:
            time.sleep(float(answer.headers["retry-after"]))
        return answer.raise_for_status().json()

    def hear(guest, name, at, stop):
        return asked(guest, f"/{name}?at={at}", sound[at:stop].tobytes())

    with served(tmp_path) as address, visit(address) as mine, visit(address) as other:
        names = [guest.post(LIVE, json={"rate": rate}).raise_for_status().json()["session"] for guest in (mine, other)]
        view = hear(mine, names[0], 0, first)
        while view["waiting"]:
            view = hear(mine, names[0], first, first)
        judged = len(view["utterances"])
        with held_recogniser(address):
            assert hear(mine, names[0], first, second)["waiting"]
            for guest, name, at in ((mine, names[0], second), (other, names[1], 0)):
                end, views = at + len(speech), []
                for block in range(at, end, rate // 4):
                    views.append(hear(guest, name, block, min(end, block + rate // 4)))
                assert any(view["bars"] for view in views) and views[-1]["heard"] == end
            view = hear(mine, names[0], end, end)
            assert view["waiting"] and len(view["utterances"]) == judged
        while not (view := asked(mine, f"/{names[0]}/end"))["done"]:
            pass
        assert len(view["utterances"]) >= 3 and all(utterance["audio"] for utterance in view["utterances"])


def test_a_broken_model_is_said(post, service, monkeypatch):
    def fail(*_):
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(live, "judge_voice", fail)
    status, answer = post(f"/{opened(post)}", talk()[:16_000].tobytes())
    assert status == 503 and answer["detail"] == CATALOGUE["model-memory"][0]
    service.services.reader.__init__()
    service.services.reader.set_exception(OSError())
    assert post(body={"rate": RATE})[0] == 503


def test_the_guards_know_the_route(tmp_path):
    """Its addresses are open to POST alone; foreign pages, strangers and floods are refused like everywhere."""
    name = "n" * 32
    paths = [LIVE, f"{LIVE}/{name}", f"{LIVE}/{name}/end", f"{LIVE}/{name}/leave"]
    assert all(
        is_open("POST", path) and not is_open("GET", path) and kind_of(scope_of(path, "POST")) == "live"
        for path in paths
    )
    assert not any(is_open("POST", path) for path in (f"{LIVE}/x", f"{LIVE}/{name}/other", f"{LIVE}er"))
    assert limit_of(paths[1]) == LIVE_LIMIT > limit_of(paths[0]) == limit_of(paths[2])
    assert name not in route("POST", paths[1]) and name not in route("POST", paths[2])

    def status(guard, *headers):
        inner = Inner()
        scope = scope_of(paths[1], "POST", headers, **guest(tmp_path))
        answer = in_own_loop(ask(guard(inner), scope, [b""]))
        assert bool(inner.scopes) == (answer.status == 200)
        return answer.status

    host = ("host", "here:7860")
    hosts = lambda app: TrustedHosts(app, names=("here",))  # noqa: E731
    assert status(hosts, host, ("origin", "http://here:7860")) == 200
    assert status(hosts, host, ("origin", "https://evil.example")) == 403
    assert status(hosts, host, ("sec-fetch-site", "cross-site")) == 403
    assert status(hosts, ("host", "evil.example")) == 421
    assert status(lambda app: Login(app, wanted=True, bodies=RequestBodies())) == 401
    limits = RateLimits(Inner(), largest=SecuritySettings().largest, quota=SimpleNamespace())
    limits.buckets.clock = lambda: 0.0
    scope = scope_of(paths[1], "POST", **guest(tmp_path))
    statuses = [in_own_loop(ask(limits, scope, [b""])).status for _ in range(round(SESSION["live"].burst) + 1)]
    assert statuses == [200] * round(SESSION["live"].burst) + [429]
