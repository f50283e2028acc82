"""Dense and convolutional projections: their storage, their norm, what they compute."""

from __future__ import annotations

from typing import Any

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.values import First, Fun, Lst, Num, Object, Projection, Val, Word
from snc.graph.geometry import Geometry, convolution, dense
from snc.graph.graph import BATCH, SAMPLE, Axes, Axis, features
from snc.model.plan import Draw

DEFAULT_WEIGHT = Draw("fan_in_uniform", (1.0,))


def _dense(ctx: Context, a: Arguments) -> Object:
    x, n = a.val("x"), a.whole("n")
    axes = features(x.axes)
    if len(axes) > 1:
        ctx.fail(mistakes.only_dense_input(a.place("x"), axes))
    geometry = dense(axes[0].size if axes else 1, n)
    return _project(ctx, a, x, geometry)


def _conv(ctx: Context, a: Arguments) -> Object:
    return _convolve(ctx, a, transposed=False)


def _conv_transpose(ctx: Context, a: Arguments) -> Object:
    return _convolve(ctx, a, transposed=True)


def _convolve(ctx: Context, a: Arguments, transposed: bool) -> Object:
    x = a.val("x")
    axes = features(x.axes)
    if axes and {k.kind for k in axes} != {"channel", "height", "width"}:
        ctx.fail(mistakes.needs_space(a.place("x"), a.what, axes))
    if not axes:  # not known yet in this round
        axes = (Axis("height", 64), Axis("width", 64), Axis("channel", 1))
    kernel, padding = a.pair("kernel"), (0, 0)
    stride, dilation, groups = (
        _same_both_ways(ctx, a, n) for n in ("stride", "dilation", "groups")
    )
    word = a.get("padding")
    if isinstance(word, Word):
        padding = _same(ctx, a, kernel, dilation)
    elif word is not None:
        padding = a.pair("padding", least=0)
    channels = a.whole("channels")
    inputs = next(k.size for k in axes if k.kind == "channel")
    if inputs % groups or channels % groups:
        ctx.fail(
            mistakes.bad_geometry(
                a.place("groups"), f"{groups} groups do not divide {inputs} and {channels} channels"
            )
        )
    try:
        geometry = convolution(
            axes, channels, kernel, stride, padding, dilation, groups, transposed
        )
    except ValueError as error:
        ctx.fail(mistakes.bad_geometry(a.span, str(error)))
    return _project(ctx, a, x, geometry)


def _same_both_ways(ctx: Context, a: Arguments, name: str) -> int:
    """What a convolution has once, for height and width alike."""
    if isinstance(a.get(name), Lst):
        text = f"`{name}` of `{a.what}` is one number, for height and width alike; this is a list"
        ctx.fail(mistakes.bad_geometry(a.place(name), text))
    return a.whole(name, 1)


