"""A folder or a manifest → a table: a row for each recording, judged in batches of like lengths.

Finished rows are kept in the run journal beside the table: a run that was killed goes on without repeating any.
N recordings of a batch, 7 emotions.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bibier.audio import io as audio
from bibier.audio import long_recording
from bibier.audio.format import ENDINGS
from bibier.csv_safety import guard, plain
from bibier.errors import InputError
from bibier.features.char_ngrams import words
from bibier.files import sha256
from bibier.i18n.messages import Message
from bibier.inference import long_form
from bibier.inference.predictor import MAX_WORDS, NOTHING_SAID, ModalityResult, Predictor
from bibier.labels import EMOTIONS, named
from bibier.models.encoder_output import EncoderOutput
from bibier.transcript import Transcript

BATCH = 16  # recordings
AHEAD = 2  # batches that are read while one is judged
COLUMN_MODALITIES = {"voice": "audio", "words": "text", "both": "bimodal"}  # name of the columns → name in a prediction
COLUMNS = ("path", "sha256", "duration", "transcript", "transcript_by", "language")
COLUMNS = (*COLUMNS, *(f"{column}_{name}" for column in COLUMN_MODALITIES for name in EMOTIONS))
COLUMNS = (*COLUMNS, "conflict", "warnings", "error", "checkpoint")
FORMATS = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Source:
    """A recording to be judged; `text` is what was said, None where that is to be recognised."""

    path: str
    text: str | None = None


@dataclass(frozen=True)
class Read:
    """A recording that was read: ready to be judged, or its row already where it can't be or is long."""

    source: Source
    row: dict
    samples: np.ndarray | None = None  # (n,) float32 at 16 kHz; None: not to be judged by its voice
    transcript: Transcript = NOTHING_SAID
    done: bool = False


