"""The function that runs one whole sequence: which kernels are launched, in what order. It runs on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from snc.codegen.arrays import Arrays, ArraySpec, length, widths
from snc.codegen.prepare import prepared, refuse_lost_records, refuse_short_sweeps
from snc.codegen.stages import Emitted
from snc.codegen.writer import Writer
from snc.graph.graph import Graph, Group
from snc.program.demand import at_first
from snc.program.schedule import schedule
from snc_cuda.code import CudaCode, Kernel, Launch, StageCalls, fill, loops_of
from snc_cuda.function import CudaFunction
from snc_cuda.gates import Gates, due_text
from snc_cuda.sums import collect

AT_ONCE = (
    True  # stages that no state runs through are computed at all steps of a chunk at the same time
)
KEPT = ("state", "carry")  # a stage keeps a state itself, or takes it over from a later stage


@dataclass
class CudaEmitted(Emitted):
    """The code of one graph, and its kernels."""

    kernels: tuple[Kernel, ...] = ()

    def kinds(self, kernel: Kernel) -> list[str]:
        """The kinds of a kernel's arguments: `b` a truth value, `i` a number, `F3` an array of three dimensions."""
        of = {s.name: f"{s.dtype}{len(s.shape)}" for s in self.specs}
        return [
            *("b" if n == "want" else "i" for n in kernel.numbers),
            *(of[a] for a in kernel.arrays),
        ]


def emit_graph(name: str, graph: Graph) -> CudaEmitted:
    """The code of one graph."""
    graph = prepared(graph)
    plan = schedule(graph, ("in_layers", "gates"), apart=True, at_once=AT_ONCE)
    refuse_short_sweeps(plan, "cuda")
    refuse_lost_records(graph, plan, "cuda")
    code = CudaCode(name, plan, Arrays(graph), widths(graph))
    driver = Driver(code)
    text = driver.text()
    specs = tuple(code.arrays.specs[a] for a in driver.used)
    recorded: dict[str, list[str]] = {}
    for record, value in graph.records:
        recorded.setdefault(code.resolved(value), []).append(record)
    body = "\n\n".join([*(k.text() for k in code.kernels), text])
    rates = tuple(code.arrays.rates)
    kernels = tuple(code.kernels)
    return CudaEmitted(name, body, specs, rates, plan.chunk, graph, recorded, kernels)


