"""A staged folder becomes a Space: what differs from the Hub, one commit of it, settings, and the build to its end.

The order is such that a failure leaves a Space that is whole: the commit is one act of the Hub, the settings follow it,
and each run sends only what is not there yet.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bibier.errors import InputError
from bibier.hub import failures, git_hash, hub_errors
from bibier.i18n.messages import Message

OURS = "space.yaml"  # a Space without it was made by something else
KEPT = (".gitattributes",)  # the Hub's own
BLANK = {*KEPT, "README.md"}  # what a new Space holds
GOOD = ("RUNNING",)
GRACE = 60.0  # s that the Hub may show the stage of the last version after a commit
LINES = 20  # of a failed build's log
CHOICE = {"n": 2**14, "r": 8, "p": 1}  # scrypt's cost: a person's password may be in a database's address


@dataclass(frozen=True)
class SpaceSpec:
    """What a Space shall be.

    Parameters
    ----------
    name
        "user/space".
    hardware
        The Hub's name, such as cpu-basic.
    variables
        Settings that everybody may read, by name.
    secrets
        Settings that nobody may read back, by name; never printed, never in a file.
    private
        Whether a new Space is private; an open one is then refused.
    """

    name: str
    hardware: str
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    private: bool = False


@dataclass(frozen=True)
class SpaceState:
    """What the Hub holds of a Space; `files` has (size, hash) by path: git's hash or, of a large file, its SHA-256."""

    exists: bool = False
    private: bool = False
    revision: str | None = None
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)  # descriptions, in which we keep a fingerprint
    hardware: str | None = None


@dataclass(frozen=True)
class Diff:
    """What a run would change; files with their sizes in bytes."""

    new: bool
    added: dict[str, int]
    changed: dict[str, int]
    removed: dict[str, int]
    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    hardware: str | None  # None: it is there already

    @property
    def files(self) -> bool:
        """Whether a commit is needed."""
        return bool(self.added or self.changed or self.removed)

    def __bool__(self) -> bool:
        return bool(self.new or self.files or self.variables or self.secrets or self.hardware)


