"""Put a fitted checkpoint where the app finds it, a folder or the Hub: read strictly first, all of it or nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bibier import hub
from bibier.checkpoint import bundle
from bibier.checkpoint.hub import is_name
from bibier.checkpoint.library import is_own
from bibier.errors import BibierError, CorpusError, InputError
from bibier.files import carry_over, replace_folder

if TYPE_CHECKING:  # takes half a second to import
    from huggingface_hub import HfApi

FILES = (bundle.CONFIG, bundle.WEIGHTS, bundle.CARD)


def to_folder(run: str | Path, folder: Path, *, replace: bool = False) -> Path:
    """Copy the checkpoint of a run into a folder.

    The run is loaded first, as the app would load it, so that nothing broken is handed on. The folder appears, or takes
    the place of the old one, when all of it is written: a kill at any moment leaves the one or the other.

    Raises
    ------
    InputError
        The run is no checkpoint, or a broken one.
    CorpusError
        The folder is taken (and `replace` is not given), the card is missing, or the disk is full.
    """
    source = _sound(run)
    if folder.exists() and not replace:
        raise CorpusError(f"{folder} is there already: choose another folder, or give --replace")
    if folder.exists():
        _check_replaced(folder)
    if folder.exists() and folder.resolve() == source.resolve():
        raise CorpusError(f"{folder} is the run itself: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name in FILES:
            shutil.copyfile(source / name, part / name)
        if folder.exists():
            carry_over(folder, part, FILES)
        part.chmod(0o755)
        replace_folder(part, folder)
    except OSError as error:
        raise CorpusError(f"{folder} could not be written ({error.strerror}): make room there and try again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _check_replaced(folder: Path) -> None:
    """Raise CorpusError unless a folder holds a checkpoint: many other things have a config.json too."""
    try:
        bundle.read_config(folder)
    except (InputError, OSError) as error:
        raise CorpusError(f"{folder} is no checkpoint, so it will not be replaced: choose another folder") from error


def is_hub(target: str) -> bool:
    """Whether a target is a name on the Hub: one slash, nothing of that name here, and no path by its beginning.

    Examples: "anna/voice" is, "./anna/voice", "checkpoints/voice" and "/anna/voice" are not.
    """
    first = target.split("/")[0]
    return is_name(target) and not Path(target).exists() and not Path(first).is_dir()


def to_hub(
    run: str | Path,
    name: str,
    *,
    private: bool = False,
    revision: str = "",
    dry_run: bool = False,
    api: HfApi | None = None,
) -> list[str]:
    """Send the checkpoint of a run to a model repository of the Hub, as one commit; returns what is sent.

    Raises
    ------
    InputError
        The run is no checkpoint, or a broken one.
    CorpusError
        The Hub refuses, or can't be reached; what is there is unchanged then.
    """
    from huggingface_hub import CommitOperationAdd

    source = _sound(run)
    files = {file: (source / file).read_bytes() for file in FILES}
    files[bundle.CARD] = card(source).encode()
    listing = [f"{file}\t{len(content)}" for file, content in files.items()]
    if dry_run:
        return listing
    api = hub.client(api)
    added = [CommitOperationAdd(file, content) for file, content in files.items()]
    try:
        api.create_repo(name, private=private, exist_ok=True)
        if private and not api.model_info(name).private:
            raise CorpusError(f"{name} is there already and public: choose another name, or leave --private out")
        if revision:
            api.create_branch(name, branch=revision, exist_ok=True)
        message = f"{bundle.read_config(source).name}: a checkpoint"
        api.create_commit(name, added, commit_message=message, revision=revision or None)
    except BibierError:
        raise
    except hub.failures() as error:
        raise CorpusError(
            f"{name} could not be written ({hub.reason_of(error)}); what is there is unchanged. Log in with "
            "`hf auth login`, or set HF_TOKEN to a token that may write, and give the command again: it sends only "
            "what is missing"
        ) from error
    return listing


def card(source: Path) -> str:
    """Return a checkpoint's card with the Hub's metadata: its metrics with their splits, languages, corpora."""
    from huggingface_hub import EvalResult, ModelCardData

    config, text = bundle.read_config(source), (source / bundle.CARD).read_text(encoding="utf-8")
    results = [
        EvalResult(
            task_type="audio-classification",
            dataset_type=re.sub(r"\W+", "-", where.lower()).strip("-"),
            dataset_name=where,
            dataset_split=config.data.get("split", "train"),
            metric_type=metric.lower(),
            metric_name=metric,
            metric_value=float(value),
        )
        for where, figures in config.metrics.items()
        for metric, value in figures.items()
        if isinstance(value, int | float) and metric not in ("chance", "n")  # those say how to read the others
    ]
    facts = ModelCardData(
        model_name=config.name if results else None,
        eval_results=results or None,
        library_name="bibier",
        license="other",
        language=list(config.languages),
        pipeline_tag="audio-classification",
        tags=["speech-emotion-recognition", "multimodal"],
    )
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return f"---\n{facts.to_yaml()}\n---\n{body}"


def _sound(run: str | Path) -> Path:
    """Return the folder of a run that the app would load, with its card."""
    bundle.load(run)
    source = bundle.resolve(run)
    if not (source / bundle.CARD).is_file():
        raise CorpusError(f"{source} has no {bundle.CARD}: a checkpoint is handed on with its model card only")
    for name in FILES:
        if not is_own(source / name):
            raise CorpusError(f"{source / name} is a link that leads elsewhere: put the file itself there")
    return source
