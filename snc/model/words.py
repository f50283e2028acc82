"""The words of data pipelines: their arguments, defaults and kinds; what is not done yet says so.

source     opens files and gives recordings (events) or frames
events     a step on recordings
frames     a step on frames [T, ...features], or on an image, which is one frame
selection  leaves samples out or puts them into another order
drawn      an augmentation: drawn anew for every sample and epoch, in training only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snc.model.plan import DataArgument

Kind = Literal["source", "events", "frames", "selection", "drawn"]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a word; `options` are the bare words it takes, if it takes any."""

    name: str
    needed: bool = True
    default: DataArgument = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the data language. A step's first argument (`x`, what comes before) is not listed.

    `done` is False for a word of the language that this version cannot run. A `variadic` word takes
    further positional arguments, which arrive as the tuple `rest`.
    """

    name: str
    kind: Kind
    summary: str
    arguments: tuple[Argument, ...] = ()
    done: bool = True
    variadic: bool = False

    def argument(self, name: str) -> Argument | None:
        """The argument called `name`, or None."""
        return next((a for a in self.arguments if a.name == name), None)


def need(name: str, *options: str) -> Argument:
    """An argument that must be given."""
    return Argument(name, True, None, options)


def may(name: str, default: DataArgument = None, *options: str) -> Argument:
    """An argument that may be left out."""
    return Argument(name, False, default, options)


PART = ("train", "test", "valid")
INCOMPLETE = may("incomplete", "keep", "keep", "drop")
SHARE = (may("first", None, "all"), may("final", None, "all"))

_SOURCES = (
    Word(
        "tonic",
        "source",
        "a data set class of the tonic library, read from disk by tonic's own loader",
        (
            need("name"),
            may("part", None, *PART),
            may("first_saccade_only", False),
            may("stabilize", False),
        ),
    ),
    Word(
        "hdf5",
        "source",
        "your own frames or events in an HDF5 file",
        (
            need("file"),
            may("part", None, *PART),
            may("events"),
            may("input", "input"),
            may("label", "label"),
            may("mask"),
            may("length"),
            may("static", False),
        ),
    ),
    Word(
        "npz",
        "source",
        "your own frames or images in a NumPy .npz file",
        (
            need("file"),
            may("input", "input"),
            may("label", "label"),
            may("mask"),
            may("length"),
            may("static", False),
        ),
    ),
    Word(
        "idx",
        "source",
        "images in four idx files, `train-images-idx3-ubyte.gz` and so on",
        (need("name"), need("part", "train", "test")),
    ),
    Word("sklearn", "source", "a data set that scikit-learn ships, e.g. `digits`", (need("name"),)),
)

_EVENTS = (
    Word(
        "slices",
        "events",
        "cuts every recording into samples of equal duration",
        (need("duration"), INCOMPLETE),
    ),
    Word(
        "frames",
        "events",
        "counts events in windows of equal length",
        (need("window"), may("duration"), INCOMPLETE),
    ),
    Word("time_bins", "events", "counts events in n windows of equal length", (need("n"),)),
    Word(
        "frames_by_count",
        "events",
        "counts events in n frames of equally many events",
        (need("n"), may("remainder", "final", "final", "drop")),
    ),
)

_FRAMES = (
    Word("flatten", "frames", "all features in one row"),
    Word("first", "frames", "keeps the first n steps", (need("n", "all"),)),
    Word("divide", "frames", "divides by a number", (need("by"),)),
    Word("round", "frames", "rounds to the nearest whole number, halves to even"),
    Word("repeat", "frames", "shows an image at every step", (need("duration"),)),
    Word(
        "normalise",
        "frames",
        "subtracts a mean and divides by a deviation, one number or one per channel",
        (need("mean"), need("deviation")),
    ),
    Word(
        "resize",
        "frames",
        "resizes by bilinear interpolation",
        (
            need("size"),
            may("antialias", False),
            may("premultiplied", False),
            may("align_corners", False),
        ),
    ),
    Word("centre_crop", "frames", "keeps the middle", (need("size"),)),
    Word(
        "channels_first", "frames", "turns [height, width, channel] into [channel, height, width]"
    ),
    Word("wrap_uint8", "frames", "counts modulo 256, as a loader does that stores them as bytes"),
    Word(
        "rate_events",
        "frames",
        "turns intensities in [0, 1] into regular events, at most `peak` per step",
        (need("duration"), may("peak", 1)),
    ),
    Word(
        "poisson_events",
        "frames",
        "turns intensities in [0, 1] into random events, drawn once, with chance `peak` per step",
        (need("duration"), may("peak", 1), may("seed", 0)),
    ),
)

_SELECTIONS = (
    Word("sort_by_path", "selection", "orders recordings by the path of their file"),
    Word(
        "per_class",
        "selection",
        "keeps the first or final samples of every class",
        (*SHARE, may("short", None, "keep", "drop")),
    ),
    Word(
        "random_part",
        "selection",
        "keeps the first or final part of a random order",
        (*SHARE, may("seed", 0)),
    ),
    Word("shuffle", "selection", "puts the samples into a random order", (may("seed", 0),)),
)

_DRAWN = (
    Word(
        "random_crop",
        "drawn",
        "pads with zeros and cuts out a square at random",
        (need("size"), may("padding", 0)),
    ),
    Word(
        "random_flip",
        "drawn",
        "mirrors half of the samples",
        (may("direction", "horizontal", "horizontal", "vertical"),),
    ),
)


def _later(kind: Kind, name: str, *arguments: Argument, variadic: bool = False) -> Word:
    return Word(name, kind, "not done yet", arguments, done=False, variadic=variadic)


_LATER = (
    _later("source", "cifar_batches", need("classes"), may("part", None, "train", "test")),
    _later("source", "speech_commands", may("version"), may("unknown")),
    _later("source", "mvsec_files", may("start"), may("stop"), variadic=True),
    _later("selection", "official", need("part", *PART)),
    _later("selection", "only", need("speaker")),
    _later("selection", "without", need("speaker")),
    _later("selection", "balance", may("seed", 0)),
    _later("drawn", "random_rotation", need("degrees")),
    _later("drawn", "random_resized_crop", need("size"), need("scale")),
    _later("drawn", "cutout", need("p"), need("area"), need("aspect"), need("fill", "red", "zero")),
    _later("frames", "centre_pad", need("n")),
    _later("frames", "divide_by_peak"),
    _later(
        "frames",
        "mel",
        need("n"),
        need("window"),
        need("hop"),
        need("low"),
        need("high"),
        may("power", 2),
    ),
    _later("frames", "log1p_of_share"),
    _later("frames", "deltas", need("orders")),
    _later(
        "frames",
        "divide_by_deviation",
        need("over", "time", "batch", "sample", "channel"),
        may("batch"),
    ),
)

WORDS: dict[str, Word] = {
    w.name: w for w in (*_SOURCES, *_EVENTS, *_FRAMES, *_SELECTIONS, *_DRAWN, *_LATER)
}
"""All words by name."""
