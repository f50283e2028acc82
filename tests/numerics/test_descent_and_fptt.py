"""Derivatives within the step against difference quotients, and FPTT, which adds a memory of the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from by_hand import Array, Values
from library_text import declaration, wrong
from networks import Ran, difference, net_of

SMOOTH = """
neuron smooth(i, leak = 0.7, theta = 0.3):
    "A spike that is a sigmoid, so that differences exist; its reset has a derivative."
    v = leak * u[t-1] + i
    s = sigmoid(5 * (v - theta))
    u = v - theta * s
    output s
network recurrent():
    input x[5]
    h_in  = dense(x, 4, bias = true)
    h_rec = dense(h[t-1], 4)
    h     = h_in + h_rec | smooth()
    out   = h | dense(3, bias = true) | integrator(leak = 0.9)
experiment differences:
    network = recurrent()
    loss    = mean(cross_entropy(out, label))
    learn * by {rule}
    learn out by {out}
    train:
        update    = every {update}
        optimiser = sgd({rate})
"""
STEPS, LABELS = 7, np.array([0, 2, 1])
ALL = ("h_in.weight", "h_in.bias", "h_rec.weight", "out.weight", "out.bias")


class Smooth:
    """The network by hand, one step at a time; what it remembers is given to it."""

    def __init__(self) -> None:
        self.u, self.h, self.out = (np.zeros((3, n)) for n in (4, 4, 3))

    def step(self, x: Array, w: Values) -> tuple[Array, Array, Array]:
        current = x @ w["h_in.weight"].T + w["h_in.bias"] + self.h @ w["h_rec.weight"].T
        v = 0.7 * self.u + current
        h = 1 / (1 + np.exp(-5 * (v - 0.3)))
        return v - 0.3 * h, h, 0.9 * self.out + h @ w["out.weight"].T + w["out.bias"]

    def loss(self, x: Array, w: Values) -> float:
        out = self.step(x, w)[2]
        return float(np.mean(np.log(np.exp(out).sum(1)) - out[range(3), LABELS]))

    def slopes(self, x: Array, w: Values) -> Values:
        """The difference quotients of this step's loss; what is remembered stays as it is."""
        found = {}
        for name in ALL:
            found[name] = np.zeros_like(w[name])
            for at in np.ndindex(w[name].shape):
                sides = []
                for shift in (1e-5, -1e-5):
                    moved = {**w, name: w[name].copy()}
                    moved[name][at] += shift
                    sides.append(self.loss(x, moved))
                found[name][at] = (sides[0] - sides[1]) / 2e-5
        return found

    def go_on(self, x: Array, w: Values) -> None:
        self.u, self.h, self.out = self.step(x, w)


def given() -> tuple[Array, Values]:
    random = np.random.default_rng(2)
    inputs = random.normal(size=(STEPS, 3, 5))
    shapes = {"h_in.weight": (4, 5), "h_in.bias": (4,), "h_rec.weight": (4, 4)}
    shapes |= {"out.weight": (3, 4), "out.bias": (3,)}
    return inputs, {name: random.normal(0.2, 0.8, shape) for name, shape in shapes.items()}


def learned(
    rule: str, out: str, folder: Path, rate: float = 0, declared: str = "", update: str = "step"
) -> Ran:
    text = SMOOTH.format(rule=rule, out=out, rate=rate, update=update)
    made = net_of(declared + text, folder)
    inputs, weights = given()
    if "multiplier" in declared:  # the mean starts as a copy of the weights given here
        for name in ("h_in", "h_rec"):
            weights[f"{name}_fptt.average"] = weights[f"{name}.weight"]
    return made.learn(inputs, LABELS, weights)


def test_a_derivative_within_the_step_is_the_difference_quotient_at_a_fixed_past(
    tmp_path: Path,
) -> None:
    """And so is one through time since the last update, if that was the step before."""
    inputs, w = given()
    net = Smooth()
    want: dict[str, list[Array]] = {name: [] for name in ALL}
    for x in inputs:
        for name, slope in net.slopes(x, w).items():
            want[name].append(slope)
        net.go_on(x, w)
    within = learned("descent(loss)", "descent(loss)", tmp_path).outcome.gradient_steps
    rule = "through_time(loss)"
    short = learned(rule, rule, tmp_path / "short").outcome.gradient_steps
    whole = learned(rule, rule, tmp_path / "whole", update="sequence").outcome.gradients
    for name in ALL:
        numeric = np.stack(want[name])
        assert np.abs(numeric).max() > 1e-2, name
        assert difference(numeric, within[name]) < 1e-6, name
        assert difference(numeric, short[name]) < 1e-6, name
        assert difference(numeric.sum(0), whole[name]) > 1e-2, name


# FPTT ---------------------------------------------------------------------------------------------------

ALPHA, BETA, RHO, RATE = 0.4, 0.3, 0.2, 0.15
FPTT = f"fptt(loss, {ALPHA}, {BETA}, {RHO})"


def fptt(inputs: Array, w: Values) -> Values:
    """After every update lambda -= alpha (W - mean), mean = (1 - beta) mean + beta W - beta / alpha lambda."""
    names = ("h_in.weight", "h_rec.weight")
    w = {name: value.copy() for name, value in w.items()}
    mean = {name: w[name].copy() for name in names}
    multiplier = {name: np.zeros_like(w[name]) for name in names}
    net = Smooth()
    for t, x in enumerate(inputs):
        slopes = net.slopes(x, w)
        net.go_on(x, w)
        for name in names:
            pull = ALPHA * (w[name] - mean[name]) + (RHO - 1) * multiplier[name]
            w[name] = w[name] - RATE * ((t + 1) / STEPS * slopes[name] + pull)
        for name in ("out.weight", "out.bias"):
            w[name] = w[name] - RATE * slopes[name]
        for name in names:
            multiplier[name] = multiplier[name] - ALPHA * (w[name] - mean[name])
            mean[name] = (1 - BETA) * mean[name] + BETA * w[name] - BETA / ALPHA * multiplier[name]
    return w


def weights_by_fptt(folder: Path, text: str) -> Values:
    ran = learned(FPTT, "descent(loss)", folder, RATE, text)
    return {name: ran.after[name] for name in ("h_in.weight", "h_rec.weight", "out.weight")}


def test_fptt_is_its_three_updates_one_after_the_other(tmp_path: Path) -> None:
    inputs, before = given()
    want = fptt(inputs, before)
    file = "other/fptt.snc"
    got = weights_by_fptt(tmp_path, declaration("rule", "fptt", file))
    plain = learned("descent(loss)", "descent(loss)", tmp_path / "plain", RATE).after
    for name, value in got.items():
        change = want[name] - before[name]
        assert np.abs(change).max() > 1e-2, name
        assert difference(change, value - before[name]) < 1e-5, name
        assert difference(change, plain[name] - before[name]) > 1e-2, name


@pytest.mark.parametrize(
    "change",
    [
        "alpha * (weight - mean) -> alpha / 2 * (weight - mean)",
        "(rho - 1) -> (rho + 1)",
        "weight - mean -> weight - average",
    ],
)
def test_fptt_with_one_thing_wrong_is_noticed(change: str, tmp_path: Path) -> None:
    inputs, before = given()
    want = fptt(inputs, before)
    got = weights_by_fptt(tmp_path, wrong("rule", "fptt", change, "other/fptt.snc"))
    for name in ("h_in.weight", "h_rec.weight"):
        assert difference(want[name] - before[name], got[name] - before[name]) > 1e-3, name
