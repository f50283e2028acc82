"""The compiled products against plain loops in NumPy: few and many events, ones and numbers, borders, strides."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numba import njit
from snc_cpu import plain, primitives, tasks, vectors
from snc_cpu.registers import SPARE

from snc.codegen.products import PAD

SHAPES = [  # height, width, inputs, outputs, kernel, stride, padding, dilation
    (6, 5, 3, 4, (3, 3), 1, (1, 1), 1),
    (7, 7, 20, 70, (3, 3), 1, (1, 1), 1),
    (8, 9, 5, 140, (3, 2), 2, (1, 0), 1),
    (9, 9, 4, 5, (3, 3), 1, (2, 2), 2),
    (5, 5, 3, 3, (2, 2), 3, (0, 0), 1),
    (4, 4, 33, 130, (3, 3), 1, (1, 1), 1),
    (8, 8, 4, 6, (4, 4), 2, (1, 1), 1),
]
WAYS = (0, 3, 10)  # products of matrices always, from three tenths on, never
KINDS = list(product((0.1, 0.9), (True, False), ("f8", "f4")))


def numbers(rate: float, ones: bool, kind: str, *shape: int) -> np.ndarray:
    random = np.random.default_rng(shape[-1])
    return ((random.random(shape) < rate) * (1.0 if ones else random.normal(size=shape))).astype(
        kind
    )


def full(case: tuple) -> tuple[int, ...]:
    height, width, inputs, outputs, (kh, kw), stride, (ph, pw), dilation = case
    rows = (height + 2 * ph - dilation * (kh - 1) - 1) // stride + 1
    columns = (width + 2 * pw - dilation * (kw - 1) - 1) // stride + 1
    return (height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, 1, 3)


def seen(shape: tuple[int, ...]):
    """All pairs of an output pixel and an input pixel, and the weight between them."""
    height, width, _, rows, columns, _, kh, kw, stride, ph, pw, dilation, *_ = shape
    for r, c, k, m in product(range(rows), range(columns), range(kh), range(kw)):
        y, q = r * stride + k * dilation - ph, c * stride + m * dilation - pw
        if 0 <= y < height and 0 <= q < width:
            yield (r, c), (y, q), (k, m)


def lists(x: np.ndarray, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at, of = np.empty(x.size + SPARE, np.uint32), np.empty(x.size + SPARE, x.dtype)
    start = np.empty(x.size // channels + 1, np.int64)
    primitives.pixel_events(x, at, of, start, channels)
    return at, of, start


@pytest.mark.parametrize(("rate", "ones", "kind"), KINDS)
def test_convolutions_their_transposes_and_their_weight_products(
    rate: float, ones: bool, kind: str
) -> None:
    tolerance = 1e-10 if kind == "f8" else 2e-3
    for case in SHAPES:
        shape = full(case)
        height, width, inputs, rows, columns, outputs, kh, kw, *_ = shape
        given = np.array(shape)
        w = np.random.default_rng(1).normal(size=(kh, kw, inputs, outputs)).astype(kind)
        x, a = (
            numbers(rate, ones, kind, height, width, inputs),
            numbers(rate, ones, kind, rows, columns, outputs),
        )
        z, s = numbers(rate, ones, kind, 3, 4, x.size), numbers(0.8, False, kind, 3, 4, a.size)
        s[1, 2] = 0  # nothing to learn there
        out, back, total = np.zeros(a.shape), np.zeros(x.shape), np.zeros(w.shape)
        for to, source, weight in seen(shape):
            out[to] += x[source].astype(float) @ w[weight]
            back[source] += w[weight].astype(float) @ a[to]
            pre = z.reshape(12, *x.shape)[:, *source].astype(float)
            total[weight] += pre.T @ s.reshape(12, *a.shape)[:, *to]
        assert np.abs(out).max() > 1
        laid, turned = np.empty(w.size, kind), np.empty(w.size, kind)
        primitives.panels(w.ravel(), laid, kh * kw * inputs, outputs, 1)
        primitives.turned_panels(w.ravel(), turned, kh * kw, inputs, outputs, 1)
        for given[-1] in WAYS:
            made = np.empty(a.size, kind)
            primitives.conv(laid, x.ravel(), *lists(x.ravel(), inputs), made, given)
            assert np.abs(made.reshape(a.shape) - out).max() < tolerance
            made = np.empty(x.size, kind)
            primitives.conv_x(turned, a.ravel(), *lists(a.ravel(), outputs), made, given)
            assert np.abs(made.reshape(x.shape) - back).max() < tolerance
            made = np.zeros(w.size, kind)
            primitives.conv_product(made, s, z, given)
            assert np.abs(made.reshape(w.shape) - total).max() < 5 * tolerance


@pytest.mark.parametrize(("rate", "ones", "kind"), KINDS)
@pytest.mark.parametrize("post", [1, 7, 64, 130, 211])
def test_dense_products(rate: float, ones: bool, kind: str, post: int) -> None:
    tolerance = 1e-10 if kind == "f8" else 2e-3
    x, w = (
        numbers(rate, ones, kind, 50),
        np.random.default_rng(1).normal(size=(50, post)).astype(kind),
    )
    at, of = np.empty(50 + SPARE, np.uint32), np.empty(50 + SPARE, kind)
    plainly, paneled = np.empty(post, kind), np.empty(post, kind)
    laid, turned = (np.full(50 * (-(-post // PAD) * PAD), np.nan, kind) for _ in range(2))
    primitives.panels(w.ravel(), laid, 50, post, PAD)
    primitives.turned_panels(w.T.ravel(), turned, 1, post, 50, PAD)
    assert laid.tobytes() == turned.tobytes()
    count = primitives.events(x, at, of)
    assert count == np.count_nonzero(x)
    primitives.gather(w.ravel(), at, of, count, plainly)
    primitives.gather_panels(laid, at, of, count, paneled)
    assert np.abs(plainly - x.astype(float) @ w).max() < tolerance
    assert plainly.tobytes() == paneled.tobytes()
    steps = np.stack([x, 0 * x, *numbers(rate, ones, kind, 70, 50)])[:, np.newaxis]
    every = np.full((72, 2, post), np.nan, kind)
    primitives.gather_steps(laid, steps, 2, 0, 70, every, 1)
    primitives.gather_steps(laid, steps, 0, 0, 2, every[70:], 1)
    assert every[70, 1].tobytes() == plainly.tobytes()
    assert not every[71, 1].any()
    assert np.abs(every[:70, 1] - steps[2:, 0].astype(float) @ w).max() < tolerance
    block = np.full((72, post), np.nan, kind)
    primitives.gather_samples(w.ravel(), steps[:, 0], 5, 60, block, 9)
    assert np.isnan(block[:9]).all()
    assert block[9:69].tobytes() == every[3:63, 1].tobytes()
    whole, parts = np.full((72, post), np.nan, kind), np.full((2, 72, post), np.nan, kind)
    primitives.gather_block(laid, steps[:, 0], 0, 50, 5, 60, whole, 9)
    assert np.isnan(whole[:9]).all()
    assert whole[9:69].tobytes() == block[9:69].tobytes()
    for part, (low, high) in zip(parts, ((0, 33), (33, 50)), strict=True):
        primitives.gather_block(laid, steps[:, 0], low, high, 0, 72, part, 0)
        assert np.abs(part - steps[:, 0, low:high].astype(float) @ w[low:high]).max() < tolerance
    primitives.add_blocks(parts, 5, 60, whole, 9)
    assert whole[9:69].tobytes() == (parts[0] + parts[1])[5:65].tobytes()
    z, a = numbers(rate, ones, kind, 5, 60, 50), numbers(0.9, False, kind, 5, 60, post)
    want = np.einsum("tbi,tbj->ij", z.astype(float), a)
    for tenths in WAYS:
        total = np.zeros(w.size, kind)
        primitives.dense_product(total, a, z, np.array([50, post, tenths]))
        assert np.abs(total.reshape(w.shape) - want).max() < 10 * tolerance


@pytest.mark.parametrize("ones", [True, False])
def test_blocks_of_many_rows_add_them_in_the_order_of_all(ones: bool) -> None:
    """More rows than stay in the first cache: they are added some at a time, the same sum."""
    x, w = numbers(0.3, ones, "f4", 9, 300), numbers(1, False, "f4", 300, 70)
    laid, made, want = np.empty(300 * 80, "f4"), np.empty((9, 70), "f4"), np.empty((9, 70), "f4")
    primitives.panels(w.ravel(), laid, 300, 70, PAD)
    primitives.gather_block(laid, x, 0, 300, 0, 9, made, 0)
    primitives.gather_samples(w.ravel(), x, 0, 9, want, 0)
    assert np.abs(want - x.astype(float) @ w).max() < 1e-4
    assert made.tobytes() == want.tobytes()
    primitives.gather_block(laid, x, 7, 7, 0, 9, made, 0)
    assert not made.any(), "no rows"


@pytest.mark.parametrize("columns", [7, 128, 300])
def test_panels_are_made_of_some_rows_after_others(columns: int) -> None:
    w = np.random.default_rng(1).normal(size=(11, columns)).astype("f4")
    whole, parts = (np.full(11 * (-(-columns // PAD) * PAD), np.nan, "f4") for _ in range(2))
    primitives.panels(w.ravel(), whole, 11, columns, PAD)
    assert np.isfinite(whole).sum() == w.size
    for low, high in ((4, 11), (0, 4)):
        primitives.rows_to_panels(w[low:high].ravel(), parts, low, high - low, 11, columns, PAD)
    assert parts.tobytes() == whole.tobytes()


def test_rows_are_turned_and_summed() -> None:
    x = np.random.default_rng(1).normal(size=(5, 131)).astype("f4")
    turned = np.empty((131, 5), "f4")
    primitives.turned_rows(x, turned)
    assert turned.tobytes() == x.T.tobytes()
    for row in x:
        assert abs(primitives.row_sum(row) - row.astype(float).sum()) < 1e-12
    assert primitives.row_sum(x[0, :0]) == 0


@pytest.mark.parametrize("samples", [1, 4, 7, 16])
@pytest.mark.parametrize(("rate", "ones", "kind"), KINDS)
def test_products_with_the_rows_of_all_samples(
    rate: float, ones: bool, kind: str, samples: int
) -> None:
    for count, n in ((5, 3), (19, 64), (33, 130)):
        x, w = numbers(rate, ones, kind, 20, n), numbers(0.9, False, kind, count, n)
        want = x.astype(float) @ w.T.astype(float)
        dots = np.full((18, count), np.nan)
        primitives.dots_samples(x, 3, samples, w, count, dots, 2)
        assert np.isfinite(dots).sum() == samples * count
        assert np.abs(dots[2 : 2 + samples] - want[3 : 3 + samples]).max() < 1e-10
        one = np.zeros(count)
        vectors_alone(x[3], w, one)
        assert one.tobytes() == dots[2].tobytes(), "it depends on what is beside it"
        sums = np.full((18, n), np.nan)
        primitives.products_samples(want, 3, samples, w, sums, 2)
        assert np.isfinite(sums).sum() == samples * n
        assert np.abs(sums[2 : 2 + samples] - (want @ w)[3 : 3 + samples]).max() < 1e-8


@njit
def vectors_alone(x: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
    """The products of one row alone."""
    tasks.add_dots(x, 0, 0, 1, w, 0, x.size, w.shape[0], x.size, out, 0, 0)


def test_events_are_listed_in_order_whatever_their_number() -> None:
    for kind, rate in product(("f4", "f8"), (0, 0.2, 1)):
        x = numbers(rate, False, kind, 1003)
        at, of = np.empty(1003 + SPARE, np.uint32), np.empty(1003 + SPARE, kind)
        count = primitives.events(x, at, of)
        assert (at[:count] == np.flatnonzero(x)).all()
        assert (of[:count] == x[np.flatnonzero(x)]).all()


def test_the_exponential_is_right_to_a_digit_of_the_last_place() -> None:
    x = np.concatenate(
        [np.linspace(-745, 709.7, 5001), [0, -0.0, 1e-300, 800, -800, np.inf, -np.inf]]
    )
    with np.errstate(over="ignore"):
        want = np.exp(x)
    made = np.array([primitives.exp_of(v) for v in x])
    finite = np.isfinite(want)
    assert (made[~finite] == want[~finite]).all()
    assert (np.abs(made[finite] - want[finite]) <= np.spacing(want[finite])).all()
    assert np.isnan(primitives.exp_of(np.nan))


def test_plain_python_has_all_that_compiled_code_calls() -> None:
    for name in ("add_dots", "add_listed", "add_products", "add_scaled_listed", "list_events"):
        assert callable(getattr(plain, name))
        assert callable(getattr(vectors, name))
