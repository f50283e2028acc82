"""Binding rules and signals to projections: what is learned, from what, when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from snc.build import mistakes, optimise
from snc.build.builtins.reductions import uses
from snc.build.context import Context, feeds
from snc.build.evaluate import bind, call_expression, evaluate, frame_for
from snc.build.frame import Frame
from snc.build.instances import check_exact, evaluate_output, evaluate_rest, fill_frame
from snc.build.selection import Clause, Told
from snc.build.values import Config, Failed, Fun, Instance, Num, Object, Population, Projection, Val
from snc.graph.graph import SAMPLE, Axis, Group, Write, features
from snc.lang import ast
from snc.model.library import Declared, File
from snc.model.plan import RateGroup
from snc.model.resolve import Scoped
from snc.source import Span


@dataclass
class Learning:
    """The learning of one experiment while it is bound."""

    ctx: Context
    experiment: Frame
    defaults: dict[str, Scoped]
    arguments: dict[str, Scoped]
    groups: dict[tuple[object, ...], Group] = field(default_factory=dict)
    rates: dict[tuple[object, ...], optimise.Optimiser] = field(default_factory=dict)
    signals: dict[tuple[object, ...], Val] = field(default_factory=dict)
    sinks: dict[str, list[tuple[str, Group, optimise.Optimiser | None]]] = field(
        default_factory=dict
    )
    bound: list[BoundRule] = field(default_factory=list)
    # What signals train: the number of the rule that asked for the signal, and the derivative.
    taught: list[tuple[int, str]] = field(default_factory=list)
    network: tuple[frozenset[str], frozenset[str]] | None = (
        None  # projections, populations before any signal
    )
    current: Any = None  # group and optimiser of the projection being bound

    def scope(self, file: File) -> Frame:
        """The experiment's names, seen from a file."""
        frame = self.experiment
        if file is frame.file:
            return frame
        return Frame(frame.kind, frame.name, "", file, around=frame)


@dataclass
class BoundRule:
    """One rule at one projection, for the certificates."""

    projection: Projection
    population: Population | None
    rule: Declared
    signal: str
    frame: Frame
    group: Group | None = None
    sinks: list[tuple[str, str]] = field(default_factory=list)  # stored name, node of the value
    span: Span | None = None
    from_span: Span | None = None  # the `from` clause


def learn_projection(learning: Learning, told: Told, projection: Projection) -> None:
    """Bind everything one projection is told."""
    ctx = learning.ctx
    if learning.network is None:
        learning.network = frozenset(ctx.projections), frozenset(ctx.populations)
    if "by" not in told.clauses:
        ctx.fail(
            mistakes.simple(
                "rule-missing",
                f"`{told.path}` is not told by which rule it learns",
                told.span,
                "add `by RULE(...)`",
            )
        )
    by = told.clauses["by"]
    ctx.each, ctx.each_names = by.each, by.names
    group = _group(learning, told)
    ctx.gate = group.gate
    try:
        population = driven(ctx, projection)
        rule, bound = _called(learning, by, "rule")
        signal = _signal(learning, told, projection, population, rule)
        _run_rule(learning, told, projection, population, rule, bound, signal, group)
    finally:
        ctx.each, ctx.each_names, ctx.gate, ctx.rule = None, (), None, None


# Post and layer -----------------------------------------------------------------------------------------


def driven(ctx: Context, projection: Projection) -> Population | None:
    """The neuron the projection reaches through sums, scaling by numbers and changes of shape."""
    found = [
        p for p in ctx.populations.values() if projection.output.node in feeds(ctx, p.input.node)
    ]
    if len(found) > 1:
        names = ", ".join(f"`{p.path}`" for p in found)
        ctx.fail(
            mistakes.simple(
                "two-neurons",
                f"`{projection.path}` drives {names}",
                projection.span,
                "give each its own projection",
            )
        )
    return found[0] if found else None


def _layer(ctx: Context, projection: Projection, population: Population | None) -> Val | Instance:
    """The innermost block around the projection, else its neuron, else its own result."""
    if projection.block:
        path = projection.block.split("~")[0]
        value = ctx.blocks.get(projection.block)
        return value.named(path) if value is not None else Instance(path)
    if population is not None:
        return population.output.named(population.path)
    return projection.output


