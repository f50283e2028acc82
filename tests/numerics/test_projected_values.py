"""A projection of what is the same for all samples, or for all features, is that of the value repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import difference, net_of

TEXT = """
network net():
    input x[5]
    constant z[5] = normal(1)
    c   = {read} | dense(4)
    h   = c | lif(theta = 0.3, surrogate = fast(_, k = 2))
    out = h | dense(3)
experiment e:
    network = net()
    loss = mean(cross_entropy(out, label))
    learn c by {rule}
    learn out by descent(loss)
    train.optimiser = sgd(0.1)
"""


@pytest.mark.parametrize("rule", ["descent(loss)", "stllr() from backprop(loss)"])
@pytest.mark.parametrize("read", ["z", "step / steps", "mean(x)", "mean(x, over = neuron)"])
def test_what_lacks_samples_or_features_is_repeated(read: str, rule: str, tmp_path: Path) -> None:
    compiled = net_of(TEXT.format(read=read, rule=rule), tmp_path, record=("h", "c"))
    x = (np.random.default_rng(0).random((6, 3, 5)) < 0.5).astype(float)
    ran = compiled.learn(x, np.array([0, 2, 1]))
    steps = np.arange(6).reshape(6, 1, 1)
    value = {
        "z": ran.before["z"][None, None],
        "step / steps": steps / 6,
        "mean(x)": x.mean((1, 2), keepdims=True),
        "mean(x, over = neuron)": x.mean(2, keepdims=True),
    }[read]
    value = np.broadcast_to(value, (6, 3, value.shape[-1]))
    weight = ran.before["c.weight"]
    assert np.abs(weight).max() > 0.1
    assert difference(ran.outcome.records["c"], value @ weight.T) < 1e-12
    assert np.abs(ran.after["c.weight"] - weight).max() > 1e-6
