"""The CUDA backend: kernels for NVIDIA GPUs through numba-cuda, or through its simulator on any machine."""

from __future__ import annotations

from dataclasses import dataclass

from snc.codegen.kernel import KernelSource
from snc.program.program import Program
from snc_cuda.card import unavailable
from snc_cuda.module import CudaModule, emit_program, load_program
from snc_cuda.ptx import compiled


@dataclass(frozen=True)
class CudaBackend:
    """Emits kernels for NVIDIA GPUs; every value has one owner, so that results are the same bits."""

    name: str = "cuda"

    def unavailable(self) -> str | None:
        """numba-cuda, a driver and a card must be there; or the simulator."""
        return unavailable()

    def emit(self, program: Program) -> KernelSource:
        """The kernels as text."""
        return emit_program(program)

    def ptx(self, kernel: KernelSource, architecture: str) -> str:
        """All kernels compiled for an architecture; needs numba-cuda and no device."""
        return "\n".join(text for _, text in compiled(kernel, architecture))

    def load(self, kernel: KernelSource) -> CudaModule:
        """Load the text."""
        return load_program(kernel)


backend = CudaBackend()
