"""Program code of others that a checkpoint's features would run: only by the consent of who opens it."""

from __future__ import annotations

import os
from pathlib import Path

from bibier.errors import InputError
from bibier.features.speech_encoders import HubAudioConfig

VARIABLE = "BIBIER_REMOTE_CODE"  # what is consented to, with commas between


def foreign_code(*features: object) -> str:
    """Return what program code features run, by their settings: repo@commit, or a folder's whole path; "" for none.

    The consent in a config is that of whoever trained it, and none of who opens it. The commit is a part of what is
    consented to: anybody can have one of their own below a repository's name.
    """
    for settings in features:
        if isinstance(settings, HubAudioConfig) and settings.remote_code:
            folder = Path(settings.repo).expanduser()
            return str(folder.resolve()) if folder.exists() else f"{settings.repo}@{settings.revision}"
    return ""


def require_consent(name: str, *features: object) -> None:
    """Raise InputError for a checkpoint that would run program code which `VARIABLE` does not name."""
    source = foreign_code(*features)
    if source and source not in os.environ.get(VARIABLE, "").split(","):
        raise InputError("checkpoint-runs-code", name=name, source=source)
