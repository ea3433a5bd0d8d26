"""What the page's Copy, Download and several files at once ask for, apart from Gradio."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bibier.asr.recognisers import Choice
from bibier.audio.format import MAX_SECONDS
from bibier.audio.long_recording import read
from bibier.errors import InputError, LoadError
from bibier.exports import ENDINGS
from bibier.exports.formats import export
from bibier.exports.segments import UNSURE
from bibier.file_names import printable
from bibier.i18n.messages import LANGUAGES, Message, in_every_language
from bibier.i18n.page import percent
from bibier.inference.queue import BUSY
from bibier.labels import EMOTIONS, NAMES
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.client import ClientContext
from bibier.ui.inference import inference, sentence

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.batch import BatchPredictor

LONGEST_NAME = 200  # characters of a file's name
POINTS = 1200  # of a contour, over the whole clip
MODALITIES = ("both", "voice", "words")  # of a row; the first of them that says something is its headline


class ExportedFile(TypedDict):
    """A file for the browser to save."""

    name: str
    text: str


class BatchRow(TypedDict, total=False):
    """One of several recordings: what each modality says in a word, what was said, and its line of the table.

    What the page says is there in every language.

    `error` stands alone; `passing` is whether the same may be asked again. `nothing` is why no modality says anything.
    """

    both: dict[str, str]
    voice: dict[str, str]
    words: dict[str, str]
    emotion: str
    nothing: dict[str, str]
    transcript: str
    head: str
    line: str
    error: dict[str, str]
    passing: bool


class ContourValue(TypedDict):
    """A clip's waveform in per cent, level in dBFS, pitch in Hz (None without a voice), evenly over `seconds`."""

    seconds: float
    peaks: list[int]
    level: list[float]
    pitch: list[float | None]


