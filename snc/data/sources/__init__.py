"""Sources: where samples come from, one file for each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from snc.data.given import Given
from snc.data.sources.batches import open_batches
from snc.data.sources.between_images import open_between_images
from snc.data.sources.bundled import open_sklearn
from snc.data.sources.hdf5 import open_hdf5
from snc.data.sources.idx import open_idx
from snc.data.sources.npz import open_npz
from snc.data.sources.source import Source
from snc.data.sources.spoken import open_spoken
from snc.data.sources.tonic_sets import open_tonic

SOURCES: dict[str, Callable[[Given, Path | None], Source]] = {
    "tonic": open_tonic,
    "hdf5": open_hdf5,
    "npz": open_npz,
    "idx": open_idx,
    "sklearn": open_sklearn,
    "cifar_batches": open_batches,
    "speech_commands": open_spoken,
    "mvsec_files": open_between_images,
}
"""Words that are sources, and what opens each."""
