"""A convolution padded by another number of rows than columns, against sums written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import difference, net_of

TEXT = """
network net():
    input x[2, 5, 6]
    c   = x | conv(3, kernel = [3, 2], stride = 2, padding = [2, 1])
    h   = c | lif(theta = 0.3)
    out = h | flatten | dense(3)
experiment e:
    network = net()
    loss = mean(cross_entropy(out, label))
    learn * by descent(loss)
    train.optimiser = sgd(0.1)
"""


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_rows_and_columns_have_paddings_of_their_own(backend: str, tmp_path: Path) -> None:
    compiled = net_of(TEXT, tmp_path, backend=backend, record=("c", "h"))
    x = (np.random.default_rng(0).random((4, 3, 2, 5, 6)) < 0.5).astype(float)
    ran = compiled.learn(x, np.array([0, 2, 1]))
    weight = ran.before["c.weight"]
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (2, 2), (1, 1)))
    want = np.zeros((4, 3, 3, 4, 4))
    for row in range(4):
        for column in range(4):
            seen = padded[..., 2 * row : 2 * row + 3, 2 * column : 2 * column + 2]
            want[..., row, column] = np.einsum("tbihw,oihw->tbo", seen, weight)
    assert np.abs(want).max() > 0.5
    assert difference(ran.outcome.records["c"], want) < 1e-12
    assert 0 < ran.outcome.records["h"].mean() < 1
    assert np.abs(ran.after["c.weight"] - weight).max() > 1e-6
