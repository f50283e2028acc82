"""The folder of a run.

    spec.snc                     the resolved spec
    source/                      the files it was written in: the run can be evaluated when they are gone
    run.json                     command, settings, seeds, versions, hashes, data fingerprints
    metrics.jsonl                one line per epoch of every trial
    trial-<seed>/checkpoint.h5   where a trial stands
    curve.png, result.json       when it is finished

A sweep has one such folder per case inside it, and a `result.json` of all.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

from snc.diagnostics import DataError, listing
from snc.engine.files import append_line, write_text
from snc.engine.standing import EpochRecord, Standing


@dataclass(frozen=True)
class RunFolder:
    """The folder and the names in it."""

    path: Path

    def checkpoint(self, seed: int) -> Path:
        """The checkpoint of a trial; its folder is made."""
        folder = self.path / f"trial-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "checkpoint.h5"

    def has_checkpoint(self, seed: int) -> bool:
        """Whether a trial has one."""
        return (self.path / f"trial-{seed}" / "checkpoint.h5").exists()

    def case(self, name: str) -> RunFolder:
        """The folder of one case of a sweep; made if missing."""
        folder = self.case_path(name)
        folder.mkdir(exist_ok=True)
        return RunFolder(folder)

    def case_path(self, name: str) -> Path:
        """Where the folder of a case is; letters that file systems dislike become `_`."""
        return self.path / re.sub(r"[^\w.=,+-]+", "_", name)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a file of plain values, atomically; numbers that are not finite become null."""
        write_text(self.path / name, json.dumps(finite(data), indent=2, ensure_ascii=False) + "\n")

    def write_spec(self, text: str) -> None:
        """Keep the resolved spec."""
        write_text(self.path / "spec.snc", text)

    def write_sources(self, texts: Mapping[str, str]) -> None:
        """Keep the files a spec is written in."""
        for name, text in texts.items():
            file = self.path / "source" / name
            file.parent.mkdir(exist_ok=True)
            write_text(file, text)

    def source_of(self, spec: str) -> str:
        """Where the spec of this run is read from again: SPEC or SPEC:EXPERIMENT in its own copy."""
        name = Path(spec).name
        copy = self.path / "source" / name
        file, _, _ = name.partition(":")
        return str(copy) if (self.path / "source" / file).is_file() else spec

    def log(self, seed: int, record: EpochRecord) -> None:
        """Add an epoch to `metrics.jsonl`."""
        append_line(self.path / "metrics.jsonl", _line(seed, record))

    def rewrite_log(self, standings: Mapping[int, Standing]) -> None:
        """Write `metrics.jsonl` from the checkpoints, which know best after a kill."""
        lines = [_line(seed, r) for seed, s in standings.items() for r in s.history]
        write_text(self.path / "metrics.jsonl", "".join(line + "\n" for line in lines))


def open_folder(experiment: str, out: Path | None, resume: bool) -> RunFolder:
    """The folder to train into: `out`, or `runs/<experiment>-<n>` with the next free number.

    With `resume`, the existing one: `out`, or the newest of this experiment. Raises DataError if
    there is nothing to resume, and if a new run would land in a folder that holds something.
    """
    if resume:
        return RunFolder(_existing(experiment, out))
    if out is None:
        return RunFolder(_next_free(experiment))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        started = (out / "run.json").exists()
        raise DataError(
            "folder-in-use",
            "this folder already holds a run" if started else "this folder is not empty",
            place=str(out),
            help="add --resume to go on with that run" if started else "choose another --out",
        )
    out.mkdir(parents=True, exist_ok=True)
    return RunFolder(out)


def begun(folder: RunFolder) -> dict[str, Any]:
    """What `run.json` notes of a run or sweep that is gone on with; nothing if it did not get so far."""
    file = folder.path / "run.json"
    return _read_json(file) if file.exists() else {}


def read_run(path: Path) -> dict[str, Any]:
    """The `run.json` of a run. Raises DataError if there is none, if it is damaged, for a sweep."""
    file = path / "run.json"
    if not file.exists():
        raise DataError(
            "no-run",
            "this is not the folder of a run",
            place=str(path),
            help="give a folder that `snc train` wrote, such as runs/mine-1",
        )
    data = _read_json(file)
    if "cases" in data:
        names = listing([f"`{RunFolder(path).case_path(name)}`" for name in data["cases"]])
        raise DataError(
            "sweep", "this folder holds a sweep", str(path), help=f"name a case: {names}"
        )
    return data


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("it holds no object")
    except ValueError as error:
        raise DataError("damaged-run", f"run.json is damaged: {error}", place=str(file)) from None
    return data


def versions() -> dict[str, str]:
    """The versions that decide about bits."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("snc", "numpy", "numba", "llvmlite", "h5py"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # not every backend needs every one of them
            continue
    return found


def command_line() -> list[str]:
    """The command as it was given."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def finite(value: Any) -> Any:
    """Plain values with None for every number that JSON cannot say."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


def _line(seed: int, record: EpochRecord) -> str:
    return json.dumps(finite({"seed": seed, **record.data()}), ensure_ascii=False)


def _numbered(experiment: str) -> dict[int, Path]:
    root, pattern = Path("runs"), re.compile(re.escape(experiment) + r"-(\d+)")
    found = root.iterdir() if root.is_dir() else ()
    return {int(m[1]): p for p in found if (m := pattern.fullmatch(p.name))}


def _next_free(experiment: str) -> Path:
    number = max(_numbered(experiment), default=0) + 1
    while True:
        path = Path("runs") / f"{experiment}-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another run took the number just now
            number += 1
            continue
        return path


def _existing(experiment: str, out: Path | None) -> Path:
    if out is not None:
        if out.is_dir():
            return out
        raise DataError("nothing-to-resume", "there is no such run folder", place=str(out))
    runs = _numbered(experiment)
    if not runs:
        raise DataError(
            "nothing-to-resume",
            f"there is no run of `{experiment}` here",
            place="runs",
            help="leave --resume away to begin one, or name its folder with --out",
        )
    return runs[max(runs)]
