"""Normal, Poisson and gamma numbers from Philox words, from + - * / and the square root alone.

Those operations are the same to the last bit in every language and library, which the logarithm and the
exponential function are not. So a backend that follows the lines below in float64 draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from snc.random import Words

Reals = NDArray[np.float64]

LN2, LN2_HIGH, LN2_LOW = 0.6931471805599453, 0.693147180369123816490, 1.90821492927058770002e-10
HALF_ROOT = 0.7071067811865476
LOG = tuple(1.0 / (2 * k + 1) for k in range(10, -1, -1))  # of atanh, highest power first
EXP = tuple(
    1.0 / f
    for f in (
        *(87178291200.0, 6227020800.0, 479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0),
        *(5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0),
    )
)  # 1 / 14! ... 1 / 0!
# Wichura 1988, algorithm AS 241 (PPND16): numerators and denominators, highest power first.
CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
LARGE_RATE = 500.0  # above it, Poisson numbers are rounded normal ones
ATTEMPTS = 64  # of a gamma number; more than 95 % succeed at once


def _horner(coefficients: Sequence[float], x: Reals) -> Reals:
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return np.asarray(total, np.float64)


def logarithm(x: ArrayLike) -> Reals:
    """The natural logarithm of positive numbers: x = m 2^e, log m = 2 atanh((m - 1) / (m + 1))."""
    m, e = np.frexp(np.asarray(x, np.float64))
    low = m < HALF_ROOT
    m, e = np.where(low, m * 2.0, m), np.where(low, e - 1, e)
    s = (m - 1.0) / (m + 1.0)
    return np.asarray(e * LN2 + 2.0 * (s * _horner(LOG, s * s)))


def exponential(x: ArrayLike) -> Reals:
    """e^x for x from -800 (below counts as -800) to 700: x = k log 2 + r, a Taylor sum in r, times 2^k."""
    x = np.maximum(np.asarray(x, np.float64), -800.0)
    k = np.rint(x / LN2)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    return np.asarray(np.ldexp(_horner(EXP, r), k.astype(np.int32)))


def unit(drawn: Words) -> Reals:
    """Words as numbers inside (0, 1): (word + 1/2) 2^-32."""
    return (drawn.astype(np.float64) + 0.5) * 2.0**-32


def as_normal(drawn: Words) -> Reals:
    """Numbers of mean 0 and deviation 1, one for each word, by the inverse of the distribution (AS 241)."""
    u = unit(drawn)
    q = u - 0.5
    r = 0.180625 - q * q
    centre = q * _horner(CENTRE[0], r) / _horner(CENTRE[1], r)
    t = np.sqrt(-logarithm(np.minimum(u, 1.0 - u))) - 1.6
    tail = _horner(TAIL[0], t) / _horner(TAIL[1], t)
    return np.where(np.abs(q) <= 0.425, centre, np.where(q < 0, -tail, tail))


def as_poisson(drawn: Words, rate: ArrayLike) -> Reals:
    """Counts of mean `rate`, one for each word, by inversion: the first k with u <= P(count <= k).

    A rate below 0 counts as 0. Above LARGE_RATE k is rate + sqrt(rate) z + (z^2 - 1) / 6, rounded
    (Cornish and Fisher), with z = as_normal(word).
    """
    rates = np.broadcast_to(np.asarray(rate, np.float64), drawn.shape)
    return np.where(rates > LARGE_RATE, _rounded(drawn, rates), _inverted(drawn, rates))


def _rounded(drawn: Words, rates: Reals) -> Reals:
    z = as_normal(drawn)
    root = np.sqrt(np.maximum(np.nan_to_num(rates), 0.0))
    return np.maximum(np.floor(rates + root * z + (z * z - 1.0) / 6.0 + 0.5), 0.0)


def _inverted(drawn: Words, rates: Reals) -> Reals:
    u = unit(drawn)
    small = np.clip(np.nan_to_num(rates), 0.0, LARGE_RATE)
    chance = exponential(-small)
    below, k = chance.copy(), np.zeros_like(chance)
    while (more := u > below).any():
        k = np.where(more, k + 1.0, k)
        chance = np.where(more, chance * small / np.maximum(k, 1.0), chance)
        below = np.where(more, below + chance, below)
    return np.where(np.isnan(rates), rates, k)


def as_gamma(block: Callable[[int], Words], shape: ArrayLike, rate: ArrayLike) -> Reals:
    """Numbers of mean shape / rate by rejection (Marsaglia and Tsang 2000).

    `block(n)` gives the four words of attempt n, [..., 4]: the first makes a normal number, the second
    decides; the third of attempt 0 makes a number of `shape` from one of `shape` + 1 where it is below 1.
    What no attempt of ATTEMPTS accepts is shape - 1/3. Not a number unless shape and rate are above 0.
    """
    first = block(0)
    shape, rate = (
        np.broadcast_to(np.asarray(v, np.float64), first.shape[:-1]) for v in (shape, rate)
    )
    good = (shape > 0) & (rate > 0)
    a, b = np.where(good, shape, 1.0), np.where(good, rate, 1.0)
    d = np.where(a < 1.0, a + 1.0, a) - 1.0 / 3.0
    c = (1.0 / 3.0) / np.sqrt(d)
    value, waiting = d.copy(), np.ones(d.shape, bool)
    for n in range(ATTEMPTS):
        drawn = block(n) if n else first
        z = as_normal(drawn[..., 0])
        v = np.maximum(1.0 + c * z, 0.0)
        v = v * v * v
        bound = 0.5 * z * z + d - d * v + d * logarithm(np.where(v > 0, v, 1.0))
        accepted = waiting & (v > 0) & (logarithm(unit(drawn[..., 1])) < bound)
        value = np.where(accepted, d * v, value)
        waiting &= ~accepted
        if not waiting.any():
            break
    power = exponential(logarithm(unit(first[..., 2])) / a)
    return np.where(good, np.where(a < 1.0, value * power, value) / b, np.nan)
