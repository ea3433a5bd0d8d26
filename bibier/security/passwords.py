"""Who may sign in: names with hashed passwords, one entry a line, `NAME:scrypt$N$r$p$salt$hash`.

scrypt is the standard library's (RFC 7914); its cost is one of those that OWASP's Password Storage Cheat Sheet
recommends (N = 2^15, r = 8, p = 3), 32 MiB of memory for a check.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bibier.errors import InputError

COST = {"n": 2**15, "r": 8, "p": 3}
WEAKEST = {"n": 2**14, "r": 8}  # that is taken: less is tried out in no time by whoever reads the file
MEMORY = 128 * 2**20  # bytes that one check may take: an entry that asks for more is refused
SALT_BYTES, HASH_BYTES = 16, 32
SHORTEST, LONGEST = 8, 256  # characters of a password
NAME_LIMIT = 80  # characters, as an annotator's name


@dataclass(frozen=True)
class PasswordHash:
    """A password's hash with the cost at which it was made."""

    n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def matches(self, password: str) -> bool:
        """Compare in time that does not depend on where the two differ."""
        return hmac.compare_digest(self.key, scrypt(password, salt=self.salt, n=self.n, r=self.r, p=self.p))

    def __str__(self) -> str:
        salt, key = (base64.b64encode(part).decode() for part in (self.salt, self.key))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${key}"


def scrypt(password: str, *, salt: bytes, n: int, r: int, p: int) -> bytes:
    """Hash a password; `n` is the cost in time and memory, `r` the block size, `p` the passes."""
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=MEMORY, dklen=HASH_BYTES)


def hashed(password: str) -> PasswordHash:
    """Hash a new password with a salt of its own."""
    salt = secrets.token_bytes(SALT_BYTES)
    return PasswordHash(**COST, salt=salt, key=scrypt(password, salt=salt, **COST))


def entry(name: str, password: str) -> str:
    """Return the line for a person. Raises InputError for a name or a password that can't be taken."""
    if not fit(name):
        raise InputError("passwords-name", limit=NAME_LIMIT)
    if len(password) < SHORTEST:
        raise InputError("passwords-short", length=len(password), least=SHORTEST)
    if len(password) > LONGEST:
        raise InputError("passwords-long", length=len(password), most=LONGEST)
    return f"{name}:{hashed(password)}"


def fit(name: str) -> bool:
    """Whether a name can stand in an entry."""
    return 1 <= len(name) <= NAME_LIMIT and name == name.strip() and name.isprintable() and ":" not in name


def parse(text: str, *, source: str) -> dict[str, PasswordHash]:
    """Read entries, one a line; empty lines and those that begin with # are left out.

    Raises InputError that names `source` and the line, never the entry: it is a secret.
    """
    entries: dict[str, PasswordHash] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, rest = line.strip().rpartition(":")
        try:
            kind, n, r, p, salt, key = rest.split("$")
            password = PasswordHash(
                int(n),
                int(r),
                int(p),
                base64.b64decode(salt, validate=True),
                base64.b64decode(key, validate=True),
            )
            # a cost that can't be paid is found at the start
            scrypt("", salt=password.salt, n=password.n, r=password.r, p=password.p)
        except (ValueError, binascii.Error, OverflowError):
            raise InputError("passwords-line", line=number, source=source) from None
        sound = len(password.key) == HASH_BYTES and len(password.salt) >= SALT_BYTES
        if kind != "scrypt" or not fit(name) or not sound:
            raise InputError("passwords-line", line=number, source=source)
        if password.n < WEAKEST["n"] or password.r < WEAKEST["r"]:
            raise InputError("passwords-weak", line=number, source=source, **WEAKEST)
        if name in entries:
            raise InputError("passwords-twice", name=name, source=source)
        entries[name] = password
    if not entries:
        raise InputError("passwords-empty", source=source)
    return entries


class Passwords:
    """The people who may sign in. A check takes the same time whether or not the name is known.

    Parameters
    ----------
    entries
        Name → hash of the password.
    """

    def __init__(self, entries: dict[str, PasswordHash]):
        self.entries = entries
        self.nobody = hashed(secrets.token_urlsafe())
        # of their own, and one at a time: each takes 32 MiB, and those that wait hold nothing else up
        self.threads = ThreadPoolExecutor(1, thread_name_prefix="passwords")

    @classmethod
    def read(cls, place: str) -> Passwords:
        """Read a file, or the entries themselves, as a Space's secret holds them. Raises InputError."""
        if ":scrypt$" in place:
            return cls(parse(place, source="$BIBIER_AUTH"))
        try:
            text = Path(place).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("passwords-file", path=place, reason=error) from error
        return cls(parse(text, source=place))

    def matches(self, name: str, password: str) -> bool:
        """Whether this name has this password."""
        right = self.entries.get(name, self.nobody).matches(password[: LONGEST + 1])
        return right and name in self.entries

    async def check(self, name: str, password: str) -> bool:
        """Answer `matches` without holding up the server; Gradio's `auth=` takes this."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.matches, name, password)
