"""Sums, means and what is made of them."""

from __future__ import annotations

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.values import Num, Object, Val
from snc.graph.graph import BATCH, PARTNER, SAMPLE, Axis, features


def over(ctx: Context, a: Arguments, x: Val, default: str = "all") -> tuple[Axis, ...]:
    """The axes `over` names; without it all, or the features."""
    words = a.words("over")
    if words is None:
        return features(x.axes) if default == "features" else x.axes
    return ctx.axes_named(x, words, a.place("over"))


def _sum(ctx: Context, a: Arguments) -> Object:
    if a.words("over") == ("uses",):
        return _uses(ctx, a)
    x = a.get("x")
    if isinstance(x, Num):
        return x
    value = a.val("x")
    return ctx.wrap(ctx.builder.sum(value.node, over(ctx, a, value), a.span), value.dim)


def _uses(ctx: Context, a: Arguments) -> Object:
    if ctx.rule is None:
        ctx.fail(
            mistakes.simple(
                "uses-outside-rule",
                "`over = uses` sums over the uses of a rule's weight; this is no rule",
                a.place("over"),
            )
        )
    x = a.val("x")
    return ctx.wrap(uses(ctx, x), x.dim)


def uses(ctx: Context, x: Val) -> str:
    """The sum of a value over samples and positions, at the weight of the rule's projection."""
    projection = ctx.rule
    assert projection is not None
    geometry = projection.geometry
    return ctx.builder.node("uses", (x.node,), geometry.weight, geometry=geometry)


def _mean(ctx: Context, a: Arguments) -> Object:
    x = a.get("x")
    if isinstance(x, Num):
        return x
    value = a.val("x")
    axes = over(ctx, a, value)
    if "where" in a.values:
        mask = a.val("where")
        product = ctx.elementwise("mul", [value, mask], [a.place("x"), a.place("where")], a.span)
        top = ctx.builder.sum(ctx.val(product, a.span).node, axes, a.span)
        below = ctx.builder.sum(ctx.builder.expand(mask.node, value.axes), axes)
        least = ctx.builder.apply("max", ctx.builder.number(1), below)
        return ctx.wrap(ctx.builder.div(top, least), value.dim)
    return ctx.wrap(ctx.builder.mean(value.node, axes, a.span), value.dim)


def _variance(ctx: Context, a: Arguments) -> Object:
    x, b = a.val("x"), ctx.builder
    axes = over(ctx, a, x)
    z = b.sub(x.node, b.mean(x.node, axes))
    less = b.sub(b.count(axes), b.number(1))
    return ctx.wrap(b.div(b.sum(b.mul(z, z), axes), less), 2 * x.dim)


def _norm(ctx: Context, a: Arguments) -> Object:
    x, b = a.val("x"), ctx.builder
    return ctx.wrap(b.apply("sqrt", b.sum(b.mul(x.node, x.node), over(ctx, a, x))), x.dim)


def one_axis(ctx: Context, a: Arguments, x: Val) -> Axis:
    """The single axis that softmax and its like run along."""
    axes = over(ctx, a, x, "features")
    if len(axes) != 1:
        ctx.fail(
            mistakes.simple(
                "one-axis",
                f"`{a.what}` runs along one axis, and this has {len(axes)}",
                a.place("x"),
                "name it with `over = ...`, or `flatten` first",
            )
        )
    return axes[0]


def _softmax(ctx: Context, a: Arguments) -> Object:
    x = a.val("x")
    if ctx.unsettled(x):
        return x
    return ctx.wrap(
        ctx.builder.apply("exp", ctx.builder.log_softmax(x.node, one_axis(ctx, a, x), a.span))
    )


def _argmax(ctx: Context, a: Arguments) -> Object:
    x = a.val("x")
    axis = one_axis(ctx, a, x)
    axes = [k for k in x.axes if k != axis]
    return ctx.wrap(ctx.builder.node("argmax", (x.node,), axes, a.span, over=axis))


def _cross_entropy(ctx: Context, a: Arguments) -> Object:
    logits, target, b = a.val("logits"), a.val("target"), ctx.builder
    axis = one_axis(ctx, a, logits)
    if axis not in target.axes:
        if any(k.kind not in BATCH for k in target.axes):
            ctx.fail(
                mistakes.different_shapes(
                    a.span, a.place("logits"), logits.axes, a.place("target"), target.axes, ""
                )
            )
        hot = b.node("onehot", (target.node,), [*target.axes, axis], a.place("target"), over=axis)
        target = ctx.wrap(hot)
    ctx.check_places("mul", [logits, target], [a.place("logits"), a.place("target")], a.span)
    product = b.mul(target.node, b.log_softmax(logits.node, axis, a.span))
    return ctx.wrap(b.neg(b.sum(product, [axis], a.span)))


def _smooth_l1(ctx: Context, a: Arguments) -> Object:
    """x^2 / 2 where |x| < 1, else |x| - 1/2."""
    x, b = a.val("x").node, ctx.builder
    size = b.apply("abs", x)
    square = b.mul(b.number(0.5), b.mul(x, x))
    inside = b.apply("lt", size, b.number(1))
    return ctx.wrap(b.apply("where", inside, square, b.sub(size, b.number(0.5))))


def _pair(ctx: Context, a: Arguments) -> tuple[str, str, tuple[Axis, ...]]:
    x, y = a.val("a"), a.val("b")
    if SAMPLE not in x.axes or SAMPLE not in y.axes:
        ctx.fail(
            mistakes.simple(
                "needs-samples",
                f"`{a.what}` compares samples; both values need one per sample",
                a.span,
            )
        )
    ctx.check_places("mul", [x, y], [a.place("a"), a.place("b")], a.span)
    words = a.words("over")
    axes = features(x.axes) if words is None else ctx.axes_named(x, words, a.place("over"))
    return x.node, ctx.builder.rename(y.node, [(SAMPLE, PARTNER)]), axes


def _pair_dot(ctx: Context, a: Arguments) -> Object:
    x, y, axes = _pair(ctx, a)
    return ctx.wrap(ctx.builder.dot(x, y, axes, a.span))


def _pair_distance(ctx: Context, a: Arguments) -> Object:
    """sqrt(sum (a - b + offset)^2), as torch's pairwise distance adds its epsilon."""
    x, y, axes = _pair(ctx, a)
    b = ctx.builder
    z = b.add(b.sub(x, y), b.number(a.number("offset", 0.0)))
    return ctx.wrap(b.apply("sqrt", b.sum(b.mul(z, z), axes)))


RUN = {
    "sum": _sum, "mean": _mean, "variance": _variance, "norm": _norm, "softmax": _softmax,
    "argmax": _argmax, "cross_entropy": _cross_entropy, "smooth_l1": _smooth_l1,
    "pair_dot": _pair_dot, "pair_distance": _pair_distance,
}  # fmt: skip
