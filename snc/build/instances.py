"""Instances of neurons and blocks, and what bodies store."""

from __future__ import annotations

from snc.build import mistakes
from snc.build.context import Context
from snc.build.evaluate import define, evaluate, frame_for
from snc.build.first import RANDOM, computed_first, refuse_misfit
from snc.build.frame import Definition, Frame
from snc.build.values import Failed, First, Instance, Lst, Num, Object, Population, Val, Word
from snc.diagnostics import listing
from snc.graph.graph import SAMPLE, Axes, Axis, State, Write, canonical, features, file_order
from snc.lang import ast
from snc.model.library import Declared
from snc.model.plan import Draw, Stored
from snc.source import Span

EVERY = {"step": "step", "steps": "step", "sequence": "sequence", "epoch": "epoch"}


def fill_frame(frame: Frame, body: tuple[ast.Statement, ...]) -> None:
    """Enter a body's definitions, storage and initial values into a frame."""
    for statement in body:
        match statement:
            case ast.Definition(path=ast.Path(parts=(name,)), value=value):
                if not isinstance(
                    value, ast.Always | ast.Last | ast.After | ast.When | ast.Schedule
                ):
                    made = Definition(name.text, value, frame.file, name.span)
                    frame.definitions.setdefault(name.text, made)
            case ast.Storage(name=name):
                frame.storage.setdefault(name.text, statement)
            case ast.Initial(name=name):
                frame.initials[name.text] = statement
            case ast.Output(value=ast.Name(text=text)):
                frame.output_name = text


def instantiate(ctx: Context, declared: Declared, bound: dict[str, Object], span: Span) -> Object:
    """Make a neuron or block at the current path; its output, or an Instance if it has none."""
    path = ctx.path
    frame = frame_for(declared, path, bound)
    frame.uid = ctx.instance_id(path)
    fill_frame(frame, declared.body)
    if declared.kind == "block":
        ctx.blocks[frame.uid] = None
        ctx.given.setdefault(path, frame.given)
        with ctx.inside(frame.uid):
            return _body(ctx, declared, frame, span)
    return _body(ctx, declared, frame, span)


def _body(ctx: Context, declared: Declared, frame: Frame, span: Span) -> Object:
    outputs = [s for s in declared.body if isinstance(s, ast.Output)]
    output: Object = Instance(frame.path)
    if outputs:
        output = evaluate_output(ctx, frame, outputs[0])
    elif declared.kind == "neuron":
        ctx.fail(mistakes.no_output(declared.node.name.span, "neuron", declared.name))
    evaluate_rest(ctx, frame)
    updates(ctx, frame, declared.body)
    if isinstance(output, Num):
        output = ctx.val(output, span)
    if isinstance(output, Val):
        output = output.named(frame.path)
        ctx.register(frame.path, "@output", output)
    if declared.kind == "neuron":
        _population(ctx, declared, frame, output, span)
    elif isinstance(output, Val):
        ctx.blocks[frame.uid] = output
    return output


def evaluate_output(ctx: Context, frame: Frame, statement: ast.Output) -> Object:
    """The value of `output ...`; its parts belong to the instance itself."""
    with ctx.at(frame.path):
        return evaluate(ctx, statement.value, frame)


def evaluate_rest(ctx: Context, frame: Frame) -> None:
    """Evaluate every definition of a body, also those nothing has read yet."""
    for definition in list(frame.definitions.values()):
        try:
            define(ctx, frame, definition, definition.span)
        except Failed:
            continue


def _population(ctx: Context, declared: Declared, frame: Frame, output: Object, span: Span) -> None:
    first = declared.parameters[0].name.text if declared.parameters else ""
    if first not in frame.given:
        ctx.fail(mistakes.missing_argument(span, declared.name, first or "an input"))
    given = ctx.val(frame.given[first], span, "the input of a neuron")
    made = Population(frame.path, declared, given, ctx.val(output, span), ctx.block)
    made.frame = frame
    ctx.populations[frame.uid] = made


# Storage ------------------------------------------------------------------------------------------------


