"""Files that are the same for everybody, served compressed and kept by the browser: Plotly, Gradio's styles as one."""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.security.responses import accepts_gzip, header_list
from bibier.security.workers import in_thread

BUNDLE = Path(__file__).parent / "static" / "vendor" / "plotly-basic.min.js"  # npm: plotly.js-basic-dist-min 4.1.1
PLOTLY = "/bibier/plotly.js"  # the smallest bundle that draws our charts
STYLES = "/bibier/gradio.css"
DAY = 86_400  # s


@dataclass(frozen=True, eq=False)
class SharedFile:
    """A file by its media type and what reads it; it is read and compressed when it is first asked for."""

    media_type: str
    read: Callable[[], bytes]

    @functools.cached_property
    def bodies(self) -> tuple[bytes, bytes, str]:
        """Its bytes, the same compressed, and its name for a browser that has it."""
        code = self.read()
        return code, gzip.compress(code, 9, mtime=0), f'"{hashlib.sha256(code).hexdigest()[:32]}"'


plotly = SharedFile("text/javascript; charset=utf-8", BUNDLE.read_bytes)


class SharedFiles:
    """ASGI middleware: answers for files by their addresses."""

    def __init__(self, app: ASGIApp, *, files: Mapping[str, SharedFile]):
        self.app, self.files = app, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self.files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None:
            await self.app(scope, receive, send)
            return
        code, small, name = await in_thread(lambda: file.bodies)
        headers = {
            "content-type": file.media_type,
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
