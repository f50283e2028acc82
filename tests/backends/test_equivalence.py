"""The CPU backend against the reference on experiments that nobody wrote by hand, and on odd ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from networks import net_of
from odd_specs import REFUSED, REMEDY, TEXTS, odd
from random_specs import compare, spec_of

from snc.diagnostics import BackendError

HERE = Path(__file__).parent
PLAIN = 40  # random experiments as plain Python, a fifth of a second each
COMPILED = [3]  # compiled, twenty seconds each
MORE = [12, *range(100, 116)]
ODD_COMPILED = ["stdp", "updates every 2 and every 3 steps"]


def run(first: int, last: int) -> subprocess.CompletedProcess[str]:
    """Emitted text as plain Python: nothing is compiled, and an index out of range is an error."""
    path = os.pathsep.join([str(HERE.parent), str(HERE)])
    return subprocess.run(
        [sys.executable, HERE / "random_specs.py", str(first), str(last)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_emitted_text_computes_what_the_reference_does() -> None:
    done = run(0, PLAIN)
    assert done.stdout == f"0 of {PLAIN + len(TEXTS)} differ\n", done.stdout + done.stderr


@pytest.mark.slow
def test_emitted_text_computes_what_the_reference_does_many_times_more() -> None:
    done = run(1000, 1600)
    assert done.stdout == "0 of 600 differ\n", done.stdout + done.stderr


@pytest.mark.parametrize("seed", COMPILED)
def test_a_compiled_random_experiment_agrees(seed: int) -> None:
    assert compare(spec_of(seed), seed) == {}


@pytest.mark.parametrize("name", ODD_COMPILED)
def test_a_compiled_odd_experiment_agrees(name: str) -> None:
    assert compare(odd(name)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in TEXTS if n not in ODD_COMPILED])
def test_every_compiled_odd_experiment_agrees(name: str) -> None:
    assert compare(odd(name)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_more_compiled_random_experiments_agree(seed: int) -> None:
    assert compare(spec_of(seed), seed) == {}


def test_the_seeds_draw_experiments_of_every_kind() -> None:
    """Otherwise the agreement would say less than it seems to."""
    texts = [spec_of(seed).text for seed in range(PLAIN)]
    for word in (
        "conv(", "_rec", "held_dropout", "standardise", "max_pool", "average_pool(", "through_time", "alif", "snu(",
        "refractory", "every step", "every 3 steps", "adam", "adamax", "momentum", "using", "classifier",
        "feedback_alignment", "eprop(0.4)", "after 3 steps", "last step", "total(out)",
        "every 2 sequences", "nag", "rmsprop", "bounds",
    ):  # fmt: skip
        assert sum(word in text for text in texts) >= 2, word
    assert len(set(texts)) == PLAIN


@pytest.mark.parametrize("name", REFUSED)
def test_a_sweep_that_the_cpu_would_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    assert net_of(REFUSED[name], tmp_path).program.learn
    with pytest.raises(BackendError, match="--backend reference") as caught:
        net_of(REFUSED[name], tmp_path, backend="cpu")
    assert REMEDY[name] in str(caught.value)
