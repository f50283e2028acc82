"""Kernels compiled to PTX, which needs no device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from snc.codegen.kernel import KernelSource, load_file, written
from snc.codegen.run import graphs
from snc.diagnostics import BackendError
from snc_cuda.code import MANY, ONE, Kernel
from snc_cuda.driver import CudaEmitted, emit_graph


def compiled(
    source: KernelSource, architecture: str, known: dict[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """The name and PTX of every kernel of a program, for an architecture such as `sm_90`.

    known: PTX of kernels by their text and types, which is used and added to; nothing is known by default.
    """
    found = re.fullmatch(r"sm_(\d+)(\d)", architecture)
    if not found:
        raise BackendError(f"`{architecture}` is no architecture; say `sm_80` or `sm_90`")
    capability = int(found[1]), int(found[2])
    # Imported here: everything else works without numba-cuda.
    from numba import config, cuda

    if config.ENABLE_CUDASIM:
        raise BackendError("the simulator compiles nothing; unset NUMBA_ENABLE_CUDASIM")
    text, known = load_file(written(source.text)), {} if known is None else known
    for name, graph in graphs(source.program):
        emitted = emit_graph(name, graph)
        for kernel in emitted.kernels:
            given = signature(kernel, emitted, source.program.dtype)
            same = f"{architecture} {given} {source.program.dtype} {bare(kernel)}"
            if same not in known:
                bounds = ONE if kernel.way == "one" else MANY
                function = getattr(text, kernel.name).py_func
                with device_of(capability):
                    known[same], _ = cuda.compile_ptx(
                        function, given, cc=capability, launch_bounds=bounds
                    )
            yield kernel.name, known[same]


@contextmanager
def device_of(capability: tuple[int, int]) -> Iterator[None]:
    """The compiler's barrier of a grid asks the current device for its age: here it is told."""
    from numba.cuda import dispatcher

    before = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = before


def bare(kernel: Kernel) -> str:
    """A kernel's text without its name and comments."""
    code = [line.split("  # ")[0] for line in kernel.text().splitlines()]
    return "\n".join(code).replace(f"def {kernel.name}(", "def (")


def signature(kernel: Kernel, emitted: CudaEmitted, dtype: str) -> tuple[Any, ...]:
    """The types of a kernel's arguments."""
    from numba import types

    real = types.float64 if dtype == "float64" else types.float32
    kinds = {"F": real, "D": types.float64, "I": types.int64, "U": types.uint8, "Q": types.uint64}
    specs = {s.name: s for s in emitted.specs}
    numbers = [types.boolean if n == "want" else types.int64 for n in kernel.numbers]
    arrays = [types.Array(kinds[specs[a].dtype], len(specs[a].shape), "C") for a in kernel.arrays]
    return (*numbers, *arrays)
