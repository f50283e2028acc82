"""Pools and their derivatives."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.rows import copy_row, fill_row
from snc_cpu.primitives.shapes import five, nine


@njit(cache=True, error_model="numpy")
def max_pool(x, out, shape):
    """shape: height, width, channels, rows, columns, kh, kw, sh, sw."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            to, first = (r * columns + c) * channels, (r * sh * width + c * sw) * channels
            best = out[to : to + channels]
            copy_row(best, x[first : first + channels])
            for k in range(kh):
                for l in range(kw):
                    place = first + (k * width + l) * channels
                    here = x[place : place + channels]
                    for o in range(channels):
                        best[o] = here[o] if here[o] > best[o] else best[o]


@njit(cache=True, error_model="numpy")
def max_pool_x(x, bar, out, shape):
    """The derivative goes to the first maximum in row-major order."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    best, at = np.empty(channels, x.dtype), np.empty(channels, np.int32)
    for r in range(rows):
        for c in range(columns):
            source, first = (r * columns + c) * channels, (r * sh * width + c * sw) * channels
            copy_row(best, x[first : first + channels])
            fill_row(at, 0)
            for k in range(kh):
                for l in range(kw):
                    place = first + (k * width + l) * channels
                    here, mine = x[place : place + channels], np.int32(k * kw + l)
                    for o in range(channels):
                        more = here[o] > best[o]
                        at[o] = mine if more else at[o]
                        best[o] = here[o] if more else best[o]
            given = bar[source : source + channels]
            for k in range(kh):
                for l in range(kw):
                    place = first + (k * width + l) * channels
                    into, mine = out[place : place + channels], np.int32(k * kw + l)
                    for o in range(channels):
                        into[o] += given[o] if at[o] == mine else 0


@njit(cache=True, error_model="numpy")
def mean_of(x, out, to, channels, width, y0, y1, q0, q1):
    """out[to + o] = the mean of the channels o in a window."""
    total = out[to : to + channels]
    fill_row(total, 0)
    for y in range(y0, y1):
        for q in range(q0, q1):
            here = x[(y * width + q) * channels : (y * width + q + 1) * channels]
            for o in range(channels):
                total[o] += here[o]
    for o in range(channels):
        total[o] /= (y1 - y0) * (q1 - q0)


@njit(cache=True, error_model="numpy")
def shares_of(bar, source, out, channels, width, y0, y1, q0, q1):
    """Add equal shares of the derivative of a mean to all of its window."""
    given = bar[source : source + channels]
    for y in range(y0, y1):
        for q in range(q0, q1):
            into = out[(y * width + q) * channels : (y * width + q + 1) * channels]
            for o in range(channels):
                into[o] += given[o] / ((y1 - y0) * (q1 - q0))


@njit(cache=True, error_model="numpy")
def avg_pool(x, out, shape):
    """The mean of every window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            to = (r * columns + c) * channels
            mean_of(x, out, to, channels, width, r * sh, r * sh + kh, c * sw, c * sw + kw)


@njit(cache=True, error_model="numpy")
def avg_pool_x(bar, out, shape):
    """Equal shares for all of a window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    for r in range(rows):
        for c in range(columns):
            source = (r * columns + c) * channels
            shares_of(bar, source, out, channels, width, r * sh, r * sh + kh, c * sw, c * sw + kw)


@njit(cache=True, error_model="numpy")
def cell(index, count, size):
    """The part of a size that a cell of an adaptive pool covers: floor(i n / m) to ceil((i + 1) n / m)."""
    return index * size // count, -(-(index + 1) * size // count)


@njit(cache=True, error_model="numpy")
def avg_pool_to(x, out, shape):
    """Adaptive mean. shape: height, width, channels, rows, columns."""
    height, width, channels, rows, columns = five(shape)
    for r in range(rows):
        y0, y1 = cell(r, rows, height)
        for c in range(columns):
            q0, q1 = cell(c, columns, width)
            mean_of(x, out, (r * columns + c) * channels, channels, width, y0, y1, q0, q1)


@njit(cache=True, error_model="numpy")
def avg_pool_to_x(bar, out, shape):
    """The transpose of the adaptive mean."""
    height, width, channels, rows, columns = five(shape)
    fill_row(out, 0)
    for r in range(rows):
        y0, y1 = cell(r, rows, height)
        for c in range(columns):
            q0, q1 = cell(c, columns, width)
            shares_of(bar, (r * columns + c) * channels, out, channels, width, y0, y1, q0, q1)
