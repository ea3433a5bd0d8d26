"""Which addresses exist. What is not listed is closed, so that a new version of Gradio opens nothing by itself."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.i18n.messages import Message
from bibier.security.responses import LIVE, refusal

HEALTH = "/bibier/health"
LIVE_BLOCK = re.compile(rf"{LIVE}/[\w-]{{32}}")
PREVIEW = "/bibier/preview.png"  # the picture that a link to the page shows
ASSETS = (
    r"/(assets|static|svelte)/.+|/(gradio_api/)?theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/pwa_icon(/\d+)?"
    r"|/bibier/(plotly\.js|gradio\.css)"
)
# The page, its looks, and what Gradio's own start and the sign-in need: open also to who is not signed in.
PUBLIC = re.compile(
    rf"/|{ASSETS}|{HEALTH}|{re.escape(PREVIEW)}|/gradio_api/(user|login_check|startup-events)/?|/log(in|out)/?|/login/(huggingface|callback)"
)
READ = re.compile(
    r"/config/?|/gradio_api/(info/?|app_id/?|upload_progress|heartbeat/\w[\w-]*|queue/(data|status)|file[=/].+"
    r"|call/(v2/)?\w+/\w+)|/bibier/clip/[0-9a-f]{64}"
)
WRITE = re.compile(
    rf"{LIVE}(/[\w-]{{32}}(/(end|leave))?)?|"
    r"/login/?|/gradio_api/(upload|queue/join|cancel|reset/?|component_server/?|(run|api|call|call/v2)/\w+/?)"
)
LONGEST, LONGEST_NAME = 3_000, 255  # bytes of a path and of a name in it, with room for the folder before them


def is_open(method: str, path: str) -> bool:
    """Whether there is something at this address; a name or a path that no disk has would be a fault behind."""
    names = path.encode(errors="replace")
    if len(names) > LONGEST or any(len(name) > LONGEST_NAME for name in names.split(b"/")):
        return False
    if method in ("GET", "HEAD"):
        return (PUBLIC.fullmatch(path) or READ.fullmatch(path)) is not None
    return method == "POST" and WRITE.fullmatch(path) is not None


class RouteAllowlist:
    """ASGI middleware: an address that is not listed is answered with 404."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_open(scope["method"], scope["path"]):
            await refusal(scope, 404, Message("guard-closed"))(scope, receive, send)
        elif scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)
