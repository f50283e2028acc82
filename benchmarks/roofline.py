"""Hot kernels of the `cpu` backend against what this machine can do: `python benchmarks/roofline.py [--page]`.

One thread. Limits: products of matrices that stay in the first cache, and rows of 512 bytes that are added from
matrices of 16 KiB, 512 KiB and 256 MiB, in no order. Every kernel does what a workload does with it; the time is
the median of some runs. `--page` writes the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from snc_cpu import primitives as p
from snc_cpu.tasks import add_listed, add_products

from snc.codegen.products import PAD
from snc.codegen.run import aligned

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
MARK = re.compile(r"(?<=<!-- roofline -->\n).*?(?=<!-- end of roofline -->)", re.DOTALL)
RANDOM = np.random.default_rng(0)


@njit
def add_rows(w: Any, at: Any, out: Any) -> None:
    """Add listed rows of a matrix to a row."""
    add_listed(w, 0, w.shape[1], at, 0, at.size, out, 0, w.shape[1])


@njit
def multiply(w: Any, x: Any, out: Any) -> None:
    """Add a product of matrices."""
    n, width = w.shape
    add_products(w, 0, width, x, 0, n, 1, x.shape[0], n, out, 0, width, width)


@njit
def neurons(v: Any, current: Any, spikes: Any) -> None:
    """A step of leaky neurons."""
    half, theta = np.float32(0.5), np.float32(0.6)
    for i in range(v.size):
        new = half * v[i] + current[i]
        spike = np.float32(1.0) if new > theta else np.float32(0.0)
        spikes[i] = spike
        v[i] = new - theta * spike


def median(call: Callable[[], object], repeat: int = 15) -> float:
    """Seconds of a call."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def real(*shape: int) -> Any:
    """Random numbers in single precision."""
    made = aligned(shape, np.float32)
    made[...] = RANDOM.standard_normal(shape, np.float32)
    return made


def spikes(rate: float, *shape: int) -> Any:
    """Ones at random places, else zeros."""
    made = aligned(shape, np.float32)
    made[...] = RANDOM.random(shape) < rate
    return made


# limits -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """Multiply-adds in a second, and bytes in a second of rows from matrices of three sizes."""

    products: float
    rows: dict[str, float]


def limits() -> Limits:
    """Measure what one core does."""
    w, x, out = real(96, 64), real(96, 96), real(96, 64)
    products = 96 * 96 * 64 * 20 / median(lambda: [multiply(w, x, out) for _ in range(20)])
    found = {}
    for name, rows in (("first cache", 32), ("second cache", 1024), ("memory", 2**19)):
        matrix, at = real(rows, 128), RANDOM.integers(0, rows, 20000).astype(np.uint32)
        total = aligned((128,), np.float32)
        found[name] = 512 * at.size / median(lambda m=matrix, a=at, t=total: add_rows(m, a, t))
    return Limits(products, found)


# kernels ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kernel:
    """What a kernel did: multiply-adds (or adds), bytes of rows it read, seconds, and what bounds it."""

    name: str
    operations: float
    read: float
    seconds: float
    bound: str


def convolution(rate: float) -> Kernel:
    """256 to 256 channels, 16 x 16."""
    side, channels = 16, 256
    shape = np.array([side, side, channels, side, side, channels, 3, 3, 1, 1, 1, 1, 1, 3])
    x = spikes(rate, side * side * channels)
    w, laid, out = real(9 * channels * channels), real(9 * channels**2), real(x.size)
    p.panels(w, laid, 9 * channels, channels, 1)
    at, of = np.empty(x.size + 16, np.uint32), np.empty(x.size + 16, np.float32)
    start = np.empty(side * side + 1, np.int64)

    def call() -> None:
        p.pixel_events(x, at, of, start, channels)
        p.conv(laid, x, at, of, start, out, shape)

    seen = (3 * side - 2) ** 2 / side**2  # weights of the kernel that a pixel meets
    dense = 10 * x.sum() > 3 * x.size
    adds = (x.size if dense else x.sum()) * seen * channels
    name = f"convolution, {rate:.0%} spikes, {'as products' if dense else 'as rows'}"
    return Kernel(name, adds, 4 * adds, median(call), "products" if dense else "second cache")


