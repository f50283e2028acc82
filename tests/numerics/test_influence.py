"""The forward sweep of `influence` against back-propagation through time, where the two must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, net_of

STEPS, BATCH = 9, 4
TEXT = """
network net():
    input x[6]
    h_in  = x | dense(5, norm = standardise)
    h_rec = dense(h[t-1], 5)
    h     = h_in + h_rec | {neuron}
    out   = h | dense(3)
experiment e:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    learn h_in, h_rec by {rule}
    learn out by descent(loss)
    train.optimiser = sgd(0.05)
"""
NEURONS = ["lif(leak = 0.8, theta = 0.4)", "snu(theta = 0.5)", "alif(theta = 0.3)",
           "lif_synaptic(theta = 0.5, surrogate = triangle)", "lif_inclusive(leak = 0.8, theta = 0.5)"]  # fmt: skip
LEARNED = ("h_in.weight", "h_rec.weight")


def ran(neuron: str, rule: str, folder: Path, backend: str = "reference") -> Ran:
    made = net_of(TEXT.format(neuron=neuron, rule=rule), folder, backend=backend, record=("h",))
    random = np.random.default_rng(0)
    inputs = (random.random((STEPS, BATCH, 6)) < 0.5).astype(float)
    labels = random.integers(0, 3, BATCH)
    given = {
        s.name: random.normal(0.2, 0.6, s.shape)
        for s in made.program.stored
        if s.role == "parameter"
    }
    done = made.learn(inputs, labels, given)
    assert 0.1 < done.outcome.records["h"].mean() < 0.9
    return done


def error(want: Ran, got: Ran) -> float:
    """The largest difference of the gradients of the layer, relative to the largest gradient."""
    worst = 0.0
    for name in LEARNED:
        a, b = want.outcome.gradients[name], got.outcome.gradients[name]
        assert np.abs(a).max() > 1e-2
        worst = max(worst, float(np.abs(a - b).max() / np.abs(a).max()))
    return worst


@pytest.mark.parametrize("neuron", NEURONS)
def test_complete_ostl_is_the_gradient_through_time_of_one_layer(
    neuron: str, tmp_path: Path
) -> None:
    want = ran(neuron, "through_time(loss)", tmp_path)
    assert error(want, ran(neuron, "ostl_recurrent() from backprop(loss)", tmp_path)) < 1e-9
    # without the recurrence in the Jacobian it would not be
    assert error(want, ran(neuron, "ottt() from backprop(loss)", tmp_path)) > 1e-2


def test_both_backends_agree_on_influence(tmp_path: Path) -> None:
    rule, neuron = "ostl_recurrent() from backprop(loss)", NEURONS[2]
    assert error(ran(neuron, rule, tmp_path), ran(neuron, rule, tmp_path, backend="cpu")) < 1e-9


def test_what_another_layer_makes_of_the_spikes_is_not_followed(tmp_path: Path) -> None:
    """Through h2, which hears h and speaks back to it a step later, the weights of h have no influence."""
    looped = TEXT.replace("h_rec = dense(h[t-1], 5)", "h2    = h | dense(4) | lif(leak = 0.5, theta = 0.2)\n"
                          "    h_rec = dense(h2[t-1], 5)").replace(
        "    learn out by", "    learn h2 by descent(loss)\n    learn out by"
    )  # fmt: skip
    results = {}
    for rule in ("ostl_recurrent() from backprop(loss)", "ottt() from backprop(loss)"):
        text = looped.format(neuron="lif(leak = 0.8, theta = 0.4)", rule=rule)
        made = net_of(text, tmp_path, record=("h", "h2"))
        random = np.random.default_rng(0)
        inputs = (random.random((STEPS, BATCH, 6)) < 0.5).astype(float)
        given = {
            s.name: random.normal(0.2, 0.6, s.shape)
            for s in made.program.stored
            if s.role == "parameter"
        }
        results[rule] = made.learn(inputs, random.integers(0, 3, BATCH), given).outcome
        assert results[rule].records["h2"].any()
    own, trace = (r.gradients["h_in.weight"] for r in results.values())
    assert np.abs(own).max() > 1e-2
    np.testing.assert_allclose(own, trace, rtol=1e-9, atol=1e-12)
