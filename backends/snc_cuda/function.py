"""One emitted part of a kernel: what is common to all backends, with owners of values spread over threads.

A *part* is a piece of code in which every value has one owner and no thread reads what another one writes
there. Between parts threads wait for each other: at a barrier of the block, or because the next part is
another kernel. A thread owns the places `first`, `first + stride`, ...: the same text runs in one block
and in many, and gives the same bits, since no sum is ever shared between threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from snc.codegen.function import Function
from snc.codegen.nest import expression, extent
from snc.codegen.reductions import SINGLE
from snc.graph.graph import Axis, Node
from snc_cuda import images, pools, products, reductions
from snc_cuda.places import decomposed, product_of

OWNED = {**products.TABLE, **pools.TABLE, **images.TABLE}
TIES = " if k == 0 else "  # between the two places of a value one step ago


WRITTEN = re.compile(r"^\s*([a-z]\w*)\[[^=]*\] (?:=|\+=) ")
NAMED = re.compile(r"[A-Za-z_]\w*(?=\[)")


@dataclass(frozen=True)
class Part:
    """Code between two barriers. loops: how many owners each has, and how many steps one of them takes.

    tiles: rows and columns of the matrix of which each block makes tiles here, if it is one.
    """

    lines: tuple[str, ...]
    loops: tuple[tuple[str, int], ...]
    tiles: tuple[str, ...] = ()

    @cached_property
    def written(self) -> frozenset[str]:
        """The arrays that are written here."""
        found = (WRITTEN.match(line) for line in self.lines)
        return frozenset(m.group(1) for m in found if m)

    @cached_property
    def named(self) -> frozenset[str]:
        """The arrays that are read or written here."""
        return frozenset(n for line in self.lines for n in NAMED.findall(line.split("  # ")[0]))

    def follows(self, other: Part) -> bool:
        """Whether a barrier is needed between another part and this one behind it; tiles are kernels of their own."""
        return bool(
            self.tiles or other.tiles or other.written & self.named or self.written & other.named
        )


def merged(parts: Iterable[Part]) -> list[Part]:
    """Parts behind each other that share no array that one of them writes are one part."""
    found: list[Part] = []
    for part in parts:
        if found and not part.follows(found[-1]):
            last = found[-1]
            found[-1] = Part((*last.lines, *part.lines), (*last.loops, *part.loops))
        else:
            found.append(part)
    return found


@dataclass(frozen=True)
class Turned:
    """A copy of weights [places, rows, columns] as [places, columns, rows]: threads then read neighbours."""

    source: str
    places: int
    rows: int
    columns: int
    kind: str


@dataclass
class CudaFunction(Function):
    """A function being written, part by part."""

    exponential: ClassVar[str] = "math.exp"
    adds_rows: ClassVar[bool] = False
    hoists: ClassVar[bool] = False
    parts: list[Part] = field(default_factory=list)
    spread_over: list[str] = field(
        default_factory=list
    )  # the owners of the loops since the last cut
    turned: dict[str, Turned] = field(default_factory=dict)  # copies of weights that are read
    fma: str = "fma_f"  # what adds a product to the sum that is being written
    work: int = 1  # steps of an owner in them
    at_once: bool = False  # whether all steps of a chunk are computed at the same time

    # where values are ---------------------------------------------------------------------------------

    def at(self, array: str, index: str) -> str:
        """One element: `h_x[k, b]` at `i` is `h_x[k, b, i]`; nothing is sliced on the device."""
        if TIES in array:
            now, then = array.split(TIES)
            return f"({self.at(now, index)}{TIES}{self.at(then, index)})"
        return f"{array[:-1]}, {index}]" if array.endswith("]") else f"{array}[{index}]"

    def at_sample(self, array: str, axes: tuple[Axis, ...]) -> str:
        """An array's part for this sample."""
        return f"{array}[b]" if self.fixed(axes) else array

    def rows(self, samples: bool) -> tuple[str, ...]:
        """The first dimensions of an array in which a stage keeps something for itself."""
        return ("K",) * self.at_once + ("B",) * samples

    def at_row(self, array: str, axes: tuple[Axis, ...]) -> str:
        """Such an array's part for this step, if all are computed at once, and for this sample."""
        index = ["k"] * self.at_once + ["b"] * self.fixed(axes)
        return f"{array}[{', '.join(index)}]" if index else array

    def view(
        self, array: str, role: str, source: str, shape: tuple[str, ...], kind: str, step: str
    ) -> str:
        """An array at this step, and for this sample where it has one."""
        self.use(self.arrays.add(array, role, source, shape, kind))
        return f"{array}[{step}, b]" if self.fixed(self.node(source).axes) else f"{array}[{step}]"

    def choice(self, name: str, now: str, then: str) -> str:
        """A value one step ago: kept apart at the first step of a chunk, else in the history."""
        return f"{now}{TIES}{then}"

    def turn(self, name: str, places: int, rows: int, columns: int) -> str:
        """The name of a copy of a weight array with its last two dimensions exchanged."""
        source = self.array_of(name)
        kind = "D" if self.stored_wide(name) else "F"
        copy = "t_" + source[2:]
        self.turned[copy] = Turned(source, places, rows, columns, kind)
        self.arrays.add(copy, "turned", name, (str(places * rows * columns),), kind)
        return copy

    # numbers ------------------------------------------------------------------------------------------

    def expression(self, node: Node, operands: Sequence[str], wide: bool) -> str:
        """The right side of a fused node; products are rounded before they are added, as on the CPU."""
        kind = "D" if wide else "F"
        match node.op:
            case "mul":
                return self.times(operands[0], operands[1], wide)
            case "round":
                return f"{kind}({self.rounded(operands[0])})"
            case "floor":
                return f"{kind}(math.floor({operands[0]}))"
        return expression(node, operands, wide)

    def times(self, x: str, y: str, wide: bool) -> str:
        """A product that the compiler does not contract with a sum."""
        return f"{'mul_d' if wide else 'mul_f'}({x}, {y})"

    def table(self, node: Node, index: str, wide: bool) -> str:
        """An element of `range` or `linspace`."""
        if node.op == "range":
            return super().table(node, index, wide)
        first, last, n = node.get("first"), node.get("last"), node.get("n")
        step = self.times(repr((last - first) / max(1, n - 1)), f"D({index})", True)
        return f"{'D' if wide else 'F'}({first!r} + {step})"

    def rounded(self, x: str) -> str:
        """The nearest whole number, of two the even one."""
        return f"round({x})"

    # loops --------------------------------------------------------------------------------------------

    def each(
        self, axes: Sequence[Axis], variables: dict[Axis, str], body: Callable[[], Any]
    ) -> None:
        """For every place of some axes, spread over threads."""
        self.spread([(variables[a], extent(a)) for a in axes], body)

    def nest(
        self,
        order: Sequence[Axis],
        flat: str | None,
        variables: dict[Axis, str],
        lines: Callable[[], Any],
    ) -> None:
        """The same with a flat index `i` behind the axes if its length is given."""
        last = [("i", flat)] if flat else []
        self.spread([*((variables[a], extent(a)) for a in order), *last], lines)

    def spread(self, loops: Sequence[tuple[str, str]], body: Callable[[], Any]) -> None:
        """One loop over the places of several variables, the last the fastest, spread over threads."""
        total = product_of([n for _, n in loops])
        self.spread_over.append(total)
        single = loops[0][0] if len(loops) == 1 else "place"
        with self.body.block(f"for {single} in range(first, {total}, stride)"):
            if len(loops) > 1:
                self.body(decomposed(loops))
            body()

    def cut(self) -> None:
        """What follows may read what any thread has written so far."""
        if self.body.lines:
            loops = tuple((width, self.work) for width in self.spread_over)
            self.parts.append(Part(tuple(self.body.lines), loops))
            self.body.lines, self.spread_over, self.work = [], [], 1

    def tiled(self, lines: Sequence[str], down: str, across: str) -> None:
        """A matrix that is made by tiles."""
        self.cut()
        self.parts.append(Part(tuple(lines), (), (down, across)))

    def barriers(self) -> list[Part]:
        """All that was written, with barriers where they are needed."""
        self.cut()
        return merged(self.parts)

    # nodes --------------------------------------------------------------------------------------------

    def emit(self, nodes: Sequence[Node], stores: dict[str, list[str]]) -> None:
        """Write all nodes, each group of them a part."""
        for group in self.groups(nodes):
            super().emit(group, stores)
            self.cut()

    def single(self, node: Node, stores: dict[str, list[str]]) -> None:
        """A node that is not element by element."""
        out, *more = stores[node.name]
        if node.op in OWNED:
            OWNED[node.op](self, node, out)
        elif node.op == "log_softmax":
            reductions.log_softmax(self, node, out)
        elif reductions.shared(self, node):
            reductions.share_sum(self, node, out)
        else:
            self.work = reductions.count(reductions.terms_of(self, node), 128)
            SINGLE[node.op](self, node, out)
        if more:
            self.cut()
        for target in more:
            self.copy(node, target, out, self.when(target))

    def store(self, target: str, node: Node, variables: dict[Axis, str], flat: str | None) -> None:
        """Put a value of the current loop into an array."""
        ends = self.at_once and target.startswith("o_")
        with self.body.block(self.when(target)) if ends else nullcontext():
            super().store(target, node, variables, flat)

    def when(self, target: str) -> str:
        """At which steps a value is put into an array: outputs are those of the last step."""
        if target.startswith("f_"):
            return "if k == 0"
        return "if t == T - 1" if self.at_once and target.startswith("o_") else ""

    def copy(self, node: Node, target: str, source: str, when: str = "") -> None:
        """Put a node's whole value into another array."""
        loops, index = products.places(self, node.axes)
        line = f"{self.at(target, index)} = {self.at(source, index)}"

        def body() -> None:
            with self.body.block(when) if when else nullcontext():
                self.body(line)

        self.spread(loops, body)
