"""Bilinear resizing and warping of images, and their derivatives."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.rows import fill_row
from snc_cpu.primitives.shapes import seven, three


@njit(cache=True, error_model="numpy")
def place_before(i, before, after, corners):
    """Where pixel i of a resized axis lies on the axis before; pixels are centred at i + 1/2."""
    if corners:
        return i * (before - 1) / max(after - 1, 1)
    return (i + 0.5) * before / after - 0.5


@njit(cache=True, error_model="numpy")
def taps(i, before, after, antialias, corners):
    """First and last pixel that pixel i of a resized axis is made of, its place, their reach and weight."""
    place = place_before(i, before, after, corners)
    scale = (before - 1) / max(after - 1, 1) if corners else before / after
    reach = max(scale, 1.0) if antialias else 1.0
    low, high = max(int(np.ceil(place - reach)), 0), min(int(np.floor(place + reach)), before - 1)
    total = 0.0
    for j in range(low, high + 1):
        total += max(1 - abs(j - place) / reach, 0.0)
    return low, high, place, reach, total


@njit(cache=True, error_model="numpy")
def resize(x, out, shape):
    """Bilinear interpolation. shape: height, width, channels, rows, columns, antialias, corners."""
    height, width, channels, rows, columns, antialias, corners = seven(shape)
    fill_row(out, 0)
    for r in range(rows):
        top, bottom, y, tall, down = taps(r, height, rows, antialias, corners)
        for c in range(columns):
            left, right, z, wide, across = taps(c, width, columns, antialias, corners)
            for j in range(top, bottom + 1):
                along = max(1 - abs(j - y) / tall, 0.0) / down
                for k in range(left, right + 1):
                    weight = along * max(1 - abs(k - z) / wide, 0.0) / across
                    for o in range(channels):
                        out[(r * columns + c) * channels + o] += (
                            x[(j * width + k) * channels + o] * weight
                        )


@njit(cache=True, error_model="numpy")
def resize_x(a, out, shape):
    """The transpose of `resize`, of the same shape."""
    height, width, channels, rows, columns, antialias, corners = seven(shape)
    fill_row(out, 0)
    for r in range(rows):
        top, bottom, y, tall, down = taps(r, height, rows, antialias, corners)
        for c in range(columns):
            left, right, z, wide, across = taps(c, width, columns, antialias, corners)
            for j in range(top, bottom + 1):
                along = max(1 - abs(j - y) / tall, 0.0) / down
                for k in range(left, right + 1):
                    weight = along * max(1 - abs(k - z) / wide, 0.0) / across
                    for o in range(channels):
                        out[(j * width + k) * channels + o] += (
                            a[(r * columns + c) * channels + o] * weight
                        )


@njit(cache=True, error_model="numpy")
def warp(image, flow, out, shape):
    """The image where the flow points, 0 outside. shape: height, width, channels."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    weight = (1 - abs(y - j)) * (1 - abs(x - k))
                    for o in range(channels):
                        out[at * channels + o] += image[(j * width + k) * channels + o] * weight


@njit(cache=True, error_model="numpy")
def warp_image(flow, a, out, shape):
    """The transpose of `warp` in the image."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    weight = (1 - abs(y - j)) * (1 - abs(x - k))
                    for o in range(channels):
                        out[(j * width + k) * channels + o] += a[at * channels + o] * weight


@njit(cache=True, error_model="numpy")
def warp_flow(image, flow, a, out, shape):
    """The derivative of `warp` by both channels of the flow."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    pull = a[0] * 0
                    for o in range(channels):
                        pull += image[(j * width + k) * channels + o] * a[at * channels + o]
                    out[2 * at] += pull * (1 - abs(y - j)) * (1 if k > left else -1)
                    out[2 * at + 1] += pull * (1 - abs(x - k)) * (1 if j > top else -1)
