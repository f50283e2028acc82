"""Numbers fold, and nothing but the text of the graph changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from networks import Bench, same_numbers

from snc.graph.builder import Builder
from snc.graph.geometry import dense
from snc.graph.graph import SAMPLE, Axis, Graph
from snc.passes.fold_constants import fold_constants
from snc.passes.remove_unused import remove_unused

C, H = Axis("channel", 4), Axis("height", 2)
T, B = 4, 3


def bench(make: Callable[[Builder, str], str], plus: bool = False) -> tuple[Bench, Graph]:
    """A value y made of a leaf x; `plus` adds x to what is 0."""
    found = Bench()
    values = np.random.default_rng(0).uniform(0.5, 2, (T, B, 4))
    x = found.leaf("x", (SAMPLE, C), values)
    y = make(found.build, x)
    return found, found.graph({"y": found.build.add(y, x) if plus else y})


def ops(graph: Graph) -> list[str]:
    return sorted(n.op for n in graph.nodes)


FOLDS: dict[str, tuple[Callable[[Builder, str], str], list[str]]] = {
    "0 + x": (lambda b, x: b.add(b.number(0), x), []),
    "x + 0": (lambda b, x: b.add(x, b.number(0)), []),
    "x - 0": (lambda b, x: b.sub(x, b.number(0)), []),
    "0 - x": (lambda b, x: b.sub(b.number(0), x), ["neg"]),
    "1 * x": (lambda b, x: b.mul(b.number(1), x), []),
    "x * 1": (lambda b, x: b.mul(x, b.number(1)), []),
    "x / 1": (lambda b, x: b.div(x, b.number(1)), []),
    "x ^ 1": (lambda b, x: b.apply("pow", x, b.number(1)), []),
    "x ^ 2": (lambda b, x: b.apply("pow", x, b.number(2)), ["mul"]),
    "-1 * x": (lambda b, x: b.mul(b.number(-1), x), ["neg"]),
    "x * -1": (lambda b, x: b.mul(x, b.number(-1)), ["neg"]),
    "-(-x)": (lambda b, x: b.neg(b.neg(x)), []),
    "x + -exp(x)": (lambda b, x: b.add(x, b.neg(b.apply("exp", x))), ["exp", "sub"]),
    "stop(x)": (lambda b, x: b.apply("stop", x), []),
    "x * (2 + 3)": (lambda b, x: b.mul(x, b.add(b.number(2), b.number(3))), ["const", "mul"]),
    "x * sqrt(exp(2))": (
        lambda b, x: b.mul(x, b.apply("sqrt", b.apply("exp", b.number(2)))), ["const", "mul"],
    ),
    "where(1, x, exp(x))": (
        lambda b, x: b.apply("where", b.number(1), x, b.apply("exp", x)), [],
    ),
    "where(0, x, exp(x))": (
        lambda b, x: b.apply("where", b.number(0), x, b.apply("exp", x)), ["exp"],
    ),
    "x * spread(2)": (lambda b, x: b.mul(x, b.expand(b.number(2), (SAMPLE, C))), ["const", "mul"]),
    "rename and back": (
        lambda b, x: b.rename(b.rename(x, [(C, Axis("rows", 4))]), [(Axis("rows", 4), C)]), [],
    ),
    "sum of what was spread": (
        lambda b, x: b.sum(b.expand(x, (SAMPLE, C, H)), (H,)), ["const", "mul"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_leaves_what_is_left_and_the_same_numbers(name: str) -> None:
    make, left = FOLDS[name]
    made, before = bench(make)
    after = remove_unused(fold_constants(before))
    assert ops(after) == sorted(["field", *left])
    assert same_numbers(made, before, after, T) < 1e-12


ZEROS: dict[str, Callable[[Builder, str], str]] = {
    "0 * x": lambda b, x: b.mul(b.number(0), x),
    "x * 0": lambda b, x: b.mul(x, b.number(0)),
    "0 / x": lambda b, x: b.div(b.number(0), x),
    "0 * exp(x) * x": lambda b, x: b.mul(b.mul(b.number(0), b.apply("exp", x)), x),
    "sum of zeros": lambda b, x: b.expand(
        b.sum(b.mul(b.number(0), b.expand(x, (SAMPLE, C, H))), (H, C)), (SAMPLE, C)
    ),
}


@pytest.mark.parametrize("name", ZEROS)
def test_what_is_zero_everywhere_vanishes(name: str) -> None:
    made, before = bench(ZEROS[name], plus=True)
    after = remove_unused(fold_constants(before))
    assert ops(after) == ["field"]
    assert same_numbers(made, before, after, T) < 1e-12


def test_a_projection_of_zeros_is_zeros() -> None:
    found, geometry = Bench(), dense(4, 4)
    b = found.build
    x = found.leaf("x", (SAMPLE, C), np.random.default_rng(0).random((T, B, 4)))
    w = found.leaf("w", geometry.weight, np.ones((4, 4)))
    nothing = b.expand(b.mul(b.number(0), x), (SAMPLE, C))
    y = b.project("project", w, nothing, (SAMPLE, C), geometry)
    before = found.graph({"y": b.add(x, y)})
    after = remove_unused(fold_constants(before))
    assert ops(after) == ["field"]
    assert same_numbers(found, before, after, T) < 1e-12


def test_a_factor_of_zero_removes_a_trace() -> None:
    """e = 0 * q + p: nothing reads the trace q any more, and its state goes too."""
    found = Bench()
    b = found.build
    x = found.leaf("x", (SAMPLE, C), np.random.default_rng(0).random((T, B, 4)))
    traces = []
    for name, decay in (("p", 0.5), ("q", 0.9)):
        value = b.add(b.mul(b.number(decay), b.previous(name, (SAMPLE, C))), x)
        found.state(name, value)
        traces.append(value)
    before = found.graph({"e": b.add(b.mul(b.number(0), traces[1]), traces[0])})
    after = remove_unused(fold_constants(before))
    assert [s.name for s in before.states] == ["p", "q"]
    assert [s.name for s in after.states] == ["p"]
    assert same_numbers(found, before, after, T) < 1e-12


def test_training_is_a_number_that_the_graph_knows() -> None:
    _, graph = bench(
        lambda b, x: b.apply("where", b.node("scalar", name="training"), b.apply("exp", x), x)
    )
    learning = remove_unused(fold_constants(graph.with_(learning=True)))
    testing = remove_unused(fold_constants(graph.with_(learning=False)))
    assert ops(learning) == ["exp", "field"]
    assert ops(testing) == ["field"]


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_what_has_no_value_is_left_for_the_run(value: float) -> None:
    """log(0) is no number that could be folded."""
    _, before = bench(lambda b, x: b.mul(x, b.apply("log", b.number(value))))
    assert "log" in ops(remove_unused(fold_constants(before)))


def test_division_by_zero_is_left_for_the_run() -> None:
    _, before = bench(lambda b, x: b.mul(x, b.div(b.number(1), b.number(0))))
    assert "div" in ops(remove_unused(fold_constants(before)))
