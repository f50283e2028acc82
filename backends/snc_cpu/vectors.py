"""What primitives call for their innermost loops, compiled: sums of rows on vectors, lists of events."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from snc_cpu.loops import ITEMS, WORD, place_of
from snc_cpu.sums import (
    events_listed,
    function_of,
    matrices_added,
    rows_added,
    rows_multiplied,
    taps_added,
)


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    made = context.make_array(kind)(context, builder, value)
    return builder.ptrtoint(made.data, WORD)


def _names(*kinds: Any) -> list[str]:
    return [k.dtype.name for k in kinds]


NUMBER = types.int64


@intrinsic
def add_listed(typingctx, w, start, stride, at, low, high, out, to, width):
    """out[to : to + width] += the rows w[start + at[e] * stride :] for e from low to high; arrays flat."""
    kinds = _names(w, out)

    def code(context, b, signature, given):
        w_, start, stride, at_, low, high, out_, to, width = given
        name = "snc_rows_" + "_".join(kinds)
        function = function_of(b, name, 7, rows_added(kinds[0], None, kinds[1]))
        rows = place_of(b, _data(context, b, w, w_), start, kinds[0])
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        step = b.mul(stride, WORD(ITEMS[kinds[0]]))
        target = place_of(b, _data(context, b, out, out_), to, kinds[1])
        b.call(function, [rows, step, listed, WORD(0), b.sub(high, low), target, width])
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, at, n, n, out, n, n), code


@intrinsic
def add_scaled_listed(typingctx, w, start, stride, at, of, low, high, out, to, width):
    """As `add_listed`, each row times of[e]."""
    kinds = _names(w, of, out)

    def code(context, b, signature, given):
        w_, start, stride, at_, of_, low, high, out_, to, width = given
        name = "snc_scaled_rows_" + "_".join(kinds)
        function = function_of(b, name, 7, rows_added(*kinds))
        rows = place_of(b, _data(context, b, w, w_), start, kinds[0])
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        what = place_of(b, _data(context, b, of, of_), low, kinds[1])
        step = b.mul(stride, WORD(ITEMS[kinds[0]]))
        target = place_of(b, _data(context, b, out, out_), to, kinds[2])
        b.call(function, [rows, step, listed, what, b.sub(high, low), target, width])
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, at, of, n, n, out, n, n), code


@intrinsic
def add_taps_listed(
    typingctx, w, start, stride, down, across, at, of, ones, low, high, out, to, leap, width
):
    """For weights (k, j) of a kernel of 3 x 3: out[to + (3 k + j) leap :] += listed rows of w.

    Those from w[start + at[e] * stride - k * down - j * across :] on, width numbers, times of[e] if not `ones`.
    """
    kinds = _names(w, of, out)

    def code(context, b, signature, given):
        w_, start, stride, down, across, at_, of_, ones, low, high, out_, to, leap, width = given
        hops = [b.mul(n, WORD(ITEMS[kinds[0]])) for n in (stride, down, across)]
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        what = place_of(b, _data(context, b, of, of_), low, kinds[1])
        shared = [
            place_of(b, _data(context, b, w, w_), start, kinds[0]), *hops, listed, what, b.sub(high, low),
            place_of(b, _data(context, b, out, out_), to, kinds[2]), b.mul(leap, WORD(ITEMS[kinds[2]])), width,
        ]  # fmt: skip
        plainly = function_of(
            b, "snc_taps_" + "_".join(kinds), 10, taps_added(kinds[0], None, kinds[2])
        )
        scaled = function_of(b, "snc_scaled_taps_" + "_".join(kinds), 10, taps_added(*kinds))
        with b.if_else(ones) as (then, otherwise):
            with then:
                b.call(plainly, shared)
            with otherwise:
                b.call(scaled, shared)
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, n, n, at, of, types.boolean, n, n, out, n, n, n), code


@intrinsic
def add_products(typingctx, w, start, stride, x, first, hop, step, m, n, out, to, leap, width):
    """out[to + i * leap : + width] += x[first + i * hop + k * step] * w[start + k * stride : + width].

    For i below m and the sum over k below n; arrays flat.
    """
    kinds = _names(w, x, out)

    def code(context, b, signature, given):
        w_, start, stride, x_, first, hop, step, m, n, out_, to, leap, width = given
        name = "snc_products_" + "_".join(kinds)
        function = function_of(b, name, 10, matrices_added(*kinds))
        items = [WORD(ITEMS[k]) for k in kinds]
        b.call(
            function,
            [
                place_of(b, _data(context, b, w, w_), start, kinds[0]),
                b.mul(stride, items[0]),
                place_of(b, _data(context, b, x, x_), first, kinds[1]),
                b.mul(hop, items[1]),
                b.mul(step, items[1]),
                m,
                n,
                place_of(b, _data(context, b, out, out_), to, kinds[2]),
                b.mul(leap, items[2]),
                width,
            ],
        )
        return context.get_dummy_value()

    i = NUMBER
    return types.void(w, i, i, x, i, i, i, i, i, out, i, i, i), code


@intrinsic
def add_dots(typingctx, x, first, hop, samples, w, start, stride, m, n, out, to, leap):
    """out[to + s * leap + i] += the sum of x[first + s * hop + k] w[start + i * stride + k] over k below n.

    For s below `samples` and i below m. In double precision, which `out` has; arrays flat.
    """
    kinds = _names(x, w)

    def code(context, b, signature, given):
        x_, first, hop, samples, w_, start, stride, m, n, out_, to, leap = given
        function = function_of(b, "snc_dots_" + "_".join(kinds), 9, rows_multiplied(*kinds))
        b.call(
            function,
            [
                place_of(b, _data(context, b, x, x_), first, kinds[0]),
                b.mul(hop, WORD(ITEMS[kinds[0]])),
                samples,
                place_of(b, _data(context, b, w, w_), start, kinds[1]),
                b.mul(stride, WORD(ITEMS[kinds[1]])),
                m,
                n,
                place_of(b, _data(context, b, out, out_), to, "float64"),
                b.mul(leap, WORD(ITEMS["float64"])),
            ],
        )
        return context.get_dummy_value()

    i = NUMBER
    return types.void(x, i, i, i, w, i, i, i, i, out, i, i), code


@intrinsic
def list_events(typingctx, x, first, last, at, of, count):
    """List the places of x from first to last where it is not 0 and what stands there, after `count` others.

    The lists have room for SPARE more than they hold at most. The answer is how many are listed then.
    """
    kinds = _names(x, of)

    def code(context, b, signature, given):
        x_, first, last, at_, of_, count = given
        function = function_of(b, "snc_events_" + "_".join(kinds), 9, events_listed(*kinds))
        arrays = [_data(context, b, k, v) for k, v in ((x, x_), (at, at_), (of, of_))]
        none = WORD(0)
        return b.call(function, [arrays[0], first, last, *arrays[1:], count, none, none, none])

    n = NUMBER
    return n(x, n, n, at, of, n), code


@intrinsic
def list_marked(typingctx, x, first, last, at, of, marks, mark, count):
    """As `list_events`, the places counted from `first`, and a mark put beside each."""
    kinds = _names(x, of)

    def code(context, b, signature, given):
        x_, first, last, at_, of_, marks_, mark, count = given
        function = function_of(b, "snc_events_" + "_".join(kinds), 9, events_listed(*kinds))
        pairs = (x, x_), (at, at_), (of, of_), (marks, marks_)
        arrays = [_data(context, b, k, v) for k, v in pairs]
        return b.call(
            function, [arrays[0], first, last, *arrays[1:3], count, first, arrays[3], mark]
        )

    n = NUMBER
    return n(x, n, n, at, of, marks, n, n), code
