"""What tests of the CUDA backend share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
import snc_cuda.code
import snc_cuda.driver
from snc_cuda import backend
from snc_cuda.run import CudaRun

from snc.compile import program_of
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.program.program import Program

here = pytest.mark.skipif(
    backend.unavailable() is not None,
    reason=f"backend `cuda` cannot run here: {backend.unavailable()}",
)
ROOT = Path(__file__).parents[2]


@contextmanager
def changed(module: ModuleType, **values: object) -> Iterator[None]:
    """Other numbers for the rules by which kernels are shaped, while something is compiled."""
    before = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


def launched_at_every_step() -> AbstractContextManager[None]:
    """No loop over steps is on the device: kernels are launched at every step, over many blocks."""
    return changed(snc_cuda.code, LAUNCH=-1)


@contextmanager
def in_blocks() -> Iterator[None]:
    """Every stage that runs through time waits at barriers: no owner goes through the steps alone."""
    with changed(snc_cuda.code, alone=lambda parts: False):
        yield


@contextmanager
def step_by_step() -> Iterator[None]:
    """No stage is computed at all steps at once."""
    with changed(snc_cuda.driver, AT_ONCE=False):
        yield


WAYS = (launched_at_every_step, in_blocks, step_by_step)


@contextmanager
def threads(one: int, many: int) -> Iterator[None]:
    """Blocks of at most so many threads."""
    start = CudaRun.__init__

    def init(self: CudaRun, *given: object) -> None:
        start(self, *given)  # type: ignore[arg-type]
        self.threads = (one, many)

    CudaRun.__init__ = init  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        CudaRun.__init__ = start  # type: ignore[method-assign]


def program(path: Path, experiment: str | None = None, dtype: str = "float32") -> Program:
    """The program of an experiment."""
    return program_of(resolve(choose(load_file(path), experiment)), dtype)[1]


def without_simulator(*command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A program that sees the compiler and no simulator."""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    return subprocess.run(
        [sys.executable, *command],
        env={**environment, **changes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
