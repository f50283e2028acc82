"""From a pipeline to prepared data: check, look into the cache, else read and run every step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from snc.data.cache import cache_path, fingerprint, load, save
from snc.data.chain import Chain, Link, chain_of
from snc.data.files import hash_files
from snc.data.packed import Packed, Packer
from snc.data.prepared import Prepared
from snc.data.samples import Bound, Item, Sample
from snc.data.select import SELECTIONS
from snc.diagnostics import DataError
from snc.model.plan import Pipeline

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Description:
    """What is known of a data set without reading its samples.

    shape: features of one step. dt: seconds per step if the pipeline says so. fields: names of what
    the data gives, `input` first.
    """

    shape: tuple[int, ...]
    dt: float | None
    fields: tuple[str, ...]


def describe(pipeline: Pipeline, root: Path | None, *, dt: float | None = None) -> Description:
    """What a pipeline's data is like; the folder is only needed if its sizes are in its files.

    `dt` is the experiment's step length, for times such as `repeat(350 ms)`; while it is not known,
    1 ms stands for it, as no shape depends on it. Raises DataError for whatever is wrong with the
    pipeline or the files looked into.
    """
    form = chain_of(pipeline, root, dt or 1e-3).form
    return Description(tuple(int(n or 0) for n in form.shape), form.dt, form.fields)


def prepare(
    pipeline: Pipeline,
    root: Path | None,
    progress: Progress | None = None,
    *,
    dt: float | None = None,
    classes: int | None = None,
) -> Prepared:
    """A pipeline's samples, from the cache or from its files; then the cache has them.

    root: folder of data sets; None means the environment variable SNC_DATA. progress: is told what
    is going on, about twice a second. dt: the experiment's step length in seconds, for times such
    as `repeat(350 ms)` where frames have none. classes: their declared number, which labels must be
    below. Raises DataError.
    """
    say = progress or _silent
    chain = chain_of(pipeline, root, dt)
    files = chain.source.files()
    mark = fingerprint(pipeline, hash_files(files.paths, files.base, say), dt)
    path = cache_path(mark, chain.source.versions)
    packed = load(path)
    if packed is None:
        packed = run(chain, say)
        save(path, packed)
    prepared = Prepared(packed, chain.anew, chain.form, mark)
    if classes is not None:
        prepared.check_classes(classes)
    return prepared


def _silent(text: str) -> None:
    """Say nothing."""


def run(chain: Chain, say: Progress) -> Packed:
    """Read all samples and do to them what is done once. Raises DataError."""
    items, pending = chain.source.items(), list[Bound]()
    for link in chain.once:
        if isinstance(link.bound, Bound):
            pending.append(link.bound)
            continue
        # A selection looks at labels and order only, so it may go before what is done to each
        # sample; but not before recordings are cut into several samples.
        if any(x.given.step.word == "slices" for x in chain.once[: chain.once.index(link)]):
            items, pending = _read_now(items, pending, say), []
        items = _selected(link, items)
    if not items:
        raise DataError("no-samples", "the data set is empty")
    packer = Packer()
    for sample in _samples(items, pending, say):
        packer.add(sample)
    return packer.pack()


def _selected(link: Link, items: Sequence[Item]) -> list[Item]:
    kept = SELECTIONS[link.given.step.word](link.given, items)
    if not kept:
        raise link.given.error("no-samples", f"`{link.given.step.word}` leaves no sample")
    return kept


def _read_now(items: Sequence[Item], steps: Sequence[Bound], say: Progress) -> list[Item]:
    """Samples that are read and done with `steps`, as items again."""
    samples = _samples(items, steps, say)
    return [
        Item(s.origin, s.place, partial(getattr, s, "label"), partial(_same, s)) for s in samples
    ]


def _same(sample: Sample) -> Sample:
    return sample


def _samples(items: Sequence[Item], steps: Sequence[Bound], say: Progress) -> Iterator[Sample]:
    said = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            say(f"preparing {number:,} of {len(items):,} samples")
        yield from through(steps, item.load())


def through(steps: Sequence[Bound], sample: Sample) -> Iterator[Sample]:
    """What comes out if a sample goes through the steps."""
    if not steps:
        yield sample
        return
    for changed in steps[0].run(sample):
        yield from through(steps[1:], changed)
