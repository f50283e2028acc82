"""Prepared samples in little memory: sparse counts or small dense frames, and how they become
batches.

Frames of all samples stand one after the other, F features each. Sparse: for frame k the places
`place[ends[k]:ends[k + 1]]` and their values (none stored if all are 1). Dense: [frames, F] in the
smallest type that holds the values exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from snc.data.samples import Frames, Label, Numbers, Sample
from snc.data.spill import Spill
from snc.diagnostics import DataError

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
SPARSE_BELOW = 0.3  # share of values that are not zero, for one sample while it is collected


@dataclass(frozen=True)
class Packed:
    """All samples.

    shape: features of a frame. first: [N + 1] first frame of each sample. steps: [N] steps of each
    (held images have one frame and more steps). arrays: `dense`, or `ends`, `place` and perhaps
    `value`. labels: [N] or [frames] or None.
    origins: [N] number of the recording in its source. fields: name -> [N], [N, ...] of a plane, or
    [frames]. per_step: names of the fields (`label` too) with a value per step.
    """

    shape: tuple[int, ...]
    first: Integers
    steps: Integers
    arrays: dict[str, Numbers]
    labels: Integers | None
    origins: Integers
    fields: dict[str, Numbers]
    per_step: frozenset[str]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def features(self) -> int:
        """F."""
        return int(np.prod(self.shape, dtype=np.int64))

    def sample(self, index: int) -> Frames:
        """One sample's frames [T, ...] as float32."""
        start, stop = int(self.first[index]), int(self.first[index + 1])
        values = np.zeros((stop - start, 1, self.features), np.float32)
        self._fill(values, np.array([index]))
        held = int(self.steps[index]) if stop - start == 1 and self.steps[index] != 1 else 0
        return Frames(values.reshape(-1, *self.shape), held)

    def batch(self, indices: Integers) -> Floats:
        """Frames [T, B, ...features] of some samples, zero after each sample's end."""
        steps = self.steps[indices]
        total = int(steps.max(initial=0))
        values = np.zeros((total, len(indices), self.features), np.float32)
        self._fill(values, indices)
        held = (self.first[indices + 1] - self.first[indices]) < steps
        for b in np.flatnonzero(held):
            values[: steps[b], b] = values[0, b]
        return values.reshape(total, len(indices), *self.shape)

    def _fill(self, values: Floats, indices: Integers) -> None:
        """Write the stored frames of the samples into [T, B, F]."""
        first, stop = self.first[indices], self.first[indices + 1]
        if "dense" in self.arrays:
            for b, (i, j) in enumerate(zip(first, stop, strict=True)):
                values[: j - i, b] = self.arrays["dense"][i:j]
            return
        ends, place, value = self.arrays["ends"], self.arrays["place"], self.arrays.get("value")
        flat, width = values.reshape(-1), len(indices)
        for b, (i, j) in enumerate(zip(first, stop, strict=True)):
            begin, end = int(ends[i]), int(ends[j])
            step = np.repeat(np.arange(j - i), np.diff(ends[i : j + 1]))
            where = (step * width + b) * self.features + place[begin:end]
            flat[where] = 1 if value is None else value[begin:end]


@dataclass
class Packer:
    """Collects samples, then packs them. `planes` are the fields with one array for each sample."""

    planes: dict[str, Spill] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    fields: list[dict[str, Numbers]] = field(default_factory=list)
    shape: tuple[int, ...] | None = None

    def add(self, sample: Sample) -> None:
        """One more sample. Raises DataError: other-shape, not-finite, no-steps."""
        frames = sample.content
        assert isinstance(frames, Frames)
        shape = frames.values.shape[1:]
        if self.shape is None:
            self.shape = shape
        if shape != self.shape:
            message = f"this sample has features {shape}, the ones before {self.shape}"
            raise DataError("other-shape", message, sample.place, "`resize` makes frames alike")
        if not frames.steps:
            raise DataError("no-steps", "the sample has no steps", sample.place)
        self.pieces.append(Piece.of(frames.values.reshape(len(frames.values), -1), sample.place))
        self.steps.append(frames.steps)
        self.labels.append(sample.label)
        self.origins.append(sample.origin)
        for name, spill in self.planes.items():
            spill.add(sample.fields[name], sample.place)
        self.fields.append({k: v for k, v in sample.fields.items() if k not in self.planes})

    def pack(self) -> Packed:
        """What was collected, in the smaller of the two forms."""
        frames = [piece.frames for piece in self.pieces]
        first = np.concatenate([[0], np.cumsum(frames, dtype=np.int64)])
        per_step = {k for k, v in self.fields[0].items() if v.ndim}
        if any(isinstance(v, np.ndarray) for v in self.labels):
            per_step.add("label")
        fields = {
            name: np.concatenate([np.atleast_1d(f[name]) for f in self.fields])
            for name in self.fields[0]
        }
        fields |= {name: spill.finish() for name, spill in self.planes.items()}
        return Packed(
            shape=self.shape or (),
            first=first,
            steps=np.array(self.steps, np.int64),
            arrays=_arrays(self.pieces),
            labels=_labels(self.labels),
            origins=np.array(self.origins, np.int64),
            fields=fields,
            per_step=frozenset(per_step),
        )


