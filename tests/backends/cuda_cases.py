"""What tests of the CUDA backend share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import snc_cuda.code
from snc_cuda import backend
from snc_cuda.module import CudaRun

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
def launched_at_every_step() -> Iterator[None]:
    """No loop over steps is on the device: kernels are launched at every step, over many blocks."""
    before = snc_cuda.code.LAUNCH
    snc_cuda.code.LAUNCH = -1
    try:
        yield
    finally:
        snc_cuda.code.LAUNCH = before


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
