"""Under which names the server answers, and to which pages.

A page of another site can make a visitor's browser ask this server: under a name of its own that it points here (DNS
rebinding), or across origins. Both are told by headers that a page can't choose: Host, Origin, Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.i18n.messages import Message
from bibier.security.responses import header, header_list, refusal

LOCAL = ("localhost",)
HARMLESS = ("GET", "HEAD", "OPTIONS")
INSIDE = ("/gradio_api/", "/bibier/", "/config", "/login", "/logout")
FORWARDED = "x-forwarded-host"
ACTING = "/logout"  # an address that does something when it is merely opened


def hostname(netloc: str) -> str:
    """Return the name in `name:port`, lower case, "" when it can't be read."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Whether this is an IP address: nobody can point that elsewhere, so it is safe from rebinding."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class TrustedHosts:
    """ASGI middleware: foreign names and foreign pages are refused, for reading as for writing.

    Parameters
    ----------
    names
        Names under which the server answers, besides this computer's own and IP addresses.
    """

    def __init__(self, app: ASGIApp, *, names: tuple[str, ...] = ()):
        self.app, self.names = app, frozenset(name.lower() for name in (*LOCAL, *names))
        self.aliases = frozenset(name.lower() for name in names)

    def knows(self, host: str) -> bool:
        """Whether the server answers to this Host header."""
        name = hostname(host)
        return name in self.names or is_address(name)

    def same(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is ours: the same host and port as asked, or a name given at the start.

        Another port of this computer is another program, and "null" may be anyone.
        """
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        return parts.netloc.lower() == host.lower() or (parts.hostname in self.aliases and parts.port is None)

    def foreign(self, scope: Scope) -> bool:
        """Whether another site's page asks."""
        origin, host = header(scope, "origin"), header(scope, "host")
        if origin:
            return not self.same(origin, host)
        site, referer = header(scope, "sec-fetch-site"), header(scope, "referer")
        if not site and referer and scope["path"].startswith(ACTING):
            return not self.same(referer, host)  # without TLS, browsers say no more under a name of a network
        if site not in ("cross-site", "same-site"):
            return False  # our own page, a typed address, or a program: none of these says so
        follows_link = scope["method"] in HARMLESS and header(scope, "sec-fetch-mode") == "navigate"
        if scope["path"].startswith(ACTING):
            return True
        return not follows_link and scope["path"].startswith(INSIDE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = header(scope, "host")
            if not self.knows(host):
                sentence = Message("guard-host", {"name": hostname(host) or "?"})
                await refusal(scope, 421, sentence)(scope, receive, send)
                return
            if not all(map(self.knows, header_list(scope, FORWARDED))):  # Gradio would write it into the page
                scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != FORWARDED.encode()]}
            if self.foreign(scope):
                await refusal(scope, 403, Message("guard-origin"))(scope, receive, send)
                return
        await self.app(scope, receive, send)
