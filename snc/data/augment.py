"""Augmentations: drawn anew for every sample and epoch, the same at all steps of a sample.

The words of a draw depend on (seed, epoch, the sample's number in the data set, the step's place in
the pipeline) and on nothing else: not on the batch. Outside training an augmentation is in its rest
state. Planes (fields that are spread over a frame) move with the frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import cos, log, radians, sin, sqrt
from math import exp as exponential

import numpy as np
from numpy.typing import NDArray

from snc.data.frames import centre_cropped, check_crop, need_image_axes
from snc.data.given import Given
from snc.data.resize import sampled
from snc.data.samples import Draw, Drawn, Form, Move, Numbers, PlaneKind


def bind_random_crop(given: Given, form: Form) -> Drawn:
    """`random_crop(size, padding)`: zeros on all sides, then a place at random (word 0 top, 1
    left).

    At rest it is the middle, without padding unless the frames are smaller than the size.
    """
    need_image_axes(given, form)
    size, padding = given.size("size"), given.whole("padding", 0)
    check_crop(given, form, size, padding)

    def run(draw: Draw | None) -> Move:
        drawn = None if draw is None else draw(2)

        def move(values: Numbers, kind: PlaneKind) -> Numbers:
            around = [(0, 0)] * (values.ndim - 2) + [(padding, padding)] * 2
            padded = np.pad(values, around) if padding else values
            if drawn is None:
                return centre_cropped(padded, size)
            room = [n - s for n, s in zip(padded.shape[-2:], size, strict=True)]
            top, left = (int(w) * (r + 1) >> 32 for w, r in zip(drawn, room, strict=True))
            return padded[..., top : top + size[0], left : left + size[1]]

        return move

    return Drawn(run, replace(form, shape=(*form.shape[:-2], *size)))


def bind_random_flip(given: Given, form: Form) -> Drawn:
    """`random_flip(direction)`: mirrored with chance one half (the top bit of word 0)."""
    need_image_axes(given, form)
    horizontal = given.choice("direction") == "horizontal"
    axis, component = (-1, 0) if horizontal else (-2, 1)

    def run(draw: Draw | None) -> Move:
        if draw is None or not int(draw(1)[0]) >> 31:
            return unmoved

        def move(values: Numbers, kind: PlaneKind) -> Numbers:
            mirrored = np.flip(values, axis)
            if kind == "vector":
                mirrored = mirrored.copy()
                mirrored[component] *= -1
            return mirrored

        return move

    return Drawn(run, form)


def bind_random_rotation(given: Given, form: Form) -> Drawn:
    """`random_rotation(degrees)`: an angle in [-degrees, degrees) (word 0), about the middle.

    Counter-clockwise as seen on the screen. Bilinear, masks by the nearest place; zeros come in
    from outside. Vectors turn too.
    """
    need_image_axes(given, form)
    most = given.number("degrees")
    if not 0 < most <= 180:
        raise given.wrong("degrees", "more than 0 and at most 180")

    def run(draw: Draw | None) -> Move:
        if draw is None:
            return unmoved
        angle = radians(most) * (2 * _unit(draw(1))[0] - 1)

        def move(values: Numbers, kind: PlaneKind) -> Numbers:
            height, width = values.shape[-2:]
            y = np.arange(height)[:, None] - (height - 1) / 2
            x = np.arange(width)[None, :] - (width - 1) / 2
            from_y = (height - 1) / 2 + sin(angle) * x + cos(angle) * y
            from_x = (width - 1) / 2 + cos(angle) * x - sin(angle) * y
            found = sampled(values, from_y, from_x, nearest=kind == "mask")
            if kind == "vector":
                u, v = found
                turned = [cos(angle) * u + sin(angle) * v, cos(angle) * v - sin(angle) * u]
                found = np.stack(turned).astype(found.dtype)
            return found

        return move

    return Drawn(run, form)


def bind_random_resized_crop(given: Given, form: Form) -> Drawn:
    """`random_resized_crop(size, scale, ratio)`: a part of the frame, resized.

    Its share of the area is even in `scale`, its width / height even in the logarithm of `ratio`
    (words 4k and 4k + 1), its place even among all (words 4k + 2 and 4k + 3). Of 10 tries the first
    that fits is taken; else the middle, as large as the ratio allows. Bilinear without
    antialiasing, masks by the nearest place; vectors grow with the places. At rest, the middle.
    """
    need_image_axes(given, form)
    size = given.size("size")
    check_crop(given, form, size, 0)
    scale, ratio = _range(given, "scale"), _range(given, "ratio")
    if scale[1] > 1:
        raise given.wrong("scale", "a range of shares of the area, at most 1")

    def run(draw: Draw | None) -> Move:
        words = None if draw is None else draw(40)

        def move(values: Numbers, kind: PlaneKind) -> Numbers:
            if words is None:
                return centre_cropped(values, size)
            height, width = values.shape[-2:]
            top, left, tall, wide = _part(words, height, width, scale, ratio)
            y = top + np.clip(
                (np.arange(size[0])[:, None] + 0.5) * tall / size[0] - 0.5, 0, tall - 1
            )
            x = left + np.clip((np.arange(size[1])[None] + 0.5) * wide / size[1] - 0.5, 0, wide - 1)
            y, x = np.broadcast_arrays(y, x)
            found = sampled(values, y, x, nearest=kind == "mask")
            if kind == "vector":
                growth = np.array([size[1] / wide, size[0] / tall], found.dtype)
                found = found * growth[:, None, None]
            return found

        return move

    return Drawn(run, replace(form, shape=(*form.shape[:-2], *size)))


def _part(
    words: NDArray[np.uint32],
    height: int,
    width: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random part."""
    for k in range(0, len(words), 4):
        share, shape = _unit(words[k : k + 2])
        area = height * width * (scale[0] + (scale[1] - scale[0]) * share)
        aspect = exponential(log(ratio[0]) + (log(ratio[1]) - log(ratio[0])) * shape)
        tall, wide = round(sqrt(area / aspect)), round(sqrt(area * aspect))
        if 0 < tall <= height and 0 < wide <= width:
            top = int(words[k + 2]) * (height - tall + 1) >> 32
            left = int(words[k + 3]) * (width - wide + 1) >> 32
            return top, left, tall, wide
    aspect = min(max(width / height, ratio[0]), ratio[1])
    tall, wide = min(height, round(width / aspect)), min(width, round(height * aspect))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def bind_cutout(given: Given, form: Form) -> Drawn:
    """`cutout(p, area, aspect, fill)`: with chance p (word 0) a rectangle is covered.

    s of the area, height / width r, each even in its range (words 1 and 2): height floor(sqrt(s H
    W r)), width floor(sqrt(s H W / r)), no larger than the frame; place by words 3 (left) and 4
    (top). `zero` covers all channels with 0; `red` puts a whole number from 0 to 255 (word 5) into
    channel 0 and 0 into the others, as a loader does that draws one grey value and pastes it into
    a colour image of bytes.
    """
    need_image_axes(given, form)
    chance, fill = given.number("p"), given.choice("fill")
    area, aspect = _range(given, "area"), _range(given, "aspect")
    if not 0 <= chance <= 1:
        raise given.wrong("p", "a chance from 0 to 1")

    def run(draw: Draw | None) -> Move:
        words = None if draw is None else draw(6)
        if words is None or _unit(words[:1])[0] >= chance:
            return unmoved
        share, shape = _unit(words[1:3])
        s, r = area[0] + (area[1] - area[0]) * share, aspect[0] + (aspect[1] - aspect[0]) * shape

        def move(values: Numbers, kind: PlaneKind) -> Numbers:
            height, width = values.shape[-2:]
            tall = min(int(sqrt(s * height * width * r)), height)
            wide = min(int(sqrt(s * height * width / r)), width)
            left = int(words[3]) * (width - wide + 1) >> 32
            top = int(words[4]) * (height - tall + 1) >> 32
            covered = values.copy()
            hole = covered[..., top : top + tall, left : left + wide]
            hole[:] = 0
            if fill == "red":
                hole[..., 0, :, :] = int(words[5]) >> 24
            return covered

        return move

    return Drawn(run, form)


def unmoved(values: Numbers, kind: PlaneKind) -> Numbers:
    """The values as they are."""
    return values


def _unit(words: NDArray[np.uint32]) -> list[float]:
    """Words as numbers in [0, 1)."""
    return [float(w) / 2**32 for w in words]


def _range(given: Given, name: str) -> tuple[float, float]:
    found = given.numbers(name)
    if len(found) != 2 or not 0 < found[0] <= found[1]:
        raise given.wrong(name, "a range such as `[0.5, 1]`")
    return found[0], found[1]


AUGMENTATIONS: dict[str, Callable[[Given, Form], Drawn]] = {
    "random_crop": bind_random_crop,
    "random_flip": bind_random_flip,
    "random_rotation": bind_random_rotation,
    "random_resized_crop": bind_random_resized_crop,
    "cutout": bind_cutout,
}
"""Words that are drawn anew, and what makes a step of each."""
