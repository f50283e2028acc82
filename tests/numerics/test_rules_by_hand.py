"""Every rule of the library against the equations of its source, evaluated synapse by synapse in NumPy.

The whole run is computed twice: spikes, readout, error, the error sent back, eligibilities, gradients. So
the neurons and the signal `backprop` are tested as well. Each rule is then made wrong in one place,
which the comparison must notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import by_hand
import numpy as np
import pytest
from by_hand import Array, Neuron, Rule, Values
from library_text import wrong
from networks import Ran, difference, net_of

RECURRENT = """
network recurrent():
    input x[7]
    h_in  = dense(x, 6, bias = true)
    h_rec = dense(h[t-1], 6)
    h     = h_in + h_rec | {neuron}
    out   = h | dense(4, bias = true) | integrator(leak = 0.9)
experiment rules:
    network = recurrent()
    loss    = mean(cross_entropy(out, label))
    learn h_in, h_rec by {rule} from backprop(loss)
    learn out by readout(0.9) from backprop(loss)
    train:
        during    = last 20 steps
        optimiser = sgd(0.1)
"""
STEPS, WINDOW, BATCH = 26, 20, 3
LABELS = np.array([0, 3, 2])


@dataclass(frozen=True)
class Case:
    """A rule, the neuron it is tried on, both by hand, the bias's gradient, and what to make wrong."""

    rule: str
    neuron: str
    neuron_by_hand: Callable[[], Neuron]
    rule_by_hand: Rule
    change: str
    bias: Callable[[Values], Array] | None = None


SLOPE = lambda post: post["psi"]  # noqa: E731
SPIKE = lambda post: post["s"]  # noqa: E731
FACTORS = (0.3, 0.7, -0.8, 1.2)
lif = ("lif(leak = 0.8, theta = 0.5)", partial(by_hand.lif, 0.8, 0.5))
alif = (
    "alif(leak = 0.8, theta = 0.5, beta = 0.6, rho = 0.9)",
    partial(by_hand.alif, 0.8, 0.5, 0.6, 0.9),
)
snu = ("snu(leak = 0.8, theta = 0.5)", partial(by_hand.snu, 0.8, 0.5))
undecayed = ("lif_undecayed(leak = 0.8, theta = 0.5)", partial(by_hand.lif_undecayed, 0.8, 0.5))
by_alif = partial(by_hand.eprop_alif, leak=0.8, beta=0.6, rho=0.9)

CASES = [
    Case("stllr(0.3, 0.7, -0.8, 1.2)", *lif, partial(by_hand.slopes_gate, factors=FACTORS),
         "q[t-1] * pre -> q * pre", SLOPE),
    Case("stllr_spikes(0.3, 0.7, -0.8, 1.2)", *lif, partial(by_hand.spikes_gate, factors=FACTORS),
         "q[t-1] + post -> q[t-1] + post.psi", SPIKE),
    Case("eprop()", *lif, partial(by_hand.eprop, leak=0.8, kappa=0), "eps[t-1] -> 0.9 * eps[t-1]"),
    Case("eprop(0.7)", *undecayed, partial(by_hand.eprop, leak=0.8, kappa=0.7), "ebar[t-1] + e -> ebar[t-1] + e[t-1]"),
    Case("eprop_alif()", *alif, partial(by_alif, kappa=0), "- post.psi[t-1] * post.beta) -> )"),
    Case("eprop_alif(0.7)", *alif, partial(by_alif, kappa=0.7), "= post.psi[t-1] * eps_v[t-1] -> = post.psi * eps_v"),
    Case("etlp()", *alif, partial(by_alif, kappa=0), "(eps_v - post.beta -> (eps_v + post.beta"),
    Case("ostl()", *snu, partial(by_hand.ostl, leak=0.8), "- post.v[t-1] * post.psi[t-1] -> "),
    Case("osttp()", *undecayed, partial(by_hand.osttp, leak=0.8, theta=0.5), "e[t-1] -> e[t-1] * 0.5"),
    Case("ottt()", *lif, partial(by_hand.decolle, decay=0.8), "+ pre -> + pre[t-1]", SLOPE),
    Case("decolle()", *lif, partial(by_hand.decolle, decay=0), "post.psi * p -> post * p", SLOPE),
    Case("decolle(0.7)", *lif, partial(by_hand.decolle, decay=0.7), "lambda * p[t-1] -> p[t-1]", SLOPE),
    Case("stsf()", *lif, by_hand.stsf, "post * pre -> post.psi * pre", SPIKE),
    Case("es_d_rtrl()", *lif, partial(by_hand.es_d_rtrl, a=0.9, leak=0.8), "(1 - a) * -> "),
    Case("otpe(0.7)", *lif, partial(by_hand.otpe, leak=0.8, above=0.7), "post.leak -> decay_above"),
    Case("otpe_factorised(0.7)", *lif, partial(by_hand.otpe_factorised, leak=0.8, above=0.7),
         "z[t-1] + p -> z[t-1] + pre"),
]  # fmt: skip


