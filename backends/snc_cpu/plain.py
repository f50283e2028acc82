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
