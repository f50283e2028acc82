"""A built experiment to graphs in which what the certificates ask about can be found again.

Passes rename every node. Records survive them, so each value of interest becomes a record of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from snc.build.experiment import Built
from snc.build.learn import BoundRule
from snc.build.values import Val
from snc.graph.clock import clocks_of
from snc.graph.graph import Graph, Node, features
from snc.passes import run_passes
from snc.passes.expand_gradients import expand_gradients
from snc.passes.expand_influence import expand_influence
from snc.passes.fold_constants import fold_constants

Mark = tuple[str, ...]
SINK, TAUGHT, NAME, OUTPUT, WEIGHT = "sink", "taught", "name", "output", "weight"
PRE, VALUE, INPUT = "pre", "value", "input"
# Sums over steps stay where they are written: moved inwards, they would hide where the signal ends. Nor do
# traces move to the signal: a certificate is of the rule, one step after the other.
SCHEDULES = ("hoist_updates", "exchange_traces", "merge_products")


@dataclass(frozen=True)
class View:
    """A graph and the node that stands for each mark in it.

    Marks: (sink, rule number, k), (taught, rule number, k) for what its signal trains, (name, rule number,
    name in the rule), (output, path of a projection or population), (weight, path), (pre, path), (value, path
    of a population, name in it), (input, path).
    """

    graph: Graph
    at: Mapping[Mark, str]

    def node(self, *mark: str) -> Node:
        """The node of a mark."""
        return self.graph.by_name[self.at[mark]]

    def marks(self, kind: str) -> list[tuple[Mark, str]]:
        """All marks of a kind with their nodes."""
        return [(m, n) for m, n in self.at.items() if m[0] == kind]

    @cached_property
    def clock(self) -> Mapping[str, str]:
        """How often each node changes."""
        return clocks_of(self.graph)

    def operands(self, name: str) -> tuple[str, ...]:
        """What a node is computed from, at this step or another."""
        node = self.graph.by_name[name]
        if node.op not in ("previous", "later"):
            return node.args
        state = self.graph.state[node.get("state")]
        return (state.value,) if state.first is None else (state.value, state.first)


@dataclass(frozen=True)
class Marked:
    """What was built, and two views: as written (derivatives expanded), and as it is run."""

    built: Built
    written: View
    run: View

    @property
    def rules(self) -> list[BoundRule]:
        """Every rule at every projection."""
        return self.built.learning.bound

    @cached_property
    def own_projections(self) -> frozenset[str]:
        """The projections of the network itself, without those that signals made."""
        network = self.built.learning.network
        return network[0] if network else frozenset(self.built.context.projections)

    @cached_property
    def own_populations(self) -> frozenset[str]:
        """The populations of the network itself."""
        network = self.built.learning.network
        return network[1] if network else frozenset(self.built.context.populations)


def mark(built: Built) -> Marked:
    """Run the passes with everything of interest marked."""
    marks = dict(_marks(built))
    records = tuple(("|".join(m), node) for m, node in marks.items())
    graph = built.graph.with_(records=records)
    written = graph
    for apply in (expand_influence, expand_gradients, fold_constants):
        written = apply(written)
    return Marked(built, _view(written), _view(run_passes(graph, without=SCHEDULES)))


def _view(graph: Graph) -> View:
    return View(graph, {tuple(text.split("|")): node for text, node in graph.records})


def _marks(built: Built) -> Iterator[tuple[Mark, str]]:
    ctx = built.context
    for path, projection in ctx.projections.items():
        yield (OUTPUT, path), projection.output.node
        yield (WEIGHT, path), projection.effective.node
        yield (PRE, path), projection.pre.node
    for uid, population in ctx.populations.items():
        yield (OUTPUT, uid), population.output.node
        for name, value in _named(population.frame):
            yield (VALUE, uid, name), value.node
    for made in built.graph.nodes:
        if made.op == "field" and made.get("name") in ctx.description:
            yield (INPUT, made.note or made.get("name")), made.name
    for k, (number, node) in enumerate(built.learning.taught):
        yield (TAUGHT, str(number), str(k)), node
    uses = {n.args[0]: n.name for n in built.graph.nodes if n.op == "uses"}
    for number, rule in enumerate(built.learning.bound):
        for k, (_, node) in enumerate(rule.sinks):
            yield (SINK, str(number), str(k)), uses.get(node, node)
        for name, node in _names_in(built, rule):
            yield (NAME, str(number), name), node


def _named(frame: object) -> Iterator[tuple[str, Val]]:
    for name, definition in getattr(frame, "definitions", {}).items():
        if isinstance(definition.value, Val):
            yield name, definition.value


def _names_in(built: Built, rule: BoundRule) -> Iterator[tuple[str, str]]:
    """The values a rule can read, by the names it reads them under, then its own."""
    given = rule.frame.given
    for name in ("pre", "post", "signal", "weight", "bias", "gain"):
        if isinstance(value := given.get(name), Val):
            yield name, value.node
    if rule.population is not None:
        build = built.context.builder
        for name, value in _named(rule.population.frame):
            renamed = next(
                (n.name for n in build.nodes.values() if n.op == "rename" and n.args == (value.node,)
                 and {a.role for a in features(n.axes)} == {"post"}), None,
            )  # fmt: skip
            if renamed is not None:
                yield f"post.{name}", renamed
    for name, value in given.items():
        if isinstance(value, Val) and name not in ("stored", "layer", "parameters"):
            yield name, value.node
    for name, value in _named(rule.frame):
        yield name, value.node