def _same(ctx: Context, a: Arguments, kernel: tuple[int, int], dilation: int) -> tuple[int, int]:
    """The padding with which a convolution of stride 1 keeps height and width."""
    reach = [dilation * (k - 1) for k in kernel]
    for k, both in zip(kernel, reach, strict=True):
        if both % 2:
            ctx.fail(mistakes.no_same_padding(a.place("padding"), k, both // 2))
    return reach[0] // 2, reach[1] // 2


def _project(ctx: Context, a: Arguments, x: Val, geometry: Geometry) -> Object:
    path, x = ctx.path, _as_input(ctx, a, x, geometry)
    if path in ctx.projections:
        ctx.fail(mistakes.two_unnamed(a.span, path, a.span.text, ctx.projections[path].span))
    build, owned = ctx.builder, dict[str, str]()
    fixed = a.flag("fixed")
    lender = _lender(ctx, a, geometry)
    if lender is not None:
        raw, effective, owner = lender.raw, lender.effective, lender.owner
    else:
        raw, effective = _weights(ctx, a, path, geometry, owned)
        owner = path
    batch = [k for k in x.axes if k.kind in BATCH]
    # A borrower that reads what its lender reads computes the same, and yet is another projection of the
    # network with a neuron of its own: equal nodes are made once, and `use` keeps the two apart.
    others = [p for p in ctx.projections.values() if p.owner == owner and p.pre.node == x.node]
    apart = ctx.gate is None and any(p.geometry == geometry for p in others)
    use: dict[str, Any] = {"use": path} if apart else {}
    linear = build.node(
        "project", (effective.node, x.node), [*batch, *geometry.post], geometry=geometry, **use
    )
    bias, output = None, linear
    if a.flag("bias"):
        bias, output = _bias(ctx, a, path, geometry, owned, linear)
    result = ctx.wrap(output).named(path)
    ctx.labels.setdefault(output, f"{path}.current" if path else "current")
    made = Projection(
        path, geometry, x, result, raw, effective, owned, bias, fixed, owner, ctx.block, a.span
    )
    ctx.projections[path] = made
    return result


def _as_input(ctx: Context, a: Arguments, x: Val, geometry: Geometry) -> Val:
    """What is projected: one value per sample and feature, also where it is the same for several."""
    if ctx.builder.value_of(x.node) is not None:
        ctx.fail(mistakes.projected_number(a.place("x"), a.what))
    if ctx.unsettled(x):
        return x
    missing = [k for k in (SAMPLE, *geometry.pre) if k not in x.axes]
    node = ctx.builder.expand(x.node, [*x.axes, *missing])
    return Val(node, ctx.builder.axes(node), x.dim, x.path)


def _weights(
    ctx: Context, a: Arguments, path: str, geometry: Geometry, owned: dict[str, str]
) -> tuple[Val, Val]:
    """The stored weight, and what the projection computes with."""
    first = _draw(ctx, a, "init", DEFAULT_WEIGHT)
    fans = (geometry.fan_in, geometry.fan_out)
    name = f"{path}.weight"
    raw = ctx.store(name, geometry.file_order(), "parameter", first, fans, a.span)
    owned["weight"] = name
    effective = raw
    norm = a.get("norm")
    if norm is not None:
        effective = _normed(ctx, a, path, raw, geometry, norm, owned)
    alone = "self" in a.values and not a.flag("self", True)
    if alone and not ctx.unsettled(a.val("x")):
        effective = _without_self(ctx, a, effective, geometry)
    ctx.register(path, "weight", raw)
    return raw, effective


def _normed(
    ctx: Context,
    a: Arguments,
    path: str,
    raw: Val,
    geometry: Geometry,
    norm: Object,
    owned: dict[str, str],
) -> Val:
    if isinstance(norm, Fun) and norm.declared is not None and norm.declared.kind == "neuron":
        text = f"a `norm` is a function or block of the weight, and `{norm.name}` is a neuron"
        ctx.fail(mistakes.simple("bad-norm", text, a.place("norm")))
    before = set(ctx.stored)
    outer = ctx.rule_axes
    pre = tuple(k for k in geometry.weight if k.role != "post")
    post = tuple(k for k in geometry.weight if k.role == "post")
    ctx.rule_axes = {"pre": pre, "post": post, "weight": geometry.weight}
    try:
        found = ctx.call(
            ctx, norm, [(None, raw.named(path), a.place("norm"))], a.place("norm"), None
        )
    finally:
        ctx.rule_axes = outer
    value = ctx.val(found, a.place("norm"), "a weight")
    if set(value.axes) != set(geometry.weight):
        ctx.fail(
            mistakes.simple(
                "bad-norm", "a `norm` must give a value of the weight's shape", a.place("norm")
            )
        )
    for name in ctx.stored:
        if name not in before:
            owned[name.rsplit(".", 1)[-1]] = name
    return value


def _without_self(ctx: Context, a: Arguments, weight: Val, geometry: Geometry) -> Val:
    """The weight with a zero diagonal."""
    if geometry.kind != "dense" or geometry.pre != geometry.post:
        ctx.fail(
            mistakes.simple(
                "no-self",
                "`self = false` needs a dense projection of a population onto itself",
                a.place("self"),
            )
        )
    build = ctx.builder
    pre, post = geometry.weight
    rows = build.node("range", (), (pre,), n=pre.size, role=pre.role)
    columns = build.node("range", (), (post,), n=post.size, role=post.role)
    return ctx.wrap(build.mul(weight.node, build.apply("ne", rows, columns)))


def _bias(
    ctx: Context, a: Arguments, path: str, geometry: Geometry, owned: dict[str, str], linear: str
) -> tuple[Val, str]:
    channel = next(k for k in geometry.post if k.kind == "channel")
    axes: Axes = (Axis("channel", channel.size, "post"),)
    first = _draw(ctx, a, "bias_init", Draw("zeros"))
    name = f"{path}.bias"
    fans = (geometry.fan_in, geometry.fan_out)
    bias = ctx.store(name, axes, "parameter", first, fans, a.span)
    owned["bias"] = name
    ctx.register(path, "bias", bias)
    plain = ctx.builder.rename(bias.node, [(axes[0], channel)])
    return bias, ctx.builder.add(linear, plain)


def _draw(ctx: Context, a: Arguments, name: str, default: Draw) -> Draw:
    value = a.get(name)
    if value is None:
        return default
    if isinstance(value, First):
        return value.draw
    if isinstance(value, Num):
        return Draw("fill", (value.value,))
    if isinstance(value, Fun):
        found = ctx.call(ctx, value, [], a.place(name), None)
        if isinstance(found, First):
            return found.draw
    ctx.fail(
        mistakes.simple("not-a-draw", f"`{name}` takes a draw, e.g. `normal(0.1)`", a.place(name))
    )


def _lender(ctx: Context, a: Arguments, geometry: Geometry) -> Projection | None:
    """The projection whose weights are borrowed."""
    value = a.get("weights")
    if value is None:
        return None
    path = getattr(value, "path", "")
    lender = ctx.projections.get(path)
    if lender is None:
        ctx.fail(
            mistakes.simple(
                "no-weights", "`weights` takes the name of a projection", a.place("weights")
            )
        )
    if lender.geometry.weight != geometry.weight:
        ctx.fail(
            mistakes.different_shapes(
                a.span, a.place("weights"), lender.geometry.weight, a.span, geometry.weight, ""
            )
        )
    return lender


def _fan_in(ctx: Context, a: Arguments) -> Object:
    weight = a.val("weight")
    total = 1
    for axis in weight.axes:
        if axis.role != "post":
            total *= axis.size
    return Num(float(total))


RUN = {"dense": _dense, "conv": _conv, "conv_transpose": _conv_transpose, "fan_in": _fan_in}
