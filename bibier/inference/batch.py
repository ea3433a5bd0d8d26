"""A folder or a manifest → a table: a row for each recording, judged in batches of like lengths.

Finished rows are kept in the run journal beside the table: a run that was killed goes on without repeating any.
N recordings of a batch, 7 emotions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bibier.audio.channels import AUTO, MIX
from bibier.audio.format import LONG_SECONDS
from bibier.audio.long_recording import Recording
from bibier.checkpoint.bundle import Bundle
from bibier.errors import Cancelled, InputError, fault_of, let_go
from bibier.features.char_ngrams import words
from bibier.files import sha256
from bibier.i18n.messages import Message
from bibier.inference import embeddings
from bibier.inference.batch_inputs import BATCH, BatchInput, group_inputs
from bibier.inference.batch_inputs import list_inputs as list_inputs  # the way in
from bibier.inference.judge import as_whole, given, read_sound
from bibier.inference.long_form import analyse
from bibier.inference.prediction import NOTHING_SAID, ModalityResult, denies, judged
from bibier.inference.predictor import MAX_WORDS, Predictor, probabilities
from bibier.inference.run_journal import (
    COLUMN_MODALITIES,
    COLUMNS,
    DIGEST,
    FORMATS,
    INPUT,
    RunJournal,
    write_table,
    writing,
)
from bibier.labels import EMOTIONS
from bibier.models.encoder_output import EncoderOutput
from bibier.transcript import Transcript

AHEAD = 2  # batches that are read while one is judged


@dataclass(frozen=True)
class PreparedInput:
    """A recording that was read: ready to be judged, or its row already where it can't be or is long."""

    row: dict
    samples: np.ndarray | None = None  # (n,) float32 at 16 kHz; None: not to be judged by its voice
    transcript: Transcript = NOTHING_SAID
    done: bool = False


