"""One batch from an HDF5 file through a network, and what came of it into another.

    in   /input [T, B, ...]   /labels [B] or [T, B]   /lengths [B]   /params/<projection>/<array>
         any other array at the top is a data field of its name (/mask [T, B])
    out  /record/<name> [T, B, ...]   /gradient/...   /gradient_per_step/... [updates, ...]
         /params_after/...   and the loss as an attribute

Dots in names become slashes: `h_in.weight` is /params/h_in/weight. A value that stands beside parts of it, `h` beside
`h.u`, is called `output` among them: /record/h/output. The format is described in docs/batch_files.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snc.diagnostics import DataError, did_you_mean, listing
from snc.engine.files import replacing
from snc.engine.fits import refuse_misfit
from snc.engine.initial import first_store, placed
from snc.engine.measure import refuse_bad
from snc.engine.phase import Phase
from snc.engine.schedule import rates
from snc.model.plan import Stored
from snc.module import Array, Feed, Outcome, Store

FROM_FILE = ("parameter", "constant")
OWN = ("input", "labels", "lengths", "params")


def run_batch(
    phase: Phase,
    batch: Path,
    out: Path,
    *,
    dtype: str,
    record: Sequence[str] = (),
    learn: bool = True,
) -> Outcome:
    """Run a batch file through a phase; the network's arrays come from the file.

    Without `learn` nothing is learned, and only /record is written. Raises DataError: no-file,
    damaged-file, no-input, other-shape, other-values, no-such-param, missing-params, no-such-record, not-finite,
    no-folder.
    """
    if out.exists() and batch.exists() and out.samefile(batch):
        raise DataError(
            "same-file",
            "the batch would be overwritten by its outcome",
            str(out),
            "give another `--out`",
        )
    store, feed = read_batch(phase, batch, dtype)
    if learn:
        outcome = phase.module.learn(store, feed, gradients=True)
    else:
        outcome = phase.module.evaluate(store, feed)
    refuse_bad(outcome, f"the batch of {batch}")
    for name in record:
        if name not in outcome.records:
            hint = (
                did_you_mean(name, outcome.records) or f"recorded are {listing([*outcome.records])}"
            )
            raise DataError("no-such-record", f"nothing called `{name}` was recorded", help=hint)
    write_outcome(out, outcome, store if learn else {}, phase.stored)
    return outcome


def read_batch(phase: Phase, batch: Path, dtype: str) -> tuple[Store, Feed]:
    """The network's arrays and the batch of a file. Raises DataError, as `run_batch` does."""
    arrays = _read(batch)
    feed = load_feed(phase, arrays, dtype, str(batch))
    stored = placed(phase.stored, feed.batch)
    store = load_params(stored, arrays, phase.plan.seed, dtype, str(batch))
    refuse_misfit(phase.needs, feed, str(batch))
    return store, feed


def features_in(batch: Path) -> dict[str, tuple[int, ...]]:
    """The features of every field of a batch file. Raises DataError: no-file, damaged-file, other-values."""
    arrays = _read(batch)
    leading = arrays["input"].shape[:2] if "input" in arrays else ()
    fields = {name: a for name, a in arrays.items() if "/" not in name and name not in OWN}
    return {n: a.shape[2 if a.shape[:2] == leading else 1 :] for n, a in fields.items()}


def load_params(
    stored: Sequence[Stored], arrays: Mapping[str, Array], seed: int, dtype: str, place: str
) -> Store:
    """The store with all parameters and constants from a file; the rest has its first values.

    `arrays` are all arrays of the file by path. Raises DataError for unknown, missing and misshapen
    ones.
    """
    given = {
        path.removeprefix("params/"): a for path, a in arrays.items() if path.startswith("params/")
    }
    wanted = {s.name.replace(".", "/"): s for s in stored if s.role in FROM_FILE}
    _refuse_unknown(given, wanted, place)
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(
            "missing-params",
            f"the file has no {listing([f'/params/{name}' for name in missing])}",
            place=place,
            help=f"the network has {_described(wanted)}",
        )
    store = first_store(stored, seed, dtype)
    for path, known in wanted.items():
        array = given[path]
        if array.shape != tuple(known.shape):
            raise DataError(
                "other-shape",
                f"`/params/{path}` has the shape {list(array.shape)}; "
                f"`{known.name}` of the network has {list(known.shape)}",
                place=place,
                help="dense weights are [out, in], those of `conv` [out, in, kh, kw], of `conv_transpose` "
                "[in, out, kh, kw], gains [out]",
            )
        store[known.name] = np.array(array, dtype=dtype, order="C")
    return store


