"""`train generalise`: fit what is missing, and write the tables of voice, words and both as one Markdown file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bibier.errors import CorpusError
from bibier.files import atomic_write
from train.augment.channels import CHANNELS
from train.evaluate import generalisation, matched_pairs
from train.evaluate.confusion_matrix import draw_confusions
from train.evaluate.generalisation import CorpusFigures
from train.evaluate.matched_pairs import PairFigures
from train.experiment.left_out import CORPORA, GROUPS, KEPT, LeftOut, corpus_folds, group_folds, left_out
from train.experiment.recipe import Recipe
from train.experiment.sources import audio_source, text_source
from train.metrics import Interval

PARTS = {"voice": ("audio",), "words": ("text",), "both": ("audio", "text")}  # what each needs
TITLES = {
    ("audio", CORPORA): "Voice: corpora left out",
    ("audio", GROUPS): "Voice: unseen speakers of the corpora that it learnt from",
    ("text", CORPORA): "Words: corpora left out, each with those that repeat or translate it",
    ("text", GROUPS): "Words: unseen dialogues of the corpora that they learnt from",
}
NAMES = {"audio": "voice", "text": "words"}
CHANNEL_NAMES = {"gsm": "GSM", "g711": "G.711"}
READING = """\
UAR in per cent: the largest of the classes that the corpus has; "of seven": the largest of all seven. Mean ± standard
deviation (n − 1) over seeds, in brackets the 95 % interval of the mean by bootstrap over {groups} ({draws:,} draws).
ECE: of all seven, calibrated with a temperature of the other corpora, each weighing the same; resampling raises it, so
its interval leans upwards.
"""
PAIRS = """\
A clip and a text of one label, balanced over the emotions, {pairs} of each in {drawn} draws; read by the encoders of
the tables above. What the recipe doesn't set of the pool and the temperatures was fitted on the other corpora's voices
and on one half of the texts; judged are the corpus's voices and the other half. Words and product are without the class
prior: the pairs are balanced.
"""


@dataclass(frozen=True)
class Generalisation:
    """What was judged; None where a source could not be read, with the reason."""

    recipe: Recipe
    seeds: Sequence[int]
    parts: dict[str, LeftOut | None]  # by modality
    reasons: dict[str, str]


def generalise(
    recipe: Recipe,
    data: Path,
    seeds: Sequence[int],
    *,
    only: str = "both",
    fit: bool = True,
    keep: Path = KEPT,
    report: Callable[[str], None] = lambda line: None,
) -> Generalisation:
    """Judge left-out corpora and unseen speakers; what `only` doesn't need is taken from what is kept, and not fitted.

    `keep` is a folder that answers are written to, and read from beside `left_out.KEPT`.

    Raises CorpusError where a corpus that is needed can't be read.
    """
    parts: dict[str, LeftOut | None] = {}
    reasons = {}
    for modality, read in (("audio", audio_source), ("text", text_source)):
        needed = modality in PARTS[only]
        readable = recipe if fit and needed else _without_copies(recipe)
        try:
            source = read(readable, data, report)
        except CorpusError as error:
            if needed:
                raise
            parts[modality], reasons[modality] = None, str(error)
            continue
        channels = ("", *CHANNELS) if modality == "audio" else ("",)
        folds = corpus_folds(source) + group_folds(source)
        parts[modality] = left_out(
            recipe, source, modality, folds, seeds, channels=channels, fit=fit and needed, keep=keep, report=report
        )
    return Generalisation(recipe, seeds, parts, reasons)


def _without_copies(recipe: Recipe) -> Recipe:
    """Return a recipe that reads no copies of the clips, which nothing but a fit needs."""
    return dataclasses.replace(recipe, audio=dataclasses.replace(recipe.audio, copies=None))


def write(judgement: Generalisation, out: Path, command: str, *, draws: int = 1000, picture: str = "png") -> list[Path]:
    """Write the report and a picture of the confusion matrices of each table beside it; returns the files."""
    lines = [
        f"# What {judgement.recipe.name} makes of strangers\n",
        f"    {command}\n",
        "Whatever is judged, the encoders never met it: they are fitted anew for each fold and seed.\n",
    ]
    files = [out]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for (modality, kind), title in TITLES.items():
            part = judgement.parts[modality]
            rows = [] if part is None else generalisation.figures(part, kind, draws=draws)
            if not rows:
                continue
            groups = "speakers" if modality == "audio" else "dialogues"
            lines += [f"## {title}\n", READING.format(groups=groups, draws=draws), _table(rows, groups)]
            file = out.with_name(f"{out.stem}-{NAMES[modality]}-{kind}.{picture}")
            draw_confusions({row.corpus: row.counts for row in rows}, title, file)
            lines.append(f"![confusion matrices]({file.name})\n")
            files.append(file)
        lines += _both(judgement, draws)
        lines += [
            "## Not run\n",
            *(f"* {line}" for line in missing(judgement) or ["nothing: every fold and seed is here."]),
        ]
        atomic_write(out, "\n".join(lines) + "\n")
    except OSError as error:
        raise CorpusError(f"{out} can't be written: {error}; choose another --out, or free some space") from error
    return files


def missing(judgement: Generalisation) -> list[str]:
    """Say in words which folds were not run, a line for each branch, kind of fold and seed."""
    lines = [f"{NAMES[modality]}: {reason}" for modality, reason in judgement.reasons.items()]
    for modality, part in judgement.parts.items():
        gaps: dict[tuple[str, int, str], list[str]] = {}
        for kind, name, seed, channel in part.missing if part else ():
            gaps.setdefault((kind, seed, channel), []).append(name)
        for (kind, seed, channel), names in gaps.items():
            if channel and set(names) <= set(gaps.get((kind, seed, ""), ())):
                continue
            way = f", through {CHANNEL_NAMES[channel]}" if channel else ""
            what = (
                "corpora left out"
                if kind == CORPORA
                else f"unseen {'speakers' if modality == 'audio' else 'dialogues'}"
            )
            lines.append(f"{NAMES[modality]}, {what}, seed {seed}{way}: {', '.join(names)}")
        if part and len(part.corpora) < 2:
            lines.append(f"{NAMES[modality]}, corpora left out: the recipe has but one corpus")
    if not matched_pairs.is_pool(judgement.recipe):
        lines.append(
            "both: this fusion reads hidden states; `python -m train crossvalidate --part bimodal` measures it"
        )
    return lines


def interval(figure: Interval, sd: float | None = None, digits: int = 1) -> str:
    """Return a figure as text: mean, standard deviation over seeds where there is one, and interval."""
    spread = "" if sd is None else f" ± {sd:.{digits}f}"
    between = "—" if figure.groups < 2 else f"{figure.low:.{digits}f}, {figure.high:.{digits}f}"  # one says nothing
    return f"{figure.value:.{digits}f}{spread} [{between}]"


def _mean(values: Sequence[float | None], digits: int = 1) -> str:
    """Return a mean as text; — where a value is missing."""
    present = [value for value in values if value is not None]
    return f"{np.mean(present):.{digits}f}" if present and len(present) == len(values) else "—"


def _table(rows: Sequence[CorpusFigures], groups: str) -> str:
    channels = [channel for channel in CHANNELS if any(channel in row.lost for row in rows)]
    head = ["corpus", "items", groups, "classes", "seeds", "UAR", "of seven", "ECE", "temperature"]
    head += [f"lost through {CHANNEL_NAMES[channel]}" for channel in channels]
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for row in rows:
        cells = [row.corpus, f"{row.items:,}", f"{row.groups:,}", row.classes, ", ".join(map(str, row.seeds))]
        cells += [interval(row.uar, row.deviation), f"{row.uar_of_seven:.1f}"]
        cells += ["—" if row.ece is None else interval(row.ece, digits=3), _mean([row.temperature], 2)]
        cells += [_mean([row.lost.get(channel)]) for channel in channels]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    mean = ["**mean**", "", "", "", "", f"**{_mean([row.uar.value for row in rows])}**"]
    mean += [_mean([row.uar_of_seven for row in rows])]
    mean += [_mean([row.ece.value if row.ece else None for row in rows], 3), ""]
    mean += [_mean([row.lost.get(channel) for row in rows]) for channel in channels]
    return "\n".join([*lines, f"| {' | '.join(mean)} |", ""])


def _both(judgement: Generalisation, draws: int) -> list[str]:
    voices, words = judgement.parts["audio"], judgement.parts["text"]
    if voices is None or words is None or not matched_pairs.is_pool(judgement.recipe):
        return []
    lines: list[str] = []
    for kind, title in ((CORPORA, "corpora left out"), (GROUPS, "unseen speakers and dialogues")):
        rows = matched_pairs.figures(judgement.recipe, voices, words, kind, judgement.seeds, draws=draws)
        if rows:
            lines += [f"## Both: {title}\n", _pair_table(rows)]
    if lines:
        lines.insert(1, PAIRS.format(pairs=matched_pairs.PAIRS, drawn=matched_pairs.DRAWN))
    return lines


def _pair_table(rows: Sequence[PairFigures]) -> str:
    head = [
        "texts",
        "voices",
        "seeds",
        "voice",
        "words",
        "product",
        "both",
        "over the better branch",
        "over the product",
    ]
    head += ["ECE voice", "words", "product", "both"]
    lines = [f"| {' | '.join(head)} |", "|---|---" + "|---:" * (len(head) - 2) + "|"]
    ways = matched_pairs.WAYS
    for row in rows:
        cells = [row.language, row.corpus, ", ".join(map(str, row.seeds)), *(interval(row.uar[way]) for way in ways)]
        cells += [f"{row.over_branch:+.1f}", f"{row.over_product:+.1f}", *(f"{row.ece[way].value:.3f}" for way in ways)]
        lines.append(f"| {' | '.join(cells)} |")
    for language in dict.fromkeys(row.language for row in rows):
        of_language = [row for row in rows if row.language == language]
        cells = [
            f"**{language}**",
            "**mean**",
            "",
            *(_mean([row.uar[way].value for row in of_language]) for way in ways),
        ]
        cells += [
            f"{np.mean([row.over_branch for row in of_language]):+.1f}",
            f"{np.mean([row.over_product for row in of_language]):+.1f}",
        ]
        cells += [_mean([row.ece[way].value for row in of_language], 3) for way in ways]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
