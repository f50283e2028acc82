"""A network whose traces can be exchanged, and a run of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, differing, net_of

from snc.program import schedule

STEPS, BATCH = 11, 4
TEXT = """
network net():
    input x[6]
    h_in  = x | dense(5, bias = true, norm = standardise)
    h_rec = dense(h[t-1], 5)
    h     = h_in + h_rec | lif(leak = 0.8, theta = 0.4, surrogate = fast(_, k = 5))
    out   = h | dense(3, bias = true) | integrator(leak = 0.9)
experiment e:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    random event = bernoulli(0.4) every step
    learn h_in, h_rec by {rule}
    learn out by readout(0.95) from backprop(loss)
    train:
        optimiser = sgd(0.05)
        during = {during}
        update = {update}
"""
RULES = {
    "both terms": "stllr(0.5, 0.7, -0.4, 1) from backprop(loss)",
    "a trace that never fades": "stllr(0.5, 1, 1, 1) from backprop(loss)",
    "one term": "ottt() from feedback(class_error(out, label))",
}
WINDOWS = ["always", "last 5 steps", "after 4 steps", "when event"]
UPDATES = ["every sequence", "every 3 steps"]
PASSES = ("exchange_traces", "merge_products")


def text(rule: str = "both terms", during: str = "always", update: str = "every sequence") -> str:
    return TEXT.format(rule=RULES[rule], during=during, update=update)


def ran(spec: str, folder: Path, backend: str = "reference", without: tuple[str, ...] = ()) -> Ran:
    made = net_of(spec, folder, backend=backend, without=without, record=("h",))
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
    for gradients in done.outcome.gradient_steps.values():
        assert np.abs(gradients).max() > 1e-4
    return done


def chunks_agree(backend: str, chunk: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled backend, in chunks of a length, computes what the reference does without them."""
    monkeypatch.setattr(schedule, "LEAST", chunk)
    monkeypatch.setattr(schedule, "MOST", chunk)
    spec = text(during="last 8 steps")
    want, made = ran(spec, folder, without=PASSES), net_of(spec, folder, backend=backend)
    assert made.module.runs["learn"].emitted.chunk.most == chunk
    assert differing(want, ran(spec, folder, backend=backend)) == {}
