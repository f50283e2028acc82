"""The order of things in the compiler's driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from snc import compile as driver
from snc.diagnostics import DataError

SPEC = Path(__file__).parents[1] / "specs" / "conformance" / "tess.snc"


def test_plans_are_told_before_anything_is_compiled():
    seen: list[str] = []

    def planned(plan):
        seen.append(f"plan of {plan.name}")
        raise DataError("no-data", "there is nothing to train on")

    with pytest.raises(DataError):
        driver.load(
            SPEC,
            "local",
            backend="reference",
            seen=lambda name, value: seen.append(name),
            planned=planned,
        )
    assert seen[-1] == "plan of local"
    assert "program" in seen
    assert "kernel" not in seen


def test_what_is_planned_is_what_is_compiled():
    told = []
    (made,) = driver.load(SPEC, "local", backend="reference", planned=told.append)
    assert told == [made.plan]


@pytest.mark.parametrize(
    ("printed", "rounding"),
    [("0.50", 0.005), ("66.058 %", 0.000005), ("9228299", 0.5), ("2e-3", 5e-4)],
)
def test_a_published_number_is_known_to_half_a_unit_of_its_last_digit(tmp_path, printed, rounding):
    path = tmp_path / "mine.snc"
    path.write_text(
        f"snc 1\nuse conformance.tess: local\n\nexperiment mine = local with:\n    expect loss = {printed}\n"
    )
    (made,) = driver.load(path, backend="reference")
    (expected,) = made.plan.expectations
    assert expected.rounding == pytest.approx(rounding)
