"""Element by element."""

from __future__ import annotations

from collections.abc import Callable

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.values import Num, Object, Val

UNARY = [
    "abs",
    "exp",
    "log",
    "sqrt",
    "sign",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "round",
    "floor",
    "stop",
]


def _unary(op: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return ctx.elementwise(op, [a.values["x"]], [a.place("x")], a.span)

    return run


def _binary(op: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return ctx.elementwise(
            op, [a.values["a"], a.values["b"]], [a.place("a"), a.place("b")], a.span
        )

    return run


def _clip(ctx: Context, a: Arguments) -> Object:
    low = ctx.elementwise(
        "max", [a.values["x"], a.values["low"]], [a.place("x"), a.place("low")], a.span
    )
    return ctx.elementwise("min", [low, a.values["high"]], [a.span, a.place("high")], a.span)


def _where(ctx: Context, a: Arguments) -> Object:
    names = ("condition", "yes", "no")
    condition = ctx.pick(a.values["condition"])
    if isinstance(condition, Num):
        return ctx.pick(a.values["yes" if condition.value else "no"])
    return ctx.elementwise(
        "where", [a.values[n] for n in names], [a.place(n) for n in names], a.span
    )


def _float32(ctx: Context, a: Arguments) -> Object:
    """x computed in single precision: its linear spacing and its products are rounded, then x."""
    x = a.get("x")
    if not isinstance(x, Val):
        return ctx.elementwise("float32", [a.val("x")], [a.place("x")], a.span)
    build, done = ctx.builder, dict[str, str]()

    def narrow(name: str) -> str:
        if name not in done:
            node = build.nodes[name]
            args = [narrow(arg) for arg in node.args]
            more = {"single": True} if node.op == "linspace" else {}
            made = build.node(
                node.op, args, node.axes, node.span, node.note, **dict(node.attributes), **more
            )
            done[name] = (
                build.apply("float32", made) if node.op in ("linspace", "mul", "div") else made
            )
        return done[name]

    return ctx.wrap(build.apply("float32", narrow(x.node)))


def _spike(ctx: Context, a: Arguments) -> Object:
    value = a.get("condition")
    node = ctx.builder.nodes.get(value.node) if isinstance(value, Val) else None
    if node is None or node.op not in ("gt", "ge"):
        ctx.fail(mistakes.spike_needs_a_comparison(a.place("condition")))
    slope = ctx.val(a.values["slope"], a.place("slope"), "a slope")
    left, right = (ctx.wrap(x) for x in node.args)
    ctx.check_places("spike", [left, slope], [a.place("condition"), a.place("slope")], a.span)
    made = ctx.builder.apply(
        "spike", left.node, right.node, slope.node, span=a.span, strict=node.op == "gt"
    )
    return ctx.wrap(made)


RUN = {
    **{op: _unary(op) for op in UNARY},
    "min": _binary("min"), "max": _binary("max"), "clip": _clip, "where": _where, "float32": _float32,
    "spike": _spike,
}  # fmt: skip
