"""Security headers on every answer."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from bibier.security.responses import header, header_list
from bibier.security.trusted_hosts import hostname

# 'unsafe-inline': Gradio's page holds its settings and start in inline scripts and styles, and ours is put there too.
# 'unsafe-eval': Gradio makes functions of `js=` and `js_on_load=` texts. data:, blob:: charts, recordings, workers.
# Nothing is asked for outside: a script that found a way in could not carry anything off.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; frame-src 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
SPACE_PAGE = "https://huggingface.co"
# What a visitor sent is data: opened by itself, no script in it runs.
FILE_POLICY = "default-src 'none'; sandbox"
FILES = ("/gradio_api/file", "/bibier/clip/")
OWN = ("/", "/config")  # whose text depends on who asks, and by which name
STRICT = {b"strict-transport-security": b"max-age=31536000"}  # s: a year
PERMISSIONS = "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=()"


class SecurityHeaders:
    """ASGI middleware: the security headers on every answer.

    Parameters
    ----------
    framed
        Whether the page is shown in a frame of the Hub, as on a Space.
    names
        Names under which the server answers; to those, once asked over HTTPS, a browser comes over HTTPS only.
    """

    def __init__(self, app: ASGIApp, *, framed: bool, names: tuple[str, ...] = ()):
        self.app, self.names = app, frozenset(name.lower() for name in names)
        page = f"{POLICY} {SPACE_PAGE}" if framed else POLICY
        same = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": PERMISSIONS,
            "cross-origin-resource-policy": "same-origin",
        } | ({} if framed else {"x-frame-options": "SAMEORIGIN"})
        self.page = encoded(same | {"content-security-policy": page})
        self.file = encoded(same | {"content-security-policy": FILE_POLICY})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = self.file if scope["path"].startswith(FILES) else self.page
        https = scope.get("scheme") == "https" or header_list(scope, "x-forwarded-proto")[-1:] == ["https"]
        if https and hostname(header(scope, "host")) in self.names:
            own = own | STRICT

        async def add(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                kept = [name.lower() for name, _ in message["headers"]]
                if scope["path"] in OWN and b"cache-control" not in kept:
                    message = {**message, "headers": [*message["headers"], (b"cache-control", b"private, no-cache")]}
                others = [(name, value) for name, value in message["headers"] if name.lower() not in own]
                message = {**message, "headers": [*others, *own.items()]}
            await send(message)

        await self.app(scope, receive, add)


def encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Return headers as ASGI wants them."""
    return {name.encode(): value.encode() for name, value in headers.items()}
