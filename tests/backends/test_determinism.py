"""The same bits from any number of threads, in any process, in any order of samples."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from networks import CASES, Net, net_of

from snc.backend import find
from snc.program.program import Program

SPEC = """
network mixed():
    input x[2, 7, 6]
    c     = x | conv(6, kernel = 3, padding = 1, bias = true, norm = standardise) | lif(leak = 0.7, theta = 0.4)
    d     = c | held_dropout(0.2) | max_pool(2) | flatten
    h_rec = dense(h[t-1], 40, norm = standardise)
    h     = dense(d, 40) + h_rec | lif(leak = 0.8, theta = 0.4)
    out   = h | dense(5, bias = true) | integrator(leak = 0.9)
experiment mixed:
    network = mixed()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(out)
    learn c, h, h_rec by stllr() from feedback(class_error(out, label))
    learn out by descent(loss)
    train:
        update    = every 4 steps
        optimiser = adam(1e-2)
"""
RECORDS = ("c", "h", "out")
STEPS, BATCH = 11, 24
HERE = Path(__file__).parent


def compiled(folder: Path) -> Net:
    return net_of(SPEC, folder, backend="cpu", dtype="float32", record=RECORDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the spec: comments in the emitted text name it, so that another folder is another text."""
    return tmp_path_factory.mktemp("mixed")


@pytest.fixture(scope="module")
def mixed(folder: Path) -> Net:
    return compiled(folder)


def mixed_text(folder: Path) -> str:
    """The key of the emitted text, which is the name of the file it is loaded from."""
    return find("cpu").emit(compiled_program(folder)).key


def compiled_program(folder: Path) -> Program:
    made = net_of(SPEC, folder, dtype="float32", record=RECORDS)
    return made.program


def batch(order: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Inputs, labels, and which sample is which, in an order."""
    random = np.random.default_rng(0)
    inputs = (random.random((STEPS, BATCH, 2, 7, 6)) < 0.3).astype(float)
    labels = random.integers(0, 5, BATCH)
    order = np.arange(BATCH) if order is None else order
    return inputs[:, order], labels[order], {"samples": 100 + order}


def weights(net: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        s.name: random.normal(0, 0.5, s.shape) for s in net.program.stored if s.role == "parameter"
    }


def fingerprint(net: Net) -> str:
    """A hash of everything one training sequence leaves behind."""
    inputs, labels, changes = batch()
    ran = net.learn(inputs, labels, weights(net), **changes)
    assert 0.01 < np.mean(ran.outcome.records["h"]) < 0.99
    assert any(not np.array_equal(ran.before[k], v) for k, v in ran.after.items())
    digest = hashlib.sha256()
    for arrays in (ran.after, ran.outcome.records, ran.outcome.gradients, ran.outcome.at_end):
        for name in sorted(arrays):
            digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    digest.update(np.float64(ran.outcome.loss).tobytes())
    return digest.hexdigest()


def test_any_number_of_threads_leaves_the_same_bytes(mixed: Net) -> None:
    before = numba.get_num_threads()
    assert numba.config.NUMBA_NUM_THREADS >= 3, "tests/conftest.py asks for three threads"
    found = set()
    try:
        for threads in (1, 2, 3):
            numba.set_num_threads(threads)
            found.add(fingerprint(mixed))
    finally:
        numba.set_num_threads(before)
    assert len(found) == 1


def test_a_second_run_leaves_the_same_bytes(mixed: Net) -> None:
    """The arrays are used again: nothing of the first sequence may be left in them."""
    first = fingerprint(mixed)
    inputs, labels, _ = batch()
    mixed.learn(1 - inputs[:5, :7], labels[:7])
    assert fingerprint(mixed) == first


def script(body: str, hash_seed: int, folder: Path) -> list[str]:
    """The lines a new process prints, with another order of hashes."""
    start = f"import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", start + body, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


FINGERPRINT = """
from pathlib import Path
from test_determinism import compiled, fingerprint, mixed_text
folder = Path(sys.argv[1])
print(mixed_text(folder), fingerprint(compiled(folder)))
"""


def test_processes_with_other_hashes_leave_the_same_bytes(mixed: Net, folder: Path) -> None:
    found = [script(FINGERPRINT, seed, folder) for seed in (1, 2)]
    assert found == [[mixed_text(folder), fingerprint(mixed)]] * 2


TEXTS = """
import hashlib
from networks import CASES, CONFORMANCE
from snc.compile import program_of
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc_cpu import backend
for case in CASES:
    _, program = program_of(resolve(choose(load_file(CONFORMANCE / f"{case}.snc"), None)))
    for text in (program.text(), backend.emit(program).text):
        print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_processes_with_other_hashes_emit_the_same_texts(tmp_path: Path) -> None:
    one, other = (script(TEXTS, seed, tmp_path) for seed in (1, 2))
    assert len(one) == 2 * len(CASES)
    assert len(set(one)) == len(one)
    assert one == other


def test_the_order_of_samples_in_a_batch_changes_no_sample(mixed: Net) -> None:
    """In evaluation, and up to the first update in training, where the samples' masks go with them."""
    order = np.random.default_rng(5).permutation(BATCH)
    for word, steps in (("evaluate", STEPS), ("learn", 4)):
        runs = []
        for chosen in (None, order):
            inputs, labels, changes = batch(chosen)
            runs.append(getattr(mixed, word)(inputs, labels, weights(mixed), **changes).outcome)
        for name in RECORDS:
            one, other = (r.records[name][:steps] for r in runs)
            assert np.ptp(one) > 0
            assert not np.array_equal(one, other)
            assert np.array_equal(one[:, order], other), f"{word} {name}"
    assert np.array_equal(runs[0].records["c"][:4][:, order], runs[1].records["c"][:4])


def test_a_sample_is_evaluated_alone_as_in_a_batch(mixed: Net) -> None:
    inputs, labels, changes = batch()
    given = weights(mixed)
    whole = mixed.evaluate(inputs, labels, given, **changes).outcome
    for k in (0, 7, BATCH - 1):
        alone = mixed.evaluate(
            inputs[:, [k]], labels[[k]], given, samples=changes["samples"][[k]]
        ).outcome
        for name in RECORDS:
            assert np.array_equal(alone.records[name][:, 0], whole.records[name][:, k])
        assert alone.at_end["predict"][0] == whole.at_end["predict"][k]


def test_a_mask_is_that_of_the_sample_the_epoch_and_the_seed(mixed: Net) -> None:
    inputs, labels, changes = batch()
    same = np.repeat(inputs[:, :1], BATCH, 1)
    outs = []
    for more in ({}, {"epoch": 1}, {"seed": 1}):
        ran = mixed.learn(same, labels, weights(mixed), **changes, **more)
        outs.append(ran.outcome.records["out"][:1])
    assert not np.array_equal(outs[0], outs[1])
    assert not np.array_equal(outs[0], outs[2])
    assert len(np.unique(outs[0][0], axis=0)) > 1
    tested = mixed.evaluate(same, labels, weights(mixed), **changes).outcome.records["out"]
    assert len(np.unique(tested[0], axis=0)) == 1
