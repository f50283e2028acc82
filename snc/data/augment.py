"""Augmentations: drawn anew for every sample and epoch, the same at all steps of a sample.

The words of a draw depend on (seed, epoch, the sample's number in the data set, the step's place in
the pipeline) and on nothing else. Outside training an augmentation is in its rest state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from snc.data.frames import centre_cropped, check_crop, need_image_axes
from snc.data.given import Given
from snc.data.samples import Draw, Drawn, Form, Frames


def bind_random_crop(given: Given, form: Form) -> Drawn:
    """`random_crop(size, padding)`: zeros on all sides, then a place at random (word 0 top, 1
    left).

    At rest it is the middle, without padding unless the frames are smaller than the size.
    """
    need_image_axes(given, form)
    size, padding = given.size("size"), given.whole("padding", 0)
    check_crop(given, form, size, padding)

    def run(frames: Frames, draw: Draw | None) -> Frames:
        values = frames.values
        around = [(0, 0)] * (values.ndim - 2) + [(padding, padding)] * 2
        padded = np.pad(values, around) if padding else values
        if draw is None:
            return replace(frames, values=centre_cropped(padded, size))
        room = [n - s for n, s in zip(padded.shape[-2:], size, strict=True)]
        top, left = (int(w) * (r + 1) >> 32 for w, r in zip(draw(2), room, strict=True))
        return replace(frames, values=padded[..., top : top + size[0], left : left + size[1]])

    return Drawn(run, replace(form, shape=(*form.shape[:-2], *size)))


def bind_random_flip(given: Given, form: Form) -> Drawn:
    """`random_flip(direction)`: mirrored with chance one half (the top bit of word 0)."""
    need_image_axes(given, form)
    axis = -1 if given.choice("direction") == "horizontal" else -2

    def run(frames: Frames, draw: Draw | None) -> Frames:
        if draw is None or not int(draw(1)[0]) >> 31:
            return frames
        return replace(frames, values=np.flip(frames.values, axis))

    return Drawn(run, form)


AUGMENTATIONS: dict[str, Callable[[Given, Form], Drawn]] = {
    "random_crop": bind_random_crop,
    "random_flip": bind_random_flip,
}
"""Words that are drawn anew, and what makes a step of each."""
