"""What an experiment asks of the engine: its settings as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from snc.build import mistakes
from snc.build.context import Context
from snc.build.evaluate import define, evaluate, frame_for
from snc.build.experiment import Built, Surroundings, called, connect
from snc.build.frame import Frame
from snc.build.instances import fill_frame
from snc.build.learn import rate_groups
from snc.build.values import Config, Data, Failed, Lst, Num, Object, Word
from snc.diagnostics import DataError, Diagnostic, SpecError
from snc.lang import ast
from snc.model.library import Declared
from snc.model.plan import DataPlan, Duration, Expectation, Pipeline, RunPlan
from snc.model.resolve import Experiment, Scoped
from snc.model.scope import defined, own_names
from snc.model.words import WORDS

T = TypeVar("T")
STAND_IN = 1e-3
"""The length of a step where a check cannot know it, in seconds."""


ABSENT = ("no-data", "missing-package")
"""Codes of what is said where a data set, or what reads it, is not there."""
_ALL: str | int = "all"


def describe_data(experiment: Experiment, root: Path | None) -> Surroundings:
    """What the data set and the settings say before the graph is built. Raises SpecError, DataError."""
    ctx = Context({}, None, alone=False)
    connect(ctx)
    frame = settings_frame(experiment)
    try:
        dt = _dt(ctx, experiment, frame)
        data = data_plan(ctx, experiment, "data", frame)
    except Failed:
        raise SpecError(ctx.diagnostics) from None
    if data is None:
        return Surroundings(_unknown_mask(experiment), dt)
    # The data libraries are slow to import; a spec without data does not need them.
    from snc.data import describe

    description = describe(data.train, root)
    fields = {**dict.fromkeys(description.fields, ()), **description.shapes}
    own = _own_names(experiment)
    fields = {name: shape for name, shape in fields.items() if name not in own}
    return Surroundings(fields, dt if dt is not None else description.dt)


def describe_batch(
    experiment: Experiment, root: Path | None, fed: Mapping[str, tuple[int, ...]]
) -> Surroundings:
    """The same for a run of a batch file, which need not find the data set. Raises SpecError, DataError.

    `fed` are the features of every field of the file. What it gives goes before what the data set has.
    """
    try:
        known = describe_data(experiment, root)
    except DataError as error:
        if error.code not in ABSENT:
            raise
        known = replace(stated_by_text(experiment)[0], more_fields=False)
    possible = {"mask", *known.fields} - _own_names(experiment)
    given = {name: shape for name, shape in fed.items() if name in possible}
    return replace(known, fields={**known.fields, **given})


def _unknown_mask(experiment: Experiment) -> dict[str, tuple[int, ...]]:
    """Without a data set a batch file gives the fields; that which all may have is the mask."""
    return {} if "mask" in _own_names(experiment) else {"mask": ()}


def _own_names(experiment: Experiment) -> set[str]:
    """What an experiment and its network define, which is never a field."""
    names = {*experiment.parameters, *experiment.equations}
    names |= {n.text for s, _ in experiment.statements for n in defined((s,))}
    if (setting := experiment.settings.get("network")) is not None:
        called = setting.value
        called = called.function if isinstance(called, ast.Call) else called
        network = (
            setting.file.find("network", called.text) if isinstance(called, ast.Name) else None
        )
        names |= own_names(network) if network else set()
    return names


def stated_by_text(experiment: Experiment) -> tuple[Surroundings, list[Diagnostic]]:
    """What the text alone says of the data, for checks that read none; and what is wrong with it."""
    ctx = Context({}, None)
    connect(ctx)
    frame = settings_frame(experiment)
    dt: float | None = None
    data: DataPlan | None = None
    with ctx.going_on():
        dt = _dt(ctx, experiment, frame)
    with ctx.going_on():
        data = data_plan(ctx, experiment, "data", frame)
    if data is None:
        waits = "data" in experiment.settings
        mask = {} if waits else _unknown_mask(experiment)
        return Surroundings(mask, dt or (STAND_IN if waits else None), waits), ctx.diagnostics
    own = WORDS[data.train.steps[0].word].fields  # their shapes are not known here
    fields: dict[str, tuple[int, ...]] = {
        name: ()
        for name in ("mask", "length")
        if data.train.steps[0].get(name) is not None and name not in _own_names(experiment)
    }
    if dt is None:
        dt = _frame_length(data.train)
    return Surroundings(fields, dt, bool(own)), ctx.diagnostics


def _frame_length(pipeline: Pipeline) -> float | None:
    """The length of a step, where a step of the pipeline states it."""
    found: float | None = None
    for step in pipeline.steps:
        length = step.get("hop") or step.get("window")
        if isinstance(length, Duration):
            found = length.seconds
        elif WORDS[step.word].kind == "events" and step.get("n") is not None:
            found = None
    return found


def settings_frame(experiment: Experiment) -> Frame:
    """A frame with the experiment's parameters, for settings that need no network."""
    frame = Frame("experiment", experiment.name, "", experiment.declared.file)
    for name, scoped in experiment.parameters.items():
        frame.lazy[name] = (scoped.value, scoped.file)  # type: ignore[assignment]
    return frame