def as_post(ctx: Context, value: Val, projection: Projection, span: Span) -> Val:
    """A value at the neurons, as one at the post side of the projection."""
    node = value.node
    if features(value.axes) and features(value.axes) != projection.geometry.post:
        plain = tuple(a for a in features(value.axes))
        total = 1
        for axis in plain:
            total *= axis.size
        wanted = 1
        for axis in projection.geometry.post:
            wanted *= axis.size
        if total == wanted and not any(a.role for a in plain):
            node = ctx.builder.reshape(node, projection.geometry.post, span)
    return ctx.wrap(ctx.builder.with_role(node, "post", span), value.dim).named(value.path)


# Signals ------------------------------------------------------------------------------------------------


def _called(learning: Learning, clause: Clause, kind: str) -> tuple[Declared, dict[str, Object]]:
    """The rule or signal of a clause and its arguments."""
    ctx = learning.ctx
    expression: ast.Expr = clause.value.call  # type: ignore[attr-defined]
    called = expression.function if isinstance(expression, ast.Call) else expression
    name = called.text if isinstance(called, ast.Name) else ""
    declared = clause.file.find(kind, name)
    if declared is None:
        ctx.fail(mistakes.unknown_of_kind(called.span, kind, name, clause.file.known(kind)))
    given: list[tuple[str | None, Object, Span]] = []
    scope = learning.scope(clause.file)
    for argument in expression.arguments if isinstance(expression, ast.Call) else ():
        value = ctx.pick(evaluate(ctx, argument.value, scope))
        given.append((argument.name.text if argument.name else None, value, argument.span))
    known = [p.name.text for p in declared.parameters]
    for argument_name, scoped in clause.arguments.items():
        if argument_name not in known:
            span = scoped.value.span
            ctx.fail(mistakes.unknown_argument(span, name, argument_name, known))
    bound = bind(ctx, name, declared, {}, given, expression.span)
    for argument_name, scoped in clause.arguments.items():
        bound[argument_name] = evaluate(ctx, scoped.value, learning.scope(scoped.file))  # type: ignore[arg-type]
    return declared, bound


def reads_signal(rule: Declared) -> bool:
    """Whether the rule's text reads `signal`."""
    return any(isinstance(n, ast.Name) and n.text == "signal" for s in rule.body for n in walk(s))


def walk(node: Any) -> Any:
    """All syntax nodes below one."""
    if isinstance(node, ast.Node):
        yield node
        for value in vars(node).values():
            yield from walk(value)
    elif isinstance(node, tuple):
        for item in node:
            yield from walk(item)


def _signal(
    learning: Learning,
    told: Told,
    projection: Projection,
    population: Population | None,
    rule: Declared,
) -> Val | None:
    ctx = learning.ctx
    wanted = reads_signal(rule)
    clause = told.clauses.get("from")
    if clause is None:
        if wanted:
            by = told.clauses["by"].value
            hint = (
                f"`{rule.name}` uses `signal`; say where it comes from, e.g. `from backprop(loss)`"
            )
            ctx.fail(mistakes.simple("signal-missing", hint, by.span))
        return None
    if not wanted:
        message = f"`{rule.name}` does not use `signal`; drop the `from`"
        ctx.fail(mistakes.simple("signal-unused", message, clause.value.span))
    ctx.each, ctx.each_names = clause.each, clause.names
    layer, place = _handed_over(learning, told, projection, population)
    with ctx.calling(clause.value.call.span):  # type: ignore[attr-defined]
        raw = _make_signal(learning, clause, projection, layer, place)
    output = population.output if population else projection.output
    if not features(raw.axes) or place.node == output.node:
        return raw
    build = ctx.builder
    carried = build.sum(build.mul(build.apply("stop", raw.node), place.node), place.axes)
    node = build.node(
        "gradient", (carried, output.node), output.axes, clause.value.span, backward=None, owner=""
    )
    return ctx.wrap(node)


