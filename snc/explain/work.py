"""Multiply-accumulates of a network and of its rules, per sample and step, as if nothing were sparse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from snc.explain.locality import Cone
from snc.explain.memory import where
from snc.explain.network import Network
from snc.graph.builder import ELEMENTWISE
from snc.graph.geometry import Geometry
from snc.graph.graph import BATCH, PARTNER, SAMPLE, Node, size


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates per sample and step.

    signal: products with matrices that carry the signal. weights: products that make the updates of
    weights. synapses: elementwise operations on values kept or computed at every synapse. pairs: products
    between samples, to be multiplied by the batch.
    """

    signal: int = 0
    weights: int = 0
    synapses: int = 0
    pairs: int = 0

    @property
    def total(self) -> int:
        """All but the products between samples."""
        return self.signal + self.weights + self.synapses


def products(geometry: Geometry) -> int:
    """Multiply-accumulates of a projection or one of its transposes, for one sample."""
    side = geometry.pre if geometry.kind == "conv_transpose" else geometry.post
    positions = 1
    for axis in side:
        positions *= axis.size if axis.kind in ("height", "width") else 1
    return size(geometry.weight) * positions


def forward(network: Network) -> int:
    """Multiply-accumulates of inference."""
    graph = network.view.graph
    nodes = (graph.by_name[n] for n in network.forward)
    return sum(products(n.get("geometry")) for n in nodes if n.op == "project")


def work(cones: Iterable[Cone]) -> Work:
    """What rules that belong together cost; what they share is counted once."""
    nodes: dict[str, tuple[Cone, Node]] = {}
    for cone in cones:
        nodes.update({n.name: (cone, n) for n in cone.nodes})
    signal = weights = synapses = pairs = 0
    for cone, node in nodes.values():
        if cone.view.clock[node.name] not in ("forward", "backward"):
            continue
        match node.op:
            case "project" | "project_x":
                signal += products(node.get("geometry"))
            case "project_w":
                weights += products(node.get("geometry"))
            case "uses":
                synapses += size(cone.view.graph.by_name[node.args[0]].axes)
            case "dot":
                count, paired = _dot(cone, node)
                pairs += count if paired else 0
                signal += 0 if paired else count
            case op if op in ELEMENTWISE and where(node.axes) == "synapse" and SAMPLE in node.axes:
                synapses += size(node.axes)
    return Work(signal, weights, synapses, pairs)


def _dot(cone: Cone, node: Node) -> tuple[int, bool]:
    axes = {a for x in node.args for a in cone.view.graph.by_name[x].axes}
    return size(a for a in axes if a.kind not in BATCH), PARTNER in axes
