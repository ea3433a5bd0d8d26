"""What the Agreement tab says of a project, apart from Gradio: sentences, tables and figures as plain data."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from bibier.annotation.agreement import GROUP, Alpha, GoldScore, Shift
from bibier.i18n.page import decimal, percent, say
from bibier.ui.agreement.measured import Measured
from bibier.ui.annotate.answers import BarValue, ClipAddress
from bibier.ui.annotate.views import bars
from bibier.ui.client import Theme
from bibier.ui.figure import Figure, TextTable

WORDS = 300  # characters of a clip's words that are shown
LEVELS = (  # alpha of distributions below which people agree so far; a convention of this page, not of the field
    (0.0, "agree_level_none"),
    (0.2, "agree_level_barely"),
    (0.5, "agree_level_some"),
    (0.8, "agree_level_well"),
    (2.0, "agree_level_fully"),
)
HEIGHT = 300  # pixels of the figure; twice that on a phone
FONT = "'Source Sans Pro', ui-sans-serif, system-ui, sans-serif"


@dataclass(frozen=True)
class Ink:
    """Colours of the figure that are not an emotion's."""

    text: str
    soft: str
    grid: str
    outline: str


def by_theme(light: str, dark: str) -> str:
    """Name a colour in both themes: the page takes that of its own, at once when it is switched."""
    return f"light-dark({light}, {dark})"


INK = Ink(
    text=by_theme("#1b1d26", "#eceef5"),
    soft=by_theme("#5a6072", "#a6adc0"),
    grid=by_theme("#e3e5ec", "#343a4a"),
    outline=by_theme("rgba(27,29,38,.45)", "rgba(255,255,255,.35)"),
)


class ReportTable(TextTable, total=False):
    """A table with its title, what it means, and why some of it is undefined."""

    title: str
    hint: str
    reason: str
    dots: list[list[float] | None]  # of each row: alpha and the ends of its interval
    shades: list[list[float]]  # of each cell after the heading, in [0, 1]


class SaidOfClip(TypedDict):
    """What one person said: seven whole numbers that sum to 100."""

    name: str
    points: list[int]


class DisputedClip(ClipAddress):
    """A clip on which people disagree, the sentence about it, its words, and what each person said."""

    text: str
    words: str
    people: list[SaidOfClip]


class Report(TypedDict, total=False):
    """What the tab shows but the figure; `error` stands alone."""

    sentence: str
    verdict: str
    labels: list[BarValue]
    tables: list[ReportTable]
    worst: list[DisputedClip]
    unseen: str  # of further clips, whose labels the visitor may not see yet
    projects: list[str]
    project: str | None
    error: str


def report(measured: Measured | None, project: str | None, theme: Theme) -> Report:
    """Return everything that the tab shows but the figure; `clips` of the worst are opened by their hash."""
    language = theme.language
    if project is None or measured is None:
        return {"sentence": say("agree_no_project", language)}
    if not measured.names and not measured.grouped:
        return {"sentence": say("agree_nobody", language)}
    worst = _worst(measured, project, language)
    in_groups = say("agree_groups", language, size=GROUP)
    if measured.grouped and not measured.enough:
        return {"sentence": f"{say('agree_few', language, fewest=GROUP)} {in_groups}", **worst}
    lines = [
        say("agree_who", language, people=measured.names, clips=measured.clips, shared=measured.shared),
        say("agree_sighted", language, count=measured.sighted) if measured.sighted else say("agree_blind", language),
    ]
    if measured.people_left_out:
        lines.append(say("agree_people_bounded", language, most=measured.people, count=measured.people_left_out))
    if measured.grouped:
        lines.append(in_groups)
    own = measured.labels.is_own
    classes, titles = measured.by_measure["agree_nominal"], titles_of(measured, language)
    columns = [say(key, language) for key in ("agree_alpha", "agree_interval", "agree_clips")]
    tied = say("agree_tied", language, count=classes.left_out) if classes.left_out else ""
    bounded = measured.paired < measured.people
    return {
        **worst,
        "sentence": " ".join(lines),
        "verdict": _verdict(measured.by_measure["agree_jsd"], language),
        "tables": [
            {
                "title": say("agree_how", language),
                "hint": f"{say('agree_alpha_is', language)} {tied}".strip(),
                "head": [say("agree_measure", language), *columns],
                "rows": [[say(key, language), *_cells(alpha, language)] for key, alpha in measured.by_measure.items()],
                "dots": [_dot(alpha) for alpha in measured.by_measure.values()],
                "reason": _why(measured.by_measure.values(), language),
            },
            {
                "title": say("agree_labels" if own else "agree_emotions", language),
                "head": [say("agree_label" if own else "agree_emotion", language), *columns],
                "rows": [[titles[name], *_cells(alpha, language)] for name, alpha in measured.by_emotion.items()],
                "dots": [_dot(alpha) for alpha in measured.by_emotion.values()],
                "reason": _why(measured.by_emotion.values(), language),
            },
            {
                "title": say("agree_pairs", language),
                "hint": say("agree_pairs_bounded", language, most=measured.paired) if bounded else "",
                "head": [say("agree_pair", language), *columns],
                "rows": [
                    [say("agree_pair_of", language, first=pair[0], second=pair[1]), *_cells(alpha, language)]
                    for pair, alpha in measured.by_pair.items()
                ],
                "dots": [_dot(alpha) for alpha in measured.by_pair.values()],
                "reason": _why(measured.by_pair.values(), language),
            },
            _moves(measured.shifts, language, grouped=measured.grouped),
            _confusion(measured.confusion, list(titles.values()), language),
            *_with_self(measured.with_self, columns, language),
            *_against_gold(measured.gold, language),
        ],
    }


