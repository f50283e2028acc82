"""Where a rule is the true gradient: one layer of spikes without recurrence, seen by the loss at every step.

`backprop(loss)` is the derivative of the step's own loss. The loss of step t also depends on spikes of
earlier steps if the readout remembers: `integrator(leak = kappa)` sees them through kappa^(t-k), which
is just the filter of e-prop and OTPE; a readout without memory needs none. Biases are not compared:
their rules have no trace (as released), so only their weights are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from library_text import wrong
from networks import Ran, difference, net_of

NEURONS = """
neuron undecayed_attached(i, leak = 0.5, theta = 1, surrogate = triangle):
    "As lif_undecayed, and the reset has a derivative."
    v   = leak * v[t-1] + i - theta * s[t-1]
    psi = surrogate(v - theta)
    s   = spike(v > theta, slope = psi)
    output s
neuron spikes_are_slopes(i, leak = 0.5, theta = 1):
    v   = leak * u[t-1] + i
    psi = v > theta
    s   = spike(v > theta, slope = psi)
    u   = v - theta * stop(s)
    output s
neuron decolle_stopped(i, relax = 0.65, surrogate = fast(_, k = 10)):
    "As decolle_neuron; the refractory trace has no derivative."
    r   = relax * r[t-1] - (1 - relax) * stop(s[t-1])
    u   = i + r
    psi = surrogate(u)
    s   = spike(u > 0, slope = psi)
    output s
"""
ONE_LAYER = """
network forward():
    input x[12]
    h   = x {filter}| dense(10) | {neuron}
    out = h | dense(4, bias = true) {readout}
experiment exact:
    network = forward()
    loss    = mean(cross_entropy(out, label))
    learn h   by {rule}
    learn out by {out_rule}
    train:
        during    = {window}
        optimiser = sgd(0.1)
"""


@dataclass(frozen=True)
class Case:
    """A rule, the network in which it is exact, and a change of its text that makes it another."""

    rule: str
    neuron: str
    change: str
    kappa: float = 0
    filter: str = ""
    window: str = "always"


LIF = "lif(leak = 0.8, theta = 0.4)"
ALIF = "alif(leak = 0.8, theta = 0.4, beta = 0.5, rho = 0.9)"
OSTTP = "undecayed_attached(leak = 0.8, theta = 0.4)"
CASES = {
    "e-prop": Case("eprop()", LIF, "post.leak * eps -> 0.9 * eps"),
    "e-prop, leaky readout": Case("eprop(0.7)", LIF, "kappa * ebar -> 0.8 * kappa * ebar", 0.7),
    "e-prop, reset not leaked": Case(
        "eprop()", "lif_undecayed(leak = 0.8, theta = 0.4)", "+ pre -> + pre[t-1]"
    ),
    "e-prop, adaptive": Case("eprop_alif()", ALIF, "(eps_v - post.beta * eps_a) -> eps_v"),
    "e-prop, adaptive, leaky readout": Case(
        "eprop_alif(0.7)", ALIF, "post.psi[t-1] * eps_v[t-1] -> post.psi * eps_v", 0.7
    ),
    "etlp": Case("etlp()", ALIF, "post.rho - post.psi[t-1] * post.beta -> post.rho"),
    "ostl": Case("ostl()", "snu(leak = 0.8, theta = 0.4)", "1 - post[t-1] -> 1"),
    "osttp": Case("osttp()", OSTTP, "- post.theta * e[t-1] -> "),
    "ottt": Case("ottt()", LIF, "post.leak * p -> p"),
    "s-tllr": Case("stllr(0.3, 0.8, 0, 1)", LIF, "alpha_pre * post.psi -> alpha_pre * post"),
    "s-tllr, gated by spikes": Case(
        "stllr_spikes(0.3, 0.8, 0, 1)", "spikes_are_slopes(leak = 0.8, theta = 0.4)",
        "lambda_pre  * p[t-1] -> lambda_post * p[t-1]",
    ),
    "decolle, no memory at all": Case("decolle()", "lif(leak = 0, theta = 0.4)", "post.psi * p -> post * p"),
    "decolle, filtered by the rule": Case("decolle(0.8)", LIF, "lambda * p[t-1] -> p[t-1]"),
    "decolle, its own neuron and input": Case(
        "decolle()", "decolle_stopped()", "lambda * p[t-1] -> 0.5 * p[t-1]",
        filter="| second_order(0.8, 0.6) ",
    ),
    "stsf": Case("stsf()", "spikes_are_slopes(leak = 0, theta = 0.4)", "post * pre -> post * pre[t-1]"),
    "diagonal rtrl": Case("es_d_rtrl(0)", "lif(leak = 0, theta = 0.4)", "a * x[t-1] -> 0.5 * x[t-1]"),
    "otpe": Case("otpe(0.7)", LIF, "decay_above * r[t-1] -> r[t-1]", 0.7),
    "otpe, factorised, nothing above": Case("otpe_factorised(0)", LIF, "decay_above * z -> 0.5 * z"),
    "in a window": Case("ottt()", LIF, "post.leak * p -> p", window="last 9 steps"),
}  # fmt: skip


def learned(case: Case, rule: str, folder: Path, declared: str = "") -> Ran:
    """One sequence; the readout is learned by its own exact rule, or through time as well."""
    leaky = f"| integrator(leak = {case.kappa})" if case.kappa else ""
    local = "through_time" not in rule
    text = ONE_LAYER.format(
        rule=rule,
        neuron=case.neuron,
        filter=case.filter,
        readout=leaky,
        window=case.window,
        out_rule=f"readout({case.kappa}) from backprop(loss)" if local else rule,
    )
    made = net_of(declared + NEURONS + text, folder, record=("h.s",))
    random = np.random.default_rng(1)
    given = {s.name: random.normal(0.06, 0.4, s.shape) for s in made.program.stored if s.fan_in}
    inputs = (np.random.default_rng(2).random((25, 4, 12)) < 0.3).astype(float)
    return made.learn(inputs, np.arange(4), given)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_back_propagation_through_time_of_one_layer(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    whole = learned(case, "through_time(loss)", tmp_path / "whole")
    local = learned(case, f"{case.rule} from backprop(loss)", tmp_path / "local")
    assert 0.05 < local.outcome.records["h.s"].mean() < 0.95
    names = ["h.weight", "out.weight"] + ([] if case.kappa else ["out.bias"])
    for weight in names:
        want, got = (ran.outcome.gradients[weight] for ran in (whole, local))
        assert np.abs(want).max() > 1e-3, weight
        assert difference(want, got) < 1e-9, weight

    changed = wrong("rule", case.rule.split("(")[0], case.change)
    other = learned(case, f"{case.rule} from backprop(loss)", tmp_path / "wrong", changed)
    assert (
        difference(whole.outcome.gradients["h.weight"], other.outcome.gradients["h.weight"]) > 1e-3
    )


# Two layers of spikes ---------------------------------------------------------------------------------------

TWO_LAYERS = """
network deep():
    input x[12]
    h1  = x | dense(10) | lif(leak = 0.8, theta = 0.4)
    h2  = h1 | dense(9) | lif(leak = 0.6, theta = 0.4)
    out = h2 | dense(4, bias = true)
