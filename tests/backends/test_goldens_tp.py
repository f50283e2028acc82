"""The authors' Traces Propagation networks on the CPU backend; most take half a minute each to compile."""

from __future__ import annotations

import pytest
from networks import CASES, check_golden

HERE = [c for c in CASES if c.startswith("tp")]


def cases(quick: set[str]) -> list[object]:
    """All cases here, those that are not quick for `make slow`."""
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in HERE]


@pytest.mark.parametrize("case", cases({"tp_recurrent"}))
def test_the_cpu_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "cpu", "float64")


@pytest.mark.parametrize("case", cases({"tp_dense2"}))
def test_the_cpu_agrees_with_the_authors_in_single_precision(case: str) -> None:
    check_golden(case, "cpu", "float32")
