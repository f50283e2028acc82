"""Whether a batch is what a network reads: no backend checks that again."""

from __future__ import annotations

import numpy as np

from snc.diagnostics import DataError, did_you_mean, listing
from snc.module import Feed
from snc.program.program import Needs


def refuse_misfit(needs: Needs, feed: Feed, place: str) -> None:
    """Raise DataError if a batch does not fit: input-shape, no-field, no-labels, bad-labels, not-finite-input."""
    for name, shape in needs.fields.items():
        value = feed.fields.get(name)
        if value is None:
            message = f"the network reads `{name}`, which the data lacks"
            hint = did_you_mean(name, feed.fields) or f"it has {listing([*feed.fields])}"
            raise DataError("no-field", message, place, hint)
        found = value.shape[value.ndim - len(shape) :]
        leading = value.ndim - len(shape)
        if found != shape or leading not in (1, 2):
            given = found if name != "input" and leading == 1 else value.shape[2:]
            raise DataError(
                "input-shape",
                f"`{name}` has the features {list(given)}, and the network reads {list(shape)}",
                place,
                "make both the same: change `input x[...]`, or reshape the data (`flatten`)",
            )
        if not np.isfinite(np.asarray(value, dtype=float).sum()):
            raise DataError("not-finite-input", f"`{name}` holds values that are not finite", place)
    if needs.labels:
        _refuse_labels(needs, feed, place)


def _refuse_labels(needs: Needs, feed: Feed, place: str) -> None:
    if feed.labels is None:
        raise DataError("no-labels", "the network reads labels, and there are none", place)
    labels = np.asarray(feed.labels, dtype=float)
    if (labels != np.floor(labels)).any() or (labels < 0).any():
        raise DataError("bad-labels", "labels must be whole numbers from 0", place)
    if needs.classes is not None and labels.size and labels.max() >= needs.classes:
        raise DataError(
            "bad-labels",
            f"there is a label {int(labels.max())}, and the network has {needs.classes} classes, 0 to "
            f"{needs.classes - 1}",
            place,
            "give the readout one output for each class",
        )
