"""What is linear in a sum over steps is done once per update, with the same sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from networks import Bench, difference

from snc.graph.geometry import dense
from snc.graph.graph import SAMPLE, Axis, Graph, Group, Write
from snc.passes.hoist_updates import hoist_updates

POST, PRE = Axis("channel", 3), Axis("channel", 4)
GEOMETRY = dense(4, 3)
T, B = 6, 3


def collected(make: Callable[[Bench, str], str], window: bool = True) -> tuple[Bench, Graph]:
    """An update by the sum over steps of what `make` makes of a weight product."""
    bench, random = Bench(), np.random.default_rng(0)
    b = bench.build
    a = bench.leaf("a", (SAMPLE, POST), random.normal(size=(T, B, 3)))
    z = bench.leaf("z", (SAMPLE, PRE), random.normal(size=(T, B, 4)))
    w = bench.leaf("w", GEOMETRY.weight, random.normal(size=(3, 4)))
    product = b.project("project_w", a, z, GEOMETRY.weight, GEOMETRY)
    step = b.node("scalar", name="step")
    gate = b.apply("ge", step, b.number(2)) if window else b.number(1)
    total = b.node("collect", (make(bench, product), gate), GEOMETRY.weight, group="g1")
    group = Group("g1", gate, 1, "sequences")
    write = Write("w", b.sub(w, total), "g1", gate, total)
    return bench, bench.graph({"a": a}, groups=(group,), writes=(write,))


def weight(bench: Bench) -> str:
    return bench.leaves["w"]


HOISTED: dict[str, Callable[[Bench, str], str]] = {
    "w * p": lambda c, p: c.build.mul(weight(c), p),
    "p * w": lambda c, p: c.build.mul(p, weight(c)),
    "p / w": lambda c, p: c.build.div(p, weight(c)),
    "-p": lambda c, p: c.build.neg(p),
    "2 p + p / w": lambda c, p: c.build.add(
        c.build.mul(c.build.number(2), p), c.build.div(p, weight(c))
    ),
    "p - mean(p)": lambda c, p: c.build.sub(
        p, c.build.expand(c.build.mean(p, [GEOMETRY.weight[0]]), GEOMETRY.weight)
    ),
}


@pytest.mark.parametrize("name", HOISTED)
def test_the_sum_ends_at_the_product_and_the_update_is_the_same(name: str) -> None:
    bench, before = collected(HOISTED[name])
    after = hoist_updates(before)
    summed = {after.by_name[n.args[0]].op for n in after.nodes if n.op == "collect"}
    assert summed == {"project_w"}
    want, got = (bench.run(g, T, B, learn=True) for g in (before, after))
    assert np.abs(want.outcome.gradients["w"]).max() > 0.1
    assert difference(want.outcome.gradients["w"], got.outcome.gradients["w"]) < 1e-12
    assert difference(want.after["w"], got.after["w"]) < 1e-12


NOT: dict[str, Callable[[Bench, str], str]] = {
    "p * p": lambda c, p: c.build.mul(p, p),
    "abs(p)": lambda c, p: c.build.apply("abs", p),
    "w / p": lambda c, p: c.build.div(weight(c), p),
    "p + w": lambda c, p: c.build.add(p, weight(c)),
}


@pytest.mark.parametrize("name", NOT)
def test_what_is_not_linear_stays_inside_the_step(name: str) -> None:
    bench, before = collected(NOT[name])
    after = hoist_updates(before)
    (collect,) = [n for n in after.nodes if n.op == "collect"]
    assert after.by_name[collect.args[0]].op != "project_w"
    want, got = (bench.run(g, T, B, learn=True).after["w"] for g in (before, after))
    assert difference(want, got) < 1e-12


def test_sums_over_samples_stay_inside_the_step() -> None:
    """Otherwise a whole batch would be kept until the update."""
    bench, random = Bench(), np.random.default_rng(0)
    b = bench.build
    a = bench.leaf("a", (SAMPLE, POST), random.normal(size=(T, B, 3)))
    w = bench.leaf("w", (POST,), np.ones(3))
    gate = b.number(1)
    total = b.node("collect", (b.sum(b.mul(a, w), (SAMPLE,)), gate), (POST,), group="g1")
    graph = bench.graph(
        {"a": a},
        groups=(Group("g1", gate, 1, "sequences"),),
        writes=(Write("w", total, "g1", gate, total),),
    )
    after = hoist_updates(graph)
    assert all(SAMPLE not in n.axes for n in after.nodes if n.op == "collect")
    want, got = (bench.run(g, T, B, learn=True).after["w"] for g in (graph, after))
    assert difference(want, got) < 1e-12
