"""The authors' TESS networks on the CPU backend; most take half a minute each to compile."""

from __future__ import annotations

import pytest
from networks import CASES, check_golden

HERE = [c for c in CASES if c.startswith("tess")]


def cases(quick: set[str]) -> list[object]:
    """All cases here, those that are not quick for `make slow`."""
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in HERE]


@pytest.mark.parametrize("case", cases({"tess_local_apost_plus1"}))
def test_the_cpu_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "cpu", "float64")


@pytest.mark.parametrize("case", cases(set()))
def test_the_cpu_agrees_with_the_authors_in_single_precision(case: str) -> None:
    check_golden(case, "cpu", "float32")
