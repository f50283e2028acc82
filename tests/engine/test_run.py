"""Whole runs: folders, trials, sweeps, resume and evaluation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from engine_fakes import Heard, Regression, Toy, phase, prepare

from snc.diagnostics import DataError
from snc.engine.progress import Silent
from snc.engine.run import Case, DataSets, evaluate_run, result_lines, run_cases
from snc.engine.runfolder import RunFolder, finite, open_folder, read_run
from snc.engine.train import Options
from snc.model.plan import Expectation

FILES = ["curve.png", "metrics.jsonl", "result.json", "run.json", "spec.snc", "trial-5", "trial-6"]


def go(folder, cases, watch=None, options=None, **more):
    data = DataSets(prepare)
    return run_cases(cases, data, folder, options or Options(), watch or Silent(), **more)


def case(name="", **changes):
    return Case(name, (phase(**{"epochs": 2, "trials": 2, **changes}),))


def test_a_run_leaves_its_files_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path)
    outcome = go(folder, [case()], about={"spec": "toy.snc", "settings": {"a": "1"}})
    assert sorted(p.name for p in tmp_path.iterdir()) == FILES
    assert [p.name for p in (tmp_path / "trial-6").iterdir()] == ["checkpoint.h5"]
    assert json.loads((tmp_path / "result.json").read_text()) == finite(outcome)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["seed"], line["epoch"]) for line in lines] == [(5, 1), (5, 2), (6, 1), (6, 2)]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    about = read_run(tmp_path)
    assert (about["seeds"], about["settings"], about["backend"]) == ([5, 6], {"a": "1"}, "cpu")
    assert about["data"] == [{"train": "toy", "test": "toy-test"}]
    assert (outcome["seeds"], outcome["epochs"]) == ([5, 6], 2)


def test_no_more_trials_than_asked_for(tmp_path):
    outcome = go(RunFolder(tmp_path), [case(trials=3)], trials=2)
    assert outcome["seeds"] == [5, 6]
    assert outcome["phases"][0]["seeds"] == [5, 6]
    assert outcome["phases"][0]["seeds_asked"] == [5, 6, 7]


def test_data_is_prepared_once_for_all(tmp_path):
    asked = []

    def noted(pipeline):
        asked.append(pipeline)
        return prepare(pipeline)

    data = DataSets(noted)
    run_cases([case("a=0"), case("a=1")], data, RunFolder(tmp_path), Options(), Silent())
    assert len(asked) == 2


def test_a_sweep_has_a_folder_per_case_and_one_result(tmp_path):
    expected = Expectation("accuracy", 0.99, 0.001, "Table 2")
    cases = [case("a=0", trials=1, epochs=0), case("a=1", trials=1, expectations=(expected,))]
    watch = Heard()
    outcome = go(RunFolder(tmp_path), cases, watch)
    assert watch.said == ["a=0", "a=1"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a=0", "a=1", "result.json", "run.json"]
    assert outcome["case"] == "a=1"
    assert outcome["accuracy"] == outcome["cases"]["a=1"]["accuracy"]
    [line] = result_lines(outcome)
    assert line.startswith("a=1  accuracy ")
    assert line.endswith("published 99.00 % +- 0.10 % (Table 2): below")
    assert read_run(tmp_path / "a=1")["case"] == "a=1"
    with pytest.raises(DataError, match="this folder holds a sweep") as error:
        read_run(tmp_path)
    assert "a=0` and `" in error.value.help


def test_resume_keeps_what_is_done_and_mends_the_log(tmp_path):
    class Stop(Heard):
        def start_trial(self, seed, number, trials):
            if number == 2:
                raise KeyboardInterrupt

    folder = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        go(folder, [case()], Stop())
    log = tmp_path / "metrics.jsonl"
    log.write_text(log.read_text() + '{"seed": 5, "epo')
    run_json = (tmp_path / "run.json").read_bytes()
    watch = Heard()
    go(folder, [case()], watch)
    assert [r.epoch for r in watch.records] == [1, 2]
    assert [json.loads(line)["seed"] for line in log.read_text().splitlines()] == [5, 5, 6, 6]
    assert (tmp_path / "run.json").read_bytes() == run_json


def test_resume_on_another_backend_is_told(tmp_path):
    go(RunFolder(tmp_path), [case(trials=1)])
    watch = Heard()
    go(RunFolder(tmp_path), [case(trials=1)], watch, Options(backend="cuda"))
    assert watch.said == [
        "note: seed 5: the backend was `cpu` and is `cuda`; "
        "the last bits may differ from an unbroken run"
    ]


def test_one_seed_instead_of_the_trials(tmp_path):
    assert go(RunFolder(tmp_path), [case()], seeds=(9,))["seeds"] == [9]


def test_evaluation_gives_the_numbers_of_the_last_epoch(tmp_path):
    folder = RunFolder(tmp_path)
    trained = go(folder, [case()])
    watch = Heard()
    found = evaluate_run(folder, case().phases, DataSets(prepare), Options(), watch)
    assert found["accuracy"] == trained["accuracy"]
    assert found["loss"] == pytest.approx(trained["loss"], rel=1e-12)
    assert [line.split()[1] for line in watch.said] == ["5", "6"]


def test_evaluation_needs_a_checkpoint_of_this_spec(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(DataError, match="no checkpoint yet"):
        evaluate_run(folder, case().phases, DataSets(prepare), Options(), Silent())
    go(folder, [case(trials=1)])
    other = (replace(case().phases[0], spec="snc 1\n"),)
    with pytest.raises(DataError) as error:
        evaluate_run(folder, other, DataSets(prepare), Options(), Silent())
    assert error.value.code == "other-spec"


def test_an_experiment_without_data_cannot_be_trained(tmp_path):
    with pytest.raises(DataError, match="`toy` names no data"):
        go(RunFolder(tmp_path), [case(data=None)])


def test_folders_are_numbered_and_never_shared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_folder("shd", None, False).path.name == "shd-1"
    assert open_folder("shd", None, False).path.name == "shd-2"
    (tmp_path / "runs" / "shd-10").mkdir()
    assert open_folder("shd", None, False).path.name == "shd-11"
    assert open_folder("shd_dfa", None, False).path.name == "shd_dfa-1"
    assert open_folder("shd", None, True).path.name == "shd-11"


@pytest.mark.parametrize(
    ("file", "message"),
    [("notes.txt", "this folder is not empty"), ("run.json", "this folder already holds a run")],
)
def test_a_folder_in_use_is_refused(tmp_path, file, message):
    (tmp_path / file).write_text("{}")
    with pytest.raises(DataError, match=message):
        open_folder("shd", tmp_path, False)
    assert open_folder("shd", tmp_path, True).path == tmp_path


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(DataError, match="not empty"):
        open_folder("shd", tmp_path / "x", False)


def test_nothing_to_resume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in (None, tmp_path / "nowhere"):
        with pytest.raises(DataError) as error:
            open_folder("shd", out, True)
        assert error.value.code == "nothing-to-resume"


def test_no_run_and_a_damaged_run(tmp_path):
    with pytest.raises(DataError, match="not the folder of a run"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"a": ')
    with pytest.raises(DataError, match="damaged"):
        read_run(tmp_path)


def test_json_never_holds_a_number_that_is_none(tmp_path):
    assert finite({"a": float("nan"), "b": [1.5, float("inf")]}) == {"a": None, "b": [1.5, None]}


def test_test_data_may_differ_from_training_data():
    assert isinstance(prepare(phase().plan.data.train), Toy)
    assert Regression().memory(2, 3) == 6
