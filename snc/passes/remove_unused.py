"""Nothing is computed that no output, record or update reads."""

from __future__ import annotations

from dataclasses import replace

from snc.graph.graph import Graph


def remove_unused(graph: Graph) -> Graph:
    """Drop nodes and states that nothing needs. A state is needed if something needed reads it.

    That holds for `kept` states too: where nothing reads what the previous sequence left (in an
    evaluation, the paths of the label), nothing needs to be left. What is stored and written stays
    though nothing reads it: its node says how it lies in files.
    """
    live: set[str] = set()
    stack = list(graph.roots())
    written = {write.stored for write in graph.writes}
    stack += [n.name for n in graph.nodes if n.op == "stored" and n.get("name") in written]
    while stack:
        name = stack.pop()
        if name in live:
            continue
        live.add(name)
        node = graph.by_name[name]
        stack += node.args
        if node.op in ("previous", "later"):
            state = graph.state[node.get("state")]
            stack += [x for x in (state.value, state.first) if x]
    nodes = tuple(n for n in graph.nodes if n.name in live)
    read = {n.get("state") for n in nodes if n.op in ("previous", "later")}
    states = tuple(s for s in graph.states if s.name in read)
    kept = {s.name for s in states if s.kept}
    stored = tuple(s for s in graph.stored if s.role != "kept" or s.name in kept)
    return replace(graph, nodes=nodes, states=states, stored=stored)
