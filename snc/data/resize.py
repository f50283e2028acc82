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


def resized(values: Numbers, rows: Weights, columns: Weights) -> NDArray[np.float32]:
    """[..., height, width] in float32, width first (the order of PIL and torch)."""
    narrow = values.astype(np.float32) @ columns.T
    return np.asarray(np.swapaxes(np.swapaxes(narrow, -1, -2) @ rows.T, -1, -2))
