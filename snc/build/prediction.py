"""What a prediction may not read: the label, which is what it is compared with."""

from __future__ import annotations

from snc.build import mistakes
from snc.build.context import Context, shipped
from snc.graph.graph import Node
from snc.source import Span


def refuse_label(ctx: Context, predicted: str, span: Span) -> None:
    """Report a prediction that depends on the label in this step or through states of earlier ones.

    Parameters are learned from labels, and do not count. Nor does what holds in training only,
    `training * y` and `where(training, y, x)`: an evaluation sees nothing of it.
    """
    chain = _to_label(ctx, predicted)
    if chain is None:
        return
    outside = [n.span for n in chain if not shipped(n.span.source) and not _inside(n.span, span)]
    said = "label" in span.text  # equal values are one node, which may have its place elsewhere
    ctx.report(mistakes.predict_reads_label(span, None if said or not outside else outside[-1]))


def _to_label(ctx: Context, start: str) -> list[Node] | None:
    """The nodes from a value to the label, by the fewest steps; None if there is no way."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    for name in waiting:
        node = ctx.builder.nodes[name]
        if node.op == "field" and node.get("name") == "label":
            chain = [name]
            while before[chain[-1]]:
                chain.append(before[chain[-1]])
            return [ctx.builder.nodes[n] for n in reversed(chain)]
        for other in _read_by(ctx, node):
            if other not in before:
                before[other] = name
                waiting.append(other)
    return None


def _read_by(ctx: Context, node: Node) -> tuple[str, ...]:
    """What a value is computed from in an evaluation, the value of a state one step ago included."""
    if node.op == "previous":
        state = ctx.states.get(str(node.get("state")))
        found = (state.value, state.first) if state is not None else ()
        return tuple(n for n in found if n)
    if node.op == "where" and _is_training(ctx, node.args[0]):
        return node.args[2:]
    if node.op in ("mul", "and") and any(_is_training(ctx, a) for a in node.args):
        return ()
    return node.args


def _is_training(ctx: Context, name: str) -> bool:
    node = ctx.builder.nodes[name]
    return node.op == "scalar" and node.get("name") == "training"


def _inside(span: Span, whole: Span) -> bool:
    return span.source == whole.source and whole.start <= span.start and span.end <= whole.end
