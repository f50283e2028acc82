"""The lists of what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from snc.catalogue import entries
from snc.diagnostics import DataError

ROOT = Path(__file__).parents[1]
SPEC_KINDS = ("experiments", "rules", "neurons", "signals", "datasets")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("rules", "stllr", "Three factors"),
        ("neurons", "lif", "Leaky integrate-and-fire"),
        ("signals", "feedback", "[Nokland 2016]"),
        ("datasets", "shd", "Spiking Heidelberg Digits"),
        ("experiments", "specs/stllr/shd.snc:shd_dfa", "fixed random matrix"),
    ],
)
def test_entries_have_words_and_a_place(kind, name, words):
    found = {n: (line, place) for n, line, place in entries(kind)}
    line, place = found[name]
    assert words in line
    path, _, number = place.rpartition(":")
    declared = name.rpartition(":")[2]
    assert declared in (ROOT / path).read_text().splitlines()[int(number) - 1]


@pytest.mark.parametrize("kind", SPEC_KINDS)
def test_everything_has_one_line_and_a_name_of_its_own(kind):
    found = entries(kind)
    assert found
    assert len({name for name, _, _ in found}) == len(found)
    assert all(line and "\n" not in line for _, line, _ in found)


def test_all_shipped_experiments_are_listed():
    files = {name.rpartition(":")[0] for name, _, _ in entries("experiments")}
    for path in (ROOT / "specs").rglob("*.snc"):
        declares = any(line.startswith("experiment ") for line in path.read_text().splitlines())
        assert (path.relative_to(ROOT).as_posix() in files) == declares


def test_an_experiment_without_words_is_told_by_its_parts():
    found = {name: line for name, line, _ in entries("experiments")}
    assert found["specs/conformance/bptt_conv.snc:bptt_conv"] == "network small_vgg()"
    assert (
        "derived from" in found["specs/conformance/tess_local_apost_zero.snc:tess_local_apost_zero"]
    )


def test_backends_say_what_they_are():
    found = {name: (line, place) for name, line, place in entries("backends")}
    assert found["reference"][1] == "snc_reference:backend"
    assert found["reference"][0]


def test_a_backend_that_cannot_run_says_why(monkeypatch):
    class Absent:
        """Runs on nothing."""

        name = "absent"

        def unavailable(self):
            return "there is no device"

    monkeypatch.setattr("snc.backend.find", lambda name: Absent())
    lines = [line for _, line, _ in entries("backends")]
    assert set(lines) == {"Runs on nothing. Cannot run here: there is no device."}


def test_a_broken_backend_hides_no_other(monkeypatch):
    def broken(name):
        raise ImportError("no module")

    monkeypatch.setattr("snc.backend.find", broken)
    assert all("cannot be loaded: ImportError" in line for _, line, _ in entries("backends"))


def test_an_unknown_kind():
    with pytest.raises(DataError) as caught:
        entries("rule")
    assert caught.value.help == "did you mean `rules`?"


def test_spec_lists_wait_for_no_compiler():
    code = (
        "import sys; from snc.catalogue import entries\n"
        f"for kind in {SPEC_KINDS}: entries(kind)\n"
        "print([m for m in ('numba', 'numpy', 'h5py', 'tonic', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
