"""Copying a graph through a rule: what every pass is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from snc.graph.builder import Builder
from snc.graph.graph import Graph, Node, State, Write

Rule = Callable[[Builder, Node, list[str]], str | None]


def copy_node(build: Builder, node: Node, args: list[str]) -> str:
    """The same node over new operands, its axes found anew where operands decide them."""
    return build.node(node.op, args, node.axes, node.span, node.note, **dict(node.attributes))


def rebuild(graph: Graph, rule: Rule, order: Iterable[Node] | None = None) -> Graph:
    """A new graph in which `rule` may replace each node; None keeps it. Equal nodes become one."""
    build, table = Builder(), dict[str, str]()
    for node in order or graph.nodes:
        args = [table[a] for a in node.args]
        made = rule(build, node, args)
        table[node.name] = copy_node(build, node, args) if made is None else made
    return rewire(graph, build, table)


def rewire(
    graph: Graph, build: Builder, table: Mapping[str, str], more: Iterable[State] = ()
) -> Graph:
    """The graph with the nodes of a builder, everything else renamed by a table."""
    states = [
        replace(s, value=table[s.value], first=table[s.first] if s.first else None)
        for s in graph.states
    ]
    return replace(
        graph,
        nodes=noted(graph, build, table),
        states=(*states, *more),
        groups=tuple(replace(g, gate=table[g.gate]) for g in graph.groups),
        writes=tuple(_write(w, table) for w in graph.writes),
        outputs=tuple((k, table[v]) for k, v in graph.outputs),
        records=tuple((k, table[v]) for k, v in graph.records),
    )


def _write(write: Write, table: Mapping[str, str]) -> Write:
    gradient = table[write.gradient] if write.gradient else ""
    return replace(write, value=table[write.value], gate=table[write.gate], gradient=gradient)


def noted(graph: Graph, build: Builder, table: Mapping[str, str]) -> tuple[Node, ...]:
    """The builder's nodes, with the names that specs gave to those they stand for."""
    notes: dict[str, str] = {}
    for node in graph.nodes:
        if node.note and node.name in table:
            notes.setdefault(table[node.name], node.note)
    return tuple(
        replace(n, note=notes[n.name]) if not n.note and n.name in notes else n
        for n in build.nodes.values()
    )


def same(build: Builder, node: Node, args: list[str]) -> str | None:
    """The rule that changes nothing."""
    return None
