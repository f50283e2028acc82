"""Eligibilities become products of the two sides; the materialised synapse value says the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from networks import Bench, difference, net_of

from snc.graph.geometry import Geometry, convolution, dense
from snc.graph.graph import SAMPLE, Axis, Graph, Group, Write, file_order, size
from snc.passes.factorise import factorise
from snc.passes.remove_unused import remove_unused

T, B = 6, 3
DENSE = dense(4, 3)
CONV = convolution(
    (Axis("channel", 2), Axis("height", 4), Axis("width", 4)), 3, (3, 3), padding=(1, 1)
)
Make = Callable[["Rule"], str]


class Rule(Bench):
    """A bench with what a rule may read: two values on each side, and the weight."""

    def __init__(self, geometry: Geometry = DENSE) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.geometry, b = geometry, self.build
        order = file_order(geometry.weight)
        self.w = self.leaf("w", geometry.weight, random.normal(size=[a.size for a in order]))
        sides = {"pre": geometry.pre, "post": geometry.post}
        for role, names in (("post", "sr"), ("pre", "xz")):
            for name in names:
                axes = sides[role]
                files = sorted(axes, key=lambda a: ("channel", "height", "width").index(a.kind))
                values = random.normal(size=(T, B, *(a.size for a in files)))
                setattr(self, name, b.with_role(self.leaf(name, (SAMPLE, *axes), values), role))

    def number(self, value: float) -> str:
        return self.build.number(value)

    def trace(self, name: str, decay: float, x: str) -> str:
        """y = decay y[t-1] + x; a number for a decay of 0 is still a state."""
        b = self.build
        past = b.previous(name, b.axes(x))
        value = b.add(b.mul(b.number(decay), past), x)
        self.state(name, value)
        return value

    def rule(self, e: str) -> Graph:
        """Learn from the eligibility e at every step."""
        b = self.build
        uses = b.node("uses", (e,), self.geometry.weight, geometry=self.geometry)
        gate = b.number(1)
        total = b.node("collect", (uses, gate), self.geometry.weight, group="g1")
        write = Write("w", b.sub(self.w, total), "g1", gate, total)
        return self.graph(
            {}, groups=(Group("g1", gate, 1, "sequences"),), writes=(write,)
        )  # fmt: skip

    def gradient(self, graph: Graph) -> np.ndarray:
        """What the rule accumulates."""
        return self.run(graph, T, B, learn=True).outcome.gradients["w"]


def stllr(r: Rule) -> str:
    b = r.build
    p, q = r.trace("p", 0.8, r.x), r.trace("q", 0.3, r.r)
    e = b.sub(b.mul(r.s, p), b.mul(b.previous("q", b.axes(q)), r.x))
    return b.mul(r.s, e)


def soft_bound(r: Rule) -> str:
    b = r.build
    return b.mul(b.mul(r.s, b.sub(r.number(1), r.w)), r.x)


def divided(r: Rule) -> str:
    b = r.build
    return b.div(b.mul(r.s, r.x), b.add(r.number(2), b.mul(r.r, r.r)))


def delayed_product(r: Rule) -> str:
    """The product of the step before: prev(s x z) = prev(s) x prev(z)."""
    b = r.build
    e = b.mul(r.s, r.x)
    r.state("e", e)
    return b.mul(r.r, b.previous("e", b.axes(e)))


def linear_combination(r: Rule) -> str:
    b = r.build
    sx, rz = b.mul(r.s, r.x), b.mul(r.r, r.z)
    return b.sub(b.add(b.mul(r.number(2), sx), b.neg(rz)), b.mul(b.add(r.s, r.r), r.z))


FACTORISED: dict[str, tuple[Make, int]] = {
    "s-tllr": (stllr, 2),
    "soft bound": (soft_bound, 1),
    "divided by a post value": (divided, 1),
    "product of the step before": (delayed_product, 1),
    "linear combination": (linear_combination, 2),
    "post only": (lambda r: r.build.mul(r.s, r.build.with_role(r.build.number(1), "pre")), 1),
}


@pytest.mark.parametrize("name", [n for n in FACTORISED if n != "post only"])
def test_products_say_the_same_as_the_value_at_every_synapse(name: str) -> None:
    make, products = FACTORISED[name]
    rule = Rule()
    before = rule.rule(make(rule))
    after = remove_unused(factorise(before))
    synapse = {a.role for n in before.nodes for a in n.axes}
    assert {"pre", "post"} <= synapse
    assert not any(
        {"pre", "post"} <= {a.role for a in n.axes} and SAMPLE in n.axes for n in after.nodes
    ), "something is still made per synapse"
    assert [n.op for n in after.nodes].count("project_w") == products
    want = rule.gradient(before)
    assert np.abs(want).max() > 0.1
    assert difference(want, rule.gradient(after)) < 1e-12


@pytest.mark.parametrize("name", ["s-tllr", "linear combination", "divided by a post value"])
def test_a_convolution_sums_its_eligibility_over_positions(name: str) -> None:
    """The value at every edge, summed by hand over the edges that share a weight."""
    make, _ = FACTORISED[name]
    rule = Rule(CONV)
    e = make(rule)
    after = remove_unused(factorise(rule.rule(e)))
    got = rule.gradient(after)
    edges = Rule(CONV)
    recorded = edges.records(edges.graph({"e": make(edges)}), T, B)["e"]
    # [T, B, post channel, y, x, pre channel, y, x]; the weight is [post, pre, k, l]
    want = np.zeros(got.shape)
    for k in range(3):
        for l in range(3):  # noqa: E741
            for y in range(4):
                for x in range(4):
                    i, j = y + k - 1, x + l - 1
                    if 0 <= i < 4 and 0 <= j < 4:
                        want[:, :, k, l] += recorded[:, :, :, y, x, :, i, j].sum((0, 1))
    assert np.abs(want).max() > 0.1
    assert difference(want, got) < 1e-12


def filtered(r: Rule) -> str:
    """e-prop's filter: a state at the synapses."""
    return r.trace("e", 0.5, r.build.mul(r.s, r.x))


