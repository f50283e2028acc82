"""Products of matrices by tiles: a block keeps strips of both factors in shared memory.

total[i, j] = sum over terms q of left[q, i] right[q, j], in the order of q. Each thread has SUMS x SUMS sums
in registers, SIDE places apart; terms are added as a plain loop would, so that bits do not depend on tiles: a
term that a loop leaves out, because it is silent or outside the picture, is a zero here. The next strips are on
their way from the memory of the device while the last ones are multiplied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from snc.codegen.writer import Writer
from snc_cuda.shapes import At, Shape

INDICES = re.compile(r"(?<=\w)\[([^\[\]]*)\]")
EACH = "range(SUMS)"
SUMS = 8  # along each side of what a thread adds up
AREA = (16 * SUMS) ** 2  # sums of a tile on a device


@dataclass(frozen=True)
class Tile:
    """The text of one product of [terms, down] and [terms, across]; all three are numbers as code."""

    down: str
    across: str
    terms: str
    kind: str
    fma: str

    @property
    def zero(self) -> str:
        """Nothing, in the precision of the sums."""
        return f"{self.kind}(0.0)"

    def lines(self, factors: Factors, stored: Sequence[str]) -> list[str]:
        """The kernel's body; `stored` puts a sum, which is at (i + row, j + column), where it belongs."""
        w, kind = Writer(), self.kind
        w(f"left = cuda.shared.array((DEPTH, PADDED), {kind}, alignment=16)")
        w(f"right = cuda.shared.array((DEPTH, PADDED), {kind}, alignment=16)")
        w(f"sums = cuda.local.array((SUMS, SUMS), {kind})")
        w(f"x, z = cuda.local.array(SUMS, {kind}), cuda.local.array(SUMS, {kind})")
        w(f"l, r = cuda.local.array(SUMS, {kind}), cuda.local.array(SUMS, {kind})")
        w("down, across = lane // SIDE, lane % SIDE")
        w(f"rows, columns = ({self.down} + WIDE - 1) // WIDE, ({self.across} + WIDE - 1) // WIDE")
        with w.block(f"for tile in range(cuda.blockIdx.x, {factors.count}, cuda.gridDim.x)"):
            for line in factors.shares:
                w(line)
            w("top, first = tile // columns % rows * WIDE, tile % columns * WIDE")
            with w.block(f"for u in {EACH}"), w.block(f"for v in {EACH}"):
                w(f"sums[u, v] = {self.zero}")
            with w.block(f"for start in range(0, {self.terms} + DEPTH, DEPTH)"):
                self._load(w, factors)
                with w.block("if start > 0"):
                    self._multiply(w)
                w("cuda.syncthreads()")
                with w.block(f"for u in {EACH}"):
                    w(f"left[{factors.left}] = x[u]")
                    w(f"right[{factors.right}] = z[u]")
                w("cuda.syncthreads()")
            with w.block(f"for u in {EACH}"), w.block(f"for v in {EACH}"):
                w(f"i, j = top + {_own('down', 'u')}, first + {_own('across', 'v')}")
                with w.block(f"if i < {self.down} and j < {self.across}"):
                    for line in stored:
                        w(line)
        return [counted(line) for line in w.lines]

    def _load(self, w: Writer, factors: Factors) -> None:
        for line in factors.head:
            w(line)
        with w.block(f"for u in {EACH}"):
            for line in factors.load:
                w(line)

    def _multiply(self, w: Writer) -> None:
        with w.block("for q in range(DEPTH)"):
            with w.block(f"for v in {EACH}"):
                w(f"r[v] = right[q, {_own('across', 'v')}]")
            with w.block(f"for u in {EACH}"):
                w(f"l[u] = left[q, {_own('down', 'u')}]")
            with w.block(f"for u in {EACH}"), w.block(f"for v in {EACH}"):
                w(f"sums[u, v] = {self.fma}(l[u], r[v], sums[u, v])")


def _own(thread: str, number: str) -> str:
    """The place in a strip of a thread's sums: four of them are neighbours, which are read together."""
    return f"4 * {thread} + {number} % 4 + {number} // 4 * 4 * SIDE"


def counted(line: str) -> str:
    """A line whose indices are told not to be negative: the compiler then does not look whether they are."""

    def told(found: re.Match[str]) -> str:
        return f"[{', '.join(f'N({index})' for index in found[1].split(', '))}]"

    return INDICES.sub(told, line)


