"""Signing in with the Hub, on a Space only: gr.LoginButton stops a start anywhere else."""

from __future__ import annotations

from collections.abc import Mapping

from bibier.i18n.messages import LANGUAGES, Message
from bibier.ui.gradio_import import gradio as gr

NEEDED = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


def offered(environ: Mapping[str, str]) -> bool:
    """Whether visitors can sign in: a Space whose description says `hf_oauth: true` has these variables."""
    return bool(environ.get("SPACE_ID")) and all(environ.get(name) for name in NEEDED)


def lacking(environ: Mapping[str, str]) -> bool:
    """Whether this is a Space on which nobody can sign in."""
    return bool(environ.get("SPACE_ID")) and not offered(environ)


def both(key: str) -> str:
    """Return a sentence in both languages, as the button's own script compares its text."""
    return " · ".join(Message(key).text(language) for language in LANGUAGES)


def build(environ: Mapping[str, str]) -> None:
    """Put the button into the open page, where one can sign in."""
    if offered(environ):
        gr.LoginButton(
            f"{both('sign-in-button')}: Hugging Face",
            f"{both('sign-out-button')} ({{}})",
            size="sm",
            icon=None,  # it is no file of ours
            variant="secondary",
            elem_id="sign-in",
        )
