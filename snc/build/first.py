"""What is stored at first, where that is computed from other first values; and what draws may be given."""

from __future__ import annotations

from snc.build import mistakes
from snc.build.context import Context
from snc.build.values import First, Val
from snc.graph.builder import ELEMENTWISE
from snc.graph.graph import Axes, features, file_order
from snc.lang import ast
from snc.model.plan import Draw

RANDOM = ("bernoulli", "uniform", "normal", "poisson", "gamma")
"""The draws of `random`."""
PLAIN = ELEMENTWISE - {"spike"}


def computed_first(ctx: Context, statement: ast.Storage, value: Val, axes: Axes) -> First:
    """A first value that depends on others."""
    span = statement.value.span if statement.value else statement.span
    if any(a not in axes for a in features(value.axes)):
        name = statement.name.span
        ctx.fail(mistakes.different_shapes(span, name, axes, span, features(value.axes), ""))
    node = ctx.builder.nodes[value.node]
    if node.op == "stored" and set(node.axes) == set(axes):
        return First(Draw("copy", (node.get("name"),)))
    found = _formula(ctx, value.node, axes)
    if isinstance(found, str):
        text = f"a first value is computed before the run, from numbers and stored values; `{found}` is neither"
        ctx.fail(mistakes.simple("not-a-draw", text, span))
    return First(found)


def _formula(ctx: Context, node: str, wanted: Axes) -> Draw | str:
    """What the engine evaluates before the run, or the operation that it cannot evaluate then."""
    try:
        return Draw("computed", (_part(ctx, node), _labels(file_order(wanted))))
    except _NotBefore as error:
        return str(error)


class _NotBefore(Exception):  # noqa: N818 (control flow)
    """An operation that has no value before the run."""


def _part(ctx: Context, name: str) -> Draw:
    """A node as plain data: numbers, stored arrays with the labels of their axes, operations."""
    node = ctx.builder.nodes[name]
    parts = [_part(ctx, a) for a in node.args]
    match node.op:
        case "const":
            return Draw("number", (float(node.get("value")),))
        case "stored":
            return Draw("stored", (node.get("name"), _labels(node.get("order"))))
        case "sum":
            return Draw("sum", (parts[0], _labels(node.get("over"))))
        case "expand" if all(a.size for a in node.axes):
            sizes = " ".join(str(a.size) for a in node.axes)
            return Draw("expand", (parts[0], _labels(node.axes), sizes))
        case "rename":
            old, new = zip(*node.get("names"), strict=True)
            return Draw("rename", (parts[0], _labels(old), _labels(new)))
    if node.op in PLAIN and parts:
        return Draw(node.op, tuple(parts))
    raise _NotBefore(node.note or node.op)


def _labels(axes: Axes) -> str:
    """The axes as words."""
    return " ".join(f"{a.role}.{a.kind}" for a in axes)


def refuse_misfit(ctx: Context, statement: ast.Storage, argument: str, whole: Axes) -> None:
    """What a draw is given must have the places of what is drawn, or fewer."""
    if statement.shape and not whole:
        return  # what the bracket names is not known yet in this round
    have = ctx.builder.axes(argument)
    if any(a not in whole for a in have) and not ctx.unsettled(ctx.wrap(argument)):
        span = statement.value.span if statement.value else statement.span
        ctx.fail(
            mistakes.different_shapes(span, statement.name.span, whole, span, features(have), "")
        )
