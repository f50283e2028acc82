"""Batches: complete, repeatable, and the same with and without overlap."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from engine_fakes import Toy

from snc.diagnostics import DataError
from snc.engine.batches import Feeder, Order, refuse_empty
from snc.program.program import Needs


def test_every_sample_comes_once_and_the_order_changes_with_epoch_and_seed():
    order = Order(8, shuffle=True)
    batches = order.batches(50, seed=1, epoch=0)
    assert [len(b) for b in batches] == [8] * 6 + [2]
    assert sorted(np.concatenate(batches)) == list(range(50))
    again = order.batches(50, seed=1, epoch=0)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    for other in (order.batches(50, 1, 1), order.batches(50, 2, 0)):
        assert not np.array_equal(np.concatenate(other), np.concatenate(batches))


def test_without_shuffle_the_order_is_that_of_the_data():
    assert [list(b) for b in Order(3).batches(7, 1, 4)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_drop_last_and_limit():
    assert [list(b) for b in Order(3, drop_last=True).batches(7, 1, 0)] == [[0, 1, 2], [3, 4, 5]]
    assert [list(b) for b in Order(3, limit=1).batches(7, 1, 0)] == [[0, 1, 2]]
    assert Order(3, drop_last=True).batches(2, 1, 0) == []


def test_too_few_samples_for_a_batch_is_a_diagnostic():
    order = Order(64, drop_last=True)
    with pytest.raises(DataError, match="50 samples, fewer than one batch of 64") as error:
        refuse_empty(order.batches(50, 0, 0), Toy(50), order)
    assert error.value.code == "too-few-samples"


def test_feeds_are_the_same_however_they_are_taken():
    feeder = Feeder(Toy(20), epoch=2, seed=7, training=True, rates={"adam": 0.1})
    batches = Order(6, shuffle=True).batches(20, 7, 2)
    overlapped = list(feeder.feeds(batches))
    assert [f.number for f in overlapped] == [0, 1, 2, 3]
    assert [f.number for f in feeder.feeds(batches, first=2)] == [2, 3]
    assert list(feeder.feeds(batches, first=4)) == []
    for number, feed in enumerate(overlapped):
        direct = feeder.feed(number, batches[number])
        assert np.array_equal(feed.fields["input"], direct.fields["input"])
        assert np.array_equal(feed.samples, batches[number])
        assert (feed.epoch, feed.seed, feed.rates) == (2, 7, {"adam": 0.1})


def test_the_thread_ends_when_the_reader_leaves_early():
    feeds = Feeder(Toy(20), 0, 0, True, {}).feeds(Order(2).batches(20, 0, 0))
    next(feeds)
    feeds.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("snc-data")]


def test_a_mistake_in_the_data_reaches_the_reader():
    class Broken(Toy):
        def batch(self, indices, **_):
            if indices[0] >= 4:
                raise DataError("damaged-file", "cannot read it")
            return super().batch(indices, **_)

    feeds = Feeder(Broken(20), 0, 0, True, {}).feeds(Order(2).batches(20, 0, 0))
    with pytest.raises(DataError, match="cannot read it"):
        list(feeds)


def test_a_module_with_memory_of_its_own_gets_the_next_batch_while_one_runs():
    class Module:
        def __init__(self):
            self.sent = []

        def upload(self, feed, *, learning):
            self.sent.append((feed.number, learning, threading.current_thread().name[:8]))

    module = Module()
    phase = SimpleNamespace(module=module, needs=Needs())
    feeder = Feeder(Toy(20), 0, 0, True, {}, phase)
    for feed in feeder.feeds(Order(5).batches(20, 0, 0)):
        assert feed.number <= module.sent[-1][0]  # it was sent before it is read
    assert module.sent == [(k, True, "snc-data") for k in range(4)]
