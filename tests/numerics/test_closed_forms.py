"""Runs against exact answers, and against other rules that must say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, difference, net_of

RANDOM = np.random.default_rng(3)


def spikes(steps: int, batch: int, n: int, rate: float = 0.3) -> np.ndarray:
    return (np.random.default_rng(steps + n).random((steps, batch, n)) < rate).astype(float)


# Neurons ------------------------------------------------------------------------------------------------

MEMBRANE = """
network one():
    input x[3]
    h = dense(x, 2) | {neuron}
experiment membrane:
    network = one()
    loss    = mean(h)
    learn h by descent(loss)
    train:
        optimiser = sgd(0)
"""


@pytest.mark.parametrize("leak", [0.0, 0.5, 0.97, 1.0])
def test_an_integrator_follows_the_closed_form(leak: float, tmp_path: Path) -> None:
    """v_t = sum over k of leak^(t-k) W x_k."""
    made = net_of(MEMBRANE.format(neuron=f"integrator(leak = {leak})"), tmp_path, record=("h.v",))
    inputs, w = RANDOM.normal(size=(40, 2, 3)), RANDOM.normal(size=(2, 3))
    got = made.evaluate(inputs, given={"h.weight": w}).outcome.records["h.v"]
    t = np.arange(40)
    kernel = np.where(t[:, None] >= t, float(leak) ** np.abs(t[:, None] - t), 0)
    want = np.einsum("tk,kbi,ji->tbj", kernel, inputs, w)
    assert difference(want, got) < 1e-12


def test_a_leaky_membrane_under_constant_current_approaches_its_limit(tmp_path: Path) -> None:
    """Below the threshold v_t = i (1 - leak^(t+1)) / (1 - leak), and nothing fires."""
    text = MEMBRANE.format(neuron="lif(leak = 0.8, theta = 10)")
    made = net_of(text, tmp_path, record=("h.u", "h.s"))
    inputs, w = np.ones((60, 1, 3)), np.array([[1, 0, 0], [0.5, 0.5, 0.25]])
    got = made.evaluate(inputs, given={"h.weight": w}).outcome.records
    t = np.arange(60)[:, None, None]
    want = w.sum(1) * (1 - 0.8 ** (t + 1)) / (1 - 0.8)
    assert got["h.s"].max() == 0
    assert difference(want, got["h.u"]) < 1e-12


def test_a_neuron_that_integrates_fires_at_the_rate_of_its_current(tmp_path: Path) -> None:
    """Without leak every threshold's worth of current is one spike: s spikes in t steps, s = floor."""
    text = MEMBRANE.format(neuron="lif_inclusive(leak = 1, theta = 1)")
    made = net_of(text, tmp_path, record=("h.u", "h.s"))
    w = np.array([[0.25, 0, 0], [0.125, 0.25, 0.25]])
    got = made.evaluate(np.ones((64, 1, 3)), given={"h.weight": w}).outcome.records["h.s"]
    assert got.sum(0).tolist() == [[16, 40]]
    want = np.floor(np.arange(1, 65)[:, None] * w.sum(1))
    assert np.array_equal(got.cumsum(0)[:, 0], want)


def test_an_adaptive_threshold_relaxes_as_the_closed_form_says(tmp_path: Path) -> None:
    """b_t = sum over earlier spikes of rho^(t-k-1)."""
    text = MEMBRANE.format(neuron="alif(rho = 0.9)")
    made = net_of(text, tmp_path, record=("h.b", "h.s"))
    got = made.evaluate(spikes(50, 2, 3), given={"h.weight": np.full((2, 3), 0.4)}).outcome.records
    s, t = got["h.s"], np.arange(50)
    kernel = np.where(t[:, None] > t, 0.9 ** (np.abs(t[:, None] - t) - 1.0), 0)
    assert 0.05 < s.mean() < 0.95
    assert difference(np.einsum("tk,kbj->tbj", kernel, s), got["h.b"]) < 1e-12


# STDP ---------------------------------------------------------------------------------------------------

PAIR = """
network pair():
    input x[2]
    h_in  = dense(drive(x), 1)
    teach = dense(other(x), 1, fixed = true)
    h     = h_in + teach | lif_hard(leak = 0, theta = 0.5)
block drive(x):
    random never[x] = bernoulli(0) every step
    output x
block other(x):
    output x
experiment pairs:
    dt      = 1 ms
    network = pair()
    learn h_in by stdp(tau_pre = 17 ms, tau_post = 34 ms, a_plus = 0.01, a_minus = 0.012)
"""


