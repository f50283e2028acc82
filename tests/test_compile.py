"""The order of things in the compiler's driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from snc import compile as driver
from snc.diagnostics import DataError
from snc.engine.phase import from_compiled

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


def test_weights_that_are_fixed_are_no_trained_parameters():
    (made,) = driver.load(SPEC.with_name("tp_dense2.snc"), backend="reference")
    phase = from_compiled(made)
    assert {s.name for s in phase.stored} > {"g1.weight", "h1.weight"}
    assert phase.parameters == 20 * 16 + 16 * 12 + 12 * 4


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
