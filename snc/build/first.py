"""First values that are computed from numbers and from the first values of what is stored."""

from __future__ import annotations

from snc.build.context import Context, file_axes
from snc.graph.builder import ELEMENTWISE
from snc.graph.graph import Axes
from snc.model.plan import Draw

PLAIN = ELEMENTWISE - {"spike"}


def formula(ctx: Context, node: str, wanted: Axes) -> Draw | str:
    """What the engine evaluates before the run, or the operation that it cannot evaluate then."""
    try:
        return Draw("computed", (_part(ctx, node), _labels(file_axes(wanted))))
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
        case "expand":
            return parts[0]  # what is missing is broadcast where it meets the others
        case "rename":
            old, new = zip(*node.get("names"), strict=True)
            return Draw("rename", (parts[0], _labels(old), _labels(new)))
    if node.op in PLAIN and parts:
        return Draw(node.op, tuple(parts))
    raise _NotBefore(node.note or node.op)


def _labels(axes: Axes) -> str:
    """The axes as words."""
    return " ".join(f"{a.role}.{a.kind}" for a in axes)
