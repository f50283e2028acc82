"""Random words from counters."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10, four words for a counter and a key (Salmon et al. 2011)."""
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0 = (q >> np.uint64(32)) ^ c1 ^ k0
        c2 = (p >> np.uint64(32)) ^ c3 ^ k1
        c1, c3 = q & mask, p & mask
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


@njit(cache=True, error_model="numpy")
def word(element, step, sample, epoch, k0, k1):
    """One random word of a stream."""
    c = philox(
        np.uint64(element // 4), np.uint64(step), np.uint64(sample), np.uint64(epoch), k0, k1
    )
    lane = element % 4
    if lane == 0:
        return c[0]
    if lane == 1:
        return c[1]
    return c[2] if lane == 2 else c[3]
