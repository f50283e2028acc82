"""A program's graphs to Numba source: one function per stage, and a driver that runs whole sequences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from snc.codegen.arrays import Arrays, lead, length, widths
from snc.codegen.function import Function, product_call
from snc.codegen.nest import number, variable
from snc.codegen.prepare import prepared, refuse_lost_records, refuse_short_sweeps
from snc.codegen.stages import Emitted, GraphCode
from snc.codegen.writer import Writer
from snc.graph.graph import Graph, Group, Node, Write
from snc.program.schedule import at_first, schedule


class CpuCode(GraphCode):
    """Emission of one graph."""

    def _scratch(self, f: Function, node: Node) -> str:
        name = "a_" + self.arrays.identifier(node)
        kind = "np.float64" if self.wide[node.name] else "REAL"
        shape = (
            length(node.axes)
            if f.sample or lead(node.axes) is None
            else f"(B, {length(node.axes)})"
        )
        f.heads.setdefault(name, f"np.zeros({shape}, {kind})")
        f.scratch[node.name] = name
        return name

    def _forget(self, f: Function, scratch: str) -> None:
        del f.heads[scratch]

    # functions ----------------------------------------------------------------------------------------

    def stage(self, number: int) -> str:
        """One stage over a chunk; the name of its driver."""
        nodes = list(self.plan.stages[number])
        sample = bool(nodes) and self.plan.place[nodes[0].name] == "sample"
        backward = number >= self.plan.turn
        f = Function(
            f"{self.name}_stage_{number}", self.plan, self.arrays, self.wide, sample, number
        )
        for s in self.plan.graph.states:
            if s.ahead and self._read_in_stage(s.name, number):
                name = "l_" + self.arrays.identifier(self.plan.graph.by_name[s.value])
                kind = "np.float64" if self.wide[s.value] else "REAL"
                f.heads[name] = f"np.zeros({length(s.axes)}, {kind})"
                f.scratch[f"later:{s.name}"] = name
        stores = self.targets(f, nodes)
        direct = self._in_place(f, nodes, stores)
        f.emit(nodes, stores)
        for s in self.plan.graph.states:
            if self._read_in_stage(s.name, number) and s.name not in direct:
                self._shift(f, s.name, stores)
        return self._finish(f, backward)

    def _shift(self, f: Function, state: str, stores: dict[str, list[str]]) -> None:
        s = self.plan.graph.state[state]
        now = f.array_of(s.value)
        if s.ahead:
            f.body(f"copy_row({f.scratch['later:' + state]}, {now})")
            return
        source = next(
            n for n in self.plan.graph.nodes if n.op == "previous" and n.get("state") == state
        )
        f.body(f"{f.whole('copy', source)}({f.previous(source)}, {now})")

    def _finish(self, f: Function, backward: bool) -> str:
        """Put a stage function together with the loop over samples that calls it."""
        arguments = ", ".join(["t0", "t1", "T", "B", *f.used])
        w = Writer()
        head = f"def {f.name}({'b, ' if f.sample else ''}{arguments})"
        w("@njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)")
        with w.block(head):
            for name, value in f.heads.items():
                w(f"{name} = {value}")
            order = "range(t1 - 1, t0 - 1, -1)" if backward else "range(t0, t1)"
            with w.block(f"for t in {order}"):
                w("k = t - t0")
                for name, value in f.views.items():
                    w(f"{name} = {value}")
                for name, value in f.controls.items():
                    w(f"{name} = {value}")
                for line in f.body.lines:
                    w(line) if line else w()
        if f.sample:
            w()
            w()
            w("@njit(cache=True, parallel=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)")
            with w.block(f"def {f.name}_all({arguments})"), w.block("for b in prange(B)"):
                w(f"{f.name}(np.int64(b), {arguments})")  # else compiled for unsigned ones too
        name = f"{f.name}_all" if f.sample else f.name
        self.functions.append((name, list(f.used), w.text()))
        return name

    def plain(
        self,
        name: str,
        nodes: Iterable[Node],
        writes: Iterable[Write] = (),
        step: bool = False,
        transposes: bool = False,
    ) -> str:
        """A function outside the steps: what is fixed between updates, or an update.

        With `step` it reads values of the step t0, which is a chunk of its own. With `transposes` it
        ends with the transposed weights that stages asked for.
        """
        f = Function(name, self.plan, self.arrays, self.wide, False, -1)
        writes = list(writes)
        chosen = [n for n in nodes if n.op not in ("const", "stored", "scalar", "collect")]
        f.emit(chosen, self.kept(f, chosen))
        for write in writes:
            self.write(f, write)
        for array, (weight, rows, columns) in self.arrays.transposes.items() if transposes else ():
            shape = self.arrays.numbers((rows, columns))
            f.body(f"transpose({f.array_of(weight)}, {f.use(array)}, {shape})")
        arguments = ", ".join([*(["t0"] if step else []), "T", "B", *f.used])
        w = Writer()
        w("@njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)")
        with w.block(f"def {name}({arguments})"):
            if step:
                w("t, k = t0, 0")
            for made, value in [*f.views.items(), *f.controls.items()]:
                w(f"{made} = {value}")
            for line in f.body.lines:
                w(line) if line else w()
        self.functions.append((name, list(f.used), w.text()))
        return name


def emit_graph(name: str, graph: Graph) -> Emitted:
    """The code of one graph."""
    graph = prepared(graph)
    plan = schedule(graph)
    refuse_short_sweeps(plan, "cpu")
    refuse_lost_records(graph, plan, "cpu")
    code = CpuCode(name, plan, Arrays(graph), widths(graph))
    stages = [code.stage(k) if plan.stages[k] else "" for k in range(len(plan.stages))]
    refresh = code.plain(f"{name}_refresh", plan.of("fixed"), transposes=True)
    driver = Driver(code, refresh, stages)
    text = driver.text()
    parts = [t for _, _, t in code.functions]
    specs = tuple(code.arrays.specs[a] for a in driver.used)
    recorded: dict[str, list[str]] = {}
    for record, value in graph.records:
        recorded.setdefault(code.resolved(value), []).append(record)
    numbers = [f"{name} = np.array({list(v)})" for name, v in sorted(code.arrays.tuples.items())]
    body = "\n\n".join(["\n".join(numbers), *parts, text] if numbers else [*parts, text])
    return Emitted(name, body, specs, tuple(code.arrays.rates), plan.chunk, graph, recorded)


@dataclass
class Driver:
    """The function that runs one whole sequence."""

    code: CpuCode
    refresh: str
    stages: list[str]
    used: dict[str, None] = field(default_factory=dict)
    w: Writer = field(default_factory=Writer)
    opens: dict[str, str] = field(default_factory=dict)  # gate node -> array of flags
    noted: set[tuple[str, str]] = field(default_factory=set)  # group and window: seen in this chunk

    def call(self, name: str, *first: str) -> str:
        """A call of an emitted function with the arrays it takes."""
        arguments = next(a for n, a, _ in self.code.functions if n == name)
        for a in arguments:
            self.used.setdefault(a)
        return f"{name}({', '.join([*first, *arguments])})"

    def array(self, name: str) -> str:
        """An array the driver itself uses."""
        self.used.setdefault(name)
        return name

    def text(self) -> str:
        """The driver, after everything it calls has been emitted."""
        graph = self.code.plan.graph
        groups = {g.name: self._group_functions(g) for g in graph.groups}
        gates = dict.fromkeys(w.gate for w in graph.writes if not w.group)
        nexts = {gate: self._next_function(graph, k, gate) for k, gate in enumerate(gates)}
        body = Writer()
        self.w = body
        body.depth = 1
        self._begin(graph)
        body("ALWAYS, NEVER = np.ones(K, np.uint8), np.zeros(K, np.uint8)")
        with body.block("for t0 in range(0, T, K)"):
            body("t1 = min(t0 + K, T)")
            body("steps = t1 - t0")
            for before, state in self._before(graph).items():
                body(f"copy_rows({self.array(before)}, {self.array(state)})")
            self._chunk(graph, groups, nexts)
        head = Writer()
        head("@njit(cache=True)")
        head(f"def {self.code.name}(T, B, K, want, {', '.join(self.used)}):")
        return head.text() + body.text()

    def _before(self, graph: Graph) -> dict[str, str]:
        """Arrays that hold, for a whole chunk, states as they were before it, and those of the states."""
        found: dict[str, str] = {}
        for node in graph.nodes:
            if node.op == "collect" and at_first(graph, node.args[1]):
                product = graph.by_name[node.args[0]]
                past = graph.by_name[self.code.resolved(product.args[1])]
                found[self._past(past)] = self._state_array(past)
        return found

    def _past(self, past: Node) -> str:
        """The array of a state as it was before the chunk."""
        state = self.code.plan.graph.state[past.get("state")]
        value = self.code.plan.graph.by_name[state.value]
        name = "b_" + self.code.arrays.identifier(value)
        shape = ("B", length(past.axes))
        kind = "D" if self.code.wide[past.name] else "F"
        return self.code.arrays.add(name, "before", state.name, shape, kind)

    def _state_array(self, past: Node) -> str:
        """The array in which a stage keeps a state, or takes it over from a later stage."""
        specs = self.code.arrays.specs.values()
        kept = ("state", "carry")
        mine = [s.name for s in specs if s.source == past.get("state") and s.role in kept]
        if not mine:
            raise NotImplementedError(f"no stage keeps the state `{past.get('state')}`")
        return mine[0]

    def _next_function(self, graph: Graph, number: int, gate: str) -> str:
        """A function that puts all `next` values of one gate in place."""
        writes = [w for w in graph.writes if not w.group and w.gate == gate]
        return self.code.plain(f"{self.code.name}_next_{number}", [], writes, step=True)

    def _group_functions(self, group: Group) -> tuple[str, str]:
        """Functions that compute an update and that put it in place."""
        code, name = self.code, f"{self.code.name}_update_{group.name}"
        writes = [w for w in code.plan.graph.writes if w.group == group.name]
        roots = [x for w in writes for x in (w.value, w.gradient) if x]
        compute = code.plain(name, code.needed(roots, "update"))
        return compute, code.plain(f"{name}_write", [], writes=writes)

    def _begin(self, graph: Graph) -> None:
        w = self.w
        w(self.call(self.refresh, "T", "B"))
        states = {s.source: n for n, s in self.code.arrays.specs.items() if s.role == "state"}
        carries = {s.source: n for n, s in self.code.arrays.specs.items() if s.role == "carry"}
        for s in graph.states:
            for array in (states.get(s.name), carries.get(s.name)):
                if array is not None and not s.kept:
                    self._first(s.first, array)
        for spec in [s for s in self.code.arrays.specs.values() if s.role == "total"]:
            w(f"fill_row({self.array(spec.name)}, 0)")
        for g in graph.groups:
            w(f"filled_{g.name} = False")
            w(f"{self._updates(g)} = 0")

    def _first(self, first: str | None, array: str) -> None:
        w = self.w
        fill = "fill_rows" if self.code.arrays.specs[array].shape[0] == "B" else "fill_row"
        if first is None:
            w(f"{fill}({self.array(array)}, 0)")
            return
        node = self.code.plan.graph.by_name[first]
        if node.op == "const":
            w(f"{fill}({self.array(array)}, {number(node.get('value'), True)})")
            return
        value = self.array(
            ("p_" if node.op == "stored" else "w_") + self.code.arrays.identifier(node)
        )
        rows = fill == "fill_rows"
        if not node.axes:
            w(f"{fill}({self.array(array)}, {value}[0])")
        else:
            w(f"{'spread_rows' if rows else 'copy_row'}({self.array(array)}, {value})")

    def _chunk(
        self, graph: Graph, groups: dict[str, tuple[str, str]], nexts: dict[str, str]
    ) -> None:
        w = self.w
        for name in self.stages:
            if name:
                w(self.call(name, "t0", "t1", "T", "B"))
        for node in graph.nodes:
            if node.op == "collect":
                self._collect(node)
        fires = []
        for g in graph.groups:
            w(f"fire_{g.name} = {self._due(g)} and filled_{g.name}")
            fires.append(f"fire_{g.name}")
            with w.block(f"if fire_{g.name}"):
                w(self.call(groups[g.name][0], "T", "B"))
        for g in graph.groups:
            with w.block(f"if fire_{g.name}"):
                self._keep_gradients(graph, g)
                w(self.call(groups[g.name][1], "T", "B"))
                for node in graph.nodes:
                    if node.op == "collect" and node.get("group") == g.name:
                        w(f"fill_row({self._total(node)}, 0)")
                w(f"filled_{g.name} = False")
                w(f"{self._updates(g)} += 1")
        self._nexts(nexts, fires)
        self._carry(graph)

    def _updates(self, group: Group) -> str:
        """How many updates of a group there were so far."""
        groups = self.code.plan.graph.groups
        shape = (str(len(groups)),)
        array = self.array(self.code.arrays.add("updates", "updates", "", shape, "I"))
        return f"{array}[{groups.index(group)}]"

    def _total(self, node: Node) -> str:
        return self.array("u_" + self.code.arrays.identifier(node))

    def _nexts(self, nexts: dict[str, str], fires: list[str]) -> None:
        w = self.w
        for gate, function in nexts.items():
            with w.block(f"if {self._open(gate)}[0]"):
                w(self.call(function, "t0", "T", "B"))
            fires = [*fires, "True"]
        if fires:
            with w.block(f"if {' or '.join(fires)}"):
                w(self.call(self.refresh, "T", "B"))

    def _open(self, gate: str) -> str:
        """An array that says for each step of the chunk whether a gate is open; made once per chunk."""
        code = self.code
        if gate in self.opens:
            return self.opens[gate]
        node = code.plan.graph.by_name[code.resolved(gate)]
        if node.op == "const":
            name = "ALWAYS" if node.get("value") else "NEVER"
            self.opens[gate] = name
            return name
        ident = "open_" + code.arrays.identifier(node)
        self.array(code.arrays.add(ident, "open", gate, ("K",), "U"))
        if code.plan.place[node.name] == "control":
            f = Function(f"{code.name}_{ident}", code.plan, code.arrays, code.wide, False, -1)
            text = f.control(node.name)
            f.use(ident)
            w = Writer()
            w("@njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)")
            with (
                w.block(f"def {f.name}({', '.join(['t0', 't1', 'T', 'B', *f.used])})"),
                w.block("for t in range(t0, t1)"),
            ):
                for n, value in f.controls.items():
                    w(f"{n} = {value}")
                w(f"{ident}[t - t0] = {text} != 0")
            code.functions.append((f.name, list(f.used), w.text()))
            self.w(self.call(f.name, "t0", "t1", "T", "B"))
        else:
            history = self.array("h_" + code.arrays.identifier(node))
            with self.w.block("for k in range(steps)"):
                self.w(f"{ident}[k] = {history}[k, 0] != 0")
        self.opens[gate] = ident
        return ident

    def _collect(self, node: Node) -> None:
        w, code, graph = self.w, self.code, self.code.plan.graph
        value, total, group = graph.by_name[node.args[0]], self._total(node), node.get("group")
        code.arrays.add(
            total, "total", node.name, (length(node.axes),), "D" if code.wide[node.name] else "F"
        )
        if at_first(graph, node.args[1]):
            signal, pre = (graph.by_name[code.resolved(a)] for a in value.args)
            front, past = (
                self.array(f"f_{code.arrays.identifier(signal)}"),
                self.array(self._past(pre)),
            )
            a, z = (f"{x}.reshape((1, *{x}.shape))" for x in (front, past))
            w(
                product_call(
                    code.arrays, value.get("geometry"), total, a, z, "ALWAYS", "np.int64(1)"
                )
            )
            return
        gate = self._open(node.args[1])
        self._fill(group, self._open(node.args[-1]))
        if value.name in code.plan.stage:
            history = self.array(
                "h_" + code.arrays.identifier(graph.by_name[code.resolved(value.name)])
            )
            name = f"add_steps({total}, {history}, {gate}, steps)"
            w(name)
            return
        if code.plan.place[value.name] in ("fixed", "control") or value.op == "const":
            f = Function("", code.plan, code.arrays, code.wide, False, -1)
            text = f.operand(
                value.name,
                {a: variable(a) for a in value.axes},
                "i" if value.axes else None,
                code.wide[node.name],
            )
            for a in f.used:
                self.array(a)
            with (
                w.block("for k in range(steps)"),
                w.block(f"if {gate}[k]"),
                w.block(f"for i in range({length(node.axes)})"),
            ):
                w(f"{total}[i] += {text}")
            return
        a, z = (self._operand(x) for x in value.args)
        w(product_call(code.arrays, value.get("geometry"), total, a, z, gate, "steps"))

    def _fill(self, group: str, window: str) -> None:
        """Note that a group has something to commit, if its window was open in this chunk."""
        if (group, window) in self.noted:
            return
        self.noted.add((group, window))
        if window == "ALWAYS":
            self.w(f"filled_{group} = True")
        elif window != "NEVER":
            with self.w.block("for k in range(steps)"), self.w.block(f"if {window}[k]"):
                self.w(f"filled_{group} = True")

    def _operand(self, name: str) -> str:
        """An operand of a weight product over the chunk."""
        node = self.code.plan.graph.by_name[self.code.resolved(name)]
        if node.op == "field":
            return self.array(f"x_{node.get('name')}") + "[t0:t1]"
        if self.code.plan.place[node.name] != "sample":
            raise NotImplementedError(f"a weight product with `{node.op}`")
        return self.array("h_" + self.code.arrays.identifier(node))

    def _due(self, group: Group) -> str:
        if group.unit == "sequences":
            return "t1 == T"
        if group.every == 1:
            gate = self._open(group.gate)
            return f"{gate}[0] != 0"
        return f"(t1 % {group.every} == 0 or t1 == T)"

    def _keep_gradients(self, graph: Graph, group: Group) -> None:
        code = self.code
        for write in graph.writes:
            if write.group != group.name or not write.gradient:
                continue
            node = graph.by_name[code.resolved(write.gradient)]
            stored = next(
                n for n in graph.nodes if n.op == "stored" and n.get("name") == write.stored
            )
            name = "g_" + code.arrays.identifier(stored)
            self.array(
                code.arrays.add(name, "gradient", write.stored, ("U", length(stored.axes)), "D")
            )
            f = Function("", code.plan, code.arrays, code.wide, False, -1)
            source = f.array_of(node.name) if node.op != "const" else "D(0.0)"
            for a in f.used:
                self.array(a)
            with self.w.block("if want"):
                copy = "fill_row" if node.op == "const" else "copy_row"
                self.w(f"{copy}({name}[{self._updates(group)}], {source})")

    def _carry(self, graph: Graph) -> None:
        """The last step's values that other stages read at the next chunk's first step."""
        specs = self.code.arrays.specs
        for spec in [s for s in specs.values() if s.role == "carry"]:
            state = graph.state[spec.source]
            value = graph.by_name[self.code.resolved(state.value)]
            history = self.array("h_" + self.code.arrays.identifier(value))
            copy = "copy_rows" if spec.shape[0] == "B" else "copy_row"
            self.w(f"{copy}({self.array(spec.name)}, {history}[steps - 1])")
