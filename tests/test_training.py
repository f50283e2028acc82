"""Whole runs from text: schedules, phases, updates every several sequences, predictions; on both backends.

The cpu backend's text runs as plain Python here: nothing is compiled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import cos, inf, pi
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from networks import net_of

import snc
from snc.diagnostics import BackendError, SpecError
from snc.engine.phase import from_compiled
from snc.engine.progress import Silent
from snc.engine.train import Options, PhaseData, train

BACKENDS = ["reference", "cpu"]
SAMPLES, CLASSES, FEATURES, STEPS = 90, 3, 6, 5
SPEC = """snc 1

dataset toy(many = 20):
    samples = npz("toy.npz", input = "x", label = "y")
    train   = samples | per_class(first = many)
    test    = samples | per_class(final = 8)
    classes = 3

network net():
    input x[6]
    h   = x | dense(8) | lif(leak = 0.8, theta = 0.4)
    out = h | dense(3) | integrator(leak = 1)

experiment base:
    network = net()
    data    = toy()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
    metric surprise = cross_entropy(total(out), label)
    learn h by stllr() from backprop(loss)
    learn out by descent(loss)
    train:
        epochs = 6
        batch  = 12

experiment cosine_floor = base with:
    train.optimiser = adam(0.02, schedule = cosine(4 epochs, floor = 0.25))

experiment by_drops = base with:
    train.optimiser = adam(0.02, schedule = drops(2 epochs, factor = 0.1))

experiment on_plateau = base with:
    halving = plateau(test.surprise, factor = 0.5, patience = 1, threshold = 0.3)
    train.optimiser = adam(0.05, schedule = halving)

experiment two_rates = base with:
    learn h using sgd(0.3, schedule = drops(3 epochs, factor = 0.5))
    train.optimiser = adam(0.02, schedule = plateau(train.accuracy, factor = 0.5, patience = 0))

experiment tuned = base with:
    train.epochs = 2
    phase pretrain:
        train.optimiser = adam(0.02, schedule = drops(1 epochs, factor = 0.5))
    phase finetune:
        data            = toy(many = 5)
        train.epochs    = 3
        train.optimiser = adam(0.01, schedule = drops(1 epochs, factor = 0.5))

experiment pretrained = base with:
    train.epochs    = 2
    train.optimiser = adam(0.02, schedule = drops(1 epochs, factor = 0.5))

experiment gathered = base with:
    train.epochs    = 3
    train.optimiser = adam(0.05)
    train.update    = every 3 sequences
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    random = np.random.default_rng(0)
    y = np.arange(SAMPLES) % CLASSES
    means = 0.2 + 0.5 * (np.arange(FEATURES)[None] % CLASSES == y[:, None])
    x = random.random((SAMPLES, STEPS, FEATURES)) < means[:, None]
    np.savez(folder / "toy.npz", x=x.astype(np.float32), y=y)
    path = folder / "toy.snc"
    path.write_text(SPEC, encoding="utf-8")
    return path


