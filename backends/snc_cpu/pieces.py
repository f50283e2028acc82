"""What is computed between the steps, in parts that do not read one another, and where it is put."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx

from snc.codegen.function import Function
from snc.codegen.nest import FUSED
from snc.codegen.stages import GraphCode
from snc.graph.graph import Node, Write


def parts(f: Function, given: Iterable[Node]) -> list[list[list[Node]]]:
    """Nodes in levels, each in parts that do not read one another.

    Single numbers and arrays take turns: else a number that all updates read would tie them together.
    """
    nodes = [n for n in given if n.op not in ("const", "stored", "scalar", "collect")]
    mine = {n.name: n for n in nodes}
    level: dict[str, int] = {}
    readers: dict[str, list[Node]] = {n.name: [] for n in nodes}
    for n in nodes:
        sources = [mine[a] for a in f.sources(n) if a in mine]
        for a in sources:
            readers[a.name].append(n)
        level[n.name] = max(
            (level[a.name] + (bool(a.axes) != bool(n.axes)) for a in sources), default=0
        )
    for n in reversed(nodes):
        later = [level[r.name] - (bool(r.axes) != bool(n.axes)) for r in readers[n.name]]
        level[n.name] = max(level[n.name], min(later, default=0))
    graph = nx.Graph()
    graph.add_nodes_from(mine)
    for n in nodes:
        near = [r for r in readers[n.name] if level[r.name] == level[n.name]]
        graph.add_edges_from((n.name, r.name) for r in near)
    found: list[list[list[Node]]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    order = {n.name: k for k, n in enumerate(nodes)}
    for part in nx.connected_components(graph):
        names = sorted(part, key=order.__getitem__)
        if any(mine[n].op != "rename" for n in names):
            found[level[names[0]]].append([mine[n] for n in names])
    return [sorted(parts, key=lambda p: order[p[0].name]) for parts in found if parts]


def in_place(code: GraphCode, nodes: Sequence[Node], writes: Sequence[Write]) -> dict[str, str]:
    """Values that may be put into their stored array where they are computed: node -> the stored node.

    Nothing else may read the old value of the array later in the update, nor the new one at another place.
    """
    f = Function("", code.plan, code.arrays, code.wide, False, -1)
    home = {n.name: part for level in parts(f, nodes) for part in level for n in part}
    graph = code.plan.graph
    gradients = {code.resolved(w.gradient) for w in graph.writes if w.gradient}
    seen = [code.resolved(v) for _, v in (*graph.outputs, *graph.records)]
    values = [code.resolved(w.value) for w in graph.writes]
    updates = {n.name for n in graph.nodes if code.plan.place[n.name] == "update"}
    found: dict[str, str] = {}
    for write in writes:
        name = code.resolved(write.value)
        part = home.get(name)
        stored = next(n for n in graph.nodes if n.op == "stored" and n.get("name") == write.stored)
        value = graph.by_name[name]
        if part is None or value.op not in FUSED or value.axes != stored.axes:
            continue
        if name in gradients or name in seen or values.count(name) > 1:
            continue
        if code.wide[name] != code.wide[stored.name]:
            continue
        group_of = {n.name: k for k, g in enumerate(f.groups(part)) for n in g}
        order = {n.name: k for k, n in enumerate(part)}
        old = [r for r in code.through_renames(stored) if r.name in updates]
        new = code.through_renames(value)
        if any(r.name not in group_of for r in (*old, *new)):
            continue
        early = all(
            group_of[r.name] < group_of[name]
            or (group_of[r.name] == group_of[name] and order[r.name] <= order[name])
            for r in old
        )
        same = all(r.axes == value.axes for r in old if group_of[r.name] == group_of[name])
        if early and same:
            found[name] = stored.name
    return found
