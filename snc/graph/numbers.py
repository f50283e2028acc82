"""Operations on numbers known before the run."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

FOLD: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "pow": lambda a, b: float(a**b), "max": max, "min": min,
    "lt": lambda a, b: float(a < b), "le": lambda a, b: float(a <= b),
    "gt": lambda a, b: float(a > b), "ge": lambda a, b: float(a >= b),
    "eq": lambda a, b: float(a == b), "ne": lambda a, b: float(a != b),
    "and": lambda a, b: float(bool(a) and bool(b)), "or": lambda a, b: float(bool(a) or bool(b)),
    "not": lambda a: float(not a), "neg": lambda a: -a, "exp": math.exp, "log": math.log,
    "sqrt": math.sqrt, "abs": abs, "sign": lambda a: float((a > 0) - (a < 0)), "sin": math.sin,
    "cos": math.cos, "tanh": math.tanh, "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "round": lambda a: float(round(a)), "floor": lambda a: float(math.floor(a)),
    "stop": lambda a: a, "where": lambda c, a, b: a if c else b,
    "first_max": lambda a, b: float(a >= b), "first_min": lambda a, b: float(a <= b),
}  # fmt: skip


def fold(op: str, values: list[float]) -> float | None:
    """The value of an operation on numbers, None if it has none."""
    try:
        return float(FOLD[op](*values))
    except (ZeroDivisionError, ValueError, OverflowError, KeyError):
        return None


def spacing(first: float, last: float, n: int, single: bool = False) -> tuple[float, int]:
    """The step of n evenly spaced numbers, and how many of them count from `first`; the rest from `last`.

    In single precision the step is rounded and numbers count from the nearer end, each then rounded
    once: what the common array libraries do, and the published fixed bases depend on every bit of it.
    """
    if not single:
        return (last - first) / max(1, n - 1), n
    return _single(_single(last - first) / max(1, n - 1)), max(1, n // 2)


def _single(x: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", x))[0]
    return rounded
