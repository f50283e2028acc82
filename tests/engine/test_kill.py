"""A real process is killed with signal 9 in mid-epoch, and goes on to the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snc.engine import checkpoint

SCRIPT = Path(__file__).with_name("killable.py")


def start(path: Path, pause: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(path), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(path: Path) -> dict[str, bytes]:
    process = start(path, 0)
    process.communicate(timeout=60)
    assert process.returncode == 0
    return {name: a.tobytes() for name, a in checkpoint.read(path)[1].store.items()}


@pytest.mark.parametrize("batches", [4, 11])
def test_killed_in_mid_epoch_and_resumed_is_bit_for_bit_the_unbroken_run(tmp_path, batches):
    whole, path = finish(tmp_path / "whole.h5"), tmp_path / "checkpoint.h5"
    process = start(path, 0.02)
    assert process.stdout is not None
    heard = 0
    for line in process.stdout:
        heard += line.startswith("batch")
        if heard == batches:
            process.send_signal(signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGKILL
    standing = checkpoint.read(path)[1]
    assert standing.batch or standing.epoch
    assert finish(path) == whole
