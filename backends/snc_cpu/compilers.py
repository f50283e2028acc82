"""Compiling functions, each in a file of its own, in several processes where there is much to do.

The compiler uses one core. Functions do not know of each other, so they can be compiled side by side, and
one that another experiment needs too is compiled once.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from select import select
from signal import SIG_IGN, SIGINT, signal
from subprocess import PIPE, Popen
from typing import Any

from numba import config, get_num_threads

from snc.codegen.kernel import load_file
from snc_cpu.tasks import address, compile_driver

LARGE = (
    15_000  # characters to compile, from which on another process (a second to start) is worth it
)
IDLE = 120.0  # seconds after which a helping process ends


class Helper:
    """A process that compiles files. It ends when nothing was asked of it for a while, or nobody is left to ask."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", "import snc_cpu.compilers as c; c.main()"]
        self.process = Popen(command, stdin=PIPE, stdout=PIPE, text=True)

    @property
    def there(self) -> bool:
        """Whether it can be asked."""
        return self.process.poll() is None

    def compile(self, path: Path) -> bool:
        """Have a file compiled, and wait for it. False: the process has ended."""
        asked, answers = self.process.stdin, self.process.stdout
        assert asked
        assert answers
        try:
            asked.write(f"{path}\n")
            asked.flush()
        except OSError:
            return False
        return bool(answers.readline())

    def end(self) -> None:
        """End it now."""
        self.process.kill()
        self.process.communicate()


HELPERS: list[Helper] = []
"""Those of this process: they take a second to start, so they stay for the next program."""


def compile_files(tasks: Sequence[Path], drivers: Sequence[Path]) -> None:
    """Compile the functions of files, or read them from the cache.

    As many processes compile as there are threads; the environment variable SNC_COMPILERS says another number.
    """
    new = [p for p in dict.fromkeys((*tasks, *drivers)) if not any(_index(p))]
    count = int(os.environ.get("SNC_COMPILERS", get_num_threads())) - 1
    if count > 0 and not config.DISABLE_JIT and sum(p.stat().st_size for p in new) >= LARGE:
        _together(new, count)
    for path in (*tasks, *drivers):  # what a helper did not manage too
        compile_file(path)


def _together(files: Sequence[Path], count: int) -> None:
    """Compile files here and by helpers: each takes the one with the longest text of those that are left."""
    left = deque(sorted(files, key=lambda p: (-p.stat().st_size, p)))
    HELPERS[:] = [h for h in HELPERS if h.there]
    HELPERS.extend(Helper() for _ in range(count - len(HELPERS)))
    with ThreadPoolExecutor(count) as threads:
        try:
            for helper in HELPERS[:count]:
                threads.submit(_emptied, left, helper.compile)
            _emptied(left, compile_file)
        except BaseException:
            left.clear()
            end_helpers()
            raise


def _emptied(left: deque[Path], take: Callable[[Path], bool]) -> None:
    """Take files from a list until it is empty, or until one could not be taken."""
    with suppress(IndexError):
        while take(left.popleft()):
            pass


@atexit.register
def end_helpers() -> None:
    """End the helpers of this process."""
    while HELPERS:
        HELPERS.pop().end()


def compile_file(path: Path) -> bool:
    """Compile the function of a file."""
    function = entry(path)
    if path.read_text(encoding="utf-8").rstrip().endswith("# driver"):
        compile_driver(function)
    else:
        address(function)
    return True


def entry(path: Path) -> Any:
    """The function of a file."""
    return load_file(path).entry


def _index(path: Path) -> list[Path]:
    """The compiler's cache of a file."""
    return [*(path.parent / "__pycache__").glob(f"{path.stem}.*.nbi")]


def main() -> None:
    """Compile the files whose paths come in, and say so of each: what a helping process does."""
    signal(SIGINT, SIG_IGN)  # Ctrl-C is for the process that asks
    while select([sys.stdin], [], [], IDLE)[0] and (line := sys.stdin.readline()):
        compile_file(Path(line.rstrip("\n")))
        print("compiled", flush=True)
