"""The authors' convolutional networks on the CUDA backend, in the simulator."""

from __future__ import annotations

import pytest
from cuda_cases import here
from networks import CASES, check_golden

pytestmark = here
HERE = [c for c in CASES if "conv" in c]


@pytest.mark.parametrize("case", HERE)
def test_the_simulator_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "cuda", "float64")