def _worst(measured: Measured, project: str, language: str) -> Report:
    """Return the worst clips with what everybody said of them, and how many more there are for another time."""
    worst: list[DisputedClip] = [
        {
            "clip": clip,
            "project": project,
            "text": say("agree_clip", language, id=clip[:6], value=decimal(value, language), people=count),
            "words": measured.words.get(clip, "")[:WORDS],
            "people": [{"name": name, "points": points} for name, points in measured.said[clip].items()],
        }
        for clip, value, count in measured.disputed
    ]
    key = "agree_unseen_nameless" if measured.nameless else "agree_unseen"
    unseen = say(key, language, count=measured.unseen) if measured.unseen else ""
    return {"labels": bars(measured.labels), "worst": worst, "unseen": unseen}


def figure(measured: Measured, theme: Theme) -> Figure:
    """Return the figure as plain data in Plotly's schema: the share of each emotion, and how mixed the labels are."""
    ink, language = INK, theme.language
    shares, counts, edges = measured.shares, measured.counts, measured.edges
    names = list(titles_of(measured, language).values())
    colours = [by_theme(label.colour, label.colour_dark) for label in measured.labels.labels]
    wide = [([0, 0.47], [0, 1]), ([0.56, 1], [0, 1])]
    places = [([0, 1], [0.6, 1]), ([0, 1], [0, 0.38])] if theme.narrow else wide
    text = {"textposition": "outside", "textfont": {"color": ink.text, "size": 13}, "cliponaxis": False}
    outline = {"color": ink.outline, "width": 1}
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [100 * share for share in shares],
            "y": names,
            "text": [percent(share, language) for share in shares],
            "hovertemplate": "%{y}: %{text}<extra></extra>",
            "marker": {"color": colours, "line": outline},
            **text,
        },
        {
            "type": "bar",
            "x": [(low + high) / 2 for low, high in itertools.pairwise(edges)],
            "y": counts,
            "width": edges[1] * 0.92,
            "text": [str(count) if count else "" for count in counts],
            "hovertext": [line for line, _ in _bins(counts, edges, language)],
            "hoverinfo": "text",
            "marker": {"color": ink.soft, "line": outline},
            "xaxis": "x2",
            "yaxis": "y2",
            **text,
        },
    ]
    titles = [
        {
            "text": f"<b>{say(key, language)}</b>",
            "xref": "paper",
            "yref": "paper",
            "x": x[0],
            "y": y[1],
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 15},
        }
        for key, (x, y) in zip(("agree_share", "agree_entropy"), places, strict=True)
    ]
    plain = {"zeroline": False, "fixedrange": True, "gridcolor": ink.grid, "tickfont": {"size": 12, "color": ink.soft}}
    layout = {
        "height": HEIGHT * (2 if theme.narrow else 1),
        "margin": {
            "l": max(88 if language == "en" else 100, min(220, 8 * max(map(len, names)) + 16)),
            "r": 8,
            "t": 40,
            "b": 34,
            "autoexpand": False,
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 14, "color": ink.text},
        "showlegend": False,
        "separators": ", " if language == "ru" else ". ",
        "bargap": 0.32,
        "dragmode": False,
        "annotations": titles,
        "xaxis": {"domain": places[0][0], "anchor": "y", "range": [0, max(20, 125 * max(shares))]} | plain,
        "yaxis": {"domain": places[0][1], "anchor": "x", "range": [len(names) - 0.5, -0.5], "tickvals": names} | plain,
        "xaxis2": {"domain": places[1][0], "anchor": "y2", "range": [0, edges[-1]]} | plain,
        "yaxis2": {
            "domain": places[1][1],
            "anchor": "x2",
            "range": [0, 1.2 * max(1, *counts)],
            "showticklabels": False,
        }
        | plain,
    }
    return {"data": bars, "layout": layout, "config": {"displayModeBar": False, "doubleClick": False}}


def picture_table(measured: Measured, language: str) -> TextTable:
    """Return the figure's numbers for readers who don't see it."""
    shares, counts, edges = measured.shares, measured.counts, measured.edges
    names = titles_of(measured, language).values()
    rows = [[name, percent(share, language)] for name, share in zip(names, shares, strict=True)]
    rows += [[say("agree_entropy", language), line] for line, count in _bins(counts, edges, language) if count]
    what = "agree_label" if measured.labels.is_own else "agree_emotion"
    return {"head": [say(what, language), say("agree_share", language)], "rows": rows}


