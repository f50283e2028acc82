"""`idx(name, part)`: images and labels in four idx files, gzipped or not.

Below the data root, in the folder `name` (or its folder `raw`): `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, perhaps with
`.gz`. An idx file: two zero bytes, type 8 (unsigned bytes), number of axes, each size as 4 bytes
big endian, then the values. Samples are images [height, width] from 0 to 255.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from snc.data.given import Given
from snc.data.known import how_to_fetch
from snc.data.samples import Form, Frames, Item, Numbers, Sample
from snc.data.sources.source import Files, Source
from snc.diagnostics import DataError

PREFIX = {"train": "train", "test": "t10k"}


def open_idx(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file, unequal-counts, no-samples."""
    prefix = PREFIX[given.choice("part")]
    images = _find(given, root, f"{prefix}-images-idx3-ubyte")
    labels = _find(given, root, f"{prefix}-labels-idx1-ubyte")
    shape = _header(images, 3)
    counted = _header(labels, 1)
    if shape[0] != counted[0]:
        message = f"there are {shape[0]} images, but {counted[0]} labels"
        raise DataError("unequal-counts", message, str(labels))
    if not shape[0]:
        raise DataError("no-samples", "the data set is empty", str(images))

    def items() -> list[Item]:
        pixels, classes = _values(images, shape), _values(labels, counted)

        def label(k: int) -> int:
            return int(classes[k])

        def load(k: int) -> Sample:
            return Sample(Frames(pixels[k : k + 1]), label(k), f"{images}, image {k}", k)

        return [Item(k, "", partial(label, k), partial(load, k)) for k in range(shape[0])]

    form = Form(None, shape[1:], image=True)
    return Source(form, lambda: Files((images, labels), images.parent), items)


def _find(given: Given, root: Path | None, name: str) -> Path:
    if root is None:
        raise given.error(
            "no-data",
            f"nothing says in which folder `{given.text('name')}` is",
            "say it with `--data-root DIR` or the environment variable SNC_DATA",
        )
    folder = root / given.text("name")
    for place in (folder, folder / "raw"):
        for ending in (".gz", ""):
            if (place / f"{name}{ending}").is_file():
                return place / f"{name}{ending}"
    raise given.error(
        "no-data",
        f"there is no `{name}.gz` in `{folder}`",
        how_to_fetch(given.step)
        or "put the four idx files there, or give another folder with `--data-root DIR` or SNC_DATA",
    )


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _header(path: Path, axes: int) -> tuple[int, ...]:
    try:
        with _open(path) as file:
            start = file.read(4 + 4 * axes)
    except (OSError, EOFError, zlib.error) as reason:
        raise DataError("damaged-file", f"the file cannot be read: {reason}", str(path)) from None
    if len(start) < 4 + 4 * axes or start[:4] != bytes((0, 0, 8, axes)):
        message = f"this is not an idx file of bytes with {axes} axes"
        raise DataError("damaged-file", message, str(path))
    return struct.unpack(f">{axes}I", start[4:])


def _values(path: Path, shape: tuple[int, ...]) -> Numbers:
    try:
        with _open(path) as file:
            data = file.read()[4 + 4 * len(shape) :]
        return np.frombuffer(data, np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as reason:
        raise DataError("damaged-file", f"the file is cut short: {reason}", str(path)) from None
