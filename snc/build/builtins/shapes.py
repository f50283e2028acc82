"""Shapes, pools and small tables."""

from __future__ import annotations

from collections.abc import Callable

from snc.build import mistakes
from snc.build.builtins.reductions import one_axis
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.values import Lst, Num, Object, Val
from snc.graph.graph import BATCH, SAMPLE, Axes, Axis, canonical, features, file_order, size


def _size(ctx: Context, a: Arguments) -> Object:
    x = a.val("x")
    words = a.words("over")
    if words is None:
        return Num(float(size(features(x.axes))))
    axes = ctx.axes_named(x, words, a.place("over"))
    sizes = [Num(float(k.size)) for k in axes]
    return sizes[0] if len(sizes) == 1 else Lst(tuple(sizes))


def _shape(ctx: Context, a: Arguments) -> Object:
    axes = file_order(features(a.val("x").axes))
    return Lst(tuple(Num(float(k.size)) for k in axes))


def _flatten(ctx: Context, a: Arguments) -> Object:
    x = a.val("x")
    return ctx.wrap(
        ctx.builder.reshape(x.node, (Axis("channel", size(features(x.axes))),), a.span), x.dim
    )


def _reshape(ctx: Context, a: Arguments) -> Object:
    x, shape = a.val("x"), a.get("shape")
    items = shape.items if isinstance(shape, Lst) else (shape,)
    sizes = [ctx.whole(i, a.place("shape"), "a size") for i in items if i is not None]
    kinds = ("channel", "height", "width")
    if len(sizes) not in (1, 3):
        ctx.fail(
            mistakes.simple(
                "bad-shape", "a shape is `[n]` or `[channels, height, width]`", a.place("shape")
            )
        )
    new = canonical(Axis(k, n) for k, n in zip(kinds, sizes, strict=False))
    if size(new) != size(features(x.axes)) and not ctx.unsettled(x):
        ctx.fail(
            mistakes.simple(
                "bad-shape",
                f"{mistakes.shape_of(x.axes)} do not fit {mistakes.shape_of(new)}",
                a.span,
            )
        )
    return ctx.wrap(ctx.builder.reshape(x.node, new, a.span), x.dim)


def _concat(ctx: Context, a: Arguments) -> Object:
    parts = [ctx.val(v, s) for v, s in a.rest]
    settled = [p for p in parts if not ctx.unsettled(p)] or parts
    rest = {tuple(k for k in features(p.axes) if k.kind != "channel") for p in settled}
    if len(rest) != 1:
        ctx.fail(
            mistakes.simple(
                "different-shapes", "`concat` joins channels; height and width must agree", a.span
            )
        )
    total = sum(k.size for p in parts for k in p.axes if k.kind == "channel")
    axis = Axis("channel", total)
    batch = [k for k in parts[0].axes if k.kind in BATCH]
    node = ctx.builder.node(
        "concat", [p.node for p in parts], [*batch, *rest.pop(), axis], a.span, axis=axis
    )
    return ctx.wrap(node)


def as_axis(ctx: Context, x: Val, kind: str) -> str:
    """A value of one feature axis, with that axis called otherwise."""
    (axis,) = features(x.axes)
    return ctx.builder.rename(x.node, [(axis, Axis(kind, axis.size))])


def _outer(ctx: Context, a: Arguments) -> Object:
    x, y = a.val("a"), a.val("b")
    for name, value in (("a", x), ("b", y)):
        if len(features(value.axes)) != 1:
            ctx.fail(
                mistakes.simple(
                    "one-axis", "`outer` takes two values of one axis each", a.place(name)
                )
            )
    node = ctx.builder.mul(as_axis(ctx, x, "rows"), as_axis(ctx, y, "columns"))
    return ctx.wrap(node, x.dim + y.dim)