@pytest.mark.parametrize("gap", [-60, -25, -7, -1, 1, 2, 13, 50])
def test_a_pair_of_spikes_changes_the_weight_by_the_exponential_window(
    gap: int, tmp_path: Path
) -> None:
    """Post after pre: + a_plus exp(-dt / tau_pre); pre after post: - a_minus exp(-dt / tau_post)."""
    made = net_of(PAIR, tmp_path, record=("h.s",))
    inputs = np.zeros((150, 1, 2))
    pre, post = (10, 10 + gap) if gap > 0 else (10 - gap, 10)
    inputs[pre, 0, 0] = inputs[post, 0, 1] = 1
    given = {"h_in.weight": np.array([[0.3, 0]]), "teach.weight": np.array([[0, 1.0]])}
    ran = made.learn(inputs, None, given)
    assert ran.outcome.records["h.s"][:, 0, 0].nonzero()[0].tolist() == [post]
    want = 0.01 * np.exp(-gap / 17) if gap > 0 else -0.012 * np.exp(gap / 34)
    changes = ran.after["h_in.weight"] - given["h_in.weight"]
    assert changes[0, 0] == pytest.approx(want, rel=1e-12)


def test_a_pair_in_one_step_is_both_before_and_after(tmp_path: Path) -> None:
    made = net_of(PAIR, tmp_path)
    inputs = np.zeros((20, 1, 2))
    inputs[5] = 1
    given = {"h_in.weight": np.array([[0.3, 0]]), "teach.weight": np.array([[0, 1.0]])}
    change = made.learn(inputs, None, given).after["h_in.weight"][0, 0] - 0.3
    assert change == pytest.approx(0.01 - 0.012, rel=1e-12)


def test_the_area_of_the_window_is_the_sum_of_all_pairs(tmp_path: Path) -> None:
    """One presynaptic spike in the middle of postsynaptic spikes at every step: geometric series."""
    made = net_of(PAIR, tmp_path)
    inputs = np.zeros((401, 1, 2))
    inputs[:, 0, 1] = inputs[200, 0, 0] = 1
    given = {"h_in.weight": np.array([[0.6, 0]]), "teach.weight": np.array([[0, 1.0]])}
    change = made.learn(inputs, None, given).after["h_in.weight"][0, 0] - 0.6
    series = lambda tau: (1 - np.exp(-201 / tau)) / (1 - np.exp(-1 / tau))  # noqa: E731
    assert change == pytest.approx(0.01 * series(17) - 0.012 * series(34), rel=1e-11)


def test_weights_stay_within_their_bounds(tmp_path: Path) -> None:
    made = net_of(PAIR.replace("a_plus = 0.01", "a_plus = 0.4"), tmp_path)
    given = {"h_in.weight": np.array([[0.3, 0.9]]), "teach.weight": np.array([[0, 1.0]])}
    inputs = np.ones((20, 1, 2))
    after = made.learn(inputs, None, given).after["h_in.weight"]
    assert after.tolist() == [[1, 1]]


# Rules that must agree ----------------------------------------------------------------------------------

RULES = """
network recurrent():
    input x[12]
    h_in  = dense(x, 10, bias = true)
    h_rec = dense(h[t-1], 10)
    h     = h_in + h_rec | lif(leak = 0.8, theta = 0.4)
    out   = h | dense(4, bias = true) | integrator(leak = 0.9)
experiment rules:
    network = recurrent()
    loss    = mean(cross_entropy(out, label))
    learn h_in, h_rec by {rule} from backprop(loss)
    learn out by descent(loss)
    train:
        during    = last 15 steps
        optimiser = sgd(0.1)
"""
SAME = {
    "ottt is s-tllr without its non-causal term": ("ottt()", "stllr(0.3, 0.8, 0, 1)"),
    "e-prop without a filter is ottt": ("eprop(0)", "ottt()"),
    "decolle is ottt without a trace": ("decolle()", "stllr(0.3, 0, 0, 1)"),
    "s-tllr is linear in its factors": ("stllr(0.2, 0.75, -2, 2)", "twice()"),
    "otpe with nothing above is ottt": ("otpe(0)", "ottt()"),
}
TWICE = """
rule twice():
    p = 0.75 * p[t-1] + pre
    q = 0.2  * q[t-1] + post.psi
    e = post.psi * p - q[t-1] * pre
    gradient weight = 2 * signal * e
    gradient bias   = signal * post.psi
"""


def with_rule(text: str, rule: str, folder: Path, **options: object) -> Ran:
    made = net_of(text.format(rule=rule) + TWICE, folder / rule[:4], **options)
    random = np.random.default_rng(1)
    given = {s.name: random.normal(0, 0.4, s.shape) for s in made.program.stored if s.fan_in}
    return made.learn(spikes(25, 4, 12), np.arange(4), given)


