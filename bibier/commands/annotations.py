"""python -m bibier annotations: fill, check and read a store."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    """Describe the command to the parser."""
    annotations = commands.add_parser("annotations", help="fill, check and read a store of annotations")
    annotations.add_argument("act", choices=("import", "check", "progress", "events"))
    annotations.add_argument("project", metavar="PROJECT")
    annotations.add_argument("place", nargs="?", metavar="PLACE", help="to import: recordings, a CSV, a dataset")
    annotations.add_argument("--store", default="sqlite:///annotations.db", metavar="URL")
    annotations.add_argument("--media", default="annotations/clips", help="where a dataset's recordings are kept")
    annotations.add_argument("--download", action="store_true", help="fetch a dataset from the Hub")
    annotations.add_argument("--language", choices=("en", "ru"), default="en", help="language of the messages")
    annotations.set_defaults(run=run, wrong=annotations.error)


def run(options: argparse.Namespace) -> int:
    """Do one act; returns the exit status."""
    if (options.act == "import") != bool(options.place):
        options.wrong("import needs a PLACE, and only import has one")
    from pathlib import Path

    from bibier import clips, intake
    from bibier.store import Store

    store, project = Store(options.store), options.project
    if options.act == "import":
        print(intake.add_place(store, project, options.place, Path(options.media), download=options.download))
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
