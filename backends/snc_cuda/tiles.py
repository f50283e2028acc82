"""Products of matrices by tiles: a block keeps strips of both factors in shared memory.

total[i, j] = sum over terms q of left[q, i] right[q, j], in the order of q. Each thread has 4 x 4 sums in
registers, SIDE places apart; terms are added as a plain loop would, so that bits do not depend on tiles: a
term that a loop leaves out, because it is silent or outside the picture, is a zero here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snc.codegen.writer import Writer
from snc_cuda.shapes import At, Shape

EACH = range(4)
AREA = 64 * 64  # sums of a tile on a device


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

    def lines(self, factors: Factors, stored: Callable[[int, int], list[str]]) -> list[str]:
        """The kernel's body; `stored` puts the sum `s{u}{v}`, which is within the matrix, where it belongs."""
        w = Writer()
        w(f"left = cuda.shared.array((DEPTH, PADDED), {self.kind})")
        w(f"right = cuda.shared.array((DEPTH, WIDE), {self.kind})")
        w("row, column = lane // SIDE, lane % SIDE")
        w(f"down, across = ({self.down} + WIDE - 1) // WIDE, ({self.across} + WIDE - 1) // WIDE")
        with w.block(f"for tile in range(cuda.blockIdx.x, {factors.count}, cuda.gridDim.x)"):
            for line in factors.shares:
                w(line)
            w("i, j = tile // across % down * WIDE, tile % across * WIDE")
            for line in factors.head:
                w(line)
            for u in EACH:
                w(f"{', '.join(f's{u}{v}' for v in EACH)} = {', '.join([self.zero] * 4)}")
            with w.block(f"for start in range(0, {self.terms}, DEPTH)"):
                for line in factors.load:
                    w(line)
                w("cuda.syncthreads()")
                self._multiply(w)
                w("cuda.syncthreads()")
            self._store(w, stored)
        return w.lines

    def _multiply(self, w: Writer) -> None:
        with w.block("for q in range(DEPTH)"):
            for v in EACH:
                w(f"z{v} = right[q, column + {v} * SIDE]")
            for u in EACH:
                w(f"x = left[q, row + {u} * SIDE]")
                for v in EACH:
                    w(f"s{u}{v} = {self.fma}(x, z{v}, s{u}{v})")

    def _store(self, w: Writer, stored: Callable[[int, int], list[str]]) -> None:
        for u in EACH:
            with w.block(f"if i + row + {u} * SIDE < {self.down}"):
                for v in EACH:
                    with w.block(f"if j + column + {v} * SIDE < {self.across}"):
                        for line in stored(u, v):
                            w(line)


@dataclass(frozen=True)
class Factors:
    """How a block reads strips of both factors: lines before the sum of a tile, and lines that load a strip.

    count: how many tiles there are; several for each part of the matrix if terms are dealt out to shares.
    """

    head: tuple[str, ...]
    load: tuple[str, ...]
    count: str = "down * across"
    shares: tuple[str, ...] = ()


def dense(t: Tile, a: At, z: At, opened: str) -> Factors:
    """The factors of a dense weight product: z at pre and a at post, for each open step and each sample."""
    live = f"q < {t.terms}"
    load = ["q = start + row", "k, b = q // B, q % B"]
    load.append(f"live = {live}" if opened == "True" else f"live = {live} and {opened}")
    load += [_part("left", z, "i", u, f"live and {{}} < {t.down}", t.zero) for u in EACH]
    load += [_part("right", a, "j", v, f"live and {{}} < {t.across}", t.zero) for v in EACH]
    return Factors((), tuple(load))


def _part(strip: str, read: At, first: str, u: int, within: str, zero: str) -> str:
    """A place of a strip: four of a row for each thread, neighbours by neighbouring threads."""
    place = f"{first} + column + {u} * SIDE"
    return (
        f"{strip}[row, column + {u} * SIDE] = {read(place)} if {within.format(place)} else {zero}"
    )


def windows(t: Tile, m: Shape, x: At, w: At, down: bool) -> Factors:
    """The factors of a convolution, or of its transpose: windows around the pixels of all samples, and weights.

    A term is a place of the kernel and a channel, in this order; down: from the larger picture to the smaller.
    """
    rows, columns, channels, seen = (
        (m.rows, m.columns, m.inputs, m.width)
        if down
        else (m.height, m.width, m.outputs, m.columns)
    )
    head, load = [], [f"q, at = start + column, (start + column) // {channels}"]
    if down:
        load.append(f"dy, dx = at // {m.kw} * {m.dilation}, at % {m.kw} * {m.dilation}")
    else:
        load.append(f"dy, dx = -(at // {m.kw}) * {m.dilation}, -(at % {m.kw}) * {m.dilation}")
    for u in EACH:
        head.append(f"e{u} = i + row + {u} * SIDE")
        y, c = f"e{u} % {rows * columns} // {columns}", f"e{u} % {columns}"
        if down:
            head.append(f"y{u}, c{u} = {y} * {m.stride} - {m.ph}, {c} * {m.stride} - {m.pw}")
        else:
            head.append(f"y{u}, c{u} = {y} + {m.ph}, {c} + {m.pw}")
        load.append(f"b, y, c = e{u} // {rows * columns}, y{u} + dy, c{u} + dx")
        inside, pixel = _source(m, down)
        read = x(f"{pixel.format(seen=seen)} * {channels} + q % {channels}")
        live = f"q < {t.terms} and e{u} < {t.down} and {inside}"
        load.append(f"left[column, row + {u} * SIDE] = {read} if {live} else {t.zero}")
    for v in EACH:
        place = f"j + column + {v} * SIDE"
        live = f"start + row < {t.terms} and {place} < {t.across}"
        read = w(f"(start + row) * {t.across} + {place}")
        load.append(f"right[row, column + {v} * SIDE] = {read} if {live} else {t.zero}")
    return Factors(tuple(head), tuple(load))


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
    head = []
    load = ["q = start + row", f"pixel, b = q % {m.rows * m.columns}, q // {m.rows * m.columns}"]
    load.append("k, b = b // samples, share + b % samples * S")
    load.append(f"y, c = pixel // {m.columns} * {m.stride}, pixel % {m.columns} * {m.stride}")
    live = f"live = q < {t.terms}"
    load.append(live if opened == "True" else f"{live} and {opened}")
    for u in EACH:
        head.append(f"e{u} = i + column + {u} * SIDE")
        dy = f"e{u} // {m.inputs * m.kw} * {m.dilation} - {m.ph}"
        dx = f"e{u} // {m.inputs} % {m.kw} * {m.dilation} - {m.pw}"
        head.append(f"y{u}, c{u} = {dy}, {dx}")
        inside = (
            f"y + y{u} >= 0 and y + y{u} < {m.height} and c + c{u} >= 0 and c + c{u} < {m.width}"
        )
        read = big(f"((y + y{u}) * {m.width} + c + c{u}) * {m.inputs} + e{u} % {m.inputs}")
        whole = f"live and e{u} < {t.down} and {inside}"
        load.append(f"left[row, column + {u} * SIDE] = {read} if {whole} else {t.zero}")
    for v in EACH:
        place = f"j + column + {v} * SIDE"
        read = small(f"pixel * {m.outputs} + {place}")
        load.append(
            f"right[row, column + {v} * SIDE] = {read} if live and {place} < {t.across} else {t.zero}"
        )
    shares = ("share = tile // (down * across)", "samples = (B - share + S - 1) // S")
    return Factors(tuple(head), tuple(load), "down * across * S", shares)
