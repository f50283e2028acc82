"""Kernels are compiled by several processes: which ones, and with which types of arguments."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import snc_cuda.compilers
from cuda_cases import here
from numba import types
from snc_cuda.compilers import FEW, compile_ahead, types_of

pytestmark = here
CUDA = SimpleNamespace(get_current_device=lambda: SimpleNamespace(compute_capability=(9, 0)))
KERNELS = [(f"kernel_{k}", ["i", "F3"]) for k in range(4 * FEW)]


class Process:
    """A process that only notes what it was told, and whether it was ended."""

    def __init__(self, code: int) -> None:
        self.code, self.killed = code, False

    def wait(self) -> int:
        return self.code

    def kill(self) -> None:
        self.killed = True


def shares(
    monkeypatch: pytest.MonkeyPatch, file: Path, *, cores: int = 4, code: int = 0
) -> list[dict]:
    told: list[dict] = []

    def started(share: dict) -> Process:
        told.append(json.loads(json.dumps(share)))
        return Process(code)

    monkeypatch.setattr(snc_cuda.compilers, "idle", lambda: cores)
    monkeypatch.setattr(snc_cuda.compilers, "started", started)
    compile_ahead(file, KERNELS, CUDA)
    return told


def test_every_kernel_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kernels.py"
    told = shares(monkeypatch, file)
    assert len(told) == 4
    names = [name for share in told for name, _ in share["kernels"]]
    assert sorted(names) == sorted(name for name, _ in KERNELS)
    assert {share["file"] for share in told} == {str(file)}
    assert shares(monkeypatch, file) == []  # they are on the disk now


def test_what_failed_is_tried_again_and_a_busy_machine_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kernels.py"
    assert shares(monkeypatch, file, cores=1) == []
    assert len(shares(monkeypatch, file, code=1)) == len(shares(monkeypatch, file)) == 4


def test_a_process_compiles_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = {}

    def kernel(name: str) -> SimpleNamespace:
        return SimpleNamespace(compile=lambda kinds: compiled.update({name: kinds}))

    text = SimpleNamespace(F=np.float32, D=np.float64, one=kernel("one"), two=kernel("two"))
    told = {"file": "kernels.py", "kernels": [["one", ["i", "b", "F2"]], ["two", ["D1", "U1"]]]}
    monkeypatch.setattr(snc_cuda.compilers, "load_file", lambda path: text)
    monkeypatch.setattr(snc_cuda.compilers, "select", lambda cuda: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(told)))
    snc_cuda.compilers.main()
    assert compiled == {
        "one": (types.int64, types.boolean, types.Array(types.float32, 2, "C")),
        "two": (types.Array(types.float64, 1, "C"), types.Array(types.uint8, 1, "C")),
    }
    assert types_of(["F1"], single=False) == (types.Array(types.float64, 1, "C"),)
