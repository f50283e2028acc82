"""A resolved experiment to its step graph and run plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TypeVar

from snc.build import instances, learn, mistakes
from snc.build.context import Context
from snc.build.evaluate import bind, call, define, evaluate, frame_for
from snc.build.frame import Definition, Frame
from snc.build.instances import close_states, evaluate_rest, fill_frame
from snc.build.prediction import refuse_label
from snc.build.selection import select, tell
from snc.build.values import Failed, Instance, Num, Object, Projection, Val
from snc.diagnostics import SpecError
from snc.graph.graph import SAMPLE, Axes, Axis, Graph, State, canonical, features
from snc.lang import ast
from snc.model.library import Declared
from snc.model.resolve import Experiment, Scoped
from snc.source import Span

MOST_CHANGES = 6
"""How often a state may turn out to be of another shape or unit before it is called a mistake."""
Describe = Callable[[str], tuple[int, ...] | None]


@dataclass(frozen=True)
class Surroundings:
    """What the data says about the run: features of each field, and the length of a step."""

    fields: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dt: float | None = None
    more_fields: bool = False  # a check that does not read the data may not know all of them


@dataclass
class Built:
    """A graph with what was bound on the way, for explanations and plans."""

    context: Context
    learning: learn.Learning
    experiment: Experiment
    outputs: dict[str, str]
    records: dict[str, str]
    training: bool
    learned: bool  # false if the network was so wrong that no learning was looked at

    @cached_property
    def graph(self) -> Graph:
        """The step graph, its nodes with the names that the spec gives them."""
        ctx = self.context
        nodes = ctx.builder.nodes.values()
        writes = ctx.writes if self.training else ()  # in an evaluation nothing is changed
        read = {a for n in nodes for a in n.args} | {*self.records.values(), *self.outputs.values()}
        read |= {w.value for w in writes} | {s.value for s in ctx.states.values()}
        return Graph(
            nodes=tuple(
                replace(n, note=ctx.labels.get(n.name, n.note))
                for n in nodes
                # a field that could be read, and is not, need not be given
                if n.op != "field" or n.name in read
            ),
            states=tuple(ctx.states.values()),
            groups=tuple(self.learning.groups.values()),
            writes=tuple(writes),
            outputs=tuple(self.outputs.items()),
            records=tuple(self.records.items()),
            gates=(),
            stored=tuple(ctx.stored.values()),
            learning=self.training,
        )


def build(
    experiment: Experiment,
    surroundings: Surroundings,
    *,
    training: bool,
    record: tuple[str, ...] = (),
) -> Built:
    """The step graph of an experiment. Raises SpecError with all independent mistakes.

    The axes of states are found by building repeatedly: each round takes those of the round before for
    `x[t-1]`, until nothing changes.
    """
    built = attempt(experiment, surroundings, training=training, record=record)
    if built.context.diagnostics:
        raise SpecError(built.context.diagnostics)
    return built


def attempt(
    experiment: Experiment,
    surroundings: Surroundings,
    *,
    training: bool,
    record: tuple[str, ...] = (),
    likely: Assumed | None = None,
) -> Built:
    """What can be built of an experiment; its context has what is wrong with the rest.

    likely: what the states of an experiment that differs in numbers only were found to be.
    """

    def run(ctx: Context) -> Built:
        return _round(ctx, experiment, surroundings, training, record)

    def context(assumed: Assumed) -> Context:
        return Context(assumed, surroundings.dt, more_fields=surroundings.more_fields)

    return settle(run, context, likely)


Made = TypeVar("Made")
Assumed = dict[str, tuple[Axes, int]]


def settle(
    run: Callable[[Context], Made],
    context: Callable[[Assumed], Context],
    likely: Assumed | None = None,
) -> Made:
    """Build until the axes and units of states are those that were assumed for them.

    Every round finds out about the states that depend on what the round before knew. A state that is
    found to be another one again and again is made larger by each step. What is likely is tried first; it
    counts if it is found again and nothing is wrong.
    """
    if likely is not None:
        ctx = context(likely)
        connect(ctx)
        made = run(ctx)
        if _states(ctx) == likely and not ctx.diagnostics:
            return made
    assumed: Assumed = {}
    changes: dict[str, int] = {}
    while True:
        ctx = context(assumed)
        connect(ctx)
        made = run(ctx)
        found = _states(ctx)
        if found == assumed:
            return made
        for name, known in assumed.items():
            changes[name] = changes.get(name, 0) + (found.get(name) != known)
        restless = [name for name, count in changes.items() if count > MOST_CHANGES]
        if restless:
            frame, short = ctx.wanted.get(restless[0], (None, ""))
            if frame is not None and not ctx.diagnostics:
                same = found.get(restless[0], ((), 0))[0] == assumed.get(restless[0], ((), 0))[0]
                what = "unit" if same else "shape"
                ctx.report(mistakes.never_settles(frame.definitions[short].span, short, what))
            return made
        assumed = found


def connect(ctx: Context) -> None:
    """Give builtins and bodies what they call back: functions, instances, storage."""
    ctx.call = call
    ctx.instantiate = partial(instances.instantiate, ctx)
    ctx.make_storage = partial(instances.make_storage, ctx)


def _states(ctx: Context) -> Assumed:
    """The axes and units that states were found to have."""
    return {name: (s.axes, _dim(ctx, s)) for name, s in ctx.states.items() if name in ctx.wanted}


def _dim(ctx: Context, state: State) -> int:
    frame, name = ctx.wanted[state.name]
    value = frame.definitions[name].value
    return value.dim if isinstance(value, Val | Num) else 0


def _round(
    ctx: Context,
    experiment: Experiment,
    surroundings: Surroundings,
    training: bool,
    record: tuple[str, ...],
) -> Built:
    frame = _experiment_frame(ctx, experiment, surroundings)
    ctx.reported = ("loss", "accuracy", *experiment.metrics)
    learning = _learning(ctx, experiment, frame)
    outputs: dict[str, str] = {}
    records: dict[str, str] = {}
    sound = False
    try:
        frame.around = _network(ctx, experiment, frame)
        close_states(ctx)
        sound = not ctx.diagnostics
        _equations(ctx, experiment, frame)
        # In a network with a mistake projections and neurons are missing, and all that is
        # learned would be said to be wrong.
        if sound and training:
            _learn(ctx, experiment, learning)
        elif sound and _reads_learning(ctx, experiment, frame, record):
            _define_learning(ctx, experiment, frame)
        with _no_echo(ctx):
            outputs = _outputs(ctx, experiment, frame)
            records = _records(ctx, experiment, frame, record)
        instances.updates(ctx, frame, tuple(s for s, _ in experiment.statements))
        close_states(ctx)
        if "predict" in outputs:
            span = experiment.settings["predict"].value.span
            refuse_label(ctx, outputs["predict"], span)
        if not ctx.diagnostics and _states(ctx) == ctx.assumed:  # else it is built again
            learn.optimise_all(learning)
    except Failed:
        close_states(ctx)
    return Built(ctx, learning, experiment, outputs, records, training, sound)


@contextmanager
def _no_echo(ctx: Context) -> Iterator[None]:
    """After a mistake names may be missing that it would have made: that is not said again."""
    before = len(ctx.diagnostics)
    try:
        yield
    finally:
        if before:
            new = ctx.diagnostics[before:]
            ctx.diagnostics[before:] = [
                d for d in new if d.code not in ("unknown-name", "no-such-name")
            ]


def _experiment_frame(ctx: Context, experiment: Experiment, surroundings: Surroundings) -> Frame:
    frame = Frame("experiment", experiment.name, "", experiment.declared.file)
    frame.uid = "."
    for name, scoped in experiment.parameters.items():
        frame.lazy[name] = (scoped.value, scoped.file)  # type: ignore[assignment]
    for name, scoped in experiment.equations.items():
        span = scoped.name.span if scoped.name else scoped.value.span
        frame.definitions[name] = Definition(name, scoped.value, scoped.file, span)  # type: ignore[arg-type]
    fill_frame(frame, tuple(s for s, _ in experiment.statements))
    for name in ("label", "length"):
        frame.given[name] = ctx.wrap(ctx.builder.node("field", (), (SAMPLE,), name=name))
    for name, shape in surroundings.fields.items():
        if name not in ("input", "label"):
            axes = (SAMPLE, *_field_axes(shape))
            frame.given.setdefault(name, ctx.wrap(ctx.builder.node("field", (), axes, name=name)))
    return frame


def _field_axes(shape: tuple[int, ...]) -> Axes:
    kinds = ((), ("channel",), ("height", "width"), ("channel", "height", "width"))[len(shape)]
    return canonical(Axis(k, n) for k, n in zip(kinds, shape, strict=True))


def _network(ctx: Context, experiment: Experiment, frame: Frame) -> Frame:
    """The network's frame, everything in it evaluated."""
    setting = experiment.settings.get("network")
    if setting is None:
        span = experiment.declared.node.name.span
        ctx.fail(
            mistakes.simple(
                "no-network",
                f"`{experiment.name}` has no `network`; it can only be derived from",
                span,
                "add `network = NAME(...)`",
            )
        )
    declared, bound = called(ctx, experiment, setting, "network", frame)
    network = frame_for(declared, "", bound)
    network.uid = ""
    fill_frame(network, declared.body)
    for name in network.storage:
        try:
            if name not in network.given:
                network.given[name] = ctx.make_storage(network, network.storage[name])
        except Failed:
            continue
    evaluate_rest(ctx, network)
    instances.updates(ctx, network, declared.body)
    return network