def weight_product() -> Kernel:
    """Of the same convolution, 8 samples."""
    side, channels, batch = 16, 256, 8
    shape = np.array([side, side, channels, side, side, channels, 3, 3, 1, 1, 1, 1, 1, 3])
    a, z = real(1, batch, side * side * channels), spikes(0.1, 1, batch, side * side * channels)
    total = aligned((9 * channels**2,), np.float32)
    adds = z.sum() * (3 * side - 2) ** 2 / side**2 * channels
    seconds = median(lambda: p.conv_product(total, a, z, shape), 5)
    return Kernel("its weight product, 10% spikes", adds, 4 * adds, seconds, "second cache")


def dense() -> Kernel:
    """700 to 450, 11 % of the inputs, 100 steps of a sample."""
    x, w, out = spikes(0.11, 100, 1, 700), real(700 * 450), real(100, 1, 450)
    laid = real(700 * (-(-450 // PAD) * PAD))
    p.panels(w, laid, 700, 450, PAD)
    seconds = median(lambda: p.gather_steps(laid, x, 0, 0, 100, out, 0))
    adds = x.sum() * 450
    return Kernel("dense product, 11% spikes", adds, 4 * adds, seconds, "second cache")


def dense_of_samples() -> Kernel:
    """The same of 16 samples at one step, the weights as they are stored."""
    x, w, out = spikes(0.11, 16, 700), real(700 * 450), real(16, 450)
    seconds = median(lambda: p.gather_samples(w, x, 0, 16, out, 0), 50)
    adds = x.sum() * 450
    return Kernel("the same, step by step", adds, 4 * adds, seconds, "second cache")


def pairs() -> Kernel:
    """Products of 16 rows of 450 with 128 others, summed in double precision."""
    x, w, out = real(16, 450), real(128, 450), np.zeros((16, 128))
    seconds = median(lambda: p.dots_samples(x, 0, 16, w, 128, out, 0), 50)
    adds = 16 * 128 * 450
    return Kernel("rows times rows, in double precision", adds, 4 * adds, seconds, "products")


def dense_weights() -> Kernel:
    """Of the same projection, 128 samples and 20 steps."""
    a, z = real(20, 128, 450), spikes(0.11, 20, 128, 700)
    total, shape = aligned((700 * 450,), np.float32), np.array([700, 450, 3])
    adds = z.sum() * 450
    seconds = median(lambda: p.dense_product(total, a, z, shape))
    return Kernel("its weight product", adds, 4 * adds, seconds, "second cache")


def population() -> Kernel:
    """65536 leaky neurons, which stay in the second cache."""
    v, current, out = real(65536), real(65536), real(65536)
    seconds = median(lambda: neurons(v, current, out), 50)
    return Kernel("a step of neurons", 3 * v.size, 16 * v.size, seconds, "second cache")


def table() -> str:
    """Limits and kernels as Markdown."""
    found = limits()
    bytes_ = "; ".join(f"{name} {rate / 1e9:.0f} GB/s" for name, rate in found.rows.items())
    lines = [
        f"One core: {found.products / 1e9:.0f} G multiply-adds/s in products of matrices. Rows of 512 bytes, in no"
        f" order: {bytes_}.",
        "",
        "| kernel | operations/s | bytes/s | bound by | reached |",
        "|---|---|---|---|---|",
    ]
    for k in (
        convolution(0.1),
        convolution(0.34),
        weight_product(),
        dense(),
        dense_of_samples(),
        dense_weights(),
        pairs(),
        population(),
    ):
        operations, read = k.operations / k.seconds, k.read / k.seconds
        share = operations / found.products if k.bound == "products" else read / found.rows[k.bound]
        lines.append(
            f"| {k.name} | {operations / 1e9:.0f} G | {read / 1e9:.0f} GB | {k.bound} | {share:.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true")
    made = table()
    print(made)
    if parser.parse_args().page:
        PAGE.write_text(MARK.sub(lambda _: made, PAGE.read_text()))


if __name__ == "__main__":
    main()
