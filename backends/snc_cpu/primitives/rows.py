"""Rows of numbers: copying, listing what is not 0, adding the listed rows of a matrix, laying matrices out."""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.tasks import (
    SPARE,
    SUM,
    add_dots,
    add_listed,
    add_products,
    add_scaled_listed,
    list_events,
)

PAD = 16  # numbers that are a line of the cache, or two
STEPS = 64  # of which a product is made at once
NEAR = 128  # rows of a panel that stay in the first cache, or nearly, while samples add them
LINE = 64  # numbers, at most, from one line of the cache to the next
PRODUCT = {"reassoc", "contract", "nsz", "arcp"}  # what a compiler may do inside the sum of one row


@njit(cache=True, error_model="numpy")
def copy_row(to, source):
    """to = source, one dimension. Array assignment by `[:]` would cost seconds of compilation."""
    for i in range(to.size):
        to[i] = source[i]


@njit(cache=True, error_model="numpy")
def copy_rows(to, source):
    """to = source, two dimensions."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = source[b, i]


@njit(cache=True, error_model="numpy")
def fill_row(to, value):
    """to = a number, one dimension."""
    for i in range(to.size):
        to[i] = value


@njit(cache=True, error_model="numpy")
def fill_rows(to, value):
    """to = a number, two dimensions."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = value


@njit(cache=True, error_model="numpy")
def at_line(count, kind):
    """Room for some numbers that begins where a line of the cache does."""
    room = np.empty(count + LINE, kind)
    first = -room.ctypes.data // room.itemsize % LINE
    return room[first : first + count]


