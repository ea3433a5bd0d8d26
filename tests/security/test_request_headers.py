"""Headers are bounded before anything looks at them, and all that follow read the same."""

from __future__ import annotations

import pytest
import uvicorn
from asgi import Inner, ask, in_own_loop, scope_of
from starlette.requests import Request

from bibier.security.login_throttle import network
from bibier.security.middleware import SecuritySettings, SecurityStack
from bibier.security.request_headers import LONGEST, MOST, RequestHeaders
from bibier.security.responses import preferred
from bibier.security.session import address_of


def passed(headers: list[tuple[str, str]], **more) -> tuple[int, dict | None]:
    """Return the status, and the scope that came through."""
    inner = Inner()
    answer = in_own_loop(ask(RequestHeaders(inner), scope_of(headers=headers, **more)))
    return answer.status, inner.scopes[0] if inner.scopes else None


@pytest.mark.parametrize(
    "headers",
    [
        [("accept-language", ";q=" * 20_000)],
        [("cookie", "a=" + "\\" * 60_000)],
        [("x-anything", "x" * (LONGEST + 1))],
        [("x-one", "1")] * (MOST + 1),
        [("x-one", "x" * 7000)] * 6,
    ],
    ids=["language", "cookie", "one", "many", "all together"],
)
def test_long_headers_are_refused_before_anything_reads_them(headers):
    assert passed(headers) == (431, None)


def test_a_long_address_is_refused():
    assert passed([], query_string=b"x" * (LONGEST + 1)) == (431, None)
    assert passed([], path="/" + "x" * LONGEST) == (431, None)


def test_a_refusal_is_in_the_visitor_s_language():
    app = RequestHeaders(Inner())
    headers = [("accept-language", "ru"), ("x-anything", "x" * 9000)]
    assert "Слишком" in in_own_loop(ask(app, scope_of(headers=headers))).body.decode()


def test_a_file_is_sent_in_eight_ranges_at_most():
    ranges = ",".join(f"{start}-{start}" for start in range(8))
    assert ("range", f"bytes={ranges}") in Request(passed([("range", f"bytes={ranges}")])[1]).headers.items()
    assert "range" not in Request(passed([("range", f"bytes={ranges},8-")])[1]).headers


@pytest.mark.parametrize(
    "value", ["bytes=0-" + "9" * 5_000, "bytes=" + " " * 7_000 + "x", "bytes=", "lines=1-2", "x" * 99]
)
def test_an_odd_range_is_none(value):
    """A number of 5,000 digits was an error inside Gradio."""
    assert "range" not in Request(passed([("range", value)])[1]).headers


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=-5", "Bytes= 0-1, 3-4"])
def test_a_range_is_passed_on(value):
    assert Request(passed([("range", value)])[1]).headers["range"] == value


def test_gradio_reads_the_cookies_that_the_guards_read():
    """Starlette takes the last of two and decodes quotes; guards take the first, as it stands."""
    sent = [
        ("cookie", 'bibier_session=one; other=x; bibier_session="tw\\157"; =; access-token-a="b\\"'),
        ("cookie", "x"),
    ]
    _, scope = passed(sent)
    assert Request(scope).cookies == {"bibier_session": "one"}
    many = "; ".join(["x="] * 1900) + "; bibier_language=ru"
    assert Request(passed([("cookie", many)])[1]).cookies == {}


def test_a_proxy_s_word_for_https_is_the_last():
    assert passed([("x-forwarded-proto", "http, https")])[1]["scheme"] == "https"
    assert passed([("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")])[1]["scheme"] == "http"


@pytest.mark.parametrize(
    "accepted, code",
    [("de, ru;q=0.8, en;q=0.5", "ru"), ("en;q=0.1,ru ; q=0.2", "ru"), ("ru;q=1e999, en", "en"), ("ru;q=nan,en", "en")],
)
def test_the_language_that_is_preferred(accepted, code):
    assert preferred("", accepted) == code


# ------------------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "lines, proxies, address",
    [
        (["1.1.1.1", "2.2.2.2"], 1, "2.2.2.2"),  # a proxy that adds a line of its own
        (["1.1.1.1, 2.2.2.2", "3.3.3.3"], 2, "2.2.2.2"),
        (["1.1.1.1:4711"], 1, "1.1.1.1"),
        (["[2001:db8::1]:4711"], 1, "2001:db8::1"),
        (["unknown"], 1, "127.0.0.1"),
        (["x" * 5000], 1, "127.0.0.1"),
        (["1.1.1.1"], 2, "127.0.0.1"),
        (["1.1.1.1"], 0, "127.0.0.1"),
    ],
)
def test_whose_address_is_believed(lines, proxies, address):
    assert address_of(scope_of(headers=[("x-forwarded-for", line) for line in lines]), proxies) == address


def test_an_address_in_another_s_clothes_is_one_visitor():
    """All of ::ffff:0:0/96 is one /64: otherwise one visitor's flood would turn everybody away."""
    for dressed in ("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::5", "::ffff:a00:1%eth0", "10.0.0.1"):
        assert network(dressed) == "10.0.0.1"
    assert network("::ffff:10.0.0.2") != network("::ffff:10.0.0.1")


def test_uvicorn_believes_nobody_about_an_address(tmp_path, monkeypatch):
    """It would believe every program on this computer, before a guard is asked."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1")
    SecurityStack(SecuritySettings(), protected=set)
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    config = uvicorn.Config(app, log_config=None)
    config.load()
    scope = scope_of(headers=[("x-forwarded-for", "9.9.9.9")])
    in_own_loop(ask(config.loaded_app, scope))
    assert seen == ["127.0.0.1"]
