"""The shipped examples run, and learn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import snc
from snc.api import Experiment

EXAMPLES = Path(__file__).parents[2] / "examples"


def train(tmp_path: Path, *command: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "snc", "train", *command, "--out", str(tmp_path / "run"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_digits_learns_on_the_cpu(tmp_path):
    outcome = train(tmp_path, str(EXAMPLES / "digits.snc"), "--seed", "1", "--epochs", "3")
    assert outcome["accuracy"] > 0.9
    assert {"loss", "epochs", "seconds", "seconds_compile", "peak_memory_bytes", "out"} <= {
        *outcome
    }


@pytest.mark.parametrize(
    "experiment",
    [
        "rules",
        "eprop",
        "ottt",
        "decolle",
        "tess",
        "random_feedback",
        "through_time",
        "traces_propagation",
    ],
)
def test_every_rule_of_the_comparison_lowers_the_loss(tmp_path, experiment):
    small = Experiment(EXAMPLES / "rules.snc", experiment, {"network.hidden": "30"})
    first, later = (
        small.train(
            backend="reference",
            epochs=1,
            limit_batches=batches,
            seed=1,
            out=tmp_path / str(batches),
        )
        for batches in (1, 24)
    )
    assert later["loss"] < 0.9 * first["loss"]


def test_the_python_interface_trains(tmp_path):
    made = snc.load(EXAMPLES / "digits.snc").train(
        backend="reference", epochs=1, limit_batches=3, seed=1, out=tmp_path / "run"
    )
    assert made["epochs"] == 1
    assert (tmp_path / "run" / "result.json").exists()
