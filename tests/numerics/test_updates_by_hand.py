"""Optimisers against NumPy: the same gradients must make the same weights, update after update."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from networks import difference, net_of

ONE = """
network one():
    input x[5]
    out = dense(x, 4, bias = true)
experiment optimised:
    network = one()
    loss    = mean(cross_entropy(out, label))
    learn out by descent(loss)
    train:
        update    = every step
        during    = last 8 steps
        optimiser = {optimiser}
"""
Array = np.ndarray
Optimiser = Callable[[Array, Array], Array]


def sgd(w: Array, gradients: Array) -> Array:
    return w - 0.3 * gradients.sum(0)


def momentum(w: Array, gradients: Array) -> Array:
    """The velocity of update k is the sum of earlier gradients, each 0.8 times weaker than the next."""
    for k in range(len(gradients)):
        age = k - np.arange(k + 1)
        w = w - 0.3 * np.tensordot(0.8**age, gradients[: k + 1], 1)
    return w


def nesterov(w: Array, gradients: Array) -> Array:
    velocity = np.zeros_like(w)
    for g in gradients:
        velocity = 0.8 * velocity + g
        w = w - 0.3 * (g + 0.8 * velocity)
    return w


def adam(
    w: Array, gradients: Array, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Array:
    """Both moments as weighted means of all gradients so far: that is what the correction is for."""
    for k in range(1, len(gradients) + 1):
        age = np.arange(k)[::-1]
        mean = np.tensordot(b1**age / (b1**age).sum(), gradients[:k], 1)
        square = np.tensordot(b2**age / (b2**age).sum(), gradients[:k] ** 2, 1)
        w = w - 0.05 * mean / (np.sqrt(square) + eps)
    return w


def adamax(w: Array, gradients: Array, b1: float = 0.9, b2: float = 0.999) -> Array:
    """The mean over the largest of all gradients so far, those of the past made smaller."""
    for k in range(1, len(gradients) + 1):
        age = np.arange(k)[::-1]
        mean = np.tensordot(b1**age / (b1**age).sum(), gradients[:k], 1)
        faded = np.abs(gradients[:k]) * (b2**age)[(...,) + (None,) * w.ndim]
        w = w - 0.05 * mean / faded.max(0)
    return w


def decolle_adamax(w: Array, gradients: Array) -> Array:
    return adamax(w, gradients, 0.0, 0.95)


def slow_adam(w: Array, gradients: Array) -> Array:
    return adam(w, gradients, 0.5, 0.8, 0.1)


CASES: dict[str, tuple[Optimiser, float]] = {
    "sgd(0.3)": (sgd, 1e-12),
    "sgd(0.3, momentum = 0.8)": (momentum, 1e-12),
    "sgd(0.3, momentum = 0.8, nesterov = true)": (nesterov, 1e-12),
    "adam(0.05)": (adam, 1e-12),
    "adam(0.05, betas = [0.5, 0.8], eps = 0.1)": (slow_adam, 1e-12),
    "adamax(0.05)": (adamax, 1e-5),  # eps is in the largest gradient, 1e-8 of about 1e-2
    "adamax(0.05, betas = [0, 0.95])": (decolle_adamax, 1e-5),
}


def learned(
    optimiser: str, folder: Path
) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """First and last weights, and the gradient of every update."""
    made = net_of(ONE.format(optimiser=optimiser), folder)
    random = np.random.default_rng(8)
    given = {"out.weight": random.normal(size=(4, 5)), "out.bias": random.normal(size=4)}
    ran = made.learn(random.normal(size=(11, 3, 5)), np.array([0, 3, 1]), given)
    return ran.before, ran.after, ran.outcome.gradient_steps


@pytest.mark.parametrize("optimiser", CASES)
def test_an_optimiser_is_its_formula(optimiser: str, tmp_path: Path) -> None:
    formula, tolerance = CASES[optimiser]
    before, after, gradients = learned(optimiser, tmp_path)
    for name in ("out.weight", "out.bias"):
        assert len(gradients[name]) == 8
        assert np.abs(gradients[name]).min(initial=1) > 1e-6
        change = after[name] - before[name]
        assert np.abs(change).max() > 1e-2
        assert difference(formula(before[name], gradients[name]) - before[name], change) < tolerance


def test_the_formulas_are_not_the_same(tmp_path: Path) -> None:
    """So that the agreement above says something."""
    before, _, gradients = learned("sgd(0.3)", tmp_path)
    w, g = before["out.weight"], gradients["out.weight"]
    after = [formula(w, g) for formula, _ in CASES.values()]
    for k, one in enumerate(after):
        assert all(difference(one - w, other - w) > 1e-2 for other in after[:k])


def test_a_step_without_gradient_inside_the_window_still_moves_by_momentum(tmp_path: Path) -> None:
    """Steps outside the window do not: they are no updates."""
    made = net_of(ONE.format(optimiser="sgd(0.3, momentum = 0.8)"), tmp_path)
    inputs = np.zeros((11, 1, 5))
    inputs[3] = 1  # the first of the window
    bias = np.array([0, 100, 0, 0.0])  # certain of class 1, but for the weights: then no gradient
    weight = np.zeros((4, 5))
    weight[0], weight[1] = 20, -20  # at step 3 certain of class 0
    ran = made.learn(inputs, np.array([1]), {"out.weight": weight, "out.bias": bias})
    first = ran.outcome.gradient_steps["out.weight"]
    assert np.abs(first[0]).max() == pytest.approx(1)
    assert np.abs(first[1:]).max() < 1e-9
    want = -0.3 * first[0] * (1 - 0.8**8) / (1 - 0.8)
    assert difference(want, ran.after["out.weight"] - weight) < 1e-9


def test_moments_and_the_count_of_updates_go_on_from_sequence_to_sequence(tmp_path: Path) -> None:
    made = net_of(ONE.format(optimiser="adam(0.05)"), tmp_path)
    random = np.random.default_rng(8)
    store, gradients, labels = made.store(), [], np.array([0, 3, 1])
    first = store["out.weight"].copy()
    for _ in range(3):
        feed = made.feed(random.normal(size=(11, 3, 5)), labels)
        outcome = made.module.learn(store, feed, gradients=True)
        gradients.append(outcome.gradient_steps["out.weight"])
    change = store["out.weight"] - first
    assert difference(adam(first, np.concatenate(gradients)) - first, change) < 1e-9
    anew = first
    for part in gradients:
        anew = adam(anew, part)
    assert difference(anew - first, change) > 1e-2
