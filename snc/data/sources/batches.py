"""`cifar_batches(classes, part)`: colour images in the batches that Python 2 wrote.

Below the data root, in a folder whose name ends as those of the archives do: `-10-batches-py` with
`data_batch_1` to `data_batch_5` and `test_batch`, or `-100-python` with `train` and `test`. A batch
is a pickled dictionary with `data`, bytes [N, 3072] (all red, all green, all blue, row by row), and
`labels` or `fine_labels`. It is read by `plain_pickle`, which runs nothing that a file says. Samples
are images [3, 32, 32] from 0 to 255, in the order of the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from snc.data.given import Given
from snc.data.samples import Form, Frames, Item, Numbers, Sample
from snc.data.sources.plain_pickle import PickleRefused, read_pickle
from snc.data.sources.source import Files, Source, class_numbers, find_folder
from snc.diagnostics import DataError

SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Layout:
    """How a folder's name ends, the files of each part, and what the class numbers are called."""

    ending: str
    parts: dict[str, tuple[str, ...]]
    labels: bytes


LAYOUTS = {
    10: Layout(
        "-10-batches-py",
        {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)},
        b"labels",
    ),
    100: Layout("-100-python", {"train": ("train",), "test": ("test",)}, b"fine_labels"),
}


def open_batches(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file, unequal-counts, wrong-argument."""
    classes = given.whole("classes")
    if classes not in LAYOUTS:
        raise given.wrong("classes", "10 or 100")
    layout = LAYOUTS[classes]
    names = layout.parts[given.choice("part")]

    def paths() -> list[Path]:
        folder = find_folder(given, root, f"*{layout.ending}")
        found = [folder / name for name in names if (folder / name).is_file()]
        if not found:
            raise given.error("no-data", f"there is no `{names[0]}` in `{folder}`")
        return found

    def items() -> list[Item]:
        made: list[Item] = []
        for path in paths():
            images, labels = _batch(path, layout.labels)
            for k, label in enumerate(labels):
                origin, place = len(made), f"{path}, image {k}"
                sample = Sample(Frames(images[k : k + 1]), int(label), place, origin)
                made.append(Item(origin, path.name, partial(int, label), partial(_same, sample)))
        return made

    def files() -> Files:
        found = paths()
        return Files(tuple(found), found[0].parent)

    return Source(Form(None, SHAPE, image=True), files, items)


def _same(sample: Sample) -> Sample:
    return sample


def _batch(path: Path, key: bytes) -> tuple[Numbers, Numbers]:
    """Images [N, 3, 32, 32] and class numbers [N] of a file."""
    try:
        found = read_pickle(path.read_bytes())
    except PickleRefused as reason:
        raise DataError(
            "damaged-file", f"this is not a batch of images: {reason}", str(path)
        ) from None
    if not isinstance(found, dict):
        raise DataError("damaged-file", "this is not a batch of images: no dictionary", str(path))
    data, labels = (found.get(k, found.get(k.decode())) for k in (b"data", key))
    size = int(np.prod(SHAPE))
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != size:
        message = f"this is not a batch of images: `data` is not bytes [N, {size}]"
        raise DataError("damaged-file", message, str(path))
    if not isinstance(labels, list) or not all(isinstance(v, int) for v in labels):
        message = f"this is not a batch of images: `{key.decode()}` is not a list of numbers"
        raise DataError("damaged-file", message, str(path))
    if len(labels) != len(data):
        message = f"there are {len(data)} images, but {len(labels)} labels"
        raise DataError("unequal-counts", message, str(path))
    return data.reshape(-1, *SHAPE), class_numbers(np.array(labels, np.int64), str(path))
