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


# Fields of batch files ----------------------------------------------------------------------------------

MASKED = """
network plain():
    input x[5]
    h   = x | dense(4) | lif(leak = 0.8, theta = 0.2)
    out = h | dense(3)

experiment masked:
    network = plain()
    loss    = mean(mask * cross_entropy(out, label))
    learn * by descent(loss)
    train.optimiser = sgd(0.1)

experiment with_data = masked with:
    data = absent()

experiment of_its_own = masked with:
    mask = step > 2

experiment of_its_own_with_data = of_its_own with:
    data = absent()

dataset absent():
    train   = npz("absent.npz", input = "x", label = "y", mask = "m")
    test    = npz("absent.npz", input = "x", label = "y", mask = "m")
    classes = 3
"""


def run_masked(folder, experiment, **arrays):
    """What `snc run` says, and the weight afterwards if it runs."""
    spec, batch, out = folder / "masked.snc", folder / "batch.h5", folder / "out.h5"
    spec.write_text(f"snc 1\n{MASKED}")
    out.unlink(missing_ok=True)
    given = {"input": spikes(5, 0), "labels": [[0, 1, 2, 0]] * 3 + [[1, 1, 0, 2]] * 3, **arrays}
    given["params/h/weight"], given["params/out/weight"] = np.full((4, 5), 0.3), np.eye(3, 4)
    with h5py.File(batch, "w") as file:
        for name, array in given.items():
            file[name] = array
    args = ["run", f"{spec}:{experiment}", "--batch", f"{batch}", "--out", f"{out}"]
    done = CliRunner().invoke(main, [*args, "--backend", "reference"])
    if done.exit_code:
        assert not out.exists()
        return done.output, None
    with h5py.File(out) as file:
        return done.output, file["params_after/out/weight"][()]


@pytest.mark.parametrize("experiment", ["masked", "with_data"])
def test_a_mask_comes_from_the_batch_file_alone(tmp_path, experiment):
    mask = np.ones((6, 4))
    said, whole = run_masked(tmp_path, experiment, mask=mask)
    assert whole is not None, said
    mask[1:] = 0
    _, first = run_masked(tmp_path, experiment, mask=mask)
    assert np.abs(whole - first).max() > 1e-3, "the mask makes no difference"
    _, none = run_masked(tmp_path, experiment, mask=0 * mask)
    assert np.array_equal(none, np.eye(3, 4))
    assert "error[no-field]" in run_masked(tmp_path, experiment)[0]
    assert "error[other-shape]" in run_masked(tmp_path, experiment, mask=mask[1:])[0]


def test_a_batch_file_is_timed_without_the_data_set(tmp_path):
    assert run_masked(tmp_path, "with_data", mask=np.ones((6, 4)))[1] is not None
    args = ["bench", f"{tmp_path / 'masked.snc'}:with_data", "--batch", f"{tmp_path / 'batch.h5'}"]
    done = CliRunner().invoke(main, [*args, "--backend", "reference", "--repeat", "1"])
    assert done.exit_code == 0, done.output


def test_a_mask_that_the_experiment_defines_is_not_that_of_the_file(tmp_path):
    _, without = run_masked(tmp_path, "of_its_own")
    _, given = run_masked(tmp_path, "of_its_own", mask=np.zeros((6, 4)))
    assert not np.array_equal(without, np.eye(3, 4))
    assert np.array_equal(given, without)
    arrays = {"x": np.zeros((2, 6, 5)), "y": np.zeros(2, int), "m": np.zeros((2, 6))}
    for _ in ("the data is not there", "it is"):
        assert np.array_equal(run_masked(tmp_path, "of_its_own_with_data")[1], without)
        np.savez(tmp_path / "absent.npz", **arrays)


def test_a_mask_without_data_is_no_mistake(tmp_path):
    (tmp_path / "masked.snc").write_text(f"snc 1\n{MASKED}")
    done = CliRunner().invoke(main, ["check", f"{tmp_path / 'masked.snc'}"])
    assert done.exit_code == 0, done.output


def test_fields_of_a_source_come_from_a_batch_file_too(tmp_path, monkeypatch):
    monkeypatch.delenv("SNC_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "follow.snc").write_text(SPEC)
    random = np.random.default_rng(0)
    arrays = {"input": random.random((3, 2, 2, 32, 32)) < 0.3}
    arrays |= {n: random.random((2, 1, 32, 32)) for n in ("grey_first", "grey_second")}
    arrays |= {"flow": np.ones((2, 2, 32, 32)), "valid": np.ones((2, 32, 32))}
    shapes = {"e": (4, 2, 3, 3), "move": (2, 4, 1, 1)}
    arrays |= {f"params/{n}/weight": random.normal(0, 0.3, s) for n, s in shapes.items()}

    def run(missing):
        with h5py.File("batch.h5", "w") as file:
            for name, array in arrays.items():
                if name != missing:
                    file[name] = array
        args = ["run", "follow.snc", "--batch", "batch.h5", "--out", "out.h5"]
        return CliRunner().invoke(main, [*args, "--backend", "reference"])

    assert (done := run(None)).exit_code == 0, done.output
    with h5py.File("out.h5") as file:
        assert np.abs(file["gradient/move/weight"]).max() > 0
    assert "error[no-field]: the network reads `flow`" in run("flow").output
