"""Eligibilities as sums of products of one value on each side: nothing is stored per synapse.

SEMANTICS 4: a value at the synapses is expanded into terms post x pre x weight. The sum over the uses of
the weight of a term is the transpose of the projection in its weight, so the synapse value itself is
never made. What cannot be expanded (a per-synapse state, a nonlinear function) is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from snc.graph.builder import Builder
from snc.graph.geometry import Geometry
from snc.graph.graph import SAMPLE, Axis, Graph, Node, State
from snc.passes.rebuild import copy_node, rewire


@dataclass(frozen=True)
class Term:
    """post x pre x weight; None stands for 1."""

    post: str | None = None
    pre: str | None = None
    weight: str | None = None


class Opaque(Exception):  # noqa: N818 (control flow)
    """The value has no product form."""


def factorise(graph: Graph) -> Graph:
    """Replace sums over the uses of a weight by products of the two sides, where they exist.

    >>> # uses(s * (psi * p + q * x))  becomes  project_w(s * psi, p) + project_w(s * q, x)
    """
    build, table = Builder(), dict[str, str]()
    work = Factoriser(graph, build, table)
    for node in graph.nodes:
        args = [table[a] for a in node.args]
        made = work.uses(node) if node.op == "uses" else None
        table[node.name] = copy_node(build, node, args) if made is None else made
    for state in work.delayed.values():
        assert state.value in build.nodes
    return rewire(graph, build, table, work.delayed.values())


class Factoriser:
    """The expansion of synapse values of one graph."""

    def __init__(self, graph: Graph, build: Builder, table: dict[str, str]) -> None:
        self.graph, self.build, self.table = graph, build, table
        self.delayed: dict[str, State] = {}
        self.open: set[str] = set()

    def uses(self, node: Node) -> str | None:
        """The sum over uses as products, or None."""
        try:
            terms = self.terms(self.graph.by_name[node.args[0]])
        except Opaque:
            return None
        return self.products(terms, node.get("geometry"))

    def terms(self, node: Node) -> list[Term]:
        """The terms of a value; raises Opaque."""
        side = side_of(node)
        if side != "synapse":
            return [self.atom(side, self.table[node.name])]
        operands = [self.graph.by_name[a] for a in node.args]
        match node.op:
            case "add":
                return self.terms(operands[0]) + self.terms(operands[1])
            case "sub":
                return self.terms(operands[0]) + [self.negative(t) for t in self.terms(operands[1])]
            case "neg":
                return [self.negative(t) for t in self.terms(operands[0])]
            case "stop" | "expand":
                return self.terms(operands[0])
            case "mul":
                pairs = [(x, y) for x in self.terms(operands[0]) for y in self.terms(operands[1])]
                return [self.times(x, y) for x, y in pairs]
            case "div" if side_of(operands[1]) != "synapse":
                below = self.build.div(self.build.number(1), self.table[operands[1].name])
                inverse = self.atom(side_of(operands[1]), below)
                return [self.times(t, inverse) for t in self.terms(operands[0])]
            case "previous":
                return self.earlier(node)
        raise Opaque

    def atom(self, side: str, name: str) -> Term:
        """A value of one side as a term."""
        return Term(**{{"": "post", "pre": "pre", "post": "post", "weight": "weight"}[side]: name})

    def negative(self, term: Term) -> Term:
        """-term."""
        if term.post is not None:
            return Term(self.build.neg(term.post), term.pre, term.weight)
        if term.pre is not None:
            return Term(None, self.build.neg(term.pre), term.weight)
        return Term(self.build.number(-1), None, term.weight)

    def times(self, x: Term, y: Term) -> Term:
        """The product of two terms."""

        def both(a: str | None, b: str | None) -> str | None:
            return a if b is None else b if a is None else self.build.mul(a, b)

        return Term(both(x.post, y.post), both(x.pre, y.pre), both(x.weight, y.weight))

    def earlier(self, node: Node) -> list[Term]:
        """prev(a x z) = prev(a) x prev(z), for a synapse value that does not depend on its own past."""
        state = self.graph.state[node.get("state")]
        if state.name in self.open or state.first is not None or state.kept:
            raise Opaque
        self.open.add(state.name)
        try:
            terms = self.terms(self.graph.by_name[state.value])
        except KeyError:  # its definition comes later in the graph: it depends on this value
            raise Opaque from None
        finally:
            self.open.discard(state.name)
        return [Term(self.prev(t.post), self.prev(t.pre), self.prev(t.weight)) for t in terms]

    def prev(self, name: str | None) -> str | None:
        """The previous value of a node of the new graph."""
        if name is None or self.build.value_of(name) is not None:
            return name
        state = f"@was:{name}"
        axes = self.build.axes(name)
        self.delayed[state] = State(state, name, None, axes)
        return self.build.previous(state, axes)

    def products(self, terms: list[Term], geometry: Geometry) -> str:
        """The sum of the terms over the uses: terms with the same pre factor share one product."""
        groups: dict[tuple[str | None, str | None], list[str | None]] = {}
        for term in terms:
            groups.setdefault((term.pre, term.weight), []).append(term.post)
        total: str | None = None
        for (pre, weight), posts in groups.items():
            post = self.build.number(1) if posts[0] is None else posts[0]
            for more in posts[1:]:
                post = self.build.add(post, self.build.number(1) if more is None else more)
            product = self.product(post, pre, geometry)
            product = product if weight is None else self.build.mul(weight, product)
            total = product if total is None else self.build.add(total, product)
        assert total is not None
        return total

    def product(self, post: str, pre: str | None, geometry: Geometry) -> str:
        """The transpose of the projection in its weight."""
        a = self.side(post, "post", (SAMPLE, *geometry.post))
        z = self.side(
            pre if pre is not None else self.build.number(1), "pre", (SAMPLE, *geometry.pre)
        )
        return self.build.project("project_w", a, z, geometry.weight, geometry)

    def side(self, name: str, role: str, axes: tuple[Axis, ...]) -> str:
        """A one-sided value as a value of the population, with all its axes."""
        roles = [(k, Axis(k.kind, k.size)) for k in self.build.axes(name) if k.role == role]
        return self.build.expand(self.build.rename(name, roles), axes)


def side_of(node: Node) -> str:
    """post, pre, weight, synapse, or "" for what is the same on both sides."""
    roles = {a.role for a in node.axes if a.role}
    kernel = any(a.kind.startswith("kernel") for a in node.axes)
    if kernel or (roles == {"pre", "post"} and SAMPLE not in node.axes):
        return "weight"
    if roles == {"pre", "post"}:
        return "synapse"
    return roles.pop() if roles else ""
