"""Encoders: an image of intensities in [0, 1] becomes a sequence of events, 0 or 1 per step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snc import random
from snc.data.given import Given
from snc.data.samples import Bound, Form, Frames, Sample
from snc.diagnostics import DataError

Encode = Callable[[NDArray[np.float64], int], NDArray[np.bool_]]
"""Chances or rates per step [n], and the sample's origin, to events [T, n]."""


def rate_events(rate: NDArray[np.float64], steps: int) -> NDArray[np.bool_]:
    """Regular events [T, n] of rates [n] per step, each in [0, 1].

    One at step t iff floor((t + 1) rate) > floor(t rate), in float64: floor(T rate) events in T
    steps, the first as late as possible.
    """
    due = np.floor(np.arange(steps + 1)[:, None] * rate[None, :])
    return np.asarray(due[1:] > due[:-1])


def poisson_events(
    chance: NDArray[np.float64], steps: int, seed: int, origin: int
) -> NDArray[np.bool_]:
    """Independent events [T, n] of the given chances per step [n].

    From the stream `poisson_events` of the seed, at sample `origin` (the number of the image in its
    source, whatever is selected later), epoch 0: the same every time.
    """
    samples = np.full(steps, origin)
    drawn = random.words(seed, "poisson_events", len(chance), samples, np.arange(steps))
    return random.as_bernoulli(drawn, chance)


def bind_rate_events(given: Given, form: Form) -> Bound:
    """`rate_events(duration, peak)`: intensity r gives r x peak events per step, evenly spaced."""
    steps = given.steps("duration", form.step_length)
    return _bind(given, form, steps, lambda rate, _: rate_events(rate, steps))


def bind_poisson_events(given: Given, form: Form) -> Bound:
    """`poisson_events(duration, peak, seed)`: an event with chance r x peak at every step."""
    steps, seed = given.steps("duration", form.step_length), given.whole("seed", 0)
    return _bind(given, form, steps, lambda p, origin: poisson_events(p, steps, seed, origin))


def _bind(given: Given, form: Form, steps: int, encode: Encode) -> Bound:
    peak = given.number("peak")
    if not 0 < peak <= 1:
        raise given.wrong("peak", "more than 0 and at most 1 event per step")
    if not form.image:
        raise given.error("not-an-image", f"`{given.step.word}` encodes images, not sequences")

    def run(sample: Sample) -> Iterator[Sample]:
        assert isinstance(sample.content, Frames)
        image = sample.content.values.astype(np.float64)
        if not (image.min() >= 0 and image.max() <= 1):
            raise DataError(
                "not-an-intensity",
                f"`{given.step.word}` takes intensities from 0 to 1; here they go from "
                f"{image.min():g} to {image.max():g}",
                sample.place,
                "divide first, e.g. `divide(by = 255)`",
            )
        events = encode(image.reshape(-1) * peak, sample.origin)
        yield replace(sample, content=Frames(events.reshape(steps, *image.shape[1:])))

    return Bound(run, replace(form, image=False), lambda _: steps)


ENCODERS = {"rate_events": bind_rate_events, "poisson_events": bind_poisson_events}
"""Words that make events of images."""
