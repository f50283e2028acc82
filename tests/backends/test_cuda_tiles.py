"""Convolutions and weight products by tiles of shared memory, in the simulator: the same bits as by plain owners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import snc_cuda.products
import snc_cuda.sums
from cuda_cases import ROOT, changed, here, program
from networks import CASES, CONFORMANCE, net_of
from odd_specs import RECORDS, odd
from random_specs import Spec, compare
from snc_cuda import backend

pytestmark = here
ODD = {
    "groups and dilation": 3,
    "a transposed convolution": 5,
    "paddings of two numbers": 5,
    "through time through pools": 3,
}
"""And of each the weight products by tiles: those of the first step of a chunk are two, and one of groups is none."""


def small(name: str) -> Spec:
    """An odd experiment on smaller pictures: the simulator takes a millisecond for each barrier."""
    text = odd(name).text
    assert "x[2, 8, 7]" in text
    return Spec(text.replace("x[2, 8, 7]", "x[2, 6, 6]"), 3, 2, (2, 6, 6), RECORDS)


@contextmanager
def plain() -> Iterator[None]:
    """By owners of places and weights; a share of the terms for each sample."""
    with changed(snc_cuda.sums, OWNERS=1 << 14):
        yield


@contextmanager
def tiled() -> Iterator[None]:
    """All that is done for one group by tiles; the same shares."""
    products = changed(snc_cuda.products, CHANNELS=1, TERMS=1, LARGE=0)
    with plain(), products, changed(snc_cuda.sums, CHANNELS=1, ROWS=0, AREA=1, BLOCKS=1 << 14):
        yield


def kernels(text: str) -> list[str]:
    """The emitted kernels that work by tiles."""
    found = re.findall(r"^def \w+\(.*?(?=^@|^def |\Z)", text, re.M | re.S)
    return [k for k in found if "left = cuda.shared.array" in k]


@pytest.mark.parametrize("name", ODD)
def test_convolutions_by_tiles_agree_with_the_reference(name: str, tmp_path: Path) -> None:
    """Dilation, strides, transposes, paddings of all sorts, to 1e-9; groups are left to owners."""
    with tiled():
        made = kernels(backend.emit(net_of(small(name).text, tmp_path).program).text)
        weights = [k for k in made if "samples" in k]
        assert len(weights) == ODD[name]
        assert len(made) - len(weights) >= 2
        assert compare(small(name), 0, "cuda") == {}


@pytest.mark.parametrize("name", ["paddings of two numbers", "a transposed convolution"])
def test_tiles_leave_the_bits_of_plain_owners(name: str, tmp_path: Path) -> None:
    """Terms are added in the same order; what an owner skips is a zero."""
    with plain():
        want = left(name, tmp_path, tiles=False)
    with tiled():
        assert left(name, tmp_path, tiles=True) == want


def left(name: str, folder: Path, *, tiles: bool) -> list[bytes]:
    """What a sequence stores and records, to the bit."""
    spec = small(name)
    made = net_of(spec.text, folder, backend="cuda", record=spec.records)
    assert bool(kernels(backend.emit(made.program).text)) == tiles
    for seed in range(20):  # until both layers fire and learn
        random = np.random.default_rng(seed)
        fed = (random.random((spec.steps, spec.batch, *spec.features)) < 0.5).astype(float)
        weights = {
            s.name: random.normal(0.3, 1, s.shape)
            for s in made.program.stored
            if s.role == "parameter"
        }
        ran = made.learn(fed, random.integers(0, 3, spec.batch), weights)
        records, gradients = ran.outcome.records, ran.outcome.gradients
        if all(records[n].any() and gradients[f"{n}.weight"].any() for n in ("h1", "h2")):
            break
    else:
        pytest.fail("a silent network")
    found = (ran.after, records, gradients)
    return [np.ascontiguousarray(a[k]).tobytes() for a in found for k in sorted(a)]


def test_tiles_are_chosen_by_size() -> None:
    """Of a shipped network of full size, and of none of the small ones."""
    text = backend.emit(program(ROOT / "specs" / "bench" / "stllr_vgg9.snc")).text
    made = kernels(text)
    assert (
        len([k for k in made if "samples" in k]) == 2 * 7
    )  # all steps, and the first of each chunk
    assert len(made) > 3 * 7
    assert text.count("    tiles(") >= len(made)
    for case in CASES:
        assert kernels(backend.emit(program(CONFORMANCE / f"{case}.snc")).text) == []
