"""The function that runs one whole sequence: which tasks, in what order, over which steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from snc.codegen.arrays import length
from snc.codegen.function import Function
from snc.codegen.nest import number, variable
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import Graph, Group, Node
from snc.program.demand import at_first
from snc_cpu.calls import SPLIT, Operand, product_of, product_text
from snc_cpu.code import CpuCode
from snc_cpu.pieces import in_place
from snc_cpu.tasks import CALLS


@dataclass
class Driver:
    """The function that runs one whole sequence."""

    code: CpuCode
    refresh: list[range]
    stages: dict[int, tuple[range, bool]]  # their calls, and if one is made for each sample
    known: dict[int, range]  # the calls that are made before a stage
    used: dict[str, None] = field(default_factory=dict)
    w: Writer = field(default_factory=Writer)
    when: int = 0  # how many actions of the chunk are written
    opens: dict[str, str] = field(default_factory=dict)  # gate node -> array of flags
    noted: set[tuple[str, str]] = field(default_factory=set)  # group and window: seen in this chunk

    def phase(self, levels: Sequence[range], first: str = "0", last: str = "0") -> None:
        """Run the calls of a phase: side by side, if there are several."""
        for calls in levels:
            if len(calls) == 1:
                task, table = self._call(calls.start)
                self.w(f"run({task}, 0, {first}, {last}, {table})")
                continue
            self.w(f"together(calls, {calls.start}, {len(calls)}, {first}, {last})", self.of(calls))

    def _call(self, place: int) -> tuple[str, str]:
        """The task and the table of a call."""
        return self.code.calls[place].task, f"number(calls, {2 * place + 1})"

    def of(self, calls: range) -> str:
        """The tasks of some calls, as a comment."""
        return ", ".join(dict.fromkeys(self.code.calls[k].task for k in calls))

    def array(self, name: str) -> str:
        """An array the driver itself uses."""
        self.used.setdefault(name)
        self.code.check([name], self.when)
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
        with body.block("for t0 in range(0, T, K)"):
            body("t1 = min(t0 + K, T)")
            body("steps = t1 - t0")
            for before, state in self._before(graph).items():
                body(f"copy_rows({self.array(before)}, {self.array(state)})")
            self._chunk(graph, groups, nexts)
        head = Writer()
        head("@njit(cache=True, nogil=True)")
        with head.block(f"def {self.code.name}(want, tasks, memory)"):
            used = set(re.findall(r"(?:run|everywhere)\((\w+)", body.text()))
            for place, name in enumerate(self.code.tasks):
                if name in used:
                    head(f"{name} = tasks[{place}]")
            if self.code.calls:
                head(f"calls = number(memory, {CALLS})", note="tasks and their tables")
            self.code.heads(head, body.lines, {a: self.code.place(a) for a in self.used})
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

    def _next_function(self, graph: Graph, number: int, gate: str) -> list[range]:
        """A function that puts all `next` values of one gate in place."""
        writes = [w for w in graph.writes if not w.group and w.gate == gate]
        return self.code.writes(f"{self.code.name}_next_{number}", writes, step=True)

    def _group_functions(self, group: Group) -> tuple[list[range], list[range]]:
        """Functions that compute an update and that put it in place."""
        code, name = self.code, f"{self.code.name}_update_{group.name}"
        writes = [w for w in code.plan.graph.writes if w.group == group.name]
        roots = [x for w in writes for x in (w.value, w.gradient) if x]
        nodes = code.needed(roots, "update")
        targets = in_place(code, nodes, writes)
        later = [w for w in writes if code.resolved(w.value) not in targets]
        return code.phase(name, nodes, targets), code.writes(f"{name}_write", later)

    def _begin(self, graph: Graph) -> None:
        w = self.w
        once = self.code.layouts(f"{self.code.name}_layout", False)
        again = self.code.layouts(f"{self.code.name}_layout_again", True)
        self.refresh += again
        self.phase([*self.refresh, *once])
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
        self,
        graph: Graph,
        groups: dict[str, tuple[list[range], list[range]]],
        nexts: dict[str, list[range]],
    ) -> None:
        w = self.w
        for when, action in enumerate(self.code.plan.order.actions):
            self.when = when
            if isinstance(action, str):
                self._collect(graph.by_name[action])
            else:
                self.phase([self.known[action]] if action in self.known else [], "t0", "t1")
                self._stage(*self.stages[action])
                for piece in self.code.stages[action][0]:
                    self.code.check(piece.arrays, self.when)
        self.when += 1
        fires = []
        for g in graph.groups:
            w(f"fire_{g.name} = {self._due(g)} and filled_{g.name}")
            fires.append(f"fire_{g.name}")
            with w.block(f"if fire_{g.name}"):
                self._keep_gradients(graph, g, True)
                self.phase(groups[g.name][0])
        for g in graph.groups:
            with w.block(f"if fire_{g.name}"):
                self._keep_gradients(graph, g, False)
                self.phase(groups[g.name][1])
                self._empty(graph, g)
                w(f"filled_{g.name} = False")
                w(f"{self._updates(g)} += 1")
        self._nexts(nexts, fires)
        self._carry(graph)

    def _empty(self, graph: Graph, group: Group) -> None:
        """The sums of a group begin anew: many numbers side by side."""
        nodes = [n for n in graph.nodes if n.op == "collect" and n.get("group") == group.name]
        nodes = [n for n in nodes if n.name not in self.code.emptied]
        totals = dict.fromkeys(self._total(n) for n in nodes)
        sizes = {name: self.code.arrays.specs[name].shape for name in totals}
        large = [n for n, shape in sizes.items() if len(shape) == 1 and int(shape[0]) >= SPLIT]
        self.phase(self.code.zeros(f"{self.code.name}_empty_{group.name}", large))
        for name in totals:
            if name not in large:
                self.w(f"fill_row({name}, 0)")

    def _stage(self, calls: range, sample: bool) -> None:
        if len(calls) > 1 or not sample:
            self.phase([calls], "t0", "t1")
            return
        (task, table), samples = self._call(calls[0]), self.code.samples
        owners = "B" if samples == 1 else f"(B + {samples - 1}) // {samples}"
        self.w(f"everywhere({task}, {owners}, t0, t1, {table})")

    def _updates(self, group: Group) -> str:
        """How many updates of a group there were so far."""
        groups = self.code.plan.graph.groups
        shape = (str(len(groups)),)
        array = self.array(self.code.arrays.add("updates", "updates", "", shape, "I"))
        return f"{array}[{groups.index(group)}]"

    def _total(self, node: Node) -> str:
        return self.array("u_" + self.code.arrays.identifier(node))

    def _nexts(self, nexts: dict[str, list[range]], fires: list[str]) -> None:
        w = self.w
        for gate, function in nexts.items():
            with w.block(f"if {self._open(gate)}[0]"):
                self.phase(function, "t0", "t1")
            fires = [*fires, "True"]
        if fires and self.refresh:
            # a sequence begins with it anyway
            with w.block(f"if t1 < T and ({' or '.join(fires)})"):
                self.phase(self.refresh)

    def _open(self, gate: str) -> str:
        """An array that says for each step of the chunk whether a gate is open; made once per chunk."""
        code = self.code
        if gate in self.opens:
            return self.opens[gate]
        node = code.plan.graph.by_name[code.resolved(gate)]
        if node.op == "const":
            name = "ALWAYS" if node.get("value") else "NEVER"
            role = "always" if node.get("value") else "open"
            self.opens[gate] = self.array(code.arrays.add(name, role, "", ("K",), "U"))
            return name
        ident = "open_" + code.arrays.identifier(node)
        self.array(code.arrays.add(ident, "open", gate, ("K",), "U"))
        if code.plan.place[node.name] == "control":
            f = Function(f"{code.name}_{ident}", code.plan, code.arrays, code.wide, False, -1)
            text = f.control(node.name)
            f.use(ident)
            w = Writer()
            with w.block("for t in range(t0, t1)"):
                for n, value in f.controls.items():
                    w(f"{n} = {value}")
                w(f"{ident}[t - t0] = {text} != 0")
            self.w(f"run({code.add_task(f.name, '_', w, f.used)}, 0, t0, t1, memory)")
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
            code.arrays.add("ALWAYS", "always", "", ("K",), "U")
            names = f"f_{code.arrays.identifier(signal)}", self._past(pre)
            factors = [self._factor(name, False) for name in names]
            self._product(value.get("geometry"), total, factors, "ALWAYS", "t0 + 1")
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
        factors = [self._operand(x) for x in value.args]
        self._product(value.get("geometry"), total, factors, gate, "t1")

    def _product(
        self, geometry: Geometry, total: str, factors: Sequence[Operand], gate: str, last: str
    ) -> None:
        """Add the products of a signal and what it is correlated with, of the steps from t0 to `last`, to a total."""
        code = self.code
        made, blocks = product_of(code.arrays, geometry, total, factors, gate)
        for name in (total, *(f.array.name for f in factors), gate):
            code.place(name)
        code.check([f.array.name for f in factors], self.when)
        code.calls.append(made)
        code.products.append(geometry)
        code.tasks.setdefault(made.task, product_text(made.task))
        table = f"number(calls, {2 * len(code.calls) - 1})"
        self.w(f"everywhere({made.task}, {blocks}, t0, {last}, {table})", note=total)

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

    def _operand(self, name: str) -> Operand:
        """An operand of a weight product over the chunk."""
        node = self.code.plan.graph.by_name[self.code.resolved(name)]
        if node.op == "field":
            return self._factor(f"x_{node.get('name')}", True)
        if self.code.plan.place[node.name] != "sample":
            raise NotImplementedError(f"a weight product with `{node.op}`")
        return self._factor("h_" + self.code.arrays.identifier(node), False)

    def _factor(self, array: str, whole: bool) -> Operand:
        """An array of [steps, B, values]; a value of one step only has no dimension for steps."""
        spec = self.code.arrays.specs[array]
        return Operand(spec, whole, int(spec.shape[-1]))

    def _due(self, group: Group) -> str:
        if group.unit == "sequences":
            return "t1 == T"
        if group.every == 1:
            gate = self._open(group.gate)
            return f"{gate}[0] != 0"
        return f"(t1 % {group.every} == 0 or t1 == T)"

    def _keep_gradients(self, graph: Graph, group: Group, sums: bool) -> None:
        """Gradients that are wanted: those that are sums over steps before the update, which empties them."""
        code = self.code
        for write in graph.writes:
            if write.group != group.name or not write.gradient:
                continue
            node = graph.by_name[code.resolved(write.gradient)]
            if sums != (node.op == "collect"):
                continue
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
