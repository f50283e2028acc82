"""From a pipeline to prepared data: check, look into the cache, else read and run every step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from threadpoolctl import threadpool_limits

from snc.data.cache import cache_path, fingerprint, load, pipeline_text, save
from snc.data.chain import Chain, Link, chain_of
from snc.data.files import hash_files
from snc.data.manifest import Manifest, read_manifest, rows_of
from snc.data.packed import Packed, Packer
from snc.data.prepared import Prepared
from snc.data.samples import Bound, Grouped, Item, Sample
from snc.data.select import SELECTIONS
from snc.data.spill import Spill, spill_path
from snc.diagnostics import DataError
from snc.model.plan import Pipeline

Progress = Callable[[str], None]
OnceStep = Bound | Grouped


@dataclass(frozen=True)
class Description:
    """What is known of a data set without reading its samples.

    shape: features of one step. dt: seconds per step if the pipeline says so. fields: names of what
    the data gives, `input` first. shapes: features of the fields that have any, `input` too.
    """

    shape: tuple[int, ...]
    dt: float | None
    fields: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]


def describe(pipeline: Pipeline, root: Path | None, *, dt: float | None = None) -> Description:
    """What a pipeline's data is like; the folder is only needed if its sizes are in its files.

    `dt` is the experiment's step length, for times such as `repeat(350 ms)`; while it is not known,
    1 ms stands for it, as no shape depends on it. Raises DataError for whatever is wrong with the
    pipeline or the files looked into.
    """
    form = chain_of(pipeline, root, dt or 1e-3).form
    shapes = {name: tuple(int(n or 0) for n in shape) for name, shape in form.shapes.items()}
    return Description(shapes["input"], form.dt, form.fields, shapes)


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
    marks = hash_files(files.paths, files.base, say)
    mark = fingerprint(pipeline, marks, dt)
    path = cache_path(mark, chain.versions)
    packed, manifest = load(path), read_manifest(path.with_suffix(".json"))
    if packed is None or manifest is None:
        packed, items = run(chain, path, say)
        rows = rows_of(packed, items)
        manifest = Manifest(pipeline_text(pipeline), mark, len(items), rows, list(marks))
        save(path, packed)
        manifest.write(path.with_suffix(".json"))
    prepared = Prepared(packed, chain.anew, chain.form, mark, manifest, path.with_suffix(".json"))
    if classes is not None:
        prepared.check_classes(classes)
    return prepared


def _silent(text: str) -> None:
    """Say nothing."""


def run(chain: Chain, entry: Path, say: Progress) -> tuple[Packed, list[Item]]:
    """Read all samples and do to them what is done once; with what the source had. Raises DataError.

    Planes go to files beside `entry`. On one thread: products of small matrices are slower on
    several, and could round differently.
    """
    planes = {p.name: Spill(spill_path(entry, p.name)) for p in chain.form.planes}
    try:
        with threadpool_limits(1, user_api="blas"):
            return _run(chain, Packer(planes), say)
    finally:
        for spill in planes.values():
            spill.drop()


def _run(chain: Chain, packer: Packer, say: Progress) -> tuple[Packed, list[Item]]:
    available = chain.source.items()
    items, pending = available, list[OnceStep]()
    for link in chain.once:
        if isinstance(link.bound, Bound | Grouped):
            pending.append(link.bound)
            continue
        # A selection looks at labels and order only, so it may go before what is done to each
        # sample; but not before recordings are cut into several samples, or looked at together.
        before = chain.once[: chain.once.index(link)]
        if any(x.given.step.word == "slices" or isinstance(x.bound, Grouped) for x in before):
            items, pending = _read_now(items, pending, say), []
        items = _selected(link, items)
    if not items:
        raise DataError("no-samples", "the data set is empty")
    for sample in _samples(items, pending, say):
        packer.add(sample)
    return packer.pack(), available


def _selected(link: Link, items: Sequence[Item]) -> list[Item]:
    kept = SELECTIONS[link.given.step.word](link.given, items)
    if not kept:
        raise link.given.error("no-samples", f"`{link.given.step.word}` leaves no sample")
    return kept


def _read_now(items: Sequence[Item], steps: Sequence[OnceStep], say: Progress) -> list[Item]:
    """Samples that are read and done with `steps`, as items again."""
    known = {item.origin: item for item in items}

    def again(s: Sample) -> Item:
        label, load = partial(getattr, s, "label"), partial(_same, s)
        return Item(s.origin, s.place, label, load, known[s.origin].traits)

    return [again(s) for s in _samples(items, steps, say)]


def _same(sample: Sample) -> Sample:
    return sample


def _samples(items: Sequence[Item], steps: Sequence[OnceStep], say: Progress) -> Iterator[Sample]:
    return through(steps, _loaded(items, say))


def _loaded(items: Sequence[Item], say: Progress) -> Iterator[Sample]:
    said = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            say(f"preparing {number:,} of {len(items):,} samples")
        yield item.load()


def through(steps: Sequence[OnceStep], samples: Iterable[Sample]) -> Iterator[Sample]:
    """What comes out if samples go through the steps, one by one where that is possible."""
    flow = iter(samples)
    for step in steps:
        flow = _grouped(step, flow) if isinstance(step, Grouped) else _each(step, flow)
    return flow


def _each(step: Bound, samples: Iterator[Sample]) -> Iterator[Sample]:
    for sample in samples:
        yield from step.run(sample)


def _grouped(step: Grouped, samples: Iterator[Sample]) -> Iterator[Sample]:
    while group := list(islice(samples, step.size)):
        yield from step.run(group)
