"""Random values: their distributions, the same bits in every backend, batch and number of threads."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from networks import Net, net_of
from scipy import special, stats
from snc_cpu import draws as compiled

from snc import draws, random
from snc.diagnostics import SpecError

COUNT = 40_000
WORDS = random.words(3, "x", COUNT)[0]
EDGES = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], np.uint32)
RATES = [0.0, 0.003, 0.3, 5.0, 60.0, 499.9, 500.1, 3000.0]
SHAPES = [(0.05, 2.0), (0.7, 1.0), (1.0, 0.5), (7.5, 3.0), (900.0, 1.0)]

SPEC = """
network net():
    input x[5]
    random a[x] = normal(0.5) every step
    random b[x] = poisson(2 * x) every step
    random c[x] = gamma(0.4, 2) every step
    random d[x] = normal(0.3) every sequence
    random e[x] = poisson(1.5) every epoch
    random g    = gamma(2, 1) every step
    out = a + b + c + d + e | dense(3)
experiment drawn:
    network = net()
    loss    = mean(cross_entropy(g * out, label))
    learn out by descent(loss)
    record a, b, c, d, e
"""
NAMES = ("a", "b", "c", "d", "e")


def blocks(count: int, first: int = 0):
    """The words of gamma numbers, as `random g[n] = gamma(...)` takes them."""
    places = (np.arange(count) + first) * draws.ATTEMPTS
    return lambda n: random.philox(places + n, 0, 0, 0, *random.key(3, "g"))


def test_normal_numbers_are_the_inverse_of_the_distribution() -> None:
    some = np.concatenate([WORDS, EDGES])
    found = draws.as_normal(some)
    assert np.abs(found - special.ndtri(draws.unit(some))).max() < 1e-14
    assert abs(found[:COUNT].mean()) < 0.02
    assert abs(found[:COUNT].std() - 1) < 0.02


@pytest.mark.parametrize("rate", RATES)
def test_poisson_counts_are_the_inverse_of_the_distribution(rate: float) -> None:
    found, want = draws.as_poisson(WORDS, rate), stats.poisson.ppf(draws.unit(WORDS), rate)
    if rate <= draws.LARGE_RATE:
        assert np.array_equal(found, want)
    else:
        assert np.abs(found - want).max() <= 1
        assert np.mean(found != want) < 0.003


def test_a_rate_below_zero_counts_as_zero_and_no_number_stays_none() -> None:
    assert not draws.as_poisson(WORDS, -3.0).any()
    assert np.isnan(draws.as_poisson(WORDS[:3], np.nan)).all()
    assert np.isnan(draws.as_gamma(blocks(3), 0.0, 1.0)).all()
    assert np.isnan(draws.as_gamma(blocks(3), 1.0, -1.0)).all()


@pytest.mark.parametrize(("shape", "rate"), SHAPES)
def test_gamma_numbers_have_their_distribution(shape: float, rate: float) -> None:
    found = draws.as_gamma(blocks(COUNT), shape, rate)
    assert stats.kstest(found, stats.gamma(shape, scale=1 / rate).cdf).pvalue > 0.01
    assert stats.kstest(found, stats.gamma(1.1 * shape, scale=1 / rate).cdf).pvalue < 1e-6


def test_compiled_draws_are_the_same_to_the_bit() -> None:
    some = np.concatenate([EDGES, WORDS[:2000]])

    def every(one) -> np.ndarray:
        return np.array([one(np.uint64(w)) for w in some], np.float64)

    assert every(compiled.normal_of).tobytes() == draws.as_normal(some).tobytes()
    for rate in [*RATES, -1.0, np.nan]:
        found = every(lambda w, rate=rate: compiled.poisson_of(w, rate))
        assert np.array_equal(found, draws.as_poisson(some, rate), equal_nan=True), rate
    key = [np.uint64(k) for k in random.key(3, "g")]
    for shape, rate in [*SHAPES, (0.0, 1.0)]:
        one = [compiled.gamma_of(i, 0, 0, 0, *key, shape, rate) for i in range(2000)]
        many = draws.as_gamma(blocks(2000), shape, rate)
        assert np.array_equal(np.array(one), many, equal_nan=True), (shape, rate)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> list[Net]:
    folder = tmp_path_factory.mktemp("drawn")
    return [net_of(SPEC, folder, backend=b, record=NAMES) for b in ("reference", "cpu", "cuda")]


def drawn(net: Net, samples: np.ndarray, **changes: object) -> dict[str, np.ndarray]:
    inputs = np.stack([np.random.default_rng(s).random((6, 5)) for s in samples], 1)
    labels = np.zeros(len(samples), int)
    ran = net.learn(inputs, labels, samples=samples, epoch=2, seed=7, **changes)
    return {**ran.outcome.records, "loss": np.array(ran.outcome.loss)}


def test_all_backends_draw_the_same_bits_and_not_the_same_number_twice(nets: list[Net]) -> None:
    want, *others = (drawn(n, np.array([4, 9, 2])) for n in nets)
    for name in NAMES:
        for got in others:
            assert want[name].tobytes() == np.ascontiguousarray(got[name]).tobytes(), name
        assert np.unique(want[name][0]).size > 3, name
    for got in others:
        assert got["loss"] == pytest.approx(float(want["loss"]), rel=1e-12)
    for name, changes in {"a": True, "b": True, "c": True, "d": False, "e": False}.items():
        assert changes == (not np.array_equal(want[name][0], want[name][1])), name


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_sample_draws_the_same_alone_and_in_any_batch(nets: list[Net], which: int) -> None:
    whole = drawn(nets[which], np.array([4, 9, 2, 30]))
    alone = drawn(nets[which], np.array([9]), number=3)
    for name in NAMES:
        assert np.array_equal(whole[name][:, 1], alone[name][:, 0]), name


def test_any_number_of_threads_draws_the_same(nets: list[Net]) -> None:
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            numba.set_num_threads(threads)
            found.append(drawn(nets[1], np.arange(9)))
    finally:
        numba.set_num_threads(before)
    assert all(found[0][n].tobytes() == found[1][n].tobytes() for n in found[0])


def test_single_precision_rounds_the_same_numbers(tmp_path: Path, nets: list[Net]) -> None:
    single = net_of(SPEC, tmp_path, backend="reference", dtype="float32", record=NAMES)
    double = drawn(nets[0], np.array([1, 2]))
    for name, value in drawn(single, np.array([1, 2])).items():
        assert np.allclose(value, double[name], rtol=1e-5, atol=1e-5), name


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("random a[x] = zeros() every step", "not-a-draw"),
        ("random a[x] = kaiming_normal() every step", "not-a-draw"),
        ("random a[3] = poisson(x) every step", "different-shapes"),
        ("random a = normal(mean(x, over = neuron)) every step", "different-shapes"),
        ("random a[x] = normal(2 ms) every step", "not-a-number"),
        ("random a[x] = poisson(x / dt) every step", "not-a-number"),
        ("constant a[x] = normal(x)", "not-a-number"),
        ("constant a[x, 5] = one_per_column(normal(x))", "not-a-number"),
    ],
)
def test_a_draw_that_cannot_be_is_refused(wrong: str, code: str, tmp_path: Path) -> None:
    text = SPEC.replace("random a[x] = normal(0.5) every step", wrong)
    text = text.replace("    loss ", "    dt = 1 ms\n    loss ")
    with pytest.raises(SpecError) as error:
        net_of(text, tmp_path)
    assert [d.code for d in error.value.diagnostics] == [code]


def test_first_values_are_drawn_by_bernoulli_and_poisson_too(tmp_path: Path) -> None:
    text = SPEC.replace("random a[x] = normal(0.5) every step", "constant a[4000] = bernoulli(0.3)")
    text = text.replace("random e[x] = poisson(1.5) every epoch", "constant e[4000] = poisson(1.5)")
    text = text.replace("a + b + c + d + e", "b + c + d + mean(a) + mean(e)").replace(
        "record a, b, c, d, e", ""
    )
    store = net_of(text, tmp_path).store(seed=1)
    assert set(store["a"]) == {0, 1}
    assert store["a"].mean() == pytest.approx(0.3, abs=0.03)
    assert store["e"].mean() == pytest.approx(1.5, abs=0.08)
    assert store["e"].var() == pytest.approx(1.5, abs=0.15)