def _handed_over(
    learning: Learning, told: Told, projection: Projection, population: Population | None
) -> tuple[Val | Instance, Val]:
    """The layer, and the value of it that the signal is for (`at`)."""
    ctx = learning.ctx
    layer = _layer(ctx, projection, population)
    output = population.output if population else projection.output
    clause = told.clauses.get("at")
    if clause is not None:
        path: ast.Path = clause.value.path  # type: ignore[attr-defined]
        if str(path) == "post":
            return layer, output
        found = ctx.member(getattr(layer, "path", ""), str(path))
        if not isinstance(found, Val):
            ctx.fail(mistakes.no_such_name(path.span, f"the layer has nothing called `{path}`"))
        return layer, found
    return layer, layer if isinstance(layer, Val) else output


def _make_signal(
    learning: Learning, clause: Clause, projection: Projection, layer: Val | Instance, place: Val
) -> Val:
    """The signal's value at the layer; made once for a layer and call."""
    ctx = learning.ctx
    declared, bound = _called(learning, clause, "signal")
    key = (
        getattr(layer, "path", ""),
        place.node,
        declared,
        tuple(sorted((k, repr(v)) for k, v in bound.items())),
    )
    if key in learning.signals:
        return learning.signals[key]
    short = (getattr(layer, "path", "") or projection.path).replace("@", "")
    path = f"{short}_{declared.name}"
    frame = frame_for(declared, path, bound)
    frame.uid = ctx.instance_id(path)
    frame.given["layer"] = place.named(getattr(layer, "path", ""))
    fill_frame(frame, declared.body)
    outputs = [s for s in declared.body if isinstance(s, ast.Output)]
    if not outputs:
        ctx.fail(mistakes.no_output(declared.node.name.span, "signal", declared.name))
    value = ctx.val(evaluate_output(ctx, frame, outputs[0]), outputs[0].value.span)
    evaluate_rest(ctx, frame)
    extra = features(value.axes)
    if extra and extra != features(place.axes):
        ctx.fail(
            mistakes.different_shapes(
                outputs[0].span,
                outputs[0].value.span,
                value.axes,
                clause.value.span,
                place.axes,
                "",
            )
        )
    _train_signal(learning, frame, declared)
    learning.signals[key] = value
    return value


def _train_signal(learning: Learning, frame: Frame, declared: Declared) -> None:
    """`gradient y.weight = ...` in a signal: its own projections learn with it."""
    ctx = learning.ctx
    for statement in declared.body:
        if not isinstance(statement, ast.Update):
            continue
        parts = [p.text for p in statement.path.parts]
        projection = ctx.projections.get(f"{frame.path}.{parts[0]}")
        if projection is None or len(parts) != 2 or statement.target != "gradient":
            ctx.fail(
                mistakes.simple(
                    "not-a-parameter",
                    f"`{statement.path}` is no parameter of this signal",
                    statement.path.span,
                )
            )
        if parts[1] != "parameters" and parts[1] not in projection.owned:
            ctx.fail(mistakes.not_owned(statement.path.span, parts[0], parts[1], projection.owned))
        wanted = list(projection.owned) if parts[1] == "parameters" else [parts[1]]
        group, optimiser = learning.current
        for name in wanted:
            stored = projection.owned[name]
            value = _stored_val(ctx, stored)
            before = ctx.registry.setdefault(projection.path, {}).get(parts[1])
            ctx.registry[projection.path][parts[1]] = value
            e = ctx.val(evaluate(ctx, statement.value, frame), statement.value.span)
            if before is not None:
                ctx.registry[projection.path][parts[1]] = before
            share = ctx.builder.fit(e.node, value.axes)
            learning.taught.append((len(learning.bound), share))
            node = ctx.builder.node("collect", (share, group.gate), value.axes, group=group.name)
            learning.sinks.setdefault(stored, []).append((node, group, optimiser))


# Rules --------------------------------------------------------------------------------------------------


