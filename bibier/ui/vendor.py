"""Plotly for the browser: the smallest bundle that draws our charts, served compressed and kept by the browser."""

from __future__ import annotations

import functools
import gzip
import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.security.responses import accepts_gzip, header_list
from bibier.security.workers import in_thread

BUNDLE = Path(__file__).parent / "static" / "vendor" / "plotly-basic.min.js"  # npm: plotly.js-basic-dist-min 4.1.1
ROUTE = "/bibier/plotly.js"
DAY = 86_400  # s


@functools.cache
def bundle() -> tuple[bytes, bytes, str]:
    """Return the bundle, the same compressed, and its name for a browser that has it."""
    code = BUNDLE.read_bytes()
    return code, gzip.compress(code, 9, mtime=0), f'"{hashlib.sha256(code).hexdigest()[:32]}"'


class PlotlyScript:
    """ASGI middleware: answers for the bundle."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != ROUTE:
            await self.app(scope, receive, send)
            return
        code, small, name = await in_thread(bundle)  # the first time it is read and compressed
        headers = {
            "content-type": "text/javascript; charset=utf-8",
            "cache-control": f"public, max-age={DAY}",
            "etag": name,
            "vary": "Accept-Encoding",
        }
        if name in header_list(scope, "if-none-match"):
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        if accepts_gzip(scope):
            headers["content-encoding"] = "gzip"
            code = small
        await Response(code, headers=headers)(scope, receive, send)
