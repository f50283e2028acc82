"""Normal, Poisson and gamma numbers for emitted code: snc.draws, one number at a time, to the same bits."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from snc.draws import (
    ATTEMPTS,
    CENTRE,
    EXP,
    HALF_ROOT,
    LARGE_RATE,
    LN2,
    LN2_HIGH,
    LN2_LOW,
    LOG,
    TAIL,
)
from snc_cpu.primitives import philox

ABOVE, BELOW = CENTRE
TAIL_ABOVE, TAIL_BELOW = TAIL


@njit(cache=True)
def horner(coefficients, x):
    """A polynomial, highest power first."""
    total = coefficients[0]
    for k in range(1, len(coefficients)):
        total = total * x + coefficients[k]
    return total


@njit(cache=True)
def logarithm(x):
    """The natural logarithm of a positive number."""
    m, e = math.frexp(x)
    if m < HALF_ROOT:
        m, e = m * 2.0, e - 1
    s = (m - 1.0) / (m + 1.0)
    return e * LN2 + 2.0 * (s * horner(LOG, s * s))


@njit(cache=True)
def exponential(x):
    """e^x; below -800 as at -800."""
    x = max(x, -800.0)
    k = np.rint(x / LN2)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    return math.ldexp(horner(EXP, r), int(k))


@njit(cache=True)
def unit_of(drawn):
    """A word as a number inside (0, 1)."""
    return (np.float64(drawn) + 0.5) * 2.0**-32


@njit(cache=True)
def normal_of(drawn):
    """A number of mean 0 and deviation 1."""
    u = unit_of(drawn)
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * horner(ABOVE, r) / horner(BELOW, r)
    t = math.sqrt(-logarithm(min(u, 1.0 - u))) - 1.6
    tail = horner(TAIL_ABOVE, t) / horner(TAIL_BELOW, t)
    return -tail if q < 0 else tail


@njit(cache=True)
def poisson_of(drawn, rate):
    """A count of mean `rate`."""
    if math.isnan(rate):
        return rate
    if rate > LARGE_RATE:
        z = normal_of(drawn)
        return max(math.floor(rate + math.sqrt(rate) * z + (z * z - 1.0) / 6.0 + 0.5) * 1.0, 0.0)
    u, small = unit_of(drawn), max(rate, 0.0)
    chance = exponential(-small)
    below, k = chance, 0.0
    while u > below:
        k += 1.0
        chance = chance * small / k
        below += chance
    return k


@njit(cache=True)
def gamma_of(element, step, sample, epoch, k0, k1, shape, rate):
    """A number of mean shape / rate; every attempt has a block of four words of its own."""
    if not (shape > 0 and rate > 0):
        return math.nan
    d = (shape + 1.0 if shape < 1.0 else shape) - 1.0 / 3.0
    c = (1.0 / 3.0) / math.sqrt(d)
    value, power = d, 1.0
    for n in range(ATTEMPTS):
        w = philox(
            np.uint64(element * ATTEMPTS + n), np.uint64(step), np.uint64(sample), np.uint64(epoch), k0, k1
        )  # fmt: skip
        if n == 0 and shape < 1.0:
            power = exponential(logarithm(unit_of(w[2])) / shape)
        z = normal_of(w[0])
        v = max(1.0 + c * z, 0.0)
        v = v * v * v
        if v > 0 and logarithm(unit_of(w[1])) < 0.5 * z * z + d - d * v + d * logarithm(v):
            value = d * v
            break
    return value * power / rate