def _run_rule(
    learning: Learning,
    told: Told,
    projection: Projection,
    population: Population | None,
    rule: Declared,
    bound: dict[str, Object],
    signal: Val | None,
    group: Group,
) -> None:
    ctx, span = learning.ctx, told.clauses["by"].value.span
    path = f"{projection.path}_{rule.name}"
    frame = frame_for(rule, path, bound)
    frame.uid = ctx.instance_id(path)
    fill_frame(frame, rule.body)
    enter_sides(ctx, frame, projection, population, signal, span)
    layer = _layer(ctx, projection, population)
    frame.given["layer"] = (
        as_post(ctx, layer, projection, span) if isinstance(layer, Val) else layer
    )
    made = BoundRule(projection, population, rule, "", frame, group, [], span)
    clause = told.clauses.get("from")
    made.signal = clause.value.call.span.text if clause else ""  # type: ignore[attr-defined]
    made.from_span = clause.value.span if clause else None
    ctx.rule_name, ctx.learn_span = rule.name, span
    with ctx.at(path), ctx.calling(told.clauses["by"].value.call.span):  # type: ignore[attr-defined]
        evaluate_rest(ctx, frame)
        optimiser = learning.current[1]
        for statement in rule.body:
            if isinstance(statement, ast.Update):
                bind_update(learning, frame, projection, statement, group, optimiser, made)
    learning.bound.append(made)


def enter_sides(
    ctx: Context,
    frame: Frame,
    projection: Projection,
    population: Population | None,
    signal: Val | None,
    span: Span,
) -> None:
    """Give a rule's body what it may read of its projection."""
    ctx.rule = projection
    geometry = projection.geometry
    pre = ctx.wrap(ctx.builder.with_role(projection.pre.node, "pre", span))
    output = population.output if population else projection.output
    post = as_post(ctx, output, projection, span)
    ctx.rule_axes = {
        "pre": tuple(Axis(a.kind, a.size, "pre") for a in geometry.pre),
        "post": tuple(Axis(a.kind, a.size, "post") for a in geometry.post),
        "weight": geometry.weight,
    }
    frame.given["pre"] = pre.named("@pre")
    frame.given["post"] = post.named("@post")
    frame.given["weight"] = projection.effective.named("@weight")
    if projection.bias is not None:
        frame.given["bias"] = projection.bias
    if "gain" in projection.owned:
        frame.given["gain"] = _stored_val(ctx, projection.owned["gain"])
    frame.given["stored"] = Instance(projection.path)
    ctx.register(projection.path, "weight", projection.raw, written=True)
    if signal is not None:
        frame.given["signal"] = as_post(ctx, signal, projection, span)
    ctx.sides = {
        "@post": (population, "post", projection),
        "@pre": (_neuron_of(ctx, projection.pre), "pre", projection),
    }


def _neuron_of(ctx: Context, value: Val) -> Population | None:
    """The neuron whose output, now or one step ago, a value is."""
    node = value.node
    made = ctx.builder.nodes[node]
    if made.op == "previous":
        frame, name = ctx.wanted.get(made.get("state"), (None, ""))
        path = frame.states_of(name) if frame else ""
        return next((p for p in ctx.populations.values() if p.path == path), None)
    return next((p for p in ctx.populations.values() if p.output.node == node), None)


def _stored_val(ctx: Context, name: str) -> Val:
    return ctx.wrap(ctx.builder.stored[name])


def bind_update(
    learning: Learning,
    frame: Frame,
    projection: Projection,
    statement: ast.Update,
    group: Group,
    optimiser: optimise.Optimiser | None,
    made: BoundRule,
) -> None:
    ctx, target = learning.ctx, str(statement.path)
    try:
        if target == "parameters":
            for stored in projection.owned.values():
                frame.given["parameters"] = _stored_val(ctx, stored)
                e = ctx.val(evaluate(ctx, statement.value, frame), statement.value.span)
                _sink(learning, stored, _collected(ctx, e, stored, group), group, optimiser, made)
            return
        if target in ("weight", "bias", "gain", "stored.weight"):
            if target != "stored.weight" and target not in projection.owned:
                return  # the projection lacks it (no bias): dropped
            value = frame.given.get(target, projection.raw)
            if target == "weight" and statement.target == "next":
                value = projection.raw  # what is stored gets the value; the norm is applied to it
        elif target in frame.storage:
            value = evaluate(ctx, ast.Name(target, span=statement.path.span), frame)
        elif target.startswith("post."):
            found = _of_the_neuron(ctx, statement.path, target.removeprefix("post."))
            if found is None:
                return
            value = found
        else:
            ctx.fail(
                mistakes.simple(
                    "not-a-parameter",
                    f"`{target}` is nothing a rule can change",
                    statement.path.span,
                    "a rule changes `weight`, `bias`, `gain`, `parameters`, a `parameter` of its own, "
                    "or one of its neuron (`post.leak`)",
                )
            )
        e = ctx.val(evaluate(ctx, statement.value, frame), statement.value.span)
        if target.startswith("post."):  # stored at the neuron itself, which has no sides
            e = ctx.wrap(ctx.builder.with_role(e.node, "", statement.value.span), e.dim)
        if statement.target == "next":
            _next(
                ctx,
                statement,
                e,
                ctx.val(value, statement.path.span),
                projection,
                target,
                group,
                made,
            )
        else:
            _gradient(
                learning,
                projection,
                target,
                ctx.val(value, statement.path.span),
                e,
                group,
                optimiser,
                made,
            )
    except Failed:
        return


