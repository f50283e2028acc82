"""What the stages of a graph are, as code: which values are put into which arrays, and who reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from snc.codegen.arrays import Arrays, ArraySpec, kind_of, lead, length
from snc.codegen.function import Function
from snc.codegen.nest import FUSED, offset, variable
from snc.graph.graph import Graph, Node, Write
from snc.program.demand import at_first
from snc.program.schedule import Chunk, Schedule


@dataclass
class Emitted:
    """The code of one graph, and the arrays its driver takes."""

    name: str
    text: str
    specs: tuple[ArraySpec, ...]
    rates: tuple[str, ...]
    chunk: Chunk
    graph: Graph
    recorded: dict[str, list[str]]  # node -> the names its values are recorded under

    def shape(self, spec: ArraySpec, steps: int, batch: int, updates: int = 1) -> tuple[int, ...]:
        """An array's shape as numbers."""
        table = {
            "T": steps,
            "B": batch,
            "K": self.chunk.of(steps),
            "U": updates,
            "R": max(1, len(self.rates)),
        }
        return tuple(
            math.prod(table.get(f) or int(f) for f in part.split(" * ")) for part in spec.shape
        )

    def bytes(self, spec: ArraySpec, dtype: str, steps: int, batch: int) -> int:
        """How large an array is."""
        each: int = np.dtype(kind_of(spec, dtype)).itemsize
        return math.prod(self.shape(spec, steps, batch)) * each

    def own(self) -> list[ArraySpec]:
        """All arrays but the stored ones and those fed by the data."""
        return [s for s in self.specs if s.role not in ("stored", "field")]

    def memory(self, dtype: str, steps: int, batch: int) -> int:
        """Bytes of all arrays but the stored ones and those fed by the data, for sequences of this size."""
        return sum(self.bytes(s, dtype, steps, batch) for s in self.own())


