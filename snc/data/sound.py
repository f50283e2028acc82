"""Steps on sounds [T] (one number per step, the step is 1 / sampling rate) and their features.

Deviations are those of a population; a feature without deviation, or a sound without a peak, stays
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from snc.data.given import Given
from snc.data.samples import Bound, Form, Frames, Grouped, Numbers, Sample
from snc.diagnostics import DataError

Reals = NDArray[np.float64]
SLOPE_WIDTH = 9
"""Steps that a slope is fitted to."""


def bind_centre_pad(given: Given, form: Form) -> Bound:
    """`centre_pad(n)`: n steps; zeros around what is shorter, the middle of what is longer.

    Of an odd difference, the larger part is at the end.
    """
    n = given.whole("n")

    def change(values: Numbers) -> Numbers:
        missing = n - len(values)
        if missing < 0:
            return values[-missing // 2 :][:n]
        before = missing // 2
        around = [(before, missing - before)] + [(0, 0)] * (values.ndim - 1)
        return np.pad(values, around)

    return _whole(change, form, lambda _: n)


def bind_divide_by_peak(given: Given, form: Form) -> Bound:
    """`divide_by_peak`: by the largest magnitude of the sample; float32."""

    def change(values: Numbers) -> Numbers:
        peak = np.abs(values.astype(np.float64)).max(initial=0)
        return (values / (peak or 1)).astype(np.float32)

    return _whole(change, form)


def bind_mel(given: Given, form: Form) -> Bound:
    """`mel(n, window, hop, low, high, power)`: T steps give 1 + T div hop frames of n bands.

    Frame k is centred at step k hop of the sound with zeros around it: |FFT|^power of a periodic
    Hann window, summed with the weights of `mel_weights`. The published features are those of
    librosa's `melspectrogram`, which this equals.
    """
    if form.shape or form.dt is None:
        hint = "a source of sounds says how often it was sampled"
        raise given.error("not-a-sound", "`mel` takes sounds: one number per step", hint)
    rate, count = 1 / form.dt, given.whole("n")
    width, hop = (_samples(given, name, rate) for name in ("window", "hop"))
    low, high = given.number("low"), given.number("high")
    if not 0 <= low < high <= rate / 2:
        raise given.wrong("high", f"above `low` and at most {rate / 2:g} Hz, half the rate")
    power, weights = given.number("power"), mel_weights(count, width, rate, low, high)

    def change(values: Numbers) -> Numbers:
        return (spectrum(values.astype(np.float64), width, hop) ** power @ weights.T).astype(
            np.float32
        )

    after = replace(form, shape=(count,), dt=hop / rate)
    return _whole(change, after, lambda steps: 1 + steps // hop)


def _samples(given: Given, name: str, rate: float) -> int:
    exact = given.microseconds(name) * rate / 1e6
    if abs(exact - round(exact)) > 1e-6 or exact < 1:
        raise given.wrong(name, f"a whole number of samples at {rate:g} Hz, not {exact:g}")
    return round(exact)


def spectrum(sound: Reals, width: int, hop: int) -> Reals:
    """Magnitudes [1 + T div hop, 1 + width div 2] of a sound [T], see `bind_mel`."""
    padded = np.pad(sound, width // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    cut = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    return np.asarray(np.abs(np.fft.rfft(cut * window)))


@lru_cache(maxsize=16)
def mel_weights(count: int, width: int, rate: float, low: float, high: float) -> Reals:
    """Weights [count, 1 + width div 2]: triangles equally wide in mel, each of area 2 in Hz.

    Slaney's scale: 200 / 3 Hz per mel up to 1 kHz, then 27 mel for each factor of 6.4.
    """
    bottom, top = (float(m) for m in to_mel(np.array([low, high])))
    edges = from_mel(np.linspace(bottom, top, count + 2))
    frequency = np.arange(width // 2 + 1) * rate / width
    rise = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0, np.minimum(rise, fall)) * area[:, None])


def to_mel(hertz: Reals) -> Reals:
    """Hz to Slaney's mel."""
    bent = 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, bent)


