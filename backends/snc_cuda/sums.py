"""Sums over the steps since the last update: what a chunk adds to them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from snc.codegen.arrays import length
from snc.codegen.nest import variable
from snc.graph.geometry import Geometry
from snc.graph.graph import Node, size
from snc.program.demand import at_first
from snc_cuda.code import SAMPLES, CudaCode, Launch
from snc_cuda.function import CudaFunction
from snc_cuda.products import CHANNELS, weight_place, weight_terms
from snc_cuda.shapes import At, shape_of
from snc_cuda.tiles import AREA, Tile, pictures

NUMBERS = ("t0", "steps", "T", "B")


OWNERS = 1 << 19  # threads that keep a large card busy
BLOCKS = 512  # tiles that keep a large card busy
ROWS = 128  # terms of each weight from which on tiles pay


def collect(code: CudaCode, node: Node, opened: str) -> list[Launch]:
    """Add the values of all open steps of a chunk to a sum; `opened` is a condition on step k."""
    graph = code.plan.graph
    value = graph.by_name[node.args[0]]
    wide = code.wide[node.name]
    total = "u_" + code.arrays.identifier(node)
    code.arrays.add(total, "total", node.name, (length(node.axes),), "D" if wide else "F")
    if at_first(graph, node.args[1]):
        f = code.function(f"{code.name}_{total}")
        return Product(code, f, value, total, wide, "True", first=True).launches()
    if opened == "False":
        return []
    f = code.function(f"{code.name}_{total}")
    if value.op == "project_w" and value.name not in code.plan.stage:
        return Product(code, f, value, total, wide, opened).launches()
    steps(f, value, total, wide, opened, length(node.axes))
    return code.launches(f, NUMBERS)


def when(f: CudaFunction, opened: str) -> AbstractContextManager[None]:
    """What is done at open steps only."""
    return nullcontext() if opened == "True" else f.body.block(f"if {opened}")


def steps(f: CudaFunction, value: Node, total: str, wide: bool, opened: str, places: str) -> None:
    """A value without samples, step by step."""

    def body() -> None:
        f.body(f"total = {total}[i]")
        with f.body.block("for k in range(steps)"), when(f, opened):
            index = {a: variable(a) for a in value.axes}
            flat = "i" if value.axes else None
            name = value.name if value.name not in f.plan.stage else f.behind(value.name)
            text = f.operand(name, index, flat, wide)
            if f.controls:
                f.body("t = t0 + k")
            for number, given in f.controls.items():
                f.body(f"{number} = {given}")
            f.body(f"total += {text}")
        f.body(f"{total}[i] = total")

    f.spread([("i", places)], body)
    f.controls.clear()


@dataclass(frozen=True)
class Product:
    """A weight product over the steps and samples of a chunk, which is added to a sum.

    first: of the signal at the first step of the chunk, and a state as it was before that.
    """

    code: CudaCode
    f: CudaFunction
    value: Node
    total: str
    wide: bool
    opened: str
    first: bool = False

    @property
    def geometry(self) -> Geometry:
        """What is connected to what."""
        found: Geometry = self.value.get("geometry")
        return found

    @property
    def names(self) -> tuple[str, str]:
        """The signal at post and the value at pre."""
        a, z = (self.code.resolved(x) for x in self.value.args)
        return a, z

    @property
    def inner(self) -> bool:
        """Whether terms are added in double precision."""
        return self.wide or any(self.f.stored_wide(x) for x in self.names)

    def launches(self) -> list[Launch]:
        """By tiles where they are full, else by owners, who skip silent places; few of them share."""
        n = size(self.value.axes)
        self.f.fma = "fma_d" if self.inner else "fma_f"
        m = shape_of(self.geometry)
        full = min(m.kh * m.kw * m.inputs, m.outputs) >= CHANNELS and n >= AREA and m.groups == 1
        if full and self.terms_of_one() >= ROWS:
            return self.by_tiles(n)
        return self.by_slices(n) if n < OWNERS else self.by_owners()

    def terms(self, samples: str) -> None:
        """Add all terms of the weight at place `i` to `total`."""
        f = self.f
        weight_place(f, self.geometry)
        if self.first:
            with f.body.block(f"for b in range({samples})"):
                weight_terms(f, self.geometry, *self.factors())
            return
        with (
            f.body.block("for k in range(steps)"),
            when(f, self.opened),
            f.body.block(f"for b in range({samples})"),
        ):
            weight_terms(f, self.geometry, *self.factors())

    def factors(self) -> tuple[At, At]:
        """The elements of the signal at post, and of the value at pre."""
        f, (a, z) = self.f, self.names
        if not self.first:
            return operand(f, a, self.inner), operand(f, z, self.inner)
        signal = f"f_{f.arrays.identifier(f.node(a))}"
        return part(f, a, signal, self.inner), part(f, z, before(f, z), self.inner)

    def sum(self, text: str) -> str:
        """A number in the precision of the sum."""
        return text if self.wide == self.inner else f"{'D' if self.wide else 'F'}({text})"

    def by_owners(self) -> list[Launch]:
        """The owner of a weight adds all of its terms."""
        f, total = self.f, self.total

        def body() -> None:
            start = f"{total}[i]" if self.wide == self.inner else f"D({total}[i])"
            f.body(f"total = {start}")
            self.terms("B")
            f.body(f"{total}[i] = {self.sum('total')}")

        f.work = self.terms_of_one()
        f.spread([("i", length(self.value.axes))], body)
        return self.code.launches(f, NUMBERS)

    def by_slices(self, n: int) -> list[Launch]:
        """Each of S owners of a weight adds every S-th sample; then one adds what they found, in order.

        S depends on the number of weights and samples only, so that bits do too.
        """
        f, most = self.f, -(-OWNERS // n)
        part = self.parts(n, most)

        def one_slice() -> None:
            f.body(f"total = {'D' if self.inner else 'F'}(0.0)")
            self.terms("share, B, S")
            f.body(f"{part}[share, i] = total")

        f.spread([("share", "S"), ("i", str(n))], one_slice)
        first = self.code.add(f.name, "many", "1", (*NUMBERS, "S"), f.body.lines)
        launch = Launch(first, (f"min(B, {most}) * {n}",), self.shared(most))
        return [launch, self.together(n, most)]

    def shared(self, most: int) -> tuple[tuple[str, str], ...]:
        """The number of shares, for a launch."""
        return (("S", f"min(B, {most})"),)

    def parts(self, n: int, most: int) -> str:
        """The array of what shares have found."""
        shape, kind = (str(most), str(n)), "D" if self.inner else "F"
        return self.code.arrays.add("m_" + self.total[2:], "part", self.value.name, shape, kind)

    def together(self, n: int, most: int) -> Launch:
        """Add what shares have found, in order."""
        f = self.code.function(f"{self.f.name}_whole")
        total = f"{self.total}[i]"

        def whole() -> None:
            f.body(f"total = {total if self.wide == self.inner else f'D({total})'}")
            with f.body.block("for share in range(S)"):
                f.body(f"total += {self.parts(n, most)}[share, i]")
            f.body(f"{total} = {self.sum('total')}")

        f.spread([("i", str(n))], whole)
        kernel = self.code.add(f.name, "many", "1", (*NUMBERS, "S"), f.body.lines)
        return Launch(kernel, (str(n),), self.shared(most))

    def terms_of_one(self) -> int:
        """How many terms a weight has in a chunk of a batch of ordinary size."""
        places = 1
        if self.geometry.kind != "dense":
            shape = shape_of(self.geometry)
            places = shape.rows * shape.columns
        steps = 1 if self.first else self.code.plan.chunk.most or 100
        return steps * SAMPLES * places

    def by_tiles(self, n: int) -> list[Launch]:
        """A block adds the terms of a tile of weights, whose factors it keeps in shared memory.

        Samples are dealt out to shares where there are few tiles.
        """
        m, conv = shape_of(self.geometry), self.geometry.kind != "conv_transpose"
        most = max(1, BLOCKS * AREA // n)
        a, z = self.factors()
        part, down = self.parts(n, most), str(m.kh * m.kw * m.inputs)
        terms = f"{'' if self.first else 'steps * '}samples * {m.rows * m.columns}"
        tile = Tile(down, str(m.outputs), terms, "D" if self.inner else "F", self.f.fma)

        index = f"i * {m.outputs} + j"
        if not conv:
            index = f"(i // {m.inputs} * {m.outputs} + j) * {m.inputs} + i % {m.inputs}"
        stored = [f"{part}[share, {index}] = sums[u, v]"]
        factors = pictures(tile, m, *((z, a) if conv else (a, z)), self.opened)
        name, numbers = self.f.name, (*NUMBERS, "S")
        kernel = self.code.add(name, "tiles", "1", numbers, tile.lines(factors, stored))
        sizes = (f"min(B, {most}) * {down}", str(m.outputs))
        return [Launch(kernel, sizes, self.shared(most)), self.together(n, most)]


def part(f: CudaFunction, name: str, array: str, wide: bool) -> At:
    """The elements of sample b of an array that holds a node's value."""
    kind = "D" if wide else "F"

    def at(index: str) -> str:
        text = f"{array}[b, {index}]"
        return text if f.stored_wide(name) == wide else f"{kind}({text})"

    return at


def before(f: CudaFunction, name: str) -> str:
    """The array of a state as it was before a chunk."""
    past = f.node(name)
    state = f.plan.graph.state[past.get("state")]
    array = "b_" + f.arrays.identifier(f.node(state.value))
    kind = "D" if f.wide[name] else "F"
    return f.arrays.add(array, "before", state.name, ("B", length(past.axes)), kind)


def operand(f: CudaFunction, name: str, wide: bool) -> At:
    """An operand of a weight product, of sample b at step k of the chunk."""
    node = f.node(name)
    f.array_of(name)
    if node.op == "field":
        place = f"x_{node.get('name')}[t0 + k, b"
    else:
        place = f"h_{f.arrays.identifier(node)}[k, b"
    kind = "D" if wide else "F"

    def at(index: str) -> str:
        text = f"{place}, {index}]"
        return text if f.stored_wide(name) == wide else f"{kind}({text})"

    return at
