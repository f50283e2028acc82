"""Values that nothing reads at a step where a gate is closed, which need not be computed there.

A window closes in front of the sums of updates: what only they read is chosen by `where(gate, x, 0)`, or summed
where the gate is open. So it need not exist at other steps, and neither need what only it reads: the sweep of
a signal back through all layers, say, while only the last steps are learned from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from snc.graph.graph import Graph, Node
from snc.program.layers import is_large

ALWAYS = ""


def gates(graph: Graph, place: Mapping[str, str], stage: Mapping[str, int]) -> dict[str, str]:
    """For every node that is computed only while a gate is open, the gate: a number that any stage can compute.

    Only in stages where that saves a large product, as loops are split for it.
    """
    wanted = _wanted(graph, place)
    closed = {n: g for n, g in wanted.items() if g != ALWAYS and n in stage}
    worth = {stage[n] for n in closed if is_large(graph.by_name[n])}
    return {n: g for n, g in closed.items() if stage[n] in worth and place[n] == "sample"}


def _wanted(graph: Graph, place: Mapping[str, str]) -> dict[str, str]:
    """The one gate while which each node is read, ALWAYS if there is none or more than one."""
    found: dict[str, set[str]] = {n.name: set() for n in graph.nodes}
    for name in _read_always(graph):
        found[name].add(ALWAYS)
    wanted: dict[str, str] = {}
    for node in reversed(graph.nodes):
        mine = found[node.name]
        wanted[node.name] = mine.pop() if len(mine) == 1 else ALWAYS
        for name, gate in _reads(graph, node, wanted[node.name], place):
            found[name].add(gate)
    return wanted


def _read_always(graph: Graph) -> Iterator[str]:
    for w in graph.writes:
        yield from (x for x in (w.value, w.gate, w.gradient) if x)
    for group in graph.groups:
        yield group.gate
    for s in graph.states:
        yield from (x for x in (s.value, s.first) if x)
    yield from (v for _, v in (*graph.outputs, *graph.records))


def _reads(
    graph: Graph, node: Node, own: str, place: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What a node reads, and the gate while which it does."""
    for k, name in enumerate(node.args):
        gate = own
        if node.op in ("where", "collect") and own == ALWAYS:
            yes, condition = (1, 0) if node.op == "where" else (0, 1)
            zero = node.op == "collect" or _zero(graph, node.args[2])
            zero &= not at_first(graph, node.args[condition])
            if k == yes and zero and place[node.args[condition]] == "control":
                gate = node.args[condition]
        yield name, gate


def _zero(graph: Graph, name: str) -> bool:
    node = graph.by_name[name]
    while node.op in ("expand", "rename"):
        node = graph.by_name[node.args[0]]
    return node.op == "const" and node.get("value") == 0


def at_first(graph: Graph, gate: str) -> bool:
    """Whether a gate is open at the first step of a chunk only."""
    return str(graph.by_name[gate].get("name", "")).startswith("first:")
