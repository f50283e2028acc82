"""The fixed basis of the square-wave signal, sign by sign: fingerprints made with the authors' own generator."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from snc.backend import find
from snc.build.experiment import Surroundings, build
from snc.engine.initial import first_store
from snc.model.library import choose, load_text
from snc.model.resolve import resolve
from snc.module import Feed
from snc.passes import run_passes
from snc.program.program import Program
from snc.resources import data_dir
from snc.source import Source

# sha256 of the signs as int8, row-major, first 16 digits: classes, features -> fingerprint
FINGERPRINTS = {
    (10, 512): "c5affdc8e4aae0ae",
    (10, 1024): "490b01d2ee6f2a5b",
    (10, 2048): "a17ac316a0d2f6fb",
    (11, 512): "0c982822b150ac17",
    (11, 1024): "d96920d551766c6e",
    (11, 2048): "206ae815df7a5f1a",
    (100, 512): "036c8f4c7928aced",
    (100, 1024): "14c8ed02b2003928",
    (100, 2048): "04bcb3fe5875d0d4",
}

SPEC = """
network one(n, classes):
    input x[2, 1, 1]
    b1  = x | conv(n, kernel = 1) | lif()
    out = b1 | flatten | dense(classes)

experiment basis(n = {n}, classes = {classes}):
    network = one(n, classes)
    loss    = mean(cross_entropy(out, label))
    learn b1  by stllr() from square_wave(label, classes, grid = 1)
    learn out by descent(loss)
    train:
        during    = always
        update    = every sequence
        optimiser = sgd(1)
"""


def basis(classes: int, n: int, backend: str, dtype: str) -> np.ndarray:
    """[classes, n]: the basis as a learning step computes it."""
    text = "snc 1\n" + SPEC.format(n=n, classes=classes)
    experiment = resolve(choose(load_text(Source("basis.snc", text)), None))
    built = build(experiment, Surroundings(), training=True, record=("b1_square_wave.basis",))
    program = Program("basis", dtype, None, run_passes(built.graph))
    found = find(backend)
    module = found.load(found.emit(program))
    feed = Feed(
        {"input": np.ones((1, 1, 2, 1, 1), dtype)},
        np.zeros(1, np.int64),
        np.ones(1, np.int64),
        np.zeros(1, np.int64),
        rates={o.rate.name: 1.0 for o in built.learning.rates.values()},
    )
    outcome = module.learn(first_store(program.stored, 0, dtype), feed)
    return np.asarray(outcome.records["b1_square_wave.basis"]).reshape(classes, n)


def fingerprint(found: np.ndarray) -> str:
    signs = np.sign(found).astype(np.int8)
    return hashlib.sha256(signs.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("classes", "n"), FINGERPRINTS)
def test_the_signs_are_the_authors(classes, n):
    found = basis(classes, n, "reference", "float64")
    assert fingerprint(found) == FINGERPRINTS[classes, n]
    assert np.array_equal(np.unique(np.abs(found)), [0, 1 / n])
    assert not found[:, 0].any()
    assert found[:, 1:].all()


BASIS = "float32(sign(sin(outer(linspace(f_min, f_max, classes), range(size(z)))))) / size(z)"

READ_OUT = f"""snc 1
network waves(n = 2048, classes = 100, f_min = 50, f_max = 512):
    input z[n]
    out = dot({BASIS}, z)

experiment waves:
    network = waves()
    predict = argmax(out)
"""


def test_compiled_in_single_precision_they_are_the_same():
    """A compiled module records no fixed value: the basis is read out by one sample for each column."""
    assert BASIS in (data_dir("specs") / "std" / "signals.snc").read_text(encoding="utf-8")
    experiment = resolve(choose(load_text(Source("waves.snc", READ_OUT)), None))
    built = build(experiment, Surroundings(), training=False, record=("out",))
    program = Program("waves", "float32", None, run_passes(built.graph))
    cpu = find("cpu")
    one = np.eye(2048, dtype=np.float32)[None]
    columns, lengths = np.arange(2048), np.ones(2048, np.int64)
    feed = Feed({"input": one}, None, lengths, columns, rates={})
    outcome = cpu.load(cpu.emit(program)).evaluate({}, feed)
    assert fingerprint(outcome.records["out"][0].T) == FINGERPRINTS[100, 2048]


def test_a_fingerprint_sees_one_sign():
    found = basis(10, 512, "reference", "float64")
    found[3, 7] *= -1
    assert fingerprint(found) != FINGERPRINTS[10, 512]
