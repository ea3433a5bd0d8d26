"""python -m bibier deploy: the app on a Hugging Face Space, made or brought up to date."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from bibier.deploy.space import Diff, SpaceSpec, SpaceState

ROOT = Path(__file__).resolve().parents[2]


def add(commands: argparse._SubParsersAction) -> None:
    """Describe the command to the parser."""
    space = commands.add_parser("deploy", help="put the app on a Hugging Face Space")
    space.add_argument("name", metavar="USER/SPACE")
    space.add_argument(
        "--hardware", metavar="NAME", help="cpu-basic, zero-a10g, … (default: what it has, else cpu-basic)"
    )
    place = space.add_mutually_exclusive_group()
    place.add_argument("--database", metavar="URL", help="annotations go to this Postgres server; sent as a secret")
    place.add_argument("--backup-dataset", metavar="USER/NAME", help="annotations are kept in this private dataset")
    space.add_argument("--private", action="store_true", help="make a new Space private")
    space.add_argument("--checkpoint", default="compact", metavar="NAME", help="a name in checkpoints/")
    space.add_argument("--out", type=Path, metavar="FOLDER", help="stage into this new or empty folder, and keep it")
    space.add_argument("--dry-run", action="store_true", help="say what would be sent, send nothing")
    space.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    space.set_defaults(run=run)


def run(options: argparse.Namespace, api: HfApi | None = None) -> int:
    """Stage, compare, send, follow; returns the exit status."""
    from bibier.deploy import space, staging
    from bibier.errors import InputError
    from bibier.i18n.messages import Message

    def say(key: str, **values: object) -> None:
        print(Message(key, values).text(options.language), flush=True)

    if not (ROOT / "app.py").is_file():
        raise InputError("deploy-no-checkout")
    if api is None:
        from huggingface_hub import HfApi

        api = HfApi()
    _check(options)
    state, unasked = space.SpaceState(), None
    try:
        state = space.fetch_state(api, options.name)
    except InputError as error:
        if not options.dry_run:
            raise
        unasked = error
    spec = _spec(options, state)
    with ExitStack() as after:
        folder = options.out
        if folder is None:
            place = tempfile.mkdtemp(prefix="bibier-space-")
            folder = Path(place) / "space"
            if not options.dry_run:
                after.callback(shutil.rmtree, place)
        staging.stage(
            ROOT, folder, hardware=spec.hardware, checkpoint=options.checkpoint, postgres=bool(options.database)
        )
        if stays := staging.belonging(ROOT, options.checkpoint)[1]:
            print(Message("deploy-stays", {"files": ", ".join(stays)}).text(options.language), file=sys.stderr)
        plan = space.diff(spec, folder, state)
        if unasked:
            say("deploy-unasked", reason=unasked)
        for line in _lines(plan, options.language):
            print(line)
        if not (options.database or options.backup_dataset or state.secrets):
            print(Message("deploy-forgets").text(options.language), file=sys.stderr)
        if options.dry_run or options.out:
            say("deploy-staged", path=folder)
        if options.dry_run:
            return 0
        if not plan:
            say("deploy-same", name=spec.name)
        else:
            commit = space.apply(api, spec, folder, plan, state.revision)
            space.watch(api, spec, commit, lambda stage: print(stage, flush=True))
    say("deploy-runs" if plan else "deploy-address", url=f"{api.endpoint}/spaces/{spec.name}")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise InputError for what can't work, before anything is asked or sent."""
    from huggingface_hub import SpaceHardware

    from bibier.errors import InputError

    known = [hardware.value for hardware in SpaceHardware]
    if options.hardware and options.hardware not in known and not options.hardware.startswith("zero-"):
        raise InputError("deploy-hardware", value=options.hardware, known=", ".join(known))
    if options.database and not options.database.startswith("postgresql"):
        raise InputError("deploy-database")
    if options.backup_dataset and not os.environ.get("BIBIER_BACKUP_TOKEN") and not options.dry_run:
        raise InputError("deploy-token", dataset=options.backup_dataset)


def _spec(options: argparse.Namespace, state: SpaceState) -> SpaceSpec:
    from bibier.deploy.space import SpaceSpec

    variables, secrets = {"BIBIER_CHECKPOINT": options.checkpoint}, {}
    if options.database:
        secrets["BIBIER_DATABASE"] = options.database
    if options.backup_dataset:
        variables["BIBIER_BACKUP"] = options.backup_dataset
        secrets["BIBIER_BACKUP_TOKEN"] = os.environ.get("BIBIER_BACKUP_TOKEN", "")
    hardware = options.hardware or state.hardware or "cpu-basic"
    return SpaceSpec(options.name, hardware, variables, secrets, options.private)


def _lines(plan: Diff, language: str) -> list[str]:
    """Return a plan's lines: + added, ~ changed, - removed with their bytes, names of settings, hardware."""
    from bibier.i18n.messages import Message

    signs = (("+", plan.added), ("~", plan.changed), ("-", plan.removed))
    lines = [f"{sign} {name}\t{size}" for sign, files in signs for name, size in files.items()]
    settings = [("deploy-variable", name) for name in plan.variables] + [
        ("deploy-secret", name) for name in plan.secrets
    ]
    if plan.hardware:
        settings.append(("deploy-hardware-set", plan.hardware))
    return lines + [Message(key, {"name": name}).text(language) for key, name in settings]
