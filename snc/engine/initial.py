"""First values of what outlives a sequence, drawn on the host in float64 and then cast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from snc.diagnostics import InternalError
from snc.draws import as_poisson
from snc.engine.computed import computed
from snc.model.plan import Draw, Stored
from snc.module import Store
from snc.random import as_bernoulli, normal, uniform, words

Values = NDArray[np.float64]


def placed(stored: Sequence[Stored], batch: int) -> tuple[Stored, ...]:
    """The same arrays, with `batch` places for what is kept at every place in the batch."""
    return tuple(
        replace(s, shape=(batch, *s.shape[1:])) if s.role == "kept" and s.shape[:1] == (0,) else s
        for s in stored
    )


def first_store(stored: Sequence[Stored], seed: int, dtype: str) -> Store:
    """The store before anything is learned: name -> array of the stored shape and of `dtype`.

    Every array has a stream of its own, keyed by (seed, name): a new layer changes no other layer.
    """
    by_name = {s.name: s for s in stored}
    return {s.name: first_value(s, by_name, seed).astype(dtype) for s in stored}


def first_value(stored: Stored, by_name: dict[str, Stored], seed: int) -> Values:
    """One array's first value in float64; `copy` and `computed` take those of other arrays."""
    seen = set()
    while stored.first.word == "copy":
        if stored.name in seen:
            raise InternalError(f"the first value of `{stored.name}` is a copy of itself")
        seen.add(stored.name)
        stored = by_name[str(stored.first.arguments[0])]
    if stored.first.word == "computed":
        return computed(
            stored.first, stored.shape, lambda n: first_value(by_name[n], by_name, seed)
        )
    return draw(stored.first, stored.shape, stored, seed, stored.name)


def draw(what: Draw, shape: tuple[int, ...], stored: Stored, seed: int, name: str) -> Values:
    """An array of `shape` from one draw word; `name` is the stream, `stored` knows the fans.

    zeros, ones, fill(v); uniform(low, high), uniform(b) is uniform(-b, b); normal(deviation);
    kaiming_normal(fan): deviation sqrt(2 / fan); kaiming_uniform(fan): within sqrt(6 / fan);
    fan_in_uniform(scale): within scale / sqrt(fan_in); gamma(shape, rate); bernoulli(p);
    poisson(rate); one_per_column(draw).
    """
    given = what.arguments
    match what.word:
        case "zeros":
            return np.zeros(shape)
        case "ones":
            return np.ones(shape)
        case "fill":
            return np.full(shape, _number(given, 0))
        case "uniform" if len(given) == 1:
            return _within(_number(given, 0), shape, seed, name)
        case "uniform":
            low, high = _number(given, 0, 0.0), _number(given, 1, 1.0)
            return low + (high - low) * uniform(seed, name, shape)
        case "normal":
            return _number(given, 0, 1.0) * normal(seed, name, shape)
        case "kaiming_normal":
            return sqrt(2 / _fan(given, stored)) * normal(seed, name, shape)
        case "kaiming_uniform":
            return _within(sqrt(6 / _fan(given, stored)), shape, seed, name)
        case "fan_in_uniform":
            bound = _number(given, 0, 1.0) / sqrt(max(stored.fan_in, 1))
            return _within(bound, shape, seed, name)
        case "bernoulli":
            drawn = words(seed, name, prod(shape))[0].reshape(shape)
            return as_bernoulli(drawn, _number(given, 0)).astype(np.float64)
        case "poisson":
            return as_poisson(words(seed, name, prod(shape))[0].reshape(shape), _number(given, 0))
        case "gamma":
            return _gamma(_number(given, 0), shape, seed, name) / _number(given, 1, 1.0)
        case "one_per_column":
            return _one_per_column(what, shape, stored, seed, name)
    raise InternalError(f"`{name}` has the first value `{what.word}`, which nobody draws")


def _within(bound: float, shape: tuple[int, ...], seed: int, name: str) -> Values:
    values: Values = bound * (2 * uniform(seed, name, shape) - 1)
    return values


def _number(given: tuple[float | str | Draw, ...], at: int, default: float | None = None) -> float:
    if at < len(given) and isinstance(given[at], int | float):
        return float(given[at])  # type: ignore[arg-type]
    if default is None:
        raise InternalError(f"a draw lacks the number {at + 1} of its arguments {given}")
    return default


def _fan(given: tuple[float | str | Draw, ...], stored: Stored) -> int:
    return max(stored.fan_out if given[:1] == ("out",) else stored.fan_in, 1)


def _one_per_column(
    what: Draw, shape: tuple[int, ...], stored: Stored, seed: int, name: str
) -> Values:
    """Each column has one value that is not zero; the rows are dealt out evenly, in random order.

    Columns are all places but the first: a matrix [classes, channel, height, width] has
    channel * height * width of them.
    """
    inner = what.arguments[0]
    if not isinstance(inner, Draw):
        raise InternalError(f"`one_per_column` of `{name}` has no draw inside")
    rows, columns = shape[0], prod(shape[1:])
    order = np.argsort(uniform(seed, f"{name}/deal", (columns,)), kind="stable")
    row = np.empty(columns, dtype=np.int64)
    row[order] = np.arange(columns) % rows
    matrix = np.zeros((rows, columns))
    matrix[row, np.arange(columns)] = draw(inner, (columns,), stored, seed, name)
    return matrix.reshape(shape)


def _gamma(alpha: float, shape: tuple[int, ...], seed: int, name: str) -> Values:
    """Gamma draws of scale 1 by rejection (Marsaglia and Tsang 2000).

    Round k takes its numbers from the streams `name/k` and `name/k/test`; what was accepted stays.
    """
    d = (alpha if alpha >= 1 else alpha + 1) - 1 / 3
    c = 1 / sqrt(9 * d)
    count = prod(shape)
    values, open_places = np.zeros(count), np.ones(count, dtype=bool)
    k = 0
    while open_places.any():
        x = normal(seed, f"{name}/{k}", (count,))
        u = uniform(seed, f"{name}/{k}/test", (count,))
        v = np.maximum(1 + c * x, 0) ** 3
        with np.errstate(divide="ignore"):
            accepted = (v > 0) & (np.log(u) < x**2 / 2 + d * (1 - v + np.log(v)))
        new = accepted & open_places
        values[new] = d * v[new]
        open_places &= ~accepted
        k += 1
    if alpha < 1:
        values *= uniform(seed, f"{name}/power", (count,)) ** (1 / alpha)
    return values.reshape(shape)
