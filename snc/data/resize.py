"""Bilinear resizing as a matrix for each axis, in the three ways that loaders use."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from snc.data.samples import Numbers

Weights = NDArray[np.float32]


@lru_cache(maxsize=64)
def axis_weights(before: int, after: int, antialias: bool, align_corners: bool) -> Weights:
    """Weights [after, before] of bilinear interpolation along one axis.

    Pixel i is centred at i + 0.5. Antialias: a triangle as wide as the scale (PIL's BILINEAR,
    torch's antialias = True). Without: the two neighbours. Align corners: first and last centres
    coincide.
    """
    scale = before / after
    if antialias:
        width = max(scale, 1.0)
        centre = (np.arange(after)[:, None] + 0.5) * scale
        distance = np.abs(np.arange(before)[None, :] + 0.5 - centre) / width
        weights = np.maximum(1 - distance, 0)
        return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
    if align_corners:
        source = np.arange(after) * ((before - 1) / max(after - 1, 1))
    else:
        source = np.maximum((np.arange(after) + 0.5) * scale - 0.5, 0)
    low = np.minimum(source.astype(np.int64), before - 1)
    high, share = np.minimum(low + 1, before - 1), source - low
    weights = np.zeros((after, before))
    np.add.at(weights, (np.arange(after), low), 1 - share)
    np.add.at(weights, (np.arange(after), high), share)
    return weights.astype(np.float32)


def resized_premultiplied(values: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Bytes [T, 2, h, w] to [T, 2, height, width] as Pillow resizes an image of grey and alpha.

    It multiplies channel 0 by channel 1 / 255, resizes both with antialiasing, and divides again,
    rounding to bytes each time: channel 0 is weighted by channel 1, and is 0 where that is empty.
    """
    # Late, as every library that only some data needs.
    from PIL import Image

    made = np.empty((len(values), 2, height, width), np.uint8)
    for frame, into in zip(values, made, strict=True):
        image = Image.fromarray(np.ascontiguousarray(np.moveaxis(frame, 0, -1)))
        changed = image.resize((width, height), Image.Resampling.BILINEAR)
        into[:] = np.moveaxis(np.asarray(changed), -1, 0)
    return made


def resized(values: Numbers, rows: Weights, columns: Weights) -> NDArray[np.float32]:
    """[..., height, width] in float32, width first (the order of PIL and torch).

    One product of matrices for each axis: many small ones cost more in waking threads than in work.
    """
    height, width = values.shape[-2:]
    narrow = values.astype(np.float32).reshape(-1, width) @ columns.T
    turned = np.swapaxes(narrow.reshape(-1, height, len(columns)), 1, 2).reshape(-1, height)
    small = (turned @ rows.T).reshape(-1, len(columns), len(rows))
    made = np.swapaxes(small, 1, 2).reshape(*values.shape[:-2], len(rows), len(columns))
    return np.ascontiguousarray(made)


def sampled(
    values: Numbers, y: NDArray[np.float64], x: NDArray[np.float64], nearest: bool
) -> Numbers:
    """[..., height, width] read at real places y, x [h, w]; 0 outside. Bilinear, in float32.

    nearest: by the nearest place instead, in the type of the values.
    """
    if nearest:
        return _taken(values, np.rint(y).astype(np.int64), np.rint(x).astype(np.int64))
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    made = np.zeros((*values.shape[:-2], *y.shape), np.float32)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (down if dy else 1 - down) * (right if dx else 1 - right)
        made += weight * _taken(values, top + dy, left + dx).astype(np.float32)
    return made


def _taken(values: Numbers, row: NDArray[np.int64], column: NDArray[np.int64]) -> Numbers:
    height, width = values.shape[-2:]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    found = values[..., np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    return np.where(inside, found, np.zeros((), values.dtype))
