"""Running means of the loss and of every metric over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from snc.diagnostics import DataError
from snc.module import Array, Feed, Outcome


@dataclass
class Sums:
    """Weighted sums by name, and the weights; stored with a checkpoint as they are."""

    totals: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, total: float, weight: float) -> None:
        """Add `total`, a sum over `weight` things."""
        self.totals[name] = self.totals.get(name, 0.0) + total
        self.weights[name] = self.weights.get(name, 0.0) + weight

    def means(self) -> dict[str, float]:
        """The mean of everything that was added."""
        return {k: self.totals[k] / self.weights[k] for k in self.totals if self.weights[k]}


def add_outcome(sums: Sums, outcome: Outcome, feed: Feed, metrics: Sequence[str]) -> None:
    """Add a batch: `loss`, `accuracy` (of `predict`, or a metric of that name) and each metric.

    The loss of a batch is its mean over the steps of the window; batches count by their samples.
    A metric has one number per sample, or one for the batch.
    """
    size = feed.batch
    if outcome.loss_steps:
        sums.add("loss", outcome.loss / outcome.loss_steps * size, size)
    own = "accuracy" in outcome.at_end
    if "predict" in outcome.at_end and feed.labels is not None and not own:
        right = np.asarray(outcome.at_end["predict"]).reshape(-1) == last_labels(feed)
        sums.add("accuracy", float(np.count_nonzero(right)), right.size)
    for name in metrics:
        if name in outcome.at_end:
            values = np.broadcast_to(np.asarray(outcome.at_end[name], dtype=np.float64), (size,))
            sums.add(name, float(values.sum()), size)


def last_labels(feed: Feed) -> NDArray[np.generic]:
    """[B]: the label of each sample; of labels per step [T, B], the one at its own last step."""
    labels: Array = np.asarray(feed.labels)
    if labels.ndim == 1:
        return labels
    last = np.clip(feed.lengths, 1, labels.shape[0]) - 1
    chosen: Array = labels[last, np.arange(labels.shape[1])]
    return chosen


def refuse_bad(outcome: Outcome, where: str) -> None:
    """Raise DataError `not-finite` if a sequence went to infinity or worse.

    `where` says which batch it was; the place inside the network is Outcome.bad.
    """
    if outcome.bad is None and isfinite(outcome.loss):
        return
    what = (
        f"`{outcome.bad}` is not a finite number" if outcome.bad else f"the loss is {outcome.loss}"
    )
    raise DataError(
        "not-finite",
        f"{what} in {where}",
        place=outcome.bad or "loss",
        help="try a lower learning rate, and look for a division by zero in the rule or the neuron",
    )
