"""`mvsec_files(name, ..., start, stop)`: events between the grey images of a moving camera.

For each name the files `<name>_data.hdf5` and `<name>_gt.hdf5`, at the data root or up to two folders
below, with these arrays in their group `davis/left`:

    events                [E, 4] column, row, seconds, polarity -1 or 1
    image_raw             [N, 260, 346] grey images;  image_raw_ts [N] their times
    flow_dist             [M, 2, 260, 346] displacement of each place to the next of the times
    flow_dist_ts          [M] those times (both in the second file)

Sample k is what lies between images k and k + 1: the events with times from the one to before the
other, and the planes `grey_first` and `grey_second` [1, 260, 346] in [0, 255], `flow` [2, 260, 346]
(x, y) in places from the first to the second image, and `valid` [260, 346]: 1 where there was an
event and a flow that is finite and not zero, above the bonnet of the car in recordings on the road
(`outdoor_...`, rows below 192). `start` and `stop` select images of each recording, as Python's
slices do. Pairs without events or outside the times of the flow are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.data.given import Given
from snc.data.samples import Events, Form, Item, Numbers, Plane, Sample, Sensor
from snc.data.sources.source import Files, Source, no_root
from snc.diagnostics import DataError

SENSOR = Sensor(346, 260, 2)
PLANES = (
    Plane("grey_first", "image", 1),
    Plane("grey_second", "image", 1),
    Plane("flow", "vector", 2),
    Plane("valid", "mask", 0),
)
BONNET = 192
"""The first row in which a car's bonnet can be seen."""