@dataclass
class Driver:
    """The driver of one graph."""

    code: CudaCode
    w: Writer = field(default_factory=Writer)

    @property
    def gates(self) -> Gates:
        """Which steps and updates are open."""
        return Gates(self.code)

    @property
    def used(self) -> list[str]:
        """The arrays that some kernel takes."""
        taken = {a for k in self.code.kernels for a in k.arrays}
        return [a for a in self.code.arrays.specs if a in taken]

    def text(self) -> str:
        """The driver; everything it launches is emitted on the way."""
        code, w = self.code, self.w
        graph, plan = code.plan.graph, code.plan
        stages = [code.stage(k) for k in range(len(plan.stages)) if plan.stages[k]]
        refresh = code.refresh()
        w.depth = 1
        self.launch(refresh)
        between = Writer()
        self.w = between
        between.depth = 2
        for stage in stages:
            self._stage(stage)
        self._learn(graph, refresh)
        self.w = w
        self.launch(self._begin())  # last, when all arrays are known
        with w.block("for t0 in range(0, T, K)"):
            w("t1 = min(t0 + K, T)")
            w("steps = t1 - t0")
            self.launch(self._before())
            w.lines += between.lines
            self.launch(self._carry())
        head = f"def {code.name}(one, many, tiles, T, B, K, want, {', '.join(self.used)}):"
        return "\n".join([head, *w.lines]) + "\n"

    def launch(self, launches: Sequence[Launch]) -> None:
        """Lines that launch kernels."""
        for each in launches:
            self.w(each.line())

    def _stage(self, stage: StageCalls) -> None:
        self.launch(stage.before)
        if not stage.at_every_step:
            self.launch(stage.launches)
            return
        order = "range(t1 - 1, t0 - 1, -1)" if stage.backward else "range(t0, t1)"
        with self.w.block(f"for t in {order}"):
            self.w("k = t - t0")
            self.launch(stage.launches)

    # before and between -------------------------------------------------------------------------------

    def _begin(self) -> list[Launch]:
        """States at their first values, sums and counters at zero."""
        code, graph = self.code, self.code.plan.graph
        f = code.function(f"{code.name}_begin")
        for spec in [*code.arrays.specs.values()]:
            if spec.role in ("state", "carry"):
                state = graph.state[spec.source]
                if not state.kept:
                    fill(f, spec, self._first(f, state.first, spec))
            elif spec.role in ("total", "flags", "updates"):
                fill(f, spec, "0")
        return code.launches(f)

    def _first(self, f: CudaFunction, first: str | None, spec: ArraySpec) -> str:
        if first is None:
            return "0"
        node = f.node(first)
        return f.operand(first, {}, "i" if node.axes else None, spec.dtype == "D")

    def _before(self) -> list[Launch]:
        """States as they are before a chunk, kept for all of it."""
        code = self.code
        f = code.function(f"{code.name}_before")
        specs = code.arrays.specs.values()
        for spec in [s for s in specs if s.role == "before"]:
            now = next(s.name for s in specs if s.source == spec.source and s.role in KEPT)
            line = f"{spec.name}[b, i] = {now}[b, i]"
            f.spread(loops_of(spec), lambda line=line: f.body(line))  # type: ignore[misc]
        return code.launches(f)

    def _carry(self) -> list[Launch]:
        """The last step's values that other stages read at the next chunk's first step."""
        code = self.code
        f = code.function(f"{code.name}_carry")
        for spec in [s for s in code.arrays.specs.values() if s.role == "carry"]:
            value = f.node(code.resolved(code.plan.graph.state[spec.source].value))
            index = "b, i" if spec.shape[0] == "B" else "i"
            line = f"{spec.name}[{index}] = h_{code.arrays.identifier(value)}[steps - 1, {index}]"
            f.spread(loops_of(spec), lambda line=line: f.body(line))  # type: ignore[misc]
        return code.launches(f, ("steps", "T", "B"))

    # learning -----------------------------------------------------------------------------------------

    def _learn(self, graph: Graph, refresh: list[Launch]) -> None:
        w, code = self.w, self.code
        collects = [n for n in graph.nodes if n.op == "collect"]
        if graph.groups or any(not write.group for write in graph.writes):
            self.launch([self.gates.launch(collects)])
        for node in collects:
            first = at_first(graph, node.args[1])
            self.launch(collect(code, node, "" if first else self.gates.opened(node.args[1])))
        updates = {g.name: self._update(g) for g in graph.groups}
        for g in graph.groups:
            self._when(g, updates[g.name][0])
        for g in graph.groups:
            self._when(g, updates[g.name][1])
        gates = dict.fromkeys(x.gate for x in graph.writes if not x.group)
        for k, gate in enumerate(gates):
            writes = [x for x in graph.writes if not x.group and x.gate == gate]
            opened = self.gates.opened(gate)
            code.guard = "" if opened == "True" else f"not ({opened.replace('[k]', '[0]')})"
            made = code.plain(f"{code.name}_next_{k}", [], writes, step=True)
            code.guard = ""
            w("t, k = t0, 0")
            self.launch(made)
        if gates:
            self.launch(refresh)
        elif graph.groups:
            due = list(dict.fromkeys(due_text(g) for g in graph.groups))
            if "True" in due:
                self.launch(refresh)
            else:
                with w.block(f"if {' or '.join(due)}"):
                    self.launch(refresh)

    def _when(self, group: Group, launches: list[Launch]) -> None:
        due = due_text(group)
        if due == "True":
            self.launch(launches)
        elif launches:
            with self.w.block(f"if {due}"):
                self.launch(launches)

    def _update(self, group: Group) -> tuple[list[Launch], list[Launch]]:
        """Kernels that compute an update, and that put it in place and begin anew."""
        code, name = self.code, f"{self.code.name}_update_{group.name}"
        graph = code.plan.graph
        at = graph.groups.index(group)
        writes = [w for w in graph.writes if w.group == group.name]
        roots = [x for w in writes for x in (w.value, w.gradient) if x]
        code.guard = f"{self.gates.flags()}[{2 * at + 1}] == 0"
        compute = code.plain(name, code.needed(roots, "update"))
        f = code.function(f"{name}_write")
        code.arrays.add("updates", "updates", "", (str(len(graph.groups)),), "I")
        for write in writes:
            if write.gradient:
                self._keep_gradient(f, write.stored, write.gradient, f"updates[{at}]")
            code.write(f, write)
            f.cut()
        put = code.launches(f, ("want", "T", "B"))
        f = code.function(f"{name}_done")
        for node in graph.nodes:
            if node.op == "collect" and node.get("group") == group.name:
                fill(f, code.arrays.specs["u_" + code.arrays.identifier(node)], "0")
        with f.body.block("if first == 0"):
            f.body(f"{self.gates.flags()}[{2 * at}] = 0")
            f.body(f"updates[{at}] += 1")
        put += code.launches(f)
        code.guard = ""
        return compute, put

    def _keep_gradient(self, f: CudaFunction, stored: str, gradient: str, update: str) -> None:
        """What was accumulated before an update, if somebody wants to see it."""
        graph, code = self.code.plan.graph, self.code
        node = next(n for n in graph.nodes if n.op == "stored" and n.get("name") == stored)
        name = "g_" + code.arrays.identifier(node)
        code.arrays.add(name, "gradient", stored, ("U", length(node.axes)), "D")
        value = graph.by_name[code.resolved(gradient)]
        source = "0.0" if value.op == "const" else f"{f.at(f.array_of(value.name), 'i')}"

        def body() -> None:
            with f.body.block("if want"):
                f.body(f"{name}[{update}, i] = {source}")

        f.spread([("i", length(node.axes))], body)


__all__ = ["CudaEmitted", "emit_graph"]
