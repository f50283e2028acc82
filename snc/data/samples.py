"""What goes through a pipeline: samples of events or frames, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
Label = int | NDArray[np.int64]
Shape = tuple[int | None, ...]
"""Features of one step; None where it depends on the recording."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """Where events can be: `width` places in `height` rows, each of several polarities.

    `height` is None for a sensor without a y coordinate. A size of 0 depends on the recording: it
    is then the largest coordinate plus 1.
    """

    width: int
    height: int | None
    polarities: int

    @property
    def shape(self) -> Shape:
        """Features of a frame: [polarity, height, width], [polarity, width], or [width]."""
        if self.height is not None:
            return self.polarities, self.height or None, self.width or None
        return (
            (self.width or None,) if self.polarities == 1 else (self.polarities, self.width or None)
        )


@dataclass(frozen=True, slots=True)
class Events:
    """A recording, sorted by time.

    time: [E] microseconds, whole or real. x: [E]; y: [E] or None; polarity: [E] from 0, or None.
    start: the time that `frames(duration = ...)` counts from; 0, or the beginning of a slice.
    """

    sensor: Sensor
    time: Numbers
    x: Numbers
    y: Numbers | None
    polarity: Numbers | None
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames [T, ...features]. If `held` is not 0, the one frame is shown for `held` steps."""

    values: Numbers
    held: int = 0

    @property
    def steps(self) -> int:
        """Number of steps."""
        return self.held or int(self.values.shape[0])


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample on its way.

    label: a class number, one per step [T], or None. fields: what else the source has, each one
    number, or [T, ...] with a value per step, or a plane (see there). place: the file, for
    messages. origin: the number of the recording in its source, which random encoders depend on.
    """

    content: Events | Frames
    label: Label | None
    place: str
    origin: int
    fields: dict[str, Numbers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A sample that is not read yet; its label may be known without reading the rest.

    traits: what else is known of it and can be selected by, such as its `speaker` and its `part`.
    """

    origin: int
    path: str
    label: Callable[[], Label | None]
    load: Callable[[], Sample]
    traits: Mapping[str, str] = field(default_factory=dict)


PlaneKind = Literal["image", "vector", "mask"]


@dataclass(frozen=True, slots=True)
class Plane:
    """A field with one value for each place of a frame, the same at all steps of a sample.

    [channels, height, width], or [height, width] if `channels` is 0; height and width are those of
    the frames. A vector has the channels x (to the right) and y (down), in places.
    """

    name: str
    kind: PlaneKind
    channels: int


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of all samples at one place of a pipeline.

    sensor: set as long as they are recordings. shape: features of a frame (or of the frames to
    come). image: they are single frames without a time. dt: seconds per step, if the pipeline says
    so. clock: the step length of the experiment in seconds, if known. fields: names, `input` first.
    planes: the fields that are spread over a frame; steps that move places move them too.
    """

    sensor: Sensor | None
    shape: Shape
    fields: tuple[str, ...] = ("input", "label")
    image: bool = False
    dt: float | None = None
    clock: float | None = None
    planes: tuple[Plane, ...] = ()

    @property
    def shapes(self) -> dict[str, Shape]:
        """Features of the input and of every plane."""
        places = self.shape[-2:]
        spread = {p.name: (p.channels, *places) if p.channels else places for p in self.planes}
        return {"input": self.shape, **spread}

    @property
    def step_length(self) -> float | None:
        """Seconds per step for times in the pipeline: the frame length, else the experiment's."""
        return self.dt if self.dt is not None else self.clock


Draw = Callable[[int], NDArray[np.uint32]]
"""The first n random words of a sample in an epoch."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A step that knows its arguments: what it does to a sample, what comes out, how long that is.

    `steps` maps the number of steps before to that after; only for words on frames. versions: the
    libraries it needs, with their versions.
    """

    run: Callable[[Sample], Iterable[Sample]]
    form: Form
    steps: Callable[[int], int] = lambda steps: steps
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouped:
    """A step that looks at `size` samples at a time, in their order; the last may be fewer."""

    run: Callable[[Sequence[Sample]], list[Sample]]
    form: Form
    size: int


Move = Callable[[Numbers, PlaneKind], Numbers]
"""Changes the places of values [..., height, width]; frames are images."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An augmentation that knows its arguments; `run` gives what is drawn for a sample.

    Without words (no training) it is at rest.
    """

    run: Callable[[Draw | None], Move]
    form: Form
