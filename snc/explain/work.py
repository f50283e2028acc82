"""Multiply-accumulates of a network and of its rules, per sample and step, as if nothing were sparse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from snc.explain.cone import Cone
from snc.explain.memory import where
from snc.explain.network import Network
from snc.graph.builder import ELEMENTWISE
from snc.graph.geometry import Geometry
from snc.graph.graph import PARTNER, SAMPLE, Axes, Node, canonical, features, size


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates per sample and step.

    signal: products with matrices that carry the signal. weights: products that make the updates of
    weights. synapses: elementwise operations on values kept or computed at every synapse. pairs: products
    and elementwise operations between samples, to be multiplied by the batch.
    """

    signal: int = 0
    weights: int = 0
    synapses: int = 0
    pairs: int = 0

    @property
    def total(self) -> int:
        """All but what is done between samples."""
        return self.signal + self.weights + self.synapses


@dataclass(frozen=True)
class Operation:
    """One multiply-accumulate along all of some axes, for each sample; `backward` if in a sweep against time.

    kind: a field of Work. What is done for each pair of samples has the partner among its axes.
    """

    kind: str
    axes: Axes
    backward: bool


def products(geometry: Geometry) -> Axes:
    """The axes of the multiply-accumulates of a projection or one of its transposes."""
    side = geometry.pre if geometry.kind == "conv_transpose" else geometry.post
    return (*geometry.weight, *(a for a in side if a.kind in ("height", "width")))


def forward(network: Network) -> int:
    """Multiply-accumulates of inference."""
    graph = network.view.graph
    nodes = (graph.by_name[n] for n in network.forward)
    return sum(size(products(n.get("geometry"))) for n in nodes if n.op == "project")


def work(cones: Iterable[Cone]) -> Work:
    """What rules that belong together cost; what they share is counted once."""
    counts = dict.fromkeys((f.name for f in fields(Work)), 0)
    for operation in operations(cones):
        counts[operation.kind] += size(operation.axes)
    return Work(**counts)


def operations(cones: Iterable[Cone]) -> Iterator[Operation]:
    """What rules that belong together compute; what they share comes once."""
    nodes: dict[str, tuple[Cone, Node]] = {}
    for cone in cones:
        nodes.update({n.name: (cone, n) for n in cone.nodes})
    for cone, node in nodes.values():
        clock = cone.view.clock[node.name]
        found = _operation(cone, node) if clock in ("forward", "backward") else None
        if found is not None:
            yield Operation(*found, clock == "backward")


def _operation(cone: Cone, node: Node) -> tuple[str, Axes] | None:
    operands = [cone.view.graph.by_name[a].axes for a in node.args]
    match node.op:
        case "project" | "project_x":
            return "signal", products(node.get("geometry"))
        case "project_w":
            return "weights", products(node.get("geometry"))
        case "uses":
            return "synapses", operands[0]
        case "dot":
            axes = canonical(a for axes in operands for a in axes)
            at_synapses = any(where(x) == "synapse" and SAMPLE in x for x in operands)
            return "pairs" if PARTNER in axes else "synapses" if at_synapses else "signal", axes
        case op if op in ELEMENTWISE and where(node.axes) == "synapse" and SAMPLE in node.axes:
            return "synapses", node.axes
        case op if op in ELEMENTWISE and PARTNER in node.axes and features(node.axes):
            return "pairs", node.axes
    return None