def sources(place: Path) -> list[Source]:
    """List the recordings of a folder, or of a CSV with a column path and by choice text; each path once."""
    if place.is_dir():
        found = sorted(p for p in place.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        given = [Source(str(path)) for path in found]
    else:
        given = _of_manifest(place)
    if not given:
        raise InputError("clips-none", place=str(place))
    return list({source.path: source for source in given}.values())


def _of_manifest(path: Path) -> list[Source]:
    csv.field_size_limit(2**24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("clips-wrong", place=path.name, count=1, first=str(error)[:200]) from error
    if not rows or "path" not in rows[0]:
        raise InputError("clips-none", place=str(path))
    return [
        Source(str(path.parent / plain(row["path"])), plain(row["text"]) if row.get("text") is not None else None)
        for row in rows
        if row["path"]
    ]


def batches(given: Sequence[Source], size: int = BATCH) -> list[list[Source]]:
    """Group recordings of like lengths, as far as the files state them: little is padded."""

    def length(source: Source) -> float:
        try:
            return long_recording.stated_seconds(source.path) or os.path.getsize(source.path) / 32_000
        except (OSError, InputError):
            return 0.0

    order = sorted(given, key=lambda source: (length(source), source.path))
    return [order[i : i + size] for i in range(0, len(order), size)]


class Judge:
    """Reads and judges batches with one predictor."""

    def __init__(self, predictor: Predictor, *, recognise: bool, name: str, language: str = "en"):
        self.predictor, self.recognise, self.name, self.language = predictor, recognise, name, language

    def read(self, source: Source) -> Read:
        """Decode one recording and get its words; what can't be used has its reason in the row."""
        row = dict.fromkeys(COLUMNS) | {"path": source.path, "checkpoint": self.name, "warnings": [], "error": ""}
        try:
            row["sha256"] = sha256(Path(source.path))
            if (recording := long_recording.read_long(source.path)) is not None:
                return self._long(source, row, recording)
            clip = audio.load(source.path)
        except OSError as error:
            missing = InputError("audio-closed", prefix="", reason=error.strerror or str(error))
            return Read(source, row | {"error": missing.text(self.language)}, done=True)
        except InputError as error:
            return Read(source, row | {"error": error.text(self.language)}, done=True)
        row["duration"] = clip.duration
        row["warnings"] = [notice.text(self.language) for notice in clip.notices]
        heard = clip.speech and clip.long_enough
        said = Transcript(source.text, source="person" if source.text.strip() else "none") if source.text else None
        if said is None:
            said = NOTHING_SAID
            if source.text is None and self.recognise and heard:
                try:
                    said = self.predictor.recogniser(clip.samples)
                except InputError as error:
                    row["warnings"].append(error.text(self.language))
        said = replace(said, text=self.predictor.bundle.prepare_text(said.text))
        if (count := len(words(said.text))) > MAX_WORDS:
            row["warnings"].append(Message("text-cut", {"words": count, "limit": MAX_WORDS}).text(self.language))
        self._say(row, said)
        return Read(source, row, clip.samples if heard else None, said)

    def _long(self, source: Source, row: dict, recording) -> Read:
        """Judge a long recording stretch by stretch, as the app does; words without times leave its voice alone."""
        given = None if self.recognise and not source.text else NOTHING_SAID
        found = long_form.analyse(self.predictor, recording, transcript=given).summary()
        row["duration"] = recording.duration
        row["warnings"] = [notice.text(self.language) for notice in found.notices]
        self._say(row, found.transcript)
        for column, name in COLUMN_MODALITIES.items():
            _put(row, column, getattr(found, name).probabilities)
        return Read(source, row | {"conflict": found.conflict}, done=True)

    @staticmethod
    def _say(row: dict, said: Transcript) -> None:
        row |= {"transcript": said.text, "transcript_by": said.recogniser or said.source, "language": said.language}

    @torch.inference_mode()
    def judge(self, group: Sequence[Read]) -> list[dict]:
        """Return the rows of recordings that were read, in one pass of each model."""
        open_ = [one for one in group if not one.done]
        bundle, heat = self.predictor.bundle, self.predictor.bundle.config.calibration
        voiced = [i for i, one in enumerate(open_) if one.samples is not None and bundle.audio_encoder]
        spoken = [i for i, one in enumerate(open_) if words(one.transcript.text) and bundle.text_encoder]
        voice = self._voice([open_[i].samples for i in voiced]) if voiced else None
        spans = [words(open_[i].transcript.text)[:MAX_WORDS] for i in spoken]
        text = self.predictor.encode_texts(spans) if spoken else None
        found: dict[str, dict[int, dict]] = {column: {} for column in COLUMN_MODALITIES}
        for column, rows, encoded, temperature in (
            ("voice", voiced, voice, heat.audio),
            ("words", spoken, text, heat.text),
        ):
            if encoded is not None:
                found[column] = dict(zip(rows, _named(encoded.logits, temperature), strict=True))
        both = [i for i in voiced if i in set(spoken)]
        if both and bundle.fusion:
            left = _rows(voice, [voiced.index(i) for i in both])
            right = _rows(text, [spoken.index(i) for i in both])
            found["both"] = dict(zip(both, _named(bundle.fuse(left, right).logits, heat.bimodal), strict=True))
        for i, one in enumerate(open_):
            for column, rows in found.items():
                _put(one.row, column, rows.get(i))
            branches = [ModalityResult(found[column].get(i)) for column in ("voice", "words")]
            one.row["conflict"] = self.predictor.conflict(*branches)
        return [one.row for one in group]

    def _voice(self, samples: list[np.ndarray]) -> EncoderOutput:
        rows = [torch.from_numpy(self.predictor.bundle.audio_features(one)) for one in samples]  # (Tᵢ, …)
        longest = max(len(row) for row in rows)
        features = rows[0].new_zeros((len(rows), longest, *rows[0].shape[1:]))  # (N, T, …)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)  # (N, T)
        for i, row in enumerate(rows):
            features[i, : len(row)], mask[i, : len(row)] = row, True
        return self.predictor.bundle.audio_encoder(features=features, mask=mask)


def rows(judge: Judge, given: Sequence[Source], size: int = BATCH) -> Iterator[list[dict]]:
    """Judge recordings batch by batch; the next are read in a thread of their own meanwhile."""
    groups = batches(given, size)
    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        coming = [pool.submit(lambda g=group: [judge.read(one) for one in g]) for group in groups[:AHEAD]]
        for number in range(len(groups)):
            read = coming.pop(0).result()
            if number + AHEAD < len(groups):
                coming.append(pool.submit(lambda g=groups[number + AHEAD]: [judge.read(one) for one in g]))
            yield judge.judge(read)


# --- the run journal and the table -----------------------------------------------------------------------------------


class RunJournal:
    """Finished rows, on the disk after each batch: one line a row, below a line that says what the run is."""

    def __init__(self, out: Path, settings: dict):
        self.path = out.with_name(f".{out.name}.journal")
        head = json.dumps(settings, sort_keys=True, ensure_ascii=False)
        self.rows: dict[str, dict] = {}
        good = 0  # bytes that are whole
        if self.path.exists():
            content = self.path.read_bytes()
            lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)  # a broken last line is no row
            if lines and lines[0].decode() != head + "\n":
                raise InputError("batch-other", file=str(self.path))
            for line in lines[1:]:
                row = json.loads(line)
                self.rows[row["path"]] = row
            good = sum(map(len, lines))
        with _writing(self.path):
            self._file = self.path.open("ab")
            self._file.truncate(good)
            if not good:
                self._write(head)

    def add(self, found: Iterable[dict]) -> None:
        """Keep rows; they are on the disk when this returns."""
        with _writing(self.path):
            for row in found:
                self._write(json.dumps(row, ensure_ascii=False))
                self.rows[row["path"]] = row
            self._file.flush()
            os.fsync(self._file.fileno())

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n".encode())

    def close(self, *, finished: bool) -> None:
        """Close the file, and remove it when the table stands."""
        self._file.close()
        if finished:
            self.path.unlink()


def write(found: Sequence[dict], out: Path) -> None:
    """Write the table, whole or not at all, in the format of its ending."""
    part = out.with_name(f".{out.name}.part")
    with _writing(out):
        try:
            part.write_bytes(_table(found, out.suffix.lower()))
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def _table(found: Sequence[dict], ending: str) -> bytes:
    if ending == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found).encode()
    if ending == ".csv":
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
        table.writeheader()
        for row in found:
            flat = row | {"warnings": " ".join(row["warnings"])}
            table.writerow({name: guard(value) if isinstance(value, str) else value for name, value in flat.items()})
        return text.getvalue().encode()
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise InputError("batch-no-parquet") from error
    number, text = pa.float64(), pa.string()
    texts = {"path", "sha256", "transcript", "transcript_by", "language", "error", "checkpoint"}
    kinds = {name: text if name in texts else pa.list_(text) if name == "warnings" else number for name in COLUMNS}
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(found), pa.schema(kinds.items())), held)
    return held.getvalue()