class Run:
    """A run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        self.epochs: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def rates(self, name: str = "out") -> list[float]:
        return [e["rates"][name] for e in self.epochs]

    def stored(self) -> dict[str, np.ndarray]:
        with h5py.File(self.folder / "trial-0" / "checkpoint.h5") as file:
            return {name: item[()] for name, item in file["store"].items()}


def run(spec: Path, experiment: str, backend: str, folder: Path) -> Run:
    out = folder / f"{experiment}-{backend}"
    if backend == "reference":
        snc.load(spec, experiment).train(backend=backend, dtype="float64", out=out)
    else:
        _run_as_python(spec, experiment, backend, out)
    found = Run(out)
    first, last = found.epochs[0], found.epochs[-1]
    assert last["test"]["loss"] < first["test"]["loss"], "nothing was learned"
    return found


def _run_as_python(spec: Path, experiment: str, backend: str, out: Path) -> None:
    command = [sys.executable, "-m", "snc", "train", f"{spec}:{experiment}"]
    command += ["--backend", backend, "--dtype", "float64", "--out", str(out)]
    done = subprocess.run(
        command,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Schedules ----------------------------------------------------------------------------------------------


def after_plateaus(
    values: list[float], rate: float, patience: int, threshold: float
) -> list[float]:
    """The rate of every epoch of a plateau schedule that halves, lower values being better."""
    best, bad, rates = inf, 0, []
    for value in values:
        rates.append(rate)
        if best == inf or value < best - abs(best) * threshold:
            best, bad = value, 0
        else:
            bad += 1
        if bad > patience:
            rate, bad = rate / 2, 0
    return rates


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cosine_with_a_floor(backend: str, spec: Path, tmp_path: Path) -> None:
    found = run(spec, "cosine_floor", backend, tmp_path).rates()
    want = [0.02 * (0.25 + 0.75 * (1 + cos(pi * e / 4)) / 2) for e in range(6)]
    assert found == pytest.approx(want, rel=1e-12)
    assert min(found) == pytest.approx(0.005)


def test_drops(spec: Path, tmp_path: Path) -> None:
    found = run(spec, "by_drops", "reference", tmp_path).rates()
    assert found == pytest.approx([0.02, 0.02, 2e-3, 2e-3, 2e-4, 2e-4])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_plateau_of_a_test_metric(backend: str, spec: Path, tmp_path: Path) -> None:
    found = run(spec, "on_plateau", backend, tmp_path)
    values = [e["test"]["surprise"] for e in found.epochs]
    want = after_plateaus(values, 0.05, 1, 0.3)
    assert len(set(want)) > 1, "the rate was never cut"
    assert found.rates() == pytest.approx(want)


def test_every_group_has_the_schedule_of_its_own_optimiser(spec: Path, tmp_path: Path) -> None:
    found = run(spec, "two_rates", "reference", tmp_path)
    assert set(found.epochs[0]["rates"]) == {"h", "out"}, "they are told by the network's names"
    assert found.rates("h") == pytest.approx([0.3] * 3 + [0.15] * 3)
    accuracies = [-e["train"]["accuracy"] for e in found.epochs]
    want = after_plateaus(accuracies, 0.02, 0, 1e-4)
    assert len(set(want)) > 1, "the rate was never cut"
    assert found.rates("out") == pytest.approx(want)


def test_a_plateau_of_what_nobody_measures_is_a_mistake(tmp_path: Path) -> None:
    text = (
        SPEC.removeprefix("snc 1\n")
        .split("experiment cosine_floor")[0]
        .replace("data    = toy()", "")
    )
    text += "        optimiser = adam(0.1, schedule = plateau(test.surprize))\n"
    with pytest.raises(SpecError) as error:
        net_of(text, tmp_path)
    (diagnostic,) = error.value.diagnostics
    assert (diagnostic.code, diagnostic.help) == ("unknown-metric", "did you mean `surprise`?")


# Precision ----------------------------------------------------------------------------------------------


def test_the_reference_computes_and_stores_in_double_precision(spec: Path, tmp_path: Path) -> None:
    experiment = snc.load(spec, "base")
    experiment.train(backend="reference", epochs=1, out=tmp_path / "run")
    stored = Run(tmp_path / "run").stored()
    assert {array.dtype.name for array in stored.values()} == {"float64"}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["dtype"] == "float64"
    with pytest.raises(BackendError, match="computes in float64, not in float32"):
        experiment.train(backend="reference", dtype="float32", out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


# Phases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_phases_keep_weights_and_take_data_and_optimiser_of_their_own(
    backend: str, spec: Path, tmp_path: Path
) -> None:
    tuned = run(spec, "tuned", backend, tmp_path)
    assert [e["phase"] for e in tuned.epochs] == ["tuned.pretrain"] * 2 + ["tuned.finetune"] * 3
    assert tuned.rates() == pytest.approx([0.02, 0.01, 0.01, 0.005, 0.0025])
    stored = tuned.stored()
    assert stored["optimiser.g1.count"] == 3 * 2  # 15 samples in batches of 12, a fresh counter
    alone = run(spec, "pretrained", backend, tmp_path)
    assert alone.stored()["optimiser.g1.count"] == 2 * 5  # 60 samples
    for name in ("train", "test"):
        assert [e[name] for e in tuned.epochs[:2]] == [e[name] for e in alone.epochs]
    before, after = alone.epochs[-1]["test"]["loss"], tuned.epochs[2]["test"]["loss"]
    assert after < (alone.epochs[0]["test"]["loss"] + before) / 2, "the weights began anew"


# Updates every several sequences --------------------------------------------------------------------------


def test_both_backends_gather_the_same(spec: Path, tmp_path: Path) -> None:
    """5 batches an epoch, 15 in all: turns go over the ends of epochs, and none is left."""
    found = [run(spec, "gathered", b, tmp_path).stored() for b in BACKENDS]
    assert found[0]["optimiser.g1.count"] == 5
    assert found[0]["optimiser.g1.sequences"] == 0
    for name in ("h.weight", "out.weight"):
        assert not found[0][f"{name}.sum"].any()
        assert np.abs(found[0][name] - found[1][name]).max() < 1e-9


class Killed(BaseException):
    pass


class KillAt(Silent):
    """Ends the run at the n-th batch."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def batch(self, samples: int, sums: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


