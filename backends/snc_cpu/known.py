"""Products whose input is known before a stage of one step: of a block of samples at once, or by blocks of rows.

Weights that change at every step are read by all threads and written by all of them. Where each thread adds the rows
that it changes itself, for all samples, they do not travel from core to core; what it added does, which is less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snc_cpu.calls import Piece
from snc_cpu.pieces import in_place

if TYPE_CHECKING:
    from snc_cpu.code import CpuCode

SHARES = 4  # of the samples, for each of which a block of rows is added by itself


@dataclass(frozen=True)
class Known:
    """A product that is made by blocks of rows.

    weight: its panels. source: the input of all samples. target: an array [blocks, B, columns].
    """

    weight: str
    source: str
    rows: int
    block: int
    target: str


def panels_of(code: CpuCode) -> dict[str, bool]:
    """Stored weights that need not be laid out at every step, and if they change.

    Those that do are laid out by the update that changes them, where they are at hand.
    """
    graph, placed = code.plan.graph, set[str]()
    for group in graph.groups:
        writes = [w for w in graph.writes if w.group == group.name]
        roots = [x for w in writes for x in (w.value, w.gradient) if x]
        placed |= {*in_place(code, code.needed(roots, "update"), writes).values()}
    written = {w.stored for w in graph.writes}
    changes = {n.name: n.get("name") in written for n in graph.nodes if n.op == "stored"}
    return {name: new for name, new in changes.items() if not new or name in placed}


def pieces_of(code: CpuCode, known: list[Known]) -> list[Piece]:
    """The blocks of rows of some products, in the order in which their updates are shared out."""
    made = []
    for k in known:
        count = -(-k.rows // k.block)
        for i in range(count):
            low, high = i * k.block, min((i + 1) * k.block, k.rows)
            for share in range(SHARES):
                f = code.outside_steps()
                for array in (k.weight, k.source.partition("[")[0], k.target):
                    f.use(array)
                f.body(f"first, last = B * {share} // {SHARES}, B * {share + 1} // {SHARES}")
                given = f"{k.weight}, {k.source}, {low}, {high}, first, last - first"
                f.body(f"gather_block({given}, {k.target}[{i}], first)")
                made.append((i / count, code.finished(f, False)))
    return [piece for _, piece in sorted(made, key=lambda pair: pair[0])]
