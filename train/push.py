"""Put a fitted checkpoint where the app will find it: read strictly first, written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bibier import checkpoint
from train.corpora import CorpusError

FILES = (checkpoint.CONFIG, checkpoint.WEIGHTS, checkpoint.CARD)


def to_folder(run: str | Path, folder: Path, *, replace: bool = False) -> Path:
    """Copy the checkpoint of a run into a folder.

    The run is loaded first, as the app would load it, so that nothing broken is handed on. The folder appears only when
    all of it is written.

    Raises
    ------
    InputError
        The run is no checkpoint, or a broken one.
    CorpusError
        The folder is taken (and `replace` is not given), the card is missing, or the disk is full.
    """
    checkpoint.load(run)
    source = checkpoint.resolve(run)
    if not (source / checkpoint.CARD).is_file():
        raise CorpusError(f"{source} has no {checkpoint.CARD}: a checkpoint is handed on with its model card only")
    if folder.exists() and not replace:
        raise CorpusError(f"{folder} is there already: choose another folder, or give --replace")
    if folder.exists() and not (folder / checkpoint.CONFIG).is_file():
        raise CorpusError(f"{folder} is no checkpoint, so it will not be replaced: choose another folder")
    if folder.exists() and folder.resolve() == source.resolve():
        raise CorpusError(f"{folder} is the run itself: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name in FILES:
            shutil.copyfile(source / name, part / name)
        part.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    except OSError as error:
        raise CorpusError(f"{folder} could not be written ({error.strerror}): make room there and try again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder
