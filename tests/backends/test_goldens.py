"""What the authors' own code computed: the reference computes it, from specs that know no results.

The other backends are in `test_goldens_*.py`, split so that workers have equal shares of the compilation.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from networks import CASES, CONFORMANCE, check_golden, golden

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def test_there_are_twenty_goldens_and_a_spec_for_each() -> None:
    assert len(CASES) == 20
    assert all((CONFORMANCE / f"{case}.snc").exists() for case in CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_reference_agrees_with_the_authors(case: str) -> None:
    check_golden(case, "reference", "float64")


@pytest.mark.parametrize("path", sorted(CONFORMANCE.glob("*.snc")), ids=lambda p: p.stem)
def test_a_conformance_spec_has_no_number_of_more_than_three_digits(path) -> None:
    """A number that was read off a result would have more, and the file names no data."""
    code = [line.split("#")[0] for line in path.read_text(encoding="utf-8").splitlines()]
    numbers = [n for line in code[1:] for n in NUMBER.findall(line)]
    digits = [len(n.split("e")[0].replace(".", "").strip("0")) for n in numbers]
    assert max(digits, default=0) <= 3
    assert not any(word in line for line in code for word in ("hdf5", ".h5", "data", "init"))


@pytest.mark.parametrize("case", CASES)
def test_a_golden_holds_no_constant_a_spec_could_copy(case: str) -> None:
    """Its results are not constant, so that no spec could give them without computing them."""
    for path, value in golden(case).results.items():
        assert np.ptp(value.astype(float)) > 0, path
