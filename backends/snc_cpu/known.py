"""Products whose input is known before a stage of one step: of a block of samples at once, or by blocks of rows.

Weights that change at every step are read by all threads and written by all of them. Where each thread adds the rows
that it changes itself, for all samples, they do not travel from core to core; what it added does, which is less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snc.codegen.function import Function
from snc.graph.geometry import Geometry
from snc.graph.graph import Node, size
from snc_cpu.calls import Piece, blocks
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


@dataclass
class CpuFunction(Function):
    """A stage being written. panels: weights that are read in panels though a chunk is one step, and if they change."""

    panels: Mapping[str, bool] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)

    def in_panels(self, weight: str) -> bool:
        """Whether a weight is read in panels."""
        return super().in_panels(weight) or self.behind(weight) in self.panels

    def known_product(self, node: Node, out: str, w: str, known: str, plain: bool) -> None:
        """A product whose input is known for all samples of a block; w as it is stored, or in panels."""
        geometry: Geometry = node.get("geometry")
        target = self.all_samples(out, size(node.axes))
        if plain:
            self.ahead(f"gather_samples({w}, {known}, first, last - first, {target})")
            return
        rows = geometry.channels("post" if node.op == "project_x" else "pre")
        _, block = blocks(geometry)
        changes = node.op == "project" and self.panels.get(self.behind(node.args[0]))
        if not changes or block >= rows:
            self.ahead(f"gather_block({w}, {known}, 0, {rows}, first, last - first, {target})")
            return
        name = "q_" + self.arrays.identifier(node)
        shape = str(-(-rows // block)), "B", str(size(node.axes))
        self.use(self.arrays.add(name, "blocks", node.name, shape, self.kind(node)))
        self.known.append(Known(w, known, rows, block, name))
        self.ahead(f"add_blocks({name}, first, last - first, {target})")


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