def called(
    ctx: Context, experiment: Experiment, setting: Scoped, kind: str, frame: Frame
) -> tuple[Declared, dict[str, Object]]:
    """A setting that calls a network or data set: what is called, with its arguments."""
    expression = setting.value
    function = expression.function if isinstance(expression, ast.Call) else expression
    name = function.text if isinstance(function, ast.Name) else ""
    declared = setting.file.find(kind, name)
    if declared is None:
        ctx.fail(mistakes.unknown_of_kind(function.span, kind, name, setting.file.known(kind)))
    given: list[tuple[str | None, Object, Span]] = []
    scope = Frame(frame.kind, frame.name, "", setting.file, around=frame)
    for argument in expression.arguments if isinstance(expression, ast.Call) else ():
        value = evaluate(ctx, argument.value, scope)
        given.append((argument.name.text if argument.name else None, value, argument.span))
    bound = bind(ctx, name, declared, {}, given, expression.span)
    known = [p.name.text for p in declared.parameters]
    for path, scoped in experiment.arguments.items():
        head, _, rest = path.partition(".")
        if head == kind and rest not in known:
            ctx.fail(mistakes.unknown_argument(scoped.value.span, name, rest, known))
        if head == kind:
            inner = Frame(frame.kind, frame.name, "", scoped.file, around=frame)
            bound[rest] = evaluate(ctx, scoped.value, inner)  # type: ignore[arg-type]
    return declared, bound


