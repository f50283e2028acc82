"""Convolutions: what a pixel sees of one row of the input is one piece of it, and so is a piece of its events.

Weights are laid out in panels (`panels`, `turned_panels`): of few columns each, so that what all pixels read
stays in the cache and their sums in registers. Few values that are not 0 are added as rows of weights, many as
products of matrices.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.dense import BLOCK, crowded, factors
from snc_cpu.primitives.rows import all_ones, at_line, by_neuron, copy_row, fill_row, silent
from snc_cpu.primitives.shapes import thirteen
from snc_cpu.tasks import (
    SPARE,
    SUM,
    add_listed,
    add_products,
    add_scaled_listed,
    add_taps_listed,
    array,
    list_events,
    list_marked,
    number,
    run,
)

TILE = 512  # rows of the signals' panel that one block of images has at most, unless one has more


@njit(cache=True, error_model="numpy")
def pixel_events(x, at, of, start, channels):
    """The places of x that are not 0, what stands there, and which event is the first of every pixel."""
    found = 0
    for p in range(start.size - 1):
        start[p] = found
        found = list_events(x, p * channels, (p + 1) * channels, at, of, found)
    start[start.size - 1] = found


@njit(cache=True, error_model="numpy")
def conv(w, x, at, of, start, out, shape):
    """A convolution; w in panels.

    shape: height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups (1 here), and
    from how many tenths of what is not 0 on it is a product of matrices.
    """
    fill_row(out, 0)
    convolve(w, x, at, of, start, out, thirteen(shape), shape[13])


@njit(cache=True, error_model="numpy")
def conv_x(w, a, at, of, start, out, shape):
    """The transpose of a convolution in its input; w in turned panels, shape as for `conv`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    fill_row(out, 0)
    if stride == 1:
        up, left = (kh - 1) * dilation - ph, (kw - 1) * dilation - pw
        turned = (rows, columns, outputs, height, width, inputs, kh, kw, 1, up, left, dilation, 1)
        convolve(w, a, at, of, start, out, turned, shape[13])
        return
    panel, ones = SUM // w.itemsize, all_ones(of, start[-1])
    for first in range(0, inputs, panel):
        part = min(panel, inputs - first)
        for k in range(kh):
            for l in range(kw):
                tap = kh * kw - 1 - (k * kw + l)
                for r in range(rows):
                    y = r * stride + k * dilation - ph
                    if y < 0 or y >= height:
                        continue
                    for c in range(columns):
                        q = c * stride + l * dilation - pw
                        if q >= 0 and q < width:
                            p = r * columns + c
                            base = first * kh * kw * outputs + (tap - p) * outputs * part
                            to = (y * width + q) * inputs + first
                            low, high = start[p], start[p + 1]
                            if ones:
                                add_listed(w, base, part, at, low, high, out, to, part)
                            else:
                                add_scaled_listed(w, base, part, at, of, low, high, out, to, part)


@njit(cache=True, error_model="numpy")
def call_conv(function, given, w, x, at, of, start, out, shape):
    """Run a task that does `conv` or `conv_x`, on a table that is filled in here; all but `shape` are as for those."""
    given[0], given[1], given[2] = w.ctypes.data, x.ctypes.data, at.ctypes.data
    given[3], given[4], given[5] = of.ctypes.data, start.ctypes.data, out.ctypes.data
    given[6] = shape.ctypes.data
    run(function, 0, 0, 0, given.ctypes.data)


@njit(cache=True, error_model="numpy")
def given_arrays(table, kind, pixels, channels, results):
    """The arrays in a table that `call_conv` filled: of weights, input, lists and output."""
    shape = array(table, 6, np.int64, (14,))
    w = array(table, 0, kind, (shape[2] * shape[5] * shape[6] * shape[7],))
    x, out = array(table, 1, kind, (pixels * channels,)), array(table, 5, kind, (results,))
    at = array(table, 2, np.uint32, (x.size + SPARE,))
    of = array(table, 3, kind, (x.size + SPARE,))
    start = array(table, 4, np.int64, (pixels + 1,))
    return w, x, at, of, start, out


@njit(cache=True, error_model="numpy")
def conv_of(table, kind):
    """List the events of a picture and convolve it."""
    shape = array(table, 6, np.int64, (14,))
    pixels, results = shape[0] * shape[1], shape[3] * shape[4] * shape[5]
    w, x, at, of, start, out = given_arrays(table, kind, pixels, shape[2], results)
    pixel_events(x, at, of, start, shape[2])
    conv(w, x, at, of, start, out, shape)


