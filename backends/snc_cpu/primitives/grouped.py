"""Convolutions in groups."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.dense import BLOCK, factors
from snc_cpu.primitives.rows import PRODUCT, fill_row
from snc_cpu.primitives.shapes import thirteen
from snc_cpu.tasks import number


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def grouped_conv(w, x, out, shape):
    """A convolution in groups; shape as for `conv`, the number of groups last."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            at = (r * columns + c) * outputs
            for k in range(kh):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for l in range(kw):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    pixel = (y * width + q) * inputs
                    for i in range(inputs):
                        value = x[pixel + i]
                        if value != 0:
                            g = i // mine
                            base = ((k * kw + l) * mine + i - g * mine) * outputs + g * per
                            row = w[base : base + per]
                            target = out[at + g * per : at + (g + 1) * per]
                            for o in range(per):
                                target[o] += value * row[o]


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def grouped_conv_x(w, a, out, shape):
    """The transpose of a convolution in groups in its input; shape as for `conv`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            at = (r * columns + c) * outputs
            for k in range(kh):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for l in range(kw):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    pixel = (y * width + q) * inputs
                    for i in range(inputs):
                        g = i // mine
                        base = ((k * kw + l) * mine + i - g * mine) * outputs + g * per
                        row = w[base : base + per]
                        signal = a[at + g * per : at + (g + 1) * per]
                        total = a[0] * 0
                        for o in range(per):
                            total += row[o] * signal[o]
                        out[pixel + i] += total


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def grouped_conv_channel(acc, a, z, opened, shape, owner):
    """One presynaptic channel's part of the weight product of a convolution."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    g = owner // mine
    inner = owner - g * mine
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            signal, x = a[s, b], z[s, b]
            for r in range(rows):
                for c in range(columns):
                    at = (r * columns + c) * outputs + g * per
                    for k in range(kh):
                        y = r * stride + k * dilation - ph
                        if y < 0 or y >= height:
                            continue
                        for l in range(kw):
                            q = c * stride + l * dilation - pw
                            if q < 0 or q >= width:
                                continue
                            value = x[(y * width + q) * inputs + owner]
                            if value != 0:
                                base = ((k * kw + l) * mine + inner) * outputs + g * per
                                target = acc[base : base + per]
                                source = signal[at : at + per]
                                for o in range(per):
                                    target[o] += value * source[o]


@njit(cache=True, error_model="numpy")
def grouped_conv_part(owner, t0, t1, table, *kinds):
    """The weight product of a convolution in groups over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[2])
    for owner in range(low, high):
        grouped_conv_channel(acc, a, z, opened, shape, owner)


@njit(cache=True, error_model="numpy")
def grouped_conv_product(acc, a, z, shape):
    """The weight product of a convolution in groups over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    for owner in range(shape[2]):
        grouped_conv_channel(acc, a, z, opened, shape, owner)