experiment exact:
    network = deep()
    loss    = mean(cross_entropy(out, label))
    learn h1  by {rule}
    learn h2  by ottt() from backprop(loss)
    learn out by readout() from backprop(loss)
    train:
        optimiser = sgd(0.1)
"""


def below(rule: str, tmp_path: Path) -> Ran:
    made = net_of(TWO_LAYERS.format(rule=rule), tmp_path / rule[:6], record=("h1.s", "h2.s"))
    random = np.random.default_rng(1)
    given = {s.name: random.normal(0.1, 0.4, s.shape) for s in made.program.stored if s.fan_in}
    inputs = (np.random.default_rng(2).random((25, 4, 12)) < 0.3).astype(float)
    return made.learn(inputs, np.arange(4), given)


def test_otpe_is_exact_below_one_leaky_layer_of_spikes(tmp_path: Path) -> None:
    """The membrane above is sum_k 0.6^(t-k) W s[k], as a readout's: its slope is in the signal."""
    whole = below("through_time(loss)", tmp_path)
    rules = {rule: below(f"{rule} from backprop(loss)", tmp_path / rule[:4]) for rule in
             ("otpe(0.6)", "ottt()", "otpe_factorised(0.6)")}  # fmt: skip
    for name in ("h1.s", "h2.s"):
        assert 0.05 < whole.outcome.records[name].mean() < 0.95, name
    want = whole.outcome.gradients["h1.weight"]
    assert np.abs(want).max() > 1e-3
    errors = {r: difference(want, ran.outcome.gradients["h1.weight"]) for r, ran in rules.items()}
    assert errors["otpe(0.6)"] < 1e-9
    assert errors["ottt()"] > 1e-2
    assert errors["otpe_factorised(0.6)"] > 1e-2


def test_both_forms_of_otpe_agree_when_each_side_is_active_once(tmp_path: Path) -> None:
    """One input spike, one step with a slope: then each factor decays by itself, their product twice as fast."""
    text = ONE_LAYER.replace("loss    = mean(cross_entropy(out, label))", "loss    = mean(out)")
    text = 'function once(x) = where(x > 0, 1, 0)   "Slope above threshold."\n' + text
    found = {}
    for rule in ("otpe(0.49)", "otpe_factorised(0.7)"):
        made = net_of(
            text.format(
                rule=f"{rule} from backprop(loss)", neuron="lif(leak = 0, theta = 0.4, surrogate = once)",
                filter="", readout="| integrator(leak = 0.7)", out_rule="readout(0.7) from backprop(loss)",
                window="last 4 steps",
            ), tmp_path / rule[:6], record=("h.psi",),
        )  # fmt: skip
        inputs = np.zeros((9, 2, 12))
        inputs[3, 0, 2] = inputs[5, 1, 7] = 1
        given = {
            "h.weight": np.full((10, 12), 0.5),
            "out.weight": np.linspace(-1, 1, 40).reshape(4, 10),
        }
        ran = made.learn(inputs, np.arange(2), given)
        assert ran.outcome.records["h.psi"].sum((0, 2)).tolist() == [10, 10]
        found[rule] = ran.outcome.gradients["h.weight"]
    assert np.abs(found["otpe(0.49)"]).max() > 1e-2
    assert difference(*found.values()) < 1e-12
