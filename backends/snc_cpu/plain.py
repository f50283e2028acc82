"""What emitted code does with addresses, as plain Python: for NUMBA_DISABLE_JIT=1, where a wrong index is an error."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: list[Callable[..., None]] = []


def address(function: Callable[..., None]) -> int:
    """A number that stands for a function."""
    FUNCTIONS.append(function)
    return len(FUNCTIONS) - 1


def number(table: int, place: int) -> int:
    """The number at a place of a table."""
    return ctypes.c_int64.from_address(table + 8 * place).value


def real(table: int, place: int) -> float:
    """The double precision number at a place of a table."""
    return ctypes.c_double.from_address(table + 8 * place).value


def array(table: int, place: int, kind: Any, shape: tuple[int, ...]) -> Any:
    """The array of a kind and shape whose address is at a place of a table."""
    return rows_from(table, place, kind, shape, 0)


def power_of_two(exponent: int) -> float:
    """2^n as a double precision number."""
    return math.ldexp(1.0, int(exponent))


def rows_from(table: int, place: int, kind: Any, shape: tuple[int, ...], first: int) -> Any:
    """As `array`, from a row on."""
    item = np.dtype(kind).itemsize
    start = number(table, place) + int(first) * math.prod(shape[1:]) * item
    size = math.prod(int(n) for n in shape)
    if not size:
        return np.zeros(shape, kind)
    return np.frombuffer((ctypes.c_char * (size * item)).from_address(start), kind).reshape(shape)


def run(function: int, index: int, first: int, last: int, table: int) -> None:
    """Call a function by its number."""
    FUNCTIONS[function](index, first, last, table)


def add_listed(
    w: Any, start: int, stride: int, at: Any, low: int, high: int, out: Any, to: int, width: int
) -> None:
    """out[to : to + width] += the rows w[start + at[e] * stride :] for e from low to high; arrays flat."""
    add_scaled_listed(w, start, stride, at, np.ones(high), low, high, out, to, width)


def add_scaled_listed(
    w: Any, start: int, stride: int, at: Any, of: Any, low: int, high: int, out: Any, to: int, width: int
) -> None:  # fmt: skip
    """As `add_listed`, each row times of[e]."""
    target = out.reshape(-1)[to : to + width]
    for e in range(low, high):
        first = start + int(at[e]) * stride
        target += out.dtype.type(of[e]) * w.reshape(-1)[first : first + width]


def add_taps_listed(
    w: Any, start: int, stride: int, down: int, across: int, at: Any, of: Any, ones: bool,
    low: int, high: int, out: Any, to: int, leap: int, width: int,
) -> None:  # fmt: skip
    """For weights (k, j) of a kernel of 3 x 3: out[to + (3 k + j) leap :] += listed rows of w."""
    times = np.ones(high) if ones else of
    for k in range(3):
        for j in range(3):
            first, here = start - k * down - j * across, to + (3 * k + j) * leap
            add_scaled_listed(w, first, stride, at, times, low, high, out, here, width)


def add_products(
    w: Any, start: int, stride: int, x: Any, first: int, hop: int, step: int, m: int, n: int,
    out: Any, to: int, leap: int, width: int,
) -> None:  # fmt: skip
    """out[to + i * leap : + width] += x[first + i * hop + k * step] * w[start + k * stride : + width]."""
    rows = np.arange(start, start + stride * n, stride, dtype=np.int64)
    for i in range(m):
        of = x.reshape(-1)[first + i * hop + step * np.arange(n)]
        add_scaled_listed(w, 0, 1, rows, of, 0, n, out, to + i * leap, width)


def list_events(x: Any, first: int, last: int, at: Any, of: Any, count: int) -> int:
    """List the places of x from first to last where it is not 0 and what stands there, after `count` others."""
    found = first + np.flatnonzero(x.reshape(-1)[first:last])
    at[count : count + found.size] = found
    of[count : count + found.size] = x.reshape(-1)[found]
    return count + int(found.size)


def list_marked(
    x: Any, first: int, last: int, at: Any, of: Any, marks: Any, mark: int, count: int
) -> int:
    """As `list_events`, the places counted from `first`, and a mark put beside each."""
    end = list_events(x, first, last, at, of, count)
    at[count:end] -= at.dtype.type(first)
    marks[count:end] = mark
    return end


def add_dots(
    x: Any, first: int, hop: int, samples: int, w: Any, start: int, stride: int, m: int, n: int,
    out: Any, to: int, leap: int,
) -> None:  # fmt: skip
    """out[to + s * leap + i] += the sum of x[first + s * hop + k] w[start + i * stride + k] over k below n."""
    for s in range(samples):
        mine = x.reshape(-1)[first + s * hop : first + s * hop + n].astype(np.float64)
        for i in range(m):
            row = w.reshape(-1)[start + i * stride : start + i * stride + n]
            out.reshape(-1)[to + s * leap + i] += mine @ row.astype(np.float64)
