"""Emitted code, its arrays, and runs of it."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numba import config

from snc.codegen.arrays import ArraySpec
from snc.codegen.kernel import KernelSource, written
from snc.codegen.run import MADE, Run, aligned, graphs
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc_cpu.compiled import compiled
from snc_cpu.compilers import compile_files, entry
from snc_cpu.emit import CpuEmitted, emit_graph, number_text
from snc_cpu.interpreted import driver_of
from snc_cpu.tasks import SIZES, address

CALLED = (
    "draws.py", "loops.py", "machine.py", "registers.py", "sums.py", "tasks.py", "vectors.py",
)  # and all primitives  # fmt: skip
HEADER = '''"""Emitted by snc for the CPU backend, {dtype}.

T steps, B samples, K steps in a chunk, U updates of a sequence, R rates. Arrays: p_ stored, w_ fixed between
updates, l_ weights laid out in panels (against time: states of the step after), t_ those with pre and post exchanged,
x_ fed by the data, s_ states, c_ states read by other stages, b_ states before a chunk, f_ values at its first step,
h_ histories of a chunk, q_ products by blocks of rows, u_ sums and updates, a_ scratch, o_ outputs, r_ records,
g_ gradients. Values are channels last. Primitives {primitives}.
"""

'''
IMPORTS = """import math

import numpy as np
from numba import njit
from snc_cpu.draws import *
from snc_cpu.primitives import *
from snc_cpu.tasks import *

