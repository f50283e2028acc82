"""Frames or images in arrays with one row per sample: what `hdf5(input = ...)` and `npz` have in
common.

input   [N, T, ...features]; with static = true one image each, [N, ...features]; real or whole
label   [N] or [N, T]: class numbers from 0, or texts (classes are then the sorted texts). Left
        out, an array called `label` is taken if there is one; without it the data has no labels
mask    [N] or [N, T]: numbers; the field `mask`
length  [N]: steps of each sample, from 1 to T; what comes after them is not read
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from snc.data.given import Given
from snc.data.samples import Form, Frames, Item, Label, Numbers, Sample
from snc.data.sources.source import class_numbers, missing_array
from snc.diagnostics import DataError


class Table(Protocol):
    """An array that may still be on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type."""
        ...

    def __getitem__(self, index: Any) -> Any: ...


@dataclass(frozen=True)
class Tables:
    """The arrays of one source, checked against each other."""

    input: Table
    label: Table | None
    mask: Table | None
    length: Table | None
    static: bool
    place: str

    @classmethod
    def of(cls, given: Given, arrays: Mapping[str, Table], place: str) -> Tables:
        """The arrays that a step names. Raises DataError: no-such-array and those of `check`."""

        def named(argument: str, needed: bool) -> Table | None:
            name = given.optional_text(argument)
            if name is None:
                return None
            if name not in arrays:
                if not needed:
                    return None
                raise missing_array(given, name, place, sorted(arrays))
            return arrays[name]

        values = named("input", True)
        assert values is not None
        label = named("label", given.step.get("label") is not None)
        tables = cls(
            values, label, named("mask", True), named("length", True), given.flag("static"), place
        )
        tables.check()
        return tables

    def check(self) -> None:
        """Raise DataError: wrong-dtype, wrong-shape, unequal-counts, no-samples."""
        shape, least = self.input.shape, 2 if self.static else 3
        if self.input.dtype.kind not in "buif":
            message = f"`input` must hold numbers, not {self.input.dtype}"
            raise DataError("wrong-dtype", message, self.place)
        if len(shape) < least:
            wanted = "[N, ...features]" if self.static else "[N, T, ...features]"
            hint = "" if self.static else "`static = true` reads images without a time axis"
            message = f"`input` must be {wanted}, but it is {list(shape)}"
            raise DataError("wrong-shape", message, self.place, hint)
        if not shape[0]:
            raise DataError("no-samples", "the data set is empty", self.place)
        for name, table in (("label", self.label), ("mask", self.mask), ("length", self.length)):
            if table is None:
                continue
            if not table.shape or table.shape[0] != shape[0]:
                message = f"`input` has {shape[0]} samples, but `{name}` is {list(table.shape)}"
                raise DataError("unequal-counts", message, self.place)
            allowed = [shape[:1]] if self.static or name == "length" else [shape[:1], shape[:2]]
            if table.shape not in allowed:
                wanted = " or ".join(str(list(a)) for a in allowed)
                message = f"`{name}` must be {wanted}, but it is {list(table.shape)}"
                raise DataError("wrong-shape", message, self.place)

    def form(self, given: Given) -> Form:
        """The form of the samples; an attribute `dt` of the input is the step length in seconds."""
        skip = 1 if self.static else 2
        fields = ("input", *(n for n in ("label", "mask") if getattr(self, n) is not None))
        dt = getattr(self.input, "attrs", {}).get("dt")
        return Form(
            None,
            self.input.shape[skip:],
            fields,
            image=self.static,
            dt=None if dt is None else float(dt),
        )

    def items(self) -> list[Item]:
        """All samples. Raises DataError: wrong-dtype, label-out-of-range, wrong-length."""
        labels = None if self.label is None else class_numbers(self.label[:], self.place)
        masks: Numbers | None = None if self.mask is None else np.asarray(self.mask[:])
        lengths = self._lengths()

        def label(k: int) -> Label | None:
            if labels is None:
                return None
            return int(labels[k]) if labels.ndim == 1 else labels[k, : _stop(lengths, k)]

        def load(k: int) -> Sample:
            stop = _stop(lengths, k)
            values = np.asarray(self.input[k])[None if self.static else slice(stop)]
            fields = {}
            if masks is not None:
                fields["mask"] = np.asarray(masks[k] if masks.ndim == 1 else masks[k, :stop])
            return Sample(Frames(values), label(k), f"{self.place}, sample {k}", k, fields)

        return [
            Item(k, "", partial(label, k), partial(load, k)) for k in range(self.input.shape[0])
        ]

    def _lengths(self) -> Numbers | None:
        if self.length is None:
            return None
        lengths = class_numbers(self.length[:], self.place)
        if lengths.min() < 1 or lengths.max() > self.input.shape[1]:
            steps = self.input.shape[1]
            message = f"lengths go from {lengths.min()} to {lengths.max()}; there are {steps} steps"
            raise DataError("wrong-length", message, self.place)
        return lengths


def _stop(lengths: Numbers | None, k: int) -> int | None:
    return None if lengths is None else int(lengths[k])
