"""Frozen features, extracted once: a cache on disk by the sound's or the text's SHA-256 and the extractor's settings.

N items, T steps, D features.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bibier.audio import decoding
from bibier.audio.io import load
from bibier.errors import CorpusError, InputError
from bibier.features.char_ngrams import CharNgramsConfig, build_text_features
from bibier.features.log_mel import LogMel, build_audio_features
from bibier.files import atomic_write
from bibier.parsing import read_json
from train.augment import copies
from train.corpora.load import Item, read
from train.experiment.recipe import Recipe
from train.loop.progress import bar

CACHE = Path(".cache/features")
TOGETHER = 64  # clips or texts that are read before the extractor is called
LIMIT = 0.01  # share of clips that may be unreadable
MAPPED = 2**18  # bytes of a file of features above which it is mapped; log-mels of a clip are a fifth of that
TOO_MANY = (errno.EMFILE, errno.ENFILE)
FULL = (errno.ENOSPC, errno.EDQUOT)
DESCRIPTION = "settings.json"
LOSSES = "losses.json"  # of clips that are not whole, by their digest: what was said of them
LOST = ("audio-cut", "audio-lost", "audio-unread")
SHOWN = 5  # names in a line


def cached(
    items: Sequence[Item],
    extractor: Extractor,
    *,
    cache: Path = CACHE,
    report: Callable[[str], None] = lambda line: None,
    limit: float = LIMIT,
) -> list[np.ndarray | None]:
    """Return each item's features (Tᵢ, …), from the cache where the same sound or text and settings are known.

    The extractor's model is loaded only when something is missing. Large features are mapped from the disk, so that a
    corpus may be larger than the memory.

    Parameters
    ----------
    items
        Clips for an extractor of sound, texts for one of words.
    extractor
        What `build_audio_features` or `build_text_features` returned.
    report
        Told in whole lines what was missing, damaged or unreadable.
    limit
        Share of the items that may be unreadable; they are listed, and their features are None.

    Raises
    ------
    CorpusError
        More than that cannot be read; the cache's folder has other settings; the disk is full; an item lacks what the
        extractor reads.
    InputError
        The weights are not there, or a feature is not a number.
    """
    folder = described(cache, extractor, report)
    losses = _read_losses(folder)
    files = [folder / f"{digest}.npy" for digest in input_digests(items, extractor.modality)]
    features_of: dict[Path, np.ndarray | None] = {}
    missing: dict[Path, Item] = {}
    for file, item in zip(files, items, strict=True):
        if file not in features_of and file not in missing:
            if file.exists() and (features := _read(file, extractor.dim, report)) is not None:
                features_of[file] = features
            else:
                missing[file] = item
    unreadable: list[tuple[str, str]] = []
    waiting = list(missing.items())
    known = len(losses)
    with bar(folder.name, len(waiting)) as advance:
        for begin in range(0, len(waiting), TOGETHER):
            part = waiting[begin : begin + TOGETHER]
            inputs = {}
            for file, item in part:
                try:
                    inputs[file] = _read_input(item, extractor.modality, file.stem, losses)
                except InputError as error:
                    unreadable.append((item.id, str(error)))
                    features_of[file] = None
            # Once it is certain to be refused, the rest is only listed: hours of extraction would be in vain.
            refused = len(unreadable) > limit * len(items)
            for file, features in zip(inputs, [] if refused else extractor.batch(list(inputs.values())), strict=False):
                if not np.isfinite(features).all():
                    raise InputError("features-not-finite", kind=extractor.config.kind, name=missing[file].id)
                _write(file, features, done=len(features_of), total=len(files))
                features_of[file] = _read(file, extractor.dim, report)
            advance(len(part))
    _refuse(unreadable, len(items), limit)
    for name, reason in unreadable:
        report(f"left out, unreadable: {name}: {reason}")
    if unreadable:
        report(f"{len(unreadable)} of {len(items)} items cannot be read and are left out")
    if len(losses) > known:
        _store(folder / LOSSES, (json.dumps(losses, indent=2) + "\n").encode(), "the features are kept")
    lost = [item.id for file, item in zip(files, items, strict=True) if file.stem in losses]
    if lost:
        names = ", ".join(lost[:SHOWN]) + (", …" if len(lost) > SHOWN else "")
        report(
            f"{len(lost)} of {len(items)} clips are cut off or damaged and are used as far as they can be read: {names}"
        )
    return [features_of[file] for file in files]


class Extractor(Protocol):
    """What makes features of sounds or of texts: of the Hub's encoders or our own."""

    modality: str  # "audio" or "text"
    config: Any  # a dataclass with `kind`
    dim: int  # D

    def batch(self, inputs: list[Any], /) -> list[np.ndarray]:
        """Return the features (Tᵢ, …) of each input."""
        ...


