"""Rows of numbers: copying, listing what is not 0, adding the listed rows of a matrix."""

from __future__ import annotations

import numpy as np
from numba import njit

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
def spread_rows(to, source):
    """Every row of `to` is `source`."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = source[i]


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
    count = 0
    for i in range(x.size):
        value = x[i]
        at[count] = i
        of[count] = value
        count += value != 0
    return count


@njit(cache=True, error_model="numpy")
def all_ones(of, count):
    """Whether all listed numbers are 1: spikes are, counts and traces are not."""
    for e in range(count):
        if of[e] != 1:
            return False
    return True


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def add_rows(rows, at, count, out):
    """out += the listed rows, eight in a sweep, so that `out` is loaded and stored once for eight."""
    n, e = out.size, 0
    while e + 8 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        f, g, h, i = rows[at[e + 4]], rows[at[e + 5]], rows[at[e + 6]], rows[at[e + 7]]
        for j in range(n):
            out[j] += ((a[j] + b[j]) + (c[j] + d[j])) + ((f[j] + g[j]) + (h[j] + i[j]))
        e += 8
    if e + 4 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        for j in range(n):
            out[j] += (a[j] + b[j]) + (c[j] + d[j])
        e += 4
    while e < count:
        a = rows[at[e]]
        for j in range(n):
            out[j] += a[j]
        e += 1


@njit(cache=True, error_model="numpy", fastmath=PRODUCT)
def add_scaled_rows(rows, at, of, count, out):
    """out += the listed rows times their numbers, eight in a sweep."""
    n, e = out.size, 0
    while e + 8 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        f, g, h, i = rows[at[e + 4]], rows[at[e + 5]], rows[at[e + 6]], rows[at[e + 7]]
        p, q, r, s = of[e], of[e + 1], of[e + 2], of[e + 3]
        t, u, v, w = of[e + 4], of[e + 5], of[e + 6], of[e + 7]
        for j in range(n):
            out[j] += ((p * a[j] + q * b[j]) + (r * c[j] + s * d[j])) + (
                (t * f[j] + u * g[j]) + (v * h[j] + w * i[j])
            )
        e += 8
    if e + 4 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        p, q, r, s = of[e], of[e + 1], of[e + 2], of[e + 3]
        for j in range(n):
            out[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
        e += 4
    while e < count:
        a, p = rows[at[e]], of[e]
        for j in range(n):
            out[j] += p * a[j]
        e += 1


@njit(cache=True, error_model="numpy")
def gather(w, at, of, count, out):
    """out[j] = the sum over the listed i of of[i] w[i, j]; w is flat, a row for each i."""
    fill_row(out, 0)
    rows = w.reshape((-1, out.size))
    if all_ones(of, count):
        add_rows(rows, at, count, out)
    else:
        add_scaled_rows(rows, at, of, count, out)


@njit(cache=True, error_model="numpy")
def transpose(w, out, rows, columns):
    """out[k, j, i] = w[k, i, j], both flat: a matrix, or one for each weight of a kernel."""
    for first in range(0, w.size, rows * columns):
        for i in range(rows):
            for j in range(columns):
                out[first + j * rows + i] = w[first + i * columns + j]
