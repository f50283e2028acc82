"""What only learning defines, signals and the traces of rules, read by metrics and records."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import snc
from snc.cli import main
from snc.resources import data_dir

T, B, INPUTS, OUTPUTS = 6, 4, 5, 4
TRACED = """snc 1

network net():
    input x[5]
    h   = x | dense(4) | lif(leak = 0.8, theta = 0.2)
    out = h | dense(3)

experiment traced:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h by stllr(lambda_pre = 0.75, lambda_post = 0.2) from backprop(loss)
    learn out by descent(loss)
    record h.psi, h_stllr.p, h_stllr.e
    metric trace = mean(h_stllr.p)
    train.optimiser = sgd(0.1)
"""


def recorded(folder: Path, *options: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The input [T, B, 5], and what a batch of a run left behind."""
    random = np.random.default_rng(0)
    spec, batch, out = folder / "traced.snc", folder / "batch.h5", folder / "out.h5"
    spec.write_text(TRACED, encoding="utf-8")
    x = (random.random((T, B, INPUTS)) < 0.4).astype(float)
    with h5py.File(batch, "w") as file:
        file["input"], file["labels"] = x, np.arange(B) % 3
        file["params/h/weight"] = random.normal(size=(OUTPUTS, INPUTS))
        file["params/out/weight"] = random.normal(size=(3, OUTPUTS))
    args = ["run", f"{spec}", "--batch", f"{batch}", "--out", f"{out}", "--dtype", "float64"]
    done = CliRunner().invoke(main, [*args, *options])
    assert done.exit_code == 0, done.output
    found: dict[str, np.ndarray] = {}
    with h5py.File(out) as file:
        file.visititems(
            lambda n, d: found.update({n: d[()]}) if isinstance(d, h5py.Dataset) else None
        )
    return x, found


@pytest.mark.parametrize("options", [(), ("--no-learn",)], ids=["learning", "evaluating"])
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_the_traces_of_a_rule_are_recorded(tmp_path, backend, options):
    x, found = recorded(tmp_path, "--backend", backend, *options)
    psi, p, q, e = found["record/h/psi"], np.zeros((B, INPUTS)), np.zeros((B, OUTPUTS)), []
    assert np.ptp(psi) > 0.1
    for t in range(T):
        p = 0.75 * p + x[t]
        e.append(psi[t][:, :, None] * p[:, None] - q[:, :, None] * x[t][:, None])
        q = 0.2 * q + psi[t]
    assert np.abs(found["record/h_stllr/p"][-1] - p).max() < 1e-12
    assert found["record/h_stllr/e"].shape == (T, B, OUTPUTS, INPUTS)
    assert np.abs(found["record/h_stllr/e"] - np.stack(e)).max() < 1e-12
    assert any(n.startswith("params_after") for n in found) == (not options)


def sleep(folder: Path) -> None:
    """Recordings with two stages each, of which a part of the steps is scored."""
    random = np.random.default_rng(0)
    with h5py.File(folder / "sleep.h5", "w") as file:
        for part, many in (("train", 72), ("test", 24)):
            stage = np.repeat(random.integers(0, 6, (many, 2)), 40, axis=1)
            eeg = random.normal(scale=0.3, size=(many, 80, 64))
            np.put_along_axis(eeg, 10 * stage[:, :, None], 3.0, axis=2)
            file[f"{part}/eeg"], file[f"{part}/stage"] = eeg, stage
            file[f"{part}/scored"] = (random.random((many, 80)) < 0.7).astype(float)


def test_a_metric_reads_what_a_signal_defines(tmp_path):
    sleep(tmp_path)
    spec = tmp_path / "masked.snc"
    shutil.copy(data_dir("specs") / "user" / "masked.snc", spec)
    means = {}
    for backend, epochs in (("reference", 2), ("cpu", 2), ("cpu", 12)):
        model = snc.load(spec, **{"train.epochs": epochs})
        out = tmp_path / f"{backend}-{epochs}"
        result = model.train(backend=backend, dtype="float64", out=out)
        means[backend, epochs] = result["phases"][-1]["trials"][0]["test"]["accuracy"]
    assert means["cpu", 2] == pytest.approx(means["reference", 2], abs=1e-12)
    assert means["cpu", 12] > max(means["cpu", 2], 1.5 / 6), "nothing was learned"


def test_a_metric_called_accuracy_is_not_beside_a_prediction(tmp_path):
    spec = tmp_path / "traced.snc"
    text = TRACED.replace("metric trace", "metric accuracy")
    spec.write_text(text, encoding="utf-8")
    assert CliRunner().invoke(main, ["check", f"{spec}"]).exit_code == 0
    whole = text.replace("    learn h ", "    predict = argmax(total(out))\n    learn h ")
    spec.write_text(whole, encoding="utf-8")
    done = CliRunner().invoke(main, ["check", f"{spec}"])
    assert done.exit_code == 1
    assert "error[defined-twice]: `accuracy` is how often `predict` is the label" in done.output
    assert "traced.snc:15:12" in done.output


def test_a_name_that_learning_does_not_define_either_is_told(tmp_path):
    spec = tmp_path / "traced.snc"
    spec.write_text(TRACED.replace("mean(h_stllr.p)", "mean(h_stllr.trace)"), encoding="utf-8")
    done = CliRunner().invoke(main, ["check", f"{spec}"])
    assert done.exit_code == 1
    assert "`h_stllr` has nothing called `trace`" in done.output
