"""Steps on recordings: cutting them, and counting their events into frames.

`slices`, `frames` without a duration and `time_bins` give exactly what tonic's SliceByTime and
ToFrame give, peculiarities included, because published numbers rest on them:

* windows start at the *first event* and are half open, [start, start + window);
* n = floor((last - first) / window) windows with `drop`, the ceiling with `keep`, but at least 1.
  The rest of the recording is dropped, with `keep` only an event exactly at the end of the last
  window;
* `time_bins(n)` divides the duration as whole microseconds, so the last events are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snc.data.given import Given
from snc.data.samples import Bound, Events, Form, Frames, Numbers, Sample, Sensor
from snc.diagnostics import DataError

Edges = NDArray[np.int64]


def events_of(sample: Sample) -> Events:
    """The recording in a sample."""
    assert isinstance(sample.content, Events)
    return sample.content


def bind_slices(given: Given, form: Form) -> Bound:
    """`slices(duration, incomplete)`: samples of equal duration; tonic's SliceByTime."""
    window, keep = given.microseconds("duration"), given.choice("incomplete") == "keep"

    def run(sample: Sample) -> Iterator[Sample]:
        events = events_of(sample)
        refuse_silence(events, sample.place)
        start = events.time[0]
        count = _windows(float(events.time[-1] - start), window, keep)
        edges = np.searchsorted(events.time, _edges(start, window, count))
        for k in range(count):
            part = _between(events, edges[k], edges[k + 1], float(start) + k * window)
            yield replace(sample, content=part, place=f"{sample.place}, slice {k}")

    return Bound(run, form)


def bind_frames(given: Given, form: Form) -> Bound:
    """`frames(window, duration, incomplete)`: counts in windows of equal length.

    Without a duration: tonic's ToFrame(time_window), see the top of this file. With one: every
    recording has the same number of steps, duration / window (a last, shorter one is kept or
    dropped), counted from time 0 of the recording or the beginning of its slice; later events are
    left out.
    """
    window, keep = given.microseconds("window"), given.choice("incomplete") == "keep"
    after = replace(form, sensor=None, dt=window / 1e6)
    if given.get("duration") is None:
        return Bound(_frames_to_the_end(window, keep), after)
    duration = given.microseconds("duration")
    exact = duration / window
    count = math.ceil(exact - 1e-9) if keep else math.floor(exact + 1e-9)
    if count < 1:
        raise given.error("wrong-argument", "the duration is shorter than one window")

    def run(sample: Sample) -> Iterator[Sample]:
        events = events_of(sample)
        edges = np.minimum(_edges(events.start, window, count), events.start + duration)
        yield _counted(sample, np.searchsorted(events.time, edges))

    return Bound(run, after)


def _frames_to_the_end(window: float, keep: bool) -> Callable[[Sample], Iterator[Sample]]:
    def run(sample: Sample) -> Iterator[Sample]:
        events = events_of(sample)
        refuse_silence(events, sample.place)
        start = events.time[0]
        count = _windows(float(events.time[-1] - start), window, keep)
        yield _counted(sample, np.searchsorted(events.time, _edges(start, window, count)))

    return run


def bind_on_sensor(given: Given, form: Form) -> Bound:
    """`on_sensor(size)`: recordings keep their coordinates, counted from the top left of a sensor
    of [height, width] places."""
    height, width = given.size("size")
    assert form.sensor is not None
    if form.sensor.height is None:
        raise given.error("no-space", "`on_sensor` takes recordings with rows")
    sensor = replace(form.sensor, height=height, width=width)

    def run(sample: Sample) -> Iterator[Sample]:
        yield replace(sample, content=replace(events_of(sample), sensor=sensor))

    return Bound(run, replace(form, sensor=sensor, shape=sensor.shape))


