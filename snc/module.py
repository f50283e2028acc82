"""What a backend hands over to the engine: a module that runs sequences, and what goes in and out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Store = dict[str, Array]
"""Everything that outlives a sequence, by name (`h_in.weight`), in file order (see plan.Stored)."""


@dataclass
class Feed:
    """One batch: B samples, T steps.

    fields: name -> [T, B, ...features], zero after a sample's end; `input` is always there, others
    (a mask, images) by the name the data set gives them. A field of one value per sample is [B, ...].
    labels: [B] class numbers, or [T, B], or None. lengths: [B] steps of each sample.
    samples: [B] index of each sample in its data set, which its random streams depend on.
    number: the batch's number in the epoch. rates: learning rates by group name.
    """

    fields: dict[str, Array]
    labels: Array | None
    lengths: NDArray[np.int64]
    samples: NDArray[np.int64]
    number: int = 0
    epoch: int = 0
    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """T, the padded number of steps."""
        return int(self.fields["input"].shape[0])

    @property
    def batch(self) -> int:
        """B."""
        return int(self.lengths.shape[0])


@dataclass
class Outcome:
    """What one sequence gave.

    loss is the sum of the loss over the steps of the window, loss_steps their number. at_end: name ->
    [B] (or one number) at the last step, for `predict` and every metric. records: name -> [T, B, ...].
    gradients: stored name -> what was accumulated before the last update; gradient_steps: the same
    for every update, [updates, ...]. Only filled if asked for. bad: the place of the first value that is
    not finite, or None.
    """

    loss: float = 0.0
    loss_steps: int = 0
    at_end: dict[str, Array] = field(default_factory=dict)
    records: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    gradient_steps: dict[str, Array] = field(default_factory=dict)
    bad: str | None = None


class Module(Protocol):
    """A compiled program, ready to run."""

    def learn(self, store: Store, feed: Feed, *, gradients: bool = False) -> Outcome:
        """Run one sequence with learning; `store` is changed in place."""
        ...

    def evaluate(self, store: Store, feed: Feed) -> Outcome:
        """Run one sequence without learning; only `kept` states in `store` may change."""
        ...

    def memory(self, steps: int, batch: int) -> int:
        """Bytes of all buffers for sequences of this size, store and feed not included."""
        ...


@runtime_checkable
class Stays(Protocol):
    """A module whose memory is elsewhere, and which can leave there what it learns."""

    def staying(self, store: Store) -> AbstractContextManager[Callable[[], None]]:
        """While this is entered, `learn` does not change `store`; what it gives does, and so does leaving it."""
        ...


def staying(module: Module, store: Store) -> AbstractContextManager[Callable[[], None]]:
    """Several sequences behind one another, between which nobody reads the store but after calling what this gives."""
    return module.staying(store) if isinstance(module, Stays) else nullcontext(lambda: None)


@runtime_checkable
class Uploads(Protocol):
    """A module whose memory is elsewhere, and which can copy a batch there while another one runs."""

    def upload(self, feed: Feed, *, learning: bool) -> None:
        """Copy the feed that comes next, in a thread beside the one that runs sequences."""
        ...
