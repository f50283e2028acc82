"""A graph as tasks: one per stage, and pieces of what is computed between the steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import networkx as nx

from snc.codegen.arrays import lead, length
from snc.codegen.function import Function
from snc.codegen.stages import GraphCode
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import Node, Write
from snc_cpu.calls import Call, Piece, in_parts, task_of
from snc_cpu.function import CpuFunction
from snc_cpu.known import Known, emptying, lay_out, panels_of, pieces_of
from snc_cpu.pieces import parts
from snc_cpu.tasks import ARRAYS, SIZES

WHOLE = re.compile(r"\bconv(?:_x)?_F\b")  # tasks that other tasks call
SHAPE = re.compile(r"\bNUMBERS_\w+")
SAMPLE = re.compile(r"\bb\b")
SAMPLES = 16  # of which a stage of one step is called at once
KINDS = {"F": "F", "D": "D", "I": "np.int64", "U": "np.uint8", "Q": "np.uint64"}


@dataclass
class CpuCode(GraphCode):
    """Emission of one graph."""

    tasks: dict[str, str] = field(default_factory=dict)  # name -> text
    places: dict[str, int] = field(default_factory=dict)  # array -> its place in the table
    calls: list[Call] = field(default_factory=list)
    products: list[Geometry] = field(default_factory=list)  # of which weight products are made
    known: dict[int, list[Known]] = field(default_factory=dict)  # made before a stage, by blocks
    fresh: set[str] = field(default_factory=set)  # panels that the updates make
    emptied: set[str] = field(default_factory=set)  # sums over steps that the updates set to 0
    # the pieces of every stage, and whether they are for one sample each
    stages: dict[int, tuple[list[Piece], bool]] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """For how many samples a stage is called at once: more where it is called for every step."""
        return SAMPLES if self.plan.chunk.most == 1 else 1

    @cached_property
    def panels(self) -> dict[str, bool]:
        """Weights that are read in panels though a chunk is one step, and if they change."""
        return panels_of(self) if self.plan.chunk.most == 1 else {}

    def place(self, array: str) -> int:
        """Where the address of an array stands in the table."""
        return self.places.setdefault(array, ARRAYS + len(self.places))

    def heads(self, w: Writer, body: Sequence[str], places: Mapping[str, int]) -> None:
        """The sizes and arrays that a function reads from a table."""
        shapes = {a: self.arrays.specs[a].shape for a in places}
        text = "\n".join([*body, *(part for shape in shapes.values() for part in shape)])
        for place, size in enumerate(SIZES):
            if re.search(rf"\b{size}\b", text):
                w(f"{size} = number(memory, {place})")
        for name, shape in shapes.items():
            kind = KINDS[self.arrays.specs[name].dtype]
            sizes = ", ".join(shape) + ("," if len(shape) == 1 else "")
            w(f"{name} = array(memory, {places[name]}, {kind}, ({sizes}))")

    def add_task(self, name: str, index: str, body: Writer, arrays: Iterable[str]) -> str:
        """One task, of what it does for an index."""
        w = Writer()
        w("@task")
        with w.block(f"def {name}({index}, t0, t1, memory)"):
            self.heads(w, body.lines, {a: self.place(a) for a in arrays})
            for line in body.lines:
                w(line) if line else w()
        self.tasks[name] = w.text()
        return name

    def _scratch(self, f: Function, node: Node) -> str:
        name = "a_" + self.arrays.identifier(node)
        kind = "np.float64" if self.wide[node.name] else "REAL"
        shape = (
            length(node.axes)
            if f.sample or lead(node.axes) is None
            else f"(B, {length(node.axes)})"
        )
        f.heads.setdefault(name, f"np.zeros({shape}, {kind})")
        f.scratch[node.name] = name
        return name

    def _forget(self, f: Function, scratch: str) -> None:
        del f.heads[scratch]

    # functions ----------------------------------------------------------------------------------------

    def stage(self, number: int) -> None:
        """One stage over a chunk: one piece for a sample, or for the batch one for each part."""
        nodes = list(self.plan.stages[number])
        sample = bool(nodes) and self.plan.place[nodes[0].name] == "sample"
        parts = [nodes] if sample else self._apart(nodes)
        self.stages[number] = [self._stage_piece(number, part, sample) for part in parts], sample

    def _apart(self, nodes: Iterable[Node]) -> list[list[Node]]:
        """Nodes of a stage in parts that do not read one another, at the same step or at another."""
        mine = {n.name: n for n in nodes}
        reads = nx.Graph()
        reads.add_nodes_from(mine)
        for node in mine.values():
            reads.add_edges_from((node.name, r.name) for r in self.plan.readers[node.name])
            reads.add_edges_from((node.name, r.name) for r in self.through_renames(node))
        for state in self.plan.graph.states:
            if state.value in mine:
                readers = self._state_readers(state.name)
                reads.add_edges_from((state.value, r.name) for r in readers)
        order = {name: k for k, name in enumerate(mine)}
        found = nx.connected_components(reads.subgraph(mine))
        ordered = sorted(
            (sorted(part, key=order.__getitem__) for part in found), key=lambda p: order[p[0]]
        )
        return [[mine[n] for n in part] for part in ordered]

    def _stage_piece(self, number: int, nodes: list[Node], sample: bool) -> Piece:
        """Some nodes of a stage over a chunk."""
        backward = number >= self.plan.turn
        f = CpuFunction(
            f"{self.name}_stage_{number}", self.plan, self.arrays, self.wide, sample, number
        )
        f.block = self.samples if sample else 1
        f.panels = self.panels
        mine = {n.name for n in nodes}
        states = [
            s
            for s in self.plan.graph.states
            if s.value in mine and self._read_in_stage(s.name, number)
        ]
        for s in states:
            if s.ahead:
                name = "l_" + self.arrays.identifier(self.plan.graph.by_name[s.value])
                kind = "np.float64" if self.wide[s.value] else "REAL"
                f.heads[name] = f"np.zeros({length(s.axes)}, {kind})"
                f.scratch[f"later:{s.name}"] = name
        stores = self.targets(f, nodes)
        direct = self._in_place(f, nodes, stores)
        f.emit(nodes, stores)
        for s in states:
            if s.name not in direct:
                self._shift(f, s.name, stores)
        self.known.setdefault(number, []).extend(f.known)
        return self._finish(f, backward)

    def _shift(self, f: Function, state: str, stores: dict[str, list[str]]) -> None:
        s = self.plan.graph.state[state]
        now = f.array_of(s.value)
        if s.ahead:
            f.body(f"copy_row({f.scratch['later:' + state]}, {now})")
            return
        source = next(
            n for n in self.plan.graph.nodes if n.op == "previous" and n.get("state") == state
        )
        f.body(f"{f.whole('copy', source)}({f.previous(source)}, {now})")

    def _finish(self, f: Function, backward: bool) -> Piece:
        """Put a stage together: its steps, and what is made before them."""
        w = Writer()
        if f.sample and self.samples > 1:
            each = [n for n, v in f.heads.items() if SAMPLE.search(v) or _lasting(f, n)]
            for name in [n for n in f.heads if n not in each]:
                w(f"{name} = {f.heads[name]}")
            w(f"first = owner * {self.samples}")
            w(f"last = min(first + {self.samples}, B)")
            for line in f.ahead.lines:
                w(line)
            with w.block("for b in range(first, last)"):
                _steps(w, f, each, backward)
        else:
            _steps(w, f, f.heads, backward)
        return self._headed(w, f)

    def stage_calls(self) -> dict[int, tuple[range, bool]]:
        """The calls of every stage, and whether one is made for each sample; pieces of one form are one task."""
        found: dict[int, tuple[range, bool]] = {}
        for sample in (True, False):
            mine = {k: pieces for k, (pieces, each) in self.stages.items() if each == sample}
            names = [
                f"{self.name}_stage_{k}" + (f"_{j}" if len(pieces) > 1 else "")
                for k, pieces in mine.items()
                for j in range(len(pieces))
            ]
            pieces = [p for each in mine.values() for p in each]
            index = ("owner" if self.samples > 1 else "b") if sample else "_"
            calls = iter(self._alike(names, pieces, index))
            for k, each in mine.items():
                places = [next(calls) for _ in each]
                found[k] = range(places[0], places[-1] + 1), sample
        return found

    def known_calls(self) -> dict[int, range]:
        """The calls that make, before a stage, products by blocks of rows."""
        made = {number: pieces_of(self, known) for number, known in self.known.items() if known}
        return {k: self._calls(f"{self.name}_blocks_{k}", pieces) for k, pieces in made.items()}

    def shared(self) -> dict[str, int]:
        """Histories that stand in the room they share, and where: those of samples, in the run's precision."""
        places = self.plan.order.places
        return {
            name: places[self.resolved(spec.source)]
            for name, spec in self.arrays.specs.items()
            if spec.role == "history"
            and spec.dtype == "F"
            and spec.shape[:2] == ("K", "B")
            and spec.shape[2].isdigit()
            and self.resolved(spec.source) in places
        }

    def check(self, arrays: Iterable[str], when: int) -> None:
        """Refuse code that reads a history when something else may stand at its place."""
        life = {k.node: k for k in self.plan.order.kept}
        for name in arrays:
            spec = self.arrays.specs.get(name)
            if spec is None or spec.role != "history":
                continue
            kept = life.get(self.resolved(spec.source))
            if kept is not None and not kept.first <= when <= kept.last:
                raise NotImplementedError(f"{name} is read after its place was given away")

    # outside the steps ----------------------------------------------------------------------------------

    def phase(
        self, name: str, nodes: Iterable[Node], targets: Mapping[str, str] | None = None
    ) -> list[range]:
        """What is fixed between updates, or an update: calls that may run side by side, one range after another.

        targets: node -> the stored array that its value is put into where it is computed.
        """
        made = []
        for k, level in enumerate(parts(self.outside_steps(), nodes)):
            pieces = [self._piece(part, targets or {}) for part in level]
            made.append(self._shared_out(f"{name}_{k}", pieces))
        return made

    def writes(self, name: str, writes: Iterable[Write], step: bool = False) -> list[range]:
        """Stored arrays get their new values; with `step` those of the step t0, a chunk of its own."""
        pieces = []
        for write in writes:
            f = self.outside_steps()
            self.write(f, write)
            pieces.append(self.finished(f, step))
        return [self._shared_out(name, pieces)] if pieces else []

    def layouts(self, name: str, again: bool) -> list[range]:
        """The weights in the order in which stages asked for them: those laid out after updates, or the others."""
        pieces = []
        for array, (weight, line) in self.arrays.layouts.items():
            if again == (array in self.fresh or self.panels.get(self.resolved(weight)) is False):
                continue
            f = self.outside_steps()
            f.body(line.format(f.array_of(weight), f.use(array)))
            pieces.append(self.finished(f, False))
        return [self._shared_out(name, pieces)] if pieces else []

    def zeros(self, name: str, arrays: Iterable[str]) -> list[range]:
        """Arrays of one dimension are emptied."""
        pieces = []
        for array in arrays:
            f = self.outside_steps()
            with f.body.block(f"for i in range({self.arrays.specs[array].shape[0]})"):
                f.body(f"{f.use(array)}[i] = 0.0")
            pieces.append(self.finished(f, False))
        return [self._shared_out(name, pieces)] if pieces else []

    def _shared_out(self, name: str, pieces: Sequence[Piece]) -> range:
        """Calls of pieces that do not read one another."""
        shapes = {a: s.shape for a, s in self.arrays.specs.items()}
        sizes = {a: prod(int(n) for n in shape if n.isdigit()) for a, shape in shapes.items()}
        return self._calls(name, in_parts(pieces, sizes))

    def outside_steps(self) -> Function:
        """A function of what is not a stage."""
        return Function("", self.plan, self.arrays, self.wide, False, -1)

    def _piece(self, nodes: Sequence[Node], targets: Mapping[str, str]) -> Piece:
        f = self.outside_steps()
        for node in nodes:
            if node.name in targets:
                f.scratch[node.name] = f.array_of(targets[node.name])
        stores = self.kept(f, list(nodes))
        stores |= {name: [f.scratch[name]] for name in stores if name in targets}
        f.emit(nodes, stores)
        for stored in (targets[n.name] for n in nodes if n.name in targets):
            self.fresh |= lay_out(self, f, stored)
        piece, emptied = emptying(self, self.finished(f, False), nodes)
        self.emptied |= emptied
        return piece

    def finished(self, f: Function, step: bool) -> Piece:
        """What a function does, at the step t0 where it is one."""
        body = Writer()
        if step:
            body("t, k = t0, 0")
        _step(body, f)
        return self._headed(body, f)

    def _headed(self, body: Writer, f: Function) -> Piece:
        """Lines with what they read from a table of their own."""
        text = "\n".join(body.lines)
        shapes = {n: f"shape_{k + 1}" for k, n in enumerate(dict.fromkeys(SHAPE.findall(text)))}
        lines = SHAPE.sub(lambda m: shapes[m[0]], text).split("\n")
        for name in f.used:
            self.place(name)
        w = Writer()
        self.heads(w, lines, {a: ARRAYS + k for k, a in enumerate(f.used)})
        for k, (numbers, name) in enumerate(shapes.items()):
            count = len(self.arrays.tuples[numbers])
            w(f"{name} = array(memory, {ARRAYS + len(f.used) + k}, np.int64, ({count},))")
        whole = list(dict.fromkeys(WHOLE.findall(text)))
        for k, name in enumerate(whole):
            body_of = f"{name.removesuffix('_F')}_of(memory, F)"
            self.tasks.setdefault(name, f"@task\ndef {name}(_, t0, t1, memory):\n    {body_of}\n")
            w(f"{name} = number(memory, {ARRAYS + len(f.used) + len(shapes) + k})")
        return Piece((*w.lines, *lines), (*f.used, *shapes, *whole))

    def _calls(self, name: str, pieces: Sequence[Piece]) -> range:
        """Calls of pieces; those of one form are one task."""
        forms = list(dict.fromkeys(p.form for p in pieces))
        names = [f"{name}_{forms.index(p.form)}" if len(forms) > 1 else name for p in pieces]
        first = len(self.calls)
        self._alike(names, pieces, "_")
        return range(first, len(self.calls))

    def _alike(self, names: Iterable[str], pieces: Iterable[Piece], index: str) -> list[int]:
        """The place of the call of every piece; a task has the name of the first piece of its form."""
        forms: dict[tuple[str, ...], list[tuple[int, str, Piece]]] = {}
        for k, (name, piece) in enumerate(zip(names, pieces, strict=True)):
            forms.setdefault(piece.form, []).append((k, name, piece))
        found: dict[int, Call] = {}
        for members in forms.values():
            task = members[0][1]
            text, calls = task_of(task, [p for _, _, p in members], index)
            assert self.tasks.setdefault(task, text) == text, f"two tasks are called `{task}`"
            found |= {k: call for (k, _, _), call in zip(members, calls, strict=True)}
        first = len(self.calls)
        self.calls += [found[k] for k in sorted(found)]
        return list(range(first, len(self.calls)))


def _lasting(f: Function, head: str) -> bool:
    """Whether a head is what a sample has of the step after: it begins at 0."""
    return any(array == head and name.startswith("later:") for name, array in f.scratch.items())


def _steps(w: Writer, f: Function, heads: Iterable[str], backward: bool) -> None:
    """What a function does in a chunk, with some of its heads."""
    for name in heads:
        w(f"{name} = {f.heads[name]}")
    for line in f.before.lines:
        w(line)
    order = "range(t1 - 1, t0 - 1, -1)" if backward else "range(t0, t1)"
    with w.block(f"for t in {order}"):
        w("k = t - t0")
        _step(w, f)


def _step(w: Writer, f: Function) -> None:
    """What a function does at one step."""
    for name, value in [*f.views.items(), *f.controls.items()]:
        w(f"{name} = {value}")
    for line in f.body.lines:
        w(line) if line else w()
