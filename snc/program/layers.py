"""Stages of samples, split into layers: K steps of one layer, then K steps of the next (SEMANTICS 7).

A layer begins at a large product. What a layer reads of itself at another step stays in one piece: the parts are
the strongly connected components of the stage, with edges through states as well. So no state travels from a
later layer to an earlier one, and every value is what it was, step by step. What crosses from one layer to
another is kept for the steps of a chunk; in return the weights of a layer stay in the cache for all of them, and
layers of one form share one function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import networkx as nx

from snc.graph.graph import PARTNER, SAMPLE, Graph, Node, size

LARGE = 2**20  # weights of a dense projection that do not stay in the cache beside others


def in_layers(
    graph: Graph, place: Mapping[str, str], stage: Mapping[str, int], stepwise: bool = False
) -> dict[str, int]:
    """The stage of every node, stages of samples split; numbers are as close as before.

    Where there are layers, what does not read one another is split as well. If the graph is computed step by step,
    sums over the other samples begin a stage too: they are made for several samples at once.
    """
    layers = any(is_large(n) for n in graph.nodes)
    if not layers and not (stepwise and any(is_sum_over_samples(n) for n in graph.nodes)):
        return dict(stage)
    part: dict[str, tuple[int, int, int]] = {n: (s, 0, 0) for n, s in stage.items()}
    for number in set(stage.values()):
        nodes = [n for n in graph.nodes if stage.get(n.name) == number]
        if place[nodes[0].name] == "sample":
            levels = _levels(graph, nodes, stepwise)
            pieces = apart(graph, nodes, levels) if layers else dict.fromkeys(levels, 0)
            part |= {name: (number, levels[name], pieces[name]) for name in levels}
    order = {p: k for k, p in enumerate(sorted(set(part.values())))}
    return {name: order[p] for name, p in part.items()}


def apart(graph: Graph, nodes: list[Node], level: Mapping[str, int]) -> dict[str, int]:
    """Numbers for the parts of a level that do not read one another."""
    found = reads(graph, nodes)
    found.remove_edges_from([(a, b) for a, b in found.edges if level[a] != level[b]])
    first = {n.name: k for k, n in enumerate(nodes)}
    parts = sorted(nx.weakly_connected_components(found), key=lambda p: min(first[n] for n in p))
    return {name: k for k, part in enumerate(parts) for name in part}


def _levels(graph: Graph, nodes: list[Node], stepwise: bool) -> dict[str, int]:
    """How many large products are before a node, itself included; at least 1.

    What is before all of them is computed with the first that reads it, or step by step in a stage of its own.
    """
    parts = nx.condensation(reads(graph, nodes))
    mine = {n.name: n for n in nodes}
    order, level = list(nx.topological_sort(parts)), dict[int, int]()
    for k in order:
        members = [mine[name] for name in parts.nodes[k]["members"]]
        begins = any(is_large(n) or (stepwise and is_sum_over_samples(n)) for n in members)
        level[k] = max((level[p] for p in parts.predecessors(k)), default=int(stepwise)) + begins
    for k in reversed(order):
        if not level[k]:
            level[k] = max(1, min((level[s] for s in parts.successors(k)), default=1))
    return {name: level[k] for k in order for name in parts.nodes[k]["members"]}


def reads(graph: Graph, nodes: list[Node]) -> nx.DiGraph:
    """Who reads whom in a stage, at the same step or at another; edges tell which (`delayed`)."""
    found = nx.DiGraph()
    found.add_nodes_from(n.name for n in nodes)
    for node in nodes:
        for source, delayed in _sources(graph, node):
            if source in found:
                known = found.get_edge_data(source, node.name, {}).get("delayed", False)
                found.add_edge(source, node.name, delayed=known or delayed)
    return found


def _sources(graph: Graph, node: Node) -> Iterator[tuple[str, bool]]:
    for name in node.args:
        read = graph.by_name[name]
        delayed = read.op in ("previous", "later")
        yield (graph.state[read.get("state")].value if delayed else name), delayed


def is_sum_over_samples(node: Node) -> bool:
    """Whether a node adds rows of the other samples, each times a number."""
    return node.op == "dot" and PARTNER in node.get("over") and SAMPLE in node.axes


def is_large(node: Node) -> bool:
    """Whether a node is a product whose weights do not stay in the cache beside others."""
    if node.op not in ("project", "project_x"):
        return False
    geometry = node.get("geometry")
    return geometry.kind != "dense" or size(geometry.pre) * size(geometry.post) >= LARGE
