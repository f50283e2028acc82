"""One emitted function: a stage over a chunk of steps, for one sample or for the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar

from snc.codegen.arrays import Arrays, lead, length, rest
from snc.codegen.nest import FUSED, expression, loops, number, offset, user_index, variable
from snc.codegen.products import PAD, PRIMITIVES, kind_of, numbers_of
from snc.codegen.reductions import SINGLE
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import PARTNER, SAMPLE, Axes, Axis, Node, features, size
from snc.graph.numbers import spacing
from snc.program.schedule import Schedule


@dataclass
class Function:
    """A function being written. `sample` says whether the sample is fixed (`b`) or a loop."""

    name: str
    plan: Schedule
    arrays: Arrays
    wide: dict[str, bool]
    sample: bool
    stage: int  # -1 for what is computed between sequences and at updates
    used: dict[str, None] = field(default_factory=dict)  # arrays, in order of first use
    views: dict[str, str] = field(default_factory=dict)  # made at the head of a step
    heads: dict[str, str] = field(default_factory=dict)  # made at the head of the function
    local: dict[str, str] = field(
        default_factory=dict
    )  # node -> scalar variable in the current loop
    scratch: dict[str, str] = field(default_factory=dict)
    controls: dict[str, str] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)  # nodes whose events are listed in this step
    adds_rows: ClassVar[bool] = True  # whether sums add whole rows where that is faster
    exponential: ClassVar[str] = "exp_of"  # of double precision
    hoists: ClassVar[bool] = True  # whether single numbers are read once before a loop
    every: bool = False  # whether arrays are asked for with all samples
    body: Writer = field(default_factory=Writer)
    before: Writer = field(default_factory=Writer)  # what is done for all steps of a chunk at once
    block: int = 1  # samples, from `first` on, that one call goes over, where a chunk is one step
    ahead: Writer = field(default_factory=Writer)  # what is done for all of them at once

    # where values are ---------------------------------------------------------------------------------

    def use(self, array: str) -> str:
        """Name an array that becomes an argument."""
        self.used.setdefault(array)
        return array

    def node(self, name: str) -> Node:
        """A node of the graph."""
        return self.plan.graph.by_name[name]

    def array_of(self, name: str) -> str:
        """An expression for the array of a node: 1-D per sample, [B, n] where samples are a loop."""
        node = self.node(name)
        place = self.plan.place[name]
        if node.op == "rename":
            if any(PARTNER in pair for pair in node.get("names")):
                return self.array_of_all(node.args[0])
            return self.array_of(node.args[0])
        if name in self.scratch and not self.every:
            return self.scratch[name]
        ident = self.arrays.identifier(node)
        if node.op == "stored":
            return self.use(
                self.arrays.add(
                    f"p_{ident}", "stored", node.get("name"), (length(node.axes),), self.kind(node)
                )
            )
        if place == "fixed":
            return self.use(
                self.arrays.add(f"w_{ident}", "fixed", name, (length(node.axes),), self.kind(node))
            )
        if place == "update":
            return self.use(
                self.arrays.add(
                    f"u_{ident}",
                    "total" if node.op == "collect" else "fixed",
                    name,
                    (length(node.axes),),
                    self.kind(node),
                )
            )
        if node.op == "field":
            return self.view(
                f"x_{node.get('name')}",
                "field",
                name,
                ("T", "B", length(node.axes)),
                self.kind(node),
                "t",
            )
        if node.op == "previous":
            return self.previous(node)
        if node.op == "later":
            return self.scratch[f"later:{node.get('state')}"]
        return self.history(node)

    def array_of_all(self, name: str) -> str:
        """The array of a node for all samples, also where the sample is fixed."""
        before, self.every = self.every, True
        try:
            return self.array_of(name)
        finally:
            self.every = before

    def fixed(self, axes: Axes) -> bool:
        """Whether a value of these axes is seen for one sample here."""
        return self.sample and not self.every and lead(axes) == SAMPLE

    def kind(self, node: Node) -> str:
        """The precision of a node's array."""
        return "D" if self.wide[node.name] else "F"

    def history(self, node: Node) -> str:
        """The array of a node of another stage, at this step."""
        ident = self.arrays.identifier(node)
        batch = lead(node.axes) is not None
        shape = ("K", "B", length(node.axes)) if batch else ("K", length(node.axes))
        return self.view(f"h_{ident}", "history", node.name, shape, self.kind(node), "k")

    def front(self, node: Node) -> str:
        """The array of a value at the first step of a chunk."""
        name, shape = f"f_{self.arrays.identifier(node)}", ("B", length(node.axes))
        self.use(self.arrays.add(name, "front", node.name, shape, self.kind(node)))
        return self.at_sample(name, node.axes)

    def previous(self, node: Node) -> str:
        """The value of a state one step ago."""
        state = self.plan.graph.state[node.get("state")]
        made = self.plan.stage.get(state.value)
        shape = ("B", length(node.axes)) if lead(node.axes) is not None else (length(node.axes),)
        value = self.node(state.value)
        ident = self.arrays.identifier(value)
        if made == self.stage:
            array = self.use(
                self.arrays.add(f"s_{ident}", "state", state.name, shape, self.kind(node))
            )
            return self.at_sample(array, node.axes)
        carry = self.use(self.arrays.add(f"c_{ident}", "carry", state.name, shape, self.kind(node)))
        if made is None:
            return self.at_sample(carry, node.axes)
        whole = (
            ("K", "B", length(node.axes))
            if lead(node.axes) is not None
            else ("K", length(node.axes))
        )
        past = self.use(
            self.arrays.add(f"h_{ident}", "history", state.value, whole, self.kind(value))
        )
        name = f"was_{ident}{'_all' if self.every else ''}"
        index = ", b" if self.fixed(node.axes) else ""
        now = self.at_sample(carry, node.axes)
        return self.choice(name, now, f"{past}[k - 1{index}]")

    def choice(self, name: str, now: str, then: str) -> str:
        """The array of a value one step ago: kept apart at the first step of a chunk, else in the history."""
        self.views.setdefault(name, f"{now} if k == 0 else {then}")
        return name

    def at(self, array: str, index: str) -> str:
        """One element of an array, or of a part of one."""
        return f"{array}[{index}]"

    def each(
        self, axes: Sequence[Axis], variables: dict[Axis, str], body: Callable[[], Any]
    ) -> None:
        """For every place of some axes; what is done there does not depend on other places."""
        loops(self.body, axes, variables, body)

    def expression(self, node: Node, operands: Sequence[str], wide: bool) -> str:
        """The right side of a fused node."""
        if node.op == "exp" and wide:
            return f"{self.exponential}({operands[0]})"
        return expression(node, operands, wide)

    def times(self, x: str, y: str, wide: bool) -> str:
        """A product."""
        return f"{x} * {y}"

    def rounded(self, x: str) -> str:
        """The nearest whole number, of two the even one."""
        return f"np.rint({x})"

    def at_sample(self, array: str, axes: Axes) -> str:
        """An array's part for this sample."""
        if self.fixed(axes):
            name = f"{array}__b"
            self.heads.setdefault(name, f"{array}[b]")
            return name
        return array

    def view(
        self, array: str, role: str, source: str, shape: tuple[str, ...], kind: str, step: str
    ) -> str:
        """An array at this step, and for this sample where it has one."""
        self.use(self.arrays.add(array, role, source, shape, kind))
        axes = self.node(source).axes
        fixed = self.fixed(axes)
        name = f"{array}__{step}{'_all' if self.every else ''}"
        self.views.setdefault(name, f"{array}[{step}, b]" if fixed else f"{array}[{step}]")
        return name

    def operand(self, name: str, variables: dict[Axis, str], flat: str | None, wide: bool) -> str:
        """A node's value at the loop variables, in the asked precision."""
        node = self.node(name)
        if node.op == "const":
            return number(node.get("value"), wide)
        behind = self.behind(name)
        if behind in self.local:
            text, mine = self.local[behind], self.wide[behind]
        elif self.plan.place[name] == "control" or node.op == "scalar":
            text, mine = self.control(name), True
        else:
            text, mine = self.element(name, variables, flat), self.stored_wide(name)
        if mine == wide:
            return text
        return f"{'D' if wide else 'F'}({text})"

    def behind(self, name: str) -> str:
        """A node without renamings that keep the loop the same."""
        node = self.node(name)
        while node.op == "rename" and not any(PARTNER in pair for pair in node.get("names")):
            node = self.node(node.args[0])
        return node.name

    def stored_wide(self, name: str) -> bool:
        """The precision of the array a node's value is read from."""
        node = self.node(name)
        while node.op == "rename":
            node = self.node(node.args[0])
        return self.wide[node.name]

    def element(self, name: str, variables: dict[Axis, str], flat: str | None) -> str:
        """One element of a node's array; renamed axes are those of the array that holds the value."""
        array, node = self.array_of(name), self.node(name)
        if self.sample:
            variables = {SAMPLE: "b", **variables}
        crossed = False  # whether the value is that of another sample
        while node.op == "rename":
            crossed |= any(PARTNER in pair for pair in node.get("names"))
            back = {old: variables[new] for old, new in node.get("names") if new in variables}
            variables = {**variables, **back}
            node = self.node(node.args[0])
        first = lead(node.axes)
        index = offset(node.axes, variables, flat)
        if first is None or (self.sample and first == SAMPLE and not crossed):
            return self.at(array, index)
        return self.at(array, f"{variables[first]}, {index}")

    def row_along(self, name: str, axis: Axis, variables: dict[Axis, str]) -> str | None:
        """A value's numbers along an axis as one row, if its array holds them so and nothing else in it."""
        node = base = self.node(name)
        while base.op == "rename":
            base = self.node(base.args[0])
        numbers = base.op in ("const", "scalar") or self.plan.place[base.name] == "control"
        plain = rest(node.axes) == (axis,) and len(rest(base.axes)) == 1
        if numbers or not plain or self.behind(name) in self.local:
            return None
        first, array = lead(node.axes), self.array_of(name)
        if first is None or (self.sample and first == SAMPLE):
            return array
        return f"{array}[{variables[first]}]"

    def layout(self, name: str) -> Axes:
        """A node's axes in the order in which its array holds them."""
        node, tables = self.node(name), list[dict[Axis, Axis]]()
        while node.op == "rename":
            tables.insert(0, dict(node.get("names")))
            node = self.node(node.args[0])
        axes = node.axes
        for table in tables:
            axes = tuple(table.get(a, a) for a in axes)
        return axes

    def control(self, name: str) -> str:
        """A number that is recomputed here, once per step."""
        node = self.node(name)
        if node.op == "const":
            return number(node.get("value"), True)
        if node.op == "scalar":
            return self.scalar(node.get("name"))
        ident = "n_" + self.arrays.identifier(node)
        if ident not in self.controls:
            operands = [self.number_operand(a) for a in node.args]
            self.controls[ident] = self.expression(node, operands, True)
        return ident

    def scalar(self, name: str) -> str:
        """A number the engine feeds."""
        if name.startswith("rate:"):
            rates = self.use(self.arrays.add("rates", "rates", "", ("R",), "D"))
            return f"{rates}[{self.arrays.rate(name)}]"
        if name == "epoch":
            return f"D({self.use(self.arrays.add('numbers', 'numbers', '', ('2',), 'I'))}[0])"
        return f"D({ {'step': 't', 'steps': 'T', 'batch': 'B'}[name] })"

    def number_operand(self, name: str) -> str:
        """An operand of a control value."""
        if self.plan.place[name] == "control" or self.node(name).op in ("const", "scalar"):
            return self.control(name)
        return f"D({self.at(self.array_of(name), '0')})"

    # groups of nodes ----------------------------------------------------------------------------------

    def domain(self, node: Node) -> Axes:
        """The axes a node's loop runs over here."""
        return tuple(a for a in node.axes if not (self.sample and a == SAMPLE))

    def groups(self, nodes: Sequence[Node]) -> list[list[Node]]:
        """Nodes that share a loop, in an order in which operands come first."""
        level: dict[str, int] = {}
        mine = {n.name for n in nodes}
        for node in nodes:
            height = 0
            for a in self.sources(node):
                if a not in mine:
                    continue
                other = self.node(a)
                together = (
                    node.op in FUSED
                    and other.op in FUSED
                    and self.domain(node) == self.domain(other)
                    and self.gate(node) == self.gate(other)
                )
                height = max(height, level[a] + (not together))
            level[node.name] = height
        self.delay(nodes, level)
        found: dict[tuple[object, ...], list[Node]] = {}
        for node in nodes:
            if node.op == "rename":
                continue
            key = (
                (level[node.name], 0, self.domain(node), self.gate(node))
                if node.op in FUSED
                else (level[node.name], 1, node.name)
            )
            found.setdefault(key, []).append(node)
        return [
            found[k] for k in sorted(found, key=lambda k: (k[0], k[1], nodes.index(found[k][0])))
        ]

    def delay(self, nodes: Sequence[Node], level: dict[str, int]) -> None:
        """Move values towards the loop that reads them, so that they need no array."""
        readers: dict[str, list[Node]] = {n.name: [] for n in nodes}
        for node in nodes:
            for a in self.sources(node):
                if a in readers:
                    readers[a].append(node)
        for node in reversed(nodes):
            if node.op not in FUSED or not readers[node.name]:
                continue
            domain = self.domain(node)
            latest = [
                level[r.name]
                - (r.op not in FUSED or self.domain(r) != domain or self.gate(r) != self.gate(node))
                for r in readers[node.name]
            ]
            level[node.name] = max(level[node.name], min(latest))

    def sources(self, node: Node) -> list[str]:
        """Operands, looked at through renamings."""
        found = []
        for a in node.args:
            while self.node(a).op == "rename":
                a = self.node(a).args[0]
            found.append(a)
        return found

    def emit(self, nodes: Sequence[Node], stores: dict[str, list[str]]) -> None:
        """Write all nodes. `stores`: where each value is to be put, as element expressions' arrays."""
        for gate, groups in groupby(self.groups(nodes), lambda group: self.gate(group[0])):
            if not gate:
                self.emit_groups(groups, stores)
                continue
            listed = set(self.listed)
            with self.body.block(f"if {self.control(gate)} != 0"):
                self.emit_groups(groups, stores)
            self.listed = listed

    def emit_groups(self, groups: Iterable[list[Node]], stores: dict[str, list[str]]) -> None:
        """Write groups of nodes, one after another."""
        for group in groups:
            if group[0].op in FUSED:
                self.fused(group, stores)
            else:
                self.single(group[0], stores)
            self.body()

    def gate(self, node: Node) -> str:
        """The number that is not 0 where a node is wanted, or nothing."""
        return self.plan.gate.get(node.name, "") if self.stage >= 0 else ""

    def fused(self, group: list[Node], stores: dict[str, list[str]]) -> None:
        """One loop for nodes of the same axes."""
        axes = self.domain(group[0])
        inner = tuple(
            a for a in axes if not (a == SAMPLE or (a == PARTNER and SAMPLE not in group[0].axes))
        )
        outer = [a for a in axes if a not in inner]
        flat = self.flat(group, inner)
        variables = {a: variable(a) for a in axes}
        order: list[Axis] = outer if flat else [*outer, *inner]
        self.local = {}

        def lines() -> None:
            for node in group:
                self.line(node, variables, "i" if flat else None)
                for target in stores.get(node.name, ()):
                    self.store(target, node, variables, "i" if flat else None)

        if self.hoists and axes:
            self.hoist(group)
        self.nest(order, flat if inner else None, variables, lines)
        self.local = {}

    def hoist(self, group: list[Node]) -> None:
        """Read single numbers before the loop: inside it the compiler could not know that they stay the same."""
        mine = {n.name for n in group}
        for node in group:
            for a in node.args:
                behind = self.behind(a)
                plain = self.node(behind)
                alone = not self.domain(plain) and plain.op not in ("const", "scalar", "rename")
                if not alone or behind in mine or behind in self.local:
                    continue
                if self.plan.place[a] == "control" or self.plan.place[behind] == "control":
                    continue
                name = "one_" + self.arrays.identifier(plain)
                self.body(f"{name} = {self.element(behind, {}, None)}")
                self.local[behind] = name

    def nest(
        self,
        order: Sequence[Axis],
        flat: str | None,
        variables: dict[Axis, str],
        lines: Callable[[], Any],
    ) -> None:
        """Loops over some axes, and over a flat index `i` if its length is given."""

        def body() -> None:
            if flat:
                with self.body.block(f"for i in range({flat})"):
                    lines()
            else:
                lines()

        loops(self.body, order, variables, body)

    def flat(self, group: list[Node], inner: Axes) -> str | None:
        """The length of a single loop, if every operand has all axes or none."""
        for node in group:
            if node.op in ("onehot", "range", "linspace", "random") and len(inner) > 1:
                return None
            for a in node.args:
                mine = tuple(k for k in self.layout(a) if k in inner)
                if mine and mine != inner:
                    return None
                if tuple(
                    k
                    for k in self.node(a).axes
                    if k not in inner and k not in self.domain(node) and k != SAMPLE
                ):
                    return None
        total = "1"
        if inner:
            n = size(inner)
            total = ("B" if n == 1 else f"B * {n}") if PARTNER in inner else str(n)
        return total

    def line(self, node: Node, variables: dict[Axis, str], flat: str | None) -> None:
        """The assignment of one fused node."""
        wide = self.wide[node.name]
        name = "v_" + self.arrays.identifier(node)
        if node.op == "onehot":
            label = self.operand(node.args[0], variables, None, True)
            index = (
                variables[node.get("over")]
                if flat is None or features(node.axes) != (node.get("over"),)
                else flat
            )
            text = f"{number(1.0, wide)} if int({label}) == {index} else {number(0.0, wide)}"
        elif node.op in ("range", "linspace"):
            text = self.table(node, flat or variables[node.axes[0]], wide)
        elif node.op == "random":
            text = self.random(node, variables, flat, wide)
        else:
            text = self.expression(
                node, [self.operand(a, variables, flat, wide) for a in node.args], wide
            )
        where = "" if not node.span.source.text else str(node.span)
        self.body(f"{name} = {text}", note=where)
        self.local[node.name] = name

    def table(self, node: Node, index: str, wide: bool) -> str:
        """An element of `range` or `linspace`."""
        kind = "D" if wide else "F"
        if node.op == "range":
            return f"{kind}({index})"
        first, last, n = node.get("first"), node.get("last"), node.get("n")
        step, forward = spacing(first, last, n, bool(node.get("single")))
        text = f"{kind}({first!r} + {step!r} * {index})"
        if forward < n:
            back = f"{kind}({last!r} - {step!r} * ({n - 1} - {index}))"
            text = f"{text} if {index} < {forward} else {back}"
        return text

    def random(self, node: Node, variables: dict[Axis, str], flat: str | None, wide: bool) -> str:
        """A value of a random stream at this step, sample and element."""
        key = self.use(
            self.arrays.add(
                "key_" + self.arrays.identifier(node), "key", node.get("stream"), ("2",), "Q"
            )
        )
        element = flat if flat and features(node.axes) else user_index(node.axes, variables)
        step = "t" if node.get("every") == "step" else "0"
        ids = self.use(self.arrays.add("sample_ids", "samples", "", ("B",), "I"))
        sample = (
            f"{ids}[b]"
            if SAMPLE in node.axes
            else f"{self.use(self.arrays.add('numbers', 'numbers', '', ('2',), 'I'))}[1]"
        )
        epoch = self.use(self.arrays.add("numbers", "numbers", "", ("2",), "I")) + "[0]"
        counter = f"{element}, {step}, {sample}, {epoch}"
        word = f"word({counter}, {key}[0], {key}[1])"
        one, zero = number(1.0, wide), number(0.0, wide)
        p = [self.operand(a, variables, flat, True) for a in node.args]
        if node.get("draw") == "bernoulli":
            limit = self.rounded(self.times(p[0], "D(4294967296.0)", True))
            return f"{one} if D({word}) < {limit} else {zero}"
        kind = "D" if wide else "F"
        match node.get("draw"):
            case "normal":
                return f"{kind}({self.times(p[0], f'normal_of({word})', True)})"
            case "poisson":
                return f"{kind}(poisson_of({word}, {p[0]}))"
            case "gamma":
                return f"{kind}(gamma_of({counter}, {key}[0], {key}[1], {p[0]}, {p[1]}))"
        share = self.times(f"({p[1]} - {p[0]})", f"D({word} >> np.uint64(8))", True)
        share = self.times(share, f"D({2.0**-24!r})", True)
        return f"{kind}({p[0]} + {share})"

    def store(self, target: str, node: Node, variables: dict[Axis, str], flat: str | None) -> None:
        """Put a value of the current loop into an array."""
        first = lead(node.axes)
        index = offset(node.axes, variables, flat)
        if first is not None and not (self.sample and first == SAMPLE):
            index = f"{variables[first]}, {index}"
        line = f"{self.at(target, index)} = {self.local[node.name]}"
        if target.startswith("f_"):
            with self.body.block("if k == 0"):
                self.body(line)
        else:
            self.body(line)

    # nodes of their own -------------------------------------------------------------------------------

    def single(self, node: Node, stores: dict[str, list[str]]) -> None:
        """A node that is not element by element."""
        targets = list(stores.get(node.name, ()))
        out = targets[0]
        if node.op in PRIMITIVES and self.sample:
            PRIMITIVES[node.op](self, node, out)
        elif node.op in PRIMITIVES or node.op == "project_w":
            self.batched(node, out)
        else:
            SINGLE[node.op](self, node, out)
        for more in targets[1:]:
            copy = f"{self.whole('copy', node)}({more}, {out})"
            self.body(f"if k == 0: {copy}" if more.startswith("f_") else copy)

    def whole(self, what: str, node: Node) -> str:
        """The primitive that copies or fills a node's array here."""
        first = lead(node.axes)
        return (
            f"{what}_row" if first is None or (self.sample and first == SAMPLE) else f"{what}_rows"
        )

    def batched(self, node: Node, out: str) -> None:
        """A projection or product outside the loop over samples."""
        if node.op == "project_w":
            geometry = node.get("geometry")
            a, z = (f"{x}.reshape((1, *{x}.shape))" for x in map(self.array_of, node.args))
            self.body(f"fill_row({out}, 0)")
            shape = numbers_of(self.arrays, geometry)
            self.body(f"{kind_of(geometry)}_product({out}, {a}, {z}, {shape})")
            return
        if lead(node.axes) is None:
            PRIMITIVES[node.op](self, node, out)
            return
        with self.body.block("for b in range(B)"):
            PRIMITIVES[node.op](self, node, f"{out}[b]", rows=True)

    def known_before(self, node: Node) -> tuple[str, str] | None:
        """Where a product's input is, if it is known for all steps of the chunk: an array, and its first step."""
        source = self.node(self.behind(node.args[1]))
        made = self.plan.stage.get(source.name)
        other = made is not None and made != self.stage
        if not self.sample or self.stage < 0 or self.gate(node) or lead(source.axes) is None:
            return None
        if source.op != "field" and not other:
            return None
        array, _, index = self.views[self.array_of(source.name)].partition("[")
        return array, "t0" if index.startswith("t") else "0"

    def rows_before(self, node: Node, array: str) -> str | None:
        """The rows of all samples of which an array of an operand is one or all, if other stages make them."""
        made = [self.plan.stage.get(self.behind(a)) for a in node.args]
        if self.block == 1 or self.stage < 0 or self.gate(node) or {None, self.stage} & {*made}:
            return None
        name, _, index = self.views.get(array, "").partition("[")
        return f"{name}[0]" if index in ("k, b]", "k]") else None

    def known_rows(self, node: Node) -> str | None:
        """Where a product's input is for all samples of a block, if it is known before any of them is computed."""
        source = self.node(self.behind(node.args[1]))
        if self.block == 1 or self.stage < 0 or self.gate(node) or lead(source.axes) is None:
            return None
        made = self.plan.stage.get(source.name)
        if source.op == "previous":
            array = self.array_of(source.name)
            state = self.heads.get(array, "").partition("[")[0]
            return state if state.startswith("s_") else None
        if source.op != "field" and made in (None, self.stage):
            return None
        array, _, index = self.views[self.array_of(source.name)].partition("[")
        return f"{array}[{'t0' if index.startswith('t') else '0'}]"

    def known_product(self, node: Node, out: str, w: str, known: str, plain: bool) -> None:
        """A product whose input is known for all samples of a block; w as it is stored, or in panels."""
        raise NotImplementedError

    def in_panels(self, weight: str) -> bool:
        """Whether a weight is read in panels: where it changes at every step, that would cost more than it brings."""
        return self.plan.chunk.most != 1

    def all_samples(self, array: str, length: int | str) -> str:
        """Room for what an array is of each sample of a block: rows, and the first of them."""
        if array in self.views:  # kept for others
            return f"{self.views[array].partition('[')[0]}[0], first"
        every = f"{array}_every"
        self.heads[every] = (
            f"np.empty(({self.block}, {length}), {self.heads.pop(array).split(', ')[-1]}"
        )
        self.heads[array] = f"{every}[b - first]"
        return f"{every}, 0"

    def all_steps(self, array: str, length: int) -> str:
        """Room for the values of all steps that an array has at each: what it is, and which of its samples is meant."""
        if array in self.views:  # kept for others
            return f"{self.views[array].partition('[')[0]}, b"
        every = f"{array}_every"
        self.heads[every] = f"np.zeros((K, 1, {length}), {self.heads.pop(array).split(', ')[-1]}"
        self.views[array] = f"{every}[k, 0]"
        return f"{every}, 0"

    def events(self, name: str, rows: bool) -> str:
        """The list of where a node is not 0, its numbers and how many they are; made once in a step."""
        source = self.behind(name)
        ident = self.arrays.identifier(self.node(source))
        at, of, count = f"at_{ident}", f"of_{ident}", f"count_{ident}"
        if source not in self.listed:
            room = size(self.node(name).axes)
            self.heads.setdefault(at, f"np.empty({room} + SPARE, np.uint32)")
            self.heads.setdefault(of, f"np.empty({room} + SPARE, REAL)")
            self.body(f"{count} = events({self.row(name, rows)}, {at}, {of})")
            if not rows:
                self.listed.add(source)
        return f"{at}, {of}, {count}"

    def pixel_room(self, name: str, channels: int) -> tuple[str, str, str]:
        """Room for the list of where a node is not 0, its numbers and the first of each pixel."""
        ident = self.arrays.identifier(self.node(self.behind(name)))
        at, of, start = f"at_{ident}", f"of_{ident}", f"start_{ident}"
        room = size(self.node(name).axes)
        self.heads.setdefault(at, f"np.empty({room} + SPARE, np.uint32)")
        self.heads.setdefault(of, f"np.empty({room} + SPARE, REAL)")
        self.heads.setdefault(start, f"np.empty({room // channels} + 1, np.int64)")
        return at, of, start

    def pixel_events(self, name: str, rows: bool, channels: int) -> str:
        """The list of where a node is not 0, its numbers and the first of each pixel; made once in a step."""
        source, room = self.behind(name), ", ".join(self.pixel_room(name, channels))
        if source not in self.listed:
            self.body(f"pixel_events({self.row(name, rows)}, {room}, {channels})")
            if not rows:
                self.listed.add(source)
        return room

    def laid_out(self, weight: str, geometry: Geometry, turned: bool) -> str:
        """The array of a weight as its products read it, in panels of columns, made when weights change.

        Turned: with a row for each postsynaptic channel.
        """
        node = self.node(weight)
        letter = "t" if turned else "l"
        ident = f"{letter}_{self.arrays.identifier(self.node(self.behind(weight)))}"
        rows, columns = geometry.channels("pre"), geometry.channels("post")
        dense = geometry.kind == "dense"
        pad, taps = (PAD, 1) if dense else (1, geometry.kernel[0] * geometry.kernel[1])
        others, across = (columns, rows) if turned else (rows, columns)
        shape = (str(taps * others * -(-across // pad) * pad),)
        self.arrays.add(ident, "fixed", weight, shape, self.kind(node))
        if turned:
            line = f"turned_panels({{}}, {{}}, {taps}, {rows}, {columns}, {pad})"
        else:
            line = f"panels({{}}, {{}}, {taps * rows}, {columns}, {pad})"
        self.arrays.layouts.setdefault(ident, (weight, line))
        return self.use(ident)

    def row(self, name: str, rows: bool) -> str:
        """A node's array, or its row for sample b."""
        array = self.array_of(name)
        return f"{array}[b]" if rows and lead(self.node(name).axes) is not None else array
