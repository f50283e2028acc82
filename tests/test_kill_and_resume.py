"""A run that is killed in the middle of an epoch goes on with `--resume` and ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

SPEC = Path(__file__).parents[1] / "examples" / "digits.snc"
# An epoch takes a tenth of a second or more: thirty leave seconds in which a run can be caught at work.
EPOCHS = 30
FLAGS = ("--seed", "1", "--set", "network.hidden=40", "--set", "train.batch=8")


def command(out: Path, threads: int, *more: str) -> list[str]:
    train = [sys.executable, "-m", "snc", "train", str(SPEC), *FLAGS, "--epochs", str(EPOCHS)]
    return [*train, "--threads", str(threads), "--out", str(out), *more]


def weights(out: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and name.rsplit("/", 1)[-1].split(".")[-1] in (
            *("weight", "bias", "m", "v", "count"),
        ):
            found[name] = np.ascontiguousarray(item[()]).tobytes()

    with h5py.File(out / "trial-1" / "checkpoint.h5") as file:
        file.visititems(keep)
    return found


def killed_in_an_epoch(out: Path, threads: int) -> str:
    """Run until the second epoch is over and a third has begun, then kill; what was printed."""
    log = out.with_suffix(".log")
    with log.open("w") as file:
        run = subprocess.Popen(
            command(out, threads), stdout=file, stderr=file, start_new_session=True
        )
        end = time.monotonic() + 240
        while log.read_text().count("test loss") < 2 and time.monotonic() < end:
            assert run.poll() is None, log.read_text()
            time.sleep(0.02)
        time.sleep(0.05)
        assert run.poll() is None, "it was over before it could be killed"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    return log.read_text()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "run"
    subprocess.run(command(out, 1), check=True, capture_output=True)
    return weights(out)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_killed_run_ends_with_the_bytes_of_an_unbroken_one(unbroken, tmp_path, threads):
    out = tmp_path / "run"
    printed = killed_in_an_epoch(out, threads)
    assert printed.count("test loss") < EPOCHS
    before = weights(out)
    done = subprocess.run(
        command(out, threads, "--resume"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    after = weights(out)
    assert len(after) > 8
    assert before != after, "the killed run had nothing left to do"
    assert after == unbroken
