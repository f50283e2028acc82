"""Pools and their derivatives."""

from __future__ import annotations

from numba import njit

from snc_cpu.primitives.rows import fill_row
from snc_cpu.primitives.shapes import five, nine


@njit(cache=True, error_model="numpy")
def max_pool(x, out, shape):
    """shape: height, width, channels, rows, columns, kh, kw, sh, sw."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                best = x[((r * sh) * width + c * sw) * channels + o]
                for k in range(kh):
                    for l in range(kw):
                        value = x[((r * sh + k) * width + c * sw + l) * channels + o]
                        if value > best:
                            best = value
                out[(r * columns + c) * channels + o] = best


@njit(cache=True, error_model="numpy")
def max_pool_x(x, bar, out, shape):
    """The derivative goes to the first maximum in row-major order."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                first = ((r * sh) * width + c * sw) * channels + o
                best, at = x[first], first
                for k in range(kh):
                    for l in range(kw):
                        place = ((r * sh + k) * width + c * sw + l) * channels + o
                        if x[place] > best:
                            best, at = x[place], place
                out[at] += bar[(r * columns + c) * channels + o]


@njit(cache=True, error_model="numpy")
def avg_pool(x, out, shape):
    """The mean of every window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                total = x[0] * 0
                for k in range(kh):
                    for l in range(kw):
                        total += x[((r * sh + k) * width + c * sw + l) * channels + o]
                out[(r * columns + c) * channels + o] = total / (kh * kw)


@njit(cache=True, error_model="numpy")
def avg_pool_x(bar, out, shape):
    """Equal shares for all of a window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                share = bar[(r * columns + c) * channels + o] / (kh * kw)
                for k in range(kh):
                    for l in range(kw):
                        out[((r * sh + k) * width + c * sw + l) * channels + o] += share


@njit(cache=True, error_model="numpy")
def avg_pool_to(x, out, shape):
    """Adaptive mean: cell i of m covers floor(i n / m) to ceil((i + 1) n / m).

    shape: height, width, channels, rows, columns.
    """
    height, width, channels, rows, columns = five(shape)
    for r in range(rows):
        y0, y1 = r * height // rows, -(-(r + 1) * height // rows)
        for c in range(columns):
            x0, x1 = c * width // columns, -(-(c + 1) * width // columns)
            for o in range(channels):
                total = x[0] * 0
                for y in range(y0, y1):
                    for q in range(x0, x1):
                        total += x[(y * width + q) * channels + o]
                out[(r * columns + c) * channels + o] = total / ((y1 - y0) * (x1 - x0))


@njit(cache=True, error_model="numpy")
def avg_pool_to_x(bar, out, shape):
    """The transpose of the adaptive mean."""
    height, width, channels, rows, columns = five(shape)
    fill_row(out, 0)
    for r in range(rows):
        y0, y1 = r * height // rows, -(-(r + 1) * height // rows)
        for c in range(columns):
            x0, x1 = c * width // columns, -(-(c + 1) * width // columns)
            for o in range(channels):
                share = bar[(r * columns + c) * channels + o] / ((y1 - y0) * (x1 - x0))
                for y in range(y0, y1):
                    for q in range(x0, x1):
                        out[(y * width + q) * channels + o] += share
