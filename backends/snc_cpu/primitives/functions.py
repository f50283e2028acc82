"""Functions of single numbers, of sums and products only: loops over them become loops over vectors."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc.draws import EXP, LN2, LN2_HIGH, LN2_LOW
from snc_cpu.tasks import power_of_two

LEAST, MOST = -746.0, 710.0  # where e^x is 0 and infinite in double precision


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def exp_of(x):
    """e^x in double precision, to the last digit or the one before it."""
    x = LEAST if x < LEAST else x
    x = MOST if x > MOST else x
    whole = np.rint(x * (1.0 / LN2))
    rest = (x - whole * LN2_HIGH) - whole * LN2_LOW
    total = EXP[0]
    for k in range(1, len(EXP)):
        total = total * rest + EXP[k]
    power = np.int64(whole)
    half = power >> 1  # 2^1024 and 2^-1074 are made of two factors
    return total * power_of_two(half) * power_of_two(power - half)
