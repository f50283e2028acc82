"""How much memory a training step takes: what `snc explain` says, and what is allocated."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import numba
import numpy as np
import pytest
from networks import net_of

from snc.explain import reports
from snc.explain.buffers import Buffers

BATCH = 96
NETWORK = """
network net():
    input x[100]
    h_in  = dense(x, 120)
    h_rec = dense(h[t-1], 120)
    h     = h_in + h_rec | lif(leak = 0.9, theta = 0.3)
    out   = h | dense(5) | integrator(leak = 0.9)
experiment learns:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    {learn}
    train:
        optimiser = adam(1e-3)
        batch     = 96
"""
LOCAL = "learn h_in, h_rec by stllr() from backprop(loss)\n    learn out by descent(loss)"
LEARN = {"local": LOCAL, "bptt": "learn * by through_time(loss)"}


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Blocks of a product list what they add: with more threads it is chance how many have lists at once."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


@pytest.fixture(scope="module", params=LEARN)
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> tuple[str, Buffers, dict[int, int]]:
    """What is told before anything is compiled, and the bytes that sequences of T steps were seen to take."""
    folder = tmp_path_factory.mktemp(request.param)
    made = net_of(
        NETWORK.format(learn=LEARN[request.param]), folder, backend="cpu", dtype="float32"
    )
    random, seen = np.random.default_rng(0), {}
    lengths = (5, 20, 100, 200, 2000)
    for steps in (*lengths, *lengths):  # the first time things are loaded as well
        x = random.random((steps, BATCH, 100)) < 0.2
        store, feed = made.store(batch=BATCH), made.feed(x, random.integers(0, 5, BATCH))
        first = {name: value.copy() for name, value in store.items()}
        gc.collect()
        tracemalloc.start()
        outcome = made.module.learn(store, feed)
        seen[steps] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.isfinite(outcome.loss)
        assert np.abs(store["h_in.weight"] - first["h_in.weight"]).max() > 1e-6
        seen[steps] -= 8 * steps * BATCH  # the label at every step, which is fed
    report = reports(folder / "spec.snc")[0].buffers
    assert report is not None
    return request.param, report, seen


def told(b: Buffers, steps: int) -> int:
    """What the numbers of a report say of a sequence."""
    if b.per_step or steps > b.most or steps == b.least:
        return b.always + b.per_step * steps
    assert steps == b.most
    return b.largest


def test_it_is_what_was_told(found: tuple[str, Buffers, dict[int, int]]) -> None:
    _, report, seen = found
    for steps in (20, 100, 200, 2000):
        assert seen[steps] == pytest.approx(told(report, steps), rel=0.1), steps


def test_only_a_derivative_through_time_grows_with_the_steps(
    found: tuple[str, Buffers, dict[int, int]],
) -> None:
    learn, report, seen = found
    if learn == "local":
        assert abs(seen[2000] - seen[20]) < 0.02 * seen[20]
        assert seen[20] < seen[100] < report.largest * 1.1
    else:
        assert seen[2000] > 8 * seen[200]
        assert report.per_step > 4 * BATCH * 120
    assert seen[5] < seen[20]