def _of_the_neuron(ctx: Context, path: ast.Path, name: str) -> Val | None:
    """The `parameter` of the driven neuron that a rule changes; None where no neuron is known."""
    population = ctx.sides["@post"][0]
    if population is None and ctx.alone:
        return None
    found = ctx.member(population.path, name) if population else None
    stored = isinstance(found, Val) and ctx.builder.nodes[found.node]
    if not isinstance(found, Val) or not stored or stored.op != "stored":
        message = f"`post.{name}` is no `parameter` of the neuron"
        hint = f"declare `parameter {name} = ...` in the neuron, then a rule can change it"
        ctx.fail(mistakes.simple("not-a-parameter", message, path.span, hint))
    return found


def _next(
    ctx: Context,
    statement: ast.Update,
    e: Val,
    value: Val,
    projection: Projection,
    target: str,
    group: Group,
    made: BoundRule,
) -> None:
    check_exact(ctx, statement, e, value)
    stored = projection.owned.get(target) or ctx.builder.nodes[value.node].get("name")
    node = ctx.builder.fit(e.node, value.axes)
    ctx.writes.append(Write(stored, node, "", group.gate))
    made.sinks.append((stored, node))


def _gradient(
    learning: Learning,
    projection: Projection,
    target: str,
    value: Val,
    e: Val,
    group: Group,
    optimiser: optimise.Optimiser | None,
    made: BoundRule,
) -> None:
    ctx, build = learning.ctx, learning.ctx.builder
    if target not in ("weight", "stored.weight"):
        stored = projection.owned.get(target) or build.nodes[value.node].get("name")
        _sink(learning, stored, _collected(ctx, e, stored, group), group, optimiser, made)
        return
    made.sinks.append((projection.owned["weight"], e.node))
    extra = any(a not in value.axes for a in e.axes)
    summed = uses(ctx, e) if extra else build.expand(e.node, value.axes)
    total = build.node("collect", (summed, _gate_of(ctx, e, group)), value.axes, group=group.name)
    if target == "stored.weight" or projection.raw.node == projection.effective.node:
        _sink(learning, projection.owned["weight"], total, group, optimiser, None)
        return
    along = build.sum(build.mul(build.apply("stop", total), projection.effective.node), value.axes)
    for name, stored in projection.owned.items():
        if name == "bias":
            continue
        mine = _stored_val(ctx, stored)
        pulled = build.node("gradient", (along, mine.node), mine.axes, backward=None, owner="")
        _sink(learning, stored, pulled, group, optimiser, None)


def _collected(ctx: Context, e: Val, stored: str, group: Group) -> str:
    """A value summed to where a stored parameter lives, and over the steps until the update."""
    value = _stored_val(ctx, stored)
    node = ctx.builder.fit(e.node, value.axes)
    return ctx.builder.node(
        "collect", (node, _gate_of(ctx, e, group)), value.axes, group=group.name
    )


def _gate_of(ctx: Context, e: Val, group: Group) -> str:
    """The window; through time it is already in the derivative, and every step counts."""
    seen, stack = set[str](), [e.node] if ctx.builder.through_time else []
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        node = ctx.builder.nodes[name]
        if node.op == "bptt":
            return ctx.builder.number(1)
        stack += node.args
    return group.gate


