"""One emitted part of a kernel: what is common to all backends, with owners of values spread over threads.

A *part* is a piece of code in which every value has one owner and no thread reads what another one writes
there. Between parts threads wait for each other: at a barrier of the block, or because the next part is
another kernel. A thread owns the places `first`, `first + stride`, ...: the same text runs in one block
and in many, and gives the same bits, since no sum is ever shared between threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from snc.codegen.function import SINGLE, Function
from snc.codegen.nest import expression, extent
from snc.graph.graph import Axis, Node
from snc_cuda import products

TIES = " if k == 0 else "  # between the two places of a value one step ago


@dataclass(frozen=True)
class Part:
    """Code between two barriers. `widths`: how many owners each of its loops has; `work`: steps of one owner."""

    lines: tuple[str, ...]
    widths: tuple[str, ...]
    work: int


@dataclass
class CudaFunction(Function):
    """A function being written, part by part."""

    adds_rows: ClassVar[bool] = False
    parts: list[Part] = field(default_factory=list)
    widths: list[str] = field(default_factory=list)
    work: int = 1

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

    def view(
        self, array: str, role: str, source: str, shape: tuple[str, ...], kind: str, step: str
    ) -> str:
        """An array at this step, and for this sample where it has one."""
        self.use(self.arrays.add(array, role, source, shape, kind))
        return f"{array}[{step}, b]" if self.fixed(self.node(source).axes) else f"{array}[{step}]"

    def choice(self, name: str, now: str, then: str) -> str:
        """A value one step ago: kept apart at the first step of a chunk, else in the history."""
        return f"{now}{TIES}{then}"

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
        loops = [(v, n) for v, n in loops if n != "1"] or [*loops[:1]]
        total = product_of([n for _, n in loops])
        self.widths.append(total)
        single = loops[0][0] if len(loops) == 1 else "place"
        with self.body.block(f"for {single} in range(first, {total}, stride)"):
            if len(loops) > 1:
                self.body(decomposed(loops))
            body()

    def cut(self) -> None:
        """What follows may read what any thread has written so far."""
        if self.body.lines:
            self.parts.append(Part(tuple(self.body.lines), tuple(self.widths), self.work))
            self.body.lines, self.widths, self.work = [], [], 1

    # nodes --------------------------------------------------------------------------------------------

    def emit(self, nodes: Sequence[Node], stores: dict[str, list[str]]) -> None:
        """Write all nodes, each group of them a part."""
        for group in self.groups(nodes):
            super().emit(group, stores)
            self.cut()

    def single(self, node: Node, stores: dict[str, list[str]]) -> None:
        """A node that is not element by element."""
        out, *more = stores[node.name]
        if node.op in products.TABLE:
            products.TABLE[node.op](self, node, out)
        else:
            SINGLE[node.op](self, node, out)
        if more:
            self.cut()
        for target in more:
            self.copy(node, target, out)

    def copy(self, node: Node, target: str, source: str) -> None:
        """Put a node's whole value into another array."""
        loops, index = products.places(self, node.axes)
        line = f"{self.at(target, index)} = {self.at(source, index)}"
        self.spread(loops, lambda: self.body(line))


def product_of(extents: Sequence[str]) -> str:
    """The product of extents, as code: numbers are multiplied here."""
    number, names = 1, []
    for text in " * ".join(extents).split(" * ") if extents else []:
        if text.isdigit():
            number *= int(text)
        else:
            names.append(text)
    return " * ".join([*names, *([str(number)] if number != 1 or not names else [])])


def decomposed(loops: Sequence[tuple[str, str]]) -> str:
    """`b, i = place // 64, place % 64`."""
    terms = []
    for k, (_, n) in enumerate(loops):
        inner = product_of([m for _, m in loops[k + 1 :]])
        term = (
            "place"
            if inner == "1"
            else f"place // ({inner})"
            if " " in inner
            else f"place // {inner}"
        )
        terms.append(term if k == 0 else f"{term} % {n}" if " " not in n else f"{term} % ({n})")
    return f"{', '.join(v for v, _ in loops)} = {', '.join(terms)}"
