"""The cache of prepared data: one .npz file per key, without pickle, checked when it is read.

Planes, which are large, are in files beside it (see `spill`), of which only the size is checked.

A key is the SHA-256 of the source files (relative path, size, content), the whole text of the
pipeline, the step length it was prepared with, the versions of the libraries that read the files
and the code of this package. It is never a number or a name: whatever changes, another file is
made.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from snc.data.files import FileMark, write_whole
from snc.data.packed import Packed
from snc.data.samples import Numbers
from snc.data.spill import opened, spill_path
from snc.model.plan import DataArgument, Duration, Pipeline, Share
from snc.model.words import WORDS
from snc.resources import cache_dir


def pipeline_text(pipeline: Pipeline) -> str:
    """A pipeline as one line: words and arguments in a fixed order, without places in a file."""
    steps = []
    for step in pipeline.steps:
        given = ", ".join(f"{name} = {_text(value)}" for name, value in sorted(step.arguments))
        steps.append(f"{step.word}({given})")
    return " | ".join(steps)


def _text(value: DataArgument) -> str:
    match value:
        case Duration(seconds=None, steps=steps):
            return f"{_text(steps)} steps"
        case Duration(seconds=seconds):
            return f"{seconds!r} s"
        case Share(fraction=fraction):
            return f"{fraction!r} of all"
        case tuple():
            return f"[{', '.join(_text(v) for v in value)}]"
        case str():
            return json.dumps(value)
        case bool():
            return str(int(value))
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
    return repr(value)


def fingerprint(pipeline: Pipeline, marks: Sequence[FileMark], clock: float | None) -> str:
    """What the prepared data depends on, apart from who prepares it.

    The experiment's step length counts only if a step on frames is given a time.
    """
    timed = any(
        isinstance(value, Duration) and value.seconds is not None
        for step in pipeline.steps
        if WORDS[step.word].kind == "frames"
        for _, value in step.arguments
    )
    clock = clock if timed else None
    text = json.dumps([pipeline_text(pipeline), [list(m) for m in marks], clock])
    return hashlib.sha256(text.encode()).hexdigest()


def cache_path(print_: str, versions: Sequence[str]) -> Path:
    """The file of a fingerprint, for these versions of the libraries and of this package."""
    text = json.dumps([print_, list(versions), own_code()])
    return cache_dir("data") / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"


@lru_cache(maxsize=1)
def own_code() -> str:
    """Hash of the files of this package: a change to a step makes new entries."""
    digest = hashlib.sha256()
    for folder in (files("snc.data"), files("snc.data") / "sources"):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def save(path: Path, packed: Packed) -> None:
    """Write an entry, whole or not at all."""
    planes = {k: v for k, v in packed.fields.items() if isinstance(v, np.memmap)}
    about = {
        "shape": packed.shape,
        "per_step": sorted(packed.per_step),
        "planes": {k: [v.dtype.str, v.shape] for k, v in planes.items()},
    }
    arrays = {f"data:{k}": v for k, v in packed.arrays.items()}
    arrays |= {f"field:{k}": v for k, v in packed.fields.items() if k not in planes}
    arrays |= {"first": packed.first, "steps": packed.steps, "origins": packed.origins}
    arrays |= {} if packed.labels is None else {"labels": packed.labels}
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    members: dict[str, Any] = {"about": text, **arrays}
    write_whole(path, lambda file: np.savez(file, **members))


def load(path: Path) -> Packed | None:
    """Read an entry; None if there is none or it is damaged (every array has a checksum)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
        about = json.loads(found["about"].tobytes())
        return Packed(
            shape=tuple(about["shape"]),
            first=found["first"],
            steps=found["steps"],
            arrays=_named(found, "data:"),
            labels=found.get("labels"),
            origins=found["origins"],
            fields={
                **_named(found, "field:"),
                **{
                    name: opened(spill_path(path, name), dtype, tuple(shape))
                    for name, (dtype, shape) in about["planes"].items()
                },
            },
            per_step=frozenset(about["per_step"]),
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _named(found: dict[str, Numbers], prefix: str) -> dict[str, Numbers]:
    return {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)}
