"""`snc bench`: what it measures, at which rates, and how it ends."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from snc import bench as measured
from snc.cli import main
from snc.compile import load
from snc.lang.format import format_spec
from snc.lang.read import read

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs" / "bench").glob("*.snc"))
TINY = """\
snc 1

network tiny():
    input x[4]
    h   = x | dense(3) | lif(leak = 0.5, theta = 1.5, reset = 1.5)
    out = h | dense(2)

experiment tiny:
    network = tiny()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(out)
    learn h   by stllr() from backprop(loss)
    learn out by descent(loss)
    train:
        during    = always
        update    = every sequence
        optimiser = sgd(0.1)
        batch     = 2

experiment looked_at = tiny with:
    freeze h, out
"""
STEPS, RATE = 6, 1 / 9


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.snc"
    path.write_text(TINY)
    return path


@pytest.fixture
def batch(tmp_path) -> Path:
    """Neuron 0 gets 1 at every step and fires at steps 3 and 5 of 6; the others get nothing: 2 of 18 fire."""
    path = tmp_path / "batch.h5"
    inputs = np.zeros((STEPS, 2, 4), np.float32)
    inputs[:, :, 0] = 1
    weight = np.zeros((3, 4), np.float32)
    weight[0, 0] = 1
    with h5py.File(path, "w") as file:
        file["input"], file["labels"] = inputs, [0, 0]
        file["params/h/weight"], file["params/out/weight"] = weight, np.ones((2, 3))
    return path


def snc(*words):
    return CliRunner().invoke(main, ["bench", *map(str, words)])


def data(*words) -> dict:
    done = snc(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_rates_times_and_keys_of_a_known_batch(tiny, batch, backend):
    found = data(f"{tiny}:tiny", "--batch", batch, "--repeat", 5, "--backend", backend)
    assert found["rates"] == {"h": pytest.approx(RATE)}
    assert found["input_rate"] == pytest.approx(1 / 4)
    assert (found["repeat"], len(found["times"])) == (5, 5)
    assert found["seconds"] == sorted(found["times"])[2] > 0
    assert found["quartiles"] == pytest.approx([sorted(found["times"])[k] for k in (1, 3)])
    assert (found["steps"], found["batch"], found["backend"]) == (STEPS, 2, backend)
    assert found["peak_memory_bytes"] > found["buffers_bytes"] > 0
    assert found["threads"] >= 1
    assert {"snc", "python", "numpy"} <= set(found["versions"])
    assert found["what"] == "training step"


def test_samples_that_ended_count_no_longer(tiny, batch):
    with h5py.File(batch, "a") as file:
        file["lengths"] = [STEPS, 3]
    found = data(f"{tiny}:tiny", "--batch", batch, "--repeat", 1, "--backend", "reference")
    assert found["rates"]["h"] == pytest.approx((2 + 1) / (3 * (STEPS + 3)))


def test_every_run_starts_from_the_same_weights(tiny, batch, monkeypatch):
    seen = []
    run = measured.Work.run

    def watched(work):
        seen.append(work.store["out.weight"].copy())
        outcome = run(work)
        seen.append(work.store["out.weight"].copy())
        return outcome

    monkeypatch.setattr(measured.Work, "run", watched)
    data(f"{tiny}:tiny", "--batch", batch, "--repeat", 2, "--backend", "reference")
    before, after = seen[::2], seen[1::2]
    assert len(before) == 3
    assert all(np.array_equal(before[0], weights) for weights in before)
    assert all(np.array_equal(after[0], weights) for weights in after)
    assert not np.array_equal(before[0], after[0])


def test_an_evaluation_is_timed_where_it_is_asked_for_or_nothing_learns(tiny, batch, monkeypatch):
    learned = []
    monkeypatch.setattr("snc_reference.ReferenceModule.learn", lambda *_, **__: learned.append(1))
    more = ("--batch", batch, "--repeat", 1, "--backend", "reference")
    assert data(f"{tiny}:tiny", "--eval", *more)["what"] == "evaluation"
    assert data(f"{tiny}:looked_at", *more)["what"] == "evaluation"
    assert not learned


def test_several_backends_and_the_text(tiny, batch):
    words = (f"{tiny}:tiny", "--batch", batch, "--repeat", 2, "--backend", "reference")
    found = data(*words, "--backend", "cpu")
    assert [one["backend"] for one in found["runs"]] == ["reference", "cpu"]
    assert found["seconds"] == found["runs"][0]["seconds"]
    assert found["runs"][0]["loss"] == pytest.approx(found["runs"][1]["loss"], rel=1e-5)
    lines = snc(*words).stdout.splitlines()
    assert lines[0].startswith("tiny: training step, 2 samples, 6 steps; reference, float64")
    assert "half of 2 runs between" in lines[1]
    assert lines[2] == "spikes   input 25.0%, h 11.1%"
    assert lines[3].startswith("memory ")


def test_its_own_data_without_a_batch_file(tiny):
    path = tiny.with_name("mine.snc")
    path.write_text(TINY.replace("x[4]", "x[64]").replace("dense(2)", "dense(10)").replace(
        "    loss ", "    data    = digits()\n    loss "))  # fmt: skip
    for more, what in (((), "training step"), (("--eval",), "evaluation")):
        found = data(f"{path}:tiny", "--repeat", 1, "--backend", "reference", *more)
        assert (found["what"], found["batch"]) == (what, 2)
        assert 0 < found["input_rate"] < 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--repeat", "0"], 2, "--repeat"),
        (["--threads", "0"], 2, "--threads"),
        (["--set", "epochs"], 2, "say NAME=VALUE"),
        (["--dtype", "int8"], 2, "--dtype"),
        (["--nonsense"], 2, "--nonsense"),
        (["--backend", "gpux"], 2, "no backend is called `gpux`"),
        (["--backend", "reference", "--batch", "nowhere.h5"], 1, "error[no-file]"),
        (["--set", "train.batchs=3"], 1, "did you mean"),
        ([], 1, "error[no-data]"),
    ],
)
def test_bad_flags(tiny, more, code, words):
    done = snc(f"{tiny}:tiny", *more)
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stdout == ""


def test_mistakes_as_json(tiny, tmp_path):
    nowhere = tmp_path / "nowhere.h5"
    done = snc(f"{tiny}:tiny", "--backend", "reference", "--batch", nowhere, "--json")
    assert json.loads(done.stdout)["errors"][0]["code"] == "no-file"


def test_a_population_is_named_where_its_spikes_are_complete(tmp_path):
    path = tmp_path / "mine.snc"
    path.write_text(TINY.replace("lif(leak = 0.5, theta = 1.5, reset = 1.5)", "lif_refractory()"))
    (compiled,) = load(path, "tiny", backend="reference")
    graph = compiled.program.evaluate
    (node,) = measured.populations(graph).values()
    assert [*measured.populations(graph)] == ["h"]
    assert graph.by_name[node].op == "mul"  # able * spike(...)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_specs_that_are_timed_are_sound(path):
    assert CliRunner().invoke(main, ["check", str(path)]).exit_code == 0
    source = read(path)
    assert format_spec(source) == source.text


def test_every_comparison_has_its_experiment_and_the_script_of_its_peer(monkeypatch):
    place = importlib.util.spec_from_file_location("run", ROOT / "benchmarks" / "run.py")
    run = importlib.util.module_from_spec(place)
    monkeypatch.setitem(sys.modules, "run", run)  # where a dataclass looks for names
    place.loader.exec_module(run)
    assert len(run.WORKLOADS) > 8
    for name, workload in run.WORKLOADS.items():
        text = (ROOT / "specs" / "bench" / f"{workload.file or name}.snc").read_text()
        assert re.search(rf"^experiment {name}\b", text, re.MULTILINE)
        peer = (ROOT / "benchmarks" / "peers" / workload.script).read_text()
        assert all(f'"{form}": ' in peer for form in workload.formulations)
