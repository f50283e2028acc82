"""`influence` becomes equations: the derivative of a layer's values by its weights, carried forward in time."""

from __future__ import annotations

from collections.abc import Iterable

from snc.build import mistakes
from snc.diagnostics import SpecError
from snc.graph.adjoint import TABLE, followed
from snc.graph.builder import ELEMENTWISE, Builder
from snc.graph.geometry import Geometry
from snc.graph.graph import SAMPLE, Axes, Axis, Graph, Node, State
from snc.passes.rebuild import copy_node, rewire


def expand_influence(graph: Graph) -> Graph:
    """Replace every `influence(y, w)` by the forward sweep that computes it.

    d y[k] / d w[i, j] is a value for every neuron k and every weight of the layer. It follows the
    layer's equations, its states and the projections that drive it (real-time recurrent learning,
    Williams and Zipser 1989), not what other layers make of its spikes. Raises SpecError `not-yet`
    where it would have to follow something that is not element by element.

    >>> # v = l v[t-1] + project(w, x)      gives  d = l d[t-1] + (k == i) x[j]
    """
    if not any(n.op == "influence" for n in graph.nodes):
        return graph
    build, table = Builder(), dict[str, str]()
    sweeps: dict[tuple[str, ...], Sweep] = {}
    for node in graph.nodes:
        if node.op != "influence":
            table[node.name] = copy_node(build, node, [table[a] for a in node.args])
            continue
        y, *asked = node.args
        sweep = sweeps.get(tuple(asked))
        if sweep is None:
            sweep = sweeps[tuple(asked)] = Sweep(graph, build, table, node, len(sweeps))
        table[node.name] = sweep.value(y) or build.expand(build.number(0), node.axes)
    more = [state for sweep in sweeps.values() for state in sweep.close()]
    return rewire(graph, build, table, more)


class Sweep:
    """The derivatives by one weight of all that depends on it within its layer."""

    def __init__(
        self, graph: Graph, build: Builder, table: dict[str, str], node: Node, number: int
    ) -> None:
        self.graph, self.build, self.table = graph, build, table
        _, self.weight, *own = node.args
        self.own = frozenset(own)  # the projections that drive the layer
        self.span, self.prefix = node.span, f"influence{number}"
        self.axes = node.axes  # sample, self, and those of the weight
        self.moved = self._moved()
        self.known: dict[str, str | None] = {}
        self.wanted: dict[str, None] = {}  # states whose derivative is read, in order

    def _moved(self) -> set[str]:
        """The nodes that depend on the weight."""
        moved, before = {self.weight}, 0
        while len(moved) != before:
            before = len(moved)
            for node in self.graph.nodes:
                if any(a in moved for a in self._operands(node)):
                    moved.add(node.name)
        return moved

    def _operands(self, node: Node) -> Iterable[str]:
        """What the derivative of a node follows."""
        if node.op.startswith("project"):
            return node.args if node.name in self.own else ()
        if node.op == "previous":
            return (self.graph.state[node.get("state")].value,)
        return followed(node)

    def value(self, name: str) -> str | None:
        """The derivative of a node, None where it is 0."""
        if name not in self.known:
            found = self._made(self.graph.by_name[name]) if name in self.moved else None
            self.known[name] = found
        return self.known[name]

    def _made(self, node: Node) -> str | None:
        if node.op == "previous":
            state = node.get("state")
            self.wanted.setdefault(state)
            return self.build.previous(f"{self.prefix}:{state}", self.axes)
        if node.op == "project":
            return self._projection(node)
        if node.op in ELEMENTWISE:
            return self._elementwise(node)
        if node.op == "expand":
            return self.value(node.args[0])
        raise SpecError([mistakes.not_yet(self.span, f"`influence` through `{node.op}`")])

    def _elementwise(self, node: Node) -> str | None:
        """The sum of local derivatives times those of the operands."""
        build, total = self.build, None
        here = build.nodes[self.table[node.name]]
        for a, slope in zip(node.args, TABLE[node.op](build, here, build.number(1)), strict=True):
            inner = self.value(a) if slope is not None else None
            if slope is None or inner is None:
                continue
            part = build.mul(self._own_axis(slope), inner)
            total = part if total is None else build.add(total, part)
        return total

    def _projection(self, node: Node) -> str | None:
        """(k == i) x[j] where the weight is the one asked for, and w times what x[t-1] owes to it."""
        build = self.build
        weight, x = node.args
        geometry: Geometry = node.get("geometry")
        parts = []
        if weight == self.weight:
            (own,), (post,) = self._of("self"), self._of("post")
            ranges = [build.node("range", (), (a,), n=a.size, role=a.role) for a in (own, post)]
            same = build.apply("eq", *ranges)
            parts.append(build.mul(same, build.with_role(self.table[x], "pre")))
        if (inner := self.value(x)) is not None:
            gone = Axis("inner", geometry.pre[0].size)
            (pre,), (post,) = (
                [a for a in geometry.weight if a.role == role] for role in ("pre", "post")
            )
            (own,) = self._of("self")
            matrix = build.rename(self.table[weight], [(pre, gone), (post, own)])
            parts.append(build.dot(matrix, build.rename(inner, [(own, gone)]), (gone,)))
        return parts[0] if len(parts) == 1 else build.add(*parts)

    def _of(self, role: str) -> Axes:
        return tuple(a for a in self.axes if a.role == role)

    def _own_axis(self, name: str) -> str:
        """A value of the layer's neurons with their axis called `self`."""
        (own,) = self._of("self")
        plain = [a for a in self.build.axes(name) if a != SAMPLE and not a.role]
        return self.build.rename(name, [(a, own) for a in plain])

    def close(self) -> list[State]:
        """The states that carry the derivatives from step to step."""
        states, done = [], set[str]()
        while waiting := [s for s in self.wanted if s not in done]:
            for name in waiting:
                done.add(name)
                made = self.value(self.graph.state[name].value)
                value = self.build.expand(made or self.build.number(0), self.axes)
                states.append(
                    State(f"{self.prefix}:{name}", value, None, self.axes, span=self.span)
                )
        return states
