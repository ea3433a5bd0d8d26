"""Signing in with the Hub, on a Space only: gr.LoginButton stops a start anywhere else."""

from __future__ import annotations

from collections.abc import Mapping

from bibier.ui.gradio_import import gradio as gr

NEEDED = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
# One text in both languages: the button's own script compares it, so that it can't follow the browser.
IN, OUT = "Sign in · Войти: Hugging Face", "Sign out · Выйти ({})"


def offered(environ: Mapping[str, str]) -> bool:
    """Whether visitors can sign in: a Space whose description says `hf_oauth: true` has these variables."""
    return bool(environ.get("SPACE_ID")) and all(environ.get(name) for name in NEEDED)


def lacking(environ: Mapping[str, str]) -> bool:
    """Whether this is a Space on which nobody can sign in."""
    return bool(environ.get("SPACE_ID")) and not offered(environ)


def build(environ: Mapping[str, str]) -> None:
    """Put the button into the open page, where one can sign in."""
    if offered(environ):
        gr.LoginButton(
            IN, OUT, size="sm", icon=None, variant="secondary", elem_id="sign-in"
        )  # the icon is no file of ours