@pytest.mark.parametrize("name", SAME)
def test_two_rules_that_are_one_give_one_gradient(name: str, tmp_path: Path) -> None:
    ran = [with_rule(RULES, rule, tmp_path, record=("h.s",)) for rule in SAME[name]]
    assert 0.05 < ran[0].outcome.records["h.s"].mean() < 0.95
    for weight in ("h_in.weight", "h_rec.weight"):
        one, other = (r.outcome.gradients[weight] for r in ran)
        assert np.abs(one).max() > 1e-3
        assert difference(one, other) < 1e-12


def test_rules_that_are_not_the_same_give_other_gradients(tmp_path: Path) -> None:
    """So that the agreement above says something."""
    rules = ["ottt()", "stllr(0.3, 0.8, -1, 1)", "decolle()", "eprop(0.5)"]
    found = [with_rule(RULES, r, tmp_path).outcome.gradients["h_in.weight"] for r in rules]
    for k, one in enumerate(found):
        assert all(difference(one, other) > 1e-2 for other in found[:k])


FORWARD = """
network forward():
    input x[12]
    h   = x | dense(10) | lif(leak = 0.8, theta = 0.4)
    out = h | dense(4, bias = true)
experiment rules:
    network = forward()
    loss    = mean(cross_entropy(out, label))
    learn h by {rule}
    learn out by descent(loss)
    train:
        optimiser = sgd(0.1)
"""


@pytest.mark.parametrize("rule", ["ottt()", "eprop(0)", "stllr(0.5, 0.8, 0, 1)"])
def test_one_layer_without_recurrence_is_learned_as_by_back_propagation(
    rule: str, tmp_path: Path
) -> None:
    """A readout without memory, a reset without derivative: the past enters by the trace alone."""
    local = with_rule(FORWARD, f"{rule} from backprop(loss)", tmp_path, record=("h.s",))
    whole = with_rule(FORWARD, "through_time(loss)", tmp_path)
    assert 0.05 < local.outcome.records["h.s"].mean() < 0.95
    want, got = (r.outcome.gradients["h.weight"] for r in (whole, local))
    assert np.abs(want).max() > 1e-3
    assert difference(want, got) < 1e-9


def test_a_reset_with_derivative_makes_back_propagation_another(tmp_path: Path) -> None:
    """So that the agreement above says something."""
    attached = FORWARD.replace("lif(leak = 0.8, theta = 0.4)", "lif_inclusive(0.8, 0.4)")
    local = with_rule(attached, "ottt() from backprop(loss)", tmp_path)
    whole = with_rule(attached, "through_time(loss)", tmp_path)
    want, got = (r.outcome.gradients["h.weight"] for r in (whole, local))
    assert difference(want, got) > 1e-3


# Back-propagation through time against differences ---------------------------------------------------------

SMOOTH = """
neuron smooth(i, leak = 0.7, theta = 0.3):
    "A spike that is a sigmoid, so that differences exist; its reset has a derivative."
    v = leak * u[t-1] + i
    s = sigmoid(5 * (v - theta))
    u = v - theta * s
    output s
network recurrent():
    input x[5]
    h_in  = dense(x, 4, bias = true, norm = standardise)
    h_rec = dense(h[t-1], 4, norm = standardise)
    h     = h_in + h_rec | smooth()
    out   = h | dense(3, bias = true) | integrator(leak = 0.9)
experiment differences:
    network = recurrent()
    loss    = mean(cross_entropy({loss}, label))
    learn * by through_time(loss)
    train:
        during    = {window}
        optimiser = sgd(0.1)
"""


@pytest.mark.parametrize(
    ("loss", "window"),
    [
        ("out", "always"),
        ("out", "last 3 steps"),
        ("total(out)", "last step"),
        ("out", "after 4 steps"),
    ],
)
def test_back_propagation_through_time_is_the_difference_quotient_of_the_summed_loss(
    loss: str, window: str, tmp_path: Path
) -> None:
    made = net_of(SMOOTH.format(loss=loss, window=window), tmp_path)
    random = np.random.default_rng(2)
    inputs, labels = random.normal(size=(9, 3, 5)), np.array([0, 2, 1])
    given = {
        s.name: random.normal(0.2, 0.8, s.shape)
        for s in made.program.stored if s.role == "parameter"
    }  # fmt: skip
    derived = made.learn(inputs, labels, given).outcome.gradients
    assert derived.keys() == given.keys()
    summed = lambda: made.evaluate(inputs, labels, given).outcome.loss  # noqa: E731
    for name, value in given.items():
        numeric = np.zeros(value.shape)
        for at in np.ndindex(value.shape):
            kept, sides = value[at], []
            for shift in (1e-5, -1e-5):
                value[at] = kept + shift
                sides.append(summed())
            value[at] = kept
            numeric[at] = (sides[0] - sides[1]) / 2e-5
        assert np.abs(numeric).max() > 1e-4, name
        assert difference(numeric, derived[name]) < 1e-6, name
