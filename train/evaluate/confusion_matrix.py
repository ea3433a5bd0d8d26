"""Pictures of tables: confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bibier.labels import EMOTIONS

if TYPE_CHECKING:  # late: training does not need it
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

DARK = 0.5  # share of a row from which a cell's ground is light, so that its text is dark


def draw_confusion(counts: np.ndarray, title: str, file: Path) -> None:
    """Draw counts (7, 7), truth in rows, as a picture whose format is the file's ending (.png, .svg).

    Each cell is coloured by its share of the row (cividis, which reads the same to colour-blind eyes) and carries the
    share in per cent and the count. A row without one utterance stays empty.
    """
    draw_confusions({title: counts}, "", file)


def draw_confusions(counts: Mapping[str, np.ndarray], title: str, file: Path) -> None:
    """Draw several tables of counts by name into one picture, each as `draw_confusion` does; three a row."""
    # matplotlib is imported late, since training does not need it, and draws into memory: no window, no display.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(3, len(counts))
    rows = -(-len(counts) // columns)
    figure = Figure(figsize=(6.4 * columns + 0.8, 6.1 * rows + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(counts))]
    images = [_draw(axes, np.asarray(table), name) for axes, (name, table) in zip(panels, counts.items(), strict=True)]
    if title:
        figure.suptitle(title)
    figure.colorbar(images[0], ax=panels, label="share of the row")
    # Without a date and with fixed names inside, the same counts give the same file.
    with rc_context({"svg.hashsalt": "confusion"}):
        dense = len(counts) > 1
        figure.savefig(file, dpi=80 if dense else 150, metadata={"Date": None} if file.suffix == ".svg" else None)


def _draw(axes: Axes, counts: np.ndarray, title: str) -> AxesImage:
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=30, ha="right")
    axes.set_yticks(range(len(EMOTIONS)), [f"{name}\n{n}" for name, n in zip(EMOTIONS, totals[:, 0], strict=True)])
    axes.set_xlabel("recognised")
    axes.set_ylabel("truth, and how many")
    axes.set_title(title)
    for row, column in np.ndindex(counts.shape):
        share = shares[row, column]
        if totals[row, 0]:
            text = f"{100 * share:.0f} %\n{counts[row, column]}"
            axes.text(column, row, text, ha="center", va="center", color="black" if share > DARK else "white", size=9)
    return image
