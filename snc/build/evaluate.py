"""Expressions to values: names are looked up, functions called, instances made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snc.build import mistakes
from snc.build.builtins import OPTIONS, builtin, is_word
from snc.build.context import Context
from snc.build.frame import Definition, Frame
from snc.build.values import (
    Config,
    Data,
    EachOf,
    Failed,
    Fun,
    Hole,
    Instance,
    Lst,
    Num,
    Object,
    Str,
    Unknown,
    Val,
    Word,
)  # fmt: skip
from snc.diagnostics import Label, did_you_mean
from snc.lang import ast
from snc.model.library import Declared, File
from snc.source import Span

TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0}
RATES = {"Hz": 1.0, "kHz": 1e3}
LONGEST_DELAY = 1000  # each step of a delay is a buffer of its own
OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "<": "lt", "<=": "le", ">": "gt",
    ">=": "ge", "==": "eq", "!=": "ne", "and": "and", "or": "or",
}  # fmt: skip


def evaluate(ctx: Context, expression: ast.Expr, frame: Frame) -> Object:
    """The value of an expression in a frame. Raises Failed once a mistake is reported."""
    match expression:
        case ast.Name(text=text, span=span):
            return look_up(ctx, text, span, frame)
        case ast.Quantity():
            return quantity(ctx, expression)
        case ast.Text(value=value):
            return Str(value)
        case ast.ListOf(items=items):
            return Lst(tuple(evaluate(ctx, i, frame) for i in items))
        case ast.Each(items=items, span=span):
            return EachOf(tuple(evaluate(ctx, i, frame) for i in items), span)
        case ast.Pipe():
            return pipe(ctx, expression, frame)
        case ast.Binary(left=left, operator=operator, right=right, span=span):
            values = [evaluate(ctx, left, frame), evaluate(ctx, right, frame)]
            spans = [left.span, right.span]
            return ctx.elementwise(OPERATORS[operator], values, spans, span)
        case ast.Unary(operator=operator, operand=operand, span=span):
            op = "neg" if operator == "-" else "not"
            return ctx.elementwise(op, [evaluate(ctx, operand, frame)], [operand.span], span)
        case ast.Member():
            return member(ctx, expression, frame)
        case ast.Call():
            return call_expression(ctx, expression, frame, None)
        case ast.Index():
            return delayed(ctx, expression, frame)


# Names --------------------------------------------------------------------------------------------------


def look_up(ctx: Context, name: str, span: Span, frame: Frame) -> Object:
    """What a name means in a frame."""
    if name == "_":
        return frame.given.get("_", Hole())
    found = local(ctx, name, span, frame)
    if isinstance(found, Unknown):
        raise Failed
    if found is not None:
        return found
    declared = frame.file.find("value", name)
    if declared is not None:
        return Fun(name, declared)
    known = builtin(ctx, name, span)
    if known is not None:
        return known
    if name in ctx.registry and frame.kind == "experiment":
        return Instance(name)
    if ctx.more_fields and frame.kind == "experiment":
        raise Failed
    ctx.fail(mistakes.unknown_name(span, name, names_in(frame), frame.kind == "rule"))


def local(ctx: Context, name: str, span: Span, frame: Frame) -> Object | None:
    """What the frame, or the network around an experiment, calls so."""
    inner: Frame | None = frame
    while inner is not None:
        if name in inner.given:
            return inner.given[name]
        if name in inner.storage:
            with _once(ctx, inner, name, span):
                inner.given[name] = ctx.make_storage(inner, inner.storage[name])
            return inner.given[name]
        if name in inner.lazy:
            expression, file = inner.lazy[name]
            scope = (
                inner
                if file is inner.file
                else Frame(inner.kind, inner.name, inner.path, file, around=inner)
            )
            with _once(ctx, inner, name, span):
                inner.given[name] = evaluate(ctx, expression, scope)
            return inner.given[name]
        if name in inner.definitions:
            return define(ctx, inner, inner.definitions[name], span)
        inner = inner.around
    return None


@contextmanager
def _once(ctx: Context, frame: Frame, name: str, span: Span) -> Iterator[None]:
    """While a default or a stored value is made it cannot be read; what failed is not tried again."""
    if name in frame.failed:
        raise Failed
    if name in frame.running:
        ctx.fail(mistakes.circular_parameter(span, name))
    frame.running.add(name)
    try:
        yield
    except Failed:
        frame.failed.add(name)
        raise
    finally:
        frame.running.discard(name)


def names_in(frame: Frame) -> list[str]:
    """All names a frame can see, for suggestions."""
    names = [*frame.given, *frame.lazy, *frame.definitions, *frame.file.known("value"), *OPTIONS]
    return names + (names_in(frame.around) if frame.around else [])


def define(ctx: Context, frame: Frame, definition: Definition, span: Span) -> Object:
    """The value of a definition, evaluated when it is first read."""
    if definition.stage == "done":
        value: Object = definition.value
        return value
    if definition.stage == "failed":
        raise Failed
    if definition.stage == "running":
        running = [d for d in frame.definitions.values() if d.stage == "running"]
        others = [(d.name, d.span) for d in running if d is not definition]
        definition.stage = "failed"
        ctx.fail(mistakes.instant_cycle(span, definition.name, others))
    definition.stage = "running"
    path = frame.states_of(definition.name)
    scope = frame
    if definition.file is not frame.file:
        scope = Frame(frame.kind, frame.name, frame.path, definition.file, around=frame)
    try:
        with ctx.at(path):
            value = evaluate(ctx, definition.expression, scope)
    except Failed:
        definition.stage = "failed"
        raise
    if isinstance(value, Val):
        keeps_path = value.path and not ctx.registry.get(path)
        value = value if keeps_path else value.named(path)
        ctx.labels.setdefault(value.node, path)
    definition.stage, definition.value = "done", value
    if frame.kind in ("neuron", "block", "signal", "rule", "network"):
        ctx.register(frame.path, definition.name, value, written=frame.kind != "neuron")
    return value


def quantity(ctx: Context, expression: ast.Quantity) -> Object:
    """A number with its unit."""
    value, unit = expression.value, expression.unit
    if unit is None:
        return Num(value)
    if unit == "%":
        return Num(value / 100, unit="%")
    if unit in TIMES:
        return Num(value * TIMES[unit], 1)
    if unit in RATES:
        return Num(value * RATES[unit], -1)
    if unit in ("step", "steps"):
        return Num(value * ctx.dt if ctx.dt else float("nan"), 1, value)
    if unit in ("sequence", "sequences", "epoch", "epochs"):
        return Num(value, unit=unit if unit.endswith("s") else unit + "s")
    start = expression.span.start + expression.span.text.rindex(unit)
    ctx.fail(mistakes.unknown_unit(Span(start, expression.span.end, expression.span.source), unit))


def member(ctx: Context, expression: ast.Member, frame: Frame) -> Object:
    """`owner.name`."""
    owner = ctx.pick(evaluate(ctx, expression.owner, frame))
    name = expression.name.text
    if isinstance(owner, Word):  # the name of an option, where that of a layer was meant
        ctx.val(owner, expression.owner.span)
    path = owner.path if isinstance(owner, Val | Instance) else None
    if path in ctx.sides:
        return side_member(ctx, path, expression)
    if not path and isinstance(owner, Val):
        path = ctx.labels.get(owner.node)
    found = ctx.member(path, name) if path else None
    if found is not None:
        return in_role(ctx, owner, found, expression.span)
    if ctx.alone and not path:
        raise Failed  # a made-up value has no names; a real one may
    shown = expression.owner.span.text
    known = sorted(k for k in ctx.registry.get(path or "", {}) if not k.startswith("@"))
    hint = did_you_mean(name, known) or (f"it has {', '.join(known)}" if known else "")
    text = f"`{shown}` has nothing called `{name}`"
    ctx.fail(mistakes.no_such_name(expression.name.span, text, hint))


def side_member(ctx: Context, side: str, expression: ast.Member) -> Object:
    """`post.x` or `pre.x`: a parameter, argument or definition of the neuron at that side."""
    population, role, projection = ctx.sides[side]
    if population is None and ctx.alone:
        raise Failed
    name, span = expression.name.text, expression.span
    if population is None:
        text = f"`{side[1:]}.{name}`: `{projection.path}` drives no neuron, so `post` has no names"
        if side == "@pre":
            text = f"`pre.{name}`: what `{projection.path}` reads is no neuron's output"
        ctx.fail(mistakes.no_such_name(span, text))
    frame = population.frame
    known = [*frame.given, *frame.lazy, *frame.storage, *frame.definitions]
    if name not in known:
        ctx.fail(no_such_side(ctx, population, projection, expression, frame))
    with ctx.at(population.path):
        found = local(ctx, name, span, frame)
    if isinstance(found, Val) and side == "@pre":
        node = ctx.builder.nodes[projection.pre.node]
        delayed = node.op == "previous"
        found = ctx.delayed(found, span) if delayed else found
    if isinstance(found, Val):
        made = ctx.wrap(ctx.builder.with_role(found.node, role, span), found.dim)
        return made.named(found.path)
    return found  # type: ignore[return-value]


def no_such_side(
    ctx: Context, population: Any, projection: Any, expression: ast.Member, frame: Frame
) -> Any:
    """The rule reads something of a neuron that it does not have."""
    rule = ctx.rule_name or "the rule"
    known = [p.name.text for p in population.declared.parameters]
    known += [d for d in frame.definitions if d not in known]
    article = "an" if population.declared.name[0] in "aeiou" else "a"
    text = (
        f"`{rule}` reads `{expression.span.text}`, but `{projection.path}` drives {article} "
        f"`{population.declared.name}`, which has only {', '.join(known)}"
    )
    related = Label(ctx.learn_span, "bound here") if ctx.learn_span else None
    return mistakes.no_such_name(expression.span, text, "", *([related] if related else []))


def in_role(ctx: Context, owner: Object, found: Object, span: Span) -> Object:
    """A member of something taken as pre or post lives there too."""
    if ctx.rule is None or not isinstance(owner, Val) or not isinstance(found, Val):
        return found
    roles = {a.role for a in owner.axes if a.role}
    if len(roles) == 1 and not any(a.role for a in found.axes):
        role = roles.pop()
        made = ctx.wrap(ctx.builder.with_role(found.node, role, span), found.dim)
        return made.named(found.path)
    return found


# Delays -------------------------------------------------------------------------------------------------


def delayed(ctx: Context, expression: ast.Index, frame: Frame) -> Object:
    """`x[t-1]`, or `x[t-k]` as k delays."""
    steps = _delay(ctx, expression, frame)
    if isinstance(expression.value, ast.Name):
        value = _own_state(ctx, expression.value.text, expression, frame)
        if value is not None:
            for _ in range(steps - 1):
                value = ctx.delayed(value, expression.span)
            return value
    found = ctx.pick(evaluate(ctx, expression.value, frame))
    result = ctx.val(found, expression.value.span, "a value that changes over time")
    for _ in range(steps):
        result = ctx.delayed(result, expression.span)
    return result


def _own_state(ctx: Context, name: str, expression: ast.Index, frame: Frame) -> Val | None:
    """The previous value of a definition of this body, which need not have been evaluated yet."""
    inner: Frame | None = frame
    while inner is not None:
        if name in inner.given or name in inner.lazy or name in inner.storage:
            return None
        if name in inner.definitions:
            state = f"{inner.uid}:{name}"
            ctx.wanted[state] = (inner, name)
            return ctx.state(state, expression.span).named(inner.states_of(name))
        inner = inner.around
    return None


def _delay(ctx: Context, expression: ast.Index, frame: Frame) -> int:
    index = expression.index
    if (
        isinstance(index, ast.Binary)
        and index.operator == "-"
        and isinstance(index.left, ast.Name)
        and index.left.text == "t"
    ):
        steps = ctx.whole(evaluate(ctx, index.right, frame), index.right.span, "a delay")
        if steps > LONGEST_DELAY:
            ctx.fail(mistakes.long_delay(index.right.span, steps, LONGEST_DELAY))
        return steps
    ctx.fail(mistakes.reads_the_future(expression.index.span, expression.span.text))


# Calls --------------------------------------------------------------------------------------------------


def pipe(ctx: Context, expression: ast.Pipe, frame: Frame) -> Object:
    """`value | step`: the value is the first argument of the step."""
    if "_" not in frame.given and _waits(expression):
        return Fun("_ | ...", lambda_=expression, frame=frame)
    value = evaluate(ctx, expression.value, frame)
    step = expression.step
    if isinstance(step, ast.Call):
        return call_expression(ctx, step, frame, (value, expression.value.span))
    function = evaluate(ctx, step, frame)
    return call(ctx, function, [(None, value, expression.value.span)], step.span, frame)


def _waits(expression: ast.Expr) -> bool:
    """Whether a pipeline starts with `_`."""
    while isinstance(expression, ast.Pipe):
        expression = expression.value
    return isinstance(expression, ast.Name) and expression.text == "_"


Given = tuple[str | None, Object, Span]


def call_expression(
    ctx: Context, expression: ast.Call, frame: Frame, piped: tuple[Object, Span] | None
) -> Object:
    """A call as written; option words are words only where an option expects them."""
    function = ctx.pick(evaluate(ctx, expression.function, frame))
    given: list[Given] = [(None, *piped)] if piped else []
    for argument in expression.arguments:
        name = argument.name.text if argument.name else None
        value = _argument(ctx, function, name, len(given), argument.value, frame)
        given.append((name, value, argument.span if name else argument.value.span))
    return call(ctx, function, given, expression.span, frame)


def _argument(
    ctx: Context, function: Object, name: str | None, position: int, value: ast.Expr, frame: Frame
) -> Object:
    """The value of an argument; a bare word stays one where the parameter is an option."""
    words = None
    if isinstance(function, Fun) and function.declared is None and function.lambda_ is None:
        words = is_word(function.name, name, position, value)
    return words or evaluate(ctx, value, frame)


def call(ctx: Context, function: Object, given: list[Given], span: Span, frame: Frame) -> Object:
    """Call anything that can be called."""
    function = ctx.pick(function)
    if not isinstance(function, Fun):
        ctx.fail(mistakes.simple("not-callable", "this is not a function", span))
    if function.lambda_ is not None:
        return _fill_hole(ctx, function, given, span)
    if function.declared is None:
        run: Any = dict(function.bound).get("@run")
        if run is None:
            ctx.fail(mistakes.simple("not-callable", f"`{function.name}` is not a function", span))
        return run(ctx, function, given, span)  # type: ignore[no-any-return]
    bound = bind(ctx, function.name, function.declared, dict(function.bound), given, span)
    if any(isinstance(v, Hole) for v in bound.values()):
        kept = tuple((k, v) for k, v in bound.items() if not isinstance(v, Hole))
        return Fun(function.name, function.declared, kept)
    return run_declared(ctx, function.declared, bound, span)


def _fill_hole(ctx: Context, function: Fun, given: list[Given], span: Span) -> Object:
    if (
        len(given) != 1
        or given[0][0] is not None
        or function.lambda_ is None
        or function.frame is None
    ):
        ctx.fail(
            mistakes.simple("too-many-arguments", "a pipeline `_ | ...` takes one value", span)
        )
    around = function.frame
    filled = Frame(
        around.kind, around.name, around.path, around.file, {"_": given[0][1]}, around=around
    )
    return evaluate(ctx, function.lambda_, filled)


def bind(
    ctx: Context,
    shown: str,
    declared: Declared,
    fixed: dict[str, Object],
    given: list[Given],
    span: Span,
) -> dict[str, Object]:
    """Arguments by parameter name; what is not given is left out. Holes stay holes."""
    order = [p.name.text for p in declared.parameters]
    bound = dict(fixed)
    free = [p for p in order if p not in fixed]
    for position, (name, value, where) in enumerate(given):
        if name is None:
            if position >= len(free):
                ctx.fail(mistakes.too_many_arguments(where, shown, order))
            name = free[position]
        elif name not in order:
            ctx.fail(mistakes.unknown_argument(where, shown, name, order))
        elif name in bound and name not in fixed:
            ctx.fail(mistakes.argument_twice(where, shown, name))
        bound[name] = value
    holes = any(isinstance(v, Hole) for v in bound.values())
    for parameter in declared.parameters:
        name = parameter.name.text
        if name not in bound and parameter.default is None and not holes:
            ctx.fail(mistakes.missing_argument(span, shown, name))
    return bound


def frame_for(declared: Declared, path: str, bound: dict[str, Object]) -> Frame:
    """A frame with what was given; defaults are evaluated when they are read."""
    frame = Frame(declared.kind, declared.name, path, declared.file, dict(bound))
    for parameter in declared.parameters:
        if parameter.name.text not in bound and parameter.default is not None:
            frame.lazy[parameter.name.text] = (parameter.default, declared.file)
    return frame


def run_declared(ctx: Context, declared: Declared, bound: dict[str, Object], span: Span) -> Object:
    """Call a function, or make an instance of a neuron or block."""
    if isinstance(declared.node, ast.Function):
        frame = frame_for(declared, ctx.path, bound)
        before = len(ctx.diagnostics)
        ctx.doubtful = None
        try:
            with ctx.calling(span):
                return evaluate(ctx, declared.node.value, frame)
        except Failed:
            _blame_caller(ctx, before, declared, span)
            raise
    with ctx.calling(span):
        made: Object = ctx.instantiate(declared, bound, span)
    return made


def _blame_caller(ctx: Context, before: int, declared: Declared, span: Span) -> None:
    """A function of the library got a number where a time is needed: say so at the call."""
    made = ctx.diagnostics[before:]
    if len(made) == 1 and made[0].code == "needs-a-time" and ctx.doubtful:
        del ctx.diagnostics[before:]
        ctx.report(mistakes.needs_a_time(span, "", ctx.doubtful, declared.name))


def as_list(value: Object) -> tuple[Object, ...]:
    """The items of a list, or the one value."""
    return value.items if isinstance(value, Lst) else (value,)


def text_of(value: Object) -> str | None:
    """The text of a word or string."""
    return value.text if isinstance(value, Word | Str) else None


__all__ = [
    "Config",
    "Data",
    "File",
    "as_list",
    "call",
    "define",
    "evaluate",
    "frame_for",
    "text_of",
]
