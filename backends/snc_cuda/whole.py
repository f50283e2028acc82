"""A whole sequence in one kernel: the driver, on the device, with a barrier of the whole grid where it launches.

A launch costs the host some 100 us where a kernel takes dozens of arrays, and a network that updates its
weights at every step has dozens of kernels per step. Where they are many and small the grid stays on the
device for the whole sequence (a cooperative launch). Its threads are fewer than separate kernels would have:
where those have much to do they win. Where they are launched a few times only, the one kernel would save
little, and it takes the compiler longer than all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snc.codegen.writer import Writer
from snc_cuda.code import Launch

STEPS = 100  # of a sequence of ordinary length
FEW = 200  # launches in such a sequence that are no reason for one kernel: 20 ms
LONG = 24_000  # characters of one kernel; twice as many take the compiler four times as long
CALL = "\0"  # marks a launch among the lines of a driver
SMALL = (
    4000  # steps of a thread that take about as long as a launch of many arrays: 100 us at 25 ns
)


def call(number: int) -> str:
    """The line that stands for a launch."""
    return f"{CALL}{number}"


def rendered(
    lines: Sequence[str], calls: Sequence[Launch], how: Callable[[Launch], Sequence[str]]
) -> list[str]:
    """The lines of a driver with its launches written out."""
    found: list[str] = []
    for line in lines:
        indent, mark, number = line.partition(CALL)
        made = how(calls[int(number)]) if mark else [line]
        found += [(indent + each if each else "") if mark else each for each in made]
    return found


def fits(calls: Sequence[Launch], often: int) -> bool:
    """Whether kernels are launched often, are small, short, and none needs blocks of its own shape: a rule on sizes.

    often: launches in a sequence of STEPS steps.
    """
    own = any(
        c.kernel.way == "tiles" or (c.kernel.way, c.kernel.rows) == ("many", "B") for c in calls
    )
    length = sum(len(line) for c in calls for line in c.kernel.body)
    wanted = often > FEW and length <= LONG
    return wanted and not own and sum(c.steps for c in calls) <= SMALL * len(calls)


def section(launch: Launch) -> list[str]:
    """What a launch does, as part of the one kernel."""
    kernel, w = launch.kernel, Writer()
    for name, value in launch.values:
        w(f"{name} = {value}")
    if kernel.guard:
        with w.block(f"if not ({kernel.guard})"):
            _body(w, kernel.way, kernel.rows, kernel.body)
    else:
        _body(w, kernel.way, kernel.rows, kernel.body)
    w("grid.sync()")
    w()
    return w.lines


def _body(w: Writer, way: str, rows: str, body: Sequence[str]) -> None:
    block = "first, stride = cuda.threadIdx.x, cuda.blockDim.x"
    if rows == "B":
        w(block)
        with w.block("for b in range(cuda.blockIdx.x, B, cuda.gridDim.x)"):
            _lines(w, body)
    elif way == "one":
        with w.block("if cuda.blockIdx.x == 0"):
            w(block)
            _lines(w, body)
    else:
        w("first, stride = cuda.grid(1), cuda.gridsize(1)")
        _lines(w, body)


def _lines(w: Writer, body: Sequence[str]) -> None:
    for line in body:
        w(line) if line else w()
