"""Values at the synapses of a convolution are kept per edge: for each output pixel and each weight that reaches it."""

from __future__ import annotations

from snc.build import mistakes
from snc.diagnostics import SpecError
from snc.graph.builder import ELEMENTWISE, Builder
from snc.graph.geometry import Geometry
from snc.graph.graph import SAMPLE, Axes, Axis, Graph, Node, State, canonical
from snc.passes.factorise import side_of
from snc.passes.rebuild import copy_node, rewire


def place_on_edges(graph: Graph) -> Graph:
    """Compute what is left of sums over the uses of a convolution's weight at its edges (SEMANTICS 2.4).

    A value at (presynaptic neuron, postsynaptic neuron) exists where a weight connects the two, and
    only there. The side that the kernel slides over is seen through `patches`; the sum over uses is then
    one over samples and pixels. Raises SpecError `not-yet` for convolutions in groups, and where a
    synapse value is made by something that is not element by element.

    >>> # uses(e) of e = k e[t-1] + psi * x    becomes a state of e at the edges, with patches(x) for x
    """
    wanted = [n for n in graph.nodes if n.op == "uses" and n.get("geometry").kind != "dense"]
    if not wanted:
        return graph
    build, table = Builder(), dict[str, str]()
    layers: dict[Geometry, Edges] = {}
    for node in graph.nodes:
        if node in wanted:
            geometry = node.get("geometry")
            if geometry not in layers:
                layers[geometry] = Edges(graph, build, table, geometry, len(layers))
            table[node.name] = layers[geometry].uses(node)
        else:
            table[node.name] = copy_node(build, node, [table[a] for a in node.args])
    more = [state for edges in layers.values() for state in edges.close()]
    return rewire(graph, build, table, more)


class Edges:
    """The values at the edges of one kind of convolution."""

    def __init__(
        self,
        graph: Graph,
        build: Builder,
        table: dict[str, str],
        geometry: Geometry,
        number: int,
    ) -> None:
        self.graph, self.build, self.table = graph, build, table
        self.geometry, self.prefix = geometry, f"edges{number}"
        # the picture's side is seen through the kernel, the other has a pixel for each of its places
        self.picture = "post" if geometry.kind == "conv_transpose" else "pre"
        places = geometry.pre if self.picture == "post" else geometry.post
        other = "pre" if self.picture == "post" else "post"
        pixels = [Axis(a.kind, a.size, other) for a in places if a.kind != "channel"]
        self.axes: Axes = canonical((SAMPLE, *geometry.weight, *pixels))
        self.known: dict[str, str] = {}
        self.wanted: dict[str, None] = {}

    def uses(self, node: Node) -> str:
        """The sum over samples and pixels of a value at the edges."""
        if self.geometry.groups != 1:
            raise SpecError(
                [mistakes.not_yet(node.span, "per-synapse state of a convolution in groups")]
            )
        edges = self.build.expand(self.value(node.args[0], node), self.axes)
        attributes = dict(node.attributes)
        return self.build.node("uses", (edges,), self.geometry.weight, node.span, **attributes)

    def value(self, name: str, at: Node) -> str:
        """A value of the graph as one at the edges."""
        if name not in self.known:
            self.known[name] = self._made(self.graph.by_name[name], at)
        return self.known[name]

    def _made(self, node: Node, at: Node) -> str:
        side = side_of(node)
        if side == self.picture:
            return self._patches(self.table[node.name])
        if side != "synapse":
            return self.table[node.name]
        if node.op == "previous":
            self.wanted.setdefault(node.get("state"))
            return self.build.previous(f"{self.prefix}:{node.get('state')}", self.axes, node.span)
        operands = [self.value(a, at) for a in node.args]
        if node.op == "expand":
            return operands[0]
        if node.op in ELEMENTWISE:
            attributes = dict(node.attributes)
            return self.build.apply(node.op, *operands, span=node.span, **attributes)
        raise SpecError([mistakes.not_yet(at.span, f"`{node.op}` of a convolution's synapses")])

    def _patches(self, name: str) -> str:
        """What every place sees of the picture through each weight of the kernel."""
        geometry, build = self.geometry, self.build
        picture = geometry.pre if self.picture == "pre" else geometry.post
        roles = [(Axis(a.kind, a.size, self.picture), a) for a in picture]
        whole = build.expand(build.rename(name, roles), (SAMPLE, *picture))
        axes = [
            a
            for a in self.axes
            if a == SAMPLE or a.kind.startswith("kernel") or a.role == self.picture
            or a.kind != "channel"
        ]  # fmt: skip
        return build.node("patches", (whole,), axes, geometry=geometry)

    def close(self) -> list[State]:
        """The states at the edges, once all nodes are there."""
        states, done = [], set[str]()
        while waiting := [s for s in self.wanted if s not in done]:
            for name in waiting:
                done.add(name)
                old = self.graph.state[name]
                at = self.graph.by_name[old.value]
                value = self.build.expand(self.value(old.value, at), self.axes)
                if old.kept:
                    raise SpecError(
                        [mistakes.not_yet(old.span, "`init x = kept` of a convolution's synapses")]
                    )
                first = self.value(old.first, at) if old.first else None
                states.append(
                    State(f"{self.prefix}:{name}", value, first, self.axes, span=old.span)
                )
        return states
