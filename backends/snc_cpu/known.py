"""Products whose input is known before a stage of one step, by blocks of rows, and updates that prepare them.

Weights that change at every step are read by all threads and written by all of them. Where each thread adds the rows
that it changes itself, for all samples, they do not travel from core to core; what it added does, which is less.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snc.codegen.function import Function
from snc.graph.graph import Node
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


def lay_out(code: CpuCode, f: Function, stored: str) -> set[str]:
    """Have an update lay out a weight that got its new value, while it is at hand; the panels that it makes."""
    made = set[str]()
    for array, (weight, line) in code.arrays.layouts.items():
        mine = code.plan.chunk.most == 1 and code.resolved(weight) == stored
        if mine and line.startswith("panels("):
            rows, columns, pad = re.findall(r"\d+", line)
            given = f"{f.array_of(stored)}, {f.use(array)}, 0, {rows}"
            f.body(f"rows_to_panels({given}, {rows}, {columns}, {pad})")
            made.add(array)
    return made


def emptying(code: CpuCode, piece: Piece, nodes: Sequence[Node]) -> tuple[Piece, set[str]]:
    """A piece of an update that sets sums over steps to 0 in its loop, and which: those that nothing else reads."""
    graph, mine, found = code.plan.graph, {n.name for n in nodes}, set[str]()
    seen = [v for _, v in (*graph.outputs, *graph.records)] + [w.value for w in graph.writes]
    for node in graph.nodes:
        name = "u_" + code.arrays.identifier(node) if node.op == "collect" else ""
        if name not in piece.arrays or node.name in map(code.resolved, seen):
            continue
        alone = mine >= {r.name for r in code.through_renames(node)}
        if alone and (made := piece.emptying(name)):
            piece = made
            found.add(node.name)
    return piece, found
