"""Derivatives as words; the pass expand_gradients turns them into equations."""

from __future__ import annotations

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context, feeds, takes_values
from snc.build.values import First, Object, Val
from snc.graph.graph import SAMPLE, Axis, features


def one_number(ctx: Context, a: Arguments, name: str) -> Val:
    """The loss: one number for the batch."""
    value = a.val(name)
    if not value.axes:
        return value
    shown = a.place(name).text or "this"
    if features(value.axes):
        place, hint = "one number per neuron", f"`mean({shown})` or `sum(...)`"
    else:
        place, hint = "one number per sample", "`mean(cross_entropy(out, label))` or `sum(...)`"
    ctx.fail(mistakes.not_one_number(a.place(name), shown, place, hint))


def _gradient(ctx: Context, a: Arguments) -> Object:
    loss, by = one_number(ctx, a, "value"), a.val("by")
    back = a.get("backward")
    draw = None
    if back is not None:
        if not isinstance(back, First):
            ctx.fail(
                mistakes.simple(
                    "not-a-draw",
                    "`backward` takes a draw, e.g. `kaiming_uniform()`",
                    a.place("backward"),
                )
            )
        draw = back.draw
        if takes_values(draw):
            ctx.fail(mistakes.not_a_number(a.place("backward"), f"what `{draw.word}` is given"))
    base, names = _behind_names(ctx, by)
    node = ctx.builder.node(
        "gradient",
        (loss.node, base),
        ctx.builder.axes(base),
        a.span,
        backward=draw,
        owner=ctx.path if draw else "",
    )
    return ctx.wrap(ctx.builder.rename(node, names))


def _behind_names(ctx: Context, by: Val) -> tuple[str, list[tuple[Axis, Axis]]]:
    """The value a rule sees as one of a side, which the loss depends on, and the names it has there."""
    made = ctx.builder.nodes[by.node]
    if made.op == "rename":
        return made.args[0], list(made.get("names"))
    return by.node, []


def _bptt(ctx: Context, a: Arguments) -> Object:
    loss, by = one_number(ctx, a, "value"), a.val("by")
    if SAMPLE in by.axes:
        ctx.fail(
            mistakes.simple(
                "bptt-needs-a-weight", "`bptt` is for weights and other parameters", a.place("by")
            )
        )
    gate = ctx.gate
    if gate is None:
        ctx.fail(
            mistakes.simple(
                "bptt-outside-rule",
                "`bptt` belongs in a rule: its window is that of the `learn`",
                a.span,
            )
        )
    base, names = _behind_names(ctx, by)
    node = ctx.builder.node("bptt", (loss.node, base, gate), ctx.builder.axes(base), a.span)
    return ctx.wrap(ctx.builder.rename(node, names))


def _influence(ctx: Context, a: Arguments) -> Object:
    """The derivative of a value of the rule's neuron by its weight, for every neuron and weight."""
    y, by, projection = a.val("value"), a.val("by"), ctx.rule
    if projection is None:
        message = (
            "`influence` belongs in a rule: it follows the layer of the projection that learns"
        )
        ctx.fail(mistakes.simple("influence-outside-rule", message, a.span))
    if by.node != projection.effective.node:
        message = "`influence` is by `weight`, what the projection computes with"
        ctx.fail(mistakes.simple("not-a-parameter", message, a.place("by")))
    geometry = projection.geometry
    if geometry.kind != "dense":
        ctx.fail(mistakes.not_yet(a.span, "`influence` in a convolution"))
    made = ctx.builder.nodes[y.node]
    node = made.args[0] if made.op == "rename" else made.name
    population = ctx.sides["@post"][0]
    reached = feeds(ctx, population.input.node) if population else {projection.output.node}
    own = [n for n in sorted(reached) if ctx.builder.nodes[n].op == "project"]
    axes = (SAMPLE, Axis("channel", geometry.post[0].size, "self"), *geometry.weight)
    return ctx.wrap(ctx.builder.node("influence", (node, by.node, *own), axes, a.span))


RUN = {"gradient": _gradient, "bptt": _bptt, "influence": _influence}
