"""What a rule keeps: states per neuron or per synapse, fixed matrices, and what grows with T."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from snc.explain.locality import Cone
from snc.explain.marks import View
from snc.explain.network import shown_name, walk
from snc.graph.graph import SAMPLE, Axes, Node, State, features, size
from snc.source import Span

THROUGH = ("rename", "reshape", "expand", "neg", "float32")


@dataclass(frozen=True)
class Kept:
    """Values kept from step to step: `count` for each sample, or once if not `per_sample`."""

    name: str
    count: int
    where: str  # neuron, synapse, number
    per_sample: bool
    place: Span


@dataclass(frozen=True)
class Matrix:
    """Numbers that only the learning needs: drawn or computed once, or changed by the rule itself."""

    name: str
    shape: tuple[int, ...]
    changing: bool


@dataclass(frozen=True)
class Memory:
    """What a rule keeps. `tape` are the values of every step that are kept until the sequence ends."""

    kept: tuple[Kept, ...]
    matrices: tuple[Matrix, ...]
    tape: tuple[Kept, ...]

    @property
    def order(self) -> str:
        """O(n), O(n^2), each times T where it grows with the sequence; O(1) if nothing is kept."""
        wheres = {k.where for k in (*self.kept, *self.tape)}
        power = "n^2" if "synapse" in wheres else "n" if "neuron" in wheres else "1"
        return f"O(T {power})" if self.tape else f"O({power})"


def memory(cones: Iterable[Cone]) -> Memory:
    """What rules that belong together keep; what they share is counted once."""
    kept: dict[str, Kept] = {}
    matrices: dict[str, Matrix] = {}
    tape: dict[str, Kept] = {}
    for cone in cones:
        for node in cone.nodes:
            if node.op == "previous":
                state = cone.view.graph.state[node.get("state")]
                kept.setdefault(state.name, _state(cone, state, state.axes))
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


def _state(cone: Cone, state: State, axes: Axes) -> Kept:
    return Kept(state_name(cone, state), size(axes), where(axes), SAMPLE in axes, state.span)


def state_name(cone: Cone, state: State) -> str:
    """What a state is called in the spec; states of a rule without the path of its instance."""
    instance, colon, name = state.name.partition(":")
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
        made = view.graph.by_name[operand]
        if view.clock[operand] != "fixed" or operand in cone.network.forward:
            continue
        if len(features(made.axes)) > 1 and not cone.network.weights_below(operand):
            source = _source(view, made)
            axes = source.get("order") or features(source.axes)
            stored = str(source.get("name") or "")
            name = source.note or stored or "a constant"
            changing = stored in {w.stored for w in view.graph.writes if not w.group}
            found.append((source.name, Matrix(name, tuple(a.size for a in axes), changing)))
    return found


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
                kept = Kept(name, size(source.axes), where(source.axes), True, source.span)
                found.append((source.name, kept))
    return found
