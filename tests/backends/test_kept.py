"""States that begin where the previous sequence ended, at every place in the batch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from networks import Net, net_of
from odd_specs import TEXTS

STEPS, BATCH = 7, 3
BACKENDS = ("reference", "cpu", "cuda")
RECORDS = ("h1", "h1.u", "h2", "out")
ECHO = """
network net():
    input x[6]
    label y[3]
    was  = where(step == steps - 1, y, was[t-1])
    init was = kept
    same = sum(y * was[t-1], over = neuron)
    h1   = x | dense(5) | lif(leak = 0.8, theta = 0.4)
    out  = h1 | dense(3)
rule again():
    gradient weight = post.psi * pre * signal
experiment echo:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
    learn h1  by again() from reward(2 * same - 1)
    learn out by descent(loss)
    train.optimiser = sgd(0.05)
"""


def inputs(seed: int, batch: int = BATCH) -> np.ndarray:
    return (np.random.default_rng(seed).random((STEPS, batch, 6)) < 0.5).astype(float)


def weights(net: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        s.name: random.normal(0.1, 0.6, s.shape)
        for s in net.program.stored
        if s.role == "parameter"
    }


class Nets(dict[str, Net]):
    """A spec on every backend that is asked for."""

    def __init__(self, text: str, folder: Path, record: tuple[str, ...]) -> None:
        super().__init__()
        self.made = partial(net_of, text, folder, record=record)

    def __missing__(self, backend: str) -> Net:
        self[backend] = self.made(backend=backend)
        return self[backend]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Nets:
    return Nets(TEXTS["states that are kept"], tmp_path_factory.mktemp("kept"), RECORDS)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Nets:
    return Nets(ECHO, tmp_path_factory.mktemp("echo"), ("h1",))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_kept_membrane_goes_on_where_it_ended(kept: Nets, backend: str) -> None:
    net = kept[backend]
    store = net.store(weights(net), batch=BATCH)
    first = net.run(False, store, net.feed(inputs(0), np.zeros(BATCH, int))).outcome.records
    assert 0.05 < first["h1"].mean() < 0.95
    assert np.array_equal(store["h1:u"], first["h1.u"][-1])
    again = net.run(False, store, net.feed(inputs(1), np.zeros(BATCH, int))).outcome.records
    fresh = net.evaluate(inputs(1), np.zeros(BATCH, int), weights(net)).outcome.records
    assert np.abs(again["h1.u"][0] - fresh["h1.u"][0] - 0.8 * first["h1.u"][-1]).max() < 1 + 1e-12
    assert not np.array_equal(again["h1.u"], fresh["h1.u"])


def test_backends_agree_over_several_sequences(kept: Nets) -> None:
    nets = {b: kept[b] for b in BACKENDS}
    stores = {b: n.store(weights(n), batch=BATCH) for b, n in nets.items()}
    for seed, learn in enumerate([True, True, False, True]):
        labels = np.random.default_rng(seed).integers(0, 3, BATCH)
        for backend, net in nets.items():
            net.run(learn, stores[backend], net.feed(inputs(seed), labels))
    want = stores.pop("reference")
    assert want["h1:u"].any()
    for got in stores.values():
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_smaller_batch_leaves_the_other_places_alone(kept: Nets, backend: str) -> None:
    net = kept[backend]
    store = net.store(weights(net), batch=BATCH)
    net.run(True, store, net.feed(inputs(0), np.zeros(BATCH, int)))
    before = store["h1:u"].copy()
    net.run(True, store, net.feed(inputs(1, batch=2), np.zeros(2, int)))
    assert np.array_equal(store["h1:u"][2], before[2])
    assert not np.array_equal(store["h1:u"][:2], before[:2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rule_hears_whether_the_sample_before_was_of_the_same_class(
    echo: Nets, backend: str
) -> None:
    net = echo[backend]
    store = net.store(weights(net), batch=BATCH)
    net.run(True, store, net.feed(inputs(0), np.array([0, 1, 2])))
    assert np.array_equal(store[":was"], np.eye(3))
    changes = {}
    for labels in ([0, 1, 2], [1, 2, 0]):
        mine = {name: value.copy() for name, value in store.items()}
        ran = net.run(True, mine, net.feed(inputs(0), np.array(labels)))
        changes[labels[0]] = ran.outcome.gradients["h1.weight"]
    assert np.abs(changes[0]).max() > 0.1
    np.testing.assert_allclose(changes[0], -changes[1], rtol=1e-9)


def test_an_evaluation_does_not_compute_what_is_kept_of_labels(echo: Nets) -> None:
    program = echo["reference"].program
    assert [s.name for s in program.learn.states if s.kept] == [":was"]
    assert not any(s.kept for s in program.evaluate.states)
