"""Who asks: session, person and address, found once for each request and put into its scope."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from dataclasses import dataclass

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.security.login_throttle import network
from bibier.security.ownership import Ownership
from bibier.security.responses import cookies, header_list
from bibier.security.trusted_hosts import is_address

COOKIE, START = "bibier_session", "bibier_start"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 random bits
ENTRY_POINTS = ("/", "/config", "/config/")  # where a visitor comes in: a page, or a program with Gradio's client
SCOPE = "bibier.visitor"


def session_of(browser: str, user: str | None) -> str:
    """Return the name of a session: a browser, by its cookie or its address, with the person signed in."""
    return f"{browser} {user or ''}"


def party_of(user: str | None, address: str) -> str:
    """Return who has shares beyond a session: a new session costs nothing, another name or network does."""
    return f"user {user}" if user else network(address)


def continues(session: str, earlier: str) -> bool:
    """Whether a session is the earlier one, or that browser's after somebody signed in where nobody had."""
    return session == earlier or (earlier.endswith(" ") and session.startswith(earlier))


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Parameters
    ----------
    session
        Secret name of the session; never shown or logged.
    address
        The network address that asks.
    user
        The signed-in person's name, None where nobody is.
    known
        Whether the session is a browser's (or a program's) with our cookie, and not just an address.
    ownership
        What belongs to which session.
    operator
        Whether this is who started the server on their own computer: they have opened the address that was printed.
    """

    session: str
    address: str
    user: str | None
    known: bool
    ownership: Ownership
    operator: bool = False

    @property
    def party(self) -> str:
        """Who has shares beyond the session: the person signed in, wherever they are, else the address's network."""
        return party_of(self.user, self.address)

    @property
    def owner(self) -> tuple[str, str]:
        """The session and its party, for shares of what all visitors have together."""
        return self.session, self.party

    def enter(self, project: str) -> None:
        """Note that the session annotates this project, so that it may hear the clips."""
        self.ownership.projects[self.session].add(project)

    def projects(self) -> frozenset[str]:
        """Return the projects whose clips the session may hear."""
        return frozenset(self.ownership.projects.get(self.session, ()))


def visitor(scope: Scope) -> Visitor:
    """Return who asks; `Visitors` has put it there."""
    return scope[SCOPE]


def address_of(scope: Scope, proxies: int) -> str:
    """Return the asker's address: the peer's, or what the outermost of our own `proxies` has noted of its peer.

    What a visitor wrote into X-Forwarded-For stands left of that and is not believed; a line of it that is no address
    is not believed either.
    """
    peer = (scope.get("client") or ("unknown",))[0]
    noted = header_list(scope, "x-forwarded-for")[-proxies:] if proxies else []
    return (plain_address(noted[0]) or peer) if len(noted) == proxies and noted else peer


def plain_address(noted: str) -> str:
    """Return an address without the brackets and the port that some proxies write, "" for what is none."""
    host = noted
    if noted.startswith("["):
        host = noted[1:].partition("]")[0]
    elif noted.count(":") == 1:
        host = noted.partition(":")[0]
    return host if is_address(host) else ""


def start_in(scope: Scope) -> tuple[str, str]:
    """Return the secret in the address that the page was opened by, "" where none stands, and its query without it."""
    parts = scope.get("query_string", b"").decode("latin-1").split("&")
    given = [part.removeprefix("start=") for part in parts if part.startswith("start=")]
    return (*given, "")[0], "&".join(part for part in parts if not part.startswith("start="))


def user_of(scope: Scope) -> str | None:
    """Return the person signed in with a password, or with the Hub as on a Space."""
    app, values = scope["app"], cookies(scope)
    for name in (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}"):
        if values.get(name) in app.tokens:
            return app.tokens[values[name]]
    return hub_user(scope.get("session"))


def hub_user(session: object) -> str | None:
    """Return who signed in with the Hub; None before that, after it has expired, and for what has another shape."""
    info = session.get("oauth_info") if isinstance(session, dict) else None
    if not isinstance(info, dict):
        return None
    person = info.get("userinfo")
    name = person.get("preferred_username") if isinstance(person, dict) else None
    if not isinstance(name, str) or not name:
        return None
    ends = info.get("expires_at")
    return None if isinstance(ends, int | float) and ends < time.time() else name


class Visitors:
    """ASGI middleware: finds who asks, and gives a newcomer the session's cookie.

    Parameters
    ----------
    ownership
        What belongs to which session.
    proxies
        How many proxies of the operator's stand before the server; the outermost tells the visitor's address.
    framed
        Whether the page is shown in a frame of the Hub, where the cookie needs other attributes.
    start
        Secret in the address that is printed at the start; whoever opens that is the operator. None: nobody is.
    """

    def __init__(self, app: ASGIApp, *, ownership: Ownership, proxies: int, framed: bool, start: str | None = None):
        self.app, self.ownership, self.proxies, self.framed, self.start = app, ownership, proxies, framed, start

    def is_start(self, token: str) -> bool:
        """Whether this is the secret of the start, in time that does not depend on where the two differ."""
        return bool(token and self.start and hmac.compare_digest(token.encode(), self.start.encode()))

    def cookie(self, scope: Scope, token: str) -> str:
        """Write the cookie. In another site's frame (a Space's page) it needs SameSite=None and a jar of its own."""
        if self.framed:
            return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, query = start_in(scope) if scope["path"] == "/" else ("", "")
        if self.is_start(start):
            # shown no longer, so that it stands in no history and in no picture of the page
            given = f"{START}={self.start}; Path=/; HttpOnly; SameSite=Strict"
            headers = {"set-cookie": given, "cache-control": "no-store"}
            await RedirectResponse(f"/?{query}" if query else "/", 303, headers)(scope, receive, send)
            return
        sent = cookies(scope)
        token, operator = sent.get(COOKIE, ""), self.is_start(sent.get(START, ""))
        known = TOKEN.fullmatch(token) is not None
        address, user = address_of(scope, self.proxies), user_of(scope)
        newcomer = not known and scope["path"] in ENTRY_POINTS
        if newcomer:
            token, known = secrets.token_urlsafe(32), True
        session = session_of(token if known else f"address {address}", user)
        self.ownership.alive(session, party_of(user, address))
        scope = {**scope, SCOPE: Visitor(session, address, user, known, self.ownership, operator)}

        async def give(message: ASGIMessage) -> None:
            if newcomer and message["type"] == "http.response.start":
                headers = [*message["headers"], (b"set-cookie", self.cookie(scope, token).encode())]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, give)
