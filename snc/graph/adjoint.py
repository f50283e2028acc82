"""Reverse sweeps: adjoints as ordinary nodes of the same graph (SEMANTICS of `gradient` and `bptt`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from snc.diagnostics import InternalError
from snc.graph.builder import Builder
from snc.graph.graph import BATCH, SAMPLE, Axis, Node, canonical

NO_DERIVATIVE = frozenset(
    [
        "sign",
        "round",
        "floor",
        "stop",
        "not",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "first_max",
        "first_min",
        "argmax",
        "onehot",
    ]
)
Adjoint = Callable[[Builder, Node, str], Sequence[str | None]]


def adjoints(
    build: Builder,
    seeds: Mapping[str, str],
    wanted: Sequence[str],
    backward: Callable[[Node], str | None] | None = None,
) -> list[str | None]:
    """The adjoint of each wanted node, None where the seeds do not depend on it.

    `seeds` are adjoints of some nodes. Only nodes between `wanted` and the seeds are visited. `backward`
    may name another weight to carry a projection's adjoint back through (feedback alignment).
    """
    order = list(build.nodes)
    reaches = _reached(build, order, wanted)
    bars = {name: build.fit(bar, build.axes(name)) for name, bar in seeds.items()}
    leaves = set(wanted)
    for name in reversed(order):
        if name not in bars or name not in reaches:
            continue
        node = build.nodes[name]
        if name in leaves and not any(a in reaches for a in node.args):
            continue
        parts = _adjoint(build, node, bars[name], reaches, backward)
        for operand, bar in zip(node.args, parts, strict=True):
            if bar is None or operand not in reaches:
                continue
            bar = build.fit(bar, build.axes(operand))
            bars[operand] = build.add(bars[operand], bar) if operand in bars else bar
    return [bars.get(name) for name in wanted]


def _reached(build: Builder, order: Iterable[str], wanted: Iterable[str]) -> set[str]:
    """Wanted nodes and all that depend on them through something that has a derivative."""
    reaches = set(wanted)
    for name in order:
        if any(a in reaches for a in followed(build.nodes[name])):
            reaches.add(name)
    return reaches


def followed(node: Node) -> Sequence[str]:
    """The operands a node's value has a derivative by."""
    if node.op in NO_DERIVATIVE:
        return ()
    if node.op == "where":
        return node.args[1:]
    return node.args[:2] if node.op == "spike" else node.args


def _adjoint(
    build: Builder,
    node: Node,
    bar: str,
    reaches: set[str],
    backward: Callable[[Node], str | None] | None,
) -> Sequence[str | None]:
    if node.op in NO_DERIVATIVE:
        return [None] * len(node.args)
    if node.op == "project":
        return _project(build, node, bar, reaches, backward)
    if node.op not in TABLE:
        raise InternalError(f"`{node.op}` has no adjoint")
    return TABLE[node.op](build, node, bar)


def _project(
    build: Builder,
    node: Node,
    bar: str,
    reaches: set[str],
    backward: Callable[[Node], str | None] | None,
) -> Sequence[str | None]:
    weight, x = node.args
    geometry = node.get("geometry")
    w_bar = x_bar = None
    if weight in reaches:
        w_bar = build.project("project_w", bar, x, geometry.weight, geometry)
    if x in reaches:
        back = (backward(node) if backward else None) or weight
        batch = [a for a in build.axes(bar) if a.kind in BATCH]
        x_bar = build.project("project_x", back, bar, [*batch, *geometry.pre], geometry)
    return [w_bar, x_bar]


def _project_x(build: Builder, node: Node, bar: str) -> Sequence[str | None]:
    weight, a = node.args
    geometry = node.get("geometry")
    batch = [x for x in build.axes(a) if x.kind in BATCH]
    return [
        build.project("project_w", a, bar, geometry.weight, geometry),
        build.project("project", weight, bar, [*batch, *geometry.post], geometry),
    ]


def _project_w(build: Builder, node: Node, bar: str) -> Sequence[str | None]:
    a, x = node.args
    geometry = node.get("geometry")
    return [
        build.project("project", bar, x, [SAMPLE, *geometry.post], geometry),
        build.project("project_x", bar, a, [SAMPLE, *geometry.pre], geometry),
    ]


