"""python -m bibier annotations: fill, check and read a store."""

from __future__ import annotations

import argparse
import json


def add(commands) -> None:
    """Describe the command to the parser."""
    annotations = commands.add_parser("annotations", help="fill, check and read a store of annotations")
    annotations.add_argument("act", choices=("import", "check", "progress", "agreement", "events"))
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
    elif options.act == "agreement":
        print(json.dumps(_agreement(store, project, options.language), ensure_ascii=False, indent=2))
    else:
        for _, event in store.events(project):
            print(event.to_json())
    return 0


def _agreement(store, project: str, language: str) -> dict:
    """Return every alpha by name: its value, or null with the reason."""
    from bibier import agreement

    labels = store.state(project)
    table = agreement.blind(labels)

    def plain(found: agreement.Alpha) -> dict:
        return vars(found) | {"reason": found.reason.text(language) if found.reason else None}

    return {
        "people": table.people,
        "labels_given_with_a_proposal_in_sight": table.sighted,
        "jensen_shannon": plain(agreement.soft_alpha(table)),
        "half_manhattan": plain(agreement.soft_alpha(table, agreement.half_manhattan)),
        "nominal": plain(agreement.nominal_alpha(table)),
        "emotions": {name: plain(found) for name, found in agreement.emotion_alphas(table).items()},
        "pairs": [{"people": pair} | plain(found) for pair, found in agreement.pair_alphas(table).items()],
        "worst": [dict(zip(("clip", "bits", "people"), row, strict=True)) for row in agreement.worst(table)],
        "moves": [vars(move) for move in agreement.moves(labels, store.proposals(project))],
    }
