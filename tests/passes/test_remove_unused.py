"""What no output, record or update reads is not computed."""

from __future__ import annotations

import numpy as np
from networks import Bench, same_numbers

from snc.graph.graph import SAMPLE, Axis, Group, Write
from snc.model.plan import Draw, Stored
from snc.passes.remove_unused import remove_unused

C = Axis("channel", 4)


def start() -> tuple[Bench, str]:
    bench = Bench()
    return bench, bench.leaf("x", (SAMPLE, C), np.random.default_rng(0).random((4, 3, 4)))


def test_values_and_states_that_nothing_reads_go() -> None:
    bench, x = start()
    b = bench.build
    unread = b.add(b.previous("unread", (SAMPLE, C)), b.apply("exp", x))
    bench.state("unread", unread)
    read = b.add(b.previous("read", (SAMPLE, C)), x)
    bench.state("read", read)
    before = bench.graph({"y": b.apply("tanh", read)})
    after = remove_unused(before)
    assert [s.name for s in after.states] == ["read"]
    assert sorted(n.op for n in after.nodes) == ["add", "field", "previous", "tanh"]
    assert same_numbers(bench, before, after) < 1e-12


def test_a_state_needs_its_definition_and_first_value_though_they_come_later() -> None:
    bench, x = start()
    b = bench.build
    past = b.previous("s", (SAMPLE, C))
    y = b.apply("tanh", past)
    first = b.apply("sqrt", b.number(2))
    bench.state("s", b.add(x, b.number(1)), first)
    before = bench.graph({"y": y})
    after = remove_unused(before)
    assert {n.op for n in after.nodes} == {"previous", "tanh", "sqrt", "const", "field", "add"}
    assert same_numbers(bench, before, after) < 1e-12


def test_a_loop_of_states_that_only_read_each_other_goes() -> None:
    bench, x = start()
    b = bench.build
    for one, other in ("uv", "vu"):
        bench.state(one, b.add(b.previous(other, (SAMPLE, C)), x))
    after = remove_unused(bench.graph({"y": b.apply("exp", x)}))
    assert after.states == ()
    assert [n.op for n in after.nodes] == ["field", "exp"]


def test_a_kept_state_stays_if_something_reads_what_the_sequence_before_left() -> None:
    bench, x = start()
    b = bench.build
    total = b.add(b.previous("s", (SAMPLE, C)), x)
    bench.state("s", total, kept=True)
    read, unread = bench.graph({"y": total}), bench.graph({"y": x})
    stored = (Stored("s", (0, 4), "kept", Draw("zeros")),)
    assert [s.name for s in remove_unused(read.with_(stored=stored)).states] == ["s"]
    assert remove_unused(read.with_(stored=stored)).stored == stored
    assert remove_unused(unread.with_(stored=stored)).states == ()
    assert remove_unused(unread.with_(stored=stored)).stored == ()


def test_what_an_update_reads_stays() -> None:
    bench, x = start()
    b = bench.build
    w = bench.leaf("w", (C,), np.zeros(4))
    gate = b.node("scalar", name="step")
    total = b.node("collect", (b.sum(x, (SAMPLE,)), gate), (C,), group="g1")
    graph = bench.graph(
        {"y": x},
        groups=(Group("g1", gate, 1, "sequences"),),
        writes=(Write("w", b.sub(w, total), "g1", gate, total),),
    )
    assert remove_unused(graph).nodes == graph.nodes
    assert [n.op for n in remove_unused(graph.with_(writes=(), groups=())).nodes] == ["field"]


def test_what_is_stored_stays_if_it_is_written_though_nothing_reads_it() -> None:
    """As the first moment of `adamax(betas = [0, ...])` is once 0 times it is folded."""
    bench, x = start()
    b = bench.build
    bench.leaf("last", (C,), np.zeros(4))
    write = Write("last", b.sum(x, (SAMPLE,)), "", b.number(1))
    after = remove_unused(bench.graph({"y": x}, writes=(write,)))
    assert "stored" in [n.op for n in after.nodes]
    ran = bench.run(after, steps=4, learn=True)
    assert np.abs(ran.before["last"]).max() == 0
    assert np.allclose(ran.after["last"], bench.values["x"][3].sum(0))
    assert "stored" not in [n.op for n in remove_unused(bench.graph({"y": x})).nodes]
