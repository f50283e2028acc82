"""Emitted kernels on a device: memory, uploads, launches, and what comes back."""

from __future__ import annotations

import hashlib
import sys
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np

from snc.codegen.arrays import ArraySpec
from snc.codegen.kernel import KernelSource, load_file, written
from snc.codegen.run import MADE, Run, graphs
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc_cuda.ahead import Ahead
from snc_cuda.card import select
from snc_cuda.code import GRID, MANY, ONE
from snc_cuda.driver import CudaEmitted, emit_graph
from snc_cuda.memory import DeviceMemory, HostMemory, refuse_too_large
from snc_cuda.ptx import signature

HEADER = '''"""{name}: emitted by snc for the CUDA backend, {dtype}.

T steps, B samples, K steps in a chunk. Arrays: p_ stored, w_ fixed between updates, t_ copies of weights
with pre and post exchanged, x_ fed by the data, s_ states, c_ states read by other stages, h_ histories of a
chunk, l_ states of a sweep against time, u_ sums and updates, m_ parts of sums, a_ scratch, o_ outputs, r_ records,
g_ gradients. Values are channels last.
A thread owns the places `first`, `first + stride`, ...; b is the sample. The drivers, last, run on the host:
`one` launches a kernel with one block for each row, `many` with as many blocks as there are places, `tiles`
with one for each tile of a matrix.
Helpers {helpers}.
"""

import math

import numpy as np
from numba import cuda
from snc_cuda.device import *
from snc_cuda.draws import *

F = np.{dtype}
D = np.float64
mul_f, fma_f = mul_{kind}, fma_{kind}
'''

RESIDENT = (*MADE, "turned", "scratch", "part", "later", "flags", "updates")
BACK = ("output", "record", "gradient")


def emit_program(program: Program) -> KernelSource:
    """The text of both graphs of a program."""
    digest = hashlib.sha256()  # the compiler's cache looks at this file only
    for module, name in (("snc_cuda", "device.py"), ("snc_cuda", "draws.py"), ("snc", "draws.py")):
        digest.update(files(module).joinpath(name).read_bytes())
    used = digest.hexdigest()[:12]
    parts = [
        HEADER.format(
            name=program.name,
            dtype=program.dtype,
            kind="d" if program.dtype == "float64" else "s",
            helpers=used,
        )
    ]
    emitted = [emit_graph(name, graph) for name, graph in graphs(program)]
    text = "\n\n".join([*parts, *(e.text for e in emitted)])
    return KernelSource(program.name, text, program, partial(emitted[0].memory, program.dtype))


def load_program(kernel: KernelSource) -> CudaModule:
    """A module that is ready to run; kernels are compiled when they are launched first, and cached on disk."""
    text = load_file(written(kernel.text))
    return CudaModule(
        {
            name: CudaRun(emit_graph(name, graph), kernel.program.dtype, text)
            for name, graph in graphs(kernel.program)
        }
    )


