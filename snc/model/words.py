"""The words of data pipelines: their arguments, defaults and kinds.

source     opens files and gives recordings (events) or frames
events     a step on recordings
frames     a step on frames [T, ...features], or on an image, which is one frame
selection  leaves samples out, repeats them or puts them into another order
drawn      an augmentation: drawn anew for every sample and epoch, in training only
"""

from __future__ import annotations

from snc.model.word import Argument, Word, may, need

__all__ = ["WORDS", "Argument", "Word"]

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
    Word(
        "cifar_batches",
        "source",
        "images of 10 or 100 classes in batches as Python wrote them",
        (need("classes"), need("part", "train", "test")),
    ),
    Word(
        "speech_commands",
        "source",
        "spoken words, one second of sound each, in a folder for each word",
        (may("version", 2), may("unknown", False), may("folder")),
    ),
    Word(
        "mvsec_files",
        "source",
        "events between the grey images of a moving camera, and the optical flow",
        (may("start", 0), may("stop")),
        variadic=True,
        fields=("grey_first", "grey_second", "flow", "valid"),
    ),
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
    Word(
        "on_sensor",
        "events",
        "places recordings of different sizes on one sensor, at its top left",
        (need("size"),),
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
    Word(
        "wrap_uint8",
        "frames",
        "values modulo 256, as a loader gives that stores them as bytes",
        (may("times", 1),),
    ),
    Word("centre_pad", "frames", "brings sounds to one length, zeros on both sides", (need("n"),)),
    Word("divide_by_peak", "frames", "divides by the largest magnitude of the sample"),
    Word(
        "mel",
        "frames",
        "the power of a sound in n bands of the mel scale, a frame every `hop`",
        (
            need("n"),
            need("window"),
            need("hop"),
            need("low"),
            need("high"),
            may("power", 2),
        ),
    ),
    Word("log1p_of_share", "frames", "log(1 + x / the largest value of the sample)"),
    Word(
        "deltas",
        "frames",
        "adds the slopes over time up to this order as further features",
        (need("orders"),),
    ),
    Word(
        "divide_by_deviation",
        "frames",
        "divides every feature by its deviation over the time, or over a batch and the time",
        (need("over", "time", "batch"), may("batch")),
    ),
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
    Word("official", "selection", "keeps a part of the published split", (need("part", *PART),)),
    Word("only", "selection", "keeps one speaker", (need("speaker"),)),
    Word("without", "selection", "leaves one speaker out", (need("speaker"),)),
    Word(
        "whole_batches",
        "selection",
        "leaves out the final samples that do not fill a batch",
        (need("size"),),
    ),
    Word(
        "balance",
        "selection",
        "draws as many samples as there are, with replacement, every class equally often",
        (may("seed", 0),),
    ),
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
    Word("random_rotation", "drawn", "turns by a random angle", (need("degrees"),)),
    Word(
        "random_resized_crop",
        "drawn",
        "cuts out a random share of the area and resizes it",
        (need("size"), need("scale"), may("ratio", (3 / 4, 4 / 3))),
    ),
    Word(
        "cutout",
        "drawn",
        "covers a random rectangle with a chance of p",
        (need("p"), need("area"), need("aspect"), may("fill", "zero", "red", "zero")),
    ),
)


WORDS: dict[str, Word] = {w.name: w for w in (*_SOURCES, *_EVENTS, *_FRAMES, *_SELECTIONS, *_DRAWN)}
"""All words by name."""
