"""Several processes compile one program: the same bytes come out, and nothing is compiled twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from snc_cpu import compilers
from snc_cpu.calls import Piece, in_parts
from snc_cpu.compiled import compiled

from snc.codegen.kernel import written

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
    return done.stdout[: done.stdout.index(" s\n")].rpartition("  ")[0]


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


def test_a_helper_that_ends_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNC_CACHE", str(tmp_path))
    monkeypatch.setenv("SNC_COMPILERS", "2")
    monkeypatch.setattr(compilers, "LARGE", 0)
    helper = compilers.Helper()
    helper.process.kill()
    helper.process.wait()
    assert not helper.there
    assert not helper.compile(tmp_path / "any.py")
    monkeypatch.setattr(compilers, "HELPERS", [helper])
    files = [written(task(k)) for k in range(6)]
    compilers.compile_files(files, [])
    assert all((tmp_path / "kernels" / "__pycache__").glob(f"{p.stem}.*.nbc") for p in files)
    assert len(compilers.HELPERS) == 1
    assert compilers.HELPERS[0] is not helper
    first = compilers.HELPERS[0].process.pid
    compilers.compile_files([written(task(k)) for k in range(6, 9)], [])
    assert compilers.HELPERS[0].process.pid == first, "it was started anew"
    compilers.end_helpers()
    assert not compilers.HELPERS


def task(number: int) -> str:
    """The text of a file with a small task."""
    return (
        "from snc_cpu.tasks import *\n\n\n"
        f"@task\ndef task(_, t0, t1, memory):\n    v0 = number(memory, 0) + {number}\n\n\nentry = task\n"
    )


def test_names_and_numbers_are_not_compiled_anew() -> None:
    one, other = (compiled(TASK.format(name=n, leak=x), 9) for n, x in (("a", 0.9), ("b", 0.75)))
    assert one.text == other.text
    assert one.reals == (0.9,)
    assert other.reals == (0.75,)
    assert "v1 = F(r0) * v0 + F(0.5)" in one.text
    assert "r0 = real(memory, 9)" in one.text
    assert compiled(TASK.format(name="a", leak=0.25), 9).reals == (), "a power of two"
    alone = compiled(TASK.format(name="a", leak=0.9))
    assert alone.reals == ()
    assert "F(0.9)" in alone.text, "a task without a table of its own keeps its numbers"


TASK = """
@task
def learn_{name}(b, t0, t1, memory):
    h_{name} = number(memory, 6)  # the text has comments
    n_{name} = F({leak}) * h_{name} + F(0.5)
"""


def test_only_what_is_done_to_each_element_is_done_in_parts() -> None:
    head = "u = array(memory, 6, F, (40000,))"
    loop = ("for i in range(40000):", "    u[i] = F(0.5) * u[i]")
    plain = Piece((head, *loop), ("u",))
    assert plain.loop() == 40000
    parts = in_parts([plain], {"u": 40000})
    assert [p.lines[0] for p in parts] == [
        "u = rows_from(memory, 6, F, (20000,), 0)",
        "u = rows_from(memory, 6, F, (20000,), 20000)",
    ]
    assert [p.lines[1] for p in parts] == ["for i in range(20000):"] * 2
    for more in ("dense_product(u, a, z, shape_1)", "one = u[0]", "v = i"):
        whole = Piece((head, more, *loop), ("u",))
        assert whole.loop() == 0, more
        assert in_parts([whole], {}) == [whole]
