"""The authors' convolutional networks with S-TLLR and back-propagation through time on the CPU backend."""

from __future__ import annotations

import pytest
from networks import CASES, check_golden

HERE = [c for c in CASES if c.startswith(("bptt_conv", "stllr_conv"))]
# Each takes half a minute to compile. Another convolutional network, with local signals, is in
# test_goldens_tess, and random and odd ones run uncompiled in test_equivalence.
QUICK = {"bptt_conv"}


def cases(quick: set[str]) -> list[object]:
    """All cases here, those that are not quick for `make slow`."""
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in HERE]


@pytest.mark.parametrize("case", cases(QUICK))
def test_the_cpu_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "cpu", "float64")


@pytest.mark.parametrize("case", cases(set()))
def test_the_cpu_agrees_with_the_authors_in_single_precision(case: str) -> None:
    check_golden(case, "cpu", "float32")
