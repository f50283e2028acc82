"""Emitted code, its arrays, and runs of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from types import ModuleType

import numpy as np

from snc.codegen.kernel import KernelSource, load_text
from snc.codegen.run import Run, graphs
from snc.codegen.stages import Emitted
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc_cpu.emit import emit_graph

HEADER = '''"""{name}: emitted by snc for the CPU backend, {dtype}.

T steps, B samples, K steps in a chunk. Arrays: p_ stored, w_ fixed between updates, t_ their transposes,
x_ fed by the data, s_ states, c_ states read by other stages, b_ states before a chunk, f_ values at its
first step, h_ histories of a chunk, u_ sums and updates, a_ scratch, o_ outputs, r_ records, g_ gradients.
Values are channels last. Primitives {primitives}.
"""

import math

import numpy as np
from numba import njit, prange
from snc_cpu.primitives import *
from snc_cpu.draws import *

REAL = np.{dtype}
F = np.{dtype}
D = np.float64
'''


def emit_program(program: Program) -> KernelSource:
    """The text of both graphs of a program."""
    # The compiler's cache looks at this file only: another version of what it calls is another text.
    parts = [HEADER.format(name=program.name, dtype=program.dtype, primitives=_called())]
    for name, graph in graphs(program):
        parts.append(emit_graph(name, graph).text)
    return KernelSource(program.name, "\n\n".join(parts), program)


def _called() -> str:
    """A hash of all that emitted code calls."""
    digest = hashlib.sha256()
    for module, name in (
        ("snc_cpu", "primitives.py"),
        ("snc_cpu", "draws.py"),
        ("snc", "draws.py"),
    ):
        digest.update(files(module).joinpath(name).read_bytes())
    return digest.hexdigest()[:12]


def load_program(kernel: KernelSource) -> CpuModule:
    """A module that is compiled and ready to run."""
    text = load_text(kernel)
    runs = {
        name: CpuRun(emit_graph(name, graph), kernel.program.dtype, text)
        for name, graph in graphs(kernel.program)
    }
    for run in runs.values():
        run.compile()
    return CpuModule(runs)


@dataclass
class CpuModule:
    """A loaded program."""

    runs: dict[str, CpuRun]

    def learn(self, store: Store, feed: Feed, *, gradients: bool = False) -> Outcome:
        """Run one sequence with learning."""
        return self.runs.get("learn", self.runs["evaluate"])(store, feed, gradients)

    def evaluate(self, store: Store, feed: Feed) -> Outcome:
        """Run one sequence without learning."""
        return self.runs["evaluate"](store, feed, False)

    def memory(self, steps: int, batch: int) -> int:
        """Bytes of all arrays for sequences of this size, stored and fed ones not included."""
        run = self.runs.get("learn", self.runs["evaluate"])
        return run.memory(steps, batch)


class CpuRun(Run):
    """One driver, compiled."""

    def __init__(self, emitted: Emitted, dtype: str, text: ModuleType) -> None:
        super().__init__(emitted, dtype)
        self.text = text

    def compile(self) -> None:
        """Compile the driver, or read it from the cache, by one run on a sample of one step of zeros."""
        arrays = []
        for spec in self.emitted.specs:
            axes = self.order[spec.source][0] if spec.role == "stored" else ()
            kind = self.stored_kind(axes) if spec.role == "stored" else self.kind(spec)
            arrays.append(np.zeros(self.shape(spec, 1, 1), kind))
        getattr(self.text, self.emitted.name)(1, 1, 1, False, *arrays)

    def __call__(self, store: Store, feed: Feed, gradients: bool) -> Outcome:
        """Run one sequence."""
        steps, batch = feed.steps, feed.batch
        if self.size != (steps, batch):
            self.kept, self.size = {}, (steps, batch)
        updates = steps if gradients else 1
        arrays = {s.name: self.array(s, store, feed, updates) for s in self.emitted.specs}
        for name, state in self.kept_states:
            arrays[name][...] = self.places(state, store).reshape(arrays[name].shape)
        driver = getattr(self.text, self.emitted.name)
        driver(
            steps,
            batch,
            self.chunk(steps),
            gradients,
            *(arrays[s.name] for s in self.emitted.specs),
        )
        for name, state in self.kept_states:
            places = self.places(state, store)
            places[...] = arrays[name].reshape(places.shape)
        return self.outcome(arrays, gradients)