class BatchPredictor:
    """Reads recordings and judges them in batches with one predictor.

    Parameters
    ----------
    predictor
        Its recogniser is asked where no words are given.
    recognise
        Whether words are recognised at all.
    name
        Of the checkpoint, as the rows tell it.
    language
        Of the sentences in the rows.
    embedded
        Whether rows hold the encoders' vectors too, see `embeddings`.
    between
        Called between the segments of a long recording.
    failed
        Called with what is wrong with a recording, before its row says it.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        recognise: bool,
        name: str,
        language: str = "en",
        embedded: bool = False,
        between: Callable[[], None] = lambda: None,
        failed: Callable[[InputError], None] = lambda _: None,
    ):
        self.predictor, self.recognise, self.name, self.language = predictor, recognise, name, language
        self.embedded, self.between, self.failed = embedded, between, failed

    def prepare(self, item: BatchInput) -> PreparedInput:
        """Decode one recording and get its words; what can't be used has its reason in the row, whatever it is."""
        row = dict.fromkeys(COLUMNS) | {"path": item.shown, "checkpoint": self.name}
        row |= {"warnings": [], "error": "", "channel": item.channel if item.each else None}
        row |= {INPUT: item.key, DIGEST: item.digest}
        try:
            return self._prepare(item, row)
        except InputError as error:
            return PreparedInput(row | {"error": self._reason(as_whole(error, item.text), row)}, done=True)
        except Cancelled:
            raise
        except Exception as error:  # whatever one file breaks is that file's row: the others are judged
            return PreparedInput(row | {"error": self._reason(error, row)}, done=True)

    def _prepare(self, item: BatchInput, row: dict) -> PreparedInput:
        try:
            row["sha256"] = sha256(Path(item.path))
            clip = read_sound(item.path, item.text, channel=item.channel)
            if isinstance(clip, Recording):
                return self._long(item, row, clip)
        except OSError as error:
            closed = InputError("audio-closed", prefix="", reason=error.strerror or str(error))
            return PreparedInput(row | {"error": self._reason(closed, row)}, done=True)
        row |= {"duration": clip.duration, "channel": str(clip.channel or MIX)}
        warnings = [notice.text(self.language) for notice in clip.notices]
        if clip.duration > LONG_SECONDS:
            warnings.append(Message("audio-long", {"seconds": clip.duration}).text(self.language))
        speech = clip.speech and clip.long_enough
        transcript = given(item.text) or NOTHING_SAID
        if item.text is None and self.recognise and self.predictor.recogniser is not None and speech:
            try:
                transcript = self.predictor.recogniser(clip.samples)
            except InputError as error:
                warnings.append(error.text(self.language))
        transcript = replace(transcript, text=self.predictor.bundle.prepare_text(transcript.text))
        notices = self.predictor.transcript_notices(transcript, len(words(transcript.text)))
        warnings += [notice.text(self.language) for notice in notices]
        row |= {"warnings": warnings} | _words_of(transcript)
        return PreparedInput(row, clip.samples if speech else None, transcript)

    def _long(self, item: BatchInput, row: dict, recording: Recording) -> PreparedInput:
        """Judge a long recording segment by segment, as the app does."""
        transcript = given(item.text) if self.recognise else NOTHING_SAID
        timeline = analyse(self.predictor, recording, transcript=transcript, progress=lambda *_: self.between())
        summary = timeline.summary()
        row |= {"duration": recording.duration, "channel": str(recording.channel or MIX)}
        row |= {"conflict": summary.conflict} | _words_of(summary.transcript)
        row["warnings"] = [notice.text(self.language) for notice in summary.notices]
        for column, modality in COLUMN_MODALITIES.items():
            row |= _cells(column, getattr(summary, modality).probabilities)
        row |= {"voice_ood": summary.audio.ood, "words_ood": summary.text.ood, "words_negated": denies(summary.text)}
        return PreparedInput(row, done=True)

    def predict(self, group: Sequence[PreparedInput]) -> list[dict]:
        """Return the rows of recordings that were read, in one pass of each model.

        Where that fails each is judged alone, and has its reason in the row if it fails again.
        """
        try:
            return self._predict(group)
        except Cancelled:
            raise
        except Exception as error:  # as in `prepare`
            if len(group) > 1:
                return [self.predict([prepared])[0] for prepared in group]
            (prepared,) = group
            return [prepared.row | {"error": self._reason(error, prepared.row)}]

    def _reason(self, error: Exception, row: dict) -> str:
        fault = fault_of(error, row["path"])
        let_go(error)
        self.failed(fault)
        return fault.text(self.language).encode("utf-8", "backslashreplace").decode()

    @torch.inference_mode()
    def _predict(self, group: Sequence[PreparedInput]) -> list[dict]:
        waiting = [prepared for prepared in group if not prepared.done]
        bundle, calibration = self.predictor.bundle, self.predictor.bundle.config.calibration
        by_column: dict[str, dict[int, dict[str, float]]] = {column: {} for column in COLUMN_MODALITIES}
        clips = {i: item.samples for i, item in enumerate(waiting) if item.samples is not None and bundle.audio_encoder}
        spans = {i: words(item.transcript.text)[:MAX_WORDS] for i, item in enumerate(waiting) if bundle.text_encoder}
        spans = {i: text for i, text in spans.items() if text}
        sound = self.predictor.encode_clips(list(clips.values())) if clips else None
        text = self.predictor.encode_texts(list(spans.values())) if spans else None
        if sound is not None:
            by_column["voice"] = dict(zip(clips, probabilities(sound.logits, calibration.audio), strict=True))
        read: dict[int, ModalityResult] = {}
        if text is not None:
            read = dict(zip(spans, self.predictor.judge_words(list(spans.values()), text), strict=True))
            by_column["words"] = {i: result.probabilities for i, result in read.items() if result.probabilities}
        voice_scores = dict(zip(clips, bundle.score_voice(sound) or (), strict=False)) if sound else {}
        both = [i for i in clips if i in spans]
        if sound is not None and text is not None and both and bundle.fusion:
            logits = self.predictor.fuse(_rows(sound, list(clips), both), _rows(text, list(spans), both))
            by_column["both"] = dict(zip(both, probabilities(logits, calibration.bimodal), strict=True))
        for column, output, order in (("voice", sound, clips), ("words", text, spans)) if self.embedded else ():
            for i, vector in zip(order, embeddings.pooled(output).tolist() if output else (), strict=False):
                waiting[i].row.setdefault(embeddings.KEY, {})[column] = vector
        for i, prepared in enumerate(waiting):
            for column, results in by_column.items():
                prepared.row.update(_cells(column, results.get(i)))
            heard = by_column["voice"].get(i)
            voice = judged(heard, voice_scores.get(i), "voice-unlike") if heard else ModalityResult(None)
            said = read.get(i, ModalityResult(None))
            prepared.row["conflict"] = self.predictor.conflict(voice, said)
            scores = {"voice_ood": voice.ood, "words_ood": said.ood, "words_negated": denies(said)}
            prepared.row.update(scores)
            doubts = [result.doubt.text(self.language) for result in (voice, said) if result.doubt]
            prepared.row["warnings"] = [*prepared.row["warnings"], *doubts]
        return [prepared.row for prepared in group]


