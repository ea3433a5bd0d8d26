"""Prediction → what the chart draws: the shares of the voice, the words, both together, as plain data for chart.js.

The figure of three panels for the Models tab is built here too, in Plotly's own schema, which the tests check against
`plotly.graph_objects`: importing that package would cost the first paint a second.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bibier.i18n.page import percent, say
from bibier.labels import COLOURS, COLOURS_DARK, EMOTIONS, NAMES
from bibier.ui.analyse.updates import ChartRow, ChartValue
from bibier.ui.client import Theme
from bibier.ui.figure import Figure, TextTable

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import ModalityResult, Prediction

MODALITIES = ("audio", "text", "bimodal")
# The modality is told by position and by pattern: voice hatched, words dotted, both solid.
PATTERNS = {"audio": "/", "text": ".", "bimodal": ""}

HEIGHT_WIDE = 310  # pixels, three panels side by side
HEIGHT_NARROW = 720  # pixels, three panels below each other
FAINT = 0.3  # opacity of bars that are not to be relied on
REACH = 127  # end of the axis in per cent: leaves room for the number behind a full bar
FONT = "'Source Sans Pro', ui-sans-serif, system-ui, sans-serif"


@dataclass(frozen=True)
class Ink:
    """Colours that are not an emotion's."""

    text: str
    soft: str
    grid: str
    outline: str
    pattern: str


LIGHT = Ink(
    text="#1b1d26", soft="#5a6072", grid="#e3e5ec", outline="rgba(27,29,38,.45)", pattern="rgba(255,255,255,.6)"
)
DARK = Ink(text="#eceef5", soft="#a6adc0", grid="#343a4a", outline="rgba(255,255,255,.35)", pattern="rgba(10,12,20,.5)")


def chart(prediction: Prediction | None, language: str) -> ChartValue:
    """Return what chart.js draws: a row for each emotion with its shares, and what is said of a modality."""
    rows: list[ChartRow] = []
    for emotion in EMOTIONS:
        row: ChartRow = {
            "name": emotion,
            "label": NAMES[language][emotion],
            "audio": None,
            "text": None,
            "bimodal": None,
        }
        for modality in MODALITIES if prediction else ():
            probabilities = getattr(prediction, modality).probabilities
            row[modality] = probabilities[emotion] if probabilities else None
        rows.append(row)
    reasons: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for modality in MODALITIES if prediction else ():
        result: ModalityResult = getattr(prediction, modality)
        if result.probabilities is None:
            reasons[modality] = result.reason.text(language) if result.reason else say("no_value", language)
        elif result.doubt is not None:
            doubts[modality] = result.doubt.text(language)
    return {"rows": rows, "reasons": reasons, "doubts": doubts}


def _domains(narrow: bool) -> list[tuple[list[float], list[float]]]:
    """Return each panel's (x, y) share of the figure."""
    if not narrow:
        return [([start, start + 0.305], [0, 1]) for start in (0, 0.3475, 0.695)]
    return [([0, 1], [bottom, bottom + 0.265]) for bottom in (0.735, 0.3675, 0)]


def _title(modality: str, result: ModalityResult | None, language: str, ink: Ink) -> str:
    head = f"<b>{say(f'panel_{modality}', language)}</b>"
    probabilities = result.probabilities if result else None
    if result is None or probabilities is None:
        return f"{head}<br>&nbsp;"
    if not result.reliable:
        return f"{head}<br><span style='color:{ink.soft}'><i>{say('unreliable', language)}</i></span>"
    winner = max(probabilities, key=probabilities.__getitem__)
    named = f"{NAMES[language][winner]}&nbsp;&nbsp;{percent(probabilities[winner])}"
    return f"{head}<br><span style='color:{ink.soft}'>{named}</span>"


def _bars(modality: str, result: ModalityResult | None, axis: str, theme: Theme, ink: Ink) -> dict[str, object]:
    probabilities, faint = (result.probabilities, result.doubt is not None) if result else (None, False)
    names, colours = NAMES[theme.language], COLOURS_DARK if theme.dark else COLOURS
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": say(f"panel_{modality}", theme.language),
        "x": [100 * probabilities[emotion] if probabilities else 0.0 for emotion in EMOTIONS],
        "y": [names[emotion] for emotion in EMOTIONS],
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "textposition": "outside",
        "textfont": {"color": ink.text, "size": 13},
        "cliponaxis": False,
        "marker": {
            "opacity": FAINT if faint else 1,
            "color": [colours[emotion] for emotion in EMOTIONS],
            # an outline keeps the light colours (happy, surprise) readable on white
            "line": {"color": ink.outline, "width": 1} if probabilities else {"width": 0},
            "pattern": {
                "shape": PATTERNS[modality],
                "fillmode": "overlay",
                "fgcolor": ink.pattern,
                "size": 6,
                "solidity": 0.3,
            },
        },
    }
    if probabilities is None:
        return bars | {"text": [""] * len(EMOTIONS), "hoverinfo": "skip"}
    winner = max(probabilities, key=probabilities.__getitem__)
    numbers = {emotion: percent(probabilities[emotion]) for emotion in EMOTIONS}
    if not faint:
        numbers[winner] = f"<b>{numbers[winner]}</b>"
    technical = say(f"technical_{modality}", theme.language)
    if faint:
        technical = f"{technical}, {say('unreliable', theme.language)}"
    return bars | {"text": list(numbers.values()), "hovertemplate": f"%{{y}}: %{{text}}<extra>{technical}</extra>"}


