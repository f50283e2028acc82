"""The batch that comes next: its fields are copied to the device while the present batch runs.

There are two places for every field, of which one is read and the other written, and pinned memory on the host,
from which the device copies by itself, in a stream of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snc.module import Feed
from snc_cuda.card import select


@dataclass
class Ahead:
    """Fields on their way, for sequences of one size (steps, samples). cuda: None where arrays are the host's."""

    cuda: Any
    new: Any  # makes an array of the device
    size: tuple[int, int]
    places: dict[str, list[tuple[Any, Any]]] = field(default_factory=dict)
    turn: int = 0
    feed: Feed | None = None
    sent: Mapping[str, Any] = field(default_factory=dict)

    def send(self, feed: Feed, values: Mapping[str, Any]) -> None:
        """Copy the values of a feed; they are there when this returns, which may be in any thread."""
        self.turn = 1 - self.turn
        if self.cuda is None:
            self.feed, self.sent = feed, {name: self.new(value) for name, value in values.items()}
            return
        select(self.cuda)  # threads have contexts of their own
        stream = self.cuda.stream()
        sent = {}
        for name, value in values.items():
            pinned, there = self._place(name, value)
            pinned[...] = value
            there.copy_to_device(pinned, stream=stream)
            sent[name] = there
        stream.synchronize()
        self.feed, self.sent = feed, sent

    def arrays(self, feed: Feed) -> Mapping[str, Any]:
        """The arrays of this feed that are there already."""
        return self.sent if feed is self.feed else {}

    def _place(self, name: str, value: Any) -> tuple[Any, Any]:
        """Where a value goes this time: pinned memory, and an array of the device."""
        pairs = self.places.setdefault(name, [])
        while len(pairs) < 2:
            pinned = self.cuda.pinned_array(value.shape, value.dtype)
            pairs.append((pinned, self.cuda.device_array(value.shape, value.dtype)))
        return pairs[self.turn]