def _bins(counts: Sequence[int], edges: Sequence[float], language: str) -> list[tuple[str, int]]:
    ends = [decimal(edge, language, 1) for edge in edges]
    return [
        (say("agree_entropy_of", language, low=ends[i], high=ends[i + 1], count=count), count)
        for i, count in enumerate(counts)
    ]


def _cells(alpha: Alpha, language: str) -> list[str]:
    if alpha.value is None:
        return ["—", "—", str(alpha.clips)]
    span = "—"
    if alpha.low is not None and alpha.high is not None:
        span = f"{_signed(alpha.low, language)} … {_signed(alpha.high, language)}"
    return [_signed(alpha.value, language), span, str(alpha.clips)]


def _dot(alpha: Alpha) -> list[float] | None:
    if alpha.value is None:
        return None
    ends = (alpha.value if alpha.low is None else alpha.low, alpha.value if alpha.high is None else alpha.high)
    return [alpha.value, *ends]


def _verdict(alpha: Alpha, language: str) -> str:
    """Return the alpha of whole distributions as one plain sentence; "" where there is none."""
    if alpha.value is None:
        return ""
    level = next(key for below, key in LEVELS if alpha.value <= below)
    if alpha.low is not None and alpha.low <= 0:
        level = "agree_level_none"  # chance is within the interval
    return say(level, language, value=_signed(alpha.value, language))


def titles_of(measured: Measured, language: str) -> dict[str, str]:
    """Return what each label is called in a language, by its name."""
    return {label.name: label.titles[language] for label in measured.labels.labels}


def _confusion(rows: Sequence[Sequence[float]], titles: Sequence[str], language: str) -> ReportTable:
    """Return what others say when one person says a label, in per cent; labels that nobody gave are left out."""
    there = [i for i, row in enumerate(rows) if sum(row)]
    names = [titles[i] for i in there]
    return {
        "title": say("agree_confusion", language),
        "hint": say("agree_confusion_is" if there else "agree_worst_none", language),
        "head": [say("agree_one_says", language), *names],
        "rows": [[name, *(percent(rows[i][j], language) for j in there)] for name, i in zip(names, there, strict=True)],
        "shades": [[rows[i][j] for j in there] for i in there],
    }


def _with_self(alphas: Mapping[str, Alpha], columns: Sequence[str], language: str) -> list[ReportTable]:
    """Return how far people agree with themselves, where a clip came to them again."""
    if not alphas:
        return []
    return [
        {
            "title": say("agree_self", language),
            "hint": say("agree_self_is", language),
            "head": [say("agree_person", language), *columns],
            "rows": [[name, *_cells(alpha, language)] for name, alpha in alphas.items()],
            "dots": [_dot(alpha) for alpha in alphas.values()],
            "reason": _why(alphas.values(), language),
        }
    ]


def _against_gold(scores: Sequence[GoldScore], language: str) -> list[ReportTable]:
    if not scores:
        return []
    keys = ("agree_person", "agree_clips", "agree_gold_same", "agree_gold_apart")
    rows = [
        [score.person, str(score.clips), percent(score.same, language), percent(score.distance, language)]
        for score in scores
    ]
    return [
        {
            "title": say("agree_gold", language),
            "hint": say("agree_gold_is", language),
            "head": [say(key, language) for key in keys],
            "rows": rows,
        }
    ]


def _why(alphas: Iterable[Alpha], language: str) -> str:
    """Return why some of these are undefined, each reason once."""
    return " ".join(dict.fromkeys(f"— {alpha.reason.text(language)}" for alpha in alphas if alpha.reason))


def _signed(value: float, language: str) -> str:
    return decimal(value, language).replace("-", "−")


def _moves(shifts: Iterable[Shift], language: str, *, grouped: bool) -> ReportTable:
    """Return how labels changed after a proposal was shown, a row for each source of proposals.

    With `grouped`, a source that is not there may have been shown, but too rarely.
    """
    by_source = defaultdict(list)
    for shift in shifts:
        by_source[shift.source].append(shift)
    rows = []
    for source, group in sorted(by_source.items()):
        changed = sum(shift.distance > 0 for shift in group)
        apart = float(np.mean([shift.distance for shift in group]))
        nearer = float(np.mean([shift.nearer for shift in group]))
        towards = f"{'−' if nearer < 0 else ''}{percent(abs(nearer), language)}"
        cells = [str(len(group)), str(changed), percent(apart, language), towards]
        rows.append([source.split(":", 1)[1], *cells])
    keys = ("agree_source", "agree_shown", "agree_changed", "agree_distance", "agree_nearer")
    none = say("agree_moves_few", language, fewest=GROUP) if grouped else say("agree_moves_none", language)
    return {
        "title": say("agree_moves", language),
        "hint": say("agree_moves_is", language) if rows else "",
        "head": [say(key, language) for key in keys],
        "rows": rows,
        "reason": "" if rows else none,
    }
