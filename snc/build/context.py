"""The graph while it is being built: nodes, names, storage, and what has gone wrong so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from snc.build import mistakes
from snc.build.values import (
    EachOf,
    Failed,
    First,
    Fun,
    Instance,
    Num,
    Object,
    Population,
    Projection,
    Val,
    Word,
)
from snc.diagnostics import Diagnostic, Label
from snc.graph.builder import Builder
from snc.graph.graph import BATCH, SAMPLE, Axes, Axis, State, Write, features
from snc.graph.numbers import fold
from snc.model.library import standard_sources
from snc.model.plan import Draw, Stored
from snc.source import NOWHERE, Source, Span

ONE_PLACE = frozenset(["add", "sub", "max", "min", "lt", "le", "gt", "ge", "eq", "ne"])
SAME_UNIT = ONE_PLACE
PLAIN_ONLY = frozenset(["exp", "log", "sin", "cos", "tanh", "sigmoid"])


@dataclass
class Context:
    """One build. `assumed` are the axes of states as an earlier round found them."""

    assumed: dict[str, tuple[Axes, int]]
    dt: float | None
    description: dict[str, tuple[int, ...]] = field(default_factory=dict)  # field -> features
    more_fields: bool = False  # the data may have fields that are not known here
    alone: bool = False  # a declaration checked by itself, with made-up surroundings
    builder: Builder = field(default_factory=Builder)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    registry: dict[str, dict[str, Object]] = field(default_factory=dict)
    written: set[tuple[str, str]] = field(default_factory=set)
    given: dict[str, dict[str, Object]] = field(default_factory=dict)  # arguments of blocks
    projections: dict[str, Projection] = field(default_factory=dict)
    populations: dict[str, Population] = field(default_factory=dict)
    blocks: dict[str, Val | None] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)  # node -> the name a spec gives it
    gates: dict[str, tuple[str, float]] = field(default_factory=dict)
    path: str = ""
    block: str = ""
    each: int | None = None  # which projection of the selection is being bound
    each_names: tuple[str, ...] = ()
    rule: Projection | None = None
    rule_axes: dict[str, Axes] = field(
        default_factory=dict
    )  # what `[pre]`, `[post]`, `[weight]` mean
    rule_name: str = ""
    learn_span: Span | None = None
    sides: dict[str, Any] = field(
        default_factory=dict
    )  # what `post.x` and `pre.x` are looked up in
    gate: str | None = None  # the window of the learn being bound
    wanted: dict[str, tuple[Any, str]] = field(
        default_factory=dict
    )  # state -> frame and name in it
    instances: dict[str, int] = field(default_factory=dict)
    doubtful: tuple[float, Span] | None = None  # the last plain number a time was divided by
    reported: tuple[str, ...] | None = None  # what the run measures; None where that is not known
    calls: list[Span] = field(default_factory=list)  # where what is being evaluated was called
    unknown: set[str] = field(default_factory=set)  # states whose axes this round does not know yet
    call: Callable[..., Any] = field(default=lambda *a, **k: None, repr=False)
    instantiate: Callable[..., Any] = field(default=lambda *a, **k: None, repr=False)
    make_storage: Callable[..., Any] = field(default=lambda *a, **k: None, repr=False)

    # reporting ----------------------------------------------------------------------------------------

    def fail(self, diagnostic: Diagnostic) -> NoReturn:
        """Report a mistake and give up the definition in which it stands."""
        self.report(diagnostic)
        raise Failed

    @contextmanager
    def going_on(self) -> Any:
        """A mistake here, once reported, does not stop what follows."""
        with suppress(Failed):
            yield

    def report(self, diagnostic: Diagnostic) -> None:
        """Report a mistake; one inside the library is reported where the library was called."""
        span = diagnostic.span
        if shipped(span.source):
            for call in reversed(self.calls):
                if not shipped(call.source):
                    place = [Label(span, "found here")] if span.source.text else []
                    more = [r for r in diagnostic.related if not _around(r.span, call)]
                    diagnostic = replace(diagnostic, primary=Label(call), related=(*place, *more))
                    break
        self.diagnostics.append(diagnostic)

    @contextmanager
    def calling(self, span: Span) -> Any:
        """Meanwhile, mistakes in the library are those of a call."""
        self.calls.append(span)
        try:
            yield
        finally:
            self.calls.pop()

    def unsettled(self, x: Val) -> bool:
        """Whether a value without features may have some in a later round."""
        return not features(x.axes) and self.uncertain(x)

    def uncertain(self, x: Object) -> bool:
        """Whether a value depends on a state of which this round knows neither axes nor unit."""
        if not self.unknown or not isinstance(x, Val):
            return False
        seen, waiting = set[str](), [x.node]
        while waiting:
            node = self.builder.nodes[waiting.pop()]
            if node.op == "previous" and node.get("state") in self.unknown:
                return True
            waiting += [a for a in node.args if a not in seen]
            seen.update(node.args)
        return False

    @contextmanager
    def at(self, path: str) -> Any:
        """Make instances under another path meanwhile."""
        before, self.path = self.path, path
        try:
            yield
        finally:
            self.path = before

    @contextmanager
    def inside(self, block: str) -> Any:
        """Meanwhile, projections have `block` around them."""
        before, self.block = self.block, block
        try:
            yield
        finally:
            self.block = before

    def register(self, path: str, name: str, value: Object, written: bool = False) -> None:
        """Give an instance a member; names written in a body win over those of unnamed parts."""
        members = self.registry.setdefault(path, {})
        if written:
            self.written.add((path, name))
        elif (path, name) in self.written:
            return
        members[name] = value

    def member(self, path: str, name: str) -> Object | None:
        """A member of an instance: a name in it, or an instance below it."""
        found = self.registry.get(path, {}).get(name)
        if found is None and f"{path}.{name}" in self.registry:
            return Instance(f"{path}.{name}")
        if found is None:
            found = self.given.get(path, {}).get(name)
        return found

    # numbers and nodes --------------------------------------------------------------------------------

    def val(self, value: Object, span: Span, what: str = "a value") -> Val:
        """The object as a node of the graph."""
        if isinstance(value, Val):
            return value
        if isinstance(value, Num):
            if math.isnan(value.value):
                self.fail(mistakes.no_dt(span))
            return Val(self.builder.number(value.value), (), value.dim)
        if isinstance(value, EachOf):
            return self.val(self.pick(value), span, what)
        if isinstance(value, Word) and value.text == span.text:
            self.fail(mistakes.unknown_name(span, value.text, (), self.rule is not None))
        self.fail(mistakes.not_a_value(span, value, what))

    def pick(self, value: Object) -> Object:
        """The item of an `each` for the projection being bound."""
        if not isinstance(value, EachOf):
            return value
        if self.each is None:
            self.fail(mistakes.each_outside_learn(value.span))
        if len(value.items) != len(self.each_names):
            self.fail(mistakes.each_of_wrong_length(value.span, len(value.items), self.each_names))
        chosen: Object = value.items[self.each]
        return chosen

    def wrap(self, node: str, dim: int = 0) -> Val:
        """A node as a value."""
        return Val(node, self.builder.axes(node), dim)

    def constant(self, value: Object, span: Span, what: str) -> float:
        """The object as a number known now."""
        value = self.pick(value)
        if isinstance(value, Num):
            if value.dim:
                self.fail(mistakes.not_plain(span, what, value.dim))
            return value.value
        if isinstance(value, Val):
            known = self.builder.value_of(value.node)
            if known is not None:
                return known
        self.fail(mistakes.not_a_number(span, what))

    def whole(self, value: Object, span: Span, what: str, least: int = 1) -> int:
        """The object as a whole number known now."""
        number = self.constant(value, span, what)
        if isinstance(value, Num) and value.unit == "flag":
            self.fail(mistakes.not_whole(span, what, bool(number), least))
        sound = math.isfinite(number) and number == int(number)
        if not sound or not least <= number <= mistakes.LARGEST_WHOLE:
            self.fail(mistakes.not_whole(span, what, number, least))
        return int(number)

    # elementwise --------------------------------------------------------------------------------------

    def elementwise(self, op: str, operands: list[Object], spans: list[Span], span: Span) -> Object:
        """Apply an operation element by element; numbers are folded at once."""
        operands = [self.pick(v) for v in operands]
        dim = self.dimension(op, operands, spans, span)
        if all(isinstance(v, Num) for v in operands):
            numbers = [v for v in operands if isinstance(v, Num)]
            folded = fold(op, [v.value for v in numbers])
            given = [v.steps for v in numbers if v.steps is not None]
            if op == "div" and len(given) == 2 and given[1]:
                folded = given[0] / given[1]  # steps by steps: the length of a step does not matter
            if folded is None:
                self.fail(mistakes.undefined_number(span, op))
            return Num(folded, dim, _steps(op, numbers))
        values = [self.val(v, s) for v, s in zip(operands, spans, strict=True)]
        values = self._vectors(values)
        self.check_places(op, values, spans, span)
        return self.wrap(self.builder.apply(op, *(v.node for v in values), span=span), dim)

    def _vectors(self, values: list[Val]) -> list[Val]:
        """A single axis of rows or columns meets one of channels as such."""
        plain = [features(v.axes) for v in values]
        channels = {f[0].size for f in plain if len(f) == 1 and f[0] == Axis("channel", f[0].size)}
        made = []
        for value, axes in zip(values, plain, strict=True):
            vector = len(axes) == 1 and axes[0].kind in ("rows", "columns")
            if vector and axes[0].size in channels:
                node = self.builder.rename(value.node, [(axes[0], Axis("channel", axes[0].size))])
                value = replace(value, node=node, axes=self.builder.axes(node))
            made.append(value)
        return made

    def dimension(self, op: str, operands: list[Object], spans: list[Span], span: Span) -> int:
        """The power of time of the result."""
        dims = [v.dim if isinstance(v, Num | Val) else 0 for v in operands]
        if op in PLAIN_ONLY and dims[0]:
            self.fail(mistakes.needs_a_time(span, op, self.doubtful))
        unequal = op in SAME_UNIT and len(set(dims)) > 1 and not _free(operands, dims)
        if unequal and not any(self.uncertain(v) for v in operands):
            self.fail(mistakes.mixed_units(span, spans))
        if op == "mul":
            return sum(dims)
        if op == "div":
            if dims[0] and not dims[1] and isinstance(operands[1], Num):
                self.doubtful = (operands[1].value, spans[1])
            return dims[0] - dims[1]
        if op == "sqrt":
            return dims[0] // 2
        if op == "where":
            return max(dims[1:], key=abs)
        if op in ("lt", "le", "gt", "ge", "eq", "ne", "sign", "not", "and", "or", "spike"):
            return 0
        return max(dims, key=abs) if op in SAME_UNIT else dims[0]

    def check_places(self, op: str, values: list[Val], spans: list[Span], span: Span) -> None:
        """Element-by-element operations need equal features, or places that meet in a rule."""
        for i, a in enumerate(values):
            for b, b_span in zip(values[i + 1 :], spans[i + 1 :], strict=True):
                self._check_pair(op, a, b, spans[i], b_span, span)

    def _check_pair(self, op: str, a: Val, b: Val, a_span: Span, b_span: Span, span: Span) -> None:
        fa, fb = features(a.axes), features(b.axes)
        batch = {x.kind for x in (*a.axes, *b.axes) if x.kind in BATCH}
        if "partner" in batch and len(a.axes) and len(b.axes) and a.axes != b.axes:
            self.fail(mistakes.pair_and_sample(span, a_span, b_span))
        roles_a, roles_b = {x.role for x in fa}, {x.role for x in fb}
        if roles_a & {"pre", "post"} or roles_b & {"pre", "post"}:
            if op in ONE_PLACE and _kernel_free(fa) and _kernel_free(fb):
                mixed = {"pre"} == roles_a and {"post"} == roles_b
                mixed = mixed or ({"post"} == roles_a and {"pre"} == roles_b)
                # `j * e[t-1] + pre`: what looks post-sided may be a synapse value once e is known
                if mixed and not (self.uncertain(a) or self.uncertain(b)):
                    self.fail(mistakes.mixed_places(span, a_span, b_span, {"pre"} == roles_a))
            sizes: dict[tuple[str, str], int] = {}
            for x in (*fa, *fb):
                if sizes.setdefault(x.key, x.size) != x.size:
                    self.fail(mistakes.different_shapes(span, a_span, fa, b_span, fb, op))
            return
        if not fa or not fb or fa == fb:
            return
        small, large = sorted((fa, fb), key=len)
        if len(small) == len(large) or not set(small) <= set(large):
            self.fail(mistakes.different_shapes(span, a_span, fa, b_span, fb, op))

    # axes ---------------------------------------------------------------------------------------------

    def axes_named(self, x: Val, words: Iterable[str], span: Span) -> tuple[Axis, ...]:
        """The axes of x that option words mean."""
        found: list[Axis] = []
        for word in words:
            hits = [a for a in x.axes if _means(word, a)]
            if not hits and word not in ("space",) and not self.unsettled(x):
                self.fail(mistakes.no_such_axis(span, word, x.axes))
            found += hits
        return tuple(found)

    # storage ------------------------------------------------------------------------------------------

    def store(
        self,
        name: str,
        order: Axes,
        role: str,
        first: Draw,
        fans: tuple[int, int] = (0, 0),
        span: Span = NOWHERE,
    ) -> Val:
        """A stored array and its node; `order` are its axes as files have them."""
        if takes_values(first):
            self.fail(
                mistakes.not_a_number(span, f"what `{first.word}` is given for a first value")
            )
        shape = tuple(a.size for a in order)
        self.stored.setdefault(name, Stored(name, shape, role, first, *fans))
        node = self.builder.node("stored", (), order, span, note=name, name=name, order=order)
        self.labels.setdefault(node, name)
        return self.wrap(node)

    def state(self, name: str, span: Span) -> Val:
        """The previous value of a state; its axes are those of the round before."""
        if name not in self.assumed:
            self.unknown.add(name)
        axes, dim = self.assumed.get(name, ((), 0))
        return self.wrap(self.builder.previous(name, axes, span), dim)

    def instance_id(self, path: str) -> str:
        """A name for a new instance under a path, different from those of the instances before it."""
        self.instances[path] = count = self.instances.get(path, 0) + 1
        return path if count == 1 else f"{path}~{count}"

    def unique_state(self, name: str) -> str:
        """A state name not yet taken."""
        taken, k = name, 2
        while taken in self.states:
            taken, k = f"{name}~{k}", k + 1
        return taken

    def delayed(self, value: Val, span: Span) -> Val:
        """A value one step ago: it becomes a state; what a rule calls `post` one with the population's own."""
        made = self.builder.nodes[value.node]
        if made.op == "rename":
            before = self.delayed(self.wrap(made.args[0], value.dim), span)
            return self.wrap(self.builder.rename(before.node, made.get("names"), span), value.dim)
        name = "@" + (self.labels.get(value.node) or value.node)
        known = self.states.get(name)
        if known is not None and known.value != value.node:
            name = self.unique_state(name)
        self.states[name] = State(name, value.node, None, value.axes, span=span)
        return Val(self.builder.previous(name, value.axes, span), value.axes, value.dim)