@dataclass(frozen=True)
class ResultHandlers:
    """The handlers. One per app: which result a tab shows, the caches of the Analyse tab know.

    Parameters
    ----------
    analysing
        Of clips.
    long
        Of long recordings.
    """

    analysing: AnalyseHandlers
    long: LongFormHandlers

    def export(self, name: object, context: ClientContext) -> ExportedFile:
        """Write what the tab shows in a format of `exports.ENDINGS`. Raises InputError."""
        from bibier.inference.judge import judged_json

        language = context.theme.language
        if not isinstance(name, str) or name not in ENDINGS:
            raise InputError("exported-result", where="format")
        recording, state = (
            self.long.cache.get(context.token, context.owner),
            self.analysing.cache.get(context.token, context.owner),
        )
        if recording is not None and recording.results:
            result, clip = recording.timeline(), recording.clip
        elif state is not None:
            result, clip = state.prediction, state.clip or ""
        else:
            raise InputError("exported-nothing")
        file = printable(Path(clip).name)[:LONGEST_NAME]
        facts = {"file": file} | judged_json(result, language)
        text = export(facts, name, file=file, language=language, duration=result.duration)
        return {"name": f"{Path(file).stem or 'bibier'}{ENDINGS[name]}", "text": text}

    def contour(self, path: str, context: ClientContext) -> ContourValue:
        """Return how loud and how high a clip is over time, in its turn; `path` is known to be the visitor's own.

        Stopped by the id of its request. Raises InputError when it can't be read, is too long to be drawn, or the queue
        is full; Cancelled.
        """
        from bibier.features.contour import contour

        with inference(self.analysing.services.queue, context, "contour", tab=context.request or "") as run:
            run.wait()
            with run.interruptible():
                recording = read(path, limit=MAX_SECONDS)
                samples = recording.part(0, recording.duration)
                level, pitch = contour(samples).points(POINTS)
        return {
            "seconds": recording.duration,
            "peaks": [round(100 * float(peak)) for peak in recording.peaks(POINTS)],
            "level": [round(float(value), 1) for value in level],
            "pitch": [None if math.isnan(value) else round(float(value), 1) for value in pitch],
        }

    def judge(self, path: str, name: object, context: ClientContext) -> BatchRow:
        """Judge one of several recordings by the rules of `bibier batch`, in its turn; whatever it is has its row.

        `path` is known to be the visitor's own. Stopped by the id of its request.
        """
        shown = name[:LONGEST_NAME].encode(errors="replace").decode() if isinstance(name, str) else ""
        choice = next(choice for choice in self.analysing.services.recognisers() if choice.ready)
        try:
            with inference(self.analysing.services.queue, context, "batch", tab=context.request or "") as run:
                run.listen(choice)
                run.wait()
                run.stage("batch")
                faults: list[InputError] = []
                predictor = self._predictor(context, choice, run.pass_turn, faults.append)
                with run.interruptible():
                    return self._row(predictor, path, shown, faults)
        except (InputError, LoadError) as error:
            text, passing = partial(sentence, error), isinstance(error, InputError) and error.key in BUSY
            return {"error": in_every_language(text), "passing": passing}

    def _predictor(
        self,
        context: ClientContext,
        choice: Choice,
        between: Callable[[], None],
        failed: Callable[[InputError], None],
    ) -> BatchPredictor:
        from bibier.inference.batch import BatchPredictor

        language = context.theme.language
        predictor = self.analysing.reader(language, context.checkpoint)(choice.name)
        title = self.analysing.title(context.checkpoint)
        recognise = choice.name != "none"
        return BatchPredictor(
            predictor, recognise=recognise, name=title, language=language, between=between, failed=failed
        )

    @staticmethod
    def _row(predictor: BatchPredictor, path: str, shown: str, faults: list[InputError]) -> BatchRow:
        """Judge a recording; the predictor puts into `faults` what is wrong with it."""
        from bibier.inference.batch import BatchInput
        from bibier.inference.run_journal import COLUMNS, csv_lines

        prepared = predictor.prepare(BatchInput(path, None))
        own = str(prepared.row["path"])
        row = predictor.predict([prepared])[0]
        row |= {"path": shown, "error": row["error"].replace(own, shown)}  # nobody needs the server's own name
        head, line = csv_lines([{name: row[name] for name in COLUMNS}])
        if row["error"]:
            error = in_every_language(lambda language: reason(faults[-1], own, shown, language))
            return {"error": error, "passing": False, "head": head, "line": line}
        texts = {column: in_every_language(partial(headline, row, column)) for column in MODALITIES}
        judged = next((column for column in MODALITIES if texts[column][LANGUAGES[0]] not in ("—", UNSURE)), None)
        emotion = winner(row, judged) if judged else ""
        judges_voice = predictor.predictor.bundle.audio_encoder is not None
        silent: BatchRow = {}
        if all(text[LANGUAGES[0]] == "—" for text in texts.values()):
            silent["nothing"] = in_every_language(Message("not-judged" if judges_voice else "no-words").text)
        return silent | {
            "both": texts["both"],
            "voice": texts["voice"],
            "words": texts["words"],
            "emotion": emotion,
            "transcript": str(row["transcript"] or "")[:1000],
            "head": head,
            "line": line,
        }


def reason(fault: InputError, path: str, shown: str, language: str) -> str:
    """Say what is wrong with a recording, without its name, which stands beside, and without the server's."""
    text = fault.text(language).encode("utf-8", "backslashreplace").decode().replace(path, shown)
    return text.removeprefix(f"{shown}: ").removeprefix(f"{Path(path).name}: ")


def winner(row: dict[str, object], column: str) -> str:
    """Return the likeliest emotion of a row's modality."""
    shares = {emotion: row[f"{column}_{emotion}"] for emotion in EMOTIONS}
    return max(EMOTIONS, key=lambda emotion: _number(shares[emotion]))


def headline(row: dict[str, object], column: str, language: str) -> str:
    """Say what one modality of a row says: "sadness 62%", "?" where it can't tell, "—" where it says nothing."""
    if row[f"{column}_neutral"] is None:
        return "—"
    heard = {"both": ("voice", "words"), "voice": ("voice",), "words": ("words",)}[column]
    if any(_number(row[f"{one}_ood"]) > 1 for one in heard) or ("words" in heard and row["words_negated"]):
        return UNSURE
    emotion = winner(row, column)
    return f"{NAMES[language][emotion]} {percent(_number(row[f'{column}_{emotion}']), language)}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
