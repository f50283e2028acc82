"""A program's graphs to Numba source: one task per stage, and a driver that runs whole sequences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from snc.codegen.arrays import Arrays, lead, length, widths
from snc.codegen.function import Function
from snc.codegen.nest import number, variable
from snc.codegen.prepare import prepared, refuse_lost_records, refuse_short_sweeps
from snc.codegen.stages import Emitted, GraphCode
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import Graph, Group, Node, Write
from snc.program.schedule import at_first, schedule
from snc_cpu.calls import Call, Operand, Piece, product_of, product_text, task_of
from snc_cpu.pieces import in_place, parts
from snc_cpu.tasks import ARRAYS, CALLS, SIZES

KINDS = {"F": "F", "D": "D", "I": "np.int64", "U": "np.uint8", "Q": "np.uint64"}


@dataclass
class CpuEmitted(Emitted):
    """The code of one graph.

    tasks: name -> text, in the order in which the driver is given them. numbers: name -> what it stands for.
    """

    tasks: dict[str, str] = field(default_factory=dict)
    driver: str = ""
    calls: tuple[Call, ...] = ()
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass
class CpuCode(GraphCode):
    """Emission of one graph."""

    tasks: dict[str, str] = field(default_factory=dict)  # name -> text
    places: dict[str, int] = field(default_factory=dict)  # array -> its place in the table
    calls: list[Call] = field(default_factory=list)
    sampled: set[str] = field(default_factory=set)  # tasks of one sample

    def place(self, array: str) -> int:
        """Where the address of an array stands in the table."""
        return self.places.setdefault(array, ARRAYS + len(self.places))

    def heads(self, w: Writer, body: Sequence[str], places: Mapping[str, int]) -> None:
        """The sizes and arrays that a function reads from a table."""
        shapes = {a: self.arrays.specs[a].shape for a in places}
        text = "\n".join([*body, *(part for shape in shapes.values() for part in shape)])
        for place, size in enumerate(SIZES):
            if re.search(rf"\b{size}\b", text):
                w(f"{size} = number(memory, {place})")
        for name, shape in shapes.items():
            kind = KINDS[self.arrays.specs[name].dtype]
            sizes = ", ".join(shape) + ("," if len(shape) == 1 else "")
            w(f"{name} = array(memory, {places[name]}, {kind}, ({sizes}))")

    def add_task(self, name: str, index: str, body: Writer, arrays: Iterable[str]) -> str:
        """One task, of what it does for an index."""
        w = Writer()
        w("@task")
        with w.block(f"def {name}({index}, t0, t1, memory)"):
            self.heads(w, body.lines, {a: self.place(a) for a in arrays})
            for line in body.lines:
                w(line) if line else w()
        self.tasks[name] = w.text()
        return name

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
        """Put a stage together: its steps, and what is made before them."""
        w = Writer()
        for name, value in f.heads.items():
            w(f"{name} = {value}")
        order = "range(t1 - 1, t0 - 1, -1)" if backward else "range(t0, t1)"
        with w.block(f"for t in {order}"):
            w("k = t - t0")
            _step(w, f)
        if f.sample:
            self.sampled.add(f.name)
        return self.add_task(f.name, "b" if f.sample else "_", w, f.used)

    # outside the steps ----------------------------------------------------------------------------------

    def phase(
        self, name: str, nodes: Iterable[Node], targets: Mapping[str, str] | None = None
    ) -> list[range]:
        """What is fixed between updates, or an update: calls that may run side by side, one range after another.

        targets: node -> the stored array that its value is put into where it is computed.
        """
        made = []
        for k, level in enumerate(parts(self._outside(), nodes)):
            pieces = [self._piece(part, targets or {}) for part in level]
            made.append(self._calls(f"{name}_{k}", pieces))
        return made

    def writes(self, name: str, writes: Iterable[Write], step: bool = False) -> list[range]:
        """Stored arrays get their new values; with `step` those of the step t0, a chunk of its own."""
        pieces = []
        for write in writes:
            f = self._outside()
            self.write(f, write)
            pieces.append(self._finished(f, step))
        return [self._calls(name, pieces)] if pieces else []

    def transposes(self, name: str) -> list[range]:
        """The transposed weights that stages asked for."""
        pieces = []
        for array, (weight, rows, columns) in self.arrays.transposes.items():
            f = self._outside()
            f.body(f"transpose({f.array_of(weight)}, {f.use(array)}, {rows}, {columns})")
            pieces.append(self._finished(f, False))
        return [self._calls(name, pieces)] if pieces else []

    def _outside(self) -> Function:
        return Function("", self.plan, self.arrays, self.wide, False, -1)

    def _piece(self, nodes: Sequence[Node], targets: Mapping[str, str]) -> Piece:
        f = self._outside()
        for node in nodes:
            if node.name in targets:
                f.scratch[node.name] = f.array_of(targets[node.name])
        stores = self.kept(f, list(nodes))
        stores |= {name: [f.scratch[name]] for name in stores if name in targets}
        f.emit(nodes, stores)
        return self._finished(f, False)

    def _finished(self, f: Function, step: bool) -> Piece:
        body, w = Writer(), Writer()
        if step:
            body("t, k = t0, 0")
        _step(body, f)
        for name in f.used:
            self.place(name)
        self.heads(w, body.lines, {a: ARRAYS + k for k, a in enumerate(f.used)})
        return Piece((*w.lines, *body.lines), tuple(f.used))

    def _calls(self, name: str, pieces: Sequence[Piece]) -> range:
        """Calls of pieces; those of one form are one task."""
        first = len(self.calls)
        forms: dict[tuple[str, ...], list[Piece]] = {}
        for piece in pieces:
            forms.setdefault(piece.form, []).append(piece)
        for k, alike in enumerate(forms.values()):
            task = f"{name}_{k}" if len(forms) > 1 else name
            self.tasks[task], calls = task_of(task, alike)
            self.calls += calls
        return range(first, len(self.calls))


def _step(w: Writer, f: Function) -> None:
    """What a function does at one step."""
    for name, value in [*f.views.items(), *f.controls.items()]:
        w(f"{name} = {value}")
    for line in f.body.lines:
        w(line) if line else w()


def emit_graph(name: str, graph: Graph) -> CpuEmitted:
    """The code of one graph."""
    graph = prepared(graph)
    plan = schedule(graph)
    refuse_short_sweeps(plan, "cpu")
    refuse_lost_records(graph, plan, "cpu")
    code = CpuCode(name, plan, Arrays(graph), widths(graph))
    stages = [code.stage(k) if plan.stages[k] else "" for k in range(len(plan.stages))]
    refresh = code.phase(f"{name}_refresh", plan.of("fixed"))
    refresh += code.transposes(f"{name}_transpose")
    driver = Driver(code, refresh, stages)
    text = driver.text()
    specs = tuple(code.arrays.specs[a] for a in code.places)
    recorded: dict[str, list[str]] = {}
    for record, value in graph.records:
        recorded.setdefault(code.resolved(value), []).append(record)
    numbers = dict(sorted(code.arrays.tuples.items()))
    heads = [f"{number_text(n, v)}" for n, v in numbers.items()]
    parts = [*(["\n".join(heads) + "\n"] if heads else []), *code.tasks.values(), text]
    rates, calls = tuple(code.arrays.rates), tuple(code.calls)
    return CpuEmitted(
        name=name,
        text="\n\n".join(parts),
        specs=specs,
        rates=rates,
        chunk=plan.chunk,
        graph=graph,
        recorded=recorded,
        tasks=code.tasks,
        driver=text,
        calls=calls,
        numbers=numbers,
    )


def number_text(name: str, values: Sequence[int]) -> str:
    """The line that makes numbers known by a name."""
    return f"{name} = np.array({list(values)})"


@dataclass
class Driver:
    """The function that runs one whole sequence."""

    code: CpuCode
    refresh: list[range]
    stages: list[str]
    used: dict[str, None] = field(default_factory=dict)
    w: Writer = field(default_factory=Writer)
    opens: dict[str, str] = field(default_factory=dict)  # gate node -> array of flags
    noted: set[tuple[str, str]] = field(default_factory=set)  # group and window: seen in this chunk

    def phase(self, levels: Sequence[range], first: str = "0", last: str = "0") -> None:
        """Run the calls of a phase."""
        for calls in levels:
            self.w(f"together(calls, {calls.start}, {len(calls)}, {first}, {last})", self.of(calls))

    def of(self, calls: range) -> str:
        """The tasks of some calls, as a comment."""
        return ", ".join(dict.fromkeys(self.code.calls[k].task for k in calls))

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
        self.phase(self.refresh)
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
        for name in self.stages:
            if name in self.code.sampled:
                w(f"everywhere({name}, B, t0, t1, memory)")
            elif name:
                w(f"run({name}, 0, t0, t1, memory)")
        for node in graph.nodes:
            if node.op == "collect":
                self._collect(node)
        fires = []
        for g in graph.groups:
            w(f"fire_{g.name} = {self._due(g)} and filled_{g.name}")
            fires.append(f"fire_{g.name}")
            with w.block(f"if fire_{g.name}"):
                self.phase(groups[g.name][0])
        for g in graph.groups:
            with w.block(f"if fire_{g.name}"):
                self._keep_gradients(graph, g)
                self.phase(groups[g.name][1])
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
        code.calls.append(made)
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