def _equations(ctx: Context, experiment: Experiment, frame: Frame) -> None:
    for definition in list(frame.definitions.values()):
        try:
            define(ctx, frame, definition, definition.span)
        except Failed:
            continue


def _learn(ctx: Context, experiment: Experiment, learning: learn.Learning) -> None:
    """Bind what every projection is told; a projection that is told nothing is a mistake."""
    learnable = [p for p in ctx.projections.values() if not p.fixed and p.owner == p.path]
    paths = [p.path for p in learnable]
    told = tell(ctx, experiment, paths)
    frozen = _frozen(ctx, experiment, paths)
    broken = bool(ctx.diagnostics)
    for projection in learnable:
        if projection.path in frozen:
            continue
        if projection.path not in told:
            if experiment.learns and not broken:
                ctx.diagnostics.append(_not_learned(projection))
            continue
        try:
            learn.learn_projection(learning, told[projection.path], projection)
        except Failed:
            continue


def _define_learning(ctx: Context, experiment: Experiment, frame: Frame) -> None:
    """Define signals and rules for what is measured and recorded; nothing is changed by them."""
    writes = list(ctx.writes)
    _learn(ctx, experiment, _learning(ctx, experiment, frame))
    ctx.writes[:] = writes


def _learning(ctx: Context, experiment: Experiment, frame: Frame) -> learn.Learning:
    return learn.Learning(ctx, frame, experiment.settings, experiment.arguments)


def _reads_learning(
    ctx: Context, experiment: Experiment, frame: Frame, record: tuple[str, ...]
) -> bool:
    """Whether something that is measured or recorded has a name that only learning can define."""
    predict = experiment.settings.get("predict")
    measured = [*experiment.metrics.values(), *((predict,) if predict else ())]
    names = {str(p) for p in experiment.records} | {*record}
    names |= {_head(m) for scoped in measured for m in learn.walk(scoped.value)}
    return any(n and named_value(ctx, frame, n) is None for n in names)


def _head(node: ast.Node) -> str:
    """`a` of `a.b`; nothing for other syntax."""
    owner = node.owner if isinstance(node, ast.Member) else None
    return owner.text if isinstance(owner, ast.Name) else ""