def nonlinear(r: Rule) -> str:
    return r.build.apply("max", r.build.mul(r.s, r.x), r.number(0))


def divided_by_a_synapse_value(r: Rule) -> str:
    b = r.build
    return b.div(r.s, b.add(r.number(5), b.mul(r.s, r.x)))


@pytest.mark.parametrize("make", [filtered, nonlinear, divided_by_a_synapse_value])
def test_what_has_no_product_form_is_kept_per_synapse(make: Make) -> None:
    rule = Rule()
    before = rule.rule(make(rule))
    after = factorise(before)
    assert any(n.op == "uses" for n in after.nodes)
    assert difference(rule.gradient(before), rule.gradient(after)) < 1e-12


def test_nothing_is_stored_per_synapse_for_a_factorised_rule() -> None:
    rule = Rule()
    after = remove_unused(factorise(rule.rule(stllr(rule))))
    assert sorted(size(s.axes) for s in after.states) == [3, 4]


def test_terms_with_one_trace_share_one_product() -> None:
    """(s + r) x: two post factors, one pre factor."""
    rule = Rule()
    b = rule.build
    e = b.add(b.mul(rule.s, rule.x), b.mul(rule.r, rule.x))
    after = remove_unused(factorise(rule.rule(e)))
    assert [n.op for n in after.nodes].count("project_w") == 1


LIBRARY = """
network recurrent():
    input x[8]
    h_rec = dense(h[t-1], 6)
    h     = dense(x, 6) + h_rec | {neuron}
    out   = h | dense(3)
experiment rules:
    network = recurrent()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    learn h, h_rec by {rule} {signal}
    learn out by descent(loss)
    train:
        optimiser = sgd(0.1)
"""
LIF, SIGNAL = "lif(leak = 0.8, theta = 0.4)", "from backprop(loss)"
RULES = {
    **{
        rule: (LIF, rule, SIGNAL)
        for rule in (
            "stllr()", "stllr_spikes()", "eprop()", "eprop(0.5)", "ottt()", "decolle()", "stsf()", "es_d_rtrl()",
            "otpe(0.7)", "otpe_factorised(0.7)",
        )
    },
    "eprop_alif()": ("alif(theta = 0.4)", "eprop_alif(0.3)", SIGNAL),
    "etlp()": ("alif(theta = 0.4)", "etlp()", SIGNAL),
    "ostl()": ("snu(leak = 0.8, theta = 0.4)", "ostl()", SIGNAL),
    "osttp()": ("lif_undecayed(leak = 0.8, theta = 0.4)", "osttp()", SIGNAL),
    "stdp()": (LIF, "stdp(w_max = 10)", ""),
    "triplet_stdp()": (LIF, "triplet_stdp(w_max = 10)", ""),
    "reward_stdp()": (LIF, "reward_stdp(w_max = 10)", "from reward(label)"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_the_library_means_the_same_with_and_without_products(
    name: str, tmp_path
) -> None:
    neuron, rule, signal = RULES[name]
    text = LIBRARY.format(neuron=neuron, rule=rule, signal=signal)
    low = -0.3 if "stdp" in rule else 0.1  # STDP lets all weights grow
    random = np.random.default_rng(1)
    inputs = (random.random((15, 4, 8)) < 0.4).astype(float)
    found = []
    for without in ((), ("factorise",)):
        made = net_of(text, tmp_path, record=("h.s",), without=without)
        given = {
            s.name: np.random.default_rng(2).normal(low, 0.5, s.shape)
            for s in made.program.stored if s.fan_in
        }  # fmt: skip
        found.append(made.learn(inputs, np.array([0, 1, 2, 1]), given))
    assert 0.05 < found[0].outcome.records["h.s"].mean() < 0.95
    for weight in ("h.weight", "h_rec.weight"):
        one, other = (r.after[weight] - r.before[weight] for r in found)
        assert np.abs(one).max() > 1e-8
        assert difference(one, other) < 1e-9
