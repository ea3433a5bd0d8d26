"""A project as a dataset of `datasets`: Parquet with the recordings in it, and a card; pushed to the Hub when asked."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bibier.annotation.exports import ProjectSnapshot
from bibier.annotation.ingest import import_datasets
from bibier.errors import InputError
from bibier.files import replace_folder
from bibier.hub import client, hub_errors
from bibier.labels import EMOTIONS, named, vector

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = """# {project}

{clips} recordings with {labels} labels by {people} people: each label is a distribution over {count} {what}
({names}).
Each person listened and gave every one its share, alone; {sighted} of the labels were given, or given again, after
a machine's proposal had been shown (`seen`), the others without.

| column | what it is |
|---|---|
| `audio` | the recording, its bytes as they were annotated |
| `label` | the one with the largest mean share; null where two are equal |
| `mean` | the mean of the people's distributions |
| `votes` | how many people's largest share each is; a tied label shares its vote |
| `people` | each person's own distribution, confidence, and which proposals had been shown before |
| `proposals` | what machines proposed; never part of `mean` or `votes` |
| `corpus_label` | the label that the recording came with, if any |

People heard how speech is *perceived*. Nobody knows from this what a speaker felt, and it must not be used to decide
about people.

The licence of the recordings is that of where they came from: state it in `license` above before this is published.
"""


def dataset(snapshot: ProjectSnapshot) -> Any:
    """Return the labelled clips as a `datasets.Dataset`.

    Raises InputError if there is none, and if a recording is gone or is no longer the one that was labelled: an import
    may name any file of this computer.
    """
    datasets = import_datasets()
    clips, rows = {clip.sha256: clip for clip in snapshot.clips}, []
    by_clip, of = snapshot.by_clip(), snapshot.labels_of
    if not by_clip:
        raise InputError("export-no-labels", project=snapshot.project)
    lost = [clips[name].path for name in by_clip if not Path(clips[name].path).is_file()]
    if lost:
        raise InputError("export-missing", count=len(lost), file=lost[0])
    for sha256, labels in by_clip.items():
        clip, mean = clips[sha256], snapshot.mean(labels)
        content = Path(clip.path).read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError("export-changed", file=clip.path)
        single = (mean == mean.max()).sum() == 1
        rows.append(
            {
                "audio": {"bytes": content, "path": f"{sha256}{Path(clip.path).suffix}"},
                "sha256": sha256,
                "text": clip.text,
                "language": clip.language,
                "label": int(mean.argmax()) if single else None,
                "mean": of.named(mean),
                "votes": of.named(snapshot.votes(labels)),
                "people": [
                    {"name": person, "probs": of.named(of.vector(label.probs)), "confidence": label.confidence}
                    | {"seen": list(label.seen)}
                    for person, label in labels.items()
                ],
                "proposals": [
                    {"source": source, "probs": named(vector(probs))}
                    for (clip_of_proposal, source), probs in sorted(snapshot.proposals.items())
                    if clip_of_proposal == sha256
                ],
                "corpus_label": EMOTIONS.index(clip.label) if clip.label else None,
            }
        )
    value, names = datasets.Value, datasets.ClassLabel(names=list(of.names))
    shares, proposed = (dict.fromkeys(each, value("float64")) for each in (of.names, EMOTIONS))
    person = {"name": value("string"), "probs": shares, "confidence": value("float64")}
    stored = datasets.Features(
        # a struct first: writing `Audio` as such would decode and encode the sound
        audio={"bytes": value("binary"), "path": value("string")},
        **{name: value("string") for name in ("sha256", "text", "language")},
        label=names,
        mean=shares,
        votes=shares,
        people=[person | {"seen": [value("string")]}],
        proposals=[{"source": value("string"), "probs": proposed}],
        corpus_label=datasets.ClassLabel(names=list(EMOTIONS)),
    )
    return datasets.Dataset.from_list(rows, features=stored).cast_column("audio", datasets.Audio())


def card(snapshot: ProjectSnapshot) -> str:
    """Return the dataset card: metadata for the Hub, and what the columns are."""
    from huggingface_hub import DatasetCardData

    facts = DatasetCardData(
        license="other",
        language=sorted({clip.language for clip in snapshot.clips if clip.language}) or None,
        task_categories=["audio-classification"],
        tags=["speech-emotion-recognition", "soft-labels", "human-label-variation"],
        annotations_creators=["expert-generated"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}],
    )
    people = {person for _, person in snapshot.labels}
    text = CARD.format(
        project=snapshot.project.replace("\n", " "),
        clips=len(snapshot.by_clip()),
        labels=len(snapshot.labels),
        sighted=sum(bool(label.seen) for label in snapshot.labels.values()),
        people=len(people),
        count=len(snapshot.labels_of.names),
        what="labels of the project's own" if snapshot.labels_of.is_own else "perceived emotions",
        names=", ".join(snapshot.labels_of.names),
    )
    return f"---\n{facts.to_yaml()}\n---\n\n{text}"


def save(snapshot: ProjectSnapshot, folder: Path, *, replace: bool = False) -> Path:
    """Write `data/train-00000.parquet` and `README.md` into a folder, whole or not at all; returns it.

    Raises InputError when something is there already and `replace` is not set, or is not what this writes, when there
    is no label or a recording is gone, and when the disk does not take it.
    """
    if folder.exists() and not replace:
        raise InputError("export-exists", file=str(folder))
    if folder.exists() and not _is_ours(folder):
        raise InputError("export-other-folder", file=str(folder))
    rows = dataset(snapshot)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as part:
            whole = Path(part) / "whole"
            (whole / "data").mkdir(parents=True)
            rows.to_parquet(str(whole / "data" / "train-00000.parquet"))
            (whole / "README.md").write_text(card(snapshot), encoding="utf-8")
            replace_folder(whole, folder)
    except OSError as error:
        raise InputError("export-failed", file=str(folder), reason=error.strerror or str(error)) from error
    return folder


def push(
    snapshot: ProjectSnapshot, name: str, *, private: bool = True, dry_run: bool = False, api: HfApi | None = None
) -> list[str]:
    """Push the dataset to the Hub as one commit; returns its files with their sizes. A dry run sends nothing.

    Raises InputError when a dataset of that name is public and `private` is set, and when the Hub refuses.
    """
    with tempfile.TemporaryDirectory(prefix="bibier-dataset-") as place:
        folder = save(snapshot, Path(place) / "dataset")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        listing = [f"{path.relative_to(folder)}\t{path.stat().st_size}" for path in files]
        if dry_run:
            return listing
        with hub_errors("export-push", name=name):
            api = client(api)
            api.create_repo(name, repo_type="dataset", private=private, exist_ok=True)
            if private and not api.repo_info(name, repo_type="dataset").private:
                raise InputError("export-push-public", name=name)  # it was there before, for everybody to see
            api.upload_folder(
                repo_id=name, repo_type="dataset", folder_path=folder, commit_message=f"{len(snapshot.labels)} labels"
            )
    return listing


def _is_ours(folder: Path) -> bool:
    """Tell a folder that holds what `save` wrote and nothing else: only such a one may be replaced."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return files <= {"README.md", str(Path("data") / "train-00000.parquet")}