@dataclass
class GraphCode:
    """Emission of one graph."""

    name: str
    plan: Schedule
    arrays: Arrays
    wide: dict[str, bool]
    functions: list[tuple[str, list[str], str]] = field(
        default_factory=list
    )  # name, arguments, text

    # what is stored where -----------------------------------------------------------------------------

    def resolved(self, name: str) -> str:
        """A node without the renamings in front of it."""
        node = self.plan.graph.by_name[name]
        while node.op == "rename":
            node = self.plan.graph.by_name[node.args[0]]
        return node.name

    @cached_property
    def outside(self) -> set[str]:
        """Values that sums over steps, writes, records or outputs read."""
        graph, found = self.plan.graph, set[str]()
        for node in graph.nodes:
            if node.op != "collect" or at_first(graph, node.args[1]):
                continue
            value = graph.by_name[node.args[0]]
            read = (
                value.args
                if value.name not in self.plan.stage and value.op == "project_w"
                else (value.name,)
            )
            found.update(self.resolved(a) for a in (*read, node.args[1]))
        for w in graph.writes:
            found.update(self.resolved(x) for x in (w.value, w.gate, w.gradient) if x)
        found.update(self.resolved(g.gate) for g in graph.groups)
        return found

    @cached_property
    def fronts(self) -> set[str]:
        """Values that are read at the first step of a chunk only."""
        graph = self.plan.graph
        return {
            self.resolved(graph.by_name[n.args[0]].args[0])
            for n in graph.nodes
            if n.op == "collect" and at_first(graph, n.args[1])
        }

    def targets(self, f: Function, nodes: list[Node]) -> dict[str, list[str]]:
        """For every node of a stage, the arrays it is put into; makes the scratch arrays."""
        graph, outside, fronts = self.plan.graph, self.outside, self.fronts
        groups = f.groups(nodes)
        group_of = {n.name: k for k, g in enumerate(groups) for n in g}
        records = {self.resolved(v): name for name, v in graph.records}
        outputs: dict[str, list[str]] = {}
        for name, v in graph.outputs:
            outputs.setdefault(self.resolved(v), []).append(name)
        found: dict[str, list[str]] = {}
        for node in nodes:
            if node.op == "rename":
                continue
            here, elsewhere = self._readers(f, node, group_of)
            stores: list[str] = []
            if elsewhere or node.name in outside or node.name in self._carried:
                stores.append(f.history(node))
                here = False
            needs_array = node.name in self._states_here(f) or here or node.op not in FUSED
            if needs_array and not stores:
                stores.append(self._scratch(f, node))
            if node.name in fronts:
                stores.append(f.front(node))
            if node.name in records:
                stores.append(self._record(f, node))
            for name in outputs.get(node.name, ()):
                stores.append(self._output(f, node, name))
            found[node.name] = stores
        return found

    def _readers(self, f: Function, node: Node, group_of: dict[str, int]) -> tuple[bool, bool]:
        """Whether other groups of this stage, or other stages, read a node."""
        here = elsewhere = False
        stack = list(self.plan.readers[node.name])
        while stack:
            reader = stack.pop()
            if reader.op == "rename":
                stack += self.plan.readers[reader.name]
                if self.plan.stage.get(reader.name) != self.plan.stage.get(node.name):
                    elsewhere = True
                continue
            if (
                self.plan.stage.get(reader.name) == self.plan.stage.get(node.name)
                and reader.name in group_of
            ):
                here |= group_of[reader.name] != group_of[node.name] or reader.op not in FUSED
            elif reader.op != "collect" and self.plan.stage.get(reader.name) is not None:
                elsewhere = True
        return here, elsewhere

    def _states_here(self, f: Function) -> set[str]:
        """Values of this stage that are states of it."""
        return {
            self.resolved(s.value)
            for s in self.plan.graph.states
            if self._read_in_stage(s.name, f.stage)
        }

    def _read_in_stage(self, state: str, stage: int) -> bool:
        graph = self.plan.graph
        value = graph.state[state].value
        if self.plan.stage.get(value) != stage:
            return False
        return any(self.plan.stage.get(r.name) == stage for r in self._state_readers(state))

    def _state_readers(self, state: str) -> list[Node]:
        """All nodes of stages that read a state at another step, renamings left out."""
        reads = self._reads_of_states.get(state, ())
        return [r for n in reads for r in self.through_renames(n) if r.name in self.plan.stage]

    @cached_property
    def _reads_of_states(self) -> dict[str, list[Node]]:
        """The nodes that stand for a state at another step."""
        found: dict[str, list[Node]] = {}
        for n in self.plan.graph.nodes:
            if n.op in ("previous", "later"):
                found.setdefault(n.get("state"), []).append(n)
        return found

    @cached_property
    def _carried(self) -> set[str]:
        """Values that another stage reads one step later."""
        found = set()
        for s in self.plan.graph.states:
            made = self.plan.stage.get(s.value)
            if not s.ahead and any(
                self.plan.stage.get(r.name) != made for r in self._state_readers(s.name)
            ):
                found.add(self.resolved(s.value))
        return found

    def _scratch(self, f: Function, node: Node) -> str:
        """An array for a value that only its own stage reads at the same step."""
        raise NotImplementedError

    def _forget(self, f: Function, scratch: str) -> None:
        """A scratch array turned out not to be needed."""
        raise NotImplementedError

    def _record(self, f: Function, node: Node) -> str:
        batch = lead(node.axes) is not None
        shape = ("T", "B", length(node.axes)) if batch else ("T", length(node.axes))
        name = "r_" + self.arrays.identifier(node)
        return f.view(name, "record", node.name, shape, f.kind(node), "t")

    def _output(self, f: Function, node: Node, name: str) -> str:
        """Outputs are written at every step; the last one stays."""
        batch = lead(node.axes) is not None
        shape = ("B", "1") if batch else ("1",)
        array = f.use(
            self.arrays.add(
                "o_" + name.replace(":", "_").replace(".", "_"), "output", name, shape, "D"
            )
        )
        return f.at_sample(array, node.axes)

    def _in_place(self, f: Function, nodes: list[Node], stores: dict[str, list[str]]) -> set[str]:
        """States that may be overwritten while they are computed: nothing reads the old value after that."""
        groups = f.groups(nodes)
        group_of = {n.name: k for k, g in enumerate(groups) for n in g}
        order = {n.name: k for k, n in enumerate(nodes)}
        done: set[str] = set()
        for s in self.plan.graph.states:
            value = self.resolved(s.value)
            if (
                s.ahead
                or value != s.value
                or not self._read_in_stage(s.name, f.stage)
                or value not in group_of
            ):
                continue
            node = self.plan.graph.by_name[value]
            readers = [r for r in self._state_readers(s.name) if r.name in group_of]
            early = all(
                group_of[r.name] < group_of[value]
                or (
                    group_of[r.name] == group_of[value]
                    and r.op in FUSED
                    and order[r.name] <= order[value]  # it reads before the value is stored
                )
                for r in readers
            )
            scratch = f.scratch.get(value)
            shared = [
                t.name
                for t in self.plan.graph.states
                if self.resolved(t.value) == value and not t.ahead
            ]
            if (
                early
                and node.op in FUSED
                and scratch
                and stores[value][0] == scratch
                and len(shared) == 1
            ):
                source = next(
                    n
                    for n in self.plan.graph.nodes
                    if n.op == "previous" and n.get("state") == s.name
                )
                array = f.previous(source)
                self._forget(f, scratch)
                f.scratch[value] = array
                stores[value][0] = array
                done.add(s.name)
        return done

    def kept(self, f: Function, nodes: list[Node]) -> dict[str, list[str]]:
        """The values of a function outside the steps that are read outside their loop."""
        groups = f.groups(nodes)
        group_of = {n.name: k for k, g in enumerate(groups) for n in g}
        outside = self.outside | {self.resolved(s.first) for s in self.plan.graph.states if s.first}
        outside |= {
            self.resolved(v) for _, v in (*self.plan.graph.outputs, *self.plan.graph.records)
        }
        found: dict[str, list[str]] = {}
        for node in nodes:
            if node.op == "rename":
                continue
            readers = self.through_renames(node)
            mine = group_of[node.name]
            apart = any(group_of.get(r.name) != mine or r.op not in FUSED for r in readers)
            keep = apart or node.op not in FUSED or node.name in outside
            found[node.name] = [f.array_of(node.name)] if keep else []
        return found

    def through_renames(self, node: Node) -> list[Node]:
        """Who reads a node, renamings left out."""
        found, stack = [], list(self.plan.readers[node.name])
        while stack:
            reader = stack.pop()
            if reader.op == "rename":
                stack += self.plan.readers[reader.name]
            else:
                found.append(reader)
        return found

    def write(self, f: Function, write: Write) -> None:
        """One stored array gets its new value."""
        node = next(
            n for n in self.plan.graph.nodes if n.op == "stored" and n.get("name") == write.stored
        )
        target = f.array_of(node.name)
        value = self.plan.graph.by_name[write.value]
        variables = {a: variable(a) for a in node.axes}
        flat = value.axes == node.axes or not value.axes
        index = ("i" if value.axes else None) if flat else None
        text = f.operand(write.value, variables if value.axes else {}, index, self.wide[node.name])
        at = f.at(target, "i" if flat else offset(node.axes, variables, None))
        f.nest(
            [] if flat else list(node.axes),
            length(node.axes) if flat else None,
            variables,
            lambda: f.body(f"{at} = {text}", note=f"next {write.stored}"),
        )

    def needed(self, roots: Iterable[str], place: str) -> list[Node]:
        """The nodes of a place that some values need, in causal order."""
        live, stack = set[str](), list(roots)
        while stack:
            name = stack.pop()
            if name in live:
                continue
            live.add(name)
            stack += self.plan.graph.by_name[name].args
        return [
            n for n in self.plan.graph.nodes if n.name in live and self.plan.place[n.name] == place
        ]
