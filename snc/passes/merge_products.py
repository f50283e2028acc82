"""Products with the same presynaptic factor become one: a x z + b x z = (a + b) x z."""

from __future__ import annotations

from dataclasses import dataclass

from snc.graph.builder import Builder
from snc.graph.graph import Graph, Node
from snc.passes.rebuild import rebuild


def merge_products(graph: Graph) -> Graph:
    """Collect sums of products of one presynaptic value with the sum of the other factors.

    Where the windows of two differ, each factor is 0 outside its own.

    >>> # collect(project_w(a, x)) + collect(project_w(b, x))  becomes  collect(project_w(a + b, x))
    """

    def rule(build: Builder, node: Node, args: list[str]) -> str | None:
        if node.op != "add":
            return None
        parts = [p for a in args for p in _parts(build, a)]
        if len(parts) < 2 or any(p is None for p in parts):
            return None
        groups: dict[tuple[object, ...], list[Product]] = {}
        for p in parts:
            assert p is not None
            key = (p.pre, p.collect.get("group"), p.product.attributes, p.at_first(build))
            groups.setdefault(key, []).append(p)
        if all(len(g) == 1 for g in groups.values()):
            return None
        total: str | None = None
        for group in groups.values():
            made = group[0].collect.name if len(group) == 1 else _merged(build, group)
            total = made if total is None else build.add(total, made)
        return total

    return rebuild(graph, rule)


@dataclass(frozen=True)
class Product:
    """A collected product; all nodes of the new graph."""

    collect: Node
    product: Node

    @property
    def pre(self) -> str:
        """The presynaptic factor."""
        return self.product.args[1]

    def at_first(self, build: Builder) -> str:
        """The gate, if it is that of the first step of a chunk, whose products stay apart."""
        gate = build.nodes[self.collect.args[1]]
        return gate.name if str(gate.get("name", "")).startswith("first:") else ""


def _parts(build: Builder, name: str) -> list[Product | None]:
    """The collected products that a sum consists of; [None] if it is anything else."""
    node = build.nodes[name]
    if node.op == "add":
        return [p for a in node.args for p in _parts(build, a)]
    product = build.nodes[node.args[0]] if node.op == "collect" else None
    if product is None or product.op != "project_w":
        return [None]
    return [Product(node, product)]


def _merged(build: Builder, group: list[Product]) -> str:
    """One product for several of the same presynaptic factor."""
    gates = list(dict.fromkeys(p.collect.args[1] for p in group))
    windows = list(dict.fromkeys(p.collect.args[-1] for p in group))
    window = windows[0]
    for more in windows[1:]:
        window = build.apply("or", window, more)
    total: str | None = None
    for p in group:
        signal = p.product.args[0]
        if len(gates) > 1 and build.value_of(p.collect.args[1]) != 1:
            signal = build.apply("where", p.collect.args[1], signal, build.number(0))
        total = signal if total is None else build.add(total, signal)
    assert total is not None
    like = group[0].product
    made = build.node(
        "project_w", (total, like.args[1]), like.axes, like.span, **dict(like.attributes)
    )
    gate = gates[0] if len(gates) == 1 else build.number(1)
    first = group[0].collect
    return build.node(
        "collect", (made, gate, window), first.axes, first.span, group=first.get("group")
    )
