"""First values have the moments and bounds their names promise."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from snc.engine.initial import first_store
from snc.model.plan import Draw, Stored

SHAPE, FAN_IN, FAN_OUT = (300, 200), 200, 300


def drawn(word: str, *arguments, shape=SHAPE, name="a.weight", seed=3, dtype="float64"):
    stored = Stored(name, shape, "parameter", Draw(word, arguments), FAN_IN, FAN_OUT)
    return first_store([stored], seed, dtype)[name]


def test_plain_values():
    assert not drawn("zeros").any()
    assert (drawn("ones") == 1).all()
    assert (drawn("fill", 2.5) == 2.5).all()


@pytest.mark.parametrize(
    ("word", "arguments", "low", "high"),
    [
        ("uniform", (-2.0, 3.0), -2, 3),
        ("uniform", (0.5,), -0.5, 0.5),
        ("kaiming_uniform", (), -sqrt(6 / FAN_IN), sqrt(6 / FAN_IN)),
        ("kaiming_uniform", ("out",), -sqrt(6 / FAN_OUT), sqrt(6 / FAN_OUT)),
        ("fan_in_uniform", (), -1 / sqrt(FAN_IN), 1 / sqrt(FAN_IN)),
        ("fan_in_uniform", (3.0,), -3 / sqrt(FAN_IN), 3 / sqrt(FAN_IN)),
    ],
)
def test_uniform_draws_fill_their_bounds(word, arguments, low, high):
    values = drawn(word, *arguments)
    assert values.min() >= low
    assert values.max() <= high
    width = high - low
    assert values.min() == pytest.approx(low, abs=0.001 * width)
    assert values.max() == pytest.approx(high, abs=0.001 * width)
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.01 * width)
    assert values.std() == pytest.approx(width / sqrt(12), rel=0.02)


@pytest.mark.parametrize(
    ("word", "arguments", "deviation"),
    [
        ("normal", (0.1,), 0.1),
        ("kaiming_normal", (), sqrt(2 / FAN_IN)),
        ("kaiming_normal", ("in",), sqrt(2 / FAN_IN)),
        ("kaiming_normal", ("out",), sqrt(2 / FAN_OUT)),
    ],
)
def test_normal_draws_have_their_deviation(word, arguments, deviation):
    values = drawn(word, *arguments) / deviation
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, rel=0.02)
    assert (values**4).mean() == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize(("alpha", "rate"), [(3.0, 2.0), (1.0, 1.0), (0.4, 5.0)])
def test_gamma_draws_have_their_first_three_moments(alpha, rate):
    values = drawn("gamma", alpha, rate)
    assert (values > 0).all()
    assert values.mean() == pytest.approx(alpha / rate, rel=0.03)
    assert values.var() == pytest.approx(alpha / rate**2, rel=0.06)
    skew = ((values - values.mean()) ** 3).mean() / values.std() ** 3
    assert skew == pytest.approx(2 / sqrt(alpha), rel=0.12)


def test_one_per_column_deals_rows_out_evenly():
    matrix = drawn("one_per_column", Draw("uniform", (1.0, 2.0)), shape=(10, 4, 5, 5))
    flat = matrix.reshape(10, 100)
    assert ((flat != 0).sum(0) == 1).all()
    assert ((flat != 0).sum(1) == 10).all()
    assert flat.max() <= 2


def test_a_copy_has_the_first_value_of_what_it_names_wherever_that_stands():
    stored = [
        Stored("slow", (4, 5), "parameter", Draw("copy", ("middle",))),
        Stored("middle", (4, 5), "parameter", Draw("copy", ("a.weight",))),
        Stored("a.weight", (4, 5), "parameter", Draw("normal", (1.0,))),
    ]
    store = first_store(stored, 1, "float32")
    assert np.array_equal(store["slow"], store["a.weight"])
    assert not np.shares_memory(store["slow"], store["a.weight"])


def test_a_stream_depends_on_seed_and_name_and_not_on_its_neighbours():
    assert not np.array_equal(drawn("normal", 1.0), drawn("normal", 1.0, seed=4))
    assert not np.array_equal(drawn("normal", 1.0), drawn("normal", 1.0, name="b.weight"))
    pair = [Stored(n, SHAPE, "parameter", Draw("normal", (1.0,))) for n in ("b.weight", "a.weight")]
    assert np.array_equal(first_store(pair, 3, "float64")["a.weight"], drawn("normal", 1.0))


def test_float32_is_the_float64_draw_rounded():
    assert drawn("normal", 1.0, dtype="float32").dtype == np.float32
    rounded = drawn("normal", 1.0).astype(np.float32)
    assert np.array_equal(drawn("normal", 1.0, dtype="float32"), rounded)


def test_values_of_no_dimension_and_of_no_elements():
    assert drawn("normal", 1.0, shape=()).shape == ()
    assert drawn("gamma", 2.0, shape=(0,)).shape == (0,)
