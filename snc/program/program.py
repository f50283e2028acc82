"""What a backend gets: the two step graphs of a run, learning and evaluating, and their schedules."""

from __future__ import annotations

from dataclasses import dataclass, field

from snc.graph.graph import Graph, Node, features, file_order
from snc.model.plan import Stored


@dataclass(frozen=True)
class Needs:
    """What a program reads of a batch: features of every field by name, and how many classes there are.

    `classes` is None where labels are not taken as classes; `labels` says whether they are read at all.
    """

    fields: dict[str, tuple[int, ...]] = field(default_factory=dict)
    labels: bool = False
    classes: int | None = None


@dataclass(frozen=True)
class Program:
    """One phase of an experiment, ready to be emitted. `learn` is None where nothing learns.

    without: what a backend leaves out (`optional.of_a_backend`).
    """

    name: str
    dtype: str
    learn: Graph | None
    evaluate: Graph
    without: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[Stored, ...]:
        """All arrays that outlive a sequence, those of the learning graph first."""
        both = {s.name: s for g in (self.learn, self.evaluate) if g for s in g.stored}
        return tuple(both.values())

    @property
    def trained(self) -> tuple[Stored, ...]:
        """The parameters that learning changes; others are drawn and stay."""
        written = {w.stored for w in self.learn.writes} if self.learn else set()
        return tuple(s for s in self.stored if s.role == "parameter" and s.name in written)

    @property
    def needs(self) -> Needs:
        """What a batch must have."""
        fields: dict[str, tuple[int, ...]] = {}
        labels, classes = False, list[int]()
        for graph in (self.learn, self.evaluate):
            for node in graph.nodes if graph else ():
                if node.op == "field" and node.get("name") not in ("label", "length"):
                    fields[node.get("name")] = tuple(
                        a.size for a in file_order(features(node.axes))
                    )
                labels |= node.op == "field" and node.get("name") == "label"
                if node.op == "onehot" and graph and _is_label(graph.by_name[node.args[0]]):
                    classes.append(node.get("over").size)
        return Needs(fields, labels, min(classes, default=None))

    def text(self) -> str:
        """Both graphs as text."""
        parts = [f"program {self.name}, {self.dtype}"]
        for title, graph in (("learn", self.learn), ("evaluate", self.evaluate)):
            if graph is not None:
                parts.append(f"{title}:\n{graph.text()}")
        return "\n\n".join(parts)


def _is_label(node: Node) -> bool:
    return node.op == "field" and node.get("name") == "label"