def _dot(ctx: Context, a: Arguments) -> Object:
    """Last axis of the first with the first feature axis of the second."""
    x, y = a.val("a"), a.val("b")
    if own := [k for k in y.axes if k.role == "self"]:
        posts = [(k, s) for k in x.axes for s in own if k.role == "post"]
        left = ctx.builder.rename(x.node, posts)
        return ctx.wrap(ctx.builder.dot(left, y.node, own, a.span), x.dim + y.dim)
    fx, fy = file_order(features(x.axes)), file_order(features(y.axes))
    if ctx.unsettled(x) or ctx.unsettled(y):
        gone = fy[:1] if ctx.unsettled(x) else fx[-1:]
        made = ctx.builder.sum(ctx.builder.mul(x.node, y.node), gone)
        return ctx.wrap(_as_channels(ctx, made), x.dim + y.dim)
    if not fx or not fy:
        ctx.fail(mistakes.simple("one-axis", "`dot` takes values with features", a.span))
    last, first = fx[-1], fy[0]
    if last.size != first.size:
        ctx.fail(
            mistakes.different_shapes(a.span, a.place("a"), (last,), a.place("b"), (first,), "dot")
        )
    inner = Axis("inner", last.size)
    left = ctx.builder.rename(x.node, [(last, inner)])
    right = ctx.builder.rename(y.node, [(first, inner)])
    made = ctx.builder.dot(left, right, [inner], a.span)
    return ctx.wrap(_as_channels(ctx, made), x.dim + y.dim)


def _as_channels(ctx: Context, node: str) -> str:
    """A single axis of rows or columns left over, per sample, is one of channels."""
    left = features(ctx.builder.axes(node))
    if len(left) == 1 and left[0].kind in ("rows", "columns") and SAMPLE in ctx.builder.axes(node):
        return ctx.builder.rename(node, [(left[0], Axis("channel", left[0].size))])
    return node


def _range(ctx: Context, a: Arguments) -> Object:
    n = a.whole("n")
    return ctx.wrap(ctx.builder.node("range", (), (Axis("channel", n),), a.span, n=n))


def _linspace(ctx: Context, a: Arguments) -> Object:
    n, first, last = a.whole("n"), a.number("a"), a.number("b")
    axes = (Axis("channel", n),)
    return ctx.wrap(ctx.builder.node("linspace", (), axes, a.span, first=first, last=last, n=n))


def _onehot(ctx: Context, a: Arguments) -> Object:
    label, n = a.val("label"), a.whole("classes")
    if any(k.kind == "channel" for k in label.axes):
        ctx.fail(
            mistakes.simple(
                "different-shapes", "`onehot` takes class numbers, one per sample", a.place("label")
            )
        )
    axis = Axis("columns" if any(k.kind == "rows" for k in label.axes) else "channel", n)
    return ctx.wrap(
        ctx.builder.node("onehot", (label.node,), [*label.axes, axis], a.span, over=axis)
    )


def _spatial(ctx: Context, a: Arguments) -> tuple[Val, Axis, Axis]:
    x = a.val("x")
    kinds = {k.kind: k for k in x.axes}
    if "height" not in kinds or "width" not in kinds:
        ctx.fail(mistakes.needs_space(a.place("x"), a.what, x.axes))
    return x, kinds["height"], kinds["width"]


def _swap(axes: Axes, height: int, width: int) -> Axes:
    sizes = {"height": height, "width": width}
    return canonical(Axis(k.kind, sizes.get(k.kind, k.size), k.role) for k in axes)