def settings_of(checkpoint: str, bundle, recogniser: str | None) -> dict:
    """Return what decides the rows of a run, so that another's journal is not taken for its own."""
    weights = hashlib.sha256()
    for part in (bundle.audio_encoder, bundle.text_encoder, bundle.fusion):
        for name, tensor in sorted(part.state_dict().items()) if part else ():
            weights.update(name.encode())
            weights.update(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else b"")
    return {"checkpoint": checkpoint, "weights": weights.hexdigest()[:16], "recogniser": recogniser or "none"}


def run(
    given: Sequence[Source],
    out: Path,
    settings: dict,
    work: Callable[[Sequence[Source]], Iterator[list[dict]]],
    progress: Callable[[int, int, int], None] = lambda done, failed, total: None,
    *,
    replace: bool = False,
) -> tuple[int, list[dict]]:
    """Judge what the journal lacks, and write the table; returns how many rows, and those with an error.

    Raises InputError when the table is there already, can't be written, or the journal is another run's.
    """
    if out.suffix.lower() not in FORMATS:
        raise InputError("batch-format", file=str(out), formats=", ".join(FORMATS))
    if out.exists() and not replace:
        raise InputError("export-exists", file=str(out))
    with _writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    journal, finished = RunJournal(out, settings), False
    try:
        left = [source for source in given if source.path not in journal.rows]
        failed = sum(bool(row["error"]) for row in journal.rows.values())
        progress(len(journal.rows), failed, len(given))
        for found in work(left) if left else ():
            journal.add(found)
            failed += sum(bool(row["error"]) for row in found)
            progress(len(journal.rows), failed, len(given))
        whole = [journal.rows[source.path] for source in given]
        write(whole, out)
        finished = True
    finally:
        journal.close(finished=finished)
    return len(whole), [row for row in whole if row["error"]]


class _writing:
    """Says in words what can't be written."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, OSError):
            raise InputError("export-failed", file=str(self.path), reason=error.strerror or str(error)) from error


def _named(logits: torch.Tensor, temperature: float) -> list[dict[str, float]]:
    return [named(row) for row in torch.softmax(logits.double() / temperature, dim=-1).tolist()]


def _rows(encoded: EncoderOutput, chosen: list[int]) -> EncoderOutput:
    return EncoderOutput(*(getattr(encoded, name)[chosen] for name in ("hidden", "mask", "logits", "attention")))


def _put(row: dict, column: str, probabilities: dict[str, float] | None) -> None:
    for name in EMOTIONS:
        row[f"{column}_{name}"] = probabilities[name] if probabilities else None
