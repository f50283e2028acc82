"""Sources: where samples come from, one file for each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snc.data.given import Given
from snc.data.sources.bundled import open_sklearn
from snc.data.sources.hdf5 import open_hdf5
from snc.data.sources.idx import open_idx
from snc.data.sources.npz import open_npz
from snc.data.sources.source import Source
from snc.data.sources.tonic_sets import open_tonic

SOURCES: dict[str, Callable[[Given, Path | None], Source]] = {
    "tonic": open_tonic,
    "hdf5": open_hdf5,
    "npz": open_npz,
    "idx": open_idx,
    "sklearn": open_sklearn,
}
"""Words that are sources, and what opens each."""
