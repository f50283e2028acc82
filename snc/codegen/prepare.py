"""Graphs made ready for emission, and what emitted code cannot do."""

from __future__ import annotations

from dataclasses import replace

from snc.diagnostics import BackendError
from snc.graph.builder import Builder
from snc.graph.graph import PARTNER, Graph, Node
from snc.passes.rebuild import copy_node, rewire
from snc.program.demand import at_first
from snc.program.schedule import LEAVES, Schedule, cut_sweep


def prepared(graph: Graph) -> Graph:
    """Give states whose value is a leaf, and leaves that products read, a node of their own."""
    build, table = Builder(), dict[str, str]()
    states = {s.value for s in graph.states}
    copies: dict[str, str] = {}
    fronts = {n.args[0] for n in graph.nodes if n.op == "collect" and at_first(graph, n.args[1])}

    def copied(node: Node) -> str:
        if node.name not in copies:
            copies[node.name] = build.node("stop", (table[node.name],), node.axes, node.span, "")
        return copies[node.name]

    for node in graph.nodes:
        args = [table[a] for a in node.args]
        if node.op in ("project_w", "uses") and node.name not in fronts:
            operands = [graph.by_name[a] for a in node.args]
            args = [
                copied(o) if _leaf(graph, o) in ("previous", "later") else table[o.name]
                for o in operands
            ]
        table[node.name] = copy_node(build, node, args)
        if node.op == "rename" and any(old == PARTNER for old, _ in node.get("names")):
            table[node.name] = copied(node)  # kernels want a sample's values as a row
        if node.name in states and _leaf(graph, node) in LEAVES:
            copied(node)
    made = rewire(graph, build, table)
    moved = tuple(
        replace(s, value=copies[old.value]) if old.value in copies else s
        for s, old in zip(made.states, graph.states, strict=True)
    )
    return replace(made, states=moved)


def _leaf(graph: Graph, node: Node) -> str:
    """The kind of a node behind renamings."""
    while node.op == "rename":
        node = graph.by_name[node.args[0]]
    return node.op


def refuse_short_sweeps(plan: Schedule, backend: str) -> None:
    """A sweep against time goes over one chunk: that must be all steps between two updates."""
    cut = cut_sweep(plan)
    if cut is not None:
        why, remedy = cut
        raise BackendError(
            f"the {backend} backend takes a derivative through time over whole stretches between updates, "
            f"but {why}; {remedy}, or use `--backend reference`"
        )


def refuse_lost_records(graph: Graph, plan: Schedule, backend: str) -> None:
    """Only what a stage computes is written down."""
    for name, value in graph.records:
        node = graph.by_name[value]
        while node.op == "rename":
            node = graph.by_name[node.args[0]]
        if node.name not in plan.stage:
            raise BackendError(
                f"the {backend} backend cannot record `{name}`, which is the same for all samples or is "
                "fed by the data; leave it out, or use `--backend reference`"
            )
