"""The authors' dense and recurrent networks on the CUDA backend, in the simulator."""

from __future__ import annotations

import pytest
from cuda_cases import here, in_blocks, launched_at_every_step, step_by_step
from networks import CASES, check_golden

pytestmark = here
DENSE = [c for c in CASES if "conv" not in c and not c.startswith("tess")]
PICTURES = ["bptt_conv", "tess_local_apost_zero"]  # the quickest of them
TWICE = ["bptt_recurrent", "stllr_recurrent_bp_online", "tp_hard"]


def single_precision() -> list[object]:
    """All cases, those that take long marked as slow."""
    quick = {*DENSE, *PICTURES}
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in CASES]


@pytest.mark.parametrize("case", DENSE)
def test_the_simulator_agrees_with_the_authors(case: str) -> None:
    """To 1e-9 of each array's largest magnitude, and in every spike, which the CPU's equal as well."""
    check_golden(case, "cuda", "float64", again=case in TWICE)


@pytest.mark.parametrize("case", TWICE)
def test_stages_step_by_step_agree_with_the_authors(case: str) -> None:
    with step_by_step(), in_blocks():
        check_golden(case, "cuda", "float64")


@pytest.mark.parametrize("case", single_precision())
def test_the_simulator_agrees_with_the_authors_in_single_precision(case: str) -> None:
    """All dense ones and two of the others here; the simulator takes a minute for the rest: `make slow`."""
    check_golden(case, "cuda", "float32")


def test_launches_at_every_step_agree_with_the_authors() -> None:
    with launched_at_every_step():
        check_golden("bptt_last_step", "cuda", "float64")
