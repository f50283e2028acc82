"""Convolutions by events: at every pixel, the channels that are not 0."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.dense import BLOCK, factors
from snc_cpu.primitives.rows import add_rows, add_scaled_rows, fill_row, silent
from snc_cpu.primitives.shapes import thirteen
from snc_cpu.tasks import number


@njit(cache=True, error_model="numpy")
def pixel_events(x, at, count, channels):
    """The channels that are not 0 at every pixel, in order; a count is negative if they are not all 1."""
    for p in range(count.size):
        found, ones = np.int64(0), True
        for i in range(channels):
            value = x[p * channels + i]
            at[p, found] = i
            found += value != 0
            ones &= (value == 0) | (value == 1)
        count[p] = found if ones else -found


@njit(cache=True, error_model="numpy")
def add_pixel(matrix, x, p, at, of, count, out):
    """out += the rows of a matrix for the channels listed at a pixel."""
    if count > 0:
        add_rows(matrix, at, count, out)
    elif count < 0:
        first = p * matrix.shape[0]
        for e in range(-count):
            of[e] = x[first + at[e]]
        add_scaled_rows(matrix, at, of, -count, out)


@njit(cache=True, error_model="numpy")
def conv(w, x, at, of, count, out, shape):
    """A convolution, one weight of the kernel after the other, whose matrix then stays in the cache.

    shape: height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups (1 here).
    """
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    fill_row(out, 0)
    weights, whole = w.reshape((kh * kw, inputs, outputs)), out.reshape((rows * columns, outputs))
    for k in range(kh):
        for l in range(kw):
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q >= 0 and q < width:
                        p = y * width + q
                        add_pixel(
                            weights[k * kw + l], x, p, at[p], of, count[p], whole[r * columns + c]
                        )


@njit(cache=True, error_model="numpy")
def conv_x(w, a, at, of, count, out, shape):
    """The transpose of a convolution in its input; w is [kh, kw, outputs, inputs], shape as for `conv`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    fill_row(out, 0)
    weights, whole = w.reshape((kh * kw, outputs, inputs)), out.reshape((height * width, inputs))
    for k in range(kh):
        for l in range(kw):
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q >= 0 and q < width:
                        p = r * columns + c
                        add_pixel(
                            weights[k * kw + l], a, p, at[p], of, count[p], whole[y * width + q]
                        )


@njit(cache=True, error_model="numpy")
def channel_events(x, low, high, inputs, at, of, count):
    """For the channels of one owner, the pixels where they are not 0 and what stands there."""
    for i in range(high - low):
        count[i] = 0
    for p in range(x.size // inputs):
        for i in range(low, high):
            value = x[p * inputs + i]
            if value != 0:
                c = count[i - low]
                at[i - low, c] = p
                of[i - low, c] = value
                count[i - low] = c + 1


@njit(cache=True, error_model="numpy")
def conv_w(acc, a, z, opened, shape, low, high):
    """acc[k, l, i] += the signal's rows at the pixels that see channel i through weight (k, l)."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    pixels, mine = height * width, high - low
    at, of = np.empty((mine, pixels), np.uint32), np.empty((mine, pixels), a.dtype)
    count = np.zeros(mine, np.int64)
    seen, scale = np.empty(pixels, np.uint32), np.empty(pixels, a.dtype)
    whole = acc.reshape((kh * kw, inputs, outputs))
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            if silent(a[s, b]):
                continue
            signal = a[s, b].reshape((rows * columns, outputs))
            channel_events(z[s, b], low, high, inputs, at, of, count)
            for k in range(kh):
                for l in range(kw):
                    for i in range(mine):
                        found, ones = np.int64(0), True
                        for e in range(count[i]):
                            y = at[i, e] // width + ph - k * dilation
                            q = at[i, e] % width + pw - l * dilation
                            if y % stride or q % stride:
                                continue
                            r, c = y // stride, q // stride
                            if r >= 0 and r < rows and c >= 0 and c < columns:
                                seen[found] = r * columns + c
                                scale[found] = of[i, e]
                                ones &= of[i, e] == 1
                                found += 1
                        if ones:
                            add_rows(signal, seen, found, whole[k * kw + l, low + i])
                        else:
                            add_scaled_rows(signal, seen, scale, found, whole[k * kw + l, low + i])


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
