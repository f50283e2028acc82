"""First values that are computed from others: a formula as plain data, evaluated in float64.

number(v)  stored(name, labels)  sum(x, labels)  expand(x, labels, sizes)  rename(x, old, new)  and operations
element by element.
Labels name the axes of an array; arrays of different axes are broadcast by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.diagnostics import InternalError
from snc.model.plan import Draw

Values = NDArray[np.float64]

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power,
    "max": np.maximum, "min": np.minimum, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    "not": np.logical_not, "neg": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs,
    "sign": np.sign, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "round": np.rint, "floor": np.floor,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "stop": lambda x: x, "float32": lambda x: x.astype(np.float32),
    "where": lambda c, a, b: np.where(c != 0, a, b), "first_max": np.greater_equal, "first_min": np.less_equal,
}  # fmt: skip


@dataclass(frozen=True)
class _Labelled:
    values: Values
    labels: tuple[str, ...]


def computed(what: Draw, shape: tuple[int, ...], first: Callable[[str], Values]) -> Values:
    """The values of a formula in the shape of the array they are for.

    `first` gives the first value of another stored array by name. Raises InternalError for a formula
    that nobody can have made.
    """
    expression, labels = what.arguments
    found = _evaluate(_part(expression), first)
    wanted = tuple(str(labels).split())
    return np.broadcast_to(_aligned(found, wanted), shape).copy()


def _part(argument: object) -> Draw:
    if not isinstance(argument, Draw):
        raise InternalError(f"a first value is computed from {argument!r}")
    return argument


def _evaluate(part: Draw, first: Callable[[str], Values]) -> _Labelled:
    given = part.arguments
    match part.word:
        case "number":
            return _Labelled(np.asarray(given[0], np.float64), ())
        case "stored":
            return _Labelled(first(str(given[0])), tuple(str(given[1]).split()))
        case "sum":
            inner, gone = _evaluate(_part(given[0]), first), str(given[1]).split()
            over = tuple(inner.labels.index(g) for g in gone)
            return _Labelled(
                inner.values.sum(over), tuple(n for n in inner.labels if n not in gone)
            )
        case "expand":
            inner, labels = _evaluate(_part(given[0]), first), tuple(str(given[1]).split())
            sizes = tuple(int(n) for n in str(given[2]).split())
            return _Labelled(np.broadcast_to(_aligned(inner, labels), sizes), labels)
        case "rename":
            inner = _evaluate(_part(given[0]), first)
            table = dict(zip(str(given[1]).split(), str(given[2]).split(), strict=True))
            return _Labelled(inner.values, tuple(table.get(n, n) for n in inner.labels))
    if part.word not in OPERATIONS:
        raise InternalError(f"a first value is computed by `{part.word}`")
    parts = [_evaluate(_part(g), first) for g in given]
    labels = tuple(dict.fromkeys(n for p in parts for n in p.labels))
    values = OPERATIONS[part.word](*(_aligned(p, labels) for p in parts))
    return _Labelled(np.asarray(values, np.float64), labels)


def _aligned(found: _Labelled, labels: tuple[str, ...]) -> Values:
    """The values with their axes in the order of the labels, of length 1 where they lack one."""
    order = [found.labels.index(n) for n in labels if n in found.labels]
    moved = found.values.transpose(order)
    sizes = iter(moved.shape)
    return moved.reshape([next(sizes) if n in found.labels else 1 for n in labels])
