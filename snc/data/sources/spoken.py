"""`speech_commands(version, unknown, folder)`: spoken words, a folder of wav files for each word.

The folder is `speech_commands_v0.01` or `_v0.02` at the data root or one below, or the one named.
In it: `<word>/<speaker>_nohash_<number>.wav`, 16 kHz, one channel, and the published split,
`validation_list.txt` and `testing_list.txt`, with a path per line; training is the rest. Classes are
the 30 (version 1) or 35 words in alphabetical order, whichever are there; with `unknown` there is
one more for recordings of any other word (the published folders have none). Folders that begin
with `_`, such as that of the background noise, are no words. Samples are sounds [T] in [-1, 1) as
float32; `official`, `only` and `without` know their `part` and `speaker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path

import numpy as np

from snc.data.given import Given
from snc.data.samples import Form, Frames, Item, Sample
from snc.data.sources.source import Files, Source, find_folder
from snc.diagnostics import DataError

RATE = 16_000
FIRST = (
    "bed bird cat dog down eight five four go happy house left marvin nine no off on one right "
    "seven sheila six stop three tree two up wow yes zero"
).split()
WORDS = {1: FIRST, 2: sorted([*FIRST, "backward", "follow", "forward", "learn", "visual"])}
LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}


def open_spoken(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: no-data, damaged-file, wrong-argument."""
    version = given.whole("version")
    if version not in WORDS:
        raise given.wrong("version", "1 or 2")
    words, unknown = WORDS[version], given.flag("unknown")
    pattern = given.optional_text("folder") or f"speech_commands_v0.0{version}"

    def folder() -> Path:
        return find_folder(given, root, pattern)

    def items() -> list[Item]:
        base = folder()
        parts = {line: part for part in LISTS for line in _listed(given, base, part)}
        made: list[Item] = []
        for path in _recordings(given, base):
            label = words.index(path.parent.name) if path.parent.name in words else len(words)
            if label == len(words) and not unknown:
                continue
            name = path.relative_to(base).as_posix()
            traits = {"speaker": path.stem.split("_")[0], "part": parts.get(name, "train")}
            load = partial(_sound, path, label, len(made))
            made.append(Item(len(made), name, partial(int, label), load, traits))
        return made

    def files() -> Files:
        base = folder()
        lists = [base / name for name in LISTS.values()]
        return Files((*(p for p in lists if p.is_file()), *_recordings(given, base)), base)

    form = Form(None, (), dt=1 / RATE)
    return Source(form, files, items, (f"scipy {version_of('scipy')}",))


def _recordings(given: Given, base: Path) -> Sequence[Path]:
    found = sorted(p for p in base.glob("*/*.wav") if not p.parent.name.startswith("_"))
    if not found:
        raise given.error("no-data", f"there are no recordings `<word>/*.wav` in `{base}`")
    return found


def _listed(given: Given, base: Path, part: str) -> list[str]:
    path = base / LISTS[part]
    if not path.is_file():
        hint = "it comes with the recordings and says which of them are for testing"
        raise given.error("no-data", f"there is no `{path.name}` in `{base}`", hint)
    return path.read_text(encoding="utf-8").split()


def _sound(path: Path, label: int, origin: int) -> Sample:
    """A recording [T]. Raises DataError `damaged-file`."""
    # Late, as every library that only some data needs.
    from scipy.io import wavfile

    try:
        rate, values = wavfile.read(path)
    except Exception as reason:  # whatever the reader trips over, the file is not what it should be
        raise DataError("damaged-file", f"this is no wav file: {reason}", str(path)) from None
    if rate != RATE or values.ndim != 1 or values.dtype != np.int16:
        message = (
            f"this is sound of {values.dtype} at {rate} Hz, not 16 bits of one channel at {RATE} Hz"
        )
        raise DataError("damaged-file", message, str(path))
    return Sample(Frames(values.astype(np.float32) / 2**15), label, str(path), origin)