def fetch_state(api, name: str) -> SpaceState:
    """Return what the Hub holds of a Space; nothing where there is none.

    Raises
    ------
    InputError
        "deploy-failed" when the Hub can't be reached or refuses.
    """
    from huggingface_hub import RepoFile
    from huggingface_hub.errors import RepositoryNotFoundError

    with hub_errors("deploy-failed", name=name):
        try:
            info = api.space_info(name)
        except RepositoryNotFoundError:
            return SpaceState()
        tree = api.list_repo_tree(name, repo_type="space", recursive=True)
        files = {
            entry.path: (entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
            for entry in tree
            if isinstance(entry, RepoFile)
        }
        runtime = api.get_space_runtime(name)
        return SpaceState(
            True,
            bool(info.private),
            info.sha,
            files,
            {key: one.value for key, one in api.get_space_variables(name).items()},
            {key: one.description or "" for key, one in api.get_space_secrets(name).items()},
            runtime.requested_hardware or runtime.hardware,
        )


def diff(wish: SpaceSpec, folder: Path, there: SpaceState) -> Diff:
    """Return what must change for the Space to hold a staged folder with these settings.

    Raises
    ------
    InputError
        "deploy-other" when the Space holds something else, which would be deleted; "deploy-open" when it is open to
        everybody and shall be private.
    """
    if there.files.keys() - BLANK and OURS not in there.files:
        raise InputError("deploy-other", name=wish.name, file=min(there.files.keys() - BLANK))
    if wish.private and there.exists and not there.private:
        raise InputError("deploy-open", name=wish.name)
    added, changed, here = {}, {}, set()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        here.add(name)
        if name not in there.files:
            added[name] = len(data)
        elif there.files[name][1] not in (git_hash(data), hashlib.sha256(data).hexdigest()):
            changed[name] = len(data)
    removed = {name: size for name, (size, _) in there.files.items() if name not in here and name not in KEPT}
    return Diff(
        not there.exists,
        added,
        changed,
        removed,
        tuple(name for name, value in wish.variables.items() if there.variables.get(name) != value),
        tuple(name for name, value in wish.secrets.items() if not is_print_of(there.secrets.get(name, ""), value)),
        wish.hardware if wish.hardware != (there.hardware or "cpu-basic") else None,
    )


def fingerprint(value: str, salt: bytes | None = None) -> str:
    """Return a description of a secret by which the same one is known again, and from which it can't be read."""
    salt = salt or secrets.token_bytes(16)
    return f"scrypt {salt.hex()} {hashlib.scrypt(value.encode(), salt=salt, dklen=16, **CHOICE).hex()}"


def is_print_of(text: str, value: str) -> bool:
    """Whether a secret's description is the fingerprint of this value."""
    parts = text.split()
    if len(parts) != 3 or parts[0] != "scrypt" or not all(c in "0123456789abcdef" for c in parts[1]) or not parts[1]:
        return False
    return len(parts[1]) % 2 == 0 and secrets.compare_digest(text, fingerprint(value, bytes.fromhex(parts[1])))


def apply(api, wish: SpaceSpec, folder: Path, plan: Diff, revision: str | None) -> str | None:
    """Make the Space what the plan says; returns the commit's hash, None when no file differs.

    Raises InputError when the Hub refuses or can't be reached: its files are as before, and another run goes on from
    what has been done.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    commit = None
    with hub_errors("deploy-failed", name=wish.name):
        if plan.new:
            # The settings come with the Space: its first start already knows where annotations go.
            api.create_repo(
                wish.name,
                repo_type="space",
                space_sdk="gradio",
                private=wish.private,
                space_hardware=plan.hardware,
                space_secrets=[
                    {"key": name, "value": value, "description": fingerprint(value)}
                    for name, value in wish.secrets.items()
                ],
                space_variables=[{"key": name, "value": value} for name, value in wish.variables.items()],
            )
            revision = api.space_info(wish.name).sha
        if plan.files:
            acts = [CommitOperationAdd(name, folder / name) for name in (*plan.added, *plan.changed)]
            acts += [CommitOperationDelete(name) for name in plan.removed]
            done = api.create_commit(
                wish.name, acts, repo_type="space", commit_message="python -m bibier deploy", parent_commit=revision
            )
            commit = done.oid
        if not plan.new:
            for name in plan.variables:
                api.add_space_variable(wish.name, name, wish.variables[name])
            for name in plan.secrets:
                value = wish.secrets[name]
                api.add_space_secret(wish.name, name, value, description=fingerprint(value))
            if plan.hardware:
                api.request_space_hardware(wish.name, plan.hardware)
    return commit


def watch(
    api,
    wish: SpaceSpec,
    commit: str | None,
    tell: Callable[[str], None],
    *,
    patience: float = 3600.0,
    pause: float = 5.0,
    grace: float = GRACE,
) -> None:
    """Tell each stage of a build, until it runs.

    Raises
    ------
    InputError
        "deploy-build" with the log's last lines when it fails, "deploy-slow" after `patience` seconds.
    """
    from huggingface_hub._space_api import INTERMEDIATE_SPACE_STAGES

    begun, last = time.monotonic(), None
    while True:
        with hub_errors("deploy-failed", name=wish.name):
            runtime = api.get_space_runtime(wish.name)
        passed = time.monotonic() - begun
        # For some seconds after a commit, the Hub still shows the last version's stage.
        old = commit is not None and runtime.raw.get("sha") not in (None, commit) and passed < grace
        if not old and runtime.stage != last:
            last = runtime.stage
            tell(last)
        if not old and runtime.stage not in INTERMEDIATE_SPACE_STAGES:
            break
        if passed > patience:
            raise InputError("deploy-slow", name=wish.name, minutes=round(patience / 60), stage=runtime.stage)
        time.sleep(pause)
    if runtime.stage not in GOOD:
        reason = runtime.raw.get("errorMessage") or ""
        log = [reason, *_log(api, wish.name, build=runtime.stage == "BUILD_ERROR")]
        text = "\n".join(line.rstrip() for line in log if line.strip())
        for value in wish.secrets.values():
            text = text.replace(value, "•••")
        lines = text or Message("deploy-no-log")
        raise InputError("deploy-build", name=wish.name, stage=runtime.stage, log=lines)


def _log(api, name: str, *, build: bool) -> list[str]:
    """Return the last lines of a Space's log; none when the Hub doesn't give them."""
    try:
        return list(api.fetch_space_logs(name, build=build))[-LINES:]
    except failures():
        return []