@njit(cache=True, error_model="numpy")
def spread_rows(to, source):
    """Every row of `to` is `source`."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = source[i]


@njit(cache=True, error_model="numpy")
def turned_rows(source, to):
    """to[i, b] = source[b, i]."""
    for i in range(to.shape[0]):
        for b in range(to.shape[1]):
            to[i, b] = source[b, i]


@njit(cache=True, error_model="numpy")
def add_steps(total, history, opened, steps):
    """total += the values of all open steps, in order."""
    for k in range(steps):
        if opened[k]:
            for i in range(total.size):
                total[i] += history[k, i]


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def dot(x, y):
    """The sum of the products of two rows, in double precision."""
    total = 0.0
    for i in range(x.size):
        total += np.float64(x[i]) * np.float64(y[i])
    return total


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def row_sum(x):
    """The sum of a row, in double precision."""
    total = 0.0
    for i in range(x.size):
        total += np.float64(x[i])
    return total


@njit(cache=True, error_model="numpy")
def silent(row):
    """Whether a row is 0 everywhere."""
    for j in range(row.size):
        if row[j] != 0:
            return False
    return True


@njit(cache=True, error_model="numpy")
def events(x, at, of):
    """The places where x is not 0, in order, and what stands there; how many there are."""
    return list_events(x, 0, x.size, at, of, 0)


@njit(cache=True, error_model="numpy")
def all_ones(of, count):
    """Whether all listed numbers are 1: spikes are, counts and traces are not."""
    others = 0
    for e in range(count):
        others += of[e] != 1  # without a way out, so that it is done many at a time
    return others == 0


@njit(cache=True, error_model="numpy")
def gather(w, at, of, count, out):
    """out[j] = the sum over the listed i of of[i] w[i, j]; w is flat, a row for each i."""
    fill_row(out, 0)
    n = out.size
    if all_ones(of, count):
        add_listed(w, 0, n, at, 0, count, out, 0, n)
    else:
        add_scaled_listed(w, 0, n, at, of, 0, count, out, 0, n)


@njit(cache=True, error_model="numpy")
def by_neuron(who, place, what, total, start, at, of):
    """Order events by the neuron they are of: those of neuron i are from start[i] to start[i + 1].

    who, place, what: neuron, place and value of every event. start has 2 more than there are neurons. The answer
    is whether all values are 1; if so they are not put in order.
    """
    fill_row(start, 0)
    for e in range(total):
        start[who[e] + 2] += 1
    for i in range(2, start.size):
        start[i] += start[i - 1]
    ones = all_ones(what, total)
    for e in range(total):
        c = start[who[e] + 1]
        start[who[e] + 1] = c + 1
        at[c] = place[e]
        if not ones:
            of[c] = what[e]
    return ones


@njit(cache=True, error_model="numpy")
def gather_panels(w, at, of, count, out):
    """As `gather`; w in panels."""
    fill_row(out, 0)
    rows, panel, ones = w.size // padded(out.size), SUM // w.itemsize, all_ones(of, count)
    for first in range(0, out.size, panel):
        part = min(panel, out.size - first)
        hop = padded(part)
        if ones:
            add_listed(w, first * rows, hop, at, 0, count, out, first, part)
        else:
            add_scaled_listed(w, first * rows, hop, at, of, 0, count, out, first, part)


@njit(cache=True, error_model="numpy")
def padded(columns):
    """The columns of a panel of a dense product, each row of which begins where a line of the cache does."""
    return -(-columns // PAD) * PAD


@njit(cache=True, error_model="numpy")
def gather_steps(w, x, first, b, steps, out, to):
    """As `gather_panels`, out[k, to] of x[first + k, b] for a number of steps: a panel stays in the cache for many."""
    n, columns, most = x.shape[2], out.shape[2], min(steps, STEPS)
    rows, panel = w.size // padded(columns), SUM // w.itemsize
    at, of = np.empty(most * n + SPARE, np.uint32), np.empty(most * n + SPARE, w.dtype)
    start = np.zeros(most + 1, np.int64)
    for begin in range(0, steps, most):
        count = min(most, steps - begin)
        for k in range(count):
            start[k + 1] = list_events(x[first + begin + k, b], 0, n, at, of, start[k])
            fill_row(out[begin + k, to], 0)
        ones = all_ones(of, start[count])
        for c in range(0, columns, panel):
            part = min(panel, columns - c)
            hop = padded(part)
            for k in range(count):
                low, high, here = (
                    start[k],
                    start[k + 1],
                    ((begin + k) * out.shape[1] + to) * columns + c,
                )
                if ones:
                    add_listed(w, c * rows, hop, at, low, high, out, here, part)
                else:
                    add_scaled_listed(w, c * rows, hop, at, of, low, high, out, here, part)


@njit(cache=True, error_model="numpy")
def gather_samples(w, x, first, samples, out, to):
    """As `gather`, out[to + s] of x[first + s] for some samples: all of them add the same columns, then the next."""
    n, columns, panel = x.shape[1], out.shape[1], SUM // w.itemsize
    at, of = np.empty(samples * n + SPARE, np.uint32), np.empty(samples * n + SPARE, w.dtype)
    start = np.zeros(samples + 1, np.int64)
    for s in range(samples):
        start[s + 1] = list_events(x[first + s], 0, n, at, of, start[s])
        fill_row(out[to + s], 0)
    ones = all_ones(of, start[samples])
    for c in range(0, columns, panel):
        part = min(panel, columns - c)
        for s in range(samples):
            here = (to + s) * columns + c
            if ones:
                add_listed(w, c, columns, at, start[s], start[s + 1], out, here, part)
            else:
                add_scaled_listed(w, c, columns, at, of, start[s], start[s + 1], out, here, part)


@njit(cache=True, error_model="numpy")
def gather_block(w, x, low, high, first, samples, out, to):
    """As `gather_samples`, w in panels, the rows from low to high only: some of them at a time are added for all."""
    columns, panel = out.shape[1], SUM // w.itemsize
    rows, near = w.size // padded(columns), -(-(high - low) // NEAR)
    room = samples * (high - low) + SPARE
    at, of = np.empty(room, np.uint32), np.empty(room, w.dtype)
    start = np.zeros(near * samples + 1, np.int64)
    for k in range(near):
        begin = low + k * NEAR
        for s in range(samples):
            e = k * samples + s
            start[e + 1] = list_events(
                x[first + s], begin, min(begin + NEAR, high), at, of, start[e]
            )
    ones = all_ones(of, start[near * samples])
    for s in range(samples):
        fill_row(out[to + s], 0)
    for c in range(0, columns, panel):
        part = min(panel, columns - c)
        hop = padded(part)
        for e in range(near * samples):
            here = (to + e % samples) * columns + c
            if ones:
                add_listed(w, c * rows, hop, at, start[e], start[e + 1], out, here, part)
            else:
                add_scaled_listed(w, c * rows, hop, at, of, start[e], start[e + 1], out, here, part)


@njit(cache=True, error_model="numpy")
def add_blocks(blocks, first, samples, out, to):
    """out[to + s] = the sum of what blocks of rows gave for sample first + s; blocks [blocks, B, columns]."""
    for s in range(samples):
        copy_row(out[to + s], blocks[0, first + s])
        for k in range(1, blocks.shape[0]):
            for j in range(out.shape[1]):
                out[to + s, j] += blocks[k, first + s, j]


@njit(cache=True, error_model="numpy")
def dots_samples(x, first, samples, w, count, out, to):
    """out[to + s, i] = the sum over k of x[first + s, k] w[i, k], in double precision, for some samples."""
    n, leap = x.shape[1], out.shape[1]
    for s in range(samples):
        fill_row(out[to + s], 0)
    add_dots(x, first * n, n, samples, w, 0, n, count, n, out, to * leap, leap)


@njit(cache=True, error_model="numpy")
def products_samples(x, first, samples, w, out, to):
    """out[to + s, i] = the sum over k of x[first + s, k] w[k, i] for some samples."""
    count, n = w.shape[0], w.shape[1]
    for s in range(samples):
        fill_row(out[to + s], 0)
    add_products(w, 0, n, x, first * count, count, 1, samples, count, out, to * n, n, n)


@njit(cache=True, error_model="numpy")
def panels(w, out, rows, columns, pad):
    """A matrix of rows and columns laid out in panels of as many columns as a sum in registers has.

    The width of the last panel is a multiple of `pad`.
    """
    rows_to_panels(w, out, 0, rows, rows, columns, pad)


@njit(cache=True, error_model="numpy")
def rows_to_panels(w, out, low, count, rows, columns, pad):
    """Some rows of a matrix, from row `low` on, put in its panels (`panels`); w begins with the first of them."""
    panel = SUM // out.itemsize
    for first in range(0, columns, panel):
        width = min(panel, columns - first)
        hop = -(-width // pad) * pad
        for i in range(count):
            to, source = first * rows + (low + i) * hop, i * columns + first
            copy_row(out[to : to + width], w[source : source + width])


@njit(cache=True, error_model="numpy")
def turned_panels(w, out, taps, rows, columns, pad):
    """The matrix that is, last weight of the kernel first, the transpose of each [rows, columns]; in panels."""
    panel = SUM // out.itemsize
    for first in range(0, rows, panel):
        width = min(panel, rows - first)
        base, hop = first * taps * columns, -(-width // pad) * pad
        for k in range(taps):
            for j in range(columns):
                for i in range(width):
                    source = ((taps - 1 - k) * rows + first + i) * columns + j
                    out[base + (k * columns + j) * hop + i] = w[source]
