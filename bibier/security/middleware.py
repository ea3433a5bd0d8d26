"""All guards in their order, and the settings that they read from the environment."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

from starlette.middleware import Middleware

from bibier.errors import InputError
from bibier.i18n.messages import Message
from bibier.security.access_log import AccessLog
from bibier.security.call_guard import CallGuard, Work
from bibier.security.disk_quota import DiskQuota
from bibier.security.headers import SecurityHeaders
from bibier.security.login import Login
from bibier.security.ownership import Ownership
from bibier.security.passwords import Passwords
from bibier.security.rate_limits import RateLimits
from bibier.security.request_bodies import RequestBodies
from bibier.security.request_headers import RequestHeaders
from bibier.security.routes import RouteAllowlist
from bibier.security.session import Visitors
from bibier.security.trusted_hosts import TrustedHosts
from bibier.security.upload_cleanup import UploadCleanup, claim

LARGEST = 400  # MB of an upload: an hour as 16-bit wav at 48 kHz
DISK = 2000  # MB of all uploads together
TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")
RETENTION = 24.0  # h for which a file is kept after its last use
SHARE = 4  # a session may take the fourth part of that


@dataclass(frozen=True)
class SecuritySettings:
    """What the one who deploys may choose; each has a variable of the environment.

    Parameters
    ----------
    passwords
        Who may sign in, None: everybody may come in. $BIBIER_AUTH, a file or the entries themselves.
    hosts
        Names under which the server answers, besides this computer's and addresses. $BIBIER_ALLOWED_HOSTS, with commas.
    largest
        Bytes of an upload. $BIBIER_UPLOAD_MB.
    disk
        Bytes of all uploads together. $BIBIER_DISK_MB.
    proxies
        How many proxies of the operator's stand before the server and note whom they serve. $BIBIER_PROXIES.
    framed
        The page is shown in the Hub's frame: on a Space.
    retention
        Seconds for which an upload is kept after its last use. $BIBIER_RETENTION, in hours.
    """

    passwords: Passwords | None = None
    hosts: tuple[str, ...] = ()
    largest: int = LARGEST * 10**6
    disk: int = DISK * 10**6
    proxies: int = 0
    framed: bool = False
    retention: float = 3600 * RETENTION

    @property
    def shared(self) -> bool:
        """Whether others come too, perhaps through a proxy: somebody signs in, a name or a proxy is expected."""
        return bool(self.passwords or self.hosts or self.proxies or self.framed)

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str],
        *,
        auth: str | None = None,
        hosts: tuple[str, ...] = (),
        retention: str | None = None,
    ) -> SecuritySettings:
        """Read the environment; what was given on the command line comes first. Raises InputError."""
        if retention is not None:
            environ = {**environ, "BIBIER_RETENTION": retention}
        space = bool(environ.get("SPACE_ID"))
        auth = auth or environ.get("BIBIER_AUTH")
        names = [*hosts, *environ.get("BIBIER_ALLOWED_HOSTS", "").split(",")]
        if space:
            names += environ.get("SPACE_HOST", "").split(",")
        return cls(
            passwords=Passwords.read(auth) if auth else None,
            hosts=tuple(dict.fromkeys(name.strip() for name in names if name.strip())),
            largest=int(10**6 * number(environ, "BIBIER_UPLOAD_MB", LARGEST)),
            disk=int(10**6 * number(environ, "BIBIER_DISK_MB", DISK)),
            proxies=int(number(environ, "BIBIER_PROXIES", 1 if space else 0, least=0)),
            framed=space,
            retention=3600 * number(environ, "BIBIER_RETENTION", RETENTION),
        )


def start_token(environ: Mapping[str, str]) -> str:
    """Return the secret of the address that is printed at the start: $BIBIER_START_TOKEN, or a new one.

    Raises InputError for one that could be guessed or could not stand in an address.
    """
    chosen = environ.get("BIBIER_START_TOKEN", "").strip()
    if not chosen:
        return secrets.token_urlsafe(24)
    if not TOKEN.fullmatch(chosen):
        raise InputError("start-token")
    return chosen


def number(environ: Mapping[str, str], name: str, default: float, *, least: float = 1e-6) -> float:
    """Read a setting. Raises InputError when it is no number or too small."""
    value = environ.get(name, "").strip()
    try:
        setting = float(value) if value else default
    except ValueError:
        setting = -1.0
    if not least <= setting < 1e9:  # NaN is refused too
        raise InputError("setting-number", name=name, value=value)
    return setting


class LaunchOptions(TypedDict):
    """What Gradio's `launch` is to know of the guards."""

    max_file_size: int
    auth: Callable[[str, str], bool] | None


class SecurityStack:
    """The guards of one server.

    To be made before the interface: it says where Gradio is to put uploads.

    Parameters
    ----------
    settings
        See `SecuritySettings`.
    protected
        Gives the real paths of the store's clips, which cleaning never touches.
    public
        Folders whose files anybody may read: the examples.
    start
        Secret by which the operator is known, where the server is for the computer on which it runs.
    work
        Where calls wait and run: what a tab has asked for ends when it has left.
    """

    def __init__(
        self,
        settings: SecuritySettings,
        *,
        protected: Callable[[], frozenset[str]],
        public: tuple[Path, ...] = (),
        start: str | None = None,
        work: Work | None = None,
    ):
        self.settings, self.start, self.work = settings, start, work
        self.folder = claim(os.environ.get("GRADIO_TEMP_DIR"))
        os.environ["GRADIO_TEMP_DIR"] = str(self.folder.path)
        os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe anybody on this computer about their address
        if not self.folder.ours:
            print(Message("uploads-not-ours", {"path": self.folder.path}).text(), file=sys.stderr)
        self.ownership = Ownership(self.folder.path, public)
        self.cleanup = UploadCleanup(
            self.folder, self.ownership, protected, limit=settings.disk, keep=settings.retention
        )
        self.quota = DiskQuota(self.cleanup, share=settings.disk // SHARE)

    @property
    def hours(self) -> float | None:
        """How long an upload is kept after its last use, in hours; None: until somebody deletes it."""
        return self.settings.retention / 3600 if self.folder.ours else None

    def middleware(self) -> list[Middleware]:
        """Return the guards, the outermost first."""
        settings, bodies = self.settings, RequestBodies()
        return [
            Middleware(AccessLog),
            Middleware(RequestHeaders),
            Middleware(SecurityHeaders, framed=settings.framed, names=settings.hosts),
            Middleware(TrustedHosts, names=settings.hosts),
            Middleware(RouteAllowlist),
            Middleware(
                Visitors,
                ownership=self.ownership,
                proxies=settings.proxies,
                framed=settings.framed,
                start=self.start,
            ),
            Middleware(Login, wanted=settings.passwords is not None, bodies=bodies),
            Middleware(RateLimits, largest=settings.largest, quota=self.quota),
            Middleware(CallGuard, bodies=bodies, work=self.work),
        ]

    def launching(self) -> LaunchOptions:
        """Return what Gradio's `launch` is to know of it."""
        passwords = self.settings.passwords
        return {
            "max_file_size": self.settings.largest,
            # Gradio awaits what is a coroutine, though it declares a plain function
            "auth": cast("Callable[[str, str], bool]", passwords.check) if passwords else None,
        }
