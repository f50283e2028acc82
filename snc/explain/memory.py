"""What a rule keeps: states per neuron or per synapse, fixed matrices, and what grows with T."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from snc.explain.cone import Cone
from snc.explain.marks import View
from snc.explain.network import shown_name, walk
from snc.graph.graph import SAMPLE, Axes, Node, State, features, size
from snc.source import Span

THROUGH = ("rename", "reshape", "expand", "neg", "float32")


@dataclass(frozen=True)
class Kept:
    """Values kept from step to step: one along `axes` for each sample, or once without a sample axis."""

    name: str
    axes: Axes
    place: Span

    @property
    def count(self) -> int:
        """How many numbers, for each sample or once."""
        return size(self.axes)

    @property
    def where(self) -> str:
        """neuron, synapse or number."""
        return where(self.axes)

    @property
    def per_sample(self) -> bool:
        """Whether every sample has its own."""
        return SAMPLE in self.axes


@dataclass(frozen=True)
class Matrix:
    """Numbers that only the learning needs: drawn or computed once, or changed by the rule itself."""

    name: str
    axes: Axes
    changing: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, in the order of files."""
        return tuple(a.size for a in self.axes)


@dataclass(frozen=True)
class Memory:
    """What a rule keeps. `tape` are the values of every step that are kept until the sequence ends."""

    kept: tuple[Kept, ...]
    matrices: tuple[Matrix, ...]
    tape: tuple[Kept, ...]

    @property
    def order(self) -> str:
        """O(n), O(n^2), ..., each times T where it grows with the sequence; O(1) if nothing is kept."""
        power = max((_power(k.axes) for k in (*self.kept, *self.tape)), default=0)
        grows = "1" if not power else "n" if power == 1 else f"n^{power}"
        return f"O(T {grows})" if self.tape else f"O({grows})"


def memory(cones: Iterable[Cone]) -> Memory:
    """What rules that belong together keep; what they share is counted once."""
    kept: dict[str, Kept] = {}
    matrices: dict[str, Matrix] = {}
    tape: dict[str, Kept] = {}
    for cone in cones:
        for node in cone.nodes:
            if node.op == "previous":
                state = cone.view.graph.state[node.get("state")]
                kept.setdefault(state.name, Kept(state_name(cone, state), state.axes, state.span))
            for name, matrix in _matrices(cone, node):
                matrices.setdefault(name, matrix)
        for name, value in _tape(cone):
            tape.setdefault(name, value)
    return Memory(tuple(kept.values()), tuple(matrices.values()), tuple(tape.values()))


def where(axes: Axes) -> str:
    """Whether a value is one per synapse, one per neuron, or has no such features."""
    roles = {a.role for a in axes}
    if {"pre", "post"} <= roles:
        return "synapse"
    return "neuron" if features(axes) else "number"


def _power(axes: Axes) -> int:
    """How many populations a value lies along: 2 at synapses, 3 where each neuron has one for each synapse."""
    return max(len({a.role for a in axes if a.role}), 1) if features(axes) else 0


def followed_state(name: str) -> tuple[str, str] | None:
    """Instance and name of the state whose derivative a state is, where `influence` made it."""
    made = re.fullmatch("influence[0-9]+:(.*):(.*)", name)
    return (made[1], made[2]) if made else None


def state_name(cone: Cone, state: State) -> str:
    """What a state is called in the spec; states of a rule without the path of its instance."""
    spec_name = re.sub("^edges[0-9]+:", "", state.name)  # kept at the edges of a convolution
    instance, colon, name = spec_name.partition(":")
    if followed := followed_state(spec_name):
        return f"influence on {'.'.join(followed).strip('.')}"
    if state.name.startswith("@was:") or not colon:
        made = cone.view.graph.by_name[state.value]
        return made.note or cone.name_of(state.value)
    if any(instance == rule.frame.uid for rule in cone.marked.rules):
        return name
    return f"{shown_name(instance)}.{name}".strip(".")


def _matrices(cone: Cone, node: Node) -> list[tuple[str, Matrix]]:
    """Fixed operands of a node of the cone that belong to the learning alone."""
    view, found = cone.view, []
    if view.clock[node.name] == "fixed":
        return []
    for operand in node.args:
        if view.clock[operand] != "fixed" or operand in cone.network.forward:
            continue
        if len(features(view.graph.by_name[operand].axes)) > 1:
            found += [(source.name, _matrix(view, source)) for source in _sources(cone, operand)]
    return found


def _sources(cone: Cone, operand: str) -> list[Node]:
    """What a fixed matrix is made of: itself, or the stored values in it beside a weight."""
    view = cone.view
    if not cone.network.weights_below(operand):
        return [_source(view, view.graph.by_name[operand])]
    below = (view.graph.by_name[n] for n in walk(view, [operand], cone.network.forward))
    matrices = (n for n in below if n.op == "stored" and len(features(n.axes)) > 1)
    return [n for n in matrices if n.name not in cone.network.forward]


def _matrix(view: View, source: Node) -> Matrix:
    stored = str(source.get("name") or "")
    changing = stored in {w.stored for w in view.graph.writes if not w.group}
    axes = source.get("order") or features(source.axes)
    return Matrix(source.note or stored or "a constant", axes, changing)


def _source(view: View, node: Node) -> Node:
    """The named value that a node is another form of; else the first stored one it is made of."""
    inner = node
    while not inner.note and inner.op in THROUGH:
        inner = view.graph.by_name[inner.args[0]]
    if inner.note or not inner.args:
        return inner
    below = (view.graph.by_name[n] for n in walk(view, [inner.name], ()))
    return next((n for n in below if n.op == "stored" and features(n.axes)), inner)


def _tape(cone: Cone) -> list[tuple[str, Kept]]:
    """Values of the forward run that the sweep back through time reads."""
    view, found = cone.view, []
    for node in cone.nodes:
        if view.clock[node.name] != "backward":
            continue
        for operand in node.args:
            source = view.graph.by_name[operand]
            while source.op in THROUGH and view.clock[source.name] == "forward":
                source = view.graph.by_name[source.args[0]]
            if view.clock[source.name] == "forward" and SAMPLE in source.axes:
                name = source.note or cone.name_of(source.name)
                found.append((source.name, Kept(name, source.axes, source.span)))
    return found