def _mul(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    return [b.mul(bar, n.args[1]), b.mul(bar, n.args[0])]


def _div(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    return [b.div(bar, n.args[1]), b.neg(b.div(b.mul(bar, n.name), n.args[1]))]


def _pow(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    base, power = n.args
    less = b.sub(power, b.number(1))
    by_base = b.mul(bar, b.mul(power, b.apply("pow", base, less)))
    by_power = None
    if b.value_of(power) is None:
        by_power = b.mul(bar, b.mul(n.name, b.apply("log", base)))
    return [by_base, by_power]


def _extremum(first: str) -> Adjoint:
    def rule(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
        mine = b.apply(first, *n.args)  # a tie belongs to the first operand
        return [b.mul(bar, mine), b.mul(bar, b.sub(b.number(1), mine))]

    return rule


def _where(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    condition, _, _ = n.args
    zero = b.number(0)
    yes, no = b.apply("where", condition, bar, zero), b.apply("where", condition, zero, bar)
    return [None, yes, no]


def _spike(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    along = b.mul(bar, n.args[2])
    return [along, b.neg(along), None]


def _log_softmax(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    over = (n.get("over"),)
    return [b.sub(bar, b.mul(b.apply("exp", n.name), b.sum(bar, over)))]


def _dot(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    parts: list[str | None] = []
    for mine, other in (n.args, n.args[::-1]):
        axes = b.axes(mine)
        lost = canonical(a for a in (*b.axes(bar), *b.axes(other)) if a not in axes)
        parts.append(b.fit(b.dot(bar, other, lost), axes))
    return parts


def _rename(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    back: list[tuple[Axis, Axis]] = [(new, old) for old, new in n.get("names")]
    return [b.rename(bar, back)]


def _reshape(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    axes = b.axes(n.args[0])
    batch = [a for a in b.axes(bar) if a.kind in BATCH]
    plain = [a for a in axes if a.kind not in BATCH]
    return [b.node("reshape", (bar,), [*batch, *plain])]


def _concat(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    parts: list[str | None] = []
    start, axis = 0, n.get("axis")
    for operand in n.args:
        mine = next(a for a in b.axes(operand) if a.key == axis.key)
        axes = [mine if a.key == axis.key else a for a in b.axes(bar)]
        parts.append(b.node("part", (bar,), axes, axis=axis, start=start, size=mine.size))
        start += mine.size
    return parts


def _part(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    axis, start = n.get("axis"), n.get("start")
    whole = b.axes(n.args[0])
    stop = start + n.get("size")
    pieces = []
    for length, piece in ((start, None), (n.get("size"), bar), (axis.size - stop, None)):
        if length:
            axes = [Axis(a.kind, length, a.role) if a == axis else a for a in whole]
            pieces.append(piece or b.expand(b.number(0), axes))
    return [b.node("concat", pieces, whole, axis=axis)]


def _max_pool(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    return [b.node("max_pool_x", (n.args[0], bar), b.axes(n.args[0]), **dict(n.attributes))]


def _transposed(op: str) -> Adjoint:
    """Of what is linear in its only operand."""

    def rule(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
        return [b.node(op, (bar,), b.axes(n.args[0]), **dict(n.attributes))]

    return rule


def _warp(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    image, flow = n.args
    by_image = b.node("warp_image", (flow, bar), b.axes(image))
    return [by_image, b.node("warp_flow", (image, flow, bar), b.axes(flow))]


def _warp_image(b: Builder, n: Node, bar: str) -> Sequence[str | None]:
    """What is given back to the image is linear in the adjoint, whose image it is."""
    flow, inner = n.args
    by_flow = b.node("warp_flow", (bar, flow, inner), b.axes(flow))
    return [by_flow, b.node("warp", (bar, flow), b.axes(inner))]


TABLE: Mapping[str, Adjoint] = {
    "add": lambda b, n, bar: [bar, bar],
    "sub": lambda b, n, bar: [bar, b.neg(bar)],
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "max": _extremum("first_max"),
    "min": _extremum("first_min"),
    "where": _where,
    "spike": _spike,
    "neg": lambda b, n, bar: [b.neg(bar)],
    "exp": lambda b, n, bar: [b.mul(bar, n.name)],
    "log": lambda b, n, bar: [b.div(bar, n.args[0])],
    "sqrt": lambda b, n, bar: [b.div(bar, b.mul(b.number(2), n.name))],
    "abs": lambda b, n, bar: [b.mul(bar, b.apply("sign", n.args[0]))],
    "sin": lambda b, n, bar: [b.mul(bar, b.apply("cos", n.args[0]))],
    "cos": lambda b, n, bar: [b.neg(b.mul(bar, b.apply("sin", n.args[0])))],
    "tanh": lambda b, n, bar: [b.mul(bar, b.sub(b.number(1), b.mul(n.name, n.name)))],
    "sigmoid": lambda b, n, bar: [b.mul(bar, b.mul(n.name, b.sub(b.number(1), n.name)))],
    "float32": lambda b, n, bar: [bar],
    "sum": lambda b, n, bar: [b.expand(bar, b.axes(n.args[0]))],
    "expand": lambda b, n, bar: [bar],
    "rename": _rename,
    "reshape": _reshape,
    "concat": _concat,
    "part": _part,
    "log_softmax": _log_softmax,
    "dot": _dot,
    "project_x": _project_x,
    "project_w": _project_w,
    "max_pool": _max_pool,
    "avg_pool": _transposed("avg_pool_x"),
    "avg_pool_to": _transposed("avg_pool_to_x"),
    "avg_pool_x": _transposed("avg_pool"),
    "avg_pool_to_x": _transposed("avg_pool_to"),
    "resize": _transposed("resize_x"),
    "resize_x": _transposed("resize"),
    "warp": _warp,
    "warp_image": _warp_image,
}
