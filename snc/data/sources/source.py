"""What a source is: the form of its samples, the files they come from, and the samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snc.data.given import Given
from snc.data.known import how_to_fetch
from snc.data.samples import Form, Item, Numbers
from snc.diagnostics import DataError, did_you_mean, listing


@dataclass(frozen=True)
class Files:
    """The files whose content decides what the samples are, and the folder their names start at."""

    paths: tuple[Path, ...]
    base: Path


@dataclass(frozen=True)
class Source:
    """A source that knows its arguments. `form` is cheap; `files` and `items` need the data.

    versions: the libraries that read the files, with their versions.
    """

    form: Form
    files: Callable[[], Files]
    items: Callable[[], list[Item]]
    versions: tuple[str, ...] = ()


def class_numbers(values: Numbers, place: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Labels as class numbers: whole numbers from 0 as they are, texts by their place in sorted
    order.

    Raises DataError: wrong-dtype, label-out-of-range.
    """
    if values.dtype.kind in "OSU":
        texts = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values.flat])
        return np.unique(texts, return_inverse=True)[1].reshape(values.shape).astype(np.int64)
    if values.dtype.kind not in "buif" or not np.array_equal(values, np.trunc(values)):
        message = f"labels must be whole numbers or texts, not {values.dtype}"
        raise DataError("wrong-dtype", message, place)
    if values.size and values.min() < 0:
        raise DataError(
            "label-out-of-range", f"a label is {values.min()}; classes count from 0", place
        )
    return values.astype(np.int64)


def no_root(given: Given, what: str) -> DataError:
    """Nothing says where data sets are."""
    return given.error(
        "no-data",
        f"nothing says in which folder {what} is",
        "say it with `--data-root DIR` or the environment variable SNC_DATA",
    )


def find_folder(given: Given, root: Path | None, pattern: str) -> Path:
    """The folder of this name (`*` stands for anything) at the data root or one below.

    Raises DataError `no-data`.
    """
    if root is None:
        raise no_root(given, f"`{pattern}`")
    for where in (pattern, f"*/{pattern}"):
        found = sorted(p for p in root.glob(where) if p.is_dir())
        if found:
            return found[0]
    raise given.error(
        "no-data",
        f"there is no folder `{pattern}` in `{root}`, nor one below",
        f"{how_to_fetch(given.step) or '`snc data list` says what goes where'}; another folder is "
        "given with `--data-root DIR` or SNC_DATA",
    )


def missing_array(given: Given, name: str, place: str, names: Sequence[str]) -> DataError:
    """A file has no array of this name."""
    known = f"it has {listing([f'`{n}`' for n in names])}" if names else "it is empty"
    hint = " ".join(filter(None, [did_you_mean(name, names), known]))
    return DataError(
        "no-such-array", f"`{given.step.word}` finds no `{name}` in the file", place, hint
    )
