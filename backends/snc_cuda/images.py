"""Pictures that are resized, warped, or seen through a kernel; and their transposes.

A transpose has no natural owner: the owner of a pixel looks at all places that may have read it. That is
slow for large pictures, and exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snc.graph.geometry import Geometry
from snc.graph.graph import Node
from snc_cuda.pools import extent_of
from snc_cuda.products import owned, places, reader
from snc_cuda.shapes import shape_of

if TYPE_CHECKING:
    from snc_cuda.function import CudaFunction


def pixel(f: CudaFunction, width: int, channels: int, row: str, column: str) -> None:
    """The row, column and channel of place `i` of a picture."""
    f.body(
        f"o, {row}, {column} = i % {channels}, i // {channels * width}, i // {channels} % {width}"
    )


def resize(f: CudaFunction, node: Node, out: str) -> None:
    """Bilinear interpolation; the weights are double precision as on the CPU."""
    (x,) = node.args
    back = node.op == "resize_x"
    before, after = (node, f.node(x)) if back else (f.node(x), node)
    height, width, channels = extent_of(before.axes)
    rows, columns, _ = extent_of(after.axes)
    read = reader(f, x, True)
    options = f"{node.get('antialias')}, {node.get('corners')}"
    down, across = f"{height}, {rows}, {options}", f"{width}, {columns}, {options}"
    f.work = rows * columns if back else 4

    def forward() -> None:
        pixel(f, columns, channels, "r", "c")
        f.body(f"top, bottom, y, tall, down = taps(r, {down})")
        f.body(f"left, right, z, wide, across = taps(c, {across})")
        with f.body.block("for j in range(top, bottom + 1)"):
            f.body("along = tap_weight(j, y, tall, down)")
            with f.body.block("for m in range(left, right + 1)"):
                f.body("weight = mul_d(along, tap_weight(m, z, wide, across))")
                f.body(f"total += mul_d({read(f'(j * {width} + m) * {channels} + o')}, weight)")

    def backward() -> None:
        pixel(f, width, channels, "j", "m")
        with f.body.block(f"for r in range({rows})"):
            f.body(f"top, bottom, y, tall, down = taps(r, {down})")
            with (
                f.body.block("if j >= top and j <= bottom"),
                f.body.block(f"for c in range({columns})"),
            ):
                f.body(f"left, right, z, wide, across = taps(c, {across})")
                with f.body.block("if m >= left and m <= right"):
                    f.body(
                        "weight = mul_d(tap_weight(j, y, tall, down), tap_weight(m, z, wide, across))"
                    )
                    f.body(
                        f"total += mul_d({read(f'(r * {columns} + c) * {channels} + o')}, weight)"
                    )

    owned(f, node, out, True, backward if back else forward)


def warp(f: CudaFunction, node: Node, out: str) -> None:
    """The image where the flow points, 0 outside."""
    height, width, channels = extent_of(f.node(node.args[0]).axes)
    image, flow = (reader(f, a, True) for a in node.args)

    def terms() -> None:
        pixel(f, width, channels, "r", "c")
        _target(f, flow, width)
        with _corners(f, height, width, "j", "m"):
            f.body("weight = mul_d(1.0 - abs(y - j), 1.0 - abs(z - m))")
            f.body(f"total += mul_d({image(f'(j * {width} + m) * {channels} + o')}, weight)")

    f.work = 4
    owned(f, node, out, True, terms)


def warp_image(f: CudaFunction, node: Node, out: str) -> None:
    """The transpose of `warp` in the image."""
    height, width, channels = extent_of(node.axes)
    flow, bar = (reader(f, a, True) for a in node.args)

    def terms() -> None:
        pixel(f, width, channels, "j", "m")
        with f.body.block(f"for r in range({height})"), f.body.block(f"for c in range({width})"):
            _target(f, flow, width)
            with f.body.block("if j >= top and j < top + 2 and m >= left and m < left + 2"):
                f.body("weight = mul_d(1.0 - abs(y - j), 1.0 - abs(z - m))")
                f.body(f"total += mul_d({bar(f'(r * {width} + c) * {channels} + o')}, weight)")

    f.work = height * width
    owned(f, node, out, True, terms)


def warp_flow(f: CudaFunction, node: Node, out: str) -> None:
    """The derivative of `warp` by both channels of the flow: along the row, then along the column."""
    height, width, channels = extent_of(f.node(node.args[0]).axes)
    image, flow, bar = (reader(f, a, True) for a in node.args)

    def terms() -> None:
        pixel(f, width, 2, "r", "c")
        _target(f, flow, width)
        with _corners(f, height, width, "j", "m"):
            f.body("pull = D(0.0)")
            with f.body.block(f"for p in range({channels})"):
                one = image(f"(j * {width} + m) * {channels} + p")
                f.body(f"pull += mul_d({one}, {bar(f'(r * {width} + c) * {channels} + p')})")
            f.body("across = mul_d(1.0 - abs(y - j), 1.0 if m > left else -1.0)")
            f.body("down = mul_d(1.0 - abs(z - m), 1.0 if j > top else -1.0)")
            f.body("total += mul_d(pull, across if o == 0 else down)")

    f.work = 4 * channels
    owned(f, node, out, True, terms)


def _target(f: CudaFunction, flow: Callable[[str], str], width: int) -> None:
    """Where the flow at row r and column c points, and the corner up and left of there."""
    f.body(f"z = D(c) + {flow(f'2 * (r * {width} + c)')}")
    f.body(f"y = D(r) + {flow(f'2 * (r * {width} + c) + 1')}")
    f.body("left, top = math.floor(z), math.floor(y)")


@contextmanager
def _corners(f: CudaFunction, height: int, width: int, row: str, column: str) -> Iterator[None]:
    """The four pixels around a target, those outside the picture left out."""
    with (
        f.body.block(f"for {row} in range(max(top, 0), min(top + 2, {height}))"),
        f.body.block(f"for {column} in range(max(left, 0), min(left + 2, {width}))"),
    ):
        yield


def patches(f: CudaFunction, node: Node, out: str) -> None:
    """What each output pixel of a convolution sees, 0 outside the picture."""
    (x,) = node.args
    g: Geometry = node.get("geometry")
    m = shape_of(g)
    wide = f.wide[node.name]
    read = reader(f, x, wide)
    pixels = m.rows * m.columns
    loops, index = places(f, node.axes)

    def body() -> None:
        if g.kind == "conv":
            f.body(f"place, p = i // {pixels}, i % {pixels}")
            f.body(f"at, o = place // {m.inputs}, place % {m.inputs}")
        else:
            f.body(f"place, o = i // {m.inputs}, i % {m.inputs}")
            f.body(f"at, p = place // {pixels}, place % {pixels}")
        f.body(f"y = p // {m.columns} * {m.stride} + at // {m.kw} * {m.dilation} - {m.ph}")
        f.body(f"s = p % {m.columns} * {m.stride} + at % {m.kw} * {m.dilation} - {m.pw}")
        zero = "D(0.0)" if wide else "F(0.0)"
        inside = f"y >= 0 and y < {m.height} and s >= 0 and s < {m.width}"
        seen = read(f"(y * {m.width} + s) * {m.inputs} + o")
        f.body(f"{f.at(out, index)} = {seen} if {inside} else {zero}")

    f.spread(loops, body)


TABLE: Mapping[str, Callable[[CudaFunction, Node, str], None]] = {
    "resize": resize, "resize_x": resize, "warp": warp, "warp_image": warp_image, "warp_flow": warp_flow,
    "patches": patches,
}  # fmt: skip
