"""A product of two dense matrices by tiles: a block keeps strips of both in shared memory.

total[i, j] = sum over rows r of z[r, i] a[r, j], r = (step, sample). Each thread has 4 x 4 weights in
registers, SIDE places apart; the order of rows is that of a plain loop, so that bits do not depend on tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snc.codegen.writer import Writer
from snc_cuda.products import At

EACH = range(4)


@dataclass(frozen=True)
class Tile:
    """The text of one product of [rows, pre] and [rows, post]."""

    pre: int
    post: int
    kind: str
    fma: str

    def lines(self, a: At, z: At, opened: str, added: Callable[[str, str], str]) -> list[str]:
        """The kernel's body; `added` adds a number to the sum at an index."""
        w = Writer()
        w(f"left = cuda.shared.array((DEPTH, WIDE), {self.kind})")
        w(f"right = cuda.shared.array((DEPTH, WIDE), {self.kind})")
        w("row, column = lane // SIDE, lane % SIDE")
        w(f"down, across = ({self.pre} + WIDE - 1) // WIDE, ({self.post} + WIDE - 1) // WIDE")
        with w.block("for tile in range(cuda.blockIdx.x, down * across, cuda.gridDim.x)"):
            w("i, j = tile // across * WIDE, tile % across * WIDE")
            for u in EACH:
                w(
                    ", ".join(f"s{u}{v}" for v in EACH)
                    + f" = {', '.join([f'{self.kind}(0.0)'] * 4)}"
                )
            with w.block("for start in range(0, steps * B, DEPTH)"):
                self._load(w, a, z, opened)
                w("cuda.syncthreads()")
                self._multiply(w)
                w("cuda.syncthreads()")
            self._store(w, added)
        return w.lines

    def _load(self, w: Writer, a: At, z: At, opened: str) -> None:
        zero = f"{self.kind}(0.0)"
        with w.block("for place in range(lane, DEPTH * WIDE, SIDE * SIDE)"):
            w("r, c = place // WIDE, place % WIDE")
            w("k, b = (start + r) // B, (start + r) % B")
            live = "start + r < steps * B"
            w(f"live = {live}" if opened == "True" else f"live = {live} and {opened}")
            w(f"left[r, c] = {z('i + c')} if live and i + c < {self.pre} else {zero}")
            w(f"right[r, c] = {a('j + c')} if live and j + c < {self.post} else {zero}")

    def _multiply(self, w: Writer) -> None:
        with w.block("for r in range(DEPTH)"):
            for v in EACH:
                w(f"y{v} = right[r, column + {v} * SIDE]")
            for u in EACH:
                w(f"x = left[r, row + {u} * SIDE]")
                for v in EACH:
                    w(f"s{u}{v} = {self.fma}(x, y{v}, s{u}{v})")

    def _store(self, w: Writer, added: Callable[[str, str], str]) -> None:
        for u in EACH:
            with w.block(f"if i + row + {u} * SIDE < {self.pre}"):
                for v in EACH:
                    with w.block(f"if j + column + {v} * SIDE < {self.post}"):
                        index = f"(i + row + {u} * SIDE) * {self.post} + j + column + {v} * SIDE"
                        w(added(index, f"s{u}{v}"))
