"""Data flows one way, the core knows no backend, and the engine names no rule, paper or data set."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import snc

ROOT = Path(__file__).parents[1]
NAMES = re.compile(
    r"\b(s-?tllr|tess|traces.?propagation|e-?prop|ostl|osttp|ottt|otpe|etlp|decolle|stdp|stsf|drtp|espp|fptt"
    r"|n-?mnist|mnist|shd|ssc|cifar|dvs|gesture|caltech|mvsec|apolinario|bellec|pes)\b",
    re.IGNORECASE,
)
# The words of the language that read a file format are called after it.
WORDS = re.compile(r"cifar_batches|mvsec_files|speech_commands")


PICKLE = re.compile(r"(import|from) (c?pickle|_pickle|dill|joblib|shelve)\b|\bUnpickler\b")


def test_folders_import_only_what_comes_before_them():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_engine_names_no_rule_paper_or_data_set():
    found = []
    for folder in ("snc", "backends"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if NAMES.search(WORDS.sub("", line)):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not found, "\n".join(found)


def test_the_public_names_are_exactly_these():
    assert snc.__all__ == ["Experiment", "load"]


def test_nothing_is_pickled():
    for folder in ("snc", "backends"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not PICKLE.search(path.read_text()), path
