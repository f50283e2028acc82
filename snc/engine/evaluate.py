"""Running a network over a data set without learning."""

from __future__ import annotations

from contextlib import closing

from snc.engine.batches import Feeder, Order, Samples, refuse_empty
from snc.engine.initial import first_store, placed
from snc.engine.measure import Sums, add_outcome, refuse_bad
from snc.engine.phase import Phase
from snc.engine.schedule import rates
from snc.module import Store, staying


def evaluate(
    phase: Phase,
    samples: Samples,
    store: Store,
    *,
    seed: int,
    epoch: int,
    limit: int | None = None,
) -> Sums:
    """Sums of loss and metrics over a data set in its own order; `store` stays as it is.

    `epoch` (from 0) selects the draws of `random` values.
    """
    order = Order(phase.plan.test_batch or phase.plan.batch, limit=limit)
    batches = order.batches(len(samples), seed, epoch)
    refuse_empty(batches, samples, order)
    now = rates(phase.plan.rates, epoch, {})
    feeder = Feeder(samples, epoch, seed, training=False, rates=now, phase=phase)
    sums, apart = Sums(), apart_from_training(phase, store, order.size, seed)
    with closing(feeder.feeds(batches)) as feeds, staying(phase.module, apart):
        for feed in feeds:
            outcome = phase.module.evaluate(apart, feed)
            refuse_bad(outcome, feeder.where(feed))
            add_outcome(sums, outcome, feed, phase.plan.metrics)
    return sums


def apart_from_training(phase: Phase, store: Store, batch: int, seed: int) -> Store:
    """The same store, with states kept from sequence to sequence at their first values.

    They belong to the places of a training batch; an evaluation starts with its own, of its size.
    """
    kept = [s for s in placed(phase.stored, batch) if s.role == "kept"]
    if not kept:
        return dict(store)
    dtype = str(store[kept[0].name].dtype)
    return {**store, **first_store(kept, seed, dtype)}
