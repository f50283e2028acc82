"""Compiling functions, each in a file of its own, in several processes where there is much to do.

The compiler uses one core. Functions do not know of each other, so they can be compiled side by side, and
one that another experiment needs too is compiled once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numba import config, get_num_threads

from snc.codegen.kernel import load_file
from snc_cpu.tasks import address, compile_driver

LARGE = (
    25_000  # characters to compile, from which on another process (a second to start) is worth it
)


def compile_files(tasks: Sequence[Path], drivers: Sequence[Path]) -> None:
    """Compile the functions of files, or read them from the cache.

    As many processes compile as there are threads; the environment variable SNC_COMPILERS says another number.
    """
    new = [p for p in dict.fromkeys((*tasks, *drivers)) if not any(_index(p))]
    helpers = int(os.environ.get("SNC_COMPILERS", get_num_threads())) - 1
    if helpers > 0 and not config.DISABLE_JIT and sum(p.stat().st_size for p in new) >= LARGE:
        own, *others = shares(new, 1 + helpers)
        command = [sys.executable, "-c", "import snc_cpu.compilers as c; c.main()"]
        running = [subprocess.Popen([*command, *map(str, share)]) for share in others if share]
        for path in own:
            compile_file(path)
        for helper in running:
            helper.wait()  # what it did not manage is compiled below
    for path in (*tasks, *drivers):
        compile_file(path)


def compile_file(path: Path) -> None:
    """Compile the function of a file."""
    function = entry(path)
    if path.read_text(encoding="utf-8").rstrip().endswith("# driver"):
        compile_driver(function)
    else:
        address(function)


def entry(path: Path) -> Any:
    """The function of a file."""
    return load_file(path).entry


def _index(path: Path) -> list[Path]:
    """The compiler's cache of a file."""
    return [*(path.parent / "__pycache__").glob(f"{path.stem}.*.nbi")]


def shares(files: Sequence[Path], count: int) -> list[list[Path]]:
    """Files in shares of about equal length of text, the longest first."""
    lengths = {path: path.stat().st_size for path in files}
    found: list[list[Path]] = [[] for _ in range(count)]
    for path in sorted(files, key=lambda p: (-lengths[p], p)):
        min(found, key=lambda share: sum(lengths[p] for p in share)).append(path)
    return found


def main() -> None:
    """Compile some files: what a helping process does."""
    for name in sys.argv[1:]:
        compile_file(Path(name))
