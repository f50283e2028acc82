"""The CUDA backend in the simulator: experiments nobody wrote by hand, determinism, memory, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import snc_cuda
import snc_cuda.events
import snc_cuda.memory
import snc_cuda.products
import snc_cuda.reductions
import snc_cuda.sums
from cuda_cases import WAYS, changed, here, launched_at_every_step, program, threads
from networks import CASES, CONFORMANCE, GOLDENS, Net, check_golden, difference, golden, net, net_of
from odd_specs import REFUSED, TEXTS, odd
from random_specs import compare, spec_of
from snc_cuda import backend

from snc.diagnostics import BackendError

pytestmark = here
SEEDS = range(8)
STEPWISE = [
    "pools of all kinds",
    "through time through pools",
    "pairs of samples",
    "random values of every kind",
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_experiment_agrees_with_the_reference(seed: int) -> None:
    assert compare(spec_of(seed), seed, "cuda") == {}


@pytest.mark.parametrize("name", TEXTS)
def test_an_odd_experiment_agrees_with_the_reference(name: str) -> None:
    assert compare(odd(name), 0, "cuda") == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_more_random_experiments_agree_with_the_reference(seed: int) -> None:
    assert compare(spec_of(seed), seed, "cuda") == {}


@pytest.mark.parametrize("name", STEPWISE)
def test_launches_at_every_step_agree_with_the_reference(name: str, tmp_path: Path) -> None:
    text = odd(name).text
    whole = backend.emit(net_of(text, tmp_path).program).text
    with launched_at_every_step():
        assert backend.emit(net_of(text, tmp_path).program).text != whole
        assert compare(odd(name), 0, "cuda") == {}


@pytest.mark.parametrize("name", REFUSED)
def test_a_sweep_that_would_be_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="the cuda backend"):
        net_of(REFUSED[name], tmp_path, backend="cuda")


# The same bits ------------------------------------------------------------------------------------------


def left_behind(case: str) -> list[bytes]:
    """What a golden's run stores and records, to the bit."""
    want = golden(case)
    made = net(CONFORMANCE / f"{case}.snc", backend="cuda", record=want.records, evaluates=False)
    ran = want.run(made)
    assert any(not np.array_equal(ran.before[k], v) for k, v in ran.after.items())
    found = (ran.after, ran.outcome.records, ran.outcome.gradients)
    return [np.ascontiguousarray(a[k]).tobytes() for a in found for k in sorted(a)]


def test_bits_depend_neither_on_threads_nor_on_blocks_nor_on_launches() -> None:
    found = left_behind("tp_dense2")
    for way in WAYS:
        with way(), threads(5, 7):
            assert left_behind("tp_dense2") == found
    with threads(1, 1):
        assert left_behind("tp_dense2") == found


@pytest.mark.parametrize("case", ["stllr_recurrent_bp", "stllr_recurrent_bp_online"])
def test_tiles_leave_the_bits_of_plain_owners(case: str) -> None:
    """Rows of a product are added in the same order: by owners or by tiles, of as many shares of the samples."""
    products = changed(snc_cuda.products, CHANNELS=1, TERMS=1, LARGE=0)
    with changed(snc_cuda.sums, OWNERS=1 << 14):
        plain = left_behind(case)
        with products, changed(snc_cuda.sums, CHANNELS=1, ROWS=0, AREA=1, BLOCKS=1 << 14):
            text = backend.emit(program(CONFORMANCE / f"{case}.snc")).text
            assert text.count("left = cuda.shared.array") >= 3
            assert left_behind(case) == plain


@pytest.mark.parametrize("case", ["stllr_recurrent_bp", "tp_recurrent"])
def test_lists_of_events_leave_the_bits_of_plain_owners(case: str) -> None:
    """Silent inputs add nothing; the others are added in their order."""
    plain = left_behind(case)
    with changed(snc_cuda.events, LISTED=range(1, 8192)):
        text = backend.emit(program(CONFORMANCE / f"{case}.snc")).text
        assert text.count("ones_before") >= 3
        assert left_behind(case) == plain


@pytest.mark.parametrize("case", ["tess_local_apost_plus1", "bptt_conv"])
def test_shares_of_a_sum_and_slices_of_a_batch_agree_with_the_authors(case: str) -> None:
    with changed(snc_cuda.reductions, TERMS=3, OWNERS=1000), changed(snc_cuda.sums, OWNERS=1 << 20):
        assert "share, " in backend.emit(program(CONFORMANCE / f"{case}.snc")).text
        check_golden(case, "cuda", "float64")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The emitted text of every golden, and of every odd experiment's kinds of values."""
    return {case: backend.emit(program(CONFORMANCE / f"{case}.snc")).text for case in CASES}


