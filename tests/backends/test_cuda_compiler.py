"""Kernels compiled to PTX, and what is said where no GPU is; in processes of their own, without the simulator."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from cuda_cases import ROOT, without_simulator
from snc_cuda import card

SAMPLE = ["specs/conformance/tp_hard.snc"]
ALL = ROOT / "tests" / "backends" / "ptx_of_all.py"


@pytest.mark.parametrize("spec", SAMPLE)
def test_every_kernel_compiles_for_two_architectures(spec: str) -> None:
    """Also by the assembler, which refuses what a card could not launch."""
    done = without_simulator(str(ALL), "sm_80,sm_90", spec)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["failed"] == 0
    assert counts["kernels"] >= 2 * 10


HALVES = """
import re
import sys
from pathlib import Path
sys.path.insert(0, "tests/backends")
from ptx_of_all import experiments, form, ptx_of
from snc_cuda import backend
from snc_cuda.ptx import entries
spec = ["specs/conformance/bptt_last_step.snc"]
((_, program),) = experiments(spec, Path())
every = entries(backend.emit(program))
for entry in every[::3]:
    both = ptx_of(entry, ["sm_80", "sm_90"])
    apart = [entry.ptx("sm_80"), entry.ptx("sm_90")]
    # a kernel's name has the architecture and a count in it; of two values either may be numbered first
    names = r"_ZN\\w*?(?=_param_|\\b)|(?<=%[a-z])[0-9]+|(?<=%[a-z][a-z])[0-9]+"
    bare = [re.sub(names, "", text) for text in (*both, *apart)]
    assert bare[:2] == bare[2:] and both[0] != both[1], entry.name
print(len(every), len({e.code for e in every}), len({form(e) for e in every}))
"""


def test_the_first_half_of_the_compiler_makes_the_same_for_all_architectures() -> None:
    """What is translated for another architecture has the instructions of what is compiled for that one, in order."""
    done = without_simulator("-c", HALVES)
    assert done.returncode == 0, done.stderr
    every, distinct, forms = map(int, done.stdout.split())
    assert every > distinct >= forms > 10


def test_show_prints_ptx() -> None:
    spec = "specs/conformance/bptt_last_step.snc"
    command = ("-m", "snc", "show", spec, "--stage", "kernel", "--backend", "cuda", "--ptx")
    done = without_simulator(*command, "sm_90")
    assert done.returncode == 0, done.stderr
    assert ".target sm_90" in done.stdout
    assert done.stdout.count(".visible .entry") >= 10
    wrong = without_simulator(*command, "ampere")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "`ampere` is no architecture" in wrong.stderr


CONTRACTION = """
from numba import cuda, float32
from snc_cuda.device import mul_s
def plain(x):
    x[0] = x[1] * x[2] + x[3]
def ours(x):
    x[0] = mul_s(x[1], x[2]) + x[3]
for kernel in (plain, ours):
    text, _ = cuda.compile_ptx(kernel, (float32[::1],), cc=(9, 0))
    print(text.count("fma.rn.f32"), text.count("mul.rn.f32"))
"""


def test_a_product_is_rounded_before_it_is_added() -> None:
    """The compiler fuses what is written plainly; what we emit it may not."""
    done = without_simulator("-c", CONTRACTION)
    assert done.stdout.split() == ["1", "0", "0", "1"], done.stderr


ROUNDING = """
import math
from numba import cuda, float32
def kernel(x):
    x[0] = x[1] / x[2]
    x[3] = math.sqrt(x[4])
text, _ = cuda.compile_ptx(kernel, (float32[::1],), cc=(9, 0))
print(text.count("div.rn.f32"), text.count("sqrt.rn.f32"), text.count(".approx"), text.count(".ftz"))
"""


def test_quotients_and_roots_are_rounded_as_on_the_cpu() -> None:
    done = without_simulator("-c", ROUNDING)
    assert done.stdout.split() == ["1", "1", "0", "0"], done.stderr


def test_without_a_driver_one_sentence_says_so() -> None:
    done = without_simulator(
        "-m", "snc", "train", "examples/digits.snc", "--backend", "cuda", CUDA_VISIBLE_DEVICES=""
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error[backend]: backend `cuda` cannot run here: ")
    assert len(done.stderr.strip().splitlines()) == 1


# What each kind of machine is told ----------------------------------------------------------------------


class Card:
    name = b"GeForce GTX 1080"

    def __init__(self, capability: tuple[int, int]) -> None:
        self.compute_capability = capability


def machine(monkeypatch: pytest.MonkeyPatch, cards: list[Card] | Exception) -> None:
    """A `numba.cuda` that sees these cards, or whose driver fails."""

    class Cards:
        def __len__(self) -> int:
            if isinstance(cards, Exception):
                raise cards
            return len(cards)

        def __getitem__(self, number: int) -> Card:
            assert not isinstance(cards, Exception)
            return cards[number]

    import numba

    fake = types.SimpleNamespace(
        gpus=Cards(), is_available=lambda: not isinstance(cards, Exception) and bool(cards)
    )
    monkeypatch.setattr(numba, "config", types.SimpleNamespace(ENABLE_CUDASIM=0))
    monkeypatch.setattr(numba, "cuda", fake, raising=False)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str | None]:
    def sentence(cards: list[Card] | Exception, device: str | None = None) -> str | None:
        with monkeypatch.context() as patch:
            machine(patch, cards)
            if device is not None:
                patch.setenv(card.DEVICE, device)
            return card.unavailable()

    return sentence


def test_each_kind_of_machine_is_told_what_it_lacks(said: Callable[..., str | None]) -> None:
    from numba.cuda.cudadrv.error import CudaSupportError

    none = CudaSupportError(
        "Error at driver init: \n\nCUDA driver library cannot be found.\nEnsure ..."
    )
    broken = CudaSupportError("Error at driver init: Call to cuInit results in CUDA_ERROR_UNKNOWN")
    new, old = Card((9, 0)), Card((6, 1))
    assert said(none) == "no NVIDIA driver is installed"
    assert (
        said(broken)
        == "the NVIDIA driver does not start: Call to cuInit results in CUDA_ERROR_UNKNOWN"
    )
    assert said([]) == "there is no NVIDIA GPU"
    assert said([new]) is None
    assert said([old]) == (
        "the GeForce GTX 1080 is too old: it has compute capability 6.1, and 7.5 is needed"
    )
    assert said([old, new], "1") is None
    assert said([new], "2") == "there is no device 2; there is only device 0"
    assert said([new, new], "2") == "there is no device 2; there are devices 0 to 1"
    assert said([new], "two") == "SNC_CUDA_DEVICE must be the number of a device, not `two`"


def test_without_numba_cuda_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "find_spec", lambda name: None)
    assert card.unavailable() == "numba-cuda is not installed (pip install 'snc[cuda]')"


def test_emitting_imports_no_compiler(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from snc.compile import program_of
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc_cuda import backend
path = Path("specs/conformance/tp_dense2.snc")
assert "def learn" in backend.emit(program_of(resolve(choose(load_file(path), None)))[1]).text
assert not any(m.split(".")[0] == "numba" for m in sys.modules), sorted(sys.modules)
"""
    done = without_simulator("-c", code)
    assert done.returncode == 0, done.stderr
    assert sys.executable