def load_feed(phase: Phase, arrays: Mapping[str, Array], dtype: str, place: str) -> Feed:
    """The feed of a file's batch, as batch 0 of epoch 0. Raises DataError for unequal sizes."""
    names = [n for n in arrays if "/" not in n]
    if "input" not in arrays:
        found = did_you_mean("input", names) or (f"it has {listing(names)}" if names else "")
        raise DataError("no-input", "the file has no `/input` [T, B, ...]", place=place, help=found)
    inputs = arrays["input"]
    if inputs.ndim < 3:
        raise DataError(
            "other-shape",
            f"`/input` has the shape {list(inputs.shape)}, not [T, B, ...]",
            place=place,
        )
    steps, size = inputs.shape[:2]
    if not steps or not size:
        raise DataError(
            "no-input",
            f"`/input` has {steps} steps and {size} samples: nothing to run",
            place=place,
        )
    labels, lengths = arrays.get("labels"), arrays.get("lengths", np.full(size, steps))
    for name, array in (("labels", labels), ("lengths", lengths)):
        fits = array is None or array.shape == (size,) or array.shape == (steps, size)
        if array is not None and not fits:
            raise DataError(
                "other-shape",
                f"`/{name}` has the shape {list(array.shape)} for {size} samples of {steps} steps",
                place=place,
            )
    for name in phase.needs.fields:
        leading = arrays[name].shape[:2] if name in names else (steps, size)
        if leading != (steps, size) and leading[:1] != (size,):
            raise DataError(
                "other-shape",
                f"`/{name}` has the shape {list(arrays[name].shape)} for {size} samples of {steps} steps",
                place=place,
            )
    fields = {n: np.asarray(arrays[n], dtype=dtype) for n in ("input", *names) if n not in OWN[1:]}
    return Feed(
        fields=fields,
        labels=labels,
        lengths=np.asarray(lengths, dtype=np.int64),
        samples=np.arange(size, dtype=np.int64),
        seed=phase.plan.seed,
        rates=rates(phase.plan.rates, 0, {}),
    )


def write_outcome(out: Path, outcome: Outcome, store: Store, stored: Sequence[Stored]) -> None:
    """Write the outcome of a batch, atomically. `store` is what was learned, or empty."""
    if not out.parent.is_dir():
        raise DataError("no-folder", "the folder to write to does not exist", place=str(out.parent))
    groups: dict[str, Mapping[str, Array]] = {
        "record": outcome.records,
        "gradient": outcome.gradients,
        "gradient_per_step": outcome.gradient_steps,
        "params_after": {s.name: store[s.name] for s in stored if s.role in FROM_FILE and store},
    }
    with replacing(out) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["loss"] = outcome.loss / outcome.loss_steps if outcome.loss_steps else np.nan
        for group, arrays in groups.items():
            for name, path in paths_of(arrays).items():
                file.create_dataset(f"{group}/{path}", data=arrays[name])


def paths_of(names: Iterable[str]) -> dict[str, str]:
    """Where in a group of a file each dotted name stands.

    An array cannot be a group as well, so what has parts in the same file goes in among them. `output` is
    the name of no part: whatever has a value has one statement `output`, and each name is given once.
    """
    paths = {name: name.replace(".", "/") for name in names}
    whole = {p for p in paths.values() if any(q.startswith(f"{p}/") for q in paths.values())}
    return {name: f"{p}/output" if p in whole else p for name, p in paths.items()}


def _refuse_unknown(given: Mapping[str, Array], wanted: Mapping[str, Stored], place: str) -> None:
    for path in given:
        if path not in wanted:
            near = did_you_mean(path, wanted)
            raise DataError(
                "no-such-param",
                f"the file gives /params/{path}, which the network does not have",
                place=place,
                help=near or f"the network has {_described(wanted)}",
            )


def _described(wanted: Mapping[str, Stored]) -> str:
    return listing([f"/params/{path} {list(s.shape)}" for path, s in wanted.items()])


def _read(path: Path) -> dict[str, Array]:
    if not path.exists():
        raise DataError("no-file", "there is no such batch file", place=str(path))
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: np.asarray(item[()]) for name, item in _datasets(file)}
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        reason = (str(error) or "unreadable").splitlines()[0]
        raise DataError("damaged-file", f"not a readable HDF5 file: {reason}", str(path)) from None
    for name, array in arrays.items():
        _refuse_other_values(name, array, str(path))
    return arrays


def _refuse_other_values(name: str, array: Array, place: str) -> None:
    """Raise DataError unless an array holds real, finite numbers."""
    if array.dtype.kind not in "buif":
        message = f"`/{name}` holds {array.dtype}, not real numbers"
        raise DataError("other-values", message, place, "store numbers: float32 or integers")
    if name.startswith("params/") and not np.isfinite(array).all():
        raise DataError("not-finite", f"`/{name}` has values that are not finite", place)


def _datasets(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", item
