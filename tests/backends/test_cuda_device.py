"""On a GPU: `make device`. What the simulator cannot show: compiled kernels, caches, races."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import snc_cuda.run
from cuda_cases import ROOT, WAYS, here
from networks import CASES, CONFORMANCE, check_golden, golden, net, net_of
from odd_specs import TEXTS, odd
from random_specs import compare, spec_of

from snc.module import staying

pytestmark = [pytest.mark.device, here]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_the_device_agrees_with_the_authors(case: str, dtype: str) -> None:
    check_golden(case, "cuda", dtype)


@pytest.mark.parametrize("case", CASES)
def test_the_device_has_the_spikes_of_the_cpu(case: str) -> None:
    want = golden(case)
    spikes = tuple(r for r in want.records if r.endswith(".s"))
    ran = [
        want.run(net(CONFORMANCE / f"{case}.snc", backend=b, record=spikes, evaluates=False))
        for b in ("cpu", "cuda")
    ]
    for name in spikes:
        one, other = (r.outcome.records[name] for r in ran)
        assert np.array_equal(one, other), name


@pytest.mark.parametrize("seed", range(40))
def test_a_random_experiment_agrees_with_the_reference(seed: int) -> None:
    assert compare(spec_of(seed), seed, "cuda") == {}


@pytest.mark.parametrize("name", TEXTS)
def test_an_odd_experiment_agrees_with_the_reference(name: str) -> None:
    assert compare(odd(name), 0, "cuda") == {}


@pytest.mark.parametrize("case", ["tp_conv", "stllr_conv_bp_max", "stllr_recurrent_bp"])
def test_two_runs_and_all_ways_of_launching_leave_the_same_bytes(case: str) -> None:
    def left() -> list[bytes]:
        want = golden(case)
        made = net(CONFORMANCE / f"{case}.snc", backend="cuda", dtype="float32", evaluates=False)
        ran = want.run(made)
        return [np.ascontiguousarray(ran.after[k]).tobytes() for k in sorted(ran.after)]

    first = left()
    assert left() == first
    for way in WAYS:
        with way():
            assert left() == first


class Direct:
    """What stands for recorded launches: the same, launched by the host."""

    def __init__(self, stream: object, launches: Callable[[], None]) -> None:
        self.launch = launches


OFTEN = [
    "stdp",
    "updates every 2 and every 3 steps",
    "states that are kept",
    "random values of every kind",
    "pairs of samples",
]


@pytest.mark.parametrize("name", OFTEN)
def test_recorded_launches_leave_the_bytes_of_direct_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one sequence after another, with weights that stay on the device and with such that do not."""

    def left(stays: bool) -> bytes:
        made = net_of(odd(name).text, tmp_path, backend="cuda", dtype="float32")
        store, random = made.store(batch=4), np.random.default_rng(0)
        with staying(made.module, store) if stays else nullcontext():
            for number in range(4):
                fed = (random.random((9, 4, 6)) < 0.4).astype(float)
                made.module.learn(store, made.feed(fed, random.integers(0, 3, 4), number=number))
        assert made.module.runs["learn"].recorded  # type: ignore[attr-defined]
        return b"".join(np.ascontiguousarray(store[k]).tobytes() for k in sorted(store))

    recorded = left(stays=False)
    assert left(stays=True) == recorded
    monkeypatch.setattr(snc_cuda.run, "Recorded", Direct)
    assert left(stays=False) == recorded


def test_digits_learns_on_the_device(tmp_path) -> None:
    command = (
        "train",
        str(ROOT / "examples" / "digits.snc"),
        "--backend",
        "cuda",
        "--seed",
        "1",
        "--epochs",
        "3",
    )
    done = subprocess.run(
        [sys.executable, "-m", "snc", *command, "--out", str(tmp_path / "run"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["accuracy"] > 0.9
