"""A graph as tasks: one per stage, and pieces of what is computed between the steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from snc.codegen.arrays import lead, length
from snc.codegen.function import Function
from snc.codegen.stages import GraphCode
from snc.codegen.writer import Writer
from snc.graph.graph import Node, Write
from snc_cpu.calls import Call, Piece, task_of
from snc_cpu.pieces import parts
from snc_cpu.tasks import ARRAYS, SIZES

KINDS = {"F": "F", "D": "D", "I": "np.int64", "U": "np.uint8", "Q": "np.uint64"}


@dataclass
class CpuCode(GraphCode):
    """Emission of one graph."""

    tasks: dict[str, str] = field(default_factory=dict)  # name -> text
    places: dict[str, int] = field(default_factory=dict)  # array -> its place in the table
    calls: list[Call] = field(default_factory=list)
    sampled: set[str] = field(default_factory=set)  # tasks of one sample

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

    def stage(self, number: int) -> str:
        """One stage over a chunk; the name of its driver."""
        nodes = list(self.plan.stages[number])
        sample = bool(nodes) and self.plan.place[nodes[0].name] == "sample"
        backward = number >= self.plan.turn
        f = Function(
            f"{self.name}_stage_{number}", self.plan, self.arrays, self.wide, sample, number
        )
        for s in self.plan.graph.states:
            if s.ahead and self._read_in_stage(s.name, number):
                name = "l_" + self.arrays.identifier(self.plan.graph.by_name[s.value])
                kind = "np.float64" if self.wide[s.value] else "REAL"
                f.heads[name] = f"np.zeros({length(s.axes)}, {kind})"
                f.scratch[f"later:{s.name}"] = name
        stores = self.targets(f, nodes)
        direct = self._in_place(f, nodes, stores)
        f.emit(nodes, stores)
        for s in self.plan.graph.states:
            if self._read_in_stage(s.name, number) and s.name not in direct:
                self._shift(f, s.name, stores)
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

    def _finish(self, f: Function, backward: bool) -> str:
        """Put a stage together: its steps, and what is made before them."""
        w = Writer()
        for name, value in f.heads.items():
            w(f"{name} = {value}")
        order = "range(t1 - 1, t0 - 1, -1)" if backward else "range(t0, t1)"
        with w.block(f"for t in {order}"):
            w("k = t - t0")
            _step(w, f)
        if f.sample:
            self.sampled.add(f.name)
        return self.add_task(f.name, "b" if f.sample else "_", w, f.used)

    # outside the steps ----------------------------------------------------------------------------------

    def phase(
        self, name: str, nodes: Iterable[Node], targets: Mapping[str, str] | None = None
    ) -> list[range]:
        """What is fixed between updates, or an update: calls that may run side by side, one range after another.

        targets: node -> the stored array that its value is put into where it is computed.
        """
        made = []
        for k, level in enumerate(parts(self._outside(), nodes)):
            pieces = [self._piece(part, targets or {}) for part in level]
            made.append(self._calls(f"{name}_{k}", pieces))
        return made

    def writes(self, name: str, writes: Iterable[Write], step: bool = False) -> list[range]:
        """Stored arrays get their new values; with `step` those of the step t0, a chunk of its own."""
        pieces = []
        for write in writes:
            f = self._outside()
            self.write(f, write)
            pieces.append(self._finished(f, step))
        return [self._calls(name, pieces)] if pieces else []

    def layouts(self, name: str) -> list[range]:
        """The weights in the order in which stages asked for them."""
        pieces = []
        for array, (weight, line) in self.arrays.layouts.items():
            f = self._outside()
            f.body(line.format(f.array_of(weight), f.use(array)))
            pieces.append(self._finished(f, False))
        return [self._calls(name, pieces)] if pieces else []

    def _outside(self) -> Function:
        return Function("", self.plan, self.arrays, self.wide, False, -1)

    def _piece(self, nodes: Sequence[Node], targets: Mapping[str, str]) -> Piece:
        f = self._outside()
        for node in nodes:
            if node.name in targets:
                f.scratch[node.name] = f.array_of(targets[node.name])
        stores = self.kept(f, list(nodes))
        stores |= {name: [f.scratch[name]] for name in stores if name in targets}
        f.emit(nodes, stores)
        return self._finished(f, False)

    def _finished(self, f: Function, step: bool) -> Piece:
        body, w = Writer(), Writer()
        if step:
            body("t, k = t0, 0")
        _step(body, f)
        for name in f.used:
            self.place(name)
        self.heads(w, body.lines, {a: ARRAYS + k for k, a in enumerate(f.used)})
        return Piece((*w.lines, *body.lines), tuple(f.used))

    def _calls(self, name: str, pieces: Sequence[Piece]) -> range:
        """Calls of pieces; those of one form are one task."""
        first = len(self.calls)
        forms: dict[tuple[str, ...], list[Piece]] = {}
        for piece in pieces:
            forms.setdefault(piece.form, []).append(piece)
        for k, alike in enumerate(forms.values()):
            task = f"{name}_{k}" if len(forms) > 1 else name
            self.tasks[task], calls = task_of(task, alike)
            self.calls += calls
        return range(first, len(self.calls))


def _step(w: Writer, f: Function) -> None:
    """What a function does at one step."""
    for name, value in [*f.views.items(), *f.controls.items()]:
        w(f"{name} = {value}")
    for line in f.body.lines:
        w(line) if line else w()
