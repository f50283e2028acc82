"""Steps on frames [T, ...features] and images (one frame, shown at every step by `repeat`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from snc.data.encode import ENCODERS
from snc.data.given import Given
from snc.data.resize import axis_weights, resized, resized_premultiplied
from snc.data.samples import Bound, Form, Frames, Grouped, Move, Numbers, Plane, Sample
from snc.data.sound import SOUND_STEPS

Change = Callable[[Numbers], Numbers]


def frames_of(sample: Sample) -> Frames:
    """The frames in a sample."""
    assert isinstance(sample.content, Frames)
    return sample.content


def each_frame(change: Change, form: Form) -> Bound:
    """A step that changes values [T, ...] frame by frame."""

    def run(sample: Sample) -> Iterator[Sample]:
        frames = frames_of(sample)
        yield replace(sample, content=replace(frames, values=change(frames.values)))

    return Bound(run, form)


def moved(sample: Sample, move: Move, planes: Sequence[Plane]) -> Sample:
    """A sample whose frames and planes have changed their places alike."""
    frames = frames_of(sample)
    changed = {p.name: move(sample.fields[p.name], p.kind) for p in planes}
    content = replace(frames, values=move(frames.values, "image"))
    return replace(sample, content=content, fields={**sample.fields, **changed})


def bind_flatten(given: Given, form: Form) -> Bound:
    """`flatten`: features row-major in one axis."""
    shape = (None if None in form.shape else math.prod(n or 0 for n in form.shape),)
    return each_frame(lambda v: v.reshape(v.shape[0], -1), replace(form, shape=shape))


def bind_first(given: Given, form: Form) -> Bound:
    """`first(n)`: the first n steps, or fewer where there are fewer; `all` changes nothing."""
    if given.get("n") == "all":
        return each_frame(lambda v: v, form)
    n = given.steps("n", form.step_length)

    def run(sample: Sample) -> Iterator[Sample]:
        frames = frames_of(sample)
        cut = Frames(frames.values[:n], min(frames.held, n))
        yield with_steps(sample, cut, n, {p.name for p in form.planes})

    return Bound(run, form, lambda steps: min(steps, n))


def with_steps(sample: Sample, frames: Frames, n: int, planes: set[str]) -> Sample:
    """The sample with other frames, and only the first n steps of what is per step."""
    fields = {k: v[:n] if v.ndim and k not in planes else v for k, v in sample.fields.items()}
    label = sample.label
    return replace(
        sample,
        content=frames,
        fields=fields,
        label=label[:n] if isinstance(label, np.ndarray) else label,
    )


def bind_divide(given: Given, form: Form) -> Bound:
    """`divide(by)`: in float32."""
    by = given.number("by")
    if by == 0:
        raise given.wrong("by", "a number other than 0")
    return each_frame(lambda v: v.astype(np.float32) / np.float32(by), form)


def bind_round(given: Given, form: Form) -> Bound:
    """`round`: to the nearest whole number, halves to even."""
    return each_frame(lambda v: np.round(v) if v.dtype.kind == "f" else v, form)


def bind_repeat(given: Given, form: Form) -> Bound:
    """`repeat(duration)`: the same image at every step; stored once."""
    if not form.image:
        raise given.error(
            "not-an-image", "`repeat` shows an image at every step; these are sequences"
        )
    n = given.steps("duration", form.step_length)

    def run(sample: Sample) -> Iterator[Sample]:
        yield replace(sample, content=Frames(frames_of(sample).values, held=n))

    return Bound(run, replace(form, image=False), lambda _: n)


def bind_normalise(given: Given, form: Form) -> Bound:
    """`normalise(mean, deviation)`: (x - mean) / deviation in float32; lists are per channel."""
    mean, deviation = given.numbers("mean"), given.numbers("deviation")
    if 0 in deviation:
        raise given.wrong("deviation", "other than 0")
    channels = form.shape[0]
    for name, values in (("mean", mean), ("deviation", deviation)):
        if len(values) not in (1, channels):
            raise given.error(
                "wrong-argument",
                f"`{name}` has {len(values)} numbers, but the frames have {channels} channels",
            )

    def along(values: tuple[float, ...]) -> NDArray[np.float32]:
        extra = () if len(values) == 1 else (1,) * (len(form.shape) - 1)
        return np.array(values, np.float32).reshape(-1, *extra)

    low, scale = along(mean), along(deviation)
    if len(mean) == len(deviation) == 1:
        low, scale = low[0], scale[0]
    return each_frame(lambda v: (v.astype(np.float32) - low) / scale, form)


def bind_resize(given: Given, form: Form) -> Bound:
    """`resize(size, antialias, align_corners, premultiplied)`: bilinear, see `resize`."""
    height, width = given.size("size")
    antialias, corners = given.flag("antialias"), given.flag("align_corners")
    if antialias and corners:
        raise given.error("wrong-argument", "`antialias` and `align_corners` exclude each other")
    need_image_axes(given, form)
    if form.planes:
        message = f"`resize` would leave `{form.planes[0].name}` at its old size"
        raise given.error("wrong-order", message, "`centre_crop` and augmentations take all along")
    after = replace(form, shape=(*form.shape[:-2], height, width))
    if given.flag("premultiplied"):
        return _premultiplied(given, form, after)

    def change(values: Numbers) -> Numbers:
        rows = axis_weights(values.shape[-2], height, antialias, corners)
        columns = axis_weights(values.shape[-1], width, antialias, corners)
        return resized(values, rows, columns)

    return each_frame(change, after)


def _premultiplied(given: Given, form: Form, after: Form) -> Bound:
    if len(form.shape) != 3 or form.shape[0] != 2 or not given.flag("antialias"):
        message = "`premultiplied` takes frames of two channels, and `antialias = true`"
        raise given.error("wrong-argument", message)
    height, width = given.size("size")

    def run(sample: Sample) -> Iterator[Sample]:
        frames = frames_of(sample)
        if frames.values.dtype != np.uint8:
            hint = "`wrap_uint8` goes before it"
            raise given.error("wrong-dtype", "`premultiplied` resizes bytes", hint)
        values = resized_premultiplied(frames.values, height, width)
        yield replace(sample, content=replace(frames, values=values))

    return Bound(run, after, versions=(f"pillow {version('pillow')}",))


def need_image_axes(given: Given, form: Form) -> None:
    """Raise DataError `no-space` unless frames have a height and a width."""
    if len(form.shape) < 2:
        word = given.step.word
        message = f"`{word}` needs frames with height and width; these have one axis"
        raise given.error("no-space", message, f"`{word}` goes before `flatten`")


def bind_centre_crop(given: Given, form: Form) -> Bound:
    """`centre_crop(size)`: the middle; of an odd remainder, one more is cut at the end."""
    need_image_axes(given, form)
    size = given.size("size")
    check_crop(given, form, size, 0)

    def run(sample: Sample) -> Iterator[Sample]:
        yield moved(sample, lambda v, kind: centre_cropped(v, size), form.planes)

    return Bound(run, replace(form, shape=(*form.shape[:-2], *size)))


def check_crop(given: Given, form: Form, size: tuple[int, int], padding: int) -> None:
    """Raise DataError unless the frames, padded, are as large as what is cut out."""
    for have, want in zip(form.shape[-2:], size, strict=True):
        if have is None:
            help_ = "recordings differ in size: resize them first, `resize(32)`"
            raise given.error("unknown-shape", f"`{given.step.word}` needs a known size", help_)
        if have + 2 * padding < want:
            raise given.wrong("size", f"at most {have + 2 * padding}, the size of the frames")


def centre_cropped(values: Numbers, size: tuple[int, int]) -> Numbers:
    """The middle [..., height, width]."""
    top, left = (values.shape[-2] - size[0]) // 2, (values.shape[-1] - size[1]) // 2
    return values[..., top : top + size[0], left : left + size[1]]


def bind_channels_first(given: Given, form: Form) -> Bound:
    """`channels_first`: [height, width, channel] to [channel, height, width]."""
    if len(form.shape) != 3:
        raise given.error("no-space", "`channels_first` needs features [height, width, channel]")
    height, width, channels = form.shape
    return each_frame(
        lambda v: np.moveaxis(v, -1, -3), replace(form, shape=(channels, height, width))
    )


def bind_wrap_uint8(given: Given, form: Form) -> Bound:
    """`wrap_uint8(times)`: times a number, cut to whole numbers modulo 256.

    With `times = 255`: what becomes of counts in a library that takes them for intensities from 0
    to 1 and stores bytes: 0 stays 0, 1 becomes 255, 2 becomes 254.
    """
    times = given.number("times")
    return each_frame(lambda v: np.trunc(v * times).astype(np.int64).astype(np.uint8), form)


FRAME_STEPS: dict[str, Callable[[Given, Form], Bound | Grouped]] = {
    "flatten": bind_flatten,
    "first": bind_first,
    "divide": bind_divide,
    "round": bind_round,
    "repeat": bind_repeat,
    "normalise": bind_normalise,
    "resize": bind_resize,
    "centre_crop": bind_centre_crop,
    "channels_first": bind_channels_first,
    "wrap_uint8": bind_wrap_uint8,
    **ENCODERS,
    **SOUND_STEPS,
}
"""Words on frames, and what makes a step of each."""
