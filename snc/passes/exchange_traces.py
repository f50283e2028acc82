"""Traces move to the signal's side: a product with a trace becomes one with the raw spikes."""

from __future__ import annotations

from dataclasses import dataclass

from snc.graph.builder import Builder
from snc.graph.clock import clocks_of
from snc.graph.graph import Axis, Graph, Node, State
from snc.passes.rebuild import copy_node, rewire

Renaming = tuple[tuple[Axis, Axis], ...]


def exchange_traces(graph: Graph) -> Graph:
    """Turn sum_t g_t x p_t with p_t = l p_{t-1} + x_t into sum_s S_s x x_s with S_s = g_s + l S_{s+1}.

    Spikes are few where a trace is nowhere 0, and the products of both terms of a rule then have the
    spikes as one factor (`merge_products`). S runs against time within a chunk of steps. What a chunk
    owes to the steps before it is one product with the trace as it was then: l S at the first step of
    the chunk, times p before it (SEMANTICS 5.1, 5.2). Exact; sums of n terms are associated otherwise,
    which changes a result by n roundings at most. Left alone where weights change at every step, as a
    chunk is one step there, and where the decay is not one number.

    >>> # collect(project_w(g, p))  becomes  collect(project_w(S, x)) + collect(project_w(l S, p[t-1]), first)
    """
    build, table = Builder(), dict[str, str]()
    work = Exchange(graph, build, table)
    for node in graph.nodes:
        made = work.exchanged(node)
        args = [table[a] for a in node.args]
        table[node.name] = copy_node(build, node, args) if made is None else made
    return rewire(graph, build, table, work.sweeps.values())


@dataclass(frozen=True)
class Trace:
    """p = decay p[t-1] + x: the nodes of the three, and what renames p to what the product reads."""

    past: str
    decay: str | None  # None is 1; a node of the new graph
    raw: str
    names: tuple[Renaming, ...]


class Exchange:
    """The sweeps of one graph; each is made once for a signal and a decay."""

    def __init__(self, graph: Graph, build: Builder, table: dict[str, str]) -> None:
        self.graph, self.build, self.table = graph, build, table
        self.clock = clocks_of(graph)
        self.online = {g.name for g in graph.groups if (g.every, g.unit) == (1, "steps")}
        self.sweeps: dict[tuple[str, str | None], State] = {}

    def exchanged(self, node: Node) -> str | None:
        """A collected product with a trace by means of the raw values; None for everything else."""
        if node.op != "collect" or node.get("group") in self.online:
            return None
        product = self.graph.by_name[node.args[0]]
        if product.op != "project_w" or self.clock[product.name] == "backward":
            return None
        trace = self.trace(product.args[1])
        if trace is None:
            return None
        gate, window = self.table[node.args[1]], self.table[node.args[-1]]
        swept = self.sweep(self.gated(gate, self.table[product.args[0]]), trace.decay)
        first = self.build.node("scalar", name=f"first:{node.get('group')}")
        parts = (
            (swept, trace.raw, self.build.number(1)),
            (self.decayed(swept, trace.decay), trace.past, first),
        )
        sums = []
        for signal, pre, open_at in parts:
            operands = (signal, self.renamed(pre, trace.names))
            attributes = dict(product.attributes)
            made = self.build.node("project_w", operands, product.axes, product.span, **attributes)
            group = node.get("group")
            sums.append(
                self.build.node(
                    "collect", (made, open_at, window), node.axes, node.span, group=group
                )
            )
        return self.build.add(*sums)

    def trace(self, name: str) -> Trace | None:
        """The trace that a product reads, None if it reads something else."""
        node, names = self.graph.by_name[name], list[Renaming]()
        while node.op == "rename":
            names.insert(0, node.get("names"))
            node = self.graph.by_name[node.args[0]]
        if node.op != "add":
            return None
        for kept, raw in (node.args, node.args[::-1]):
            part, decay = self.graph.by_name[kept], None
            if part.op == "mul":
                sides = [self.graph.by_name[a] for a in part.args]
                past = [n for n in sides if n.op == "previous"]
                factor = [n for n in sides if n.op == "const"]
                if len(past) != 1 or len(factor) != 1:
                    continue
                part, decay = past[0], self.table[factor[0].name]
            if part.op == "previous" and self.is_plain(part.get("state"), node.name):
                return Trace(part.name, decay, raw, tuple(names))
        return None

    def is_plain(self, name: str, value: str) -> bool:
        """Whether a state is that of a value, and 0 before the first step."""
        state = self.graph.state[name]
        return state.value == value and state.first is None and not (state.kept or state.ahead)

    def gated(self, gate: str, signal: str) -> str:
        """The signal where the gate is open, else 0."""
        if self.build.value_of(gate) == 1:
            return signal
        return self.build.apply("where", gate, signal, self.build.number(0))

    def decayed(self, value: str, decay: str | None) -> str:
        """decay * value."""
        return value if decay is None else self.build.mul(decay, value)

    def sweep(self, signal: str, decay: str | None) -> str:
        """S_s = g_s + decay S_{s+1} within a chunk."""
        key = (signal, decay)
        if key not in self.sweeps:
            axes, name = self.build.axes(signal), f"swept{len(self.sweeps)}"
            ahead = self.decayed(self.build.later(name, axes), decay)
            value = self.build.add(signal, ahead)
            self.sweeps[key] = State(name, value, None, axes, ahead=True, chunked=True)
        return self.sweeps[key].value

    def renamed(self, name: str, names: tuple[Renaming, ...]) -> str:
        """A value of the trace's place as the product reads it."""
        found = self.table[name]
        for table in names:
            found = self.build.rename(found, table)
        return found
