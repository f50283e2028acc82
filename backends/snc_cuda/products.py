"""Products of projections: every value is summed by its owner, in a fixed order.

Values are channels last; weights are [pre, post] or [kh, kw, pre, post]. The arithmetic is
`total = fma(x, y, total)` in the precision of the sum, rounded once per term: sums of many terms are the
one place where the CPU may contract too (SEMANTICS 10.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from snc.codegen.arrays import lead, length
from snc.graph.geometry import Geometry
from snc.graph.graph import SAMPLE, Axes, Node, size
from snc_cuda.events import events_of, is_listed, listed_sum
from snc_cuda.shapes import At, Shape, shape_of
from snc_cuda.tiles import Factors, Tile, windows

if TYPE_CHECKING:
    from snc_cuda.function import CudaFunction


CHANNELS, TERMS = 32, 64  # of a product that fills tiles
LARGE = 1 << 20  # multiplications for one sample from which on tiles pay
STEPS = 100  # of a sequence of ordinary length


def places(f: CudaFunction, axes: Axes) -> tuple[list[tuple[str, str]], str]:
    """Loops over a value's places here, and the index at which it is in its array."""
    if rows(f, axes):
        return [("b", "B"), ("i", length(axes))], "b, i"
    return [("i", length(axes))], "i"


def rows(f: CudaFunction, axes: Axes) -> bool:
    """Whether a value has a row for each sample and the sample is a loop."""
    return lead(axes) is not None and not (f.sample and lead(axes) == SAMPLE)


def reader(f: CudaFunction, name: str, wide: bool) -> At:
    """The elements of an operand, in the precision of a sum."""
    array, axes = f.array_of(name), f.node(name).axes
    prefix = "b, " if rows(f, axes) else ""
    kind = "D" if wide else "F"

    def at(index: str) -> str:
        text = f.at(array, prefix + index)
        return text if f.stored_wide(name) == wide else f"{kind}({text})"

    return at


def wide_sum(f: CudaFunction, node: Node) -> bool:
    """A sum of several terms is as precise as the most precise of them, and as its result."""
    return f.wide[node.name] or any(f.stored_wide(a) for a in node.args)


def owned(f: CudaFunction, node: Node, out: str, wide: bool, terms: Callable[[], None]) -> None:
    """out[i] = total, which `terms` sums for each place `i` of a node."""
    loops, index = places(f, node.axes)

    def body() -> None:
        f.fma = "fma_d" if wide else "fma_f"
        f.body(f"total = {'D' if wide else 'F'}(0.0)")
        terms()
        target = "D" if f.wide[node.name] else "F"
        f.body(
            f"{f.at(out, index)} = {'total' if wide == f.wide[node.name] else f'{target}(total)'}"
        )

    f.spread(loops, body)


# Projections --------------------------------------------------------------------------------------------


def project(f: CudaFunction, node: Node, out: str) -> None:
    """y = A(w, x) and its transpose in x. Silent places cost a comparison at most."""
    g: Geometry = node.get("geometry")
    wide = wide_sum(f, node)
    back = node.op == "project_x"
    w, x = weights(f, node, back, wide), reader(f, node.args[1], wide)
    m = shape_of(g)
    down = (g.kind != "conv_transpose") != back
    if lead(node.axes) is not None and by_tiles(f, g, down):
        f.fma = "fma_d" if wide else "fma_f"
        _tiled(f, node, out, wide, lambda t: windows(t, m, x, w, down), down)
        return
    if g.kind == "dense":
        pre, post = size(g.pre), size(g.post)
        if not back and is_listed(f, node):
            events, zero = events_of(f, node, x, pre), "D(0.0)" if wide else "F(0.0)"
            f.work = pre // 4
            owned(f, node, out, wide, lambda: listed_sum(f, events, w, x, post, zero))
            return
        f.work = post if back else pre
        owned(f, node, out, wide, lambda: _dense(f, g, w, x, back))
        return
    f.work = m.kh * m.kw * (m.mine if down else m.per)
    owned(f, node, out, wide, lambda: (_down if down else _up)(f, m, w, x, not back))


