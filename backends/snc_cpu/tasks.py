"""Compiled functions that are called by their address, and tables of the arrays they work on.

A compiler that links what is called into its caller compiles the same code again at every level, and a
parallel loop costs it seconds more. So each emitted function is a task: it takes four whole numbers and is
compiled by itself. The first says which sample or owner it is for, the next two are the steps from t0 to t1, and
the last is the address of a table: sizes, then the addresses of arrays.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from numba import config, njit, prange, types

from snc_cpu.registers import SPARE, SUM

made = import_module("snc_cpu.plain" if config.DISABLE_JIT else "snc_cpu.machine")
sums = import_module("snc_cpu.plain" if config.DISABLE_JIT else "snc_cpu.vectors")

__all__ = [
    "SPARE",
    "SUM",
    "add_dots",
    "add_listed",
    "add_products",
    "add_scaled_listed",
    "add_taps_listed",
    "array",
    "everywhere",
    "list_events",
    "list_marked",
    "number",
    "power_of_two",
    "real",
    "rows_from",
    "run",
    "task",
    "together",
]  # what emitted code takes
SIZES = "TBKUR"  # at the first places of a table
CALLS = (
    5  # the place of the address of the list of calls: pairs of a task and the table it is given
)
ARRAYS = 6  # the first place of an array

array, number, real, rows_from, run = (
    made.array,
    made.number,
    made.real,
    made.rows_from,
    made.run,
)
address, power_of_two = made.address, made.power_of_two
add_dots, add_listed, add_scaled_listed, add_products, add_taps_listed, list_events, list_marked = (
    sums.add_dots,
    sums.add_listed,
    sums.add_scaled_listed,
    sums.add_products,
    sums.add_taps_listed,
    sums.list_events,
    sums.list_marked,
)
# as NumPy divides: without the test for 0 that would be an error in Python, which keeps loops from being vectors
task = njit(cache=True, no_cpython_wrapper=True, error_model="numpy")


def compile_driver(driver: Any) -> None:
    """Compile a driver, or read it from the cache."""
    if not config.DISABLE_JIT:
        driver.compile((types.boolean, types.Array(types.int64, 1, "C"), types.int64))


@njit(cache=True, parallel=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def everywhere(function, count, first, last, table):
    """Call a task for every index below a count, in parallel."""
    for index in prange(count):
        run(function, index, first, last, table)


@njit(cache=True, parallel=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def together(calls, start, count, first, last):
    """Make some calls of a list, in parallel: each is a task and the table it is given."""
    for index in prange(count):
        place = 2 * (start + index)
        run(number(calls, place), 0, first, last, number(calls, place + 1))
