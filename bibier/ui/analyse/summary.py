"""Prediction → what is said about it in words: one sentence, how sure, whether voice and words agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from bibier.i18n.messages import Message
from bibier.i18n.page import STRINGS, decimal, percent, say
from bibier.inference.prediction import denies
from bibier.labels import NAMES

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import ModalityResult, Prediction

BARELY = 0.10  # a lead below this is a tie to a reader
UNCLEAR = 0.35  # a winner below this is wrong about two times in three (chance is 0.14): no winner
EVEN = 0.50  # a winner below this is wrong more often than right, and is never called fairly sure
CLEAR = 0.65  # a calibrated winner is right about two times in three from here on
DISAGREE = 0.20  # bits of Jensen–Shannon divergence; two winners of 60 % on different emotions stand about 0.3 apart


@dataclass(frozen=True)
class Badge:
    """Whether voice and words agree; `technical` is the figure behind it.

    `kind` is "agree", "differ", "disagree", or "rough": the words are a rough recogniser's.
    """

    kind: str
    text: str
    technical: str


@dataclass(frozen=True)
class Verdict:
    """What a person reads first; `notices` (what is wrong with the recording) stand before everything.

    Where voice and words disagree, that is the sentence, and what both together say stands `below`.
    """

    notices: tuple[str, ...]
    sentence: str
    sure: str
    badge: Badge | None
    winner: str | None  # the emotion that the sentence names, for its colour
    took: str
    below: str = ""
    rough: Badge | None = None

    def value(self) -> dict[str, object]:
        """Return plain values for the browser."""
        return asdict(self)


def ranked(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    """Order emotions by probability, largest first."""
    return sorted(probabilities.items(), key=lambda item: -item[1])


def deciding(prediction: Prediction) -> tuple[str, dict[str, float]] | None:
    """Name the branch whose word counts: both together, else the voice, else the words; what may be relied on first."""
    results: dict[str, ModalityResult] = {name: getattr(prediction, name) for name in ("bimodal", "audio", "text")}
    for name, result in sorted(results.items(), key=lambda item: not item[1].reliable):  # stable
        if result.probabilities is not None:
            return name, result.probabilities
    return None


def _unclear(probabilities: dict[str, float] | None) -> bool:
    return probabilities is not None and max(probabilities.values()) < UNCLEAR


def _what(first: tuple[str, float], second: tuple[str, float]) -> str:
    if first[1] < UNCLEAR:
        return "what_unclear"
    if first[1] - second[1] < BARELY:
        return "what_barely"
    return "what_clear" if first[1] >= CLEAR else "what_likely"


def badge(prediction: Prediction, language: str, *, rough: bool = False) -> Badge | None:
    """Say whether voice and words agree; None when one of them is missing.

    Words of a `rough` recogniser contradict nobody: what differs may be a mistake of its own.
    """
    voice, words, conflict = prediction.audio.probabilities, prediction.text.probabilities, prediction.conflict
    if voice is None or words is None or conflict is None:
        return None
    technical = say("divergence", language, value=decimal(conflict, language))
    (heard, p), (read, q) = ranked(voice)[0], ranked(words)[0]
    if conflict < DISAGREE:
        kind = "agree" if heard == read else "differ"
        return Badge(kind, say(kind, language), technical)
    if rough and heard != read:
        return None
    if heard == read:
        return Badge("differ", say("strength", language), technical)
    if min(p, q) < UNCLEAR:  # who says nothing clear does not contradict
        return Badge("differ", say("vague_voice" if p < q else "vague_words", language), technical)
    names = NAMES[language]
    return Badge("disagree", say("disagree", language, voice=names[heard], words=names[read]), technical)


def duration(seconds: float, language: str) -> str:
    """0.0123 → "12 ms"; 2.34 → "2.3 s"."""
    if seconds < 1:
        return say("unit_ms", language, value=max(1, round(1000 * seconds)))
    return say("unit_s", language, value=decimal(seconds, language, 1))


def timings(seconds: dict[str, float], language: str) -> str:
    """One small line with the whole time and each stage that a reader knows by name."""
    if not seconds:
        return ""
    parts = [
        f"{say(f'time_{stage}', language)}\u00a0{duration(value, language)}"
        for stage, value in seconds.items()
        if f"time_{stage}" in STRINGS
    ]
    total = duration(sum(seconds.values()), language)
    return say("took", language, total=total, stages=" · ".join(parts))


def headline(prediction: Prediction, language: str) -> str:
    """Say what the words express and what the voice: "Happy words in a sad voice."."""
    voice, words = prediction.audio.probabilities, prediction.text.probabilities
    assert voice is not None and words is not None, "one of the two is missing"
    heard, read = (ranked(probabilities)[0][0] for probabilities in (voice, words))
    return say("odds", language, words=say(f"words_{read}", language), voice=say(f"voice_{heard}", language))


def verdict(prediction: Prediction, language: str, *, extra: tuple[Message, ...] = (), rough: bool = False) -> Verdict:
    """Sum a prediction up in words.

    `extra` are notices that arose outside the predictor; `rough`: a recogniser wrote the words that often errs.
    """
    rough = rough and prediction.transcript.source == "recogniser" and bool(prediction.transcript.text.strip())
    mark = Badge("rough", say("rough_words", language), say("rough_words_is", language)) if rough else None
    notices = tuple(notice.text(language) for notice in (*extra, *prediction.notices))
    took = timings(prediction.timings, language)
    decided = deciding(prediction)
    if decided is None:
        return Verdict(notices, say("verdict_none", language), "", None, None, took, rough=mark)
    branch, probabilities = decided
    first, second, *_ = ranked(probabilities)
    names = NAMES[language]
    if not getattr(prediction, branch).reliable:
        doubts = (prediction.audio.doubt, prediction.text.doubt)  # the sentence tells of them
        rest = tuple(notice.text(language) for notice in (*extra, *prediction.notices) if notice not in doubts)
        kind = f"{'negated' if branch != 'audio' and denies(prediction.text) else 'unlike'}_{branch}"
        sentence, below = say(f"verdict_{kind}", language), say(f"sure_{kind}", language)
        return Verdict(rest, sentence, below, None, None, took, rough=mark)
    neither = (
        branch == "bimodal" and _unclear(prediction.audio.probabilities) and _unclear(prediction.text.probabilities)
    )
    what = "what_unclear" if neither else _what(first, second)
    sentence = say(what, language, first=names[first[0]], second=names[second[0]])
    sure = {"what_clear": "sure_high", "what_likely": "sure_fair"}.get(what, "sure_low")
    if first[1] < EVEN:
        sure = "sure_low"
    together = say(f"verdict_{branch}", language, what=sentence)
    agreement = badge(prediction, language, rough=rough)
    at_odds = agreement is not None and agreement.kind == "disagree" and branch == "bimodal"
    if agreement is not None and at_odds:  # the sentence says what each of them expresses
        agreement = replace(agreement, text=say("at_odds", language))
    return Verdict(
        notices=notices,
        sentence=headline(prediction, language) if at_odds else together,
        below=together if at_odds else "",
        rough=mark,
        sure=say(
            sure,
            language,
            first=names[first[0]],
            second=names[second[0]],
            p=percent(first[1], language),
            q=percent(second[1], language),
        ),
        badge=agreement,
        winner=None if what == "what_unclear" else first[0],
        took=took,
    )