@dataclass
class CudaModule:
    """A loaded program."""

    runs: dict[str, CudaRun]

    def learn(self, store: Store, feed: Feed, *, gradients: bool = False) -> Outcome:
        """Run one sequence with learning."""
        return self.run(True)(store, feed, gradients)

    def evaluate(self, store: Store, feed: Feed) -> Outcome:
        """Run one sequence without learning."""
        return self.run(False)(store, feed, False)

    def memory(self, steps: int, batch: int) -> int:
        """Bytes of all arrays for sequences of this size, stored and fed ones not included."""
        return self.run(True).memory(steps, batch)

    def upload(self, feed: Feed, *, learning: bool) -> None:
        """Copy the feed that comes next, in a thread beside the one that runs sequences."""
        self.run(learning).upload(feed)

    def run(self, learning: bool) -> CudaRun:
        """What runs a sequence."""
        return self.runs.get("learn" if learning else "evaluate", self.runs["evaluate"])


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
        self.whole: Any = getattr(text, f"{emitted.name}_whole") if emitted.whole else None
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

    def one(self, kernel: Any, width: int, rows: int, *arguments: Any) -> None:
        """Launch a kernel with one block for each row, as wide as its widest loop."""
        kernel[(1, rows), self.block(width, self.threads[0]), self.arrays.stream](*arguments)

    def many(self, kernel: Any, width: int, rows: int, *arguments: Any) -> None:
        """Launch a kernel over so many places in each row."""
        threads = self.block(width, self.threads[1])
        blocks = min(-(-width // threads), 2 if self.simulated else 65535)
        kernel[(blocks, rows), threads, self.arrays.stream](*arguments)

    def tiles(self, kernel: Any, rows: int, columns: int, *arguments: Any) -> None:
        """Launch a kernel over the tiles of a matrix of so many rows and columns."""
        side = 2 if self.simulated else 16
        blocks = -(-rows // (4 * side)) * -(-columns // (4 * side))
        blocks = min(blocks, 2 if self.simulated else 65535)
        kernel[blocks, side * side, self.arrays.stream](*arguments)

    def together(self) -> int:
        """How many blocks work on a whole sequence: as many as can wait for each other and have work."""
        return min(self.resident, max(self.size[1], GRID // MANY))

    @cached_property
    def resident(self) -> int:
        """How many blocks of the one kernel are on the card at the same time; in the simulator only one is."""
        if self.simulated:
            return 1
        kernel = self.emitted.kernels[-1]
        made = self.whole.compile(signature(kernel, self.emitted, self.dtype))
        most: int = made.max_cooperative_grid_blocks(self.threads[1])
        return most

    def block(self, width: int, most: int) -> int:
        """Threads of a block: whole warps, on a device."""
        return min(width if self.simulated else -(-width // 32) * 32, most)

    def __call__(self, store: Store, feed: Feed, gradients: bool) -> Outcome:
        """Run one sequence."""
        steps, batch = feed.steps, feed.batch
        if self.size != (steps, batch):
            self.kept, self.size = {}, (steps, batch)
            self.ahead = self.nothing_ahead()
            refuse_too_large(self.cuda, self.sizes(steps, batch), steps, batch)
        updates = steps if gradients else 1
        arrays: dict[str, Any] = dict(self.ahead.arrays(feed))
        host: dict[str, Any] = dict.fromkeys(arrays)
        for spec in self.emitted.specs:
            if spec.name not in arrays:
                host[spec.name], arrays[spec.name] = self.both(spec, store, feed, updates)
        for name, state in self.kept_states:
            value = np.ascontiguousarray(self.places(state, store), self.kind(self.spec(name)))
            self.arrays.write(arrays[name], value)
        numbers = (steps, batch, self.chunk(steps), gradients)
        given = [arrays[s.name] for s in self.emitted.specs]
        if self.whole is not None:
            self.whole[self.together(), self.threads[1], self.arrays.stream](*numbers, *given)
        else:
            self.driver(self.one, self.many, self.tiles, *numbers, *given)
        self.back(store, host, arrays)
        return self.outcome(host, gradients)

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

    def both(self, spec: ArraySpec, store: Store, feed: Feed, updates: int) -> tuple[Any, Any]:
        """An array on the host, None if it never is there, and on the device."""
        if spec.role in RESIDENT:
            if spec.name not in self.kept:
                zeros = np.zeros(self.shape(spec, *self.size), self.kind(spec))
                self.kept[spec.name] = self.arrays.new(zeros)
            return None, self.kept[spec.name]
        value = self.array(spec, store, feed, updates)
        return value, self.arrays.new(value)

    def back(self, store: Store, host: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Copy what a sequence has made to the host: once, at its end."""
        for spec in self.emitted.specs:
            if spec.role in BACK or spec.name == "updates":
                host[spec.name] = self.arrays.read(arrays[spec.name])
            elif spec.role == "stored" and spec.source in self.written:
                host[spec.name][...] = self.arrays.read(arrays[spec.name])
        for name, state in self.kept_states:
            places = self.places(state, store)
            places[...] = self.arrays.read(arrays[name]).reshape(places.shape)

    def sizes(self, steps: int, batch: int) -> dict[str, int]:
        """Bytes on the device by array: all of them are there at once, so that their sum is the peak.

        Fields are there three times: as the first batch of this size brought them, and in two places for others.
        """
        return {
            s.name: self.emitted.bytes(s, self.dtype, steps, batch)
            * (3 if s.role == "field" else 1)
            for s in self.emitted.specs
        }