def _pool(op: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        if ctx.unsettled(a.val("x")):
            return a.val("x")
        x, height, width = _spatial(ctx, a)
        window = a.pair("size")
        stride = a.pair("stride") if "stride" in a.values else window
        out = [
            (n - k) // s + 1
            for n, k, s in zip((height.size, width.size), window, stride, strict=True)
        ]
        if min(out) < 1:
            ctx.fail(
                mistakes.bad_geometry(
                    a.span,
                    f"a window of {window[0]} x {window[1]} does not fit into {height.size} x {width.size}",
                )
            )
        axes = _swap(x.axes, *out)
        return ctx.wrap(
            ctx.builder.node(op, (x.node,), axes, a.span, window=window, stride=stride), x.dim
        )

    return run


def _average_pool_to(ctx: Context, a: Arguments) -> Object:
    if ctx.unsettled(a.val("x")):
        return a.val("x")
    out, given = a.pair("size"), a.val("x")
    if out == (1, 1) and [k.kind for k in features(given.axes)] == ["channel"]:
        return given  # a dense population is one pixel
    x, height, width = _spatial(ctx, a)
    if out[0] > height.size or out[1] > width.size:
        ctx.fail(
            mistakes.bad_geometry(
                a.span, f"{height.size} x {width.size} cannot be averaged to {out[0]} x {out[1]}"
            )
        )
    axes = _swap(x.axes, *out)
    if axes == x.axes:
        return x
    return ctx.wrap(ctx.builder.node("avg_pool_to", (x.node,), axes, a.span, size=out), x.dim)


def _resize(ctx: Context, a: Arguments) -> Object:
    """Bilinear interpolation; with `antialias` the triangle is as wide as the scale."""
    if ctx.unsettled(a.val("x")):
        return a.val("x")
    if "premultiplied" in a.values:
        message = (
            "`premultiplied` belongs to a data pipeline: it is about images as files have them"
        )
        ctx.fail(mistakes.simple("unknown-option", message, a.place("premultiplied")))
    x, _, _ = _spatial(ctx, a)
    axes = _swap(x.axes, *a.pair("size"))
    if axes == x.axes:
        return x
    antialias, corners = a.flag("antialias"), a.flag("align_corners")
    node = ctx.builder.node("resize", (x.node,), axes, a.span, antialias=antialias, corners=corners)
    return ctx.wrap(node, x.dim)


def _difference(ctx: Context, a: Arguments) -> Object:
    """x[i + 1] - x[i] along one axis."""
    x = a.val("x")
    if ctx.unsettled(x):
        return x
    axis = one_axis(ctx, a, x)
    if axis.size < 2:
        ctx.fail(mistakes.bad_geometry(a.span, f"{axis.size} values have no difference"))
    n = axis.size - 1
    axes = [Axis(k.kind, n, k.role) if k == axis else k for k in x.axes]
    left, right = (
        ctx.builder.node("part", (x.node,), axes, a.span, axis=axis, start=start, size=n)
        for start in (0, 1)
    )
    return ctx.wrap(ctx.builder.sub(right, left), x.dim)


def _warp(ctx: Context, a: Arguments) -> Object:
    """The image at (x + flow[0], y + flow[1]), bilinear; places outside the image count as 0."""
    image, flow = a.val("image"), a.val("flow")
    if ctx.unsettled(image) or ctx.unsettled(flow):
        return image
    kinds = {k.kind: k.size for k in flow.axes}
    for name, value in (("image", image), ("flow", flow)):
        if not {"height", "width"} <= {k.kind for k in value.axes}:
            ctx.fail(mistakes.needs_space(a.place(name), a.what, value.axes))
    space = {k for k in image.axes if k.kind in ("height", "width")}
    if kinds.get("channel") != 2 or not space <= set(flow.axes):
        ctx.fail(
            mistakes.different_shapes(
                a.span, a.place("image"), image.axes, a.place("flow"), flow.axes, "warp"
            )
        )
    axes = [*(k for k in (*image.axes, *flow.axes) if k.kind in BATCH), *features(image.axes)]
    image = ctx.wrap(ctx.builder.expand(image.node, axes), image.dim)
    given = ctx.builder.expand(flow.node, [*image.axes[:1], *features(flow.axes)])
    return ctx.wrap(ctx.builder.node("warp", (image.node, given), axes, a.span), image.dim)


RUN = {
    "size": _size, "shape": _shape, "flatten": _flatten, "reshape": _reshape, "concat": _concat,
    "outer": _outer, "dot": _dot, "range": _range, "linspace": _linspace, "onehot": _onehot,
    "max_pool": _pool("max_pool"), "average_pool": _pool("avg_pool"), "average_pool_to": _average_pool_to,
    "difference": _difference, "warp": _warp, "resize": _resize,
}  # fmt: skip