def test_no_sum_is_shared_by_threads(texts: dict[str, str]) -> None:
    """There are no atomics, and arrays are written only in loops over the places a thread owns."""
    for text in texts.values():
        assert "atomic" not in text
        kernels = re.findall(r"^def \w+\(.*?(?=^@|^def |\Z)", text, re.M | re.S)
        stored = [owned_stores(k) for k in kernels if "first, stride" in k]
        assert len(stored) >= 5
        assert all(mine == every > 0 for mine, every in stored)


def owned_stores(kernel: str) -> tuple[int, int]:
    """How many stores of a kernel are below a loop over owned places, and how many there are."""
    owner: int | None = None  # the depth of the loop
    mine = every = 0
    for line in kernel.splitlines():
        depth = len(line) - len(line.lstrip())
        if owner is not None and line.strip() and depth <= owner:
            owner = None
        if re.search(r"in range\(first, .*, stride\):|if first == 0:", line):
            owner = depth
        if re.match(r" +[a-z]\w*\[[^=]*\] \+?= ", line):
            every += 1
            mine += owner is not None
    return mine, every


# Arithmetic ---------------------------------------------------------------------------------------------


def test_a_product_is_never_added_in_one_rounding_unless_it_says_so(
    texts: dict[str, str], tmp_path: Path
) -> None:
    """Lines of elementwise values have no `*` outside an index."""
    odd_one = net_of(odd("random values of every kind").text, tmp_path).program
    seen = 0
    for text in (*texts.values(), backend.emit(odd_one).text):
        for line in text.splitlines():
            if re.match(r" +(v_\w+|total) \+?= ", line):
                code = re.sub(r"\[[^\]]*\]", "", line.split("  # ")[0])
                assert " * " not in code.replace("(y1 - y0) * (s1 - s0)", ""), line
                seen += "mul_" in code
    assert seen > 100


# Memory and refusals ------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Net:
    return net_of(odd("stdp").text, tmp_path, backend="cuda")


def run(made: Net, batch: int) -> None:
    random = np.random.default_rng(0)
    made.learn((random.random((9, batch, 6)) < 0.4).astype(float), random.integers(0, 3, batch))


def test_a_batch_that_does_not_fit_is_refused_with_numbers(
    small: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = sum(small.module.runs["learn"].sizes(9, 64).values())  # type: ignore[attr-defined]
    room = (needed - 1, 2**30)
    monkeypatch.setattr(snc_cuda.memory, "free_memory", lambda cuda: room)
    run(small, 4)
    for _ in range(2):  # it is no smaller when it is tried again
        with pytest.raises(BackendError) as error:
            run(small, 64)
    text = str(error.value)
    assert text.startswith("a batch of 64 samples and 9 steps needs ")
    assert "of 1024 MiB are free; the largest arrays are `" in text
    room = (needed, 2**30)
    run(small, 64)


def test_the_peak_is_known_before_the_run(small: Net) -> None:
    """All arrays are there at once; what the module says is what the run allocates."""
    run(small, 5)
    ran = small.module.runs["learn"]  # type: ignore[attr-defined]
    roles = {s.name: s.role for s in ran.emitted.specs}
    kept: Mapping[str, object] = {k: v for k, v in ran.kept.items() if roles[k] != "field"}
    brief = [s for s in ran.emitted.own() if s.name not in kept]  # made anew for every sequence
    assert {s.role for s in brief} == {"gradient"}
    seen = sum(np.asarray(a).nbytes for a in kept.values())
    seen += sum(ran.emitted.bytes(s, ran.dtype, 9, 5) for s in brief)
    assert seen == small.module.memory(9, 5)
    assert set(kept) < set(ran.sizes(9, 5))


def test_the_simulator_makes_it_available() -> None:
    assert snc_cuda.backend.unavailable() is None


def test_a_batch_from_a_file_runs_as_on_the_reference(tmp_path: Path) -> None:
    def ran(name: str) -> dict[str, np.ndarray]:
        out = tmp_path / f"{name}.h5"
        spec, batch = CONFORMANCE / "tp_dense2.snc", GOLDENS / "tp_dense2.h5"
        flags = ("--record", "h1.trace", "--dtype", "float64", "--backend", name)
        command = [sys.executable, "-m", "snc", "run", spec, "--batch", batch, "--out", out, *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, np.ndarray] = {}
        with h5py.File(out) as file:
            file.visititems(
                lambda path, item: (
                    found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None
                )
            )
        return found

    want, got = ran("reference"), ran("cuda")
    assert want.keys() == got.keys()
    assert {"record/h1/trace", "gradient/h2/weight", "params_after/out/weight"} <= want.keys()
    assert {k: e for k in want if (e := difference(want[k].astype(float), got[k])) > 1e-9} == {}
