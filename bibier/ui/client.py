"""What the browser said of itself: language, theme, width, tab."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bibier.i18n.messages import LANGUAGES
from bibier.parsing import read_json
from bibier.security.responses import preferred


@dataclass(frozen=True)
class Theme:
    """How the page is seen: its language, and whether panels must stand below each other."""

    language: str = "en"
    narrow: bool = False


LONGEST = 300  # characters of a checkpoint's key
LONGEST_OBJECT = 20_000  # characters of what the browser says with an event
TOKEN = re.compile(r"[0-9a-f]{32}")
LIVE = re.compile(r"[\w-]{32}", re.ASCII)


@dataclass(frozen=True)
class ClientContext:
    """What the browser says about itself with each event.

    `token` names the tab across a reload, "" when unknown; `tab` until the next reload, and it is known to be the
    visitor's own; `request` is the id under which the log knows the event. `checkpoint` is the key of the one that the
    tab chose, "" for that of the start. `owner` is the session and its party, for shares of what all visitors have
    together. `operator` is whether this is who started the server on their own computer.
    """

    theme: Theme
    token: str = ""
    tab: str = ""
    request: str | None = None
    checkpoint: str = ""
    owner: tuple[str, str] = ("", "")
    operator: bool = False
    live: str = ""  # the session that has heard the recording


def sent_object(raw: str | None) -> dict[str, object]:
    """Read an object that the browser sent as JSON; anything else is empty, since it is input like any other."""
    if not isinstance(raw, str) or len(raw) > LONGEST_OBJECT:
        return {}
    try:
        sent = read_json(raw)
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


def read_context(raw: str | None, cookie: str = "", accepted: str = "") -> ClientContext:
    """Read what the browser sent; anything unexpected falls back to a default, since it is input like any other."""
    sent = sent_object(raw)
    language = sent.get("language")
    if language not in LANGUAGES:
        language = preferred(cookie, accepted)
    token, checkpoint, live = sent.get("token"), sent.get("checkpoint"), sent.get("live")
    return ClientContext(
        Theme(language, narrow=sent.get("narrow") is True),
        token if isinstance(token, str) and TOKEN.fullmatch(token) else "",
        checkpoint=checkpoint if isinstance(checkpoint, str) and len(checkpoint) <= LONGEST else "",
        live=live if isinstance(live, str) and LIVE.fullmatch(live) else "",
    )
