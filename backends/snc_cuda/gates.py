"""Which steps are open, and which groups are updated: found on the device, for a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass

from snc.codegen.writer import Writer
from snc.graph.graph import Group, Node
from snc.program.demand import at_first
from snc_cuda.code import CudaCode, Launch
from snc_cuda.function import CudaFunction


@dataclass(frozen=True)
class Gates:
    """The gates of one graph."""

    code: CudaCode

    def flags(self) -> str:
        """For each group whether anything was summed since its last update, and whether it is updated now."""
        count = len(self.code.plan.graph.groups)
        return self.code.arrays.add("flags", "flags", "", (str(2 * count),), "I")

    def opened(self, gate: str) -> str:
        """Whether a gate is open at step k of the chunk, as code."""
        code = self.code
        node = code.plan.graph.by_name[code.resolved(gate)]
        if node.op == "const":
            return "True" if node.get("value") else "False"
        name = "open_" + code.arrays.identifier(node)
        code.arrays.add(name, "open", gate, ("K",), "U")
        return f"{name}[k] != 0"

    def launch(self, collects: list[Node]) -> Launch:
        """One thread finds which gates are open at which steps, and which groups are updated."""
        code, graph = self.code, self.code.plan.graph
        f = code.function(f"{code.name}_gates")
        plain = [n for n in collects if not at_first(graph, n.args[1])]
        lines = Writer()
        with lines.block("if first == 0"):
            self._steps(f, lines, plain)
            for at, g in enumerate(graph.groups):
                due = due_text(g)
                if g.every == 1 and g.unit == "steps":
                    due = self.opened(g.gate).replace("[k]", "[0]")
                lines(f"{self.flags()}[{2 * at + 1}] = {self.flags()}[{2 * at}] if {due} else 0")
        numbers = ("t0", "t1", "steps", "T", "B")
        return Launch(code.add(f.name, "many", "1", numbers, lines.lines), ("1",))

    def _steps(self, f: CudaFunction, lines: Writer, collects: list[Node]) -> None:
        """What is open at each step; `filled` flags of groups that something was summed for."""
        names = [g.name for g in self.code.plan.graph.groups]
        inner = Writer()
        for gate in self._all(collects):
            opened = self.opened(gate)
            if opened not in ("True", "False"):
                inner(f"{opened.removesuffix(' != 0')} = 1 if {self._value(f, gate)} != 0 else 0")
        for gate, group in dict.fromkeys((n.args[-1], n.get("group")) for n in collects):
            opened = self.opened(gate)
            filled = f"{self.flags()}[{2 * names.index(group)}] = 1"
            if opened == "True":
                inner(filled)
            elif opened != "False":
                with inner.block(f"if {opened}"):
                    inner(filled)
        if inner.lines:
            with lines.block("for k in range(steps)"):
                lines("t = t0 + k")
                for line in (*(f"{n} = {v}" for n, v in f.controls.items()), *inner.lines):
                    lines(line)

    def _all(self, collects: list[Node]) -> list[str]:
        """All gates: of sums and their windows, of groups, of values that are set at steps."""
        graph = self.code.plan.graph
        found = [gate for n in collects for gate in (n.args[1], n.args[-1])]
        found += [g.gate for g in graph.groups]
        return list(dict.fromkeys([*found, *(w.gate for w in graph.writes if not w.group)]))

    def _value(self, f: CudaFunction, gate: str) -> str:
        node = self.code.resolved(gate)
        if self.code.plan.place[node] == "control":
            return f.control(node)
        return f.at(f.array_of(node), "0")


def due_text(group: Group) -> str:
    """Whether the steps of a chunk end where a group may be updated, as code of the driver."""
    if group.unit == "sequences":
        return "t1 == T"
    if group.every == 1:
        return "True"
    return f"t1 % {group.every} == 0 or t1 == T"