def _dt(ctx: Context, experiment: Experiment, frame: Frame) -> float | None:
    setting = experiment.settings.get("dt")
    if setting is None:
        return None
    value = _value(ctx, setting, frame)
    if not isinstance(value, Num) or value.dim != 1 or value.steps is not None or value.value <= 0:
        ctx.fail(mistakes.simple("not-a-time", "`dt` is a time: `dt = 1 ms`", setting.value.span))
    return value.value


def _value(ctx: Context, scoped: Scoped, frame: Frame) -> Any:
    scope = Frame(frame.kind, frame.name, "", scoped.file, around=frame)
    return evaluate(ctx, scoped.value, scope)  # type: ignore[arg-type]


def data_plan(ctx: Context, experiment: Experiment, which: str, frame: Frame) -> DataPlan | None:
    """A data set as pipelines."""
    setting = experiment.settings.get(which)
    if setting is None:
        return None
    declared, bound = called(ctx, experiment, setting, "dataset", frame)
    with ctx.calling(setting.value.span):
        return pipelines(ctx, declared, bound)


def pipelines(ctx: Context, declared: Declared, bound: dict[str, Object]) -> DataPlan:
    """The pipelines of a data set with its arguments."""
    inner = frame_for(declared, "", bound)
    fill_frame(inner, declared.body)
    found: dict[str, Pipeline] = {}
    for name in ("train", "test"):
        if name not in inner.definitions:
            ctx.fail(
                mistakes.simple(
                    "no-such-name",
                    f"data set `{declared.name}` defines no `{name}`",
                    declared.node.name.span,
                )
            )
        value = define(ctx, inner, inner.definitions[name], inner.definitions[name].span)
        if not isinstance(value, Data):
            ctx.fail(
                mistakes.simple(
                    "not-a-pipeline",
                    f"`{name}` must be a pipeline that starts with a source",
                    inner.definitions[name].span,
                )
            )
        found[name] = value.pipeline
    classes = None
    if "classes" in inner.definitions:
        value = define(ctx, inner, inner.definitions["classes"], inner.definitions["classes"].span)
        classes = ctx.whole(value, inner.definitions["classes"].span, "`classes`")
    return DataPlan(declared.name, found["train"], found["test"], classes)


def plan_of(built: Built, surroundings: Surroundings) -> RunPlan:
    """The run plan of a built experiment. Raises SpecError."""
    ctx = built.context
    plan = _plan(ctx, built.experiment, surroundings)
    if ctx.diagnostics:
        raise SpecError(ctx.diagnostics)
    metrics = [k for k, _ in built.graph.outputs if k.startswith("metric:")]
    return replace(
        plan,
        rates=rate_groups(built.learning),
        metrics=tuple(m.removeprefix("metric:") for m in metrics),
    )


def settings_problems(experiment: Experiment, surroundings: Surroundings) -> list[Diagnostic]:
    """What is wrong with the settings of an experiment, whether or not it can be built."""
    ctx = Context({}, surroundings.dt)
    connect(ctx)
    _plan(ctx, experiment, surroundings)
    return ctx.diagnostics


