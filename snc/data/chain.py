"""A pipeline as a chain of steps, with all checked that can be known before data is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from snc.data.augment import AUGMENTATIONS
from snc.data.events import EVENT_STEPS
from snc.data.files import data_root
from snc.data.frames import FRAME_STEPS
from snc.data.given import Given
from snc.data.samples import Bound, Drawn, Form, Grouped
from snc.data.sources import SOURCES
from snc.data.sources.source import Source
from snc.diagnostics import DataError
from snc.model.plan import Pipeline


@dataclass(frozen=True)
class Link:
    """A step after the source; `bound` is None for a selection. `name` is its random stream."""

    given: Given
    bound: Bound | Grouped | Drawn | None
    name: str


@dataclass(frozen=True)
class Chain:
    """A source, the steps that are done once, those done for every batch, and what comes out.

    The second part begins with the first augmentation.
    """

    source: Source
    once: tuple[Link, ...]
    anew: tuple[Link, ...]
    form: Form

    @property
    def versions(self) -> tuple[str, ...]:
        """The libraries that read and prepare, with their versions."""
        steps = [v for x in self.once if isinstance(x.bound, Bound) for v in x.bound.versions]
        return tuple(dict.fromkeys([*self.source.versions, *steps]))


def chain_of(pipeline: Pipeline, root: Path | None, clock: float | None) -> Chain:
    """The chain of a pipeline. `clock` is the experiment's step length in seconds, if known.

    Raises DataError: no-source, unknown-word, wrong-order, no-frames, unknown-shape, what
    is wrong with arguments, and what a source says of its files.
    """
    if not pipeline.steps:
        raise DataError("no-source", "the pipeline is empty", help="it begins with a source")
    given = [Given.of(step) for step in pipeline.steps]
    if given[0].word.kind != "source":
        raise given[0].error("no-source", f"`{given[0].step.word}` needs a source before it")
    source = SOURCES[given[0].step.word](given[0], data_root(root))
    form = replace(source.form, clock=clock)
    links: list[Link] = []
    for position, each in enumerate(given[1:], start=1):
        bound = _bind(each, form, any(isinstance(x.bound, Drawn) for x in links))
        links.append(Link(each, bound, f"data/{position}/{each.step.word}"))
        form = form if bound is None else bound.form
    _check_end(given[-1], form)
    drawn = [k for k, link in enumerate(links) if isinstance(link.bound, Drawn)]
    cut = drawn[0] if drawn else len(links)
    return Chain(source, tuple(links[:cut]), tuple(links[cut:]), form)


def _bind(given: Given, form: Form, augmented: bool) -> Bound | Grouped | Drawn | None:
    word = given.step.word
    match given.word.kind:
        case "source":
            raise given.error("wrong-order", f"`{word}` is a source; a pipeline begins with one")
        case "selection":
            if augmented:
                raise given.error("wrong-order", f"`{word}` goes before the augmentations")
            return None
        case "events":
            if form.sensor is None:
                hint = "steps on recordings go before the one that makes frames"
                raise given.error("wrong-order", f"`{word}` takes events, these are frames", hint)
            return EVENT_STEPS[word](given, form)
    if form.sensor is not None:
        hint = "`frames(window = 10 ms)` turns events into frames"
        raise given.error("wrong-order", f"`{word}` takes frames, these are events", hint)
    if word in AUGMENTATIONS:
        return AUGMENTATIONS[word](given, form)
    bound = FRAME_STEPS[word](given, form)
    if isinstance(bound, Grouped) and augmented:
        raise given.error("wrong-order", f"`{word}` goes before the augmentations")
    return bound


def _check_end(given: Given, form: Form) -> None:
    if form.sensor is not None:
        hint = "`frames(window = 10 ms)` turns events into frames"
        raise given.error("no-frames", "the pipeline ends with events", hint)
    if None in form.shape:
        hint = "recordings differ in size: resize them, `resize(32)`"
        raise given.error("unknown-shape", "the size of the frames is not known", hint)