def from_mel(mel: Reals) -> Reals:
    """Slaney's mel to Hz."""
    bent = 1000 * np.exp(np.log(6.4) * (np.maximum(mel, 15) - 15) / 27)
    return np.where(mel < 15, mel * 200 / 3, bent)


def bind_log1p_of_share(given: Given, form: Form) -> Bound:
    """`log1p_of_share`: log(1 + x / the largest value of the sample); float32."""

    def change(values: Numbers) -> Numbers:
        most = values.max(initial=0)
        return np.log1p(values / (most or 1)).astype(np.float32)

    return _whole(change, form)


def bind_deltas(given: Given, form: Form) -> Bound:
    """`deltas(orders)`: features [n] become [(orders + 1) n]: the values, then each order's slopes.

    Order k is the k-th derivative of the polynomial of degree k through 9 steps (Savitzky and
    Golay 1964); at the ends, that of the first and the last 9 steps. What librosa's `delta` gives.
    """
    orders = given.whole("orders")
    if len(form.shape) != 1:
        raise given.error("no-frames", "`deltas` takes one row of features per step")

    def run(sample: Sample) -> Iterator[Sample]:
        # Late, as every library that only some data needs.
        from scipy.signal import savgol_filter

        values = _values(sample)
        if len(values) < SLOPE_WIDTH:
            message = f"`deltas` needs {SLOPE_WIDTH} steps, the sample has {len(values)}"
            raise DataError("too-few-steps", message, sample.place)
        slopes = [
            savgol_filter(values, SLOPE_WIDTH, polyorder=k, deriv=k, axis=0)
            for k in range(1, orders + 1)
        ]
        made = np.concatenate([values, *slopes], axis=1).astype(np.float32)
        yield replace(sample, content=Frames(made))

    shape = tuple(n and n * (orders + 1) for n in form.shape)
    return Bound(run, replace(form, shape=shape), versions=(f"scipy {version('scipy')}",))


def bind_divide_by_deviation(given: Given, form: Form) -> Bound | Grouped:
    """`divide_by_deviation(over, batch)`: each feature by its own deviation.

    `over = time`: within the sample. `over = [batch, time]`: over all steps of `batch` samples
    that follow each other (the last group may be smaller); so the result depends on the samples
    beside it, as published.
    """
    value = given.get("over")
    over = {value} if isinstance(value, str) else {*value} if isinstance(value, tuple) else set()
    if over == {"time"}:
        return _whole(lambda v: (v / _deviation(v)).astype(np.float32), form)
    if over != {"batch", "time"}:
        raise given.wrong("over", "`time` or `[batch, time]`")

    def run(samples: Sequence[Sample]) -> list[Sample]:
        by = _deviation(np.concatenate([_values(s) for s in samples]))
        return [replace(s, content=Frames((_values(s) / by).astype(np.float32))) for s in samples]

    return Grouped(run, form, given.whole("batch"))


def _deviation(values: Numbers) -> Numbers:
    """The deviation of each feature over all rows, 1 where there is none."""
    found = values.std(axis=0, dtype=np.float64)
    return np.where(found == 0, 1, found)


def _values(sample: Sample) -> Numbers:
    assert isinstance(sample.content, Frames)
    return sample.content.values


def _whole(
    change: Callable[[Numbers], Numbers], form: Form, steps: Callable[[int], int] = lambda n: n
) -> Bound:
    def run(sample: Sample) -> Iterator[Sample]:
        yield replace(sample, content=Frames(change(_values(sample))))

    return Bound(run, form, steps)


SOUND_STEPS: dict[str, Callable[[Given, Form], Bound | Grouped]] = {
    "centre_pad": bind_centre_pad,
    "divide_by_peak": bind_divide_by_peak,
    "mel": bind_mel,
    "log1p_of_share": bind_log1p_of_share,
    "deltas": bind_deltas,
    "divide_by_deviation": bind_divide_by_deviation,
}
"""Words on sounds and their features, and what makes a step of each."""