def feeds(ctx: Context, node: str) -> set[str]:
    """All nodes that reach a current through sums, scaling and changes of shape."""
    seen: set[str] = set()
    stack = [node]
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        made = ctx.builder.nodes[name]
        if made.op in ("add", "sub", "neg", "reshape"):
            stack += made.args
        elif made.op in ("mul", "div"):
            numbers = [ctx.builder.value_of(a) is not None for a in made.args]
            stack += [
                a
                for a, number in zip(made.args, numbers, strict=True)
                if not number and any(numbers)
            ]
    return seen


def takes_values(draw: Draw) -> bool:
    """Whether a draw is given values, which only what is drawn during a sequence can be."""
    if draw.word in ("copy", "computed"):
        return False
    return any(
        takes_values(a) if isinstance(a, Draw) else isinstance(a, str) and a.startswith("@")
        for a in draw.arguments
    )


def _around(span: Span, inner: Span) -> bool:
    return span.source == inner.source and span.start <= inner.start < span.end


def shipped(source: Source) -> bool:
    """Whether a text is of the standard library, or none at all."""
    return source in (NOWHERE.source, *standard_sources())


def _free(operands: list[Object], dims: list[int]) -> bool:
    """Zero and infinity fit every unit."""
    return any(
        isinstance(v, Num) and (v.value == 0 or math.isinf(v.value)) and not d
        for v, d in zip(operands, dims, strict=True)
    )


