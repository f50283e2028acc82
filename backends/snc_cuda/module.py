"""Emitted kernels as a module: their text, and what runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from snc.codegen.kernel import KernelSource, load_file, written
from snc.codegen.run import graphs
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc_cuda.card import select
from snc_cuda.compilers import compile_ahead
from snc_cuda.driver import emit_graph
from snc_cuda.run import CudaRun

HEADER = '''"""{name}: emitted by snc for the CUDA backend, {dtype}.

T steps, B samples, K steps in a chunk. Arrays: p_ stored, w_ fixed between updates, t_ copies of weights
with pre and post exchanged, x_ fed by the data, s_ states, c_ states read by other stages, h_ histories of a
chunk, l_ states of a sweep against time, u_ sums and updates, m_ parts of sums, a_ scratch, o_ outputs, r_ records,
g_ gradients. Values are channels last.
A thread owns the places `first`, `first + stride`, ...; b is the sample, k the step of a chunk. N(i) is an index that
is not negative. The drivers, last, run on the host: `one` launches a kernel with one block for each row, `many` with as
many blocks as there are places, `tiles` with one for each tile of a matrix; each for one step, or for all of a chunk.
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
    """A module that is ready to run; kernels are compiled by several processes, or when they are launched first."""
    file = written(kernel.text)
    text, dtype = load_file(file), kernel.program.dtype
    emitted = [emit_graph(name, graph) for name, graph in graphs(kernel.program)]
    if not text.SIMULATED:
        # Imported here: looking for backends must not look for a device.
        from numba import cuda

        select(cuda)
        compile_ahead(file, [(k.name, e.kinds(k)) for e in emitted for k in e.kernels], cuda)
    return CudaModule({e.name: CudaRun(e, dtype, text) for e in emitted})


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

    @contextmanager
    def staying(self, store: Store) -> Iterator[Callable[[], None]]:
        """While this is entered, what is learned stays on the device; what it gives copies it to the store."""
        with ExitStack() as stack:
            runs = [stack.enter_context(run.staying(store)) for run in self.runs.values()]

            def bring() -> None:
                for one in runs:
                    one()

            yield bring

    def upload(self, feed: Feed, *, learning: bool) -> None:
        """Copy the feed that comes next, in a thread beside the one that runs sequences."""
        self.run(learning).upload(feed)

    def run(self, learning: bool) -> CudaRun:
        """What runs a sequence."""
        return self.runs.get("learn" if learning else "evaluate", self.runs["evaluate"])