def make_storage(ctx: Context, frame: Frame, statement: ast.Storage) -> Val:
    """The value of an `input`, `label`, `constant`, `parameter` or `random` statement."""
    axes = declared_axes(ctx, frame, statement)
    name = statement.name.text
    path = f"{frame.path}.{name}" if frame.path else name
    span = statement.name.span
    if statement.kind == "input":
        fed = _fed(ctx, frame, statement)
        ctx.description.setdefault(fed, tuple(a.size for a in file_order(features(axes))))
        node = ctx.builder.node("field", (), (SAMPLE, *axes), span, name, name=fed)
        return _labelled(ctx, frame, name, node, path)
    if statement.kind == "label":
        label = ctx.builder.node("field", (), (SAMPLE,), span, "label", name="label")
        node = ctx.builder.node("onehot", (label,), (SAMPLE, *axes), span, over=axes[0])
        return _labelled(ctx, frame, name, node, path)
    first = _first(ctx, frame, statement)
    if statement.kind == "random":
        return _random(ctx, frame, statement, axes, first, path)
    shape = tuple(a.size for a in file_order(axes))
    fan = shape[0] if len(shape) > 1 else (shape[0] if shape else 1)
    fans = (fan, shape[-1] if shape else 1)
    if isinstance(first, Val):
        first = computed_first(ctx, statement, first, axes)
    role = statement.kind
    value = ctx.store(path, file_order(axes), role, first.draw, fans, span).named(path)
    ctx.register(frame.path, name, value, written=True)
    return value


def _fed(ctx: Context, frame: Frame, statement: ast.Storage) -> str:
    """The field of the data that an `input` reads: the first `input`, any other the one of its name."""
    name = statement.name.text
    first = next(n for n, s in frame.storage.items() if s.kind == "input")
    if name == first:
        return "input"
    if name == "length":  # that of each sample, which has no features
        message = "`length` is a field of its own; only the first `input` may have any name"
        ctx.fail(mistakes.simple("reserved-word", message, statement.name.span))
    return name


def _labelled(ctx: Context, frame: Frame, name: str, node: str, path: str) -> Val:
    ctx.labels.setdefault(node, path)
    value = ctx.wrap(node).named(path)
    ctx.register(frame.path, name, value, written=True)
    return value


def _first(ctx: Context, frame: Frame, statement: ast.Storage) -> First | Val:
    if statement.value is None:
        return First(Draw("zeros"))
    value = ctx.pick(evaluate(ctx, statement.value, frame))
    if isinstance(value, Num):
        return First(Draw("fill", (value.value,)))
    if isinstance(value, First | Val):
        return value
    ctx.fail(
        mistakes.simple(
            "not-a-draw",
            "a first value is `zeros()`, `normal(0.1)`, a number, ...",
            statement.value.span,
        )
    )


def _random(
    ctx: Context, frame: Frame, statement: ast.Storage, axes: Axes, first: First | Val, path: str
) -> Val:
    every = EVERY.get(statement.every.text if statement.every else "step")
    if every is None or statement.every is None:
        span = statement.every.span if statement.every else statement.span
        ctx.fail(
            mistakes.simple(
                "random-needs-every",
                "say when it is drawn anew: `every step`, `every sequence` or `every epoch`",
                span,
            )
        )
    if not isinstance(first, First):
        ctx.fail(
            mistakes.simple(
                "not-a-draw", "`random` needs a draw, e.g. `bernoulli(0.9)`", statement.span
            )
        )
    if first.draw.word not in RANDOM:
        known = listing([f"`{w}`" for w in RANDOM])
        text = f"`{first.draw.word}` is no draw for `random`, which takes {known}"
        ctx.fail(mistakes.simple("not-a-draw", text, statement.value.span))  # type: ignore[union-attr]
    sampled = any(a.kind == "sample" for a in axes) or bool(axes)
    whole = canonical((SAMPLE, *axes)) if sampled else ()
    args = [
        argument[1:] if isinstance(argument, str) else ctx.builder.number(float(argument))  # type: ignore[arg-type]
        for argument in first.draw.arguments
    ]
    for argument in args:
        refuse_misfit(ctx, statement, argument, whole)
    node = ctx.builder.node(
        "random", args, whole, statement.span, stream=path, draw=first.draw.word, every=every
    )
    return _labelled(ctx, frame, statement.name.text, node, path)


def declared_axes(ctx: Context, frame: Frame, statement: ast.Storage) -> Axes:
    """The features of a `[...]`: numbers are sizes, values stand for their features."""
    if not statement.shape:
        return ()
    space = len(statement.shape) == 3
    items = [_size_item(ctx, frame, e, k * space) for k, e in enumerate(statement.shape)]
    if all(isinstance(i, int) for i in items):
        return _sized(ctx, statement, [i for i in items if isinstance(i, int)])
    if len(items) == 1:
        item = items[0]
        return item if isinstance(item, tuple) else (Axis("channel", item),)
    if len(items) != 2:
        ctx.fail(
            mistakes.simple(
                "bad-shape", "a shape is sizes, one value, or two values", statement.span
            )
        )
    first, second = items
    rows = first if isinstance(first, int) else _product(first)
    last = (Axis("columns", second),) if isinstance(second, int) else second
    return (Axis("rows", rows), *last)