def _sink(
    learning: Learning,
    stored: str,
    node: str,
    group: Group,
    optimiser: optimise.Optimiser | None,
    made: BoundRule | None,
) -> None:
    known = learning.sinks.setdefault(stored, [])
    if node not in [
        n for n, _, _ in known
    ]:  # two projections into a neuron find the same derivative
        known.append((node, group, optimiser))
    if made is not None:
        made.sinks.append((stored, node))


def optimise_all(learning: Learning) -> None:
    """Add up the gradients of every parameter and give them to its optimiser."""
    ctx = learning.ctx
    for stored, parts in learning.sinks.items():
        total = parts[0][0]
        for node, _, _ in parts[1:]:
            total = ctx.builder.add(total, node)
        _, group, optimiser = parts[0]
        assert optimiser is not None
        optimise.apply(ctx, optimiser, group, stored, _stored_val(ctx, stored), total)


def rate_groups(learning: Learning) -> tuple[RateGroup, ...]:
    """All learning rates, each with what it moves: a projection, or those of its arrays that differ in it."""
    groups = {s: p[0][2].rate.name for s, p in learning.sinks.items() if p[0][2] is not None}
    shared: dict[str, set[str]] = {}
    for stored, group in groups.items():
        shared.setdefault(stored.rpartition(".")[0], set()).add(group)
    learns: dict[str, dict[str, None]] = {}
    for stored, group in groups.items():
        owner = stored.rpartition(".")[0]
        name = owner if owner and len(shared[owner]) == 1 else stored
        learns.setdefault(group, {})[name] = None
    rates = (o.rate for o in learning.rates.values())
    return tuple(replace(rate, learns=tuple(learns.get(rate.name, ()))) for rate in rates)


# Windows, schedules, optimisers -------------------------------------------------------------------------


def _group(learning: Learning, told: Told) -> Group:
    """The group a projection's parameters commit with, and the optimiser they use."""
    ctx = learning.ctx
    during, during_file = _clause(learning, told, "during", ast.Always())
    update, update_file = _clause(learning, told, "update", ast.Schedule(ast.Name("sequence")))
    using, using_file = _clause(learning, told, "using", None)
    gate = window_gate(ctx, during, learning.scope(during_file))
    every, unit = _period(ctx, update, learning.scope(update_file))
    optimiser = _optimiser(learning, using, using_file)
    key = (gate, every, unit, optimiser.rate.name)
    if key not in learning.groups:
        learning.groups[key] = Group(f"g{len(learning.groups) + 1}", gate, every, unit)
    learning.current = (learning.groups[key], optimiser)
    return learning.groups[key]


def _clause(learning: Learning, told: Told, name: str, default: Any) -> tuple[Any, File]:
    clause = told.clauses.get(name)
    if clause is not None:
        inner = {"during": "window", "update": "schedule", "using": "call"}[name]
        return getattr(clause.value, inner), clause.file
    setting = learning.defaults.get({"using": "train.optimiser"}.get(name, f"train.{name}"))
    if setting is not None:
        return setting.value, setting.file
    return default, learning.experiment.file


def window_gate(ctx: Context, window: ast.Window, frame: Frame) -> str:
    """A window as a node that is 1 inside and 0 outside."""
    build = ctx.builder
    step, steps = (build.node("scalar", name=n) for n in ("step", "steps"))
    match window:
        case ast.Always():
            return build.number(1)
        case ast.Last(length=length):
            count = _steps(ctx, length, frame, "last")
            return build.apply("le", build.sub(steps, step), build.number(count))
        case ast.After(start=start):
            return build.apply("ge", step, build.number(_steps(ctx, start, frame, "after")))
        case ast.When(condition=condition):
            value = ctx.val(evaluate(ctx, condition, frame), condition.span)
            if value.axes:
                ctx.fail(
                    mistakes.simple(
                        "not-one-number",
                        "a window's condition is one number for the batch",
                        condition.span,
                    )
                )
            return value.node
    ctx.fail(
        mistakes.simple(
            "not-a-window",
            "a window is `always`, `last 5 steps`, `after 60 ms` or `when condition`",
            getattr(window, "span", frame_span(frame)),
        )
    )


