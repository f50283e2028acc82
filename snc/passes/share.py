"""Equal values are computed once, across states too."""

from __future__ import annotations

from dataclasses import replace

from snc.graph.builder import Builder
from snc.graph.graph import Graph, Node, State
from snc.passes.rebuild import rebuild, same


def share(graph: Graph) -> Graph:
    """Merge equal nodes, and states that are equal if their previous values are.

    >>> # p = l p[t-1] + x in two rules on the same input becomes one trace
    """
    graph = rebuild(graph, same)
    classes = _classes(graph)
    first: dict[int, State] = {}
    for state in graph.states:
        first.setdefault(classes[state.name], state)
    if len(first) == len(graph.states):
        return graph
    names = {s.name: first[classes[s.name]].name for s in graph.states}

    def rule(build: Builder, node: Node, args: list[str]) -> str | None:
        if node.op in ("previous", "later"):
            return build.node(
                node.op, (), node.axes, node.span, node.note, state=names[node.get("state")]
            )
        return None

    kept = tuple(s for s in graph.states if names[s.name] == s.name)
    return rebuild(replace(graph, states=kept), rule)


def _classes(graph: Graph) -> dict[str, int]:
    """States by behaviour: refined until states of one class have equal definitions."""
    classes = {s.name: 0 for s in graph.states}
    while True:
        keys: dict[str, object] = {}
        values = _structures(graph, classes)
        for s in graph.states:
            kept = s.name if s.kept else ""
            keys[s.name] = (
                classes[s.name],
                s.axes,
                s.ahead,
                kept,
                values[s.value],
                values[s.first] if s.first else -1,
            )
        numbers: dict[object, int] = {}
        new = {name: numbers.setdefault(key, len(numbers)) for name, key in keys.items()}
        if len(set(new.values())) == len(set(classes.values())):
            return new
        classes = new


def _structures(graph: Graph, classes: dict[str, int]) -> dict[str, int]:
    """A number for each node's structure, states taken by class."""
    known: dict[object, int] = {}
    found: dict[str, int] = {}
    for n in graph.nodes:
        given = classes[n.get("state")] if n.op in ("previous", "later") else n.attributes
        key = (n.op, tuple(found[a] for a in n.args), n.axes, given)
        found[n.name] = known.setdefault(key, len(known))
    return found
