"""`gradient` and `bptt` become equations: reverse sweeps over the same graph."""

from __future__ import annotations

from collections.abc import Mapping

from snc.graph.adjoint import adjoints, followed
from snc.graph.builder import Builder
from snc.graph.graph import Graph, Node, State
from snc.model.plan import Stored
from snc.passes.rebuild import copy_node, rewire


def expand_gradients(graph: Graph) -> Graph:
    """Replace every derivative by the nodes that compute it.

    Within a step, `x[t-1]` is a leaf. Through time, the adjoint of `x[t-1]` at step t+1 is added to the
    adjoint of x at step t: a state of its own that is read one step ahead. Where the derivative is
    carried through fixed random weights, these become stored constants.
    """
    build, table = Builder(), dict[str, str]()
    late = _after_bptt(graph)
    stored: dict[str, Stored] = {s.name: s for s in graph.stored}
    for node in graph.nodes:
        if node.name not in late:
            table[node.name] = _copy(build, node, table, stored)
    more = _through_time(graph, build, table)
    for node in graph.nodes:
        if node.name in late and node.name not in table:
            table[node.name] = _copy(build, node, table, stored)
    return rewire(graph.with_(stored=tuple(stored.values())), build, table, more)


def _copy(build: Builder, node: Node, table: Mapping[str, str], stored: dict[str, Stored]) -> str:
    args = [table[a] for a in node.args]
    if node.op != "gradient":
        return copy_node(build, node, args)
    loss, by = args
    back = _random_weights(build, node, stored) if node.get("backward") else None
    (found,) = adjoints(build, {loss: build.number(1)}, [by], back)
    return found if found is not None else build.expand(build.number(0), node.axes)


def _random_weights(build: Builder, node: Node, stored: dict[str, Stored]):  # type: ignore[no-untyped-def]
    """For each projection that is crossed, a fixed random matrix in place of its weight."""

    def instead(projection: Node) -> str | None:
        weight = build.nodes[projection.args[0]]
        source = _stored_below(build, weight.name)
        if source is None:
            return None
        name = f"{source.name.rsplit('.', 1)[0]}.backward"
        stored.setdefault(
            name,
            Stored(
                name, source.shape, "constant", node.get("backward"), source.fan_in, source.fan_out
            ),
        )
        order = build.nodes[weight.name].axes
        return build.node("stored", (), order, name=name, order=_order_of(build, source.name))

    def _stored_below(build: Builder, name: str) -> Stored | None:
        stack, seen = [name], set[str]()
        while stack:
            n = build.nodes[stack.pop()]
            if n.name in seen:
                continue
            seen.add(n.name)
            if n.op == "stored" and str(n.get("name")).endswith(".weight"):
                return stored[n.get("name")]
            stack += n.args
        return None

    return instead


def _order_of(build: Builder, stored: str) -> object:
    return next(
        n.get("order") for n in build.nodes.values() if n.op == "stored" and n.get("name") == stored
    )


def _after_bptt(graph: Graph) -> set[str]:
    """Nodes that need a derivative through time."""
    late: set[str] = set()
    for node in graph.nodes:
        if node.op == "bptt" or any(a in late for a in node.args):
            late.add(node.name)
    return late


def _through_time(graph: Graph, build: Builder, table: dict[str, str]) -> list[State]:
    """Make the backward sweeps; enters the derivatives into the table."""
    sweeps: dict[tuple[str, str], list[Node]] = {}
    for node in graph.nodes:
        if node.op == "bptt":
            loss, _, gate = node.args
            sweeps.setdefault((table[loss], table[gate]), []).append(node)
    more: list[State] = []
    for number, ((loss, gate), nodes) in enumerate(sweeps.items()):
        more += _sweep(graph, build, table, loss, gate, nodes, f"bar{number}")
    return more


def _sweep(
    graph: Graph,
    build: Builder,
    table: dict[str, str],
    loss: str,
    gate: str,
    nodes: list[Node],
    prefix: str,
) -> list[State]:
    previous = {n.get("state"): n.name for n in build.nodes.values() if n.op == "previous"}
    known = {s.name: s for s in graph.states if s.value in table}
    carried = _carried(build, table, known, previous, loss)
    seeds = {loss: gate}
    for name in carried:
        value = table[known[name].value]
        ahead = build.later(f"{prefix}:{name}", build.axes(value))
        seeds[value] = (
            build.add(build.fit(seeds[value], build.axes(value)), ahead)
            if value in seeds
            else ahead
        )
    by = [table[n.args[1]] for n in nodes]
    wanted = [*by, *(previous[name] for name in carried)]
    found = adjoints(build, seeds, wanted)
    made = [
        f if f is not None else build.expand(build.number(0), build.axes(w))
        for f, w in zip(found, wanted, strict=True)
    ]
    for node, value in zip(nodes, made, strict=False):
        table[node.name] = value
    return [
        State(f"{prefix}:{name}", value, None, build.axes(value), ahead=True)
        for name, value in zip(carried, made[len(by) :], strict=True)
    ]


def _carried(
    build: Builder,
    table: dict[str, str],
    known: dict[str, State],
    previous: dict[str, str],
    loss: str,
) -> list[str]:
    """The states by whose past the loss has a derivative, in a fixed order."""
    found: list[str] = []
    stack, seen = [loss], set[str]()
    while stack:
        node = build.nodes[stack.pop()]
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op == "previous" and node.get("state") in known:
            name = node.get("state")
            found.append(name)
            stack.append(table[known[name].value])
        stack += followed(node)
    return sorted(set(found))
