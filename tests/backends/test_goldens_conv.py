"""The authors' convolutional networks with S-TLLR and back-propagation through time on the CPU backend."""

from __future__ import annotations

import pytest
from networks import CASES, check_golden

HERE = [c for c in CASES if c.startswith(("bptt_conv", "stllr_conv"))]
QUICK = {"bptt_conv", "stllr_conv_bp_max"}  # the others take half a minute each to compile
IN_SINGLE = "bptt_conv"


def cases(quick: set[str]) -> list[object]:
    """All cases here, those that are not quick for `make slow`."""
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in HERE]


@pytest.mark.parametrize("case", cases(QUICK))
def test_the_cpu_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "cpu", "float64")


@pytest.mark.parametrize("case", cases({IN_SINGLE}))
def test_the_cpu_agrees_with_the_authors_in_single_precision(case: str) -> None:
    check_golden(case, "cpu", "float32")
