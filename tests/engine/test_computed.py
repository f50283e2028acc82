"""Formulas of first values, written by hand, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from snc.diagnostics import InternalError
from snc.engine.computed import OPERATIONS, computed
from snc.engine.initial import first_store
from snc.graph.builder import BINARY, UNARY
from snc.graph.numbers import FOLD
from snc.model.plan import Draw, Stored

W = np.random.default_rng(0).normal(size=(3, 4))
G = np.array([1.0, -2.0, 0.5])
ROWS = Draw("stored", ("g", "post.channel"))
BOTH = Draw("stored", ("w", "post.channel pre.channel"))
TWO = Draw("number", (2.0,))


def value(expression: Draw, labels: str, shape: tuple[int, ...]) -> np.ndarray:
    return computed(Draw("computed", (expression, labels)), shape, {"w": W, "g": G}.__getitem__)


def test_arrays_meet_by_the_names_of_their_axes() -> None:
    product = Draw("mul", (ROWS, BOTH))
    assert np.array_equal(value(product, "post.channel pre.channel", (3, 4)), G[:, None] * W)
    assert np.array_equal(value(product, "pre.channel post.channel", (4, 3)), (G[:, None] * W).T)
    assert np.array_equal(value(TWO, "post.channel", (3,)), np.full(3, 2.0))


def test_sums_expansions_and_other_names() -> None:
    total = Draw("sum", (Draw("mul", (ROWS, BOTH)), "post.channel"))
    assert np.allclose(value(total, "pre.channel", (4,)), G @ W)
    wide = Draw("expand", (ROWS, "pre.channel post.channel", "4 3"))
    assert value(Draw("sum", (wide, "pre.channel")), "post.channel", (3,)) == pytest.approx(4 * G)
    turned = Draw("rename", (ROWS, "post.channel", "pre.channel"))
    assert np.array_equal(value(Draw("add", (turned, TWO)), "pre.channel", (3,)), G + 2)


@pytest.mark.parametrize("word", sorted(OPERATIONS.keys() & FOLD.keys()))
def test_every_operation_is_that_of_numbers(word: str) -> None:
    given = [0.7] if word in UNARY else [0.7, 2.0] if word in BINARY else [1.0, 0.7, 2.0]
    parts = Draw(word, tuple(Draw("number", (v,)) for v in given))
    assert value(parts, "", ()) == pytest.approx(FOLD[word](*given)), word


def test_nothing_is_left_out() -> None:
    assert FOLD.keys() - OPERATIONS.keys() == set()


def test_a_first_value_may_depend_on_one_that_is_computed_too() -> None:
    twice = Draw("computed", (Draw("mul", (TWO, Draw("stored", ("a", "x")))), "x"))
    again = Draw("computed", (Draw("add", (TWO, Draw("stored", ("b", "x")))), "x"))
    stored = [
        Stored("c", (5,), "parameter", again),
        Stored("b", (5,), "parameter", twice),
        Stored("a", (5,), "parameter", Draw("normal", (1.0,))),
    ]
    store = first_store(stored, 1, "float32")
    assert np.ptp(store["a"]) > 0
    assert store["c"] == pytest.approx(2 + 2 * store["a"], rel=1e-6)
    assert store["c"].dtype == np.float32


def test_what_nobody_can_have_made_is_our_bug() -> None:
    with pytest.raises(InternalError):
        value(Draw("no_such", (TWO,)), "", ())
    with pytest.raises(InternalError):
        value("text", "", ())  # type: ignore[arg-type]
