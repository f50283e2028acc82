"""Stages as tasks: what a block of samples is given at once, and sums that stay in one loop with their terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from snc.codegen.arrays import length
from snc.codegen.function import Function
from snc.codegen.nest import loops, variable
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import PARTNER, SAMPLE, Axis, Node, features, size
from snc_cpu.calls import blocks
from snc_cpu.known import Known

PARTNERS, PARTNER_ANYWHERE = re.compile(r"^(\w+)\[q, (.+)\]$"), re.compile(r"\bq\b")


@dataclass
class CpuFunction(Function):
    """A stage being written. panels: weights that are read in panels though a chunk is one step, and if they change."""

    panels: Mapping[str, bool] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)
    summed: set[str] = field(default_factory=set)  # sums that are made in the loop of their terms
    own: dict[str, str] | None = None  # in such a loop: elements of the sample and their names

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

    # sums over the features of pairs --------------------------------------------------------------------

    def element(self, name: str, variables: dict[Axis, str], flat: str | None) -> str:
        """One element of a node's array; in a sum of pairs what is the sample's own is read before the partners."""
        text = super().element(name, variables, flat)
        if self.own is None:
            return text
        if not (found := PARTNERS.match(text)):
            return self.own.setdefault(text, f"own_{self.arrays.identifier(self.node(name))}")
        rows = self._rows_of_all(name, found[1])
        turned, width = f"turned_{rows.partition('[')[0]}", length(self.node(name).axes)
        if turned not in self.heads:
            kind = "np.float64" if self.stored_wide(name) else "REAL"
            self.heads[turned] = f"np.empty(({width}, B), {kind})"
            self.ahead(f"turned_rows({rows}, {turned})")
        return f"{turned}[{found[2]}, q]"

    def _rows_of_all(self, name: str, array: str) -> str:
        """The rows of all samples behind the array of an operand, if an earlier stage made them; else nothing."""
        made = self.plan.stage.get(self.behind(name))
        whole, _, index = self.views.get(array, "").partition("[")
        return f"{whole}[0]" if made not in (None, self.stage) and index == "k]" else ""

    def fused(self, group: list[Node], stores: dict[str, list[str]]) -> None:
        """One loop for nodes of the same axes, and for the sum of the last one, if that is all that reads it."""
        total = self._sum_of_pairs(group, stores)
        if total is None:
            super().fused(group, stores)
            return
        self.summed.add(total.name)
        last, (out,) = group[-1].name, stores[total.name]
        del self.heads[self.scratch.pop(last)]
        self.body(f"fill_row({out}, 0)")
        variables = {a: variable(a) for a in self.domain(group[0])}
        body, self.body = self.body, Writer()
        self.own, self.local = {}, {}
        for node in group:
            self.line(node, variables, None)
        self.body(f"{out}[q] += {self.operand(last, variables, None, True)}")
        lines, own, self.body, self.own, self.local = self.body, self.own, body, None, {}

        def inner() -> None:
            for text, name in own.items():
                self.body(f"{name} = {text}")
            with self.body.block("for q in range(B)"):
                for line in lines.lines:
                    self.body(line)

        loops(self.body, features(group[0].axes), variables, inner)

    def single(self, node: Node, stores: dict[str, list[str]]) -> None:
        """A node that is not element by element, and not summed with its terms."""
        if node.name not in self.summed:
            super().single(node, stores)

    def _sum_of_pairs(self, group: list[Node], stores: dict[str, list[str]]) -> Node | None:
        """The sum over all features of the last of some values of pairs, if its terms need not be kept.

        Partners are then the innermost loop: what is read of them is turned, once for a block of samples.
        """
        last, plain = group[-1], features(group[0].axes)
        readers = self.plan.readers[last.name]
        if self.block == 1 or self.gate(last) or len(readers) != 1 or not plain:
            return None
        total, kept = readers[0], [n.name for n in group if stores.get(n.name)]
        if self.domain(last) != (PARTNER, *plain) or SAMPLE not in last.axes or kept != [last.name]:
            return None
        if total.op != "sum" or total.get("over") != plain or not self.wide[total.name]:
            return None
        alone = stores[last.name] == [self.scratch.get(last.name)] and len(stores[total.name]) == 1
        return total if alone and self._may_be_turned(group) else None

    def _may_be_turned(self, group: list[Node]) -> bool:
        """Whether all that some values of pairs read is a row of the sample, or rows of all that are known before."""
        mine, variables = {n.name for n in group}, {a: variable(a) for a in self.domain(group[0])}
        for name in (a for n in group for a in n.args):
            source = self.node(self.behind(name))
            number = source.op in ("const", "scalar") or self.plan.place[name] == "control"
            if number or source.name in mine:
                continue
            text = super().element(name, variables, None)
            found = PARTNERS.match(text)
            if not (
                self._rows_of_all(name, found[1]) if found else not PARTNER_ANYWHERE.search(text)
            ):
                return False
        return not any(n.op in ("random", "onehot", "range", "linspace") for n in group)