def weights(f: CudaFunction, node: Node, back: bool, wide: bool) -> At:
    """The elements of a projection's weights; back, of a copy in which neighbouring owners read neighbours."""
    g: Geometry = node.get("geometry")
    name = node.args[0]
    if not back:
        return reader(f, name, wide)
    if g.kind == "dense":
        copy = f.turn(name, 1, size(g.pre), size(g.post))
    else:
        m = shape_of(g)
        rows_, columns = (m.mine, m.outputs) if g.kind == "conv" else (m.outputs, m.mine)
        copy = f.turn(name, m.kh * m.kw, rows_, columns)
    if f.stored_wide(name) == wide:
        return lambda index: f"{copy}[{index}]"
    return lambda index: f"{'D' if wide else 'F'}({copy}[{index}])"


def _dense(f: CudaFunction, g: Geometry, w: At, x: At, back: bool) -> None:
    pre, post = size(g.pre), size(g.post)
    with f.body.block(f"for j in range({post if back else pre})"):
        _term(f, x("j"), w(f"j * {pre if back else post} + i"), not back)


def _within(group: str, i: str, n: int) -> str:
    """The channel `i` of a group of n."""
    return i if group == "0" else f"{group} * {n} + {i}"


def _term(f: CudaFunction, value: str, weight: str, sparse: bool) -> None:
    if sparse:
        f.body(f"value = {value}")
        with f.body.block("if value != 0"):
            f.body(f"total = {f.fma}(value, {weight}, total)")
    else:
        f.body(f"total = {f.fma}({value}, {weight}, total)")


def _down(f: CudaFunction, m: Shape, w: At, x: At, sparse: bool) -> None:
    """The owner of an output adds what its window sees."""
    f.body(f"o = i % {m.outputs}")
    f.body(f"r, c = i // {m.outputs * m.columns}, i // {m.outputs} % {m.columns}")
    group = "0"
    if m.groups > 1:
        f.body(f"g = o // {m.per}")
        group = "g"
    with f.body.block(f"for kh in range({m.kh})"):
        f.body(f"y = r * {m.stride} + kh * {m.dilation} - {m.ph}")
        with (
            f.body.block(f"if y >= 0 and y < {m.height}"),
            f.body.block(f"for kw in range({m.kw})"),
        ):
            f.body(f"s = c * {m.stride} + kw * {m.dilation} - {m.pw}")
            with f.body.block(f"if s >= 0 and s < {m.width}"):
                f.body(f"pixel = (y * {m.width} + s) * {m.inputs}")
                f.body(f"at = kh * {m.kw} + kw")
                with f.body.block(f"for m in range({m.mine})"):
                    _term(
                        f,
                        x(f"pixel + {_within(group, 'm', m.mine)}"),
                        w(f"(at * {m.mine} + m) * {m.outputs} + o"),
                        sparse,
                    )


def _up(f: CudaFunction, m: Shape, w: At, x: At, sparse: bool) -> None:
    """The owner of an input adds what comes back from the windows it is in."""
    f.body(f"p = i % {m.inputs}")
    f.body(f"y, s = i // {m.inputs * m.width}, i // {m.inputs} % {m.width}")
    group, inner = "0", "p"
    if m.groups > 1:
        f.body(f"g, m = p // {m.mine}, p % {m.mine}")
        group, inner = "g", "m"
    with f.body.block(f"for kh in range({m.kh})"):
        f.body(f"r = y + {m.ph} - kh * {m.dilation}")
        inside = f"if r >= 0 and r % {m.stride} == 0 and r // {m.stride} < {m.rows}"
        with f.body.block(inside), f.body.block(f"for kw in range({m.kw})"):
            f.body(f"c = s + {m.pw} - kw * {m.dilation}")
            with f.body.block(
                f"if c >= 0 and c % {m.stride} == 0 and c // {m.stride} < {m.columns}"
            ):
                f.body(f"pixel = (r // {m.stride} * {m.columns} + c // {m.stride}) * {m.outputs}")
                f.body(f"at = kh * {m.kw} + kw")
                with f.body.block(f"for o in range({m.per})"):
                    out = _within(group, "o", m.per)
                    _term(
                        f,
                        x(f"pixel + {out}"),
                        w(f"(at * {m.outputs} + {out}) * {m.mine} + {inner}"),
                        sparse,
                    )


