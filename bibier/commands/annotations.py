"""python -m bibier annotations: fill, check and read a store."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    """Describe the command to the parser."""
    annotations = commands.add_parser("annotations", help="fill, check and read a store of annotations")
    annotations.add_argument("act", choices=("import", "check", "progress", "events"))
    annotations.add_argument("project", metavar="PROJECT")
    annotations.add_argument("place", nargs="?", metavar="PLACE", help="to import: a folder of recordings or a CSV")
    annotations.add_argument("--store", default="sqlite:///annotations.db", metavar="URL")
    annotations.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    annotations.set_defaults(run=run, wrong=annotations.error)


def run(options: argparse.Namespace) -> int:
    """Do one act; returns the exit status."""
    if (options.act == "import") != bool(options.place):
        options.wrong("import needs a PLACE, and only import has one")
    from pathlib import Path

    from bibier import clips
    from bibier.store import Store

    store, project = Store(options.store), options.project
    if options.act == "import":
        store.project(project)
        place = Path(options.place)
        print((clips.add_folder if place.is_dir() else clips.add_manifest)(store, project, place))
    elif options.act == "check":
        found = clips.check(store, project)
        for kind, lost in found.items():
            for clip in lost:
                print(kind, clip.sha256, clip.path, sep="\t")
        return int(any(found.values()))
    elif options.act == "progress":
        for name in sorted({name for _, name in store.state(project)}):
            print(name, *store.progress(project, name), sep="\t")
    else:
        for _, event in store.events(project):
            print(event.to_json())
    return 0
