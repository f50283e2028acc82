"""The weight product of a dense projection; and what all weight products read from their tables."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.rows import add_rows, add_scaled_rows, all_ones, events, silent
from snc_cpu.tasks import array, number, rows_from

BLOCK = 3  # the place of the number of rows of a block in a product's table
TILE = 256  # rows that are listed at a time: 450 floats of each fit the second-level cache


@njit(cache=True, error_model="numpy")
def factors(table, t0, t1, total, signal, seen):
    """The arrays of a weight product, of the kinds given; the table is that of snc_cpu.products."""
    batch, steps, none = number(table, 0), t1 - t0, np.int64(0)
    first_a = t0 if number(table, 1) else none
    first_z = t0 if number(table, 2) else none
    acc = array(table, 7, total, (number(table, 4),))
    a = rows_from(table, 8, signal, (steps, batch, number(table, 5)), first_a)
    z = rows_from(table, 9, seen, (steps, batch, number(table, 6)), first_z)
    opened, shape = array(table, 10, np.uint8, (steps,)), array(table, 11, np.int64, (13,))
    return acc, a, z, opened, shape


@njit(cache=True, error_model="numpy")
def dense_w(acc, a, z, opened, shape, low, high):
    """acc[i] += sum over open steps and samples of z[i] a, for the presynaptic neurons from low to high.

    TILE rows of a at a time are listed by neuron and stay in the cache while all neurons add theirs.
    """
    steps, batch = a.shape[0], a.shape[1]
    whole = acc.reshape((shape[0], shape[1]))
    mine = high - low
    room = TILE + batch
    at = np.empty((mine, room), np.uint32)
    of = np.empty((mine, room), a.dtype)
    count = np.zeros(mine, np.int64)
    here, what = np.empty(mine + 1, np.uint32), np.empty(mine + 1, z.dtype)
    rows = a.reshape((-1, a.shape[2]))
    held = 0
    for k in range(steps):
        if opened[k]:
            for b in range(batch):
                if silent(a[k, b]):
                    continue
                held += 1
                for e in range(events(z[k, b, low:high], here, what)):
                    i = here[e]
                    c = count[i]
                    at[i, c] = k * batch + b
                    of[i, c] = what[e]
                    count[i] = c + 1
        if held >= TILE or k == steps - 1:
            for i in range(mine):
                if all_ones(of[i], count[i]):
                    add_rows(rows, at[i], count[i], whole[low + i])
                else:
                    add_scaled_rows(rows, at[i], of[i], count[i], whole[low + i])
                count[i] = 0
            held = 0


@njit(cache=True, error_model="numpy")
def dense_part(owner, t0, t1, table, *kinds):
    """The weight product of a dense projection over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[0])
    dense_w(acc, a, z, opened, shape, low, high)


@njit(cache=True, error_model="numpy")
def dense_product(acc, a, z, shape):
    """The weight product of a dense projection over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    dense_w(acc, a, z, opened, shape, 0, shape[0])