def _frozen(ctx: Context, experiment: Experiment, paths: list[str]) -> set[str]:
    frozen: set[str] = set()
    for statement, _ in experiment.freezes:
        try:
            frozen.update(select(ctx, statement.selection, paths))
        except Failed:
            continue
    return frozen


def _not_learned(projection: Projection) -> mistakes.Diagnostic:
    name = projection.path
    text = f"`{name}` is neither learned nor frozen; add it to a `learn`, or `freeze {name}`"
    return mistakes.simple("not-learned", text, projection.span)


def _outputs(ctx: Context, experiment: Experiment, frame: Frame) -> dict[str, str]:
    """Loss and its number of steps, the prediction, the metrics: all read at the last step."""
    build, outputs = ctx.builder, dict[str, str]()
    loss = frame.definitions.get("loss")
    if loss is not None:
        with ctx.going_on():
            value = ctx.val(define(ctx, frame, loss, loss.span), loss.span)
            gate = _loss_window(ctx, experiment, frame)
            mean = build.mean(value.node, value.axes)
            outputs["loss"] = _running_sum(ctx, "loss", build.mul(gate, mean))
            outputs["loss_steps"] = _running_sum(ctx, "loss_steps", gate)
    setting = experiment.settings.get("predict")
    if setting is not None:
        with ctx.going_on():
            outputs["predict"] = _at_end(ctx, "predict", setting, frame)
    for name, scoped in experiment.metrics.items():
        if name == "accuracy" and setting is not None and scoped.name is not None:
            ctx.report(mistakes.second_accuracy(scoped.name.span, setting.value.span))
        with ctx.going_on():
            outputs[f"metric:{name}"] = _at_end(ctx, name, scoped, frame)
    return outputs


def _loss_window(ctx: Context, experiment: Experiment, frame: Frame) -> str:
    """The window in which the loss is averaged for the report."""
    setting = experiment.settings.get("train.during")
    if setting is None:
        return ctx.builder.number(1)
    scope = Frame(frame.kind, frame.name, "", setting.file, around=frame)
    return learn.window_gate(ctx, setting.value, scope)  # type: ignore[arg-type]


def _at_end(ctx: Context, name: str, scoped: Scoped, frame: Frame) -> str:
    scope = Frame(frame.kind, frame.name, "", scoped.file, around=frame)
    with ctx.at(f"@{name}"):
        value = ctx.val(evaluate(ctx, scoped.value, scope), scoped.value.span)  # type: ignore[arg-type]
    if features(value.axes):
        ctx.fail(
            mistakes.simple(
                "not-per-sample",
                f"`{name}` must be one number per sample, or one for the batch",
                scoped.value.span,
            )
        )
    return value.node


def _running_sum(ctx: Context, name: str, node: str) -> str:
    state = f"@total:{name}"
    axes = ctx.builder.axes(node)
    total = ctx.builder.add(ctx.builder.previous(state, axes), node)
    ctx.states[state] = State(state, total, None, axes)
    return total


def _records(
    ctx: Context, experiment: Experiment, frame: Frame, more: tuple[str, ...]
) -> dict[str, str]:
    """The values to be written down at every step."""
    wanted = {str(p): p.span for p in experiment.records}
    for name in more:
        wanted.setdefault(name, experiment.declared.node.name.span)
    found: dict[str, str] = {}
    for name, span in wanted.items():
        value = named_value(ctx, frame, name)
        if not isinstance(value, Val):
            known = sorted(n for n in _recordable(ctx))
            hint = mistakes.did_you_mean(name, known)
            ctx.diagnostics.append(
                mistakes.no_such_name(span, f"there is no value called `{name}` to record", hint)
            )
            continue
        found[name] = value.node
    return found


def _recordable(ctx: Context) -> list[str]:
    names = []
    for path, members in ctx.registry.items():
        names += [f"{path}.{m}" if path else m for m in members if not m.startswith("@")]
    return names


def named_value(ctx: Context, frame: Frame, name: str) -> Object | None:
    """What a dotted name of the run means."""
    head, _, last = name.rpartition(".")
    if head:
        return ctx.member(head, last)
    if name in frame.definitions:
        return frame.definitions[name].value  # type: ignore[no-any-return]
    found = ctx.member("", name)
    if isinstance(found, Instance) and "@output" in ctx.registry.get(name, {}):
        return ctx.registry[name]["@output"]
    return found
