"""Random numbers without a generator's state: Philox4x32-10 on counters (SEMANTICS 9).

A word depends on (seed, name, epoch, sample, step, element) and on nothing else: not on the batch a
sample is in, not on the number of threads, not on what was drawn before.

    key      blake2b of 8 bytes (digest_size = 8) of the seed, 8 bytes little endian, and the name
    counter  (element div 4, step, sample, epoch); a block has four words, for elements 4k .. 4k + 3

Integer arithmetic only, so every backend gives the same bits. Salmon et al. 2011, "Parallel random
numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import hashlib
import struct
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint32]
Reals = NDArray[np.float64]

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = 0x9E3779B9, 0xBB67AE85
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(c0: ArrayLike, c1: ArrayLike, c2: ArrayLike, c3: ArrayLike, k0: int, k1: int) -> Words:
    """The four words of each counter, [..., 4]; counters broadcast; the low 32 bits count."""
    x0, x1, x2, x3 = (np.asarray(c).astype(np.uint64) & LOW for c in (c0, c1, c2, c3))
    for turn in range(10):
        key0, key1 = (
            np.uint64((k0 + turn * W0) & 0xFFFFFFFF),
            np.uint64((k1 + turn * W1) & 0xFFFFFFFF),
        )
        p, q = M0 * x0, M1 * x2
        x0, x1, x2, x3 = (q >> HALF) ^ x1 ^ key0, q & LOW, (p >> HALF) ^ x3 ^ key1, p & LOW
    return np.stack(np.broadcast_arrays(x0, x1, x2, x3), axis=-1).astype(np.uint32)


def key(seed: int, name: str) -> tuple[int, int]:
    """The key of the stream `name` of a seed (64 bits; a larger or negative one wraps)."""
    text = struct.pack("<Q", seed & 0xFFFFFFFFFFFFFFFF) + name.encode()
    k0, k1 = struct.unpack("<II", hashlib.blake2b(text, digest_size=8).digest())
    return k0, k1


def words(
    seed: int,
    name: str,
    n: int,
    samples: ArrayLike = (0,),
    step: ArrayLike = 0,
    epoch: int = 0,
) -> Words:
    """The words of n elements for each sample, [len(samples), n].

    `step` is one number, or one for each entry of `samples`.
    """
    rows = np.atleast_1d(np.asarray(samples))[:, None]
    steps = np.asarray(step)
    blocks = np.arange(-(-n // 4))[None, :]
    drawn = philox(blocks, steps[:, None] if steps.ndim else steps, rows, epoch, *key(seed, name))
    return drawn.reshape(len(rows), 4 * blocks.shape[1])[:, :n]


def as_uniform(drawn: Words) -> Reals:
    """Words as multiples of 2^-24 in [0, 1), exact in float32."""
    return (drawn >> np.uint32(8)).astype(np.float64) * 2.0**-24


def as_bernoulli(drawn: Words, p: ArrayLike) -> NDArray[np.bool_]:
    """Where word < round(p 2^32): true with probability p; p broadcasts; 1 is always."""
    return drawn.astype(np.uint64) < np.round(np.asarray(p, np.float64) * 2.0**32).astype(np.uint64)


def uniform(
    seed: int,
    name: str,
    shape: tuple[int, ...],
    *,
    sample: int = 0,
    step: int = 0,
    epoch: int = 0,
) -> Reals:
    """Numbers in [0, 1), multiples of 2^-24."""
    return as_uniform(words(seed, name, prod(shape), (sample,), step, epoch)).reshape(shape)


def bernoulli(
    seed: int,
    name: str,
    shape: tuple[int, ...],
    p: ArrayLike,
    *,
    sample: int = 0,
    step: int = 0,
    epoch: int = 0,
) -> NDArray[np.bool_]:
    """True with probability p (one number, or an array that broadcasts to `shape`)."""
    drawn = words(seed, name, prod(shape), (sample,), step, epoch).reshape(shape)
    return as_bernoulli(drawn, p)


def normal(
    seed: int,
    name: str,
    shape: tuple[int, ...],
    *,
    sample: int = 0,
    step: int = 0,
    epoch: int = 0,
) -> Reals:
    """Numbers of mean 0 and deviation 1, by Box and Muller in float64.

    Words 2k and 2k + 1 make elements 2k (cosine) and 2k + 1 (sine); the first is the radius.
    """
    n = prod(shape)
    drawn = words(seed, name, n + n % 2, (sample,), step, epoch)[0].reshape(-1, 2)
    radius = np.sqrt(-2 * np.log((drawn[:, 0] + 1.0) * 2.0**-32))
    angle = drawn[:, 1] * (2 * np.pi * 2.0**-32)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(-1)[:n].reshape(shape)


def permutation(seed: int, epoch: int, n: int, name: str = "shuffle") -> NDArray[np.int64]:
    """An order of n samples: stable sort by the first word of each sample in the epoch."""
    drawn = words(seed, name, 1, np.arange(n), 0, epoch)[:, 0]
    return np.argsort(drawn, kind="stable").astype(np.int64)
