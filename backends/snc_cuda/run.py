"""One driver with its arrays on the device: uploads, launches, and what comes back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from types import ModuleType
from typing import Any

import numpy as np

from snc.codegen.arrays import ArraySpec
from snc.codegen.run import MADE, Run
from snc.module import Feed, Outcome, Store
from snc_cuda.ahead import Ahead
from snc_cuda.card import select
from snc_cuda.code import MANY, ONE
from snc_cuda.driver import CudaEmitted
from snc_cuda.memory import DeviceMemory, HostMemory, refuse_too_large
from snc_cuda.recorded import Recorded
from snc_cuda.tiles import SUMS

RESIDENT = (*MADE, "turned", "scratch", "part", "later", "flags", "updates", "record")
BACK = ("output", "record", "gradient")


class CudaRun(Run):
    """One driver with its arrays on the device, which are kept between sequences of the same size."""

    made = RESIDENT
    emitted: CudaEmitted

    def __init__(self, emitted: CudaEmitted, dtype: str, text: ModuleType) -> None:
        super().__init__(emitted, dtype)
        # Imported here: looking for backends must not look for a device.
        from numba import cuda

        self.cuda = cuda
        self.driver = getattr(text, emitted.name)
        self.recorded: Recorded | None = None
        self.weights: dict[str, Any] = {}  # stored arrays on the device
        self.stays: Store | None = None  # whose arrays are newer there
        self.written = {w.stored for w in emitted.graph.writes}
        self.simulated: bool = text.SIMULATED
        self.threads = (3, 2) if self.simulated else (ONE, MANY)
        if not self.simulated:
            select(cuda)
        self.arrays: DeviceMemory | HostMemory = DeviceMemory(cuda)
        if self.simulated and dtype == "float64":
            self.arrays = HostMemory()
        self.ahead = self.nothing_ahead()
        if not self.simulated:
            return
        sys.setswitchinterval(1e-4)  # its threads are Python's and wait for each other's turns

    def one(self, kernel: Any, width: int, rows: int, depth: int, *arguments: Any) -> None:
        """Launch a kernel with one block for each row and step, as wide as its widest loop."""
        kernel[(1, rows, depth), self.block(width, self.threads[0]), self.arrays.stream](*arguments)

    def many(self, kernel: Any, width: int, rows: int, depth: int, *arguments: Any) -> None:
        """Launch a kernel over so many places in each row, at so many steps."""
        threads = self.block(width, self.threads[1])
        blocks = min(-(-width // threads), 2 if self.simulated else 65535)
        kernel[(blocks, rows, depth), threads, self.arrays.stream](*arguments)

    def tiles(self, kernel: Any, rows: int, columns: int, depth: int, *arguments: Any) -> None:
        """Launch a kernel over the tiles of a matrix of so many rows and columns, at so many steps."""
        side = 2 if self.simulated else 16
        blocks = -(-rows // (SUMS * side)) * -(-columns // (SUMS * side))
        blocks = min(blocks, 2 if self.simulated else 65535)
        kernel[(blocks, 1, depth), side * side, self.arrays.stream](*arguments)

    def block(self, width: int, most: int) -> int:
        """Threads of a block: whole warps, on a device."""
        return min(width if self.simulated else -(-width // 32) * 32, most)

    def __call__(self, store: Store, feed: Feed, gradients: bool) -> Outcome:
        """Run one sequence."""
        steps, batch = feed.steps, feed.batch
        first = self.size != (steps, batch)
        if first:
            self.kept, self.size, self.recorded = {}, (0, 0), None
            self.ahead = self.nothing_ahead()  # what is there is given back first
            refuse_too_large(self.cuda, self.sizes(steps, batch), steps, batch)
            self.size = steps, batch
            self.ahead = self.nothing_ahead()
        host: dict[str, Any] = {}
        sent = self.ahead.arrays(feed)
        arrays = {
            spec.name: self.placed(spec, store, feed, host, sent, steps if gradients else 1)
            for spec in self.emitted.specs
        }
        for name, state in self.kept_states:
            value = np.ascontiguousarray(self.places(state, store), self.kind(self.spec(name)))
            self.arrays.write(arrays[name], value)
        numbers = (steps, batch, self.chunk(steps), gradients)
        given = [arrays[s.name] for s in self.emitted.specs]

        def launches() -> None:
            self.driver(self.one, self.many, self.tiles, *numbers, *given)

        if first or gradients or self.simulated:
            launches()
        else:
            self.recorded = self.recorded or Recorded(self.arrays.stream, launches)
            self.recorded.launch()
        self.back(store, host, arrays, gradients)
        return self.outcome(host, gradients)

    @contextmanager
    def staying(self, store: Store) -> Iterator[Callable[[], None]]:
        """What is learned of a store stays on the device; what this gives copies it to the store."""

        def bring() -> None:
            for spec in self.stored_specs:
                if spec.source in self.written and spec.name in self.weights:
                    self.stored(spec.source, store)[...] = self.arrays.read(self.weights[spec.name])

        for spec in self.stored_specs:
            if spec.name in self.weights:
                self.place_weights(spec, store)
        self.stays = store
        try:
            yield bring
        finally:
            self.stays = None
            bring()

    @property
    def stored_specs(self) -> list[ArraySpec]:
        """The arrays that outlive a sequence."""
        return [s for s in self.emitted.specs if s.role == "stored"]

    def place_weights(self, spec: ArraySpec, store: Store) -> Any:
        """A stored array, copied to the device; gives the host's."""
        value = self.stored(spec.source, store)
        if spec.name in self.weights:
            self.arrays.write(self.weights[spec.name], value)
        else:
            self.weights[spec.name] = self.arrays.new(value)
        return value

    def nothing_ahead(self) -> Ahead:
        """Where the fields of the next batch go."""
        return Ahead(None if self.simulated else self.cuda, self.arrays.new, self.size)

    def upload(self, feed: Feed) -> None:
        """Copy the fields of the batch that comes next; one of another size is left to its own turn."""
        ahead, seen = self.ahead, copy(self)  # the other thread may come to another size
        if ahead.size != (feed.steps, feed.batch):
            return
        seen.size = ahead.size
        fields = [s for s in self.emitted.specs if s.role == "field"]
        ahead.send(feed, {s.name: seen.field(s, feed) for s in fields})

    def spec(self, name: str) -> ArraySpec:
        """An array's description."""
        return next(s for s in self.emitted.specs if s.name == name)

    def placed(
        self,
        spec: ArraySpec,
        store: Store,
        feed: Feed,
        host: dict[str, Any],
        sent: Mapping[str, Any],
        updates: int,
    ) -> Any:
        """An array on the device, the same one for all sequences of a size; `host` gets what is on the host too."""
        if spec.role == "stored":
            if self.stays is not store or spec.name not in self.weights:
                host[spec.name] = self.place_weights(spec, store)
            return self.weights[spec.name]
        if spec.role == "gradient" and updates > 1:
            return self.arrays.new(np.zeros(self.shape(spec, *self.size, updates), self.kind(spec)))
        if spec.name not in self.kept:
            self.kept[spec.name] = self.arrays.new(
                np.zeros(self.shape(spec, *self.size), self.kind(spec))
            )
        there = self.kept[spec.name]
        if spec.role not in (*RESIDENT, "gradient"):
            value = sent.get(spec.name)
            self.arrays.write(
                there, self.array(spec, store, feed, updates) if value is None else value
            )
        return there

    def back(
        self, store: Store, host: dict[str, Any], arrays: dict[str, Any], gradients: bool
    ) -> None:
        """Copy what a sequence has made to the host: once, at its end."""
        for spec in self.emitted.specs:
            wanted = gradients or spec.role != "gradient"
            if (spec.role in BACK and wanted) or spec.name == "updates":
                host[spec.name] = self.arrays.read(arrays[spec.name])
            elif spec.name in host and spec.source in self.written and self.stays is not store:
                host[spec.name][...] = self.arrays.read(arrays[spec.name])
            else:
                host.setdefault(spec.name)
        for name, state in self.kept_states:
            places = self.places(state, store)
            places[...] = self.arrays.read(arrays[name]).reshape(places.shape)

    def sizes(self, steps: int, batch: int) -> dict[str, int]:
        """Bytes on the device by array: all of them are there at once, so that their sum is the peak.

        Fields are there three times: where kernels read them, and in two places for batches that come next.
        """
        return {
            s.name: self.emitted.bytes(s, self.dtype, steps, batch)
            * (3 if s.role == "field" else 1)
            for s in self.emitted.specs
        }
