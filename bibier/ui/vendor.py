"""Plotly for the browser: the smallest bundle that draws our charts, served compressed and kept by the browser."""

from __future__ import annotations

import functools
import gzip
import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.security.responses import header_list, weight

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
        code, small, name = bundle()
        headers = {
            "content-type": "text/javascript; charset=utf-8",
            "cache-control": f"public, max-age={DAY}",
            "etag": name,
            "vary": "Accept-Encoding",
        }
        if name in header_list(scope, "if-none-match"):
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        codings = [part.partition(";") for part in header_list(scope, "accept-encoding")]
        if any(coding.strip() == "gzip" and weight(f"{coding};{rest}") > 0 for coding, _, rest in codings):
            headers["content-encoding"] = "gzip"
            code = small
        await Response(code, headers=headers)(scope, receive, send)