def _words_of(transcript: Transcript) -> dict[str, str]:
    by = transcript.recogniser or transcript.source
    return {"transcript": transcript.text, "transcript_by": by, "language": transcript.language}


def _cells(column: str, by_emotion: dict[str, float] | None) -> dict[str, float | None]:
    return {f"{column}_{emotion}": by_emotion[emotion] if by_emotion else None for emotion in EMOTIONS}


def _rows(output: EncoderOutput, indices: list[int], chosen: list[int]) -> EncoderOutput:
    """Return the rows of an output, whose rows have these indices, that are chosen."""
    rows = [indices.index(i) for i in chosen]
    return output.map(lambda part: part[rows])


def predict_rows(predictor: BatchPredictor, inputs: Sequence[BatchInput], size: int = BATCH) -> Iterator[list[dict]]:
    """Judge recordings batch by batch; the next are read in a thread of their own meanwhile."""
    groups = group_inputs(inputs, size)

    def prepare(group: list[BatchInput]) -> list[PreparedInput]:
        return [predictor.prepare(item) for item in group]

    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        coming: list[Future[list[PreparedInput]]] = [pool.submit(prepare, group) for group in groups[:AHEAD]]
        for number in range(len(groups)):
            prepared = coming.pop(0).result()
            if number + AHEAD < len(groups):
                coming.append(pool.submit(prepare, groups[number + AHEAD]))
            yield predictor.predict(prepared)


# --- the run ---------------------------------------------------------------------------------------------------------


def run_settings(
    checkpoint: str,
    bundle: Bundle,
    recogniser: str | None,
    *,
    embedded: bool = False,
    channel: str = AUTO,
    language: str = "en",
    profile: str = "exact",
) -> dict[str, str]:
    """Return what decides the rows of a run, so that another's journal is not taken for its own.

    What decides a single row, its words and its file, is in the row (`BatchInput.digest`).
    """
    weights = hashlib.sha256()
    for part in (bundle.audio_encoder, bundle.text_encoder, bundle.fusion, bundle.ood_score):
        for name, tensor in sorted(part.state_dict().items()) if part else ():
            weights.update(name.encode())
            weights.update(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.dim() else b"")
    weights.update(repr(bundle.config).encode())  # temperatures and extractors decide as much as weights do
    settings = {"checkpoint": checkpoint, "weights": weights.hexdigest()[:16], "recogniser": recogniser or "none"}
    settings |= {"embeddings": "yes"} if embedded else {}
    settings |= {"language": language} if language != "en" else {}
    settings |= {"profile": profile} if profile != "exact" else {}
    return settings | ({"channel": channel} if channel != AUTO else {})


def run(
    inputs: Sequence[BatchInput],
    out: Path,
    settings: dict[str, str],
    work: Callable[[Sequence[BatchInput]], Iterator[list[dict]]],
    progress: Callable[[int, int, int], None] = lambda done, failed, total: None,
    *,
    replace: bool = False,
    excel: bool = False,
    embeddings_out: Path | None = None,
) -> tuple[int, list[dict]]:
    """Judge what the run journal lacks, and write the table; returns how many rows, and those with an error.

    The rows' vectors, if they have any, are written to `embeddings_out`. With `excel` a CSV begins with a mark.
    Raises InputError when the table is there already, can't be written, or the journal is another run's.
    """
    if out.suffix.lower() not in FORMATS:
        raise InputError("batch-format", file=str(out), formats=", ".join(FORMATS))
    if out.exists() and not replace:
        raise InputError("export-exists", file=str(out))
    if embeddings_out is not None:
        embeddings.check_format(embeddings_out, replace=replace)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    journal, finished = RunJournal(out, settings), False
    try:
        left = [item for item in inputs if not journal.finished(item.key, item.digest)]
        waiting = {item.key for item in left}
        done = [row for key, row in journal.rows.items() if key not in waiting]
        count, failed = len(done), sum(bool(row["error"]) for row in done)
        progress(count, failed, len(inputs))
        for rows in work(left) if left else ():
            journal.add(rows)
            count, failed = count + len(rows), failed + sum(bool(row["error"]) for row in rows)
            progress(count, failed, len(inputs))
        table = [journal.rows[item.key] for item in inputs]
        if embeddings_out is not None:
            embeddings.write(table, embeddings_out)
        inner = (embeddings.KEY, INPUT, DIGEST)
        table = [{name: cell for name, cell in row.items() if name not in inner} for row in table]
        write_table(table, out, excel=excel)
        finished = True
    finally:
        journal.close(finished=finished)
    return len(table), [row for row in table if row["error"]]
