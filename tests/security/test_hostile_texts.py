"""No parser of a stranger's text takes more than in proportion to its length: 64 kB against 16 kB, in one run.

The three slow ones among them, which run in the queue or on a card, are measured at an eighth of that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from asgi import scope_of

from bibier import file_names
from bibier.errors import InputError
from bibier.features import char_ngrams, normalise, tokens
from bibier.i18n.messages import Message
from bibier.inference.attribution import align
from bibier.security import (
    access_log,
    call_guard,
    passwords,
    request_headers,
    responses,
    routes,
    session,
    trusted_hosts,
)
from bibier.security.ownership import Ownership
from bibier.security.request_bodies import RequestRefused
from bibier.soft_labels import parsing
from bibier.transcript import Word
from bibier.ui.annotate import views
from bibier.ui.client import read_context
from bibier.ui.models import model_card

SMALL, LARGE = 16_000, 64_000
MARGIN = 9.0  # four times the length: 4 in proportion, 16 with its square
FLOOR = 0.004  # s below which a time is too short to compare
BITS = (
    ";q=",
    "\\",
    '"',
    "a=;",
    ",",
    "%",
    "/v2/",
    "=",
    "a ",
    "'",
    "[",
    "{",
    "1.1:",
    "\n",
    "е\u0301",
    "\u0301\u0323",  # marks that normalisation sorts
    "!",
    "x",
    "😀\u200d",
)

gate = trusted_hosts.TrustedHosts(None, names=("voices.example",))


def quietly(parser: Callable[[str], object], *errors: type[Exception]) -> Callable[[str], object]:
    """Let a parser refuse a text."""

    def read(text: str) -> object:
        try:
            return parser(text)
        except (InputError, *errors):
            return None

    return read


def noted(text: str) -> object:
    scope = scope_of(headers=[("x-forwarded-for", text.encode("utf-8").decode("latin-1"))])
    return session.address_of(scope, 1)


def as_header(text: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", text.encode())]


PARSERS: dict[str, Callable[[str], object]] = {
    "languages": lambda text: responses.preferred("", text),
    "cookies": lambda text: responses.preferred(text, ""),
    "one reading": lambda text: request_headers.one_reading(as_header(text)),
    "addresses": noted,
    "host": gate.knows,
    "origin": lambda text: gate.same(f"http://{text}", "voices.example"),
    "address is open": lambda text: routes.is_open("GET", f"/gradio_api/call/{text}"),
    "address is open for writing": lambda text: routes.is_open("POST", f"/gradio_api/run/{text}"),
    "route in the log": lambda text: access_log.route("GET", f"/gradio_api/file={text}"),
    "call": quietly(
        lambda text: call_guard.parse(text.encode(), scope_of(headers=[("content-type", "application/json")])),
        call_guard.RequestRefused,
    ),
    "files of a call": lambda text: list(call_guard.paths([{"path": text}, text])),
    "context": lambda text: read_context(text, text, text),
    "context of a page": lambda text: read_context(json.dumps({"language": text, "token": text, "checkpoint": text})),
    "entries": quietly(lambda text: passwords.parse(text, source="x")),
    "answer of a language model": parsing.parse,
    "model card": lambda text: model_card.nodes(text, "en"),
    "normalised text": normalise.normalise_text,
    "appearance of a name": file_names._appearance,
    "name of an annotator": views.looks,
    "words": lambda text: list(tokens.words(text)),
    "n-grams": lambda text: char_ngrams.normalise(text),
    "times of words": lambda text: align(tokens.words(text), [Word("a", 0.0, 1.0)] * 100),
}


SLOW = ("times of words", "model card", "words")


def seconds(parser: Callable[[str], object], bit: str, size: int) -> float:
    """Return the least of three times of this thread."""
    text, least = (bit * (size // len(bit) + 1))[:size], float("inf")
    for _ in range(3):
        began = time.thread_time()
        parser(text)
        least = min(least, time.thread_time() - began)
        if least < FLOOR:
            break
    return least


@pytest.mark.parametrize("name", PARSERS)
def test_four_times_the_text_is_no_sixteen_times_the_work(name):
    parser, part = PARSERS[name], 8 if name in SLOW else 1
    for bit in BITS:
        if (large := seconds(parser, bit, LARGE // part)) > FLOOR:
            small = seconds(parser, bit, SMALL // part)
            assert large < MARGIN * max(small, FLOOR / 4), (name, bit, small, large)


@pytest.mark.parametrize(
    "body",
    [
        b'{"fn_index": 1e400}',
        b'{"data": [NaN]}',
        b'{"data": [-Infinity]}',
        b'{"data": ["\\ud800"]}',
        b'{"data": ["\\udc00 x"]}',
        b'{"data": ["\xed\xa0\x80"]}',
        '{"data": ["x"]}'.encode("utf-16"),
        b'{"data": [' + b"9" * 5_000 + b"]}",
        b"[" * 50_000,
        b"[1]",
    ],
)
def test_what_no_answer_could_name_is_refused_before_gradio_reads_it(body):
    """Its own refusal repeats the value, and broke on it: a bare 500."""
    scope = scope_of("/", "POST", headers=[("content-type", "application/json")])
    with pytest.raises(RequestRefused) as refused:
        call_guard.parse(body, scope)
    assert refused.value.status == 400


def test_whole_characters_and_numbers_pass():
    scope = scope_of("/", "POST", headers=[("content-type", "application/json")])
    said = {"data": ["\U0001f600", 1.5e10, "\u00e9"]}
    assert call_guard.parse(json.dumps(said).encode(), scope) == said


def test_a_refusal_names_what_has_no_utf_8():
    scope = scope_of("/bibier/live", "POST")
    answer = responses.refusal(scope, 400, Message("checkpoint-missing", {"name": "\ud800"}))
    assert json.loads(answer.body)["detail"].count("?") == 1


@pytest.mark.parametrize("path", ["\0", "/etc/passwd\0.wav", "\ud800", "a" * 100_000])
def test_what_is_no_path_is_nobody_s(tmp_path, path):
    ownership = Ownership(tmp_path)
    ownership.grant("s", str(tmp_path / "a.wav"))
    assert not ownership.may_read("s", path) and not ownership.owns("s", path)
