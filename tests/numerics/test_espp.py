"""ESPP over three sequences against NumPy: echoes outlive a sequence, and decide with the classes what is learned."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from by_hand import Array, arctan, lif_undecayed, past, run
from library_text import declaration, wrong
from networks import difference, net_of

FILE = "other/espp.snc"
NET = """
network small():
    input x[8]
    label y[3]
    was = where(step == steps - 1, y, was[t-1])
    init was = kept
    same = sum(y * was[t-1], over = neuron) > 0
    h   = x | listening(6, 0.8, same)
    out = h | dense(3) | integrator()
experiment contrast:
    network = small()
    loss    = mean(cross_entropy(out, label))
    learn h by espp(margin = 1.2, quiet = 0.2)
    learn out by descent(loss)
    train:
        update    = every step
        optimiser = sgd(0)
"""
STEPS, BATCH = 15, 4
LABELS = np.array([[0, 1, 2, 0], [0, 2, 2, 1], [1, 2, 0, 1]])


def sequences() -> tuple[Array, Array]:
    random = np.random.default_rng(9)
    rate = random.uniform(0, 0.8, (3, STEPS, BATCH, 1))
    return (random.random((3, STEPS, BATCH, 8)) < rate) * 1.0, random.normal(0.2, 0.5, (6, 8))


def by_hand(all_inputs: Array, w: Array) -> tuple[list[Array], list[Array]]:
    """Gradients and gates of every sequence, each [steps, ...]; sign and gate sample by sample."""
    echo, before = np.zeros((BATCH, 6)), np.full(BATCH, -1)
    gradients, gates = [], []
    for inputs, labels in zip(all_inputs, LABELS, strict=True):
        layer = run(lif_undecayed(0.8, 1, lambda x: arctan(x) / np.pi), inputs @ w.T)
        assert 0.1 < layer["s"].mean() < 0.9
        trace, gradient, gate = past(inputs, 0.8), np.zeros((STEPS, 6, 8)), np.zeros((STEPS, BATCH))
        for t, b in np.ndindex(STEPS, BATCH):
            sign = 1 if labels[b] == before[b] else -1
            loss = -sign * layer["s"][t, b] @ echo[b] + sign * 1.2 * inputs[t, b].mean()
            gate[t, b] = loss > 0 and inputs[t, b].mean() > 0.2
            towards = sign * np.outer(echo[b] * layer["psi"][t, b], trace[t, b])
            gradient[t] -= gate[t, b] * towards
        fading = past(layer["s"], 0.8)[-1]
        echo = fading / fading.sum(1, keepdims=True)
        before = labels
        gradients.append(gradient)
        gates.append(gate)
    return gradients, gates


def compiled(folder: Path, rule: str) -> list[Array]:
    blocks = "".join(declaration("block", name, FILE) for name in ("echoed", "listening"))
    made = net_of(blocks + rule + NET, folder)
    inputs, w = sequences()
    store, found = made.store({"h.weight": w}), []
    learn = partial(made.module.learn, gradients=True)
    for x, labels in zip(inputs, LABELS, strict=True):
        found.append(learn(store, made.feed(x, labels)).gradient_steps["h.weight"])
    return found


def test_espp_follows_the_echo_of_the_sample_before(tmp_path: Path) -> None:
    want, gates = by_hand(*sequences())
    got = compiled(tmp_path, declaration("rule", "espp", FILE))
    assert np.abs(want[0]).max() == 0  # nothing has an echo yet
    assert np.abs(got[0]).max() == 0
    for k in (1, 2):
        assert 0.1 < gates[k].mean() < 0.9
        assert np.abs(want[k]).max() > 1e-2
        assert difference(want[k], got[k]) < 1e-9


@pytest.mark.parametrize(
    "change", ["active > quiet and -> ", "b * margin -> margin", "1, -1 -> 1, 0", "-learns -> -1"]
)
def test_espp_with_one_thing_wrong_is_noticed(change: str, tmp_path: Path) -> None:
    want, _ = by_hand(*sequences())
    got = compiled(tmp_path, wrong("rule", "espp", change, FILE))
    assert max(difference(want[k], got[k]) for k in (1, 2)) > 1e-2
