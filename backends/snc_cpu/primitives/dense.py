"""The weight product of a dense projection; and what all weight products read from their tables."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.primitives.rows import at_line, by_neuron, copy_row, silent
from snc_cpu.tasks import (
    SPARE,
    SUM,
    add_listed,
    add_products,
    add_scaled_listed,
    array,
    list_marked,
    number,
    rows_from,
)

BLOCK = 3  # the place of the number of rows of a block in a product's table
TILE = 256  # rows that are listed at a time: 450 floats of each fit the second-level cache


@njit(cache=True, error_model="numpy")
def factors(table, t0, t1, total, signal, seen):
    """The arrays of a weight product, of the kinds given; the table is that of snc_cpu.calls."""
    batch, steps, none = number(table, 0), t1 - t0, np.int64(0)
    first_a = t0 if number(table, 1) else none
    first_z = t0 if number(table, 2) else none
    acc = array(table, 7, total, (number(table, 4),))
    a = rows_from(table, 8, signal, (steps, batch, number(table, 5)), first_a)
    z = rows_from(table, 9, seen, (steps, batch, number(table, 6)), first_z)
    opened, shape = array(table, 10, np.uint8, (steps,)), array(table, 11, np.int64, (14,))
    return acc, a, z, opened, shape


@njit(cache=True, error_model="numpy")
def crowded(events, places, tenths):
    """Whether more than some tenths are not 0: products of matrices are then faster than adding what is listed.

    They do three to four times as many products in a second; the numbers are the same but for rounding.
    """
    return 10 * events > tenths * places


@njit(cache=True, error_model="numpy")
def dense_w(acc, a, z, opened, shape, low, high):
    """acc[i] += sum over open steps and samples of z[i] a, for the presynaptic neurons from low to high.

    shape: presynaptic and postsynaptic neurons, and from how many tenths of z on it is a product of matrices.

    TILE rows of a at a time are listed by neuron; laid out in panels, they stay in the cache while all neurons
    add theirs.
    """
    steps, batch, n, seen = a.shape[0], a.shape[1], shape[1], z.shape[2]
    mine = high - low
    tall = min(TILE + batch, steps * batch)
    room = tall * mine + SPARE
    who, place, at = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    kind = (z[0, 0, :1] + np.float32(0)).dtype  # what counts and bytes become
    what, of, start = np.empty(room, kind), np.empty(room, kind), np.empty(mine + 2, np.int64)
    panel = SUM // a.itemsize
    tile = at_line(tall * (-(-n // panel) * panel), a.dtype)
    begin, held, total = 0, 0, 0
    for k in range(steps):
        if opened[k]:
            for b in range(batch):
                if silent(a[k, b]):
                    continue
                for c in range(0, n, panel):
                    part, to = min(panel, n - c), c * tall + held * panel
                    copy_row(tile[to : to + part], a[k, b, c : c + part])
                total = list_marked(z[k, b], low, high, who, what, place, held, total)
                held += 1
        if held < TILE and k < steps - 1:
            continue
        if crowded(total, held * mine, shape[2]):
            for s in range(begin, k + 1):
                if opened[s]:
                    add_products(
                        a, s * batch * n, n, z, s * batch * seen + low, 1, seen, mine, batch,
                        acc, low * n, n, n,
                    )  # fmt: skip
        else:
            ones = by_neuron(who, place, what, total, start, at, of)
            for c in range(0, n, panel):
                part, row = min(panel, n - c), c * tall
                for i in range(mine):
                    first, last, to = start[i], start[i + 1], (low + i) * n + c
                    if ones:
                        add_listed(tile, row, panel, at, first, last, acc, to, part)
                    else:
                        add_scaled_listed(tile, row, panel, at, of, first, last, acc, to, part)
        begin, held, total = k + 1, 0, 0


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
