"""The authors' recurrent networks on the CPU backend, in both precisions."""

from __future__ import annotations

import pytest
from networks import CASES, check_golden

RECURRENT = [c for c in CASES if c.startswith(("stllr_recurrent", "bptt_recurrent", "bptt_last"))]


def test_all_seven_are_here() -> None:
    assert len(RECURRENT) == 7


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", RECURRENT)
def test_the_cpu_agrees_with_the_authors(case: str, dtype: str) -> None:
    check_golden(case, "cpu", dtype)
