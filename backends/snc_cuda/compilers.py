"""Kernels compiled by several processes, into the cache on disk where the process that runs them finds them.

The compiler takes up to some seconds for a kernel and uses one core, and a network of ten layers has hundreds of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from snc.codegen.kernel import load_file
from snc_cuda.card import select

FEW = 12  # kernels that a process compiles in the time it takes to start
MOST = 12  # processes, each of which has some 300 MB on the card while it compiles


def compile_ahead(file: Path, kernels: Sequence[tuple[str, Sequence[str]]], cuda: Any) -> None:
    """Compile kernels of a file, each given by its name and the kinds of its arguments, if that was not done before.

    What a process leaves undone is compiled when it is launched first.
    """
    processes = min(idle(), MOST, len(kernels) // FEW + 1)
    major, minor = cuda.get_current_device().compute_capability
    done = file.with_suffix(f".sm_{major}{minor}-{version('numba-cuda')}")
    if processes < 2 or len(kernels) <= FEW or done.exists():
        return
    running: list[subprocess.Popen[str]] = []
    try:
        for k in range(processes):
            running.append(started({"file": str(file), "kernels": kernels[k::processes]}))
        failed = [process.wait() for process in running]
    finally:
        for process in running:
            process.kill()  # none outlives this
    if not any(failed):
        done.touch()


def idle() -> int:
    """How many cores have nothing to do."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    load = getattr(os, "getloadavg", None)
    return cores - (round(load()[0]) if load else 0)


def started(share: dict[str, object]) -> subprocess.Popen[str]:
    """A process that compiles a share of the kernels."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import snc_cuda.compilers as c; c.main()"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(share))
    process.stdin.close()
    return process


def main() -> None:
    """Compile the share that is told on the standard input."""
    from numba import cuda

    select(cuda)
    told = json.load(sys.stdin)
    text = load_file(Path(told["file"]))
    for name, kinds in told["kernels"]:
        getattr(text, name).compile(types_of(kinds, text.F is not text.D))


def types_of(kinds: Sequence[str], single: bool) -> tuple[Any, ...]:
    """The types of a kernel's arguments: `b` a truth value, `i` a number, `F3` an array of three dimensions."""
    from numba import types

    real = types.float32 if single else types.float64
    of = {"F": real, "D": types.float64, "I": types.int64, "U": types.uint8, "Q": types.uint64}
    plain = {"b": types.boolean, "i": types.int64}
    return tuple(plain.get(k) or types.Array(of[k[0]], int(k[1:]), "C") for k in kinds)
