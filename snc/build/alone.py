"""One declaration by itself, in made-up surroundings: what is wrong with it wherever it is used.

A rule gets a small projection, a neuron a small input. Of everything else that it would be given nothing
is known; a definition that reads it is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from snc.build import learn
from snc.build.builtins.projections import RUN as PROJECT
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.evaluate import frame_for
from snc.build.experiment import settle
from snc.build.frame import Frame
from snc.build.instances import (
    close_states,
    evaluate_output,
    evaluate_rest,
    fill_frame,
    instantiate,
    updates,
)
from snc.build.plan import pipelines
from snc.build.values import Failed, Num, Object, Unknown, Val
from snc.diagnostics import Diagnostic
from snc.graph.graph import SAMPLE, Axes, Axis, Group, canonical
from snc.lang import ast
from snc.model.library import Declared
from snc.model.plan import Draw
from snc.model.readings import readings

DT = 1e-3
FLAT = (Axis("channel", 4),)
SPACE = canonical((Axis("channel", 4), Axis("height", 16), Axis("width", 16)))
NO_VALUE = frozenset(
    ["not-a-number", "not-a-value", "not-callable", "not-whole", "not-a-draw", "bad-shape"]
)
"""What is said where the made-up input should have been a number, a function or an option."""

Run = Callable[[Context, Axes | None], None]


def problems_alone(declared: Declared) -> list[Diagnostic]:
    """What is wrong with a declaration in any surroundings that can be made up for it."""
    run = RUN.get(declared.kind)
    if run is None:
        return []
    fewest: list[Diagnostic] | None = None
    for axes in (FLAT, SPACE):
        found = _attempt(declared, run, axes)
        if fewest is None or len(found) < len(fewest):
            fewest = found
    if any(d.code in NO_VALUE for d in fewest or []):
        return _attempt(declared, run, None)
    return fewest or []


def _attempt(declared: Declared, run: Callable[..., None], axes: Axes | None) -> list[Diagnostic]:
    def once(ctx: Context) -> Context:
        with ctx.going_on():
            run(ctx, declared, axes)
        close_states(ctx)
        return ctx

    return settle(once, lambda assumed: Context(assumed, DT, alone=True)).diagnostics


def _field(ctx: Context, axes: Axes, name: str = "made up") -> Val:
    return ctx.wrap(ctx.builder.node("field", (), (SAMPLE, *axes), name=name))


def _unknown(declared: Declared) -> dict[str, Object]:
    """Arguments that must be given, of which nothing is known."""
    return {p.name.text: Unknown() for p in declared.parameters if p.default is None}


def _instance(ctx: Context, declared: Declared, axes: Axes | None) -> None:
    """A neuron or block with a made-up input."""
    bound = _unknown(declared)
    first = declared.parameters[0].name.text if declared.parameters else None
    if first in bound and axes is not None:
        bound[first] = _weight(ctx) if _is_of_weights(declared) else _field(ctx, axes)
    if declared.kind == "neuron" and isinstance(bound.get(first or ""), Unknown):
        return
    with ctx.at(declared.name):
        instantiate(ctx, declared, bound, declared.node.name.span)


def _is_of_weights(declared: Declared) -> bool:
    """Whether a block speaks of `pre` and `post` without having them: then it is a `norm`."""
    return any(r.name.text in ("pre", "post") for r in readings(declared.body))


def _weight(ctx: Context) -> Val:
    post, pre = Axis("channel", 2, "post"), Axis("channel", 3, "pre")
    ctx.rule_axes = {"pre": (pre,), "post": (post,), "weight": (pre, post)}
    return ctx.store("made up.weight", (post, pre), "parameter", Draw("zeros"))


def _network(ctx: Context, declared: Declared, axes: Axes | None) -> None:
    frame = frame_for(declared, "", _unknown(declared))
    fill_frame(frame, declared.body)
    for name, statement in frame.storage.items():
        with ctx.going_on():
            if name not in frame.given:
                frame.given[name] = ctx.make_storage(frame, statement)
    evaluate_rest(ctx, frame)
    updates(ctx, frame, declared.body)


def _rule(ctx: Context, declared: Declared, axes: Axes | None) -> None:
    """A rule at a made-up projection; its neuron, signal and layer stay unknown but for their place."""
    x = _field(ctx, axes or FLAT)
    kind, given = (
        ("conv", {"channels": 2.0, "kernel": 3.0}) if axes is SPACE else ("dense", {"n": 2.0})
    )
    span = declared.node.name.span
    values: dict[str, Object] = {"x": x, "bias": Num(1.0), **{k: Num(v) for k, v in given.items()}}
    with ctx.at("made up"):
        PROJECT[kind](ctx, Arguments(ctx, kind, span, values))
    projection = ctx.projections["made up"]
    frame = frame_for(declared, declared.name, _unknown(declared))
    fill_frame(frame, declared.body)
    signal = _field(ctx, projection.geometry.post, "signal")
    learn.enter_sides(ctx, frame, projection, None, signal, span)
    frame.given.update(layer=Unknown(), gain=Unknown(), stored=Unknown())
    ctx.gate = ctx.builder.number(1)
    ctx.rule_name = declared.name
    evaluate_rest(ctx, frame)
    group = Group("made up", ctx.gate, 1, "sequences")
    made = learn.BoundRule(projection, None, declared, "", frame)
    learning = learn.Learning(ctx, Frame("experiment", "made up", "", declared.file), {}, {})
    for statement in declared.body:
        if isinstance(statement, ast.Update):
            learn.bind_update(learning, frame, projection, statement, group, None, made)


def _signal(ctx: Context, declared: Declared, axes: Axes | None) -> None:
    frame = frame_for(declared, declared.name, _unknown(declared))
    frame.given["layer"] = _field(ctx, axes) if axes else Unknown()
    fill_frame(frame, declared.body)
    for statement in _outputs(declared):
        with ctx.going_on():
            evaluate_output(ctx, frame, statement)
    evaluate_rest(ctx, frame)


def _outputs(declared: Declared) -> Iterable[ast.Output]:
    return (s for s in declared.body if isinstance(s, ast.Output))


def _dataset(ctx: Context, declared: Declared, axes: Axes | None) -> None:
    with ctx.going_on():
        pipelines(ctx, declared, _unknown(declared))


RUN: dict[str, Callable[[Context, Declared, Axes | None], None]] = {
    "neuron": _instance,
    "block": _instance,
    "network": _network,
    "rule": _rule,
    "signal": _signal,
    "dataset": _dataset,
}

__all__ = ["Failed", "problems_alone"]
