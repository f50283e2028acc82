"""`npz(file, input, label, mask, length, static)`: your own frames or images in a NumPy .npz file.

The arrays are those of `tables`; objects (pickle) are refused.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from snc.data.files import find_file
from snc.data.given import Given
from snc.data.samples import Item, Numbers
from snc.data.sources.source import Files, Source
from snc.data.sources.tables import Tables
from snc.diagnostics import DataError


@dataclass(frozen=True)
class Stored:
    """An array in the archive, read when it is first indexed."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @cached_property
    def values(self) -> Numbers:
        """All of it."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                found: Numbers = archive[self.name]
                return found
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as reason:
            raise damaged(self.path, reason) from None

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


def damaged(path: Path, reason: Exception) -> DataError:
    """The file cannot be read."""
    return DataError("damaged-file", f"this is not a readable .npz file: {reason}", str(path))


def headers(path: Path) -> dict[str, Stored]:
    """The arrays of an archive with their shapes and types, without reading their values."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(file)
                name = member.removesuffix(".npy")
                found[name] = Stored(path, name, shape, dtype)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as reason:
        raise damaged(path, reason) from None
    return found


def open_npz(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file and those of `Tables`."""
    path = find_file(given, given.text("file"), root)
    tables = Tables.of(given, headers(path), str(path))

    def items() -> list[Item]:
        return tables.items()

    return Source(tables.form(given), lambda: Files((path,), path.parent), items)
