"""The step graph's text, the order of axes, what is a root, and the graph as networkx sees it."""

from __future__ import annotations

import networkx as nx
import pytest
from networks import Bench

from snc.graph.graph import PARTNER, SAMPLE, Axis, Graph, Group, Write, canonical, features, size

C, H, W = Axis("channel", 2), Axis("height", 3), Axis("width", 4)


def leaky() -> tuple[Bench, Graph]:
    """u = 0.5 u[t-1] + w x, learned from."""
    bench = Bench()
    b = bench.build
    x = bench.leaf("x", (SAMPLE, C), [[[1, 2]]])
    w = bench.leaf("w", (C,), [3, 4])
    u = b.add(b.mul(b.number(0.5), b.previous("u", (SAMPLE, C))), b.mul(w, x))
    bench.state("u", u)
    gate = b.number(1)
    total = b.node("collect", (b.sum(u, (SAMPLE,)), gate), (C,), group="g1")
    graph = bench.graph(
        {"u": u},
        groups=(Group("g1", gate, 1, "sequences"),),
        writes=(Write("w", b.sub(w, total), "g1", gate, total),),
        outputs=(("loss", b.sum(u, (SAMPLE, C))),),
    )
    return bench, graph


def test_the_text_of_a_graph_has_a_line_for_each_part() -> None:
    _, graph = leaky()
    assert graph.text().splitlines() == [
        "state u [sample, channel=2] = n6, first 0",
        "n0 = field(name=x) [sample, channel=2]",
        "n1 = stored(name=w, order=(channel=2)) [channel=2]",
        "n2 = const(value=0.5) []",
        "n3 = previous(state=u) [sample, channel=2]",
        "n4 = mul(n2, n3) [sample, channel=2]",
        "n5 = mul(n1, n0) [sample, channel=2]",
        "n6 = add(n4, n5) [sample, channel=2]",
        "n7 = const(value=1.0) []",
        "n8 = sum(n6, over=(sample)) [channel=2]",
        "n9 = collect(n8, n7, group=g1) [channel=2]",
        "n10 = sub(n1, n9) [channel=2]",
        "n11 = sum(n6, over=(sample, channel=2)) []",
        "next w = n10    # at update of g1",
        "output loss = n11",
        "record u = n6",
    ]


def test_equal_graphs_have_equal_texts() -> None:
    assert leaky()[1].text() == leaky()[1].text()


def test_axes_have_one_order_whatever_they_are_made_in() -> None:
    pre, post = Axis("channel", 2, "pre"), Axis("channel", 5, "post")
    kernel = Axis("kernel_height", 3), Axis("kernel_width", 3)
    axes = (SAMPLE, PARTNER, *kernel, pre, H, W, C, post)
    assert canonical(reversed(axes)) == axes == canonical((*axes, *axes))
    assert features(axes) == axes[2:]
    assert size((SAMPLE, C, H)) == 6


def test_the_digraph_has_operands_before_nodes_and_cannot_be_changed() -> None:
    _, graph = leaky()
    found = graph.digraph
    assert nx.is_directed_acyclic_graph(found)
    assert set(found.nodes) == {n.name for n in graph.nodes}
    for n in graph.nodes:
        assert set(found.predecessors(n.name)) == set(n.args)
        assert found.nodes[n.name]["node"] is n
    with pytest.raises(nx.NetworkXError):
        found.add_edge("n0", "n1")


def test_outputs_records_writes_and_gates_are_roots() -> None:
    _, graph = leaky()
    write = graph.writes[0]
    wanted = {graph.outputs[0][1], graph.records[0][1], write.value, write.gate, write.gradient}
    assert set(graph.roots()) == wanted


def test_a_copy_with_changes_is_another_graph() -> None:
    _, graph = leaky()
    other = graph.with_(outputs=())
    assert graph.outputs
    assert not other.outputs
    assert other.nodes is graph.nodes


def test_the_graph_means_what_it_says() -> None:
    """Three steps of a leaky sum, and one update by the sum over the steps: by hand."""
    bench, graph = leaky()
    bench.values["x"] = [[[1.0, 2.0]], [[0.0, 1.0]], [[2.0, 0.0]]]
    ran = bench.run(graph, steps=3, batch=1, learn=True)
    assert ran.outcome.records["u"].tolist() == [[[3, 8]], [[1.5, 8]], [[6.75, 4]]]
    assert ran.outcome.gradients["w"].tolist() == [11.25, 20]
    assert ran.after["w"].tolist() == [3 - 11.25, 4 - 20]
    assert ran.outcome.loss == 10.75
