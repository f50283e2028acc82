"""`hdf5(file, part, events, input, label, mask, length, static)`: your own data in an HDF5 file.

`part` names a group, the file itself if it is left out. Everything below is in that group.

Frames (`input` names a dataset): the arrays of `tables`. An attribute `dt` of the input, in
seconds, is the length of a step.

Events (`events` names a group), one recording per sample:

    times   seconds if real, microseconds if whole; need not be sorted
    units   the channel of each event, from 0;       for sensors in one row
    x, y    column and row from 0, instead of units; for sensors with rows
    p       0 or 1, optional; without it there is one polarity

each either [N] with one variable-length array per recording, or [E] for all recordings, one after
the other, with a dataset `offsets` [N + 1]: recording k is [offsets[k], offsets[k + 1]). An
attribute `size` of the group is the sensor: [channels], [width, height]; left out, it is the
largest number plus 1 in this part of the file. `label` is a dataset [N] beside the group.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snc.data.files import find_file
from snc.data.given import Given
from snc.data.samples import Events, Form, Item, Numbers, Sample, Sensor
from snc.data.sources.source import Files, Source, class_numbers, missing_array
from snc.data.sources.tables import Tables
from snc.diagnostics import DataError


def open_hdf5(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file, no-such-array, those of the layouts."""
    # Late, as every library that only data needs.
    import h5py

    path = find_file(given, given.text("file"), root)
    try:
        group = h5py.File(path, "r")
    except OSError as reason:
        message = f"this is not a readable HDF5 file: {reason}"
        raise DataError("damaged-file", message, str(path)) from None
    part = given.optional_text("part")
    place = str(path) if part is None else f"{path}:/{part}"
    if part is not None:
        if not isinstance(group.get(part), h5py.Group):
            raise missing_array(given, part, str(path), sorted(group))
        group = group[part]
    files = Files((path,), path.parent)
    if given.get("events") is not None:
        recordings = Recordings(given, group, place)
        return Source(recordings.form(), lambda: files, recordings.items)
    tables = Tables.of(given, _datasets(group), place)
    return Source(tables.form(given), lambda: files, tables.items)


def _datasets(group: Any) -> dict[str, Any]:
    """All datasets below a group, by path."""
    found: dict[str, Any] = {}
    group.visititems(
        lambda name, node: found.update({name: node}) if hasattr(node, "shape") else None
    )
    return found


class Recordings:
    """Events of all recordings in a group."""

    def __init__(self, given: Given, group: Any, place: str) -> None:
        """Check the layout. Raises DataError: no-such-array, wrong-argument, unequal-counts, ..."""
        name = given.text("events")
        if not hasattr(group.get(name), "keys"):
            raise missing_array(given, name, place, sorted(group))
        if given.step.get("input") is not None or given.get("mask") is not None:
            raise given.error("wrong-argument", "`events` excludes `input` and `mask`")
        self.given, self.place, self.events = given, f"{place}/{name}", group[name]
        self.names = self._columns()
        if "offsets" in self.events:
            self.offsets: Numbers | None = np.asarray(self.events["offsets"][:], np.int64)
            self.count = len(self.offsets) - 1
        else:
            self.offsets, self.count = None, int(self.events["times"].shape[0])
        self.labels = self._read_labels(group, place)
        self._check()

    def _columns(self) -> tuple[str, ...]:
        spatial = ("units",) if "units" in self.events else ("x", "y")
        wanted = ("times", *spatial, *(("p",) if "p" in self.events else ()))
        for name in wanted:
            if name not in self.events:
                raise missing_array(self.given, name, self.place, sorted(self.events))
        return wanted

    def _read_labels(self, group: Any, place: str) -> Numbers | None:
        name = self.given.text("label")
        if name not in group:
            if self.given.step.get("label") is None:
                return None
            raise missing_array(self.given, name, place, sorted(group))
        labels = class_numbers(np.asarray(group[name][()]), f"{place}/{name}")
        if labels.shape != (self.count,):
            message = f"there are {self.count} recordings, but `{name}` is {list(labels.shape)}"
            raise DataError("unequal-counts", message, place)
        return labels

    def _check(self) -> None:
        if self.count < 1:
            raise DataError("no-samples", "the data set is empty", self.place)
        sizes = {name: self.events[name].shape for name in self.names}
        if len(set(sizes.values())) > 1:
            raise DataError("unequal-counts", f"the datasets differ in size: {sizes}", self.place)
        if self.offsets is None:
            return
        total = int(self.events["times"].shape[0])
        rising = np.all(np.diff(self.offsets) >= 0)
        if self.offsets[0] != 0 or self.offsets[-1] != total or not rising:
            message = f"`offsets` must rise from 0 to the number of events, {total}"
            raise DataError("wrong-offsets", message, self.place)

    def column(self, name: str, k: int) -> Numbers:
        """One recording's values. Raises DataError `wrong-dtype`."""
        data = self.events[name]
        if self.offsets is None:
            found = np.asarray(data[k])
        else:
            found = np.asarray(data[int(self.offsets[k]) : int(self.offsets[k + 1])])
        allowed = "uif" if name == "times" else "bui"
        if found.dtype.kind not in allowed:
            kind = "numbers" if name == "times" else "whole numbers"
            raise DataError(
                "wrong-dtype", f"`{name}` must hold {kind}, not {found.dtype}", self.place
            )
        return found

    def sensor(self) -> Sensor:
        """The sensor, from the attribute `size` or the largest coordinates."""
        spatial = [n for n in self.names if n not in ("times", "p")]
        given = self.events.attrs.get("size")
        if given is not None:
            size = [int(n) for n in np.atleast_1d(given)]
            if len(size) != len(spatial):
                message = f"the attribute `size` must have {len(spatial)} numbers, not {len(size)}"
                raise DataError("wrong-shape", message, self.place)
        else:
            size = [1 + max(self._largest(n, k) for k in range(self.count)) for n in spatial]
        polarities = 2 if "p" in self.names else 1
        return Sensor(size[0], size[1] if len(size) > 1 else None, polarities)

    def _largest(self, name: str, k: int) -> int:
        return int(self.column(name, k).max(initial=0))

    def form(self) -> Form:
        """The form of the samples."""
        self.found = self.sensor()
        fields = ("input",) if self.labels is None else ("input", "label")
        return Form(self.found, self.found.shape, fields)

    def items(self) -> list[Item]:
        """All recordings."""

        def label(k: int) -> int | None:
            return None if self.labels is None else int(self.labels[k])

        def load(k: int) -> Sample:
            return Sample(self._recording(k), label(k), f"{self.place}, recording {k}", k)

        return [Item(k, "", partial(label, k), partial(load, k)) for k in range(self.count)]

    def _recording(self, k: int) -> Events:
        time = self.column("times", k)
        if time.dtype.kind == "f":
            time = np.round(time.astype(np.float64) * 1e6, 3)  # seconds; to the nanosecond
        else:
            time = time.astype(np.int64)
        columns = {name: self.column(name, k) for name in self.names if name != "times"}
        if any(len(c) != len(time) for c in columns.values()):
            where = f"{self.place}, recording {k}"
            raise DataError("unequal-counts", "its datasets differ in length", where)
        order = np.argsort(time, kind="stable")
        x = columns["units"] if "units" in columns else columns["x"]
        y, p = columns.get("y"), columns.get("p")
        return Events(
            self.found,
            time[order],
            x[order],
            None if y is None else y[order],
            None if p is None else p[order],
        )
