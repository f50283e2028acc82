"""Derivatives become equations, within a step and through time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Bench, difference, net_of

from snc.graph.graph import SAMPLE, Axis
from snc.passes.expand_gradients import expand_gradients
from snc.passes.remove_unused import remove_unused

C = Axis("channel", 4)
X = np.random.default_rng(0).uniform(0.5, 2, (5, 3, 4))


def test_a_derivative_within_a_step_takes_the_past_as_given() -> None:
    """L = sum (w x + u[t-1])^2: by w, 2 x (w x + u[t-1]) and nothing of u's own past."""
    bench = Bench()
    b = bench.build
    x = bench.leaf("x", (SAMPLE, C), X)
    w = bench.leaf("w", (C,), np.arange(1.0, 5))
    u = b.add(b.mul(w, x), b.previous("u", (SAMPLE, C)))
    bench.state("u", u)
    loss = b.sum(b.mul(u, u), (SAMPLE, C))
    by_w = b.node("gradient", (loss, w), (C,), backward=None, owner="")
    graph = bench.graph({"u": u, "g": by_w})
    after = expand_gradients(graph)
    assert not any(n.op == "gradient" for n in after.nodes)
    got = bench.records(after, 5)
    assert difference((2 * got["u"] * X).sum(1), got["g"]) < 1e-12


def test_a_loss_that_does_not_depend_on_a_value_has_the_derivative_zero() -> None:
    bench = Bench()
    b = bench.build
    x, w = bench.leaf("x", (SAMPLE, C), X), bench.leaf("w", (C,), np.ones(4))
    loss = b.sum(b.mul(x, b.apply("stop", w)), (SAMPLE, C))
    graph = bench.graph({"g": b.node("gradient", (loss, w), (C,), backward=None, owner="")})
    got = bench.records(expand_gradients(graph), 5)["g"]
    assert got.shape == (5, 4)
    assert (got == 0).all()


def test_through_time_a_sweep_looks_one_step_ahead() -> None:
    """u = 0.5 u[t-1] + w x: the derivative of sum_t sum(u_t) by w is found by a state that looks ahead."""
    bench = Bench()
    b = bench.build
    x, w = bench.leaf("x", (SAMPLE, C), X), bench.leaf("w", (C,), np.ones(4))
    u = b.add(b.mul(b.number(0.5), b.previous("u", (SAMPLE, C))), b.mul(w, x))
    bench.state("u", u)
    node = b.node("bptt", (b.sum(u, (SAMPLE, C)), w, b.number(1)), (C,))
    after = remove_unused(expand_gradients(bench.graph({"u": u, "g": node})))
    assert [s.name for s in after.states if s.ahead] == ["bar0:u"]
    assert {n.op for n in after.nodes} >= {"later", "previous"}
    assert "bptt" not in {n.op for n in after.nodes}


RECURRENT = """
neuron both(i, leak = 0.8, theta = 0.4, surrogate = triangle):
    v   = leak * {u} + i
    psi = surrogate(v - theta)
    s   = spike(v > theta, slope = psi)
    u   = v - theta * s
    output s
network recurrent():
    input x[8]
    h_in  = dense(x, 6, bias = true, norm = standardise)
    h_rec = dense({h}, 6)
    h     = h_in + h_rec | both()
    out   = h | dense(3, bias = true) | readout_neuron()
neuron readout_neuron(i):
    y = 0.9 * {y} + i
    output y
experiment derivatives:
    network = recurrent()
    loss    = mean(cross_entropy(out, label))
    learn * by {rule}
    train:
        during    = last 7 steps
        optimiser = sgd(0.1)
"""
PAST = {"u": "u[t-1]", "h": "h[t-1]", "y": "y[t-1]"}
STOPPED = {k: f"stop({v})" for k, v in PAST.items()}


def gradients(folder: Path, rule: str, past: dict[str, str]) -> dict[str, np.ndarray]:
    made = net_of(RECURRENT.format(rule=rule, **past), folder, record=("h.s",))
    random = np.random.default_rng(1)
    given = {
        s.name: random.normal(0.2, 0.6, s.shape)
        for s in made.program.stored
        if s.role == "parameter"
    }
    inputs = (random.random((12, 4, 8)) < 0.4).astype(float)
    ran = made.learn(inputs, np.array([0, 1, 2, 1]), given)
    assert 0.05 < ran.outcome.records["h.s"].mean() < 0.95
    return ran.outcome.gradients


def test_with_every_past_value_stopped_through_time_is_the_sum_of_the_steps(tmp_path: Path) -> None:
    through = gradients(tmp_path / "a", "through_time(loss)", STOPPED)
    within = gradients(tmp_path / "b", "descent(loss)", PAST)
    for name, want in within.items():
        assert np.abs(want).max() > 1e-4, name
        assert difference(want, through[name]) < 1e-12, name


@pytest.mark.parametrize("only", PAST)
def test_every_path_through_time_matters(only: str, tmp_path: Path) -> None:
    """Otherwise the agreement above would say nothing."""
    through = gradients(tmp_path / "a", "through_time(loss)", {**STOPPED, only: PAST[only]})
    within = gradients(tmp_path / "b", "descent(loss)", PAST)
    assert any(difference(want, through[name]) > 1e-3 for name, want in within.items())


def test_feedback_alignment_draws_a_matrix_for_each_projection_it_crosses(tmp_path: Path) -> None:
    text = RECURRENT.format(rule="ottt() from feedback_alignment(loss)", **PAST)
    text = text.replace("learn *", "learn h_in, h_rec").replace(
        "    train:", "    learn out by descent(loss)\n    train:"
    )
    made = net_of(text, tmp_path)
    (constant,) = [s for s in made.program.stored if s.role == "constant"]
    assert constant.name == "out.backward"
    assert constant.shape == (3, 6)
    inputs = (np.random.default_rng(0).random((12, 4, 8)) < 0.4).astype(float)
    labels = np.array([0, 1, 2, 1])
    found = [
        made.learn(inputs, labels, {"out.backward": m}).outcome.gradients["h_in.weight"]
        for m in (np.ones((3, 6)), -np.ones((3, 6)), np.random.default_rng(1).normal(size=(3, 6)))
    ]
    assert np.abs(found[2]).max() > 1e-6
    assert difference(found[0], -found[1]) < 1e-12
    assert difference(found[0], found[2]) > 1e-2
