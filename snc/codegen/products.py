"""How projections, pools and other whole-array products are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snc.graph.geometry import Geometry
from snc.graph.graph import Axes, Node, features, size

if TYPE_CHECKING:
    from snc.codegen.arrays import Arrays
    from snc.codegen.function import Function

PAD = 16  # numbers that the width of a dense product's last panel is a multiple of
PANEL = 32  # columns that are one panel in any precision and on any machine


def kind_of(geometry: Geometry) -> str:
    """The name of a projection's primitives."""
    grouped = geometry.kind == "conv" and geometry.groups > 1
    return f"grouped_{geometry.kind}" if grouped else geometry.kind


def shape_of(geometry: Geometry) -> tuple[int, ...]:
    """The numbers of a projection: pre and post, or those of a convolution.

    Of a transposed one they are those of the convolution from post to pre.
    """
    g = geometry
    if g.kind == "dense":
        return size(g.pre), size(g.post)
    height, width = g.extent("pre")
    rows, columns = g.extent("post")
    ends = ((height, width, g.channels("pre")), (rows, columns, g.channels("post")))
    first, last = ends[::-1] if g.kind == "conv_transpose" else ends
    return (*first, *last, *g.kernel, g.stride, *g.padding, g.dilation, g.groups)


def numbers_of(arrays: Arrays, geometry: Geometry) -> str:
    """The numbers of a projection as an array, and when it is a product of matrices."""
    return arrays.numbers((*shape_of(geometry), arrays.crowded))


def _project(f: Function, node: Node, out: str, rows: bool = False) -> None:
    g: Geometry = node.get("geometry")
    transpose = node.op == "project_x"
    few = g.channels("post") <= PANEL and not transpose  # they are one panel as they are
    if g.kind == "dense":
        plain = few or not (transpose or f.in_panels(node.args[0]))
        w = f.array_of(node.args[0]) if plain else f.laid_out(node.args[0], g, transpose)
        if not few and not rows and (known := f.known_rows(node)):
            f.known_product(node, out, w, known, plain)
            return
        if not plain and not rows and (given := f.known_before(node)):
            target = f.all_steps(out, size(node.axes))
            f.before(f"gather_steps({w}, {', '.join(given)}, b, t1 - t0, {target})")
            return
        listed = f.events(node.args[1], rows)
        f.body(f"gather{'' if plain else '_panels'}({w}, {listed}, {out})")
        return
    if g.kind == "conv" and g.groups == 1:
        w = f.array_of(node.args[0]) if few else f.laid_out(node.args[0], g, transpose)
        name, x = f"conv{'_x' if transpose else ''}", f.row(node.args[1], rows)
        channels, numbers = (
            g.channels("post" if transpose else "pre"),
            numbers_of(f.arrays, g),
        )
        if any(f.wide[n] for n in (*node.args, node.name)):
            listed = f.pixel_events(node.args[1], rows, channels)
            f.body(f"{name}({w}, {x}, {listed}, {out}, {numbers})")
            return
        # all in the run's precision: a function that is compiled once for all layers
        f.heads.setdefault("given", "np.empty(7, np.int64)")
        room = ", ".join(f.pixel_room(node.args[1], channels))
        f.body(f"call_conv({name}_F, given, {w}, {x}, {room}, {out}, {numbers})")
        return
    w, x = f.array_of(node.args[0]), f.row(node.args[1], rows)
    if g.kind == "conv":
        f.body(
            f"grouped_conv{'_x' if transpose else ''}({w}, {x}, {out}, {numbers_of(f.arrays, g)})"
        )
    else:
        f.body(
            f"conv_transpose{'_x' if transpose else ''}({w}, {x}, {out}, {numbers_of(f.arrays, g)})"
        )


def _extent(axes: Axes) -> tuple[int, int, int]:
    sizes = {a.kind: a.size for a in features(axes)}
    return sizes["height"], sizes["width"], sizes["channel"]


def _pool(f: Function, node: Node, out: str, rows: bool = False) -> None:
    back = node.op.endswith("_x")
    x = node.args[0]
    big = f.node(x).axes if not back else node.axes
    small = node.axes if not back else f.node(node.args[-1]).axes
    numbers = (*_extent(big), *_extent(small)[:2])
    if "window" in dict(node.attributes):
        numbers = (*numbers, *node.get("window"), *node.get("stride"))
    shape = f.arrays.numbers(numbers)
    given = ", ".join(f.row(a, rows) for a in node.args)
    f.body(f"{node.op}({given}, {out}, {shape})")


def _resize(f: Function, node: Node, out: str, rows: bool = False) -> None:
    (x,) = node.args
    big, small = f.node(x).axes, node.axes
    if node.op == "resize_x":
        big, small = small, big
    flags = int(node.get("antialias")), int(node.get("corners"))
    shape = f.arrays.numbers((*_extent(big), *_extent(small)[:2], *flags))
    f.body(f"{node.op}({f.row(x, rows)}, {out}, {shape})")


def _patches(f: Function, node: Node, out: str, rows: bool = False) -> None:
    """Channels last of a transposed convolution's picture, before the pixels of a convolution's."""
    (x,) = node.args
    g: Geometry = node.get("geometry")
    height, width = g.extent("post")
    strides = height * width, 1
    if g.kind == "conv_transpose":
        strides = 1, g.channels("post")
    shape = f.arrays.numbers((*shape_of(g), *strides))
    f.body(f"patches({f.row(x, rows)}, {out}, {shape})")


def _warp(f: Function, node: Node, out: str, rows: bool = False) -> None:
    image = node if node.op == "warp_image" else f.node(node.args[0])
    given = ", ".join(f.row(a, rows) for a in node.args)
    f.body(f"{node.op}({given}, {out}, {f.arrays.numbers(_extent(image.axes))})")


PRIMITIVES = {
    "project": _project, "project_x": _project, "max_pool": _pool, "max_pool_x": _pool, "avg_pool": _pool,
    "avg_pool_x": _pool, "avg_pool_to": _pool, "avg_pool_to_x": _pool, "resize": _resize,
    "resize_x": _resize, "patches": _patches, "warp": _warp, "warp_image": _warp, "warp_flow": _warp,
}  # fmt: skip
