"""The CPU backend: Numba, fused loops, parallel over samples and over rows of weights."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from snc.codegen.kernel import KernelSource
from snc.program.program import Program
from snc_cpu.module import CpuModule, emit_program, load_program


@dataclass(frozen=True)
class CpuBackend:
    """Emits one file of Numba functions for a program."""

    name: str = "cpu"

    def unavailable(self) -> str | None:
        """Numba must be installed."""
        return None if find_spec("numba") else "numba is not installed"

    def emit(self, program: Program) -> KernelSource:
        """The kernels as text."""
        return emit_program(program)

    def load(self, kernel: KernelSource) -> CpuModule:
        """Load and compile the text; compiled functions are cached on disk."""
        return load_program(kernel)


backend = CpuBackend()
