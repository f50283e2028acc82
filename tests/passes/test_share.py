"""Equal values are computed once; states are equal if their definitions are."""

from __future__ import annotations

import numpy as np
from networks import Bench, same_numbers

from snc.graph.graph import SAMPLE, Axis, Graph
from snc.passes.share import share

C = Axis("channel", 4)
VALUES = np.random.default_rng(0).random((5, 3, 4))


def traced(*decays: float, **first: float) -> tuple[Bench, Graph]:
    """A trace of x for each decay, all recorded; `first` gives some a first value."""
    bench = Bench()
    b = bench.build
    x = bench.leaf("x", (SAMPLE, C), VALUES)
    records = {}
    for k, decay in enumerate(decays):
        name = f"p{k}"
        value = b.add(b.mul(b.number(decay), b.previous(name, (SAMPLE, C))), x)
        start = b.number(first[name]) if name in first else None
        bench.state(name, value, start)
        records[name] = value
    return bench, bench.graph(records)


def test_two_equal_traces_become_one() -> None:
    bench, before = traced(0.5, 0.5)
    after = share(before)
    assert [s.name for s in after.states] == ["p0"]
    assert [n.op for n in after.nodes].count("previous") == 1
    assert len({v for _, v in after.records}) == 1
    assert same_numbers(bench, before, after) < 1e-12


def test_traces_that_differ_in_decay_stay_two() -> None:
    bench, before = traced(0.5, 0.6)
    after = share(before)
    assert len(after.states) == 2
    assert same_numbers(bench, before, after) < 1e-12


def test_traces_that_differ_in_their_first_value_stay_two() -> None:
    bench, before = traced(0.5, 0.5, p1=3.0)
    after = share(before)
    assert len(after.states) == 2
    assert same_numbers(bench, before, after) < 1e-12


def test_states_that_depend_on_each_other_are_compared_as_wholes() -> None:
    """Two oscillators of two states each, read crosswise: all pairs are found at once."""
    bench = Bench()
    b = bench.build
    x = bench.leaf("x", (SAMPLE, C), VALUES)
    records = {}
    for k in "ab":
        u, v = f"u{k}", f"v{k}"
        before_u, before_v = (b.previous(n, (SAMPLE, C)) for n in (u, v))
        now_u = b.add(b.mul(b.number(0.9), before_u), b.sub(x, before_v))
        now_v = b.add(b.mul(b.number(0.8), before_v), before_u)
        bench.state(u, now_u)
        bench.state(v, now_v)
        records |= {u: now_u, v: now_v}
    before = bench.graph(records)
    after = share(before)
    assert [s.name for s in after.states] == ["ua", "va"]
    assert same_numbers(bench, before, after) < 1e-12


def test_kept_states_are_never_merged_as_their_past_may_differ() -> None:
    _, before = traced(0.5, 0.5)
    kept = before.with_(
        states=tuple(s.__class__(s.name, s.value, None, s.axes, kept=True) for s in before.states)
    )
    assert len(share(kept).states) == 2


def test_a_state_that_looks_ahead_is_not_one_that_looks_back() -> None:
    bench = Bench()
    b = bench.build
    x = bench.leaf("x", (SAMPLE, C), VALUES)
    values = [b.add(x, make("s", (SAMPLE, C))) for make in (b.previous, b.later)]
    bench.state("s", values[0])
    bench.state("s", values[1], ahead=True)
    graph = bench.graph({"y": values[0]})
    assert len(share(graph.with_(states=(graph.states[0],))).states) == 1
    two = graph.with_(
        states=(
            graph.states[0],
            graph.states[1].__class__("l", values[1], None, (SAMPLE, C), ahead=True),
        )
    )
    assert len(share(two).states) == 2
