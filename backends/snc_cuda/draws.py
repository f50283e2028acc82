"""Normal, Poisson and gamma numbers for emitted kernels: snc.draws, one number at a time, to the same bits.

No product is contracted with a sum, and nothing is taken from the device's own library of functions.
"""

from __future__ import annotations

import math

import numpy as np

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
from snc_cuda.device import device, mul_d, philox

ABOVE, BELOW = CENTRE
TAIL_ABOVE, TAIL_BELOW = TAIL


@device
def horner(coefficients, x):
    """A polynomial, highest power first."""
    total = coefficients[0]
    for k in range(1, len(coefficients)):
        total = mul_d(total, x) + coefficients[k]
    return total


@device
def logarithm(x):
    """The natural logarithm of a positive number."""
    m, e = math.frexp(x)
    if m < HALF_ROOT:
        m, e = m * 2.0, e - 1
    s = (m - 1.0) / (m + 1.0)
    return mul_d(np.float64(e), LN2) + 2.0 * mul_d(s, horner(LOG, mul_d(s, s)))


@device
def exponential(x):
    """e^x; below -800 as at -800."""
    x = max(x, -800.0)
    k = round(x / LN2)
    r = (x - mul_d(np.float64(k), LN2_HIGH)) - mul_d(np.float64(k), LN2_LOW)
    return math.ldexp(horner(EXP, r), k)


@device
def unit_of(drawn):
    """A word as a number inside (0, 1)."""
    return (np.float64(drawn) + 0.5) * 2.0**-32


@device
def normal_of(drawn):
    """A number of mean 0 and deviation 1."""
    u = unit_of(drawn)
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - mul_d(q, q)
        return mul_d(q, horner(ABOVE, r)) / horner(BELOW, r)
    t = math.sqrt(-logarithm(min(u, 1.0 - u))) - 1.6
    tail = horner(TAIL_ABOVE, t) / horner(TAIL_BELOW, t)
    return -tail if q < 0 else tail


@device
def poisson_of(drawn, rate):
    """A count of mean `rate`."""
    if math.isnan(rate):
        return rate
    if rate > LARGE_RATE:
        z = normal_of(drawn)
        about = rate + mul_d(math.sqrt(rate), z) + (mul_d(z, z) - 1.0) / 6.0 + 0.5
        return max(np.float64(math.floor(about)), 0.0)
    u, small = unit_of(drawn), max(rate, 0.0)
    chance = exponential(-small)
    below, k = chance, 0.0
    while u > below:
        k += 1.0
        chance = mul_d(chance, small) / k
        below += chance
    return k


@device
def gamma_of(element, step, sample, epoch, k0, k1, shape, rate):
    """A number of mean shape / rate; every attempt has a block of four words of its own."""
    if not (shape > 0 and rate > 0):
        return math.nan
    d = (shape + 1.0 if shape < 1.0 else shape) - 1.0 / 3.0
    c = (1.0 / 3.0) / math.sqrt(d)
    value, power = d, 1.0
    for n in range(ATTEMPTS):
        w = philox(element * ATTEMPTS + n, step, sample, epoch, k0, k1)
        if n == 0 and shape < 1.0:
            power = exponential(logarithm(unit_of(w[2])) / shape)
        z = normal_of(w[0])
        v = max(1.0 + mul_d(c, z), 0.0)
        v = v * v * v
        if v > 0:
            limit = mul_d(0.5 * z, z) + d - mul_d(d, v) + mul_d(d, logarithm(v))
            if logarithm(unit_of(w[1])) < limit:
                value = mul_d(d, v)
                break
    return mul_d(value, power) / rate


__all__ = ["gamma_of", "normal_of", "poisson_of"]
