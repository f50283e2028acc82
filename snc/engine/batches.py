"""Which samples make which batch, and their feeds, the next prepared while the present one runs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from snc.diagnostics import DataError
from snc.engine.fits import refuse_misfit
from snc.engine.phase import Phase
from snc.model.plan import Pipeline
from snc.module import Array, Feed, Uploads
from snc.random import permutation

Indices = NDArray[np.int64]


class Samples(Protocol):
    """A prepared data set (`snc.data.prepare` makes one)."""

    @property
    def fingerprint(self) -> str:
        """Hash of the pipeline and of the files it read."""
        ...

    def __len__(self) -> int: ...

    def batch(
        self, indices: Indices, *, epoch: int, seed: int, training: bool
    ) -> tuple[dict[str, Array], Array | None, Indices]:
        """Fields [T, B, ...], labels [B], [T, B] or None, and lengths [B] of some samples."""
        ...


Prepare = Callable[[Pipeline], Samples]


@dataclass(frozen=True)
class Order:
    """How a data set is cut into batches of `size`; `limit` keeps the first so many of an epoch."""

    size: int
    shuffle: bool = False
    drop_last: bool = False
    limit: int | None = None

    def batches(self, count: int, seed: int, epoch: int) -> list[Indices]:
        """The samples of every batch in an epoch, counted from 0; the same for equal arguments."""
        if self.shuffle:
            indices = np.asarray(permutation(seed, epoch, count), dtype=np.int64)
        else:
            indices = np.arange(count, dtype=np.int64)
        size = max(self.size, 1)
        stop = count - count % size if self.drop_last else count
        cut = [indices[k : min(k + size, stop)] for k in range(0, stop, size)]
        return cut if self.limit is None else cut[: self.limit]


@dataclass(frozen=True)
class Feeder:
    """Makes the feeds of one epoch from a data set, for a phase if it is named."""

    samples: Samples
    epoch: int
    seed: int
    training: bool
    rates: dict[str, float]
    phase: Phase | None = None

    def feed(self, number: int, indices: Indices) -> Feed:
        """The feed of batch `number` with these samples."""
        fields, labels, lengths = self.samples.batch(
            indices, epoch=self.epoch, seed=self.seed, training=self.training
        )
        return Feed(
            fields=fields,
            labels=labels,
            lengths=lengths,
            samples=indices,
            number=number,
            epoch=self.epoch,
            seed=self.seed,
            rates=dict(self.rates),
        )

    def where(self, feed: Feed) -> str:
        """Which batch it is, in words."""
        of = f"epoch {self.epoch + 1}" if self.training else "the evaluation"
        return f"batch {feed.number + 1} of {of}"

    def ready(self, number: int, indices: Indices) -> Feed:
        """A feed that fits the phase, and that is on its way to where the phase runs. Raises DataError."""
        feed = self.feed(number, indices)
        if self.phase is not None:
            refuse_misfit(self.phase.needs, feed, self.where(feed))
            if isinstance(self.phase.module, Uploads):
                self.phase.module.upload(feed, learning=self.training)
        return feed

    def feeds(self, batches: Sequence[Indices], first: int = 0) -> Generator[Feed, None, None]:
        """The feeds from batch `first` on, in order; the next is made in a thread meanwhile.

        What a feed holds depends on its number only, never on the timing. Close the iterator if you
        leave it early, so that the thread ends.
        """
        if first >= len(batches):
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="snc-data") as pool:
            coming = pool.submit(self.ready, first, batches[first])
            for number in range(first, len(batches)):
                feed = coming.result()
                if number + 1 < len(batches):
                    coming = pool.submit(self.ready, number + 1, batches[number + 1])
                yield feed


def refuse_empty(batches: Sequence[Indices], samples: Samples, order: Order) -> None:
    """Raise DataError if an epoch has no batch at all."""
    if batches or order.limit == 0:
        return
    count = len(samples)
    raise DataError(
        "too-few-samples",
        f"the data set has {count} samples, fewer than one batch of {order.size}",
        help="use a smaller batch or leave `drop_last` away"
        if count
        else "check the data set's parts",
    )
