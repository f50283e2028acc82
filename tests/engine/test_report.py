"""Summaries over trials and comparison with published numbers."""

from __future__ import annotations

from math import sqrt

import pytest
from engine_fakes import phase, plan

from snc.engine.report import (
    Summary,
    chosen,
    compare,
    comparison_line,
    peak_memory,
    phase_result,
    result,
    summarise,
    value_text,
)
from snc.engine.standing import EpochRecord, Standing
from snc.model.plan import Expectation


def record(epoch: int, accuracy: float, loss: float = 1.0, name: str = "toy") -> EpochRecord:
    return EpochRecord(name, epoch, {"loss": 9.0}, {"accuracy": accuracy, "loss": loss}, {}, 1.0)


def test_final_takes_the_last_epoch_and_best_the_first_of_the_highest():
    records = [record(1, 0.5), record(2, 0.8), record(3, 0.8), record(4, 0.7)]
    assert chosen(plan(), records).epoch == 4
    assert chosen(plan(report_epoch="best"), records).epoch == 2


def test_without_accuracy_best_is_the_lowest_loss_and_nan_is_never_best():
    def losses(*values):
        return [EpochRecord("toy", e, {}, {"loss": v}, {}, 1.0) for e, v in enumerate(values, 1)]

    assert chosen(plan(report_epoch="best"), losses(float("nan"), 3.0, 2.0)).epoch == 3


def test_spread_is_of_a_sample_or_of_a_population():
    records = [record(1, a) for a in (0.1, 0.2, 0.6)]
    assert summarise(plan(), records)["accuracy"] == Summary(
        pytest.approx(0.3), pytest.approx(sqrt(0.14 / 2)), 3
    )
    whole = summarise(plan(report_spread="population"), records)["accuracy"]
    assert whole.spread == pytest.approx(sqrt(0.14 / 3))
    assert summarise(plan(), records[:1])["accuracy"] == Summary(0.1, None, 1)


def test_top_n_keeps_the_best_trials():
    records = [record(1, a) for a in (0.1, 0.9, 0.5, 0.7)]
    summary = summarise(plan(report_trials=2), records)["accuracy"]
    assert (summary.mean, summary.trials) == (pytest.approx(0.8), 2)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (Summary(0.77, 0.005, 5), "within"),
        (Summary(0.79, None, 1), "within"),
        (Summary(0.70, 0.01, 5), "below"),
        (Summary(0.85, 0.01, 5), "above"),
        (None, "not measured"),
    ],
)
def test_published_numbers(ours, verdict):
    expected = Expectation("accuracy", 0.7824, 0.0184, "Table 3")
    [comparison] = compare([expected], {"accuracy": ours} if ours else {}, 10)
    assert comparison.verdict == verdict


@pytest.mark.parametrize(
    ("ours", "verdict"), [(0.504, "within"), (0.506, "above"), (0.494, "below")]
)
def test_a_number_without_spread_is_met_within_its_rounding(ours, verdict):
    printed = Expectation("loss", 0.50, None, "Table 4", 0.005)
    (found,) = compare([printed], {"loss": Summary(ours, None, 1)}, 0)
    assert found.verdict == verdict


def test_a_phase_tells_its_best_and_its_last_epoch_and_what_was_asked_for():
    history = [record(1, 0.5), record(2, 0.8), record(3, 0.7)]
    standings = {s: Standing({}, history=history) for s in (5, 6)}
    found = phase_result(phase(epochs=9, trials=4), standings)
    assert found["best"]["accuracy"] == {"mean": 0.8, "spread": 0.0, "trials": 2}
    assert found["final"]["accuracy"]["mean"] == pytest.approx(0.7)
    assert (found["epochs"], found["epochs_done"]) == (9, 3)
    assert (found["seeds"], found["seeds_asked"]) == ([5, 6], [5, 6, 7, 8])


def test_parameters_are_counted_and_compared_exactly():
    assert phase().parameters == 21
    exact, other = Expectation("parameters", 21, None, ""), Expectation("parameters", 22, None, "")
    assert [c.verdict for c in compare([exact, other], {}, 21)] == ["within", "below"]


def test_lines_for_people():
    assert value_text("accuracy", 0.7824, 0.0184) == "78.24 % +- 1.84 %"
    assert value_text("loss", 0.123456, None) == "0.1235"
    assert value_text("parameters", 527870.0, None) == "527870"
    line = comparison_line(
        {"metric": "accuracy", "published": 0.7824, "published_spread": None, "note": "Table 3",
         "ours": None, "spread": None, "verdict": "not measured"}
    )  # fmt: skip
    assert line == "accuracy not measured, published 78.24 % (Table 3): not measured"


def test_the_result_is_that_of_the_last_phase():
    phases = (phase(name="pretrain"), phase(name="finetune"))
    history = [record(1, 0.9, name="pretrain"), record(1, 0.4, name="finetune")]
    found = result(phases, {5: Standing({}, history=history)}, 0.5)
    assert (found["accuracy"], found["loss"], found["epochs"]) == (0.4, 1.0, 2)
    assert (found["seconds"], found["seconds_compile"], found["seconds_data"]) == (2.0, 0.5, 0.5)
    assert [p["name"] for p in found["phases"]] == ["pretrain", "finetune"]
    assert phase_result(phase(name="never"), {5: Standing({}, history=history)}) is None


def test_peak_memory_is_in_bytes():
    assert peak_memory() > 10_000_000
