"""What ships: a wheel that works from an empty folder, with grammar, specs and pages of diagnostics inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return target


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    here = "import snc, sys; assert sys.argv[1] in snc.__file__, snc.__file__"
    where = [sys.executable, "-c", here, str(installed)]
    subprocess.run(where, env=environment, cwd=folder, check=True)
    snc = [sys.executable, "-m", "snc", *command]
    return subprocess.run(
        snc, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.split("/")[0] for n in names if ".dist-info" not in n}
    assert tops == {"snc", "snc_reference", "snc_cpu", "snc_cuda"}
    assert {"snc/grammar/snc.lark", "snc/specs/std/rules.snc", "snc/docs/diagnostics.md"} <= {
        *names
    }
    assert "snc/data/known.toml" in names


def test_the_wheel_works_from_an_empty_folder(installed, tmp_path):
    assert run(installed, tmp_path, "new", "rule", "mine").returncode == 0
    checked = run(installed, tmp_path, "check", "mine.snc")
    assert checked.returncode == 0, checked.stderr
    assert "stllr" in run(installed, tmp_path, "list", "rules").stdout
    assert "shd_clean" in run(installed, tmp_path, "data", "list").stdout
    assert "reference" in run(installed, tmp_path, "list", "backends").stdout
    listed = run(installed, tmp_path, "list", "experiments").stdout.split()
    assert "specs/user/keyboard.snc:theirs" in listed
    shipped = run(installed, tmp_path, "check", "specs/user/keyboard.snc:theirs")
    assert (shipped.returncode, shipped.stderr) == (0, "")
    trained = run(
        installed, tmp_path, "train", "mine.snc", "--backend", "reference",
        *("--epochs", "1", "--limit-batches", "2"),
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "accuracy" in trained.stdout
