"""No page of another site is invited: Gradio's answers name whichever origin asks as one that may read them."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from bibier.ui.gradio_import import routes


class NoCors:
    """ASGI middleware in the place of Gradio's: passes everything on and adds nothing.

    What a page of another site asks is refused by `TrustedHosts` in any case; a browser's question in advance
    (OPTIONS) reaches it now too.
    """

    def __init__(self, app: ASGIApp, **_: object):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def invite_nobody() -> None:
    """Have Gradio use this in place of its own."""
    routes.CustomCORSMiddleware = NoCors  # pyright: ignore[reportAttributeAccessIssue, reportPrivateImportUsage]
