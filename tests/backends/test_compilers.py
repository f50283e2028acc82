"""Several processes compile one program: the same bytes come out, and nothing is compiled twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from snc_cpu import compilers

SPEC = Path(__file__).parents[2] / "examples" / "digits.snc"


def trained(folder: Path, processes: int) -> str:
    """What a short training prints, without its times, from an empty cache."""
    command = [
        sys.executable,
        "-m",
        "snc",
        "train",
        str(SPEC),
        "--epochs",
        "1",
        "--limit-batches",
        "2",
    ]
    done = subprocess.run(
        [*command, "--seed", "1", "--threads", "2", "--out", str(folder / "run")],
        env={**os.environ, "SNC_CACHE": str(folder / "cache"), "SNC_COMPILERS": str(processes)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("  0.")[0]


def test_two_processes_compile_what_one_does(tmp_path: Path) -> None:
    made = {}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        made[processes] = trained(folder, processes)
        made[-processes] = sorted(
            p.name.split("-")[0]
            for p in (folder / "cache" / "kernels" / "__pycache__").glob("*.nbc")
        )
    assert made[1] == made[2]
    assert made[-1] == made[-2]
    assert len(made[-1]) == len(set(made[-1])) > 10
    texts = (folder / "cache" / "kernels").glob("snc_*.py")
    assert sum(p.stat().st_size for p in texts) > compilers.LARGE, "one process did it all"


def test_shares_are_about_equal(tmp_path: Path) -> None:
    files = []
    for k, length in enumerate((50, 900, 300, 400, 250)):
        files.append(tmp_path / f"{k}.py")
        files[-1].write_text("x" * length)
    one, two = compilers.shares(files, 2)
    assert sorted([*one, *two]) == files
    assert {sum(p.stat().st_size for p in share) for share in (one, two)} == {950}
