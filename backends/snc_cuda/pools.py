"""Pools and their transposes: the owner of a value looks through the windows that it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from snc.graph.graph import Axes, Node, features
from snc_cuda.products import owned, places, reader

if TYPE_CHECKING:
    from snc_cuda.function import CudaFunction


def extent_of(axes: Axes) -> tuple[int, int, int]:
    """Height, width and channels of a picture."""
    sizes = {a.kind: a.size for a in features(axes)}
    return sizes["height"], sizes["width"], sizes["channel"]


def pool(f: CudaFunction, node: Node, out: str) -> None:
    """Pools of windows: the owner of a cell looks through its window in row-major order."""
    (x,) = node.args
    _, width, channels = extent_of(f.node(x).axes)
    columns = extent_of(node.axes)[1]
    (kh, kw), (sh, sw) = node.get("window"), node.get("stride")
    wide, read = f.wide[node.name], reader(f, x, f.wide[node.name])
    loops, index = places(f, node.axes)
    f.work = kh * kw

    def body() -> None:
        f.body(f"o, r, c = i % {channels}, i // {channels * columns}, i // {channels} % {columns}")
        f.body(f"corner = (r * {sh * width} + c * {sw}) * {channels} + o")
        cell = f"corner + (kh * {width} + kw) * {channels}"
        most = node.op == "max_pool"
        f.body(f"total = {read('corner') if most else ('D(0.0)' if wide else 'F(0.0)')}")
        with f.body.block(f"for kh in range({kh})"), f.body.block(f"for kw in range({kw})"):
            if most:
                f.body(f"value = {read(cell)}")
                f.body("total = value if value > total else total")
            else:
                f.body(f"total += {read(cell)}")
        share = "total" if most else f"total / {'D' if wide else 'F'}({float(kh * kw)})"
        f.body(f"{f.at(out, index)} = {share}")

    f.spread(loops, body)


def pool_x(f: CudaFunction, node: Node, out: str) -> None:
    """Back from a pool: the owner of a pixel adds the shares of the windows it is in."""
    bar = node.args[-1]
    _, width, channels = extent_of(node.axes)
    rows_, columns, _ = extent_of(f.node(bar).axes)
    (kh, kw), (sh, sw) = node.get("window"), node.get("stride")
    wide = f.wide[node.name]
    share = reader(f, bar, wide)
    f.work = kh * kw * (kh * kw if node.op == "max_pool_x" else 1)

    def terms() -> None:
        f.body(f"o, y, s = i % {channels}, i // {channels * width}, i // {channels} % {width}")
        with f.body.block(f"for kh in range({kh})"):
            f.body("r = y - kh")
            with (
                f.body.block(f"if r >= 0 and r % {sh} == 0 and r // {sh} < {rows_}"),
                f.body.block(f"for kw in range({kw})"),
            ):
                f.body("c = s - kw")
                with f.body.block(f"if c >= 0 and c % {sw} == 0 and c // {sw} < {columns}"):
                    given = share(f"(r // {sh} * {columns} + c // {sw}) * {channels} + o")
                    if node.op == "avg_pool_x":
                        f.body(f"total += {given} / {'D' if wide else 'F'}({float(kh * kw)})")
                    else:
                        _if_first(f, node, given, (kh, kw), width, channels)

    owned(f, node, out, wide, terms)


def _if_first(
    f: CudaFunction, node: Node, given: str, window: tuple[int, int], width: int, channels: int
) -> None:
    """A window's share goes to the first of its largest values in row-major order: is it this pixel?"""
    x = reader(f, node.args[0], f.stored_wide(node.args[0]))
    f.body(f"corner = (r * {width} + c) * {channels} + o")
    f.body("best = corner")
    with f.body.block(f"for l in range({window[0]})"), f.body.block(f"for m in range({window[1]})"):
        f.body(f"cell = corner + (l * {width} + m) * {channels}")
        with f.body.block(f"if {x('cell')} > {x('best')}"):
            f.body("best = cell")
    with f.body.block("if best == i"):
        f.body(f"total += {given}")


def pool_to(f: CudaFunction, node: Node, out: str) -> None:
    """The adaptive mean: cell i of m covers floor(i n / m) to ceil((i + 1) n / m)."""
    (x,) = node.args
    height, width, channels = extent_of(f.node(x).axes)
    rows_, columns, _ = extent_of(node.axes)
    wide = f.wide[node.name]
    read = reader(f, x, wide)
    kind = "D" if wide else "F"
    loops, index = places(f, node.axes)
    f.work = -(-height // rows_) * -(-width // columns)

    def body() -> None:
        f.body(f"o, r, c = i % {channels}, i // {channels * columns}, i // {channels} % {columns}")
        f.body(f"y0, y1 = r * {height} // {rows_}, ((r + 1) * {height} + {rows_ - 1}) // {rows_}")
        f.body(
            f"s0, s1 = c * {width} // {columns}, ((c + 1) * {width} + {columns - 1}) // {columns}"
        )
        f.body(f"total = {kind}(0.0)")
        with f.body.block("for y in range(y0, y1)"), f.body.block("for s in range(s0, s1)"):
            f.body(f"total += {read(f'(y * {width} + s) * {channels} + o')}")
        f.body(f"{f.at(out, index)} = total / {kind}((y1 - y0) * (s1 - s0))")

    f.spread(loops, body)


def pool_to_x(f: CudaFunction, node: Node, out: str) -> None:
    """Back from the adaptive mean: a pixel gets a share of every cell that covers it."""
    (bar,) = node.args
    height, width, channels = extent_of(node.axes)
    rows_, columns, _ = extent_of(f.node(bar).axes)
    wide = f.wide[node.name]
    share = reader(f, bar, wide)
    kind = "D" if wide else "F"
    f.work = rows_ * columns

    def terms() -> None:
        f.body(f"o, y, s = i % {channels}, i // {channels * width}, i // {channels} % {width}")
        with f.body.block(f"for r in range({rows_})"):
            f.body(
                f"y0, y1 = r * {height} // {rows_}, ((r + 1) * {height} + {rows_ - 1}) // {rows_}"
            )
            with f.body.block("if y >= y0 and y < y1"), f.body.block(f"for c in range({columns})"):
                f.body(
                    f"s0, s1 = c * {width} // {columns}, ((c + 1) * {width} + {columns - 1}) // {columns}"
                )
                with f.body.block("if s >= s0 and s < s1"):
                    given = share(f"(r * {columns} + c) * {channels} + o")
                    f.body(f"total += {given} / {kind}((y1 - y0) * (s1 - s0))")

    owned(f, node, out, wide, terms)


TABLE: Mapping[str, Callable[[CudaFunction, Node, str], None]] = {
    "max_pool": pool, "avg_pool": pool, "max_pool_x": pool_x, "avg_pool_x": pool_x, "avg_pool_to": pool_to,
    "avg_pool_to_x": pool_to_x,
}  # fmt: skip
