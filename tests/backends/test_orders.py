"""What is made once, at every update, at every step or not at all: networks of sizes at which kernels differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Net, differing, net_of

DENSE = """
network net():
    input x[20]
    h   = dense(x, 40) | lif(leak = 0.8, theta = 0.4)
    out = h | dense(4) | integrator()
"""
WIDE = """
network net():
    input x[20]
    h_in  = dense(x, 400)
    h_rec = dense(h[t-1], 400)
    h     = h_in + h_rec | lif(leak = 0.8, theta = 0.4)
    out   = h | dense(4) | integrator()
"""
BOTH = """
rule both(rate = 0.01):
    parameter avg[weight] = zeros()
    g = sum(signal * post.psi * pre, over = uses)
    gradient weight = g
    next avg = 0.9 * avg + 0.1 * g
"""
TRAIN = """
experiment e:
    network = net()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
    {learn}
    learn out by descent(loss)
    train:
        update    = {update}
        optimiser = {optimiser}
"""
ERROR = "feedback(class_error(out, label))"


def text(network: str, learn: str, update: str, optimiser: str) -> str:
    return network + TRAIN.format(learn=learn, update=update, optimiser=optimiser)


TEXTS = {
    "weights laid out by their update, and turned ones again after it": text(
        DENSE, "learn h by stllr() from backprop(loss)", "every step", "adam(1e-2)"
    ),
    "panels without a gap, made by parts of an update": text(
        WIDE, f"learn h_in, h_rec by stllr() from {ERROR}", "every step", "sgd(0.1)"
    ),
    "a product that a sum over steps and a value read": text(
        BOTH + DENSE, f"learn h by both() from {ERROR}", "every sequence", "sgd(0.1)"
    ),
    "the same, with an update at every step": text(
        BOTH + DENSE, f"learn h by both() from {ERROR}", "every step", "sgd(0.1)"
    ),
}


def weights(net: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    stored = [s for s in net.program.stored if s.role == "parameter" and len(s.shape) > 1]
    return {s.name: random.normal(0, s.shape[-1] ** -0.5, s.shape) for s in stored}


def data(batch: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(batch)
    return (random.random((6, batch, 20)) < 0.4).astype(float), random.integers(0, 4, batch)


def agree(one: str, folder: Path, without: tuple[str, ...] = ()) -> None:
    nets = [
        net_of(one, folder, backend="reference", record=("h", "out")),
        net_of(one, folder, backend="cpu", record=("h", "out"), without=without),
    ]
    want, made = (n.learn(*data(), weights(n)) for n in nets)
    assert 0.02 < want.outcome.records["h"].mean() < 0.98
    changed = [np.abs(want.after[n] - v).max() for n, v in want.before.items() if "weight" in n]
    assert max(changed) > 1e-3
    assert differing(want, made, 1e-9) == {}


@pytest.mark.parametrize("name", TEXTS)
def test_the_cpu_agrees_with_the_reference(name: str, tmp_path: Path) -> None:
    agree(TEXTS[name], tmp_path)


@pytest.mark.parametrize("word", ["remove_unused", "in_layers", "lists", "matrices"])
def test_what_is_left_out_changes_no_number(word: str, tmp_path: Path) -> None:
    stepwise = text(DENSE, f"learn h by stllr() from {ERROR}", "every step", "sgd(0.1)")
    agree(stepwise, tmp_path, without=(word,))


ADAPTIVE = """
neuron adaptive(i):
    parameter theta[i] = fill(0.4)
    v = 0.9 * v[t-1] + i - theta * stop(s[t-1])
    s = spike(v > theta, slope = triangle(v - theta))
    next theta = theta + 0.1 * (mean(s, over = batch) - 0.2)
    output s

network net():
    input x[20]
    h   = x | dense(20) | adaptive()
    out = h | dense(4)
"""


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_next_rests_in_an_evaluation(backend: str, tmp_path: Path) -> None:
    """While something is learned the threshold moves; while it is evaluated it does not."""
    made = net_of(
        text(ADAPTIVE, "freeze h", "every sequence", "sgd(0.1)"), tmp_path, backend=backend
    )
    learned, evaluated = made.learn(*data(), weights(made)), made.evaluate(*data(), weights(made))
    assert np.abs(learned.after["h.theta"] - learned.before["h.theta"]).max() > 1e-2
    assert evaluated.outcome.loss != learned.outcome.loss
    for name, value in evaluated.before.items():
        assert np.array_equal(evaluated.after[name], value), name
