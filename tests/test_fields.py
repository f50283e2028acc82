"""Fields that a source gives besides its input, all the way from the files into a loss and a metric."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from networks import net_of

import snc
from snc.cli import main
from snc.data.fixtures import write_fixtures

SPEC = """snc 1

function charbonnier(x) = (x^2 + 1e-6)^0.45

network net(size = 32):
    input x[2, size, size]
    e    = x | conv(4, kernel = 3, padding = 1) | lif(leak = 0.9, theta = 0.2)
    move = conv(e, 2, kernel = 1)

experiment follow:
    "Self-supervised: carried back along the flow, the second image is the first."
    network = net()
    data    = mvsec(size = 32)
    loss    = mean(charbonnier(warp(grey_second, move, outside = zero) - grey_first))
    learn * by descent(loss)
    metric endpoint = mean(norm(move - flow, over = channel), over = space, where = valid)
    train:
        during    = last step
        update    = every sequence
        optimiser = adam(1e-3)
        batch     = 2
"""


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.setenv("SNC_CACHE", str(tmp_path / "cache"))
    write_fixtures(tmp_path / "data", ["mvsec"])
    return tmp_path / "data"


def test_images_and_flow_reach_the_loss_and_the_metric(recordings, tmp_path):
    spec = tmp_path / "follow.snc"
    spec.write_text(SPEC)
    out = tmp_path / "run"
    outcome = snc.load(spec).train(backend="reference", data_root=recordings, out=out)
    assert outcome["loss"] > 1, "images of stripes differ"
    (line,) = (out / "metrics.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["train"]["endpoint"] > 0
    # everything goes one place to the right between two images, and the network hardly moves yet
    assert found["test"]["endpoint"] == pytest.approx(1, abs=0.3)


# Several inputs -----------------------------------------------------------------------------------------

TWO = """
network two(n):
    input x[5]
    input y[n]
    a   = x | dense(4) | lif(leak = 0.8, theta = 0.2)
    b   = y | dense(4) | lif(leak = 0.8, theta = 0.2)
    out = a + b | dense(3)

experiment both(n = 5):
    network = two(n)
    loss    = mean(cross_entropy(out, label))
    learn * by descent(loss)
    record b
    train.optimiser = sgd(0.1)
"""


def spikes(features: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((6, 4, features)) < 0.5).astype(float)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("n", [5, 3])
def test_a_second_input_reads_the_field_of_its_name(tmp_path, backend, n):
    more = {"settings": {"n": str(n)}, "record": ("x", "y") if backend == "reference" else ()}
    network = net_of(TWO, tmp_path, backend=backend, **more)
    assert network.program.needs.fields == {"input": (5,), "y": (n,)}
    x, y, labels = spikes(5, 0), spikes(n, 1), np.array([0, 1, 2, 0])
    weights = {"b.weight": np.random.default_rng(2).normal(0, 0.5, (4, n))}
    ran = network.learn(x, labels, weights, fields={"y": y})
    if backend == "reference":  # no other records what it is fed
        assert np.array_equal(ran.outcome.records["x"], x)
        assert np.array_equal(ran.outcome.records["y"], y)
    assert 0 < ran.outcome.records["b"].mean() < 1
    assert np.abs(ran.outcome.gradients["b.weight"]).max() > 0
    silent = network.learn(x, labels, weights, fields={"y": 0 * y})
    assert not silent.outcome.records["b"].any()
    assert not silent.outcome.gradients["b.weight"].any()


def batch_of_two(path, **changes):
    with h5py.File(path, "w") as file:
        arrays = {"input": spikes(5, 0), "y": spikes(3, 1), "labels": [0, 1, 2, 0], **changes}
        for name, shape in (("a", (4, 5)), ("b", (4, 3)), ("out", (3, 4))):
            arrays[f"params/{name}/weight"] = np.full(shape, 0.3)
        for name, array in arrays.items():
            if array is not None:
                file[name] = array


@pytest.mark.parametrize(
    ("y", "code", "words"),
    [
        (None, "no-field", "the network reads `y`, which the data lacks"),
        (spikes(4, 1), "input-shape", "`y` has the features [4], and the network reads [3]"),
        (spikes(3, 1)[1:], "other-shape", "`/y` has the shape [5, 4, 3]"),
    ],
)
def test_a_batch_file_has_a_second_input_by_its_name(tmp_path, y, code, words):
    spec, batch, out = tmp_path / "two.snc", tmp_path / "batch.h5", tmp_path / "out.h5"
    spec.write_text(f"snc 1\n{TWO}")
    args = ["run", f"{spec}", "--batch", f"{batch}", "--out", f"{out}", "--backend", "reference"]
    args += ["--set", "n=3", "--record", "y"]
    batch_of_two(batch)
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    with h5py.File(out) as file:
        assert np.array_equal(file["record/y"], spikes(3, 1))
    out.unlink()
    batch_of_two(batch, y=y)
    done = CliRunner().invoke(main, args)
    assert (done.exit_code, out.exists()) == (1, False)
    assert f"error[{code}]" in done.output
    assert words in done.output


def test_both_inputs_stand_in_the_certificate(tmp_path):
    spec = tmp_path / "two.snc"
    spec.write_text(f"snc 1\n{TWO}")
    assert "x 5" in (text := snc.load(spec, n=3).explain())
    assert "y 3" in text
