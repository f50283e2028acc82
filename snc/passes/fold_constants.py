"""Numbers fold: known values are computed, x * 0 is 0, x + 0 and x * 1 are x, `stop` has done its work."""

from __future__ import annotations

from snc.graph.builder import BINARY, ELEMENTWISE, UNARY, Builder
from snc.graph.graph import Graph, Node
from snc.graph.numbers import fold
from snc.passes.rebuild import rebuild


def fold_constants(graph: Graph) -> Graph:
    """Compute what is known before the run.

    >>> # e = 0 * q + psi * p        becomes  e = psi * p, and then nothing reads the trace q
    """
    training = 1.0 if graph.learning else 0.0

    def rule(build: Builder, node: Node, args: list[str]) -> str | None:
        if node.op == "scalar" and node.get("name") == "training":
            return build.number(training)
        if node.op == "stop":
            return args[0]
        if node.op in ELEMENTWISE:
            return _elementwise(build, node, args)
        if node.op == "expand":
            return _expand(build, node, args)
        if node.op == "rename":
            return _rename(build, node, args)
        if node.op == "sum":
            return _sum(build, node, args)
        if node.op in ("project", "project_x", "project_w", "dot", "reshape") and any(
            is_zero(build, a) for a in args
        ):
            return zero(build, node)
        return None

    return rebuild(graph, rule)


def is_zero(build: Builder, name: str) -> bool:
    """Whether a node is known to be 0 everywhere."""
    node = build.nodes[name]
    while node.op in ("expand", "rename", "reshape"):
        node = build.nodes[node.args[0]]
    return node.op == "const" and node.get("value") == 0.0


def zero(build: Builder, node: Node) -> str:
    """0 with the axes of a node."""
    return build.expand(build.number(0), node.axes)


def constant(build: Builder, name: str) -> float | None:
    """The number a node is everywhere."""
    node = build.nodes[name]
    while node.op == "expand":
        node = build.nodes[node.args[0]]
    return float(node.get("value")) if node.op == "const" else None


def _elementwise(build: Builder, node: Node, args: list[str]) -> str | None:
    numbers = [constant(build, a) for a in args]
    if node.op in UNARY | BINARY and all(n is not None for n in numbers):
        value = fold(node.op, [n for n in numbers if n is not None])
        if value is not None:
            return build.expand(build.number(value), node.axes)
    found = _identity(build, node, args, numbers)
    if found is not None:
        return build.expand(found, node.axes) if build.axes(found) != node.axes else found
    if (outside := _expand_after(build, node, args)) is not None:
        return outside
    slim = _without_expands(build, node, args)
    if slim != args:
        return build.node(node.op, slim, node.axes, node.span, node.note, **dict(node.attributes))
    return None


def _identity(
    build: Builder, node: Node, args: list[str], numbers: list[float | None]
) -> str | None:
    """What x + 0, x * 1, x * 0, x / 1, where(1, x, y) and their like are."""
    match node.op, numbers:
        case "add", [0.0, _]:
            return args[1]
        case (("add" | "sub"), [_, 0.0]):
            return args[0]
        case "sub", [0.0, _]:
            return build.neg(args[1])
        case "mul", [1.0, _]:
            return args[1]
        case (("mul" | "div" | "pow"), [_, 1.0]):
            return args[0]
        case "mul", [0.0, _] | [_, 0.0]:
            return build.number(0)
        case "mul", [-1.0, _]:
            return build.neg(args[1])
        case "mul", [_, -1.0]:
            return build.neg(args[0])
        case "div", [0.0, _]:
            return build.number(0)
        case "pow", [_, 2.0]:
            return build.mul(args[0], args[0])
        case "pow", [_, 0.0]:
            return build.number(1)
        case "where", [c, _, _] if c is not None:
            return args[1] if c else args[2]
    inner = build.nodes[args[0]]
    if node.op == "neg" and inner.op == "neg":
        return inner.args[0]
    if node.op == "add" and build.nodes[args[1]].op == "neg":
        return build.sub(args[0], build.nodes[args[1]].args[0])
    return None


def _expand_after(build: Builder, node: Node, args: list[str]) -> str | None:
    """What is done to broadcast values only is done before they are broadcast."""
    made = [build.nodes[a] for a in args]
    if not any(m.op == "expand" for m in made):
        return None
    inner = [m.args[0] if m.op == "expand" else m.name for m in made]
    axes = {a for n in inner for a in build.axes(n)}
    if axes >= set(node.axes):
        return None
    attributes = dict(node.attributes)
    done = build.node(node.op, inner, axes, node.span, node.note, **attributes)
    return build.expand(done, node.axes)


def _without_expands(build: Builder, node: Node, args: list[str]) -> list[str]:
    """Operands broadcast by themselves: an `expand` before them is not needed if another has the axes."""
    slim = list(args)
    for k, name in enumerate(args):
        made = build.nodes[name]
        if made.op != "expand":
            continue
        others = [a for j, o in enumerate(slim) if j != k for a in build.axes(o)]
        if set(node.axes) == {*others, *build.axes(made.args[0])}:
            slim[k] = made.args[0]
    return slim


def _expand(build: Builder, node: Node, args: list[str]) -> str | None:
    inner = build.nodes[args[0]]
    if inner.op == "expand":
        return build.expand(inner.args[0], node.axes)
    return args[0] if inner.axes == node.axes else None


def _rename(build: Builder, node: Node, args: list[str]) -> str | None:
    """Renaming there and back is nothing."""
    inner = build.nodes[args[0]]
    if is_zero(build, args[0]):
        return zero(build, node)
    if inner.op != "rename":
        return None
    second = dict(node.get("names"))
    names = [(old, second.get(new, new)) for old, new in inner.get("names")]
    first = {new for _, new in inner.get("names")}
    names += [(old, new) for old, new in node.get("names") if old not in first]
    return build.rename(inner.args[0], names)


def _sum(build: Builder, node: Node, args: list[str]) -> str | None:
    """The sum of a broadcast value along the axes it was broadcast over is a multiple."""
    inner = build.nodes[args[0]]
    over = node.get("over")
    if is_zero(build, args[0]):
        return zero(build, node)
    if inner.op != "expand":
        return None
    source = inner.args[0]
    new = [a for a in over if a not in build.axes(source)]
    if not new:
        return None
    times = build.mul(source, build.count(new))
    rest = build.sum(times, [a for a in over if a in build.axes(source)])
    return build.expand(rest, node.axes)
