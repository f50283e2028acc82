"""What is linear in a sum over steps is done once per update: sum_t f(g_t) = f(sum_t g_t)."""

from __future__ import annotations

from snc.graph.builder import Builder
from snc.graph.clock import clock_of
from snc.graph.graph import SAMPLE, Graph, Node
from snc.passes.rebuild import rebuild

THROUGH = ("neg", "sum", "expand", "rename", "reshape")


def hoist_updates(graph: Graph) -> Graph:
    """Move `collect` towards what changes at every step (SEMANTICS 3.2: one derivative of the norm per update).

    >>> # collect(w * project_w(a, x))  becomes  w * collect(project_w(a, x))
    """
    clocks: dict[str, str] = {}

    def clock(build: Builder, name: str) -> str:
        if name not in clocks:
            node = build.nodes[name]
            clocks[name] = clock_of(node, {a: clock(build, a) for a in node.args})
        return clocks[name]

    def push(build: Builder, name: str, gate: str, like: Node) -> str:
        node = build.nodes[name]
        if SAMPLE in node.axes or any(SAMPLE in build.axes(a) for a in node.args):
            return collected(build, name, gate, like)  # sums over samples stay inside the step
        fixed = [clock(build, a) == "fixed" for a in node.args]
        if node.op in THROUGH:
            inner = push(build, node.args[0], gate, like)
            return build.node(node.op, (inner,), node.axes, **dict(node.attributes))
        if node.op in ("add", "sub") and not any(fixed):
            parts = [push(build, a, gate, like) for a in node.args]
            return build.node(node.op, parts, node.axes)
        if node.op in ("mul", "div") and fixed.count(True) == 1 and (fixed[1] or node.op == "mul"):
            parts = [
                a if f else push(build, a, gate, like)
                for a, f in zip(node.args, fixed, strict=True)
            ]
            return build.node(node.op, parts, node.axes)
        return collected(build, name, gate, like)

    def collected(build: Builder, name: str, gate: str, like: Node) -> str:
        axes = build.axes(name)
        return build.node("collect", (name, gate), axes, like.span, group=like.get("group"))

    def rule(build: Builder, node: Node, args: list[str]) -> str | None:
        return push(build, args[0], args[1], node) if node.op == "collect" else None

    return rebuild(graph, rule)
