"""What emitted kernels call: arithmetic that is not contracted, random words. Imported by emitted text only."""

from __future__ import annotations

import math

import numpy as np
from numba import config, cuda

from snc_cuda.code import MANY, ONE
from snc_cuda.tiles import SUMS

SIMULATED = bool(config.ENABLE_CUDASIM)

SIDE = 2 if SIMULATED else 16  # threads along each side of a tile
WIDE = SUMS * SIDE  # sums along each side of a tile
DEPTH = SIDE  # terms of a strip in shared memory
PADDED = WIDE + 4  # a strip is written across its rows too: then by few threads into one bank

N = int if SIMULATED else np.uintp  # an index that is not negative

if SIMULATED:  # the simulator knows no intrinsics; Python contracts nothing
    import sys
    import threading

    from numba.cuda.simulator.kernelapi import FakeCUDAShared

    def mul_s(x, y):
        """x * y in single precision."""
        return np.float32(x * y)

    def mul_d(x, y):
        """x * y in double precision."""
        return x * y

    def fma_s(x, y, z):
        """x * y + z in single precision; the simulator rounds twice."""
        return np.float32(x * y + z)

    def fma_d(x, y, z):
        """x * y + z in double precision; the simulator rounds twice."""
        return x * y + z

    def popc(word):
        """How many bits of a word are set."""
        return int(word).bit_count()

    one_block = many_blocks = cuda.jit
    lock = threading.Lock()

    def shared_array(block, shape, dtype, alignment=None):
        """The array of a block that a line asks for; the simulator's own gives two threads at once one each.

        In double precision a memory view, as all arrays there (see snc_cuda/memory.py).
        """
        frame = sys._getframe(1)
        place = frame.f_code.co_filename, frame.f_lineno
        with lock:
            if place not in block._allocations:
                made = np.empty(shape, dtype)
                block._allocations[place] = made.data if dtype is np.float64 else made
            return block._allocations[place]

    FakeCUDAShared.array = shared_array

    def device(function):
        """A function of the device is a function."""
        return function

else:
    from numba.cuda import libdevice

    popc = libdevice.popcll
    mul_s, mul_d = libdevice.fmul_rn, libdevice.dmul_rn
    fma_s, fma_d = libdevice.fmaf_rn, libdevice.fma_rn

    def one_block(function):
        """A kernel of blocks that each work on a row; the bound keeps registers for so many threads."""
        return cuda.jit(function, cache=True, launch_bounds=ONE, lto=False)

    def many_blocks(function):
        """A kernel of blocks that work together on all places."""
        return cuda.jit(function, cache=True, launch_bounds=MANY, lto=False)

    # Inlined before types are known: compiling a function by itself would need a device.
    device = cuda.jit(device=True, inline="always")


@device
def philox(element, step, sample, epoch, k0, k1):
    """Philox4x32-10, four words for a counter and a key (Salmon et al. 2011); see snc/random.py."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    c0, c1 = np.uint64(element), np.uint64(step)
    c2, c3 = np.uint64(sample), np.uint64(epoch)
    key0, key1 = np.uint64(k0), np.uint64(k1)
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0 = (q >> half) ^ c1 ^ key0
        c2 = (p >> half) ^ c3 ^ key1
        c1, c3 = q & mask, p & mask
        key0 = (key0 + np.uint64(0x9E3779B9)) & mask
        key1 = (key1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


@device
def word(element, step, sample, epoch, k0, k1):
    """One random word of a stream."""
    c = philox(element // 4, step, sample, epoch, k0, k1)
    lane = element % 4
    if lane == 0:
        return c[0]
    if lane == 1:
        return c[1]
    return c[2] if lane == 2 else c[3]


@device
def ones_before(place, masks):
    """How many bits are set before a place in words of 32 bits."""
    found = 0
    for group in range(place // 32):
        found += popc(masks[group])
    if place % 32:
        found += popc(masks[place // 32] & ((1 << place % 32) - 1))
    return found


@device
def taps(i, before, after, antialias, corners):
    """First and last pixel that pixel i of a resized axis is made of, its place, their reach and weight."""
    if corners:
        scale = (before - 1.0) / max(after - 1.0, 1.0)
        place = i * (before - 1.0) / max(after - 1.0, 1.0)
    else:
        scale = (before + 0.0) / after
        place = (i + 0.5) * before / after - 0.5
    reach = max(scale, 1.0) if antialias else 1.0
    low = max(math.ceil(place - reach), 0)
    high = min(math.floor(place + reach), before - 1)
    total = 0.0
    for j in range(low, high + 1):
        total += max(1.0 - abs(j - place) / reach, 0.0)
    return low, high, place, reach, total


@device
def tap_weight(j, place, reach, total):
    """The share of pixel j in what is at a place."""
    return max(1.0 - abs(j - place) / reach, 0.0) / total


__all__ = [
    "DEPTH",
    "PADDED",
    "SIDE",
    "SIMULATED",
    "SUMS",
    "WIDE",
    "N",
    "fma_d",
    "fma_s",
    "many_blocks",
    "mul_d",
    "mul_s",
    "one_block",
    "ones_before",
    "philox",
    "popc",
    "tap_weight",
    "taps",
    "word",
]
