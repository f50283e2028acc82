"""Transposed convolutions, and the patches that a convolution sees."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.dense import BLOCK, factors
from snc_cpu.primitives.rows import PRODUCT, fill_row
from snc_cpu.primitives.shapes import fifteen, thirteen
from snc_cpu.tasks import number


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def conv_transpose(w, x, out, shape):
    """A transposed convolution; w is [kh, kw, pre, post], shape that of the convolution from post to pre."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            for o in range(outputs):
                value = x[(r * columns + c) * outputs + o]
                if value == 0:
                    continue
                for k in range(kh):
                    y = r * stride + k * dilation - ph
                    if y < 0 or y >= height:
                        continue
                    for l in range(kw):
                        q = c * stride + l * dilation - pw
                        if q < 0 or q >= width:
                            continue
                        first = (y * width + q) * inputs + o // per * mine
                        base = ((k * kw + l) * outputs + o) * mine
                        row = w[base : base + mine]
                        target = out[first : first + mine]
                        for i in range(mine):
                            target[i] += value * row[i]


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def conv_transpose_x(w, a, out, shape):
    """The transpose of a transposed convolution in its input; shape as for `conv_transpose`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            for o in range(outputs):
                total = a[0] * 0
                for k in range(kh):
                    y = r * stride + k * dilation - ph
                    if y < 0 or y >= height:
                        continue
                    for l in range(kw):
                        q = c * stride + l * dilation - pw
                        if q < 0 or q >= width:
                            continue
                        first = (y * width + q) * inputs + o // per * mine
                        base = ((k * kw + l) * outputs + o) * mine
                        row = w[base : base + mine]
                        signal = a[first : first + mine]
                        for i in range(mine):
                            total += row[i] * signal[i]
                out[(r * columns + c) * outputs + o] = total


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def conv_transpose_channel(acc, a, z, opened, shape, owner):
    """One presynaptic channel's part of the weight product of a transposed convolution."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            signal, x = a[s, b], z[s, b]
            for r in range(rows):
                for c in range(columns):
                    value = x[(r * columns + c) * outputs + owner]
                    if value == 0:
                        continue
                    for k in range(kh):
                        y = r * stride + k * dilation - ph
                        if y < 0 or y >= height:
                            continue
                        for l in range(kw):
                            q = c * stride + l * dilation - pw
                            if q < 0 or q >= width:
                                continue
                            first = (y * width + q) * inputs + owner // per * mine
                            base = ((k * kw + l) * outputs + owner) * mine
                            target = acc[base : base + mine]
                            source = signal[first : first + mine]
                            for i in range(mine):
                                target[i] += value * source[i]


@njit(cache=True, error_model="numpy")
def conv_transpose_part(owner, t0, t1, table, *kinds):
    """The weight product of a transposed convolution over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[5])
    for owner in range(low, high):
        conv_transpose_channel(acc, a, z, opened, shape, owner)


@njit(cache=True, error_model="numpy")
def conv_transpose_product(acc, a, z, shape):
    """The weight product of a transposed convolution over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    for owner in range(shape[5]):
        conv_transpose_channel(acc, a, z, opened, shape, owner)


@njit(cache=True, error_model="numpy")
def patches(x, out, shape):
    """What each output pixel of a convolution sees; shape as for `conv`, then the strides of channels and pixels."""
    height, width, inputs, rows, columns, _, kh, kw, stride, ph, pw, dilation, _, step, hop = (
        fifteen(shape)
    )
    fill_row(out, 0)
    for k in range(kh):
        for l in range(kw):
            base = (k * kw + l) * inputs * rows * columns
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    for i in range(inputs):
                        at = base + i * step + (r * columns + c) * hop
                        out[at] = x[(y * width + q) * inputs + i]
