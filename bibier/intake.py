"""Whatever a place holds → clips of a project: a folder of recordings, a manifest, or a dataset of `datasets`."""

from __future__ import annotations

from pathlib import Path

from bibier import clips
from bibier.labels import ALIASES, EMOTIONS, canonical
from bibier.messages import InputError
from bibier.standing import Clip
from bibier.store import Store

TEXTS = ("text", "transcript", "transcription", "sentence")  # columns of a dataset, the first that is there
LABELS = ("label", "emotion")
LANGUAGES = ("language", "lang", "locale")


def add_place(store: Store, project: str, place: str, media: Path, *, download: bool = False) -> int:
    """Add the clips of a folder, a CSV or a dataset, told apart by what lies there; returns how many are new.

    The recordings of a dataset are copied into `media`; a dataset of the Hub is fetched only with `download`.
    """
    path = Path(place).expanduser()
    if path.is_dir() and not _is_dataset(path):
        return clips.add_folder(store, project, path)
    if path.is_file() and path.suffix.lower() != ".parquet":
        return clips.add_manifest(store, project, path)
    if not path.exists() and not download:
        raise InputError("clips-no-place", place=place[:200])
    return add_dataset(store, project, read_dataset(place), media, place=place)


def add_dataset(store: Store, project: str, dataset, media: Path, *, place: str = "dataset") -> int:
    """Add each row of a `datasets.Dataset` that has an Audio column; returns how many are new.

    The file's bytes are kept as they are, undecoded, in `media`. Text, label (a class or a name) and language are
    taken from the columns `TEXTS`, `LABELS` and `LANGUAGES`; other plain columns go to `Clip.extra`. All rows or none.
    """
    datasets = _datasets()
    audio = next((n for n, kind in dataset.features.items() if isinstance(kind, datasets.Audio)), None)
    if audio is None:
        raise InputError("clips-no-audio", place=place[:200], columns=", ".join(dataset.features)[:200])
    chosen = [next((n for n in names if n in dataset.features), None) for names in (TEXTS, LABELS, LANGUAGES)]
    found, bad = [], []
    for number, row in enumerate(dataset.cast_column(audio, datasets.Audio(decode=False)), start=1):
        try:
            found.append(_clip(row, number, audio, chosen, dataset.features, media))
        except InputError as error:
            bad.append(error)
    if bad:
        raise InputError("clips-wrong", place=place[:200], count=len(bad), first=bad[0])
    return store.add_clips(project, found)


def read_dataset(place: str):
    """Return a dataset's rows, all splits after one another: of a folder by save_to_disk, of Parquet, or of the Hub."""
    datasets, path = _datasets(), Path(place).expanduser()
    try:
        if path.is_file() or (path.is_dir() and any(path.rglob("*.parquet"))):
            files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
            return datasets.Dataset.from_parquet([str(file) for file in files])
        whole = datasets.load_from_disk(str(path)) if path.is_dir() else datasets.load_dataset(place)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError("clips-dataset", place=place[:200], reason=reason) from error
    return datasets.concatenate_datasets(list(whole.values())) if isinstance(whole, datasets.DatasetDict) else whole


def _clip(row: dict, number: int, audio: str, chosen: list, features, media: Path) -> Clip:
    text, label, language = chosen
    sound = row[audio] or {}
    source = Path(sound.get("path") or "")
    content = sound.get("bytes") or (source.read_bytes() if source.is_file() else None)
    if not content:
        raise _row(number, audio, str(source), "an existing file / существующий файл")
    sha256, kept = clips.keep(content, source.suffix.lower() or ".wav", media)
    extra = {n: v for n, v in row.items() if n not in (audio, *chosen) and isinstance(v, str | int | float | bool)}
    given = _label(row[label], features[label], number, label) if label else None
    words = [str(row[name]) if name and row[name] is not None else "" for name in (text, language)]
    return Clip(sha256, str(kept.resolve()), words[0], words[1], given, 0.0, extra)


def _label(value, kind, number: int, column: str) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and hasattr(kind, "int2str"):
        value = None if value < 0 else kind.int2str(value)  # -1 is "unlabelled" in `datasets`
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.strip().lower() not in (*EMOTIONS, *ALIASES):
        raise _row(number, column, str(value), ", ".join(EMOTIONS))
    return canonical(value)


def _row(number: int, field: str, value: str, expected: str) -> InputError:
    return InputError("clips-row", row=number, field=field, value=value[:80], expected=expected)


def _is_dataset(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("state.json", "dataset_dict.json")) or any(
        folder.rglob("*.parquet")
    )


def _datasets():
    try:
        import datasets  # late: seconds, and only researchers have it
    except ImportError as error:
        raise InputError("clips-no-datasets") from error
    return datasets