def _labels(labels: Sequence[Label | None]) -> Integers | None:
    if not labels or any(v is None for v in labels):
        return None
    return np.concatenate([np.atleast_1d(np.asarray(v, np.int64)) for v in labels])


@dataclass(frozen=True)
class Piece:
    """One sample's frames: values [T, F]; or counts [T], places and values of what is not zero."""

    frames: int
    features: int
    values: Numbers
    place: Numbers | None = None
    counts: Integers | None = None

    @classmethod
    def of(cls, values: Numbers, place: str) -> Piece:
        """Values [T, F]. Raises DataError `not-finite`."""
        flat = np.flatnonzero(values)
        frames, features = values.shape
        found = values.reshape(-1)[flat]
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise DataError("not-finite", "the sample holds a value that is no number", place)
        if len(flat) > SPARSE_BELOW * values.size:
            return cls(frames, features, smallest(values))
        step, at = np.divmod(flat, max(features, 1))
        counts = np.bincount(step, minlength=frames)
        return cls(frames, features, smallest(found), at.astype(index_type(features)), counts)

    def dense(self) -> Numbers:
        """Values [T, F]."""
        if self.place is None or self.counts is None:
            return self.values
        made = np.zeros((self.frames, self.features), self.values.dtype)
        made[np.repeat(np.arange(self.frames), self.counts), self.place] = self.values
        return made

    def sparse(self) -> tuple[Integers, Numbers, Numbers]:
        """Number of values in each frame, their places, the values."""
        if self.place is not None and self.counts is not None:
            return self.counts, self.place, self.values
        step, at = np.nonzero(self.values)
        counts = np.bincount(step, minlength=self.frames)
        return counts, at.astype(index_type(self.features)), self.values[step, at]

    @property
    def stored(self) -> int:
        """Number of values that are not zero."""
        return self.values.size if self.place is not None else int(np.count_nonzero(self.values))


def index_type(features: int) -> np.dtype[np.generic]:
    """The type of places among so many features."""
    return np.dtype(np.uint16 if features <= 2**16 else np.uint32)


def smallest(values: Numbers) -> Numbers:
    """The same numbers in the smallest of uint8, int16, int32 and float32 (which may round)."""
    if not values.size or values.dtype == np.bool_:
        return values.astype(np.uint8)
    low, high = values.min(), values.max()
    if values.dtype.kind in "ui" or (
        abs(low) < 2**24 and abs(high) < 2**24 and np.array_equal(values, np.trunc(values))
    ):
        for kind in (np.uint8, np.int16, np.int32):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                return values.astype(kind)
    return values.astype(np.float32)


NOTHING = Piece(0, 0, np.zeros((0, 0)))


def _arrays(pieces: list[Piece]) -> dict[str, Numbers]:
    kind = np.result_type(*{p.values.dtype for p in pieces})
    if kind.kind == "f":
        kind = np.dtype(np.float32)  # where int32 and float32 meet, NumPy would take float64
    frames, features = sum(p.frames for p in pieces), pieces[0].features
    stored = sum(p.stored for p in pieces)
    index = index_type(features)
    if frames * features * kind.itemsize <= stored * (index.itemsize + kind.itemsize) + 8 * frames:
        dense = np.empty((frames, features), kind)
        at = 0
        for k, piece in enumerate(pieces):
            dense[at : at + piece.frames] = piece.dense()
            at += piece.frames
            pieces[k] = NOTHING  # large sets would not fit into memory twice
        return {"dense": dense}
    ends, place, value = (
        np.zeros(frames + 1, np.int64),
        np.empty(stored, index),
        np.empty(stored, kind),
    )
    frame = at = 0
    for piece in pieces:
        counts, places, values = piece.sparse()
        ends[frame + 1 : frame + 1 + piece.frames] = counts
        place[at : at + len(places)], value[at : at + len(values)] = places, values
        frame, at = frame + piece.frames, at + len(places)
    found = {"ends": np.cumsum(ends), "place": place}
    return found if (value == 1).all() else {**found, "value": value}
