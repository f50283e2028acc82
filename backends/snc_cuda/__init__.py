"""The CUDA backend: kernels for NVIDIA GPUs through numba-cuda, or through its simulator on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from snc.codegen.kernel import KernelSource
from snc.program.program import Program
from snc_cuda.module import CudaModule, emit_program, load_program


@dataclass(frozen=True)
class CudaBackend:
    """Emits kernels for NVIDIA GPUs; every value has one owner, so that results are the same bits."""

    name: str = "cuda"

    def unavailable(self) -> str | None:
        """numba-cuda, a driver and a card must be there; or the simulator."""
        return None if find_spec("numba_cuda") else "numba-cuda is not installed"

    def emit(self, program: Program) -> KernelSource:
        """The kernels as text."""
        return emit_program(program)

    def load(self, kernel: KernelSource) -> CudaModule:
        """Load the text."""
        return load_program(kernel)


backend = CudaBackend()