def _tooltip(modality: str, result: ModalityResult | None, language: str) -> str:
    technical = say(f"technical_{modality}", language)
    if result is None or result.doubt is None:
        return technical
    return "<br>".join([technical, *map(html.escape, textwrap.wrap(result.doubt.text(language), 50))])


def _reason(modality: str, prediction: Prediction | None, language: str) -> str:
    """Return why a panel is empty, wrapped to its width; before the first clip it is just empty."""
    if prediction is None:
        return ""
    reason = getattr(prediction, modality).reason
    text = reason.text(language) if reason else say("no_value", language)
    return "<br>".join(html.escape(line) for line in textwrap.wrap(text, 28))


def figure(prediction: Prediction | None, theme: Theme) -> Figure:
    """Return the figure as plain data; `None` gives its three empty panels, so that nothing jumps later."""
    ink = DARK if theme.dark else LIGHT
    names = [NAMES[theme.language][emotion] for emotion in EMOTIONS]
    data: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    layout: dict[str, object] = {
        "height": HEIGHT_NARROW if theme.narrow else HEIGHT_WIDE,
        "margin": {"l": 88 if theme.language == "en" else 100, "r": 4, "t": 52, "b": 28, "autoexpand": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 14, "color": ink.text},
        "hoverlabel": {"font": {"family": FONT, "size": 14}},
        "showlegend": False,
        "bargap": 0.32,
        "dragmode": False,
        "annotations": annotations,
    }
    for index, (modality, (x, y)) in enumerate(zip(MODALITIES, _domains(theme.narrow), strict=True)):
        axis = "" if index == 0 else str(index + 1)
        result: ModalityResult | None = getattr(prediction, modality) if prediction else None
        probabilities = result.probabilities if result else None
        layout[f"xaxis{axis}"] = {
            "domain": x,
            "anchor": f"y{axis}",
            "range": [0, REACH],
            "tickvals": [0, 50, 100],
            "ticktext": ["0", "50", "100\u00a0%"],
            "tickfont": {"size": 12, "color": ink.soft},
            "gridcolor": ink.grid,
            "zeroline": False,
            "fixedrange": True,
        }
        layout[f"yaxis{axis}"] = {
            "domain": y,
            "anchor": f"x{axis}",
            "categoryorder": "array",
            "categoryarray": names,
            "range": [len(names) - 0.5, -0.5],  # alphabetical from the top
            "tickmode": "array",
            "tickvals": names,
            "showticklabels": theme.narrow or index == 0,
            "ticklabelstandoff": 4,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        }
        annotations.append(
            {
                "text": _title(modality, result, theme.language, ink),
                "hovertext": _tooltip(modality, result, theme.language),
                "align": "left",
                "xref": "paper",
                "yref": "paper",
                "x": x[0],
                "y": y[1],
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 15},
            }
        )
        data.append(_bars(modality, result, axis, theme, ink))
        if probabilities is None:
            annotations.append(
                {
                    "text": _reason(modality, prediction, theme.language),
                    "align": "center",
                    "xref": f"x{axis} domain",
                    "yref": f"y{axis} domain",
                    "x": 0.5,
                    "y": 0.5,
                    "showarrow": False,
                    "bgcolor": "#1a1e29" if theme.dark else "#ffffff",
                    "borderpad": 6,
                    "font": {"size": 14, "color": ink.soft},
                }
            )
    return {"data": data, "layout": layout, "config": {"displayModeBar": False, "doubleClick": False}}


def _column(modality: str, prediction: Prediction | None, language: str) -> str:
    title = say(f"panel_{modality}", language)
    doubtful = prediction is not None and getattr(prediction, modality).doubt is not None
    return f"{title} ({say('unreliable', language)})" if doubtful else title


def table(prediction: Prediction | None, language: str) -> TextTable:
    """Return the same figures as a table, for readers who do not see the chart."""
    columns = [_column(modality, prediction, language) for modality in MODALITIES]
    rows = []
    for emotion in EMOTIONS if prediction else ():
        cells = [getattr(prediction, modality).probabilities for modality in MODALITIES]
        none = say("no_value", language)
        rows.append([NAMES[language][emotion], *(percent(cell[emotion]) if cell else none for cell in cells)])
    return {"head": [say("emotion", language), *columns], "rows": rows}