@njit(cache=True, error_model="numpy")
def conv_x_of(table, kind):
    """List the events of a signal and do the transpose of a convolution."""
    shape = array(table, 6, np.int64, (14,))
    pixels, results = shape[3] * shape[4], shape[0] * shape[1] * shape[2]
    w, a, at, of, start, out = given_arrays(table, kind, pixels, shape[5], results)
    pixel_events(a, at, of, start, shape[5])
    conv_x(w, a, at, of, start, out, shape)


@njit(cache=True, error_model="numpy")
def convolve(w, x, at, of, start, out, numbers, tenths):
    """Add a convolution to `out`, a row of the kernel after the other, if its weights see neighbours."""
    _, width, inputs, _, columns, outputs, kh, kw, stride, _, pw, dilation, _ = numbers
    many, ones = crowded(start[-1], x.size, tenths), all_ones(of, start[-1])
    panel = SUM // w.itemsize
    along = kw if dilation == 1 else 1
    for first in range(0, outputs, panel):
        part = min(panel, outputs - first)
        for tap in range(0, kh * kw, along):
            k, away = tap // kw, tap % kw * dilation - pw
            base = first * kh * kw * inputs + tap * inputs * part
            top, bottom = seen_rows(numbers, k)
            # the columns from left to right see no border: neighbours of a row are one product
            left = min(max(-(away // stride), 0), columns) if many else columns
            right = max(min((width - along - away) // stride + 1, columns), left)
            for r in range(top, bottom if right > left else top):
                p = seen_row(numbers, r, k) * width + left * stride + away
                add_products(
                    w, base, part, x, p * inputs, stride * inputs, 1, right - left, along * inputs,
                    out, (r * columns + left) * outputs + first, outputs, part,
                )  # fmt: skip
            for c in range(columns):
                q = c * stride + away
                low, high = max(0, -q), min(along, width - q)
                if (c >= left and c < right) or low >= high or top >= bottom:
                    continue
                p, to = (
                    seen_row(numbers, top, k) * width + q,
                    (top * columns + c) * outputs + first,
                )
                if many:  # pixels above one another are one product
                    add_products(
                        w, base + low * inputs * part, part, x, (p + low) * inputs, stride * width * inputs, 1,
                        bottom - top, (high - low) * inputs, out, to, columns * outputs, part,
                    )  # fmt: skip
                    continue
                for _ in range(top, bottom):
                    mine, begin, end = base - p * inputs * part, start[p + low], start[p + high]
                    if ones:
                        add_listed(w, mine, part, at, begin, end, out, to, part)
                    else:
                        add_scaled_listed(w, mine, part, at, of, begin, end, out, to, part)
                    p += stride * width
                    to += columns * outputs


@njit(cache=True, error_model="numpy")
def seen_row(numbers, r, k):
    """The row of the input that row k of the kernel sees for a row of the output."""
    return r * numbers[8] + k * numbers[11] - numbers[9]


@njit(cache=True, error_model="numpy")
def seen_rows(numbers, k):
    """The rows of the output from the first to before the last for which row k of the kernel is in the picture."""
    height, rows, stride = numbers[0], numbers[3], numbers[8]
    away = numbers[9] - k * numbers[11]
    return max(-(-away // stride), 0), min((height - 1 + away) // stride + 1, rows)


# weight products --------------------------------------------------------------------------------------


@njit(cache=True, error_model="numpy")
def frame(shape):
    """Rows and columns of a picture of signals with a border, in which all pixels that a weight reads are as far
    from the pixel of the input; and where the first signal is."""
    height, width, _, _, _, _, kh, kw, _, ph, pw, dilation, _ = thirteen(shape)
    down, across = (kh - 1) * dilation, (kw - 1) * dilation
    return height + down, width + across, down - ph, across - pw


@njit(cache=True, error_model="numpy")
def put(signal, tile, image, first, part, shape):
    """Put some channels of a picture of signals into a frame."""
    _, _, _, rows, columns, outputs, _, _, stride, _, _, _, _ = thirteen(shape)
    high, wide, down, across = frame(shape)
    for r in range(rows):
        y = r * stride + down
        if y < 0 or y >= high:
            continue
        for c in range(columns):
            q = c * stride + across
            if q < 0 or q >= wide:
                continue
            to, source = ((image * high + y) * wide + q) * part, (r * columns + c) * outputs + first
            copy_row(tile[to : to + part], signal[source : source + part])


@njit(cache=True, error_model="numpy")
def channel_events(x, low, high, shape, shift, wide, who, place, what, total):
    """List after `total` others where some channels are not 0: channel, place in a frame, value; how many then."""
    height, width, inputs, _, _, _, _, _, _, _, _, _, _ = thirteen(shape)
    for y in range(height):
        for q in range(width):
            first = (y * width + q) * inputs
            row = shift + y * wide + q
            total = list_marked(x, first + low, first + high, who, what, place, row, total)
    return total


@njit(cache=True, error_model="numpy")
def conv_w(acc, a, z, opened, shape, low, high):
    """acc[k, l, i] += the signals at the pixels that see channel i through weight (k, l), for i from low to high.

    Some images at a time: their signals stand in frames, one panel after another, and stay in the cache.
    """
    height, width, _, _, _, outputs, _, _, _, _, _, _, _ = thirteen(shape)
    tall, wide, _, _ = frame(shape)
    mine, pixels, panel = high - low, height * width, min(SUM // a.itemsize, outputs)
    most = max(TILE // (tall * wide), 1)
    tile, spread = (
        at_line(most * tall * wide * panel, a.dtype),
        at_line(height * wide * mine, z.dtype),
    )
    fill_row(tile, 0)
    fill_row(spread, 0)
    room = most * pixels * mine + SPARE
    who, place, at = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    what, of, start = np.empty(room, a.dtype), np.empty(room, a.dtype), np.empty(mine + 2, np.int64)
    images = np.empty(most, np.int64)
    signals, seen = a.reshape((-1, a.shape[2])), z.reshape((-1, z.shape[2]))
    batch, held, total = a.shape[1], 0, 0
    for image in range(signals.shape[0]):
        if opened[image // batch] and not silent(signals[image]):
            shift = held * tall * wide
            total = channel_events(
                seen[image], low, high, shape, shift, wide, who, place, what, total
            )
            images[held] = image
            held += 1
        if held < most and image < signals.shape[0] - 1:
            continue
        many = crowded(total, held * pixels * mine, shape[13])
        ones = not many and by_neuron(who, place, what, total, start, at, of)
        for first in range(0, outputs, panel):
            part = min(panel, outputs - first)
            if part < panel:
                fill_row(tile, 0)
            for m in range(held):
                put(signals[images[m]], tile, m, first, part, shape)
            if many:
                for m in range(held):
                    dense_frame(acc, tile, seen[images[m]], spread, m, first, part, shape, low)
            else:
                listed_frames(acc, tile, at, of, start, ones, first, part, shape, low)
        if outputs % panel:
            fill_row(tile, 0)
        held, total = 0, 0


@njit(cache=True, error_model="numpy")
def listed_frames(acc, tile, at, of, start, ones, first, part, shape, low):
    """Add the signals in frames at the listed places of every channel; `ones`: all values are 1."""
    _, _, inputs, _, _, outputs, kh, kw, _, _, _, dilation, _ = thirteen(shape)
    _, wide, _, _ = frame(shape)
    row = dilation * part
    for i in range(start.size - 2):
        begin, end = start[i], start[i + 1]
        if kh == 3 and kw == 3:
            to, leap = (low + i) * outputs + first, inputs * outputs
            add_taps_listed(
                tile, 2 * (wide + 1) * row, part, wide * row, row, at, of, ones, begin, end,
                acc, to, leap, part,
            )  # fmt: skip
            continue
        for k in range(kh):
            for l in range(kw):
                away = ((kh - 1 - k) * wide + kw - 1 - l) * dilation * part
                to = ((k * kw + l) * inputs + low + i) * outputs + first
                if ones:
                    add_listed(tile, away, part, at, begin, end, acc, to, part)
                else:
                    add_scaled_listed(tile, away, part, at, of, begin, end, acc, to, part)


@njit(cache=True, error_model="numpy")
def dense_frame(acc, tile, x, spread, image, first, part, shape, low):
    """Add the signals of one frame times all values of some channels, which are spread to the frame's width."""
    height, width, inputs, _, _, outputs, kh, kw, _, _, _, dilation, _ = thirteen(shape)
    tall, wide, _, _ = frame(shape)
    mine = spread.size // (height * wide)
    for y in range(height):
        for q in range(width):
            to, source = (y * wide + q) * mine, (y * width + q) * inputs + low
            copy_row(spread[to : to + mine], x[source : source + mine])
    for k in range(kh):
        for l in range(kw):
            to = ((k * kw + l) * inputs + low) * outputs + first
            away = (kh - 1 - k) * wide + kw - 1 - l
            row = image * tall * wide + away * dilation
            add_products(
                tile, row * part, part, spread, 0, 1, mine, mine, (height - 1) * wide + width,
                acc, to, outputs, part,
            )  # fmt: skip


@njit(cache=True, error_model="numpy")
def conv_part(owner, t0, t1, table, *kinds):
    """The weight product of a convolution over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[2])
    conv_w(acc, a, z, opened, shape, low, high)


@njit(cache=True, error_model="numpy")
def conv_product(acc, a, z, shape):
    """The weight product of a convolution over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    conv_w(acc, a, z, opened, shape, 0, shape[2])
