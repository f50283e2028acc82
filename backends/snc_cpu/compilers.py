"""Compiling the tasks of a large file of kernels in several processes, into the cache on disk.

The compiler uses one core. Tasks do not know of each other, so they can be compiled side by side.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from inspect import getsource
from pathlib import Path
from types import ModuleType

from numba import config, get_num_threads

from snc.codegen.kernel import load_file
from snc_cpu.tasks import address

LARGE = (
    60_000  # characters of kernels, from which on another process (a second to start) is worth it
)


def compile_tasks(text: ModuleType, names: Sequence[str], length: int) -> None:
    """Compile tasks, or read them from the cache; with the help of other processes where there are many."""
    path = Path(str(text.__file__))
    done = path.with_suffix(".compiled")
    helpers = get_num_threads() - 1
    if length >= LARGE and helpers and not config.DISABLE_JIT and not done.exists():
        own, *others = shares(text, names, 1 + helpers)
        command = [sys.executable, "-c", "import snc_cpu.compilers as c; c.main()", str(path)]
        running = [subprocess.Popen([*command, *share]) for share in others if share]
        for name in own:
            address(getattr(text, name))
        for helper in running:
            helper.wait()  # what it did not manage is compiled below
    for name in names:
        address(getattr(text, name))
    done.touch()


def shares(text: ModuleType, names: Sequence[str], count: int) -> list[list[str]]:
    """Names in shares of about equal length of text, the longest first."""
    lengths = {name: len(getsource(getattr(text, name).py_func)) for name in names}
    found: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(names, key=lambda n: (-lengths[n], n)):
        min(found, key=lambda share: sum(lengths[n] for n in share)).append(name)
    return found


def main() -> None:
    """Compile some tasks of a file: what a helping process does."""
    path, *names = sys.argv[1:]
    text = load_file(Path(path))
    for name in names:
        address(getattr(text, name))