def _kernel_free(axes: Axes) -> bool:
    return not any(a.kind.startswith("kernel") for a in axes)


def _steps(op: str, numbers: list[Num]) -> float | None:
    """Times given in steps stay so under addition and scaling."""
    steps = [n.steps for n in numbers]
    if op == "neg" and steps[0] is not None:
        return -steps[0]
    if len(numbers) == 2 and op in ("mul", "div"):
        if steps[0] is not None and numbers[1].dim == 0:
            return fold(op, [steps[0], numbers[1].value])
        if op == "mul" and steps[1] is not None and numbers[0].dim == 0:
            return fold(op, [numbers[0].value, steps[1]])
    if len(numbers) == 2 and op in ("add", "sub") and None not in steps:
        return fold(op, [s for s in steps if s is not None])
    return None


def _means(word: str, axis: Axis) -> bool:
    if word == "batch":
        return axis.kind == "sample"
    if word in ("sample", "partner"):
        return axis.kind == word
    if axis.kind in BATCH:
        return False
    if word == "neuron":
        return True
    if word == "space":
        return axis.kind in ("height", "width")
    if word == "pre":
        return axis.role == "pre" or axis.kind.startswith("kernel")
    if word == "post":
        return axis.role == "post"
    return axis.kind == word


__all__ = ["SAMPLE", "Context", "First", "Fun", "feeds", "fold"]
