"""What every node computes, in NumPy: obvious, slow, float64. The oracle for all other backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snc.diagnostics import InternalError
from snc.graph.geometry import Geometry
from snc.graph.graph import Axes, Axis, Node, file_order

Array = Any  # NDArray[float64]; NumPy's own annotations of reductions are not precise enough

UNARY: Mapping[str, Callable[[Array], Array]] = {
    "neg": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "sign": np.sign,
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "round": np.rint, "floor": np.floor, "float32": lambda x: x.astype(np.float32).astype(x.dtype),
    "stop": lambda x: x, "not": lambda x: x == 0,
}  # fmt: skip
BINARY: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
    "min": np.minimum, "pow": np.power, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": lambda x, y: (x != 0) & (y != 0), "or": lambda x, y: (x != 0) | (y != 0),
    "first_max": np.greater_equal, "first_min": np.less_equal,
}  # fmt: skip


def spread(value: Array, axes: Axes, wanted: Axes) -> Array:
    """A value with axes of length 1 where it lacks some of the wanted ones."""
    return value.reshape([value.shape[axes.index(a)] if a in axes else 1 for a in wanted])


def compute(node: Node, values: list[Array], axes: list[Axes], batch: int) -> Array:
    """The value of a node from those of its operands."""
    shape = tuple(a.size or batch for a in node.axes)
    if node.op in UNARY:
        return np.asarray(UNARY[node.op](values[0]), dtype=float)
    if node.op in BINARY or node.op in ("where", "spike"):
        spread_out = [spread(v, a, node.axes) for v, a in zip(values, axes, strict=True)]
        return np.asarray(np.broadcast_to(_elementwise(node, spread_out), shape), dtype=float)
    if node.op not in TABLE:
        raise InternalError(f"the reference backend does not know `{node.op}`")
    return np.asarray(TABLE[node.op](node, values, axes, shape), dtype=float)


def _elementwise(node: Node, values: list[Array]) -> Array:
    if node.op == "where":
        return np.where(values[0] != 0, values[1], values[2])
    if node.op == "spike":
        return values[0] > values[1] if node.get("strict") else values[0] >= values[1]
    return BINARY[node.op](values[0], values[1])


# Axes ---------------------------------------------------------------------------------------------------


def _sum(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return values[0].sum(tuple(axes[0].index(a) for a in node.get("over")))


def _argmax(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return values[0].argmax(axes[0].index(node.get("over")))


def _expand(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(spread(values[0], axes[0], node.axes), shape)


def _rename(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    table = dict(node.get("names"))
    names = [table.get(a, a) for a in axes[0]]
    return values[0].transpose([names.index(a) for a in node.axes])


def _order(axes: Axes) -> list[int]:
    """Positions of the axes as files have them: the batch, channel first."""
    return [axes.index(a) for a in file_order(axes)]


def _reshape(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    flat, order = _plain(values[0], axes[0]), _order(node.axes)
    laid = flat.reshape([shape[k] for k in order])
    return laid.transpose(np.argsort(order))


def _concat(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return np.concatenate(values, axis=_position(node.axes, node.get("axis")))


def _position(axes: Axes, axis: Axis) -> int:
    return next(k for k, a in enumerate(axes) if a.key == axis.key)


def _part(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    at = _position(axes[0], node.get("axis"))
    start = node.get("start")
    return np.take(values[0], range(start, start + node.get("size")), axis=at)


def _onehot(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    axis = node.get("over")
    at = node.axes.index(axis)
    return np.expand_dims(values[0], at) == np.arange(axis.size).reshape(
        [-1 if k == at else 1 for k in range(len(node.axes))]
    )


def _log_softmax(
    node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]
) -> Array:
    at = node.axes.index(node.get("over"))
    z = values[0] - values[0].max(at, keepdims=True)
    return z - np.log(np.exp(z).sum(at, keepdims=True))


def _dot(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    every = list(dict.fromkeys([*axes[0], *axes[1], *node.axes]))
    places = {a: k for k, a in enumerate(every)}
    operands = [x for v, a in zip(values, axes, strict=True) for x in (v, [places[k] for k in a])]
    return np.einsum(*operands, [places[a] for a in node.axes], optimize=True)


# Projections: in here weights are [out, in, kh, kw] and values [batch, channel, height, width] ------------


def _files(value: Array, axes: Axes, order: Axes) -> Array:
    return value.transpose([axes.index(a) for a in order])


def _plain(value: Array, axes: Axes) -> Array:
    return value.transpose(_order(axes))


def _stored_order(value: Array, axes: Axes) -> Array:
    return value.transpose(np.argsort(_order(axes)))


def _w_shape(geometry: Geometry) -> list[int]:
    return [a.size for a in geometry.file_order()]


def _project(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    g: Geometry = node.get("geometry")
    w, x = _files(values[0], axes[0], g.file_order()), _plain(values[1], axes[1])
    if g.kind == "dense":
        return x @ w.T
    y = _conv(w, x, g) if g.kind == "conv" else _conv_x(w, x, g, g.extent("post"))
    return _stored_order(y, node.axes)


def _project_x(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    g: Geometry = node.get("geometry")
    w, a = _files(values[0], axes[0], g.file_order()), _plain(values[1], axes[1])
    if g.kind == "dense":
        return a @ w
    y = _conv_x(w, a, g, g.extent("pre")) if g.kind == "conv" else _conv(w, a, g)
    return _stored_order(y, node.axes)


def _project_w(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    g: Geometry = node.get("geometry")
    a, x = _plain(values[0], axes[0]), _plain(values[1], axes[1])
    if g.kind == "dense":
        w = a.T @ x
    elif g.kind == "conv":
        w = _conv_w(a, x, g)
    else:
        w = _conv_w(x, a, g)
    order = [g.file_order().index(k) for k in node.axes]
    return w.transpose(order)


def _patches(x: Array, g: Geometry, extent: tuple[int, int]) -> Array:
    """[batch, channel, kh, kw, rows, columns] of what each output pixel sees."""
    ph, pw = g.padding
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    (kh, kw), s, d = g.kernel, g.stride, g.dilation
    rows, columns = extent
    out = np.empty((*x.shape[:2], kh, kw, rows, columns))
    for k in range(kh):
        for l in range(kw):  # noqa: E741
            out[:, :, k, l] = x[:, :, k * d : k * d + s * rows : s, l * d : l * d + s * columns : s]
    return out


def _conv(w: Array, x: Array, g: Geometry) -> Array:
    size = [(n + 2 * p - g.dilation * (k - 1) - 1) // g.stride + 1
            for n, p, k in zip(x.shape[2:], g.padding, g.kernel, strict=True)]  # fmt: skip
    p = _patches(x, g, (size[0], size[1]))
    groups = g.groups
    p = p.reshape(p.shape[0], groups, -1, *p.shape[2:])
    w = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = np.einsum("bgiklrc,goikl->bgorc", p, w, optimize=True)
    return y.reshape(y.shape[0], -1, *y.shape[3:])


def _conv_w(a: Array, x: Array, g: Geometry) -> Array:
    p = _patches(x, g, (a.shape[2], a.shape[3]))
    p = p.reshape(p.shape[0], g.groups, -1, *p.shape[2:])
    a = a.reshape(a.shape[0], g.groups, -1, *a.shape[2:])
    w = np.einsum("bgorc,bgiklrc->goikl", a, p, optimize=True)
    return w.reshape(-1, *w.shape[2:])


def _conv_x(w: Array, a: Array, g: Geometry, extent: tuple[int, int]) -> Array:
    (kh, kw), s, d, (ph, pw) = g.kernel, g.stride, g.dilation, g.padding
    rows, columns = a.shape[2:]
    wg = w.reshape(g.groups, w.shape[0] // g.groups, *w.shape[1:])
    ag = a.reshape(a.shape[0], g.groups, -1, rows, columns)
    height, width = extent[0] + 2 * ph, extent[1] + 2 * pw
    reach = (max(height, (kh - 1) * d + s * rows), max(width, (kw - 1) * d + s * columns))
    out = np.zeros((a.shape[0], g.groups, w.shape[1], *reach))
    for k in range(kh):
        for l in range(kw):  # noqa: E741
            part = np.einsum("bgorc,goi->bgirc", ag, wg[:, :, :, k, l], optimize=True)
            out[:, :, :, k * d : k * d + s * rows : s, l * d : l * d + s * columns : s] += part
    out = out.reshape(a.shape[0], -1, *reach)
    return out[:, :, ph : ph + extent[0], pw : pw + extent[1]]


def _uses(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    """The sum over samples and, at the edges of a convolution, pixels."""
    gone = tuple(k for k, a in enumerate(axes[0]) if a not in node.axes)
    rest = tuple(a for a in axes[0] if a in node.axes)
    return np.broadcast_to(spread(values[0].sum(gone), rest, node.axes), shape)


def _patches_of(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    g: Geometry = node.get("geometry")
    side, role, other = (g.pre, "pre", "post") if g.kind == "conv" else (g.post, "post", "pre")
    places = g.extent(other)
    seen = _patches(_plain(values[0], axes[0]), g, places)
    channels = next(a.size for a in side if a.kind == "channel")
    order = (
        Axis("sample"), Axis("channel", channels, role), Axis("kernel_height", g.kernel[0]),
        Axis("kernel_width", g.kernel[1]), Axis("height", places[0], other), Axis("width", places[1], other),
    )  # fmt: skip
    return seen.transpose([order.index(a) for a in node.axes])


# Pools --------------------------------------------------------------------------------------------------


def _windows(x: Array, node: Node, rows: int, columns: int) -> Array:
    """[batch, rows, columns, channel, kh * kw], the window in row-major order; x is channels last."""
    (kh, kw), (sh, sw) = node.get("window"), node.get("stride")
    parts = [
        x[:, k : k + sh * rows : sh, l : l + sw * columns : sw]
        for k in range(kh)
        for l in range(kw)  # noqa: E741
    ]
    return np.stack(parts, -1)


def _max_pool(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return _windows(values[0], node, *shape[1:3]).max(-1)


def _avg_pool(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    return _windows(values[0], node, *shape[1:3]).mean(-1)


def _spread_back(parts: Array, node: Node, shape: tuple[int, ...]) -> Array:
    (kh, kw), (sh, sw) = node.get("window"), node.get("stride")
    rows, columns = parts.shape[1:3]
    reach = (max(shape[1], kh - 1 + sh * rows), max(shape[2], kw - 1 + sw * columns))
    out = np.zeros((shape[0], *reach, shape[3]))
    for k in range(kh):
        for l in range(kw):  # noqa: E741
            out[:, k : k + sh * rows : sh, l : l + sw * columns : sw] += parts[..., k * kw + l]
    return out[:, : shape[1], : shape[2]]


def _max_pool_x(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    x, bar = values
    windows = _windows(x, node, *bar.shape[1:3])
    hot = np.zeros_like(windows)
    np.put_along_axis(hot, windows.argmax(-1)[..., None], 1, -1)  # argmax gives the first maximum
    return _spread_back(hot * bar[..., None], node, shape)


def _avg_pool_x(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    kh, kw = node.get("window")
    share = np.repeat(values[0][..., None], kh * kw, -1) / (kh * kw)
    return _spread_back(share, node, shape)


def bounds(n: int, m: int) -> list[tuple[int, int]]:
    """Adaptive pooling: cell i of m covers floor(i n / m) to ceil((i + 1) n / m)."""
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _avg_pool_to(
    node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]
) -> Array:
    x, out = values[0], np.empty(shape)
    for i, (a, b) in enumerate(bounds(x.shape[1], shape[1])):
        for j, (c, d) in enumerate(bounds(x.shape[2], shape[2])):
            out[:, i, j] = x[:, a:b, c:d].mean((1, 2))
    return out


def _avg_pool_to_x(
    node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]
) -> Array:
    bar, out = values[0], np.zeros(shape)
    for i, (a, b) in enumerate(bounds(shape[1], bar.shape[1])):
        for j, (c, d) in enumerate(bounds(shape[2], bar.shape[2])):
            out[:, a:b, c:d] += bar[:, i : i + 1, j : j + 1] / ((b - a) * (d - c))
    return out


# Images: [batch, height, width, channel] ----------------------------------------------------------------


def _taps(before: int, after: int, node: Node) -> Array:
    """Weights [after, before] of bilinear interpolation; pixel i is centred at i + 1/2."""
    corners = node.get("corners")
    scale = (before - 1) / max(after - 1, 1) if corners else before / after
    width = max(scale, 1.0) if node.get("antialias") else 1.0
    place = np.arange(after) * scale if corners else (np.arange(after) + 0.5) * scale - 0.5
    weights = np.maximum(1 - np.abs(np.arange(before) - place[:, None]) / width, 0)
    return weights / weights.sum(1, keepdims=True)


def _resize(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    x = values[0]
    rows, columns = _taps(x.shape[1], shape[1], node), _taps(x.shape[2], shape[2], node)
    return np.einsum("bhwc,yh,xw->byxc", x, rows, columns, optimize=True)


def _resize_x(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    a = values[0]
    rows, columns = _taps(shape[1], a.shape[1], node), _taps(shape[2], a.shape[2], node)
    return np.einsum("byxc,yh,xw->bhwc", a, rows, columns, optimize=True)


def _corners(flow: Array) -> list[tuple[Array, Array, Array, Array, Array, Array]]:
    """The four pixels around where the flow points from every pixel.

    Rows and columns, whether they are inside the image, their weights, and the derivatives of these by
    the two channels of the flow.
    """
    height, width = flow.shape[1:3]
    x = np.arange(width)[None, None, :] + flow[..., 0]
    y = np.arange(height)[None, :, None] + flow[..., 1]
    left, top = np.floor(x), np.floor(y)
    found = []
    for down in (0, 1):
        for right in (0, 1):
            r, c = top + down, left + right
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            along, across = 1 - np.abs(y - r), 1 - np.abs(x - c)
            by_x, by_y = along * (2 * right - 1), across * (2 * down - 1)
            rows = np.clip(r, 0, height - 1).astype(int)
            columns = np.clip(c, 0, width - 1).astype(int)
            found.append((rows, columns, inside, along * across, by_x, by_y))
    return found


def _warp(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    image, flow = values
    sample = np.arange(shape[0])[:, None, None]
    return sum(
        image[sample, r, c] * (inside * weight)[..., None]
        for r, c, inside, weight, _, _ in _corners(flow)
    )


def _warp_image(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    flow, a = values
    out, sample = np.zeros(shape), np.arange(shape[0])[:, None, None]
    for r, c, inside, weight, _, _ in _corners(flow):
        np.add.at(out, (sample, r, c), a * (inside * weight)[..., None])
    return out


def _warp_flow(node: Node, values: list[Array], axes: list[Axes], shape: tuple[int, ...]) -> Array:
    image, flow, a = values
    out, sample = np.zeros(shape), np.arange(shape[0])[:, None, None]
    for r, c, inside, _, by_x, by_y in _corners(flow):
        pull = inside * (image[sample, r, c] * a).sum(-1)
        out += np.stack([pull * by_x, pull * by_y], -1)
    return out


TABLE: Mapping[str, Callable[[Node, list[Array], list[Axes], tuple[int, ...]], Array]] = {
    "sum": _sum, "argmax": _argmax, "expand": _expand, "rename": _rename, "reshape": _reshape,
    "concat": _concat, "part": _part, "onehot": _onehot, "log_softmax": _log_softmax, "dot": _dot,
    "project": _project, "project_x": _project_x, "project_w": _project_w, "uses": _uses,
    "patches": _patches_of,
    "max_pool": _max_pool, "max_pool_x": _max_pool_x, "avg_pool": _avg_pool, "avg_pool_x": _avg_pool_x,
    "avg_pool_to": _avg_pool_to, "avg_pool_to_x": _avg_pool_to_x, "resize": _resize, "resize_x": _resize_x,
    "warp": _warp, "warp_image": _warp_image, "warp_flow": _warp_flow,
}  # fmt: skip
