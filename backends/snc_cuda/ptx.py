"""Kernels compiled to PTX, which needs no device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from snc.codegen.kernel import KernelSource, load_file, written
from snc.codegen.run import graphs
from snc.diagnostics import BackendError
from snc_cuda.code import MANY, ONE, Kernel
from snc_cuda.compilers import types_of
from snc_cuda.driver import CudaEmitted, emit_graph


@dataclass(frozen=True)
class Entry:
    """A kernel as the compiler gets it: its function, the types of its arguments, and threads of a block at most."""

    name: str
    function: Any
    types: tuple[Any, ...]
    threads: int

    @property
    def code(self) -> tuple[Any, ...]:
        """All that the compiler reads but the names of kernel, arrays and variables, which bytecode knows by number.

        Other names mean the same in all emitted texts of a precision.
        """
        made, precision = self.function.__code__, self.function.__globals__["F"]
        numbers = tuple((type(c), repr(c)) for c in made.co_consts)
        return made.co_code, numbers, made.co_names, precision, self.types, self.threads

    def ptx(self, architecture: str) -> str:
        """The kernel compiled for an architecture such as `sm_90`."""
        from numba import cuda

        cc = capability(architecture)
        text, _ = cuda.compile_ptx(self.function, self.types, cc=cc, launch_bounds=self.threads)
        return str(text)


def compiled(source: KernelSource, architecture: str) -> Iterator[tuple[str, str]]:
    """The name and PTX of every kernel of a program, for an architecture such as `sm_90`."""
    capability(architecture)
    for entry in entries(source):
        yield entry.name, entry.ptx(architecture)


def entries(source: KernelSource) -> list[Entry]:
    """All kernels of a program."""
    # Imported here: everything else works without numba-cuda.
    from numba import config

    if config.ENABLE_CUDASIM:
        raise BackendError("the simulator compiles nothing; unset NUMBA_ENABLE_CUDASIM")
    text, dtype = load_file(written(source.text)), source.program.dtype
    found = []
    for name, graph in graphs(source.program):
        emitted = emit_graph(name, graph)
        for kernel in emitted.kernels:
            function = getattr(text, kernel.name).py_func
            threads = ONE if kernel.way == "one" else MANY
            found.append(Entry(kernel.name, function, signature(kernel, emitted, dtype), threads))
    return found


def capability(architecture: str) -> tuple[int, int]:
    """The numbers of an architecture. Raises BackendError."""
    found = re.fullmatch(r"sm_(\d+)(\d)", architecture)
    if not found:
        raise BackendError(f"`{architecture}` is no architecture; say `sm_80` or `sm_90`")
    return int(found[1]), int(found[2])


def signature(kernel: Kernel, emitted: CudaEmitted, dtype: str) -> tuple[Any, ...]:
    """The types of a kernel's arguments."""
    return types_of(emitted.kinds(kernel), dtype == "float32")
