"""Stages split in time: into what reads itself at another step, and what can be computed at all steps at once.

The parts are the strongly connected components of a stage, with edges through states as well. One that a state runs
through is computed step by step. All others are computed at all steps of a chunk at the same time, which is what a
machine with thousands of threads wants: a large product is one for all steps. What crosses is kept for the steps of a
chunk.
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from snc.graph.graph import Graph, Node
from snc.program.layers import apart, reads


def in_time(graph: Graph, stage: Mapping[str, int]) -> dict[str, int]:
    """The stage of every node, stages split; numbers are as close as before.

    Parts that a state runs through and that do not read one another are stages of their own.
    """
    part: dict[str, tuple[int, int, int]] = {}
    for number in set(stage.values()):
        nodes = [n for n in graph.nodes if stage.get(n.name) == number]
        levels = _levels(graph, nodes)
        pieces = apart(graph, nodes, levels)
        part |= {
            name: (number, level, pieces[name] if level % 2 else 0)
            for name, level in levels.items()
        }
    order = {p: k for k, p in enumerate(sorted(set(part.values())))}
    return {name: order[p] for name, p in part.items()}


def _levels(graph: Graph, nodes: list[Node]) -> dict[str, int]:
    """How often a node waits for another kind: even levels are computed at all steps at once, odd ones in order."""
    found = reads(graph, nodes)
    _keep_sweeps(graph, found)
    parts = nx.condensation(found)
    level = dict[str, int]()
    for k in nx.topological_sort(parts):
        members: set[str] = parts.nodes[k]["members"]
        runs = len(members) > 1 or any(found.has_edge(m, m) for m in members)
        read = [
            (level[source], delayed)
            for source, _, delayed in found.in_edges(members, data="delayed")
            if source not in members
        ]
        # A value of the step before must be there at all steps, where these are computed at once.
        first = max((at + (delayed and not at % 2) for at, delayed in read), default=0)
        level |= dict.fromkeys(members, first + (first % 2 != runs))
    return level


def _keep_sweeps(graph: Graph, found: nx.DiGraph) -> None:
    """A value that is read one step later in a sweep against time is computed together with its readers."""
    for node in graph.nodes:
        if node.op != "later":
            continue
        value = graph.state[node.get("state")].value
        for name in [n for n in found if node.name in graph.by_name[n].args]:
            if value in found:
                found.add_edge(name, value, delayed=True)
