"""What a rule computes, and where it meets the network.

The cone of a rule is what its updates are computed from, without what the inference network computes
anyway; where the cone meets the network, the rule *reads* it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from snc.build.learn import BoundRule
from snc.explain.marks import NAME, SINK, TAUGHT, Marked, View
from snc.explain.network import Network, shown_name, walk
from snc.graph.graph import Node


@dataclass(frozen=True)
class Cone:
    """What the updates of a rule at a projection are computed from, apart from the network itself."""

    marked: Marked
    network: Network
    number: int

    @property
    def rule(self) -> BoundRule:
        """The rule and its projection."""
        return self.marked.rules[self.number]

    @property
    def view(self) -> View:
        """The graph it lies in."""
        return self.marked.run

    @cached_property
    def updates(self) -> tuple[str, ...]:
        """The updates of the projection before any optimiser."""
        return tuple(n for m, n in self.view.marks(SINK) if m[1] == str(self.number))

    @cached_property
    def taught(self) -> tuple[str, ...]:
        """The updates of what the signal trains along with it."""
        return tuple(n for m, n in self.view.marks(TAUGHT) if m[1] == str(self.number))

    @property
    def roots(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.updates, *self.taught)

    @cached_property
    def signal(self) -> tuple[str, ...]:
        """The nodes of the learning signal: as the rule sees it, and as it was before it was called post."""
        name = self.view.at.get((NAME, str(self.number), "signal"))
        if name is None:
            return ()
        made = self.view.graph.by_name[name]
        return (name, made.args[0]) if made.op == "rename" else (name,)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The cone, in the order of the graph."""
        return self.inside(self.roots)

    def inside(self, roots: Iterable[str], stop: Collection[str] = ()) -> tuple[Node, ...]:
        """The part of the cone below some nodes; what is below `stop` is left out."""
        ends = self.network.forward | set(stop)
        found = set(walk(self.view, roots, ends)) - self.network.forward
        return tuple(n for n in self.view.graph.nodes if n.name in found)

    def reads(self, roots: Iterable[str], stop: Collection[str] = ()) -> dict[str, list[Node]]:
        """Values of the network the cone below some nodes reads, each with the nodes that read it."""
        found: dict[str, list[Node]] = {r: [] for r in roots if r in self.network.forward}
        for node in self.inside(roots, stop):
            if node.name in stop:
                continue
            for operand in self.view.operands(node.name):
                if operand in self.network.forward:
                    found.setdefault(operand, []).append(node)
        return found

    def name_of(self, node: str) -> str:
        """What a value of the network is called in the spec."""
        queue, seen = [node], set[str]()
        while queue:
            name = queue.pop(0)
            made = self.view.graph.by_name[name]
            if made.note:
                return made.note
            if made.op == "previous":
                return f"{self.name_of(self.view.operands(name)[0])}[t-1]"
            if name not in seen:
                queue += made.args
            seen.add(name)
        return shown_name(self.network.owner.get(node, "a value of the network"))