def _size_item(ctx: Context, frame: Frame, expression: ast.Expr, place: int) -> int | Axes:
    if isinstance(expression, ast.Name) and ctx.rule_axes and expression.text in ctx.rule_axes:
        return ctx.rule_axes[expression.text]
    value = ctx.pick(evaluate(ctx, expression, frame))
    if isinstance(value, Lst) and len(value.items) == 2 and place > 0:
        value = value.items[place - 1]  # `[channels, size, size]` with `size = [height, width]`
    if isinstance(value, Val):
        return features(value.axes)
    if isinstance(value, Word) and ctx.rule_axes and value.text in ctx.rule_axes:
        return ctx.rule_axes[value.text]
    return ctx.whole(value, expression.span, "a size")


def _sized(ctx: Context, statement: ast.Storage, sizes: list[int]) -> Axes:
    if len(sizes) == 1:
        return (Axis("channel", sizes[0]),)
    if len(sizes) == 3:
        kinds = ("channel", "height", "width")
        return canonical(Axis(k, n) for k, n in zip(kinds, sizes, strict=True))
    if len(sizes) == 2 and statement.kind in ("constant", "parameter"):
        return (Axis("rows", sizes[0]), Axis("columns", sizes[1]))
    ctx.fail(
        mistakes.simple(
            "bad-shape", "sizes are `[n]` or `[channels, height, width]`", statement.span
        )
    )


def _product(axes: Axes) -> int:
    total = 1
    for axis in axes:
        total *= axis.size
    return total


# State and `next` ---------------------------------------------------------------------------------------


def close_states(ctx: Context) -> None:
    """Give every state that was read its definition and its first value."""
    done: set[str] = set()
    while waiting := [s for s in ctx.wanted if s not in done]:
        for name in waiting:
            done.add(name)
            frame, short = ctx.wanted[name]
            try:
                _close(ctx, name, frame, short)
            except Failed:
                continue


def _close(ctx: Context, name: str, frame: Frame, short: str) -> None:
    definition = frame.definitions[short]
    value = ctx.val(define(ctx, frame, definition, definition.span), definition.span)
    first, kept = None, False
    if (initial := frame.initials.get(short)) is not None:
        given = ctx.pick(evaluate(ctx, initial.value, frame))
        if isinstance(given, Word) and given.text == "kept":
            kept = True
            shape = tuple(a.size for a in file_order(value.axes))
            ctx.stored[name] = Stored(name, shape, "kept", Draw("zeros"))
        else:
            first = ctx.val(given, initial.value.span, "a first value").node
    ctx.states[name] = State(name, value.node, first, value.axes, kept=kept, span=definition.span)


def updates(ctx: Context, frame: Frame, body: tuple[ast.Statement, ...]) -> None:
    """`next` statements of neurons and blocks: they act at every step while training."""
    for statement in body:
        if not isinstance(statement, ast.Update) or statement.target != "next":
            continue
        try:
            target = str(statement.path)
            owner = frame.storage.get(target)
            if owner is None or owner.kind != "parameter":
                ctx.fail(
                    mistakes.simple(
                        "not-a-parameter",
                        f"`next {target}` needs a `parameter {target}` in this body",
                        statement.path.span,
                    )
                )
            value = ctx.val(evaluate(ctx, statement.value, frame), statement.value.span)
            stored = ctx.val(
                evaluate(ctx, ast.Name(target, span=statement.path.span), frame),
                statement.path.span,
            )
            check_exact(ctx, statement, value, stored)
            name = ctx.builder.nodes[stored.node].get("name")
            fitted = ctx.builder.fit(value.node, stored.axes)
            ctx.writes.append(Write(name, fitted, "", ctx.builder.number(1)))
        except Failed:
            continue


def check_exact(ctx: Context, statement: ast.Update, value: Val, stored: Val) -> None:
    """What `next` gives must live where the stored value lives: nothing is summed silently."""
    extra = [a for a in value.axes if a not in stored.axes]
    if extra:
        shown = _unsummed(statement.value)
        target = str(statement.path)
        place = "one value per sample and synapse" if ctx.rule else "one value per sample"
        ctx.fail(mistakes.unsummed_uses(statement.value.span, target, shown, place))


def _unsummed(expression: ast.Expr) -> str:
    """The part of the text to be put into a sum: the product of pre and post, without plain factors."""
    found = expression
    while isinstance(found, ast.Binary) and found.operator in "+-":
        found = found.right
    text = found.span.text
    if isinstance(found, ast.Binary) and found.operator == "*":
        factors: list[ast.Expr] = []
        inner: ast.Expr = found
        while isinstance(inner, ast.Binary) and inner.operator == "*":
            factors.insert(0, inner.right)
            inner = inner.left
        factors.insert(0, inner)
        sided = [
            f.span.text for f in factors if f.span.text.split(".")[0] in ("pre", "post", "signal")
        ]
        if len(sided) > 1:
            text = " * ".join(sided)
    return text