REAL = np.{dtype}
F = np.{dtype}
D = np.float64
"""


def emit_program(program: Program) -> KernelSource:
    """The text of both graphs of a program."""
    head = (HEADER + IMPORTS).format(dtype=program.dtype, primitives=_called())
    emitted = [emit_graph(name, graph, program.without) for name, graph in graphs(program)]
    text = "\n\n".join([head, *(e.text for e in emitted)])
    return KernelSource(program.name, text, program, partial(emitted[0].memory, program.dtype))


@cache
def _called() -> str:
    """A hash of all that emitted code calls."""
    digest = hashlib.sha256()
    here = files("snc_cpu")
    called = [here / name for name in CALLED]
    called += sorted(
        (p for p in (here / "primitives").iterdir() if p.is_file()), key=lambda p: p.name
    )
    for file in (*called, files("snc") / "draws.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def load_program(kernel: KernelSource) -> CpuModule:
    """A module that is compiled and ready to run."""
    dtype, without = kernel.program.dtype, kernel.program.without
    emitted = {n: emit_graph(n, graph, without) for n, graph in graphs(kernel.program)}
    runs = {name: CpuRun(code, dtype) for name, code in emitted.items()}
    tasks = [path for run in runs.values() for path in run.files.values()]
    compile_files(tasks, [run.driver_file for run in runs.values() if run.compiled])
    for run in runs.values():
        run.load()
    return CpuModule(runs)


def alone(emitted: CpuEmitted, code: str, dtype: str, last: str = "") -> Path:
    """The file of one function: other graphs share it."""
    used = [n for n in emitted.numbers if re.search(rf"\b{n}\b", code)]
    numbers = "".join(number_text(n, emitted.numbers[n]) + "\n" for n in used)
    # The compiler's cache looks at this file only: another version of what it calls is another text.
    head = IMPORTS.format(dtype=dtype) + f"# with primitives {_called()}\n"
    return written(f"{head}{numbers}\n\n{code}\n\n\nentry = task{last}\n")


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
    """One driver, compiled if it has much to do."""

    emitted: CpuEmitted
    made: ClassVar[tuple[str, ...]] = (*MADE, "blocks")

    def __init__(self, emitted: CpuEmitted, dtype: str) -> None:
        super().__init__(emitted, dtype)
        tables = {call.task: len(call.table) for call in emitted.calls}
        codes = {n: compiled(text, tables.get(n)) for n, text in emitted.tasks.items()}
        self.files = {n: alone(emitted, code.text, dtype) for n, code in codes.items()}
        self.reals = {n: code.reals for n, code in codes.items()}
        self.compiled = emitted.chunk.most == 1 or bool(config.DISABLE_JIT)
        self.driver_file = alone(emitted, compiled(emitted.driver).text, dtype, "  # driver")
        self.numbers = {n: np.array(v, np.int64) for n, v in emitted.numbers.items()}
        self.tasks: dict[str, int] = {}
        self.driver: Any = None

    def load(self) -> None:
        """Find the compiled functions."""
        self.tasks = {name: address(entry(path)) for name, path in self.files.items()}
        if self.compiled:
            self.driver = entry(self.driver_file)
        else:
            self.driver = driver_of(self.emitted.driver, self.emitted.name, self.dtype)

    def array(self, spec: ArraySpec, store: Store, feed: Feed, updates: int) -> Any:
        """The array for one place of the table, checked: the code takes it to be what it was told."""
        if spec.role == "always":
            return np.ones(self.shape(spec, *self.size), np.uint8)
        if spec.name in self.kept:
            return self.kept[spec.name]  # checked when it was made
        if spec.name in self.emitted.places:
            return self.history(spec)
        found = super().array(spec, store, feed, updates)
        kind, shape = self.kind(spec), self.shape(spec, *self.size, updates)
        right = found.dtype == kind and found.size == math.prod(shape) and found.flags.c_contiguous
        if not right:
            raise TypeError(f"{spec.name}: {found.dtype} {found.shape}, not {kind} {shape}")
        return found

    def history(self, spec: ArraySpec) -> Any:
        """A history in the room that histories share."""
        steps, batch = self.size
        each = self.chunk(steps) * batch
        if "room" not in self.kept:
            self.kept["room"] = aligned((each * self.emitted.room,), self.kind(spec))
        shape, first = self.shape(spec, steps, batch), each * self.emitted.places[spec.name]
        found: Any = self.kept["room"][first : first + math.prod(shape)]
        self.kept[spec.name] = found.reshape(shape)
        return self.kept[spec.name]

    def __call__(self, store: Store, feed: Feed, gradients: bool) -> Outcome:
        """Run one sequence."""
        steps, batch = feed.steps, feed.batch
        if self.size != (steps, batch):
            self.kept, self.size = {}, (steps, batch)
        updates = steps if gradients else 1
        arrays = {s.name: self.array(s, store, feed, updates) for s in self.emitted.specs}
        for name, state in self.kept_states:
            arrays[name][...] = self.places(state, store).reshape(arrays[name].shape)
        sizes = steps, batch, self.chunk(steps), updates
        table = Table(self.emitted, self.numbers, self.tasks, self.reals, arrays, sizes)
        self.driver(gradients, np.array(list(self.tasks.values()), np.int64), table.address)
        for name, state in self.kept_states:
            places = self.places(state, store)
            places[...] = arrays[name].reshape(places.shape)
        return self.outcome(arrays, gradients)


class Table:
    """Sizes and addresses as compiled code finds them; it must live as long as a call lasts."""

    def __init__(
        self,
        emitted: CpuEmitted,
        lists: dict[str, Any],
        tasks: dict[str, int],
        reals: dict[str, tuple[float, ...]],
        arrays: dict[str, Any],
        sizes: tuple[int, int, int, int],
    ) -> None:
        size = dict(zip(SIZES, (*sizes, max(1, len(emitted.rates))), strict=True))
        addresses = {name: array.ctypes.data for name, array in arrays.items()}

        def entry(given: int | float | str) -> Any:
            if isinstance(given, int):
                return given
            if isinstance(given, float):
                return int(np.float64(given).view(np.int64))
            if given in size:
                return size[given]
            if given in tasks:
                return tasks[given]
            return addresses[given] if given in addresses else lists[given].ctypes.data

        tables = ([entry(g) for g in (*c.table, *reals[c.task])] for c in emitted.calls)
        self.tables = [np.array(table, np.int64) for table in tables]
        pairs = zip(emitted.calls, self.tables, strict=True)
        calls = [(tasks[c.task], table.ctypes.data) for c, table in pairs]
        self.calls = np.array(calls, np.int64)
        numbers = [*size.values(), self.calls.ctypes.data, *addresses.values()]
        self.numbers = np.array(numbers, np.int64)
        self.arrays = arrays
        self.address = self.numbers.ctypes.data