class MelPower:
    """Mel power as features: what training perturbs, and what log-mels are made of."""

    modality = "audio"

    def __init__(self, extractor: LogMel) -> None:
        self.extractor = extractor
        self.config = dataclasses.replace(extractor.config, kind="mel-power")
        self.dim = extractor.dim

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the mel power (Tᵢ, M) of each clip, with the rows of its pitch where the settings want them."""
        return [self.extractor.power(clip) for clip in clips]


@dataclass(frozen=True)
class CopyConfig:
    """What decides the features of a copy, beside the sound."""

    kind: str
    features: Any  # the extractor's settings
    copy: str
    number: int
    seed: int
    version: int = copies.VERSION


class OfCopy:
    """An extractor's features of a copy of each clip (`augment.copies`)."""

    modality = "audio"

    def __init__(self, extractor: Extractor, copy: str, number: int, seed: int) -> None:
        settings = extractor.config
        self.extractor, self.dim = extractor, extractor.dim
        self.config = CopyConfig(f"{settings.kind}-{copy}", settings, copy, number, seed)

    def batch(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the features (Tᵢ, …) of each clip's copy."""
        c = self.config
        return self.extractor.batch([copies.copy(clip, c.copy, c.number, c.seed) for clip in clips])


def described(cache: Path, extractor: Extractor, report: Callable[[str], None] = lambda line: None) -> Path:
    """Return the folder of an extractor's features, made if need be, with its settings in it.

    Features of sounds that another version of the decoder read are other features: that they lie there unused is told
    to `report` when the new folder is made.

    Raises CorpusError where a folder of this name holds features of other settings.
    """
    settings: dict[str, Any] = {"features": dataclasses.asdict(extractor.config)}
    settings["features"].pop("remote_code", None)  # a consent changes no number
    if not settings["features"].get("pitch"):
        settings["features"].pop("pitch", None)  # features from before there was a pitch are the same
    old = [_folder(cache, extractor, settings)]
    if extractor.modality == "audio":
        old += [_folder(cache, extractor, settings | {"decoder": n}) for n in range(2, decoding.VERSION)]
        settings["decoder"] = decoding.VERSION
    folder = _folder(cache, extractor, settings)
    file = folder / DESCRIPTION
    if file.is_file():
        try:
            on_disk = read_json(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise CorpusError(f"{file} is not JSON ({error}): delete the folder {folder}") from error
        if on_disk != settings:
            wrong = _first_difference(on_disk.get("features", {}), settings["features"])
            raise CorpusError(f"{file} describes other features ({wrong}): delete the folder {folder}")
    elif folder.is_dir() and any(folder.glob("*.npy")):
        raise CorpusError(f"{folder} does not say what its features are ({DESCRIPTION} is missing): delete the folder")
    else:
        for other in old:
            if other != folder and other.is_dir():
                report(
                    f"{other} holds features of an earlier decoder, which are made anew: delete it if nobody needs it"
                )
        _store(file, (json.dumps(settings, indent=2) + "\n").encode(), "nothing is extracted yet")
    return folder


def _folder(cache: Path, extractor: Extractor, settings: dict) -> Path:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    return cache / f"{extractor.config.kind}-features-{digest}"


def _read_input(item: Item, modality: str, digest: str, losses: dict[str, list[str]]) -> np.ndarray | str | None:
    """Read a clip's samples or a text; of a clip that is not whole, note what is said in `losses`."""
    if modality != "audio":
        return item.text
    clip = load(_path(item))
    kinds = [notice.key for notice in clip.notices if notice.key in LOST]
    if kinds:
        losses[digest] = kinds
    return clip.samples


def _read_losses(folder: Path) -> dict[str, list[str]]:
    """Return what was said of the clips of a folder that are not whole, by their digest."""
    try:
        losses = read_json((folder / LOSSES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # it only informs
    return losses if isinstance(losses, dict) else {}


def _first_difference(on_disk: dict, expected: dict) -> str:
    for name in sorted(on_disk.keys() | expected.keys()):
        if on_disk.get(name) != expected.get(name):
            return f"{name} is {on_disk.get(name)!r}, expected {expected.get(name)!r}"
    return "its format is unknown"


def input_digests(items: Sequence[Item], modality: str) -> list[str]:
    """Return the SHA-256 of each item's file of sound ("audio") or its text ("text"), in hexadecimal digits."""
    digests = []
    for item in items:
        try:
            content = _path(item).read_bytes() if modality == "audio" else _text(item).encode("utf-8", "surrogatepass")
        except OSError as error:
            raise CorpusError(f"{item.id}: {item.path} cannot be opened ({error.strerror})") from error
        digests.append(hashlib.sha256(content).hexdigest())
    return digests


def _path(item: Item) -> Path:
    if item.path is None:
        raise CorpusError(f"{item.id} has no audio: leave its corpus out of [audio] corpora")
    return item.path


def _text(item: Item) -> str:
    if item.text is None:
        raise CorpusError(f"{item.id} has no text: leave its corpus out of [text] corpora")
    return item.text


def _read(file: Path, dim: int, report: Callable[[str], None]) -> np.ndarray | None:
    """Map an entry of the cache; None, and a line, when it is damaged."""
    try:
        # A mapped file stays open, and a process may have a thousand: only those that need much memory are mapped.
        mode = "c" if file.stat().st_size > MAPPED else None  # "c": a change in memory never reaches the file
        features = np.load(file, mmap_mode=mode, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno in TOO_MANY:
            raise CorpusError(f"{file} can't be opened, too many files are: raise the limit (ulimit -n)") from error
        report(f"{file} is damaged ({error}) and is made again")
        return None
    if features.ndim < 2 or features.shape[-1] != dim or features.dtype not in (np.float32, np.int64):
        report(f"{file} holds {features.dtype} {features.shape}, not rows of {dim} features, and is made again")
        return None
    return features


def _write(file: Path, features: np.ndarray, *, done: int, total: int) -> None:
    content = io.BytesIO()
    np.save(content, features, allow_pickle=False)
    _store(file, content.getvalue(), f"{done} of {total} items are extracted and kept")


def _store(file: Path, content: bytes, state: str) -> None:
    """Write a file whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, content, shared=True)
    except OSError as error:
        if error.errno in FULL:
            raise CorpusError(
                f"the disk of {file.parent} is full: free some space or choose another --cache; {state}, and the same "
                "command goes on from there"
            ) from error
        raise CorpusError(f"{file.parent} cannot be written to ({error.strerror}): choose another --cache") from error


def _refuse(unreadable: list[tuple[str, str]], total: int, limit: float) -> None:
    if len(unreadable) > limit * total:
        shown = "".join(f"\n  {name}: {reason}" for name, reason in unreadable[:20])
        rest = f"\n  … and {len(unreadable) - 20} more" if len(unreadable) > 20 else ""
        raise CorpusError(
            f"{len(unreadable)} of {total} items cannot be read, more than the {100 * limit:g} % that may be left out: "
            f"mend them, or take them out of the corpus{shown}{rest}"
        )


# -------------------------------------------------------------------------------------------------------------- prepare


def prepare(
    recipe: Recipe,
    folder: Path,
    *,
    cache: Path = CACHE,
    allow_download: bool = False,
    device: str = "cpu",
    report: Callable[[str], None] = print,
) -> dict[str, int]:
    """Extract all features that a recipe needs, of every split; returns the items extracted for each corpus.

    Copies are those of the training split alone.

    Raises CorpusError and InputError as `cached` does.
    """
    counts = {}
    options = {"device": device, "allow_download": allow_download, "report": lambda message: report(message.text("en"))}
    for modality, build in (("audio", build_audio_features), ("text", build_text_features)):
        part = getattr(recipe, modality, None)
        if part is None:
            continue
        extractor = build(part.features, **options)
        if isinstance(part.features, CharNgramsConfig):
            report(f"{modality}: {part.features.kind} are computed while training, in no time: nothing to prepare")
            continue
        for name in part.corpora:
            items = [i for i in read(name, folder, "all") if (i.path if modality == "audio" else i.text)]
            if not items:
                raise CorpusError(f"corpus {name!r} has no {modality} below {folder}: check --data")
            cacheable = MelPower(extractor) if isinstance(extractor, LogMel) else extractor
            extracted = cached(items, cacheable, cache=cache, report=report)
            counts[f"{modality}/{name}"] = sum(features is not None for features in extracted)
            where = described(cache, cacheable)
            settings = getattr(part, "copies", None)
            fitted_on = [item for item in items if item.split in ("train", "")]
            if settings:
                for kind, number in settings.kinds():
                    copy = OfCopy(cacheable, kind, number, settings.seed)
                    extracted = cached(fitted_on, copy, cache=cache, report=report)
                    report(f"{modality}: {len(extracted)} copies of {name}: {kind}, {number + 1}")
            report(f"{modality}: {counts[f'{modality}/{name}']} items of {name} as {part.features.kind}, in {where}")
    return counts