def _plan(ctx: Context, experiment: Experiment, surroundings: Surroundings) -> RunPlan:
    """The plan without what the graph says; mistakes are reported and defaults stand in."""
    frame = settings_frame(experiment)

    def number(name: str, default: float) -> float:
        setting = experiment.settings.get(f"train.{name}")
        if setting is not None:
            with ctx.going_on():
                return ctx.constant(_value(ctx, setting, frame), setting.value.span, f"`{name}`")
        return default

    def whole(name: str, default: int, least: int = 1) -> int:
        setting = experiment.settings.get(f"train.{name}")
        if setting is not None:
            with ctx.going_on():
                value = _value(ctx, setting, frame)
                return ctx.whole(value, setting.value.span, f"`{name}`", least)
        return default

    def tried(make: Callable[[], T], default: T) -> T:
        with ctx.going_on():
            return make()
        return default

    batch = whole("batch", 32)
    return RunPlan(
        name=experiment.name,
        data=tried(lambda: data_plan(ctx, experiment, "data", frame), None),
        test_data=tried(lambda: data_plan(ctx, experiment, "test_data", frame), None),
        dt=surroundings.dt,
        epochs=whole("epochs", 1, least=0),
        batch=batch,
        test_batch=whole("test_batch", batch),
        drop_last=bool(number("drop_last", 0)),
        shuffle=bool(number("shuffle", 1)),
        trials=whole("trials", 1),
        seed=whole("seed", 0, least=0),
        seeds=tried(lambda: _seeds(ctx, experiment, frame), ()),
        rates=(),
        report_epoch=tried(lambda: _word(ctx, experiment, frame, "epoch", "final"), ""),
        report_trials=tried(lambda: _trials(ctx, experiment, frame), _ALL),
        report_spread=tried(lambda: _word(ctx, experiment, frame, "spread", "sample"), ""),
        metrics=(),
        expectations=tuple(tried(lambda: _expectations(ctx, experiment, frame), [])),
    )


def _seeds(ctx: Context, experiment: Experiment, frame: Frame) -> tuple[int, ...]:
    setting = experiment.settings.get("train.seeds")
    if setting is None:
        return ()
    value = _value(ctx, setting, frame)
    items = value.items if isinstance(value, Lst) else (value,)
    return tuple(ctx.whole(i, setting.value.span, "a seed", 0) for i in items)


REPORT_WORDS = {"epoch": ("final", "best"), "spread": ("sample", "population")}


def _word(ctx: Context, experiment: Experiment, frame: Frame, name: str, default: str) -> str:
    setting = experiment.settings.get(f"report.{name}")
    if setting is None:
        return default
    value = _value(ctx, setting, frame)
    if not isinstance(value, Word) or value.text not in REPORT_WORDS[name]:
        words = " or ".join(f"`{w}`" for w in REPORT_WORDS[name])
        ctx.fail(mistakes.simple("unknown-option", f"`{name}` is {words}", setting.value.span))
    return value.text


def _trials(ctx: Context, experiment: Experiment, frame: Frame) -> str | int:
    setting = experiment.settings.get("report.trials")
    if setting is None:
        return "all"
    value = _value(ctx, setting, frame)
    if isinstance(value, Config) and value.word == "top":
        return ctx.whole(value.get("n"), setting.value.span, "`top`")
    if not isinstance(value, Word) or value.text != "all":
        message = "`trials` is `all` or `top(5)`; how many there are says `train.trials`"
        ctx.fail(mistakes.simple("unknown-option", message, setting.value.span))
    return "all"


def _expectations(ctx: Context, experiment: Experiment, frame: Frame) -> list[Expectation]:
    """Published numbers whose case fits this run."""
    found = []
    for statement, file in experiment.expectations:
        if not all(_fits(ctx, experiment, a, file, frame) for a in statement.case):
            continue
        scale = 100.0 if statement.measure.percent else 1.0
        spread = statement.measure.spread
        found.append(
            Expectation(
                statement.name.text, float(statement.measure.value) / scale,
                None if spread is None else float(spread) / scale, statement.note or "",
                _half_a_digit(statement.measure.value) / scale,
            )
        )  # fmt: skip
    return found


def _half_a_digit(digits: str) -> float:
    """Half a unit of the last digit that is printed: 0.005 for `0.50`."""
    mantissa, _, exponent = digits.lower().partition("e")
    places = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - places)


def _fits(ctx: Context, experiment: Experiment, argument: Any, file: Any, frame: Frame) -> bool:
    if argument.name is None or argument.name.text not in experiment.parameters:
        shown = argument.name.text if argument.name else argument.span.text
        ctx.fail(
            mistakes.unknown_parameter(
                argument.span, shown, experiment.name, list(experiment.parameters)
            )
        )
    mine = _value(ctx, experiment.parameters[argument.name.text], frame)
    return bool(_plain(mine) == _plain(_value(ctx, Scoped(argument.value, file), frame)))


def _plain(value: Any) -> Any:
    return replace(value, frame=None) if hasattr(value, "lambda_") else value
