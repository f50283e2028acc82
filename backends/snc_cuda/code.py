"""The stages of a graph as kernels, and how each is launched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from snc.codegen.arrays import ArraySpec, lead, length
from snc.codegen.function import Function
from snc.codegen.stages import GraphCode
from snc.codegen.writer import Writer
from snc.graph.graph import Node, State, Write
from snc_cuda.function import CudaFunction, Part, Turned
from snc_cuda.steps import WORD, alone, by_owner, controls, in_order

ONE, MANY = 512, 256  # threads of a block at most, where one works on a row, and where many do
LAUNCH = 400  # steps of one thread that take about as long as a launch: 10 us at 25 ns
SAMPLES = 128  # a batch of ordinary size, for decisions that must not depend on the run


@dataclass(frozen=True)
class Kernel:
    """An emitted kernel: numbers, then arrays.

    way: `one` block works on a row, or `many` do; or one works on each of the `tiles` of a matrix. at_once: whether
    the steps of a chunk are a dimension of the grid.
    """

    name: str
    way: str
    rows: str
    numbers: tuple[str, ...]
    arrays: tuple[str, ...]
    guard: str
    body: tuple[str, ...]
    at_once: bool = False

    def text(self) -> str:
        """The kernel as code; under its guard it does nothing."""
        w = Writer()
        w("@one_block" if self.way == "one" else "@many_blocks")
        with w.block(f"def {self.name}({', '.join([*self.numbers, *self.arrays])})"):
            if self.guard:
                with w.block(f"if {self.guard}"):
                    w("return")
            for line in (*inside(self.way, self.rows, self.at_once), *self.body):
                w(line) if line else w()
        return w.text()


@dataclass(frozen=True)
class Launch:
    """One call of a kernel by the driver. widths: the owners of its loops.

    values: what the driver gives for numbers that it has no name for.
    """

    kernel: Kernel
    widths: tuple[str, ...]
    values: tuple[tuple[str, str], ...] = ()

    def line(self) -> str:
        """The call as code of the driver."""
        values = dict(self.values)
        numbers = [values.get(n, n) for n in self.kernel.numbers]
        given = ", ".join([*numbers, *self.kernel.arrays])
        depth = "steps" if self.kernel.at_once else "1"
        if self.kernel.way == "tiles":
            return f"tiles({self.kernel.name}, {', '.join(self.widths)}, {depth}, {given})"
        widths = list(dict.fromkeys(self.widths)) or ["1"]
        width = widths[0] if len(widths) == 1 else f"max({', '.join(widths)})"
        return (
            f"{self.kernel.way}({self.kernel.name}, {width}, {self.kernel.rows}, {depth}, {given})"
        )


@dataclass(frozen=True)
class StageCalls:
    """How a stage is run over a chunk: one launch, or launches at every step, in this direction.

    before: what is launched first, once per chunk.
    """

    before: tuple[Launch, ...]
    launches: tuple[Launch, ...]
    at_every_step: bool
    backward: bool


@dataclass
class CudaCode(GraphCode):
    """Emission of one graph."""

    kernels: list[Kernel] = field(default_factory=list)
    turned: dict[str, Turned] = field(default_factory=dict)
    guard: str = ""  # a condition under which the kernels emitted now do nothing

    def function(self, name: str, sample: bool = False, stage: int = -1) -> CudaFunction:
        """A function to write into."""
        made = CudaFunction(name, self.plan, self.arrays, self.wide, sample, stage)
        made.turned = self.turned
        return made

    def _scratch(self, f: Function, node: Node) -> str:
        assert isinstance(f, CudaFunction)
        name = "a_" + self.arrays.identifier(node)
        kind = "D" if self.wide[node.name] else "F"
        shape = (*f.rows(lead(node.axes) is not None), length(node.axes))
        self.arrays.add(name, "scratch", node.name, shape, kind)
        f.scratch[node.name] = f.at_row(name, node.axes)
        return f.scratch[node.name]

    def _forget(self, f: Function, scratch: str) -> None:
        del self.arrays.specs[scratch.split("[")[0]]

    # kernels ------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        way: str,
        rows: str,
        numbers: Sequence[str],
        body: Iterable[str],
        at_once: bool = False,
    ) -> Kernel:
        """A kernel of this body; the arrays it takes are those it names."""
        lines = tuple(body)
        named = {m for line in (self.guard, *lines) for m in WORD.findall(line.split("  # ")[0])}
        arrays = tuple(a for a in self.arrays.specs if a in named)
        named |= {"t0"} if at_once else set()
        used = tuple(n for n in numbers if n in named) or (numbers[0],)
        made = Kernel(name, way, rows, used, arrays, self.guard, lines, at_once)
        self.kernels.append(made)
        return made

    def stage(self, number: int) -> StageCalls:
        """One stage over a chunk."""
        nodes = list(self.plan.stages[number])
        sample = self.plan.place[nodes[0].name] == "sample"
        backward = number >= self.plan.turn
        name = f"{self.name}_stage_{number}"
        f = self.function(name, sample, number)
        f.at_once = not any(self._read_in_stage(s.name, number) for s in self.plan.graph.states)
        ahead = [
            s for s in self.plan.graph.states if s.ahead and self._read_in_stage(s.name, number)
        ]
        behind = self.function(f"{name}_behind")  # after the last step all is 0
        for s in ahead:
            fill(behind, self._later(f, s), "0")
        before = tuple(self.launches(behind))
        stores = self.targets(f, nodes)
        direct = self._in_place(f, nodes, stores)
        f.emit(nodes, stores)
        for s in self.plan.graph.states:
            if self._read_in_stage(s.name, number) and s.name not in direct:
                self._shift(f, s)
        parts = f.barriers()
        rows = "B" if sample else "1"
        if f.at_once:
            return StageCalls(before, self._at_once(f, parts, rows), False, backward)
        if alone(parts):
            return StageCalls(before, (self._alone(f, parts, rows, backward),), False, backward)
        if whole_in_one(parts):
            return StageCalls(before, (self._loop(f, parts, rows, backward),), False, backward)
        launches = tuple(self._step(f"{name}_{k}", f, part, rows) for k, part in enumerate(f.parts))
        return StageCalls(before, launches, True, backward)

    def _later(self, f: CudaFunction, s: State) -> ArraySpec:
        """The array of a state that is read one step later in a sweep."""
        value = self.plan.graph.by_name[s.value]
        name = "l_" + self.arrays.identifier(value)
        rows = ("B",) if lead(s.axes) is not None else ()
        kind = "D" if self.wide[s.value] else "F"
        self.arrays.add(name, "later", s.name, (*rows, length(s.axes)), kind)
        f.scratch[f"later:{s.name}"] = f.at_sample(name, s.axes)
        return self.arrays.specs[name]

    def _shift(self, f: CudaFunction, s: State) -> None:
        """At the end of a step, what others will read as the step before or behind."""
        nodes = self.plan.graph.nodes
        op = "later" if s.ahead else "previous"
        source = next(n for n in nodes if n.op == op and n.get("state") == s.name)
        f.copy(source, f.array_of(source.name), f.array_of(s.value))

    def _loop(self, f: CudaFunction, parts: Sequence[Part], rows: str, backward: bool) -> Launch:
        """All steps of a chunk in one kernel: a block for each row, barriers between parts."""
        lines = in_order(f, parts, backward, "cuda.syncthreads()")
        return self._steps(f, "one", parts, rows, lines)

    def _alone(self, f: CudaFunction, parts: Sequence[Part], rows: str, backward: bool) -> Launch:
        """All steps of a chunk in one kernel, through which every owner goes by itself."""
        return self._steps(f, "many", parts, rows, by_owner(f, parts, backward))

    def _steps(
        self, f: CudaFunction, way: str, parts: Sequence[Part], rows: str, lines: Sequence[str]
    ) -> Launch:
        kernel = self.add(f.name, way, rows, ("t0", "t1", "T", "B"), lines)
        return Launch(kernel, tuple(width for part in parts for width, _ in part.loops))

    def _at_once(self, f: CudaFunction, parts: Sequence[Part], rows: str) -> tuple[Launch, ...]:
        """All steps of a chunk at the same time: blocks of their own for each step, row and part."""
        names = [f"{f.name}_{k}" if len(parts) > 1 else f.name for k in range(len(parts))]
        return tuple(
            self._many(name, f, part, rows, ("t0", "T", "B"))
            for name, part in zip(names, parts, strict=True)
        )

    def _step(self, name: str, f: CudaFunction, part: Part, rows: str) -> Launch:
        """One part at one step, over many blocks."""
        return self._many(name, f, part, rows, ("t", "k", "T", "B"))

    def _many(
        self, name: str, f: CudaFunction, part: Part, rows: str, numbers: Sequence[str]
    ) -> Launch:
        """One part over many blocks, or over the tiles that it is made of."""
        body = [*controls(f, part.lines), *part.lines]
        if part.tiles:
            return Launch(self.add(name, "tiles", "1", numbers, body, f.at_once), part.tiles)
        kernel = self.add(name, "many", rows, numbers, body, f.at_once)
        return Launch(kernel, tuple(w for w, _ in part.loops))

    def launches(self, f: CudaFunction, numbers: Sequence[str] = ("T", "B")) -> list[Launch]:
        """The parts of a function outside the steps: one block does all, or each part has many."""
        parts = f.barriers()
        if len(parts) > 1 and whole_in_one(parts):
            lines: list[str] = []
            for part in parts:
                lines += [*part.lines, "cuda.syncthreads()"]
            body = [*controls(f, lines), *lines[:-1]]
            kernel = self.add(f.name, "one", "1", numbers, body)
            return [Launch(kernel, tuple(w for part in parts for w, _ in part.loops))]
        made = []
        for k, part in enumerate(parts):
            name = f.name if len(parts) == 1 else f"{f.name}_{k}"
            made.append(self._many(name, f, part, "1", numbers))
        return made

    def refresh(self) -> list[Launch]:
        """What is fixed between updates, and copies of weights; after all that reads those is emitted."""
        name = f"{self.name}_refresh"
        made = self.plain(name, self.plan.of("fixed"))
        f = self.function(f"{name}_turned")
        for copy, t in self.turned.items():
            loops = [("k", str(t.places)), ("i", str(t.rows)), ("j", str(t.columns))]
            to, source = (
                f"(k * {t.columns} + j) * {t.rows} + i",
                f"(k * {t.rows} + i) * {t.columns} + j",
            )
            line = f"{copy}[{to}] = {t.source}[{source}]"
            f.spread(loops, lambda line=line: f.body(line))  # type: ignore[misc]
        return [*made, *self.launches(f)]

    def plain(
        self, name: str, nodes: Iterable[Node], writes: Iterable[Write] = (), step: bool = False
    ) -> list[Launch]:
        """What is fixed between updates, or an update; with `step` it reads values of the step t."""
        f = self.function(name)
        chosen = [n for n in nodes if n.op not in ("const", "stored", "scalar", "collect")]
        f.emit(chosen, self.kept(f, chosen))
        for write in writes:
            self.write(f, write)
            f.cut()  # one may read what another has written
        return self.launches(f, ("t", "k", "T", "B") if step else ("T", "B"))


def loops_of(spec: ArraySpec) -> list[tuple[str, str]]:
    """Loops over a whole array of one or two dimensions."""
    if len(spec.shape) == 1:
        return [("i", spec.shape[0])]
    return [("b", spec.shape[0]), ("i", spec.shape[1])]


def fill(f: CudaFunction, spec: ArraySpec, value: str) -> None:
    """Every place of an array gets a value, which may depend on the place `i` in a row."""
    index = ", ".join(v for v, _ in loops_of(spec))
    f.spread(loops_of(spec), lambda: f.body(f"{spec.name}[{index}] = {value}"))


def inside(way: str, rows: str, at_once: bool) -> list[str]:
    """Which step, which row and which places a thread owns."""
    head = ["k = cuda.blockIdx.z", "t = t0 + k"] if at_once else []
    head += ["b = cuda.blockIdx.y"] if rows == "B" else []
    if way == "tiles":
        return [*head, "lane = cuda.threadIdx.x"]
    if way == "one":
        return [*head, "first, stride = cuda.threadIdx.x, cuda.blockDim.x"]
    return [*head, "first, stride = cuda.grid(1), cuda.gridsize(1)"]


def whole_in_one(parts: Sequence[Part]) -> bool:
    """Whether one block is as fast as launches over many: a rule on sizes, the same for every run."""
    if any(part.tiles for part in parts):
        return False
    loops = [loop for part in parts for loop in part.loops]
    return steps_of(loops, ONE) <= LAUNCH * len(parts)


def steps_of(loops: Iterable[tuple[str, int]], threads: int) -> int:
    """How many steps a thread takes through some loops."""
    return sum(-(-number(width) // threads) * work for width, work in loops)


def number(width: str) -> int:
    """A number of owners, for a batch of ordinary size."""
    total = 1
    for factor in width.split(" * "):
        total *= SAMPLES if factor == "B" else int(factor)
    return total