def open_between_images(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file, no-such-array, wrong-shape."""
    names = given.get("rest")
    if not isinstance(names, tuple) or not all(isinstance(n, str) for n in names):
        raise given.error("missing-argument", "`mvsec_files` needs the names of recordings")
    start, stop = given.number("start"), given.get("stop")
    if stop is not None and not isinstance(stop, int):
        raise given.wrong("stop", "a whole number")
    chosen = slice(int(start), stop)

    def paths() -> list[tuple[Path, Path]]:
        ends = ("_data.hdf5", "_gt.hdf5")
        return [
            (_find(given, root, f"{name}{ends[0]}"), _find(given, root, f"{name}{ends[1]}"))
            for name in names
        ]

    def items() -> list[Item]:
        made: list[Item] = []
        for name, (data, truth) in zip(names, paths(), strict=True):
            recording = Recording.open(given, data, truth, str(name))
            for pair in recording.pairs(chosen):
                path = f"{name}/{pair.image:06d}"
                load = partial(recording.sample, pair, len(made))
                made.append(Item(len(made), path, _none, load))
        return made

    def files() -> Files:
        found = [p for pair in paths() for p in pair]
        return Files(tuple(found), found[0].parent)

    fields = ("input", *(p.name for p in PLANES))
    form = Form(SENSOR, SENSOR.shape, fields, planes=PLANES)
    return Source(form, files, items)


def _none() -> None:
    """These samples have no class."""


def _find(given: Given, root: Path | None, name: str) -> Path:
    if root is None:
        raise no_root(given, f"`{name}`")
    for folder in ("", "*/", "*/*/"):
        found = sorted(root.glob(f"{folder}{name}"))
        if found:
            return found[0]
    hint = "`snc data list` says where to get it; it may be up to two folders below"
    raise given.error("no-data", f"there is no `{name}` in `{root}`", hint)


@dataclass(frozen=True)
class Pair:
    """Image k and the next, and which events lie between them."""

    image: int
    first: int
    stop: int


@dataclass(frozen=True)
class Recording:
    """The arrays of one recording, on disk but for the times of its images and its flow.

    nearest: about which event each image was taken at, where the file says so.
    """

    place: str
    events: Any
    nearest: Any
    images: Any
    image_times: NDArray[np.float64]
    flow: Any
    flow_times: NDArray[np.float64]
    on_the_road: bool

    @classmethod
    def open(cls, given: Given, data: Path, truth: Path, name: str) -> Recording:
        """Check the layout. Raises DataError: damaged-file, no-such-array, wrong-shape."""
        sensed, true = _group(data), _group(truth)
        grid = (SENSOR.height, SENSOR.width)
        events = _array(sensed, "events", data, (None, 4))
        images = _array(sensed, "image_raw", data, (None, *grid))
        flow = _array(true, "flow_dist", truth, (None, 2, *grid))
        return cls(
            str(data),
            events,
            sensed.get("image_raw_event_inds"),
            images,
            np.asarray(_array(sensed, "image_raw_ts", data, (len(images),))[:], np.float64),
            flow,
            np.asarray(_array(true, "flow_dist_ts", truth, (len(flow),))[:], np.float64),
            name.startswith("outdoor"),
        )

    def pairs(self, chosen: slice) -> list[Pair]:
        """The chosen images that have a next one, with events between and flow over all that time."""
        times = self.image_times
        found, edge = [], 0
        for k in range(len(times))[chosen]:
            if not (self.flow_times[0] <= times[k] and k + 1 < len(times)):
                continue
            if times[k + 1] > self.flow_times[-1]:
                break
            first = self.first_from(times[k], k, edge)
            edge = self.first_from(times[k + 1], k + 1, first)
            if first < edge:
                found.append(Pair(k, first, edge))
        return found

    def first_from(self, time: float, image: int, guess: int) -> int:
        """The number of the first event at or after a time.

        Recordings have hundreds of millions of events: only times about the guess are read, and
        more of them while it is not among them.
        """
        if self.nearest is not None and image < len(self.nearest):
            guess = int(self.nearest[image])
        total, width = len(self.events), 4096
        while True:
            low, high = max(guess - width, 0), min(guess + width, total)
            at = low + int(np.searchsorted(self.events[low:high, 2], time))
            if (at > low or low == 0) and (at < high or high == total):
                return at
            width *= 4

    def sample(self, pair: Pair, origin: int) -> Sample:
        """What lies between the images of a pair."""
        k = pair.image
        begin, end = self.image_times[k], self.image_times[k + 1]
        rows = np.asarray(self.events[pair.first : pair.stop], np.float64)
        x, y = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)
        time = np.round((rows[:, 2] - begin) * 1e6, 3)
        polarity = (rows[:, 3] > 0).astype(np.int64)
        flow = self.displacement(begin, end)
        valid = np.isfinite(flow).all(0) & (flow != 0).any(0)
        seen = np.zeros(valid.shape, bool)
        place = f"{self.place}, image {k}"
        if len(x) and not (x.min() >= 0 and y.min() >= 0 and x.max() < 346 and y.max() < 260):
            raise DataError("event-out-of-range", "an event is outside the sensor", place)
        seen[y, x] = True
        if self.on_the_road:
            seen[BONNET:] = False
        fields: dict[str, Numbers] = {
            "grey_first": np.asarray(self.images[k])[None],
            "grey_second": np.asarray(self.images[k + 1])[None],
            "flow": np.nan_to_num(flow, nan=0, posinf=0, neginf=0).astype(np.float32),
            "valid": (valid & seen).astype(np.uint8),
        }
        return Sample(Events(SENSOR, time, x, y, polarity), None, place, origin, fields)

    def displacement(self, begin: float, end: float) -> NDArray[np.float64]:
        """How far each place moves [2, 260, 346] from one time to another.

        Within one interval of the flow: its share of it. Else every place is carried along, with
        the flow at the nearest place of each interval (Zhu et al. 2018, EV-FlowNet, section V).
        """
        first = max(int(np.searchsorted(self.flow_times, begin, side="right")) - 1, 0)
        height, width = self.images.shape[1:]
        at_y, at_x = np.mgrid[0:height, 0:width].astype(np.float64)
        from_y, from_x = at_y.copy(), at_x.copy()
        for m in range(first, len(self.flow_times) - 1):
            start, stop = self.flow_times[m], self.flow_times[m + 1]
            share = (min(stop, end) - max(start, begin)) / (stop - start)
            if share <= 0:
                break
            u, v = np.asarray(self.flow[m], np.float64)
            row, column = np.rint(at_y), np.rint(at_x)
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            row, column = np.where(inside, row, 0), np.where(inside, column, 0)
            where = row.astype(np.int64), column.astype(np.int64)
            at_x = at_x + np.where(inside, u[where], 0) * share
            at_y = at_y + np.where(inside, v[where], 0) * share
        return np.stack([at_x - from_x, at_y - from_y])


def _group(path: Path) -> Any:
    # Late, as every library that only data needs.
    import h5py

    try:
        return h5py.File(path, "r")["davis/left"]
    except (OSError, KeyError) as reason:
        message = f"this file has no readable group `davis/left`: {reason}"
        raise DataError("damaged-file", message, str(path)) from None


def _array(group: Any, name: str, path: Path, shape: tuple[int | None, ...]) -> Any:
    if name not in group:
        raise DataError("no-such-array", f"there is no `davis/left/{name}`", str(path))
    found = group[name].shape
    if len(found) != len(shape) or any(
        w not in (None, f) for w, f in zip(shape, found, strict=True)
    ):
        wanted = ["any" if n is None else n for n in shape]
        message = f"`{name}` is {list(found)}, not {wanted}"
        raise DataError("wrong-shape", message, str(path))
    return group[name]