def bind_time_bins(given: Given, form: Form) -> Bound:
    """`time_bins(n)`: windows of (last - first) div n microseconds, as ToFrame(n_time_bins)."""
    n = given.whole("n")

    def run(sample: Sample) -> Iterator[Sample]:
        events = events_of(sample)
        refuse_silence(events, sample.place)
        window = float((events.time[-1] - events.time[0]) // n)
        if window <= 0:
            message = f"the recording is too short for {n} windows of whole microseconds"
            raise DataError("empty-recording", message, sample.place)
        yield _counted(sample, np.searchsorted(events.time, _edges(events.time[0], window, n)))

    return Bound(run, replace(form, sensor=None, dt=None))


def bind_frames_by_count(given: Given, form: Form) -> Bound:
    """`frames_by_count(n, remainder)`: frames of E div n events; `final`: the last has the rest."""
    n, final = given.whole("n"), given.choice("remainder") == "final"

    def run(sample: Sample) -> Iterator[Sample]:
        events = events_of(sample)
        refuse_silence(events, sample.place)
        edges = np.arange(n + 1, dtype=np.int64) * (len(events.time) // n)
        if final:
            edges[-1] = len(events.time)
        yield _counted(sample, edges)

    return Bound(run, replace(form, sensor=None, dt=None))


def refuse_silence(events: Events, place: str) -> None:
    """Raise DataError `empty-recording` if there is no event."""
    if not len(events.time):
        raise DataError(
            "empty-recording",
            "the recording has no events, so nothing says where its windows start",
            place,
            "`frames(window, duration = ...)` counts from time 0 and takes silent recordings",
        )


def _windows(duration: float, window: float, keep: bool) -> int:
    count = (duration - window) / window
    return max(int(np.ceil(count) if keep else np.floor(count)) + 1, 1)


def _edges(start: float, window: float, count: int) -> Numbers:
    """Where windows begin, and where the last one ends; whole numbers as long as they can be."""
    whole = float(window).is_integer() and float(start).is_integer()
    ticks = np.arange(count + 1)
    return ticks * int(window) + int(start) if whole else ticks * window + start


def _between(events: Events, first: int, stop: int, start: float) -> Events:
    def cut(values: Numbers | None) -> Numbers | None:
        return None if values is None else values[first:stop]

    return replace(
        events,
        time=events.time[first:stop],
        x=events.x[first:stop],
        y=cut(events.y),
        polarity=cut(events.polarity),
        start=start,
    )


def _counted(sample: Sample, edges: Edges) -> Sample:
    """Frames with the number of events between the edges (indices of events), polarity first."""
    events = events_of(sample)
    sensor = _measured(events)
    steps, first, stop = len(edges) - 1, int(edges[0]), int(edges[-1])
    shape = tuple(int(n or 0) for n in sensor.shape)
    size = math.prod(shape)
    place = _feature(events, sensor, sample.place)[first:stop]
    step = np.repeat(np.arange(steps), np.diff(edges))
    counts = np.bincount(step * size + place, minlength=steps * size)
    return replace(sample, content=Frames(counts.reshape(steps, *shape)))


def _measured(events: Events) -> Sensor:
    """The sensor, with sizes that depend on the recording taken from it."""
    sensor = events.sensor
    if sensor.width and sensor.height != 0:
        return sensor
    width = sensor.width or int(events.x.max(initial=0)) + 1
    height = sensor.height
    if height == 0 and events.y is not None:
        height = int(events.y.max(initial=0)) + 1
    return replace(sensor, width=width, height=height)


def _feature(events: Events, sensor: Sensor, place: str) -> NDArray[np.int64]:
    """The feature of each event, row-major in [polarity, height, width]."""
    feature = _within(events.x, sensor.width, "x", place)
    if events.y is not None and sensor.height is not None:
        feature = feature + sensor.width * _within(events.y, sensor.height, "y", place)
    if sensor.polarities > 1 and events.polarity is not None:
        polarity = _within(events.polarity, sensor.polarities, "polarity", place)
        feature = feature + sensor.width * (sensor.height or 1) * polarity
    return feature


def _within(values: Numbers, size: int, name: str, place: str) -> NDArray[np.int64]:
    found = values.astype(np.int64)
    if len(found) and not (found.min() >= 0 and found.max() < size):
        worst = found.min() if found.min() < 0 else found.max()
        message = f"an event has {name} = {worst}, but the sensor has {size}"
        raise DataError("event-out-of-range", message, place)
    return found


EVENT_STEPS = {
    "slices": bind_slices,
    "frames": bind_frames,
    "on_sensor": bind_on_sensor,
    "time_bins": bind_time_bins,
    "frames_by_count": bind_frames_by_count,
}
"""Words on recordings, and what makes a step of each."""