def test_killed_within_a_turn_it_goes_on_to_the_same_bytes(spec: Path, tmp_path: Path) -> None:
    from snc.compile import load
    from snc.session import PlannedData

    compiled = load(spec, "gathered", {"train.epochs": "2"}, backend="reference")
    phases = tuple(from_compiled(c) for c in compiled)
    planned = PlannedData(None)
    for phase in phases:
        planned.plan(phase.plan)
    data: list[PhaseData] = [planned.sets.of(phase.plan) for phase in phases]

    def go(path: Path, watch: Silent | None = None) -> dict[str, bytes]:
        options = Options(backend="reference", dtype="float64", save_batches=1)
        standing = train(phases, data, 3, options, path, watch or Silent())
        assert standing.store["optimiser.g1.sequences"] == 10 % 3, "no turn was left at the end"
        return {name: array.tobytes() for name, array in standing.store.items()}

    whole = go(tmp_path / "whole.h5")
    for batch in (1, 2, 4, 5, 7):
        path = tmp_path / f"{batch}.h5"
        with pytest.raises(Killed):
            go(path, KillAt(batch))
        with h5py.File(path) as file:
            left = file["store"]["out.weight.sum"][()]
        assert left.any() == (batch % 3 != 0)
        assert go(path) == whole


# Predictions --------------------------------------------------------------------------------------------

NETWORK = """
network net():
    input x[5]
    h1   = x  | dense(6) | lif(leak = 0.8, theta = 0.3)
    h2   = h1 | dense(6) | lif(leak = 0.8, theta = 0.3)
    s    = h2 | dense(3) | lif(leak = 0.8, theta = 0.2)
    y1   = h1 | dense(3)
    y2   = h2 | dense(3)
    y3   = s  | dense(3)
experiment vote:
    network = net()
    loss    = mean(cross_entropy(y3, label))
    predict = {predict}
    learn * by descent(loss)
"""
FUNCTION = (
    'function vote(y) = onehot(argmax(y), 3)   "One vote for the class with the largest value."\n'
)
Records = dict[str, np.ndarray]
SEED = 42  # of weights with which no two of the predictions agree


def argmax(x: np.ndarray) -> np.ndarray:
    return x.argmax(-1)


def votes(r: Records) -> np.ndarray:
    return sum(np.eye(3)[argmax(r[y].sum(0))] for y in ("y1", "y2", "y3"))


PREDICTIONS = {
    "argmax(total(y3))": lambda r: argmax(r["y3"].sum(0)),
    "argmax(y3)": lambda r: argmax(r["y3"][-1]),
    "argmax(total(s))": lambda r: argmax(r["s"].sum(0)),
    "argmax(total(softmax(y3)))": lambda r: argmax(
        (np.exp(r["y3"]) / np.exp(r["y3"]).sum(-1, keepdims=True)).sum(0)
    ),
    "argmax(vote(total(y1)) + vote(total(y2)) + vote(total(y3)))": lambda r: argmax(votes(r)),
    "argmax(total(vote(y3)))": lambda r: argmax(np.eye(3)[argmax(r["y3"])].sum(0)),
}


def predicted(predict: str, folder: Path) -> tuple[Records, np.ndarray]:
    """What a network with random weights records and predicts."""
    text = FUNCTION + NETWORK.format(predict=predict)
    made = net_of(text, folder, record=("y1", "y2", "y3", "s"))
    random = np.random.default_rng(SEED)
    inputs = (random.random((9, 40, 5)) < 0.5).astype(float)
    given = {s.name: random.normal(0, 1, s.shape) for s in made.program.stored}
    outcome = made.evaluate(inputs, random.integers(0, 3, 40), given).outcome
    return outcome.records, outcome.at_end["predict"].reshape(-1)


@pytest.mark.parametrize("predict", PREDICTIONS)
def test_a_prediction_is_text(predict: str, tmp_path: Path) -> None:
    records, found = predicted(predict, tmp_path)
    assert len(set(found)) > 1
    assert np.array_equal(found, PREDICTIONS[predict](records))


def test_the_predictions_are_not_the_same(tmp_path: Path) -> None:
    records, _ = predicted("argmax(y3)", tmp_path)
    assert len({f(records).tobytes() for f in PREDICTIONS.values()}) == len(PREDICTIONS)
