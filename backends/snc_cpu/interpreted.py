"""Drivers that are not compiled: over many steps at a time they make so few calls that Python makes them in no time.

A driver is another function for every experiment, and the compiler takes seconds for it. Where a chunk is one
step it is compiled all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from snc_cpu import plain, primitives, tasks


@njit(cache=True, nogil=True)
def everywhere(function: Any, count: Any, first: Any, last: Any, table: Any) -> None:
    """Call a task for every index below a count, in parallel."""
    tasks.everywhere(function, count, first, last, table)


@njit(cache=True, nogil=True)
def together(calls: Any, start: Any, count: Any, first: Any, last: Any) -> None:
    """Make some calls of a list, in parallel."""
    tasks.together(calls, start, count, first, last)


@njit(cache=True, nogil=True)
def run(function: Any, index: Any, first: Any, last: Any, table: Any) -> None:
    """Call a task."""
    tasks.run(function, index, first, last, table)


def driver_of(text: str, name: str, dtype: str) -> Any:
    """The function of a driver's text, in Python."""
    kind = np.dtype(dtype).type
    known: dict[str, Any] = {**vars(primitives), "np": np, "REAL": kind, "F": kind, "D": np.float64}
    known |= {"number": plain.number, "array": plain.array, "njit": lambda **_: lambda f: f}
    known |= {"everywhere": everywhere, "together": together, "run": run}
    exec(compile(text, f"<driver {name}>", "exec"), known)
    return known[name]
