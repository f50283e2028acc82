"""Two neurons with one weight: what both read may be the same, and yet each projection has its own neuron."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, difference, net_of

TEXT = """
network pair():
    input x[6]
    h   = x | dense(5) | lif(leak = 0.5, theta = 0.3)
    g   = {read} | dense(5, weights = h) | lif(leak = 0.9, theta = 0.4)
    out = h + g | dense(3)
experiment both:
    network = pair()
    loss = mean(cross_entropy(out, label))
    learn h by {rule}
    learn out by descent(loss)
    train.optimiser = sgd(0.1)
"""


def ran(folder: Path, rule: str, read: str, backend: str) -> Ran:
    text = TEXT.format(read=read, rule=rule)
    compiled = net_of(text, folder, backend=backend, record=("h", "g"))
    rng = np.random.default_rng(1)
    inputs = (rng.random((9, 4, 6)) < 0.5).astype(float)
    weight = rng.normal(0.2, 0.5, (5, 6))
    given = {"h.weight": weight, "out.weight": rng.normal(0, 1, (3, 5))}
    return compiled.learn(inputs, rng.integers(0, 3, 4), given)


@pytest.mark.parametrize(
    ("rule", "backend"),
    [
        ("through_time(loss)", "reference"),
        ("through_time(loss)", "cpu"),
        ("descent(loss)", "reference"),
        ("stllr() from backprop(loss)", "reference"),
    ],
)
def test_two_neurons_may_read_the_same_through_one_weight(
    rule: str, backend: str, tmp_path: Path
) -> None:
    same = ran(tmp_path / "same", rule, "x", backend)
    copy = ran(tmp_path / "copy", rule, "(1 * x)", backend)  # another node with the same numbers
    for record in ("h", "g"):
        assert 0 < same.outcome.records[record].mean() < 1
    assert difference(same.outcome.records["g"], same.outcome.records["h"]) > 0.1
    moved = same.after["h.weight"] - same.before["h.weight"]
    assert np.abs(moved).max() > 1e-4
    assert difference(same.after["h.weight"], copy.after["h.weight"]) < 1e-12
