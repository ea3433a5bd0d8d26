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
from typing import TYPE_CHECKING, cast

from bibier.errors import InputError
from bibier.hub import failures, git_hash, hub_errors
from bibier.i18n.messages import Message

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceHardware

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


def fetch_state(api: HfApi, name: str) -> SpaceState:
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
            {key: variable.value for key, variable in api.get_space_variables(name).items()},
            {key: secret.description or "" for key, secret in api.get_space_secrets(name).items()},
            runtime.requested_hardware or runtime.hardware,
        )


def diff(spec: SpaceSpec, folder: Path, state: SpaceState) -> Diff:
    """Return what must change for the Space to hold a staged folder with these settings.

    Raises
    ------
    InputError
        "deploy-other" when the Space holds something else, which would be deleted; "deploy-open" when it is open to
        everybody and shall be private.
    """
    if state.files.keys() - BLANK and OURS not in state.files:
        raise InputError("deploy-other", name=spec.name, file=min(state.files.keys() - BLANK))
    if spec.private and state.exists and not state.private:
        raise InputError("deploy-open", name=spec.name)
    added, changed, here = {}, {}, set()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        here.add(name)
        if name not in state.files:
            added[name] = len(data)
        elif state.files[name][1] not in (git_hash(data), hashlib.sha256(data).hexdigest()):
            changed[name] = len(data)
    removed = {name: size for name, (size, _) in state.files.items() if name not in here and name not in KEPT}
    return Diff(
        not state.exists,
        added,
        changed,
        removed,
        tuple(name for name, value in spec.variables.items() if state.variables.get(name) != value),
        tuple(name for name, value in spec.secrets.items() if not is_print_of(state.secrets.get(name, ""), value)),
        spec.hardware if spec.hardware != (state.hardware or "cpu-basic") else None,
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


def apply(api: HfApi, spec: SpaceSpec, folder: Path, difference: Diff, revision: str | None) -> str | None:
    """Make the changes that the difference names; returns the commit's hash, None when no file differs.

    Raises InputError when the Hub refuses or can't be reached: its files are as before, and another run goes on from
    what has been done.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    commit = None
    hardware = cast(
        "SpaceHardware | None", difference.hardware
    )  # the Hub has more, such as zero-…, than the client lists
    with hub_errors("deploy-failed", name=spec.name):
        if difference.new:
            # The settings come with the Space: its first start already knows where annotations go.
            api.create_repo(
                spec.name,
                repo_type="space",
                space_sdk="gradio",
                private=spec.private,
                space_hardware=hardware,
                space_secrets=[
                    {"key": name, "value": value, "description": fingerprint(value)}
                    for name, value in spec.secrets.items()
                ],
                space_variables=[{"key": name, "value": value} for name, value in spec.variables.items()],
            )
            revision = api.space_info(spec.name).sha
        if difference.files:
            acts = [CommitOperationAdd(name, folder / name) for name in (*difference.added, *difference.changed)]
            acts += [CommitOperationDelete(name) for name in difference.removed]
            done = api.create_commit(
                spec.name, acts, repo_type="space", commit_message="python -m bibier deploy", parent_commit=revision
            )
            commit = done.oid
        if not difference.new:
            for name in difference.variables:
                api.add_space_variable(spec.name, name, spec.variables[name])
            for name in difference.secrets:
                value = spec.secrets[name]
                api.add_space_secret(spec.name, name, value, description=fingerprint(value))
            if hardware:
                api.request_space_hardware(spec.name, hardware)
    return commit


def watch(
    api: HfApi,
    spec: SpaceSpec,
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
        with hub_errors("deploy-failed", name=spec.name):
            runtime = api.get_space_runtime(spec.name)
        passed = time.monotonic() - begun
        # For some seconds after a commit, the Hub still shows the last version's stage.
        old = commit is not None and runtime.raw.get("sha") not in (None, commit) and passed < grace
        if not old and runtime.stage != last:
            last = runtime.stage
            tell(last)
        if not old and runtime.stage not in INTERMEDIATE_SPACE_STAGES:
            break
        if passed > patience:
            raise InputError("deploy-slow", name=spec.name, minutes=round(patience / 60), stage=runtime.stage)
        time.sleep(pause)
    if runtime.stage not in GOOD:
        reason = runtime.raw.get("errorMessage") or ""
        log = [reason, *_log(api, spec.name, build=runtime.stage == "BUILD_ERROR")]
        text = "\n".join(line.rstrip() for line in log if line.strip())
        for value in spec.secrets.values():
            text = text.replace(value, "•••")
        lines = text or Message("deploy-no-log")
        raise InputError("deploy-build", name=spec.name, stage=runtime.stage, log=lines)


def _log(api: HfApi, name: str, *, build: bool) -> list[str]:
    """Return the last lines of a Space's log; none when the Hub doesn't give them."""
    try:
        return list(api.fetch_space_logs(name, build=build))[-LINES:]
    except failures():
        return []