@dataclass
class Run:
    """A run by hand: spikes, gradients."""

    spikes: Array
    gradients: Values


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def given() -> tuple[Array, Values]:
    random = np.random.default_rng(5)
    inputs = (random.random((STEPS, BATCH, 7)) < 0.4).astype(float)
    shapes = {"h_in.weight": (6, 7), "h_in.bias": (6,), "h_rec.weight": (6, 6)}
    shapes |= {"out.weight": (4, 6), "out.bias": (4,)}
    return inputs, {name: random.normal(0.12, 0.4, shape) for name, shape in shapes.items()}


def calculated(case: Case) -> Run:
    """The run, by hand."""
    inputs, w = given()
    neuron, post, read = case.neuron_by_hand(), [], []
    before = np.zeros((BATCH, 6))
    for x in inputs:
        read.append(before)
        post.append(neuron(x @ w["h_in.weight"].T + w["h_in.bias"] + before @ w["h_rec.weight"].T))
        before = post[-1]["s"]
    values = {name: np.stack([p[name] for p in post]) for name in post[0]}
    logits = by_hand.past(values["s"] @ w["out.weight"].T + w["out.bias"], 0.9)
    error = (softmax(logits) - np.eye(4)[LABELS]) / BATCH
    error[: STEPS - WINDOW] = 0
    signal = error @ w["out.weight"]
    found = {
        "h_in.weight": case.rule_by_hand(inputs, values, signal),
        "h_rec.weight": case.rule_by_hand(np.stack(read), values, signal),
        "out.weight": by_hand.readout(values["s"], {}, error, decay=0.9),
        "out.bias": error.sum((0, 1)),
    }
    if case.bias:
        found["h_in.bias"] = (signal * case.bias(values)).sum((0, 1))
    return Run(values["s"], found)


def compiled(case: Case, tmp_path: Path, declared: str = "") -> Ran:
    text = RECURRENT.format(rule=case.rule, neuron=case.neuron)
    made = net_of(declared + text, tmp_path, record=("h.s",))
    inputs, weights = given()
    return made.learn(inputs, LABELS, weights)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_is_the_equations_of_its_source(case: Case, tmp_path: Path) -> None:
    want, got = calculated(case), compiled(case, tmp_path)
    assert 0.1 < want.spikes.mean() < 0.9
    assert np.array_equal(want.spikes, got.outcome.records["h.s"])
    assert want.gradients.keys() == got.outcome.gradients.keys()
    for name, gradient in want.gradients.items():
        assert np.abs(gradient).max() > 1e-3, name
        assert difference(gradient, got.outcome.gradients[name]) < 1e-9, name
        after = got.before[name] - 0.1 * gradient
        assert difference(after, got.after[name]) < 1e-9, name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_with_one_thing_wrong_is_noticed(case: Case, tmp_path: Path) -> None:
    changed = wrong("rule", case.rule.split("(")[0], case.change)
    want, got = calculated(case), compiled(case, tmp_path, changed)
    for name in ("h_in.weight", "h_rec.weight"):
        assert difference(want.gradients[name], got.outcome.gradients[name]) > 1e-3


# A rule that waits for its teacher --------------------------------------------------------------------------


def test_etlp_learns_at_the_teachers_events_and_from_the_label_alone(tmp_path: Path) -> None:
    text = RECURRENT.format(rule="etlp()", neuron=alif[0])
    text = text.replace(
        "from backprop(loss)", "from target_feedback(onehot(label, 4), scale = -1)", 1
    )
    text = text.replace("during    = last 20 steps", "during    = when event")
    text = text.replace(
        "    learn h_in", "    random event = bernoulli(0.3) every step\n    learn h_in", 1
    )
    made = net_of(text, tmp_path, record=("h.psi", "event"))
    inputs, weights = given()
    weights["h_target_feedback.matrix"] = np.random.default_rng(3).normal(size=(4, 6))
    got = made.learn(inputs, LABELS, weights).outcome
    events = np.broadcast_to(got.records["event"].reshape(STEPS, -1)[:, :1], (STEPS, 1))
    assert 3 < events.sum() < STEPS - 3
    teacher = -weights["h_target_feedback.matrix"][LABELS]
    post = {"psi": got.records["h.psi"]}
    always = by_alif(inputs, post, np.tile(teacher, (STEPS, 1, 1)), kappa=0)
    want = by_alif(inputs, post, events[:, :, None] * teacher, kappa=0)
    assert difference(want, got.gradients["h_in.weight"]) < 1e-9
    assert difference(always, got.gradients["h_in.weight"]) > 1e-2