@dataclass(frozen=True)
class Factors:
    """How a block reads strips of both factors: lines for a strip, and for the u-th of what a thread brings to it.

    left, right: where a thread puts these. count: how many tiles there are; several for each part of the matrix
    if terms are dealt out to shares.
    """

    head: tuple[str, ...]
    load: tuple[str, ...]
    left: str
    right: str = "down, across + u * SIDE"
    count: str = "rows * columns"
    shares: tuple[str, ...] = ()


def windows(t: Tile, m: Shape, x: At, w: At, down: bool) -> Factors:
    """The factors of a convolution, or of its transpose: windows around the pixels of all samples, and weights.

    A term is a place of the kernel and a channel, in this order; down: from the larger picture to the smaller.
    """
    rows, columns, channels, seen = (
        (m.rows, m.columns, m.inputs, m.width)
        if down
        else (m.height, m.width, m.outputs, m.columns)
    )
    sign = "" if down else "-"
    head = [
        f"q, at = start + across, (start + across) // {channels}",
        f"dy, dx = {sign}(at // {m.kw}) * {m.dilation}, {sign}(at % {m.kw}) * {m.dilation}",
    ]
    load = ["i = top + down + u * SIDE", f"b, pixel = i // {rows * columns}, i % {rows * columns}"]
    if down:
        load.append(f"y = pixel // {columns} * {m.stride} - {m.ph} + dy")
        load.append(f"c = pixel % {columns} * {m.stride} - {m.pw} + dx")
    else:
        load.append(f"y, c = pixel // {columns} + {m.ph} + dy, pixel % {columns} + {m.pw} + dx")
    inside, place = _source(m, down)
    read = x(f"{place.format(seen=seen)} * {channels} + q % {channels}")
    load.append(f"live = q < {t.terms} and i < {t.down} and {inside}")
    load.append(f"x[u] = {read} if live else {t.zero}")
    load.append("j, term = first + across + u * SIDE, start + down")
    read = w(f"term * {t.across} + j")
    load.append(f"z[u] = {read} if term < {t.terms} and j < {t.across} else {t.zero}")
    return Factors(tuple(head), tuple(load), "across, down + u * SIDE")


def _source(m: Shape, down: bool) -> tuple[str, str]:
    """Whether `y, c` is a pixel of the picture that is read, and which."""
    if down:
        return f"y >= 0 and y < {m.height} and c >= 0 and c < {m.width}", "(y * {seen} + c)"
    s = m.stride
    if s == 1:
        return f"y >= 0 and y < {m.rows} and c >= 0 and c < {m.columns}", "(y * {seen} + c)"
    return (
        f"y >= 0 and y % {s} == 0 and y < {m.rows * s} and c >= 0 and c % {s} == 0 and c < {m.columns * s}",
        f"(y // {s} * {{seen}} + c // {s})",
    )


def pictures(t: Tile, m: Shape, big: At, small: At, opened: str) -> Factors:
    """The factors of a convolution's weight product: both pictures, pixel by pixel of the smaller.

    A term is a step, a sample of this share, and a pixel, in this order.
    """
    head = ["q = start + down", f"pixel, b = q % {m.rows * m.columns}, q // {m.rows * m.columns}"]
    head.append("k, b = b // samples, share + b % samples * S")
    live = f"live = q < {t.terms}"
    head.append(live if opened == "True" else f"{live} and {opened}")
    load = ["i, j = top + across + u * SIDE, first + across + u * SIDE"]
    place = f"pixel // {m.columns} * {m.stride} + i // {m.inputs * m.kw} * {m.dilation} - {m.ph}"
    load.append(f"y = {place}")
    place = f"pixel % {m.columns} * {m.stride} + i // {m.inputs} % {m.kw} * {m.dilation} - {m.pw}"
    load.append(f"c = {place}")
    inside = f"y >= 0 and y < {m.height} and c >= 0 and c < {m.width}"
    read = big(f"(y * {m.width} + c) * {m.inputs} + i % {m.inputs}")
    load.append(f"x[u] = {read} if live and i < {t.down} and {inside} else {t.zero}")
    read = small(f"pixel * {m.outputs} + j")
    load.append(f"z[u] = {read} if live and j < {t.across} else {t.zero}")
    shares = ("share = tile // (rows * columns)", "samples = (B - share + S - 1) // S")
    return Factors(
        tuple(head),
        tuple(load),
        "down, across + u * SIDE",
        count="rows * columns * S",
        shares=shares,
    )
