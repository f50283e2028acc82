"""`snc reproduce`: what is run, that it goes on, and that what it says of a row is honest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from snc.cli import main
from snc.comparison import Compared, Run, compared, lines, summary_line
from snc.diagnostics import DataError
from snc.engine.progress import Silent
from snc.model.rows import rows
from snc.reproduce import How, chosen_rows, reproduce, runs_of

FLAGS = {
    "backend": "reference", "dtype": None, "without": (), "epochs": None, "limit_batches": None,
    "seed": None, "trials": None, "data_root": None,
}  # fmt: skip
ALL = rows()


def row(name: str):
    return next(r for r in ALL if r.name == name)


def names(found) -> list[str]:
    return [r.name for r in found]


# What is run ----------------------------------------------------------------------------------------------


def test_rows_are_chosen_by_name_or_collection():
    assert names(chosen_rows(["s2", "G1"], None)) == ["G1", "S2"]
    assert names(chosen_rows([], "tp")) == [r.name for r in ALL if r.collection == "tp"]
    assert len(chosen_rows([], None)) == len(ALL)


@pytest.mark.parametrize(
    ("wanted", "collection", "code", "hint"),
    [
        (["S22"], None, "unknown-row", "did you mean `S2`?"),
        (["S2"], "tp", "unknown-row", ""),
        ([], "stlr", "unknown-collection", "did you mean `stllr`?"),
    ],
)
def test_what_there_is_not(wanted, collection, code, hint):
    with pytest.raises(DataError) as raised:
        chosen_rows(wanted, collection)
    assert raised.value.code == code
    assert hint in raised.value.help


def test_a_row_is_one_run_or_one_for_each_case():
    assert [r.case for r in runs_of(row("S2"))] == [""]
    assert [r.title for r in runs_of(row("A4"))] == [f"A4 alpha_post={a}" for a in ("0", "1", "-1")]
    assert len(list(runs_of(row("A5-shd")))) == 9


def test_a_row_that_is_one_case_of_a_sweep_runs_only_that():
    (run,) = runs_of(row("C10-minus"))
    assert (run.settings, run.title) == ({"alpha_post": "-1"}, "C10-minus alpha_post=-1")


# What is said ---------------------------------------------------------------------------------------------


def outcome(ours: float | None, verdict: str, *, epochs=(200, 200), seeds=5, metric="accuracy"):
    expected = {
        "metric": metric, "published": 0.78, "published_spread": 0.02, "note": "Table 3, row S2",
        "ours": ours, "spread": 0.01, "verdict": verdict,
    }  # fmt: skip
    measured = {metric: {"mean": ours, "spread": 0.01, "trials": seeds}}
    phase = {
        "name": "shd", "epochs": epochs[1], "epochs_done": epochs[0], "seeds_asked": [1, 2, 3, 4, 5],
        "best": measured, "final": {metric: {"mean": 0.7, "spread": 0.01, "trials": seeds}},
        "expectations": [expected] if verdict else [],
    }  # fmt: skip
    return {"phases": [phase], "seeds": list(range(seeds)), "seconds": 1.0, "out": "here"}


RUN = Run(row("S2"), "", {})


@pytest.mark.parametrize(
    ("given", "partly", "status"),
    [
        (outcome(0.78, "within"), [], "matches"),
        (outcome(0.60, "below"), [], "differs"),
        (outcome(0.90, "above"), [], "differs"),
        (outcome(None, "not measured"), [], "differs"),
        (outcome(0.78, "within", epochs=(3, 200)), [], "partial: 3 epochs"),
        (outcome(0.78, "within"), ["2 batches of each"], "partial: 2 batches of each"),
        (outcome(0.78, ""), [], "ran, nothing to compare with"),
        (outcome(1.0, "within", metric="parameters"), [], "ran, nothing to compare with"),
    ],
)
def test_the_status_of_a_row(given, partly, status):
    assert compared(RUN, given, partly).status == status


def test_one_number_out_of_several_that_differs_makes_the_row_differ():
    both = outcome(0.78, "within")
    both["phases"] += outcome(0.60, "below")["phases"]
    assert compared(RUN, both, []).status == "differs"


def test_a_line_shows_published_and_ours_at_best_and_last_with_seeds_and_epochs():
    (line,) = lines(compared(RUN, outcome(0.77, "within", seeds=2), []))
    for part in ("S2", "78.00 % +- 2.00 %", "best epoch 77.00 %", "last 70.00 %", "2 of 5 seeds"):
        assert part in line
    assert line.endswith("200 epochs   matches")


def test_what_did_not_run_says_why_and_is_counted():
    lost = Compared(RUN, "no data", reason="there is no folder `x/SHD`")
    assert not lost.ended
    assert lines(lost)[0].split() == ["S2", "no", "data:", *"there is no folder `x/SHD`".split()]
    done = compared(RUN, outcome(0.77, "within"), [])
    assert summary_line([lost, done, done]) == "3 runs: 1 no data, 2 matches"


# Runs -----------------------------------------------------------------------------------------------------


def test_without_data_every_row_says_so_and_nothing_is_written(tmp_path):
    how = How(tmp_path / "runs", {**FLAGS, "data_root": tmp_path})
    found = reproduce(chosen_rows(["S2", "NMNIST-TP"], None), how, Silent(), lambda one: None)
    assert [one.status for one in found] == ["no data", "no data"]
    assert "SHD" in found[0].reason
    assert not (tmp_path / "runs").exists()


def test_a_row_runs_on_made_up_data_and_is_not_run_twice(tmp_path):
    words = ["reproduce", "GSC-1", "--fixtures", "--limit-batches", "1", "--backend", "reference"]
    words += ["--out", str(tmp_path), "--json"]
    first = CliRunner().invoke(main, words)
    assert first.exit_code == 0, first.output
    (run,) = json.loads(first.stdout)["runs"]
    assert run["status"] == "partial: 2 epochs, 1 batch of each, made-up data"
    assert (run["seeds"], run["seeds_asked"], run["epochs_asked"]) == (1, 10, 13)
    (number,) = run["numbers"]
    assert number["published"] == {"mean": 0.9162, "spread": 0.0208}
    assert number["final"]["trials"] == 1
    log = Path(run["out"]) / "metrics.jsonl"
    assert len(log.read_text().splitlines()) == 2
    log.write_text("")  # would be written anew by a run
    again = CliRunner().invoke(main, words)
    assert json.loads(again.stdout)["runs"] == [run]
    assert log.read_text() == ""


def test_runs_that_cannot_go_on_from_each_other_have_folders_of_their_own():
    def folder(name: str, fixtures: bool = False, **flags: object) -> str:
        how = How(Path("out"), {**FLAGS, "backend": "cpu", **flags}, fixtures)
        (run,) = runs_of(row(name))
        return how.folder(run).as_posix()

    assert folder("S2") == folder("S2", epochs=3, trials=1) == "out/whole/stllr/S2"
    assert folder("S2", seed=1) == "out/seed-1/stllr/S2"
    assert folder("GSC-1") == "out/whole/tp/GSC-1/shots=1"
    assert folder("GSC-1", epochs=3) == "out/3-epochs/tp/GSC-1/shots=1"
    changes = ({"limit_batches": 2}, {"dtype": "float64"}, {"backend": "reference"})
    assert len({folder("S2", **c) for c in ({}, {"fixtures": True}, *changes)}) == 5


def test_the_command_fails_if_a_row_did_not_run(tmp_path):
    words = ["reproduce", "S2", "--data-root", str(tmp_path), "--out", str(tmp_path / "runs")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert done.stdout.endswith("1 run: 1 no data\n")
    wrong = CliRunner().invoke(main, ["reproduce", "S22"])
    assert wrong.exit_code == 1
    assert "did you mean `S2`?" in wrong.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("train", "x.snc"),
        ("eval", "runs/x"),
        ("run", "x.snc"),
        ("bench", "x.snc"),
        ("reproduce", "S22"),
    ],
)
def test_the_number_of_a_gpu_reaches_the_backend_from_every_command(words, monkeypatch):
    monkeypatch.setenv("SNC_CUDA_DEVICE", "0")
    CliRunner().invoke(main, [*words, "--device", "3"])  # the rest may be wrong: it is read first
    assert os.environ["SNC_CUDA_DEVICE"] == "3"
    wrong = CliRunner().invoke(main, [*words, "--device", "first"])
    assert (wrong.exit_code, "Invalid value for '--device'" in wrong.stderr) == (2, True)
