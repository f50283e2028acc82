"""The picture of a run: loss and accuracy over epochs, with the published number as a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snc.engine.files import replacing
from snc.engine.standing import EpochRecord, Standing
from snc.model.plan import Expectation


def draw(
    path: Path,
    title: str,
    standings: Mapping[int, Standing],
    expectations: Sequence[Expectation],
) -> None:
    """Write the picture; one thin line per trial, training dashed."""
    # matplotlib takes half a second to import; only a finished run needs it. No pyplot: it has
    # global state and looks for a screen.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    for axes, name in ((left, "loss"), (right, "accuracy")):
        scale = 100.0 if name == "accuracy" else 1.0
        for number, standing in enumerate(standings.values()):
            _plot(axes, standing.history, name, scale, first=number == 0)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("accuracy, %" if scale == 100 else name)
        for expected in expectations:
            if expected.metric == name:
                label = f"published {scale * expected.value:g}"
                axes.axhline(scale * expected.value, color="0.4", lw=1, ls=":", label=label)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _plot(
    axes: Any, history: Sequence[EpochRecord], name: str, scale: float, *, first: bool
) -> None:
    for part, style, colour in (("train", "--", "tab:gray"), ("test", "-", "tab:blue")):
        rows = [
            (number, scale * means[name])
            for number, record in enumerate(history, start=1)
            if name in (means := record.train if part == "train" else record.test)
        ]
        if rows:
            marker = "o" if len(rows) == 1 else ""
            label = part if first else None
            xs, ys = zip(*rows, strict=True)
            axes.plot(xs, ys, style, color=colour, lw=1.2, marker=marker, label=label)