def frame_span(frame: Frame) -> Span:
    """Some place in a frame, for want of a better one."""
    return frame.file.spec.span


def _steps(ctx: Context, length: ast.Expr, frame: Frame, word: str) -> float:
    """A window's length in steps."""
    if isinstance(length, ast.Name) and length.text == "step":
        return 1.0
    value = ctx.pick(evaluate(ctx, length, frame))
    if isinstance(value, Num) and value.dim == 1:
        if value.steps is None and not ctx.dt:
            ctx.fail(mistakes.no_dt(length.span))
        steps = value.steps if value.steps is not None else round(value.value / (ctx.dt or 1), 6)
        if steps < (1 if word == "last" else 0):
            message = f"`{word} {length.span.text}` is never open"
            ctx.fail(mistakes.simple("not-a-window", message, length.span))
        return steps
    shown = length.span.text
    message = f"`{word} {shown}` of what? `{word} {shown} steps` or `{word} {shown}0 ms`"
    ctx.fail(mistakes.simple("window-needs-a-time", message, length.span))


def _period(ctx: Context, schedule: Any, frame: Frame) -> tuple[int, str]:
    """How often parameters are updated: a number of steps or of sequences."""
    if not isinstance(schedule, ast.Schedule):
        ctx.fail(
            mistakes.simple(
                "not-a-schedule",
                "an update is `every step`, `every 10 steps`, `every sequence` or `every 4 sequences`",
                getattr(schedule, "span", frame_span(frame)),
            )
        )
    period = schedule.period
    if isinstance(period, ast.Name) and period.text in ("step", "sequence"):
        return 1, period.text + "s"
    value = ctx.pick(evaluate(ctx, period, frame))
    if isinstance(value, Num) and value.unit == "sequences":
        return ctx.whole(Num(value.value), period.span, "the number of sequences"), "sequences"
    if isinstance(value, Num) and value.dim == 1:
        steps = value.steps if value.steps is not None else value.value / (ctx.dt or float("nan"))
        return ctx.whole(Num(round(steps, 6)), period.span, "the number of steps"), "steps"
    ctx.fail(
        mistakes.simple(
            "schedule-needs-a-time", "every how many `steps` or `sequences`?", period.span
        )
    )


def _optimiser(learning: Learning, expression: Any, file: File) -> optimise.Optimiser:
    ctx = learning.ctx
    if expression is None:
        config = Config("sgd", (("rate", Num(0.01)),))
    else:
        frame = learning.scope(file)
        made = (
            call_expression(ctx, expression, frame, None)
            if isinstance(expression, ast.Call)
            else evaluate(ctx, expression, frame)
        )
        if not isinstance(made, Config) or made.word not in optimise.RULES:
            ctx.fail(
                mistakes.simple(
                    "not-an-optimiser",
                    "an optimiser is `sgd(0.1)`, `nag(...)`, `adam(1e-3)`, `adamax(...)` or `rmsprop(...)`",
                    expression.span,
                )
            )
        config = made
    changed = {
        k.removeprefix("train.optimiser."): v
        for k, v in learning.arguments.items()
        if k.startswith("train.optimiser.")
    }
    for name, scoped in changed.items():
        value = evaluate(ctx, scoped.value, learning.scope(scoped.file))  # type: ignore[arg-type]
        kept = tuple((k, v) for k, v in config.arguments if k != name)
        places = (*config.places, (name, scoped.value.span))
        config = Config(config.word, (*kept, (name, value)), config.span, places)
    rate = optimise.argument(ctx, config, "rate")
    schedule = optimise.schedule_of(ctx, config)
    key = (config.word, rate, schedule, repr(config.arguments))
    if key not in learning.rates:
        group = RateGroup(f"o{len(learning.rates) + 1}", rate, schedule)
        learning.rates[key] = optimise.Optimiser(config, group)
    return learning.rates[key]


__all__ = ["SAMPLE", "Fun", "Learning", "Told", "learn_projection", "optimise_all", "window_gate"]
