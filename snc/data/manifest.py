"""The list of what a prepared data set holds, as a JSON file beside it in the cache.

It says which recordings are in the set and in which order, by their paths below the data root (or
their numbers, where many are in one file), with a hash of that list: two people with the same hash
have the same split, whatever the order of the files on their disks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snc.data.files import FileMark, read_json, write_json
from snc.data.packed import Packed
from snc.data.samples import Item

Row = list[Any]
"""Path or number of the recording in its source; class number, or None."""


@dataclass(frozen=True)
class Manifest:
    """What a prepared data set holds. `available`: recordings in the source, before any selection."""

    pipeline: str
    fingerprint: str
    available: int
    samples: list[Row]
    files: list[FileMark]

    @property
    def split(self) -> str:
        """SHA-256 of the list of samples."""
        return hashlib.sha256(json.dumps(self.samples).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        about = {"split": self.split, "fingerprint": self.fingerprint, "pipeline": self.pipeline}
        lists = {"available": self.available, "samples": self.samples, "files": self.files}
        write_json(path, {**about, **lists})


def rows_of(packed: Packed, items: Sequence[Item]) -> list[Row]:
    """A row for each sample; items are those of the source."""
    names = {item.origin: item.path or item.origin for item in items}
    per_step = packed.labels is None or "label" in packed.per_step
    labels = [None] * len(packed) if per_step else np.asarray(packed.labels).tolist()
    return [[names[int(o)], label] for o, label in zip(packed.origins, labels, strict=True)]


def read_manifest(path: Path) -> Manifest | None:
    """The manifest in a file; None if there is none or it is damaged."""
    found = read_json(path)
    try:
        marks = [(str(a), int(b), str(c)) for a, b, c in found["files"]]
        samples = [list(row) for row in found["samples"]]
        about = str(found["pipeline"]), str(found["fingerprint"]), int(found["available"])
    except (KeyError, TypeError, ValueError):
        return None
    made = Manifest(*about, samples, marks)
    return made if made.split == found.get("split") else None
