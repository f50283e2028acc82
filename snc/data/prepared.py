"""A prepared data set: gives batches, with augmentations drawn for every sample and epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from snc.data.chain import Link
from snc.data.frames import moved
from snc.data.manifest import Manifest
from snc.data.packed import Floats, Integers, Packed
from snc.data.samples import Bound, Drawn, Form, Frames, Numbers, Plane, Sample
from snc.diagnostics import DataError
from snc.module import Array
from snc.random import Words, words


@dataclass(frozen=True)
class Prepared:
    """Samples with everything done that is done once.

    anew: the steps from the first augmentation on. fingerprint: hash of the pipeline and its files.
    manifest: which recordings these are, and the file that says so.
    """

    packed: Packed
    anew: tuple[Link, ...]
    form: Form
    fingerprint: str
    manifest: Manifest
    manifest_path: Path

    def __len__(self) -> int:
        return len(self.packed)

    @property
    def labels(self) -> Integers | None:
        """Class numbers [N]; labels per step as [steps of all samples]; None without labels."""
        return self.packed.labels

    @property
    def lengths(self) -> Integers:
        """Steps of each sample [N]."""
        lengths = self.packed.steps
        for link in self.anew:
            if isinstance(link.bound, Bound):
                lengths = np.array([link.bound.steps(int(n)) for n in lengths], np.int64)
        return lengths

    @property
    def shape(self) -> tuple[int, ...]:
        """Features of one step."""
        return tuple(int(n or 0) for n in self.form.shape)

    def histogram(self) -> dict[int, int]:
        """How often each class number is a label (of a sample, or of a step)."""
        if self.labels is None:
            return {}
        classes, counts = np.unique(self.labels, return_counts=True)
        return {int(c): int(n) for c, n in zip(classes, counts, strict=True)}

    def check_classes(self, classes: int) -> None:
        """Raise DataError `label-out-of-range` if a label is not below the number of classes."""
        highest = max(self.histogram(), default=-1)
        if highest >= classes:
            raise DataError(
                "label-out-of-range",
                f"there is a label {highest}, but the data set declares {classes} classes, "
                f"which count from 0",
                help=f"`classes = {highest + 1}`, or the wrong array is read as labels",
            )

    def batch(
        self,
        indices: Sequence[int] | Integers,
        *,
        epoch: int = 0,
        seed: int = 0,
        training: bool = False,
    ) -> tuple[dict[str, Array], Array | None, Integers]:
        """Some samples as fields, labels and lengths.

        fields, in float32: `input` [T, B, ...features], zero after a sample's end, T the longest of
        the batch; others [T, B, ...], [B, ...] or [B]. labels: [B], or [T, B], or None. lengths: [B]. With
        `training`, augmentations draw from (seed, epoch, sample index).
        """
        chosen = np.asarray(indices, np.int64)
        spread: dict[str, Numbers] = {}
        if self.anew:
            parts = [self._augmented(int(k), epoch, seed, training) for k in chosen]
            lengths = np.array([_frames(p).steps for p in parts], np.int64)
            values = self._padded([_frames(p) for p in parts], lengths)
            if parts:
                spread = {p.name: np.stack([s.fields[p.name] for s in parts]) for p in self.planes}
        else:
            lengths, values = self.packed.steps[chosen], self.packed.batch(chosen)
        fields: dict[str, Array] = {"input": values}
        for name, data in self.packed.fields.items():
            found = spread[name] if name in spread else self._field(name, data, chosen, lengths)
            fields[name] = found.astype(np.float32)
        labels = self.labels
        if labels is not None:
            labels = self._field("label", labels, chosen, lengths).astype(np.int64)
        return fields, labels, lengths

    @property
    def planes(self) -> tuple[Plane, ...]:
        """The fields that are spread over a frame."""
        return self.form.planes

    def _augmented(self, index: int, epoch: int, seed: int, training: bool) -> Sample:
        """A sample's frames and planes after the steps that are done anew."""
        planes = {p.name: self.packed.fields[p.name][index] for p in self.planes}
        origin, frames = int(self.packed.origins[index]), self.packed.sample(index)
        sample = Sample(frames, None, f"sample {index}", origin, planes)
        for link in self.anew:
            if isinstance(link.bound, Drawn):
                draw = partial(_words_of, seed, link.name, index, epoch)
                sample = moved(sample, link.bound.run(draw if training else None), self.planes)
            elif isinstance(link.bound, Bound):
                sample = next(iter(link.bound.run(sample)))
        return sample

    def _padded(self, parts: Sequence[Frames], lengths: Integers) -> Floats:
        total = int(lengths.max(initial=0))
        values = np.zeros((total, len(parts), *self.shape), np.float32)
        for b, part in enumerate(parts):
            values[: part.steps, b] = part.values
        return values

    def _field(self, name: str, data: Numbers, indices: Integers, lengths: Integers) -> Numbers:
        """One value per sample [B], or [T, B, ...] padded with zeros."""
        if name not in self.packed.per_step:
            return data[indices]
        total = int(lengths.max(initial=0))
        made = np.zeros((total, len(indices), *data.shape[1:]), data.dtype)
        for b, (index, steps) in enumerate(zip(indices, lengths, strict=True)):
            start = int(self.packed.first[index])
            made[:steps, b] = data[start : start + int(steps)]
        return made


def _frames(sample: Sample) -> Frames:
    assert isinstance(sample.content, Frames)
    return sample.content


def _words_of(seed: int, name: str, index: int, epoch: int, n: int) -> Words:
    """The first n words of a sample's stream in an epoch."""
    drawn: Words = words(seed, name, n, (index,), 0, epoch)[0]
    return drawn