def by_tiles(f: CudaFunction, g: Geometry, down: bool) -> bool:
    """Whether a product is made by tiles: a rule on sizes. Tiles are full, and blocks enough.

    A dense one has one pixel: it is made by tiles where it is made for many steps at once.
    """
    m = shape_of(g)
    pixels, terms, channels = m.product(down)
    if g.kind == "dense":
        if not f.at_once:
            return False
        pixels = f.plan.chunk.most or STEPS
    if m.groups > 1 or (not down and m.stride > 1):  # most terms would be zeros
        return False
    return channels >= CHANNELS and terms >= TERMS and pixels * channels * terms >= LARGE


def _tiled(
    f: CudaFunction,
    node: Node,
    out: str,
    wide: bool,
    factors: Callable[[Tile], Factors],
    down: bool,
) -> None:
    """The values of a product for the pixels of all samples, by tiles."""
    pixels, terms, channels = shape_of(node.get("geometry")).product(down)
    kind, target = ("D" if wide else "F"), ("D" if f.wide[node.name] else "F")
    tile = Tile(f"B * {pixels}", str(channels), str(terms), kind, f.fma)
    first = "b, " if rows(f, node.axes) else ""

    value = "sums[u, v]" if kind == target else f"{target}(sums[u, v])"
    stored = [
        f"b, place = i // {pixels}, i % {pixels} * {channels} + j",
        f"{f.at(out, first + 'place')} = {value}",
    ]
    f.tiled(tile.lines(factors(tile), stored), tile.down, tile.across)


# Products of weights ------------------------------------------------------------------------------------


def weight_terms(f: CudaFunction, g: Geometry, a: At, z: At) -> None:
    """Add to `total` the terms of the weight at place `i` for one sample and step: z at pre times a at post."""
    if g.kind == "dense":
        post = size(g.post)
        f.body(f"value = {z(f'i // {post}')}")
        with f.body.block("if value != 0"):
            f.body(f"total = {f.fma}(value, {a(f'i % {post}')}, total)")
        return
    m = shape_of(g)
    big, small = (z, a) if g.kind == "conv" else (a, z)
    with f.body.block(f"for r in range({m.rows})"):
        f.body(f"y = r * {m.stride} + kh * {m.dilation} - {m.ph}")
        with (
            f.body.block(f"if y >= 0 and y < {m.height}"),
            f.body.block(f"for c in range({m.columns})"),
        ):
            f.body(f"s = c * {m.stride} + kw * {m.dilation} - {m.pw}")
            with f.body.block(f"if s >= 0 and s < {m.width}"):
                one = big(f"(y * {m.width} + s) * {m.inputs} + p")
                other = small(f"(r * {m.columns} + c) * {m.outputs} + o")
                value, factor = (one, other) if g.kind == "conv" else (other, one)
                _term(f, value, factor, True)


def weight_place(f: CudaFunction, g: Geometry) -> None:
    """What the owner of weight `i` knows before its sum: the kernel's place and both channels."""
    if g.kind == "dense":
        return
    m = shape_of(g)
    inner, outer = (m.mine, m.outputs) if g.kind == "conv" else (m.outputs, m.mine)
    first, second = ("m", "o") if g.kind == "conv" else ("o", "m")
    f.body(f"{second}, {first} = i % {outer}, i // {outer} % {inner}")
    f.body(f"kh, kw = i // {outer * inner * m.kw}, i // {outer * inner} % {m.kw}")
    f.body(f"p = o // {m.per} * {m.mine} + m" if m.groups > 1 else "p = m")


def project_w(f: CudaFunction, node: Node, out: str) -> None:
    """The weight product of one step, summed over samples."""
    g: Geometry = node.get("geometry")
    wide = wide_sum(f, node)
    a, z = (reader(f, x, wide) for x in node.args)
    f.work = 128

    def terms() -> None:
        weight_place(f, g)
        with f.body.block("for b in range(B)"):
            weight_terms(f, g, a, z)

    owned(f, node, out, wide, terms)


TABLE: Mapping[str, Callable[[CudaFunction, Node, str], None]] = {
    "project": project, "project_x": project, "project_w": project_w,
}  # fmt: skip
