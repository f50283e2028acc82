"""Planes of all samples, kept in a file instead of in memory: a recording's flow takes gigabytes.

One file for each field, `<entry>.<field>.bin` beside the entry in the cache: [N, ...] row by row.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from snc.data.samples import Numbers
from snc.diagnostics import DataError


class Spill:
    """Collects one array for each sample, all of the same shape and type, in a file."""

    def __init__(self, path: Path) -> None:
        """`path` is the file when it is complete; until then there is another beside it."""
        self.path, self.count = path, 0
        self.like: Numbers | None = None
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        self.temporary = Path(name)
        self.file: IO[bytes] = os.fdopen(handle, "wb")

    def add(self, values: Numbers, place: str) -> None:
        """One more. Raises DataError: other-shape, cannot-write."""
        if self.like is None:
            self.like = np.empty(values.shape, values.dtype)
        if (values.shape, values.dtype) != (self.like.shape, self.like.dtype):
            message = f"a field is {values.dtype}{list(values.shape)}, it was {self.like.dtype}"
            raise DataError("other-shape", f"{message}{list(self.like.shape)} before", place)
        try:
            self.file.write(np.ascontiguousarray(values).tobytes())
        except OSError as reason:
            hint = "the environment variable SNC_CACHE moves the cache"
            message = f"the cache cannot be written: {reason}"
            raise DataError("cannot-write", message, str(self.path), hint) from None
        self.count += 1

    def finish(self) -> Numbers:
        """Everything [N, ...], read from the file as it is needed."""
        assert self.like is not None
        self.file.close()
        self.temporary.replace(self.path)
        return opened(self.path, self.like.dtype, (self.count, *self.like.shape))

    def drop(self) -> None:
        """Leave nothing behind, if it was not finished."""
        self.file.close()
        self.temporary.unlink(missing_ok=True)


def opened(path: Path, dtype: Any, shape: tuple[int, ...]) -> Numbers:
    """The array in a file. Raises ValueError or OSError if the file is not of that size."""
    kind = np.dtype(dtype)
    if path.stat().st_size != kind.itemsize * int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{path} is cut short")
    return np.memmap(path, kind, "r", shape=shape)


def spill_path(entry: Path, field: str) -> Path:
    """The file of a field beside the file of an entry."""
    return entry.with_suffix(f".{field}.bin")
