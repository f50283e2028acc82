"""`tonic(name, part, ...)`: a data set class of the tonic library, read by tonic's own loader.

tonic looks for `<root>/<ClassName>/`. It wants the archives it downloaded and a minimum number of
files, else it downloads; both tests are replaced here by "the folder exists", so that a part of a
data set is enough and nothing is ever downloaded. Recordings are sorted by path: some of tonic's
loaders give them in the order of the file system. Times are in microseconds, polarities count from
0.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from snc.data.files import remembered
from snc.data.given import Given
from snc.data.known import how_to_fetch
from snc.data.samples import Events, Form, Item, Label, Numbers, Sample, Sensor
from snc.data.sources.source import Files, Source, class_numbers
from snc.diagnostics import DataError, did_you_mean

ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z")


def open_tonic(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: missing-package, no-such-data-set, wrong-argument, no-data."""
    name = given.text("name")
    try:
        library = f"tonic {version('tonic')}"
    except PackageNotFoundError:
        message = "`tonic` needs the package tonic, which is not installed"
        raise given.error("missing-package", message, "pip install tonic") from None
    # Importing tonic takes half a second: what its class says of itself is asked for once.
    about = remembered(f"{library} {name} class", lambda: _about(given))
    sensor = _sensor(about["sensor_size"], about["has_y"])
    options = _options(given, about["parameters"])
    opened: list[Any] = []

    def data_set() -> Any:
        if not opened:
            opened.append(_open(given, root, options))
        return opened[0]

    return Source(
        Form(sensor, sensor.shape),
        lambda: _files(data_set()),
        lambda: _items(data_set(), sensor, given),
        (library,),
    )


def _class(given: Given) -> Any:
    # Late, because it takes half a second.
    sets = importlib.import_module("tonic.datasets")
    base = importlib.import_module("tonic.dataset").Dataset
    known = [n for n, v in vars(sets).items() if inspect.isclass(v) and issubclass(v, base)]
    name = given.text("name")
    if name not in known:
        hint = did_you_mean(name, known) or f"there are {', '.join(sorted(known))}"
        raise given.error("no-such-data-set", f"tonic has no data set `{name}`", hint)
    return getattr(sets, name)


def _about(given: Given) -> dict[str, Any]:
    found = _class(given)
    size = getattr(found, "sensor_size", None)
    names = getattr(getattr(found, "dtype", None), "names", None) or ("y",)
    size = size if isinstance(size, tuple) and len(size) == 3 else None
    parameters = list(inspect.signature(found.__init__).parameters)
    return {
        "sensor_size": None if size is None else [int(n) for n in size],
        "has_y": "y" in names,
        "parameters": parameters,
    }


def _sensor(size: Sequence[int] | None, has_y: bool) -> Sensor:
    width, height, polarities = size or (0, 0, 2)
    return Sensor(width, height if has_y else None, polarities)


def _options(given: Given, parameters: Sequence[str]) -> dict[str, Any]:
    """The arguments of tonic's class: `part` as `train` or `split`, flags by their own name."""
    part = given.optional_text("part")
    options: dict[str, Any] = {}
    if "train" in parameters or "split" in parameters:
        allowed = ("train", "test") if "train" in parameters else ("train", "test", "valid")
        if part not in allowed:
            raise given.wrong("part", " or ".join(f"`{p}`" for p in allowed))
        options = {"train": part == "train"} if "train" in parameters else {"split": part}
    elif part is not None:
        message = f"`{given.text('name')}` has no parts"
        raise given.error("wrong-argument", message, "split it with `per_class` or `random_part`")
    for flag in ("first_saccade_only", "stabilize"):
        if given.step.get(flag) is None:
            continue
        if flag not in parameters:
            message = f"`{given.text('name')}` has no option `{flag}`"
            raise given.error("wrong-argument", message)
        options[flag] = given.flag(flag)
    return options


def _open(given: Given, root: Path | None, options: dict[str, Any]) -> Any:
    """tonic's data set, opened where it is. Raises DataError `no-data`."""
    name = given.text("name")
    if root is None:
        raise given.error(
            "no-data",
            f"nothing says in which folder `{name}` is",
            "say it with `--data-root DIR` or the environment variable SNC_DATA",
        )
    how = _how(given, root)

    def exists(self: Any) -> bool:
        folder = Path(self.location_on_system)
        if not folder.is_dir():
            hint = f"give its folder with `--data-root DIR` or SNC_DATA; {how}"
            raise given.error("no-data", f"there is no folder `{folder}`", hint)
        return True

    def download(self: Any) -> None:
        raise given.error("no-data", f"`{name}` in `{root}` is incomplete", how)

    base = _class(given)
    # tonic looks in a folder called like the class, so ours has the same name.
    local = type(base.__name__, (base,), {"_check_exists": exists, "download": download})
    try:
        found = local(str(root), **options)
        count = len(found)
    except (OSError, KeyError, IndexError, ValueError) as reason:
        raise given.error(
            "no-data", f"`{name}` in `{root}` cannot be opened: {reason}", how
        ) from None
    if not count:
        raise given.error("no-samples", f"there are no recordings in `{root / name}`", how)
    return found


def _how(given: Given, root: Path) -> str:
    """How to fetch a data set."""
    name = given.text("name")
    once = f"from tonic.datasets import {name}; {name}('{root}')"
    return how_to_fetch(given.step) or f'tonic fetches it once with `python -c "{once}"`'


def _paths(data_set: Any) -> list[str] | None:
    """The file of every recording, or None if tonic's class has no such list."""
    data = getattr(data_set, "data", None)
    if data is None or len(data) != len(data_set) or not all(isinstance(p, str) for p in data):
        return None
    return list(data)


def _files(data_set: Any) -> Files:
    base = Path(data_set.location_on_system)
    paths = _paths(data_set)
    if paths is not None:
        return Files(tuple(Path(p) for p in paths), base)
    single = getattr(data_set, "data_filename", None)
    if isinstance(single, str) and (base / single).is_file():
        return Files((base / single,), base)
    below = (p for p in base.rglob("*") if p.is_file() and p.suffix not in ARCHIVES)
    return Files(tuple(sorted(below)), base)


def _items(data_set: Any, sensor: Sensor, given: Given) -> list[Item]:
    count, base = len(data_set), Path(data_set.location_on_system)
    paths = _paths(data_set)
    names = [""] * count if paths is None else [str(Path(p).relative_to(base)) for p in paths]
    order = sorted(range(count), key=lambda k: PurePath(names[k]).parts)
    targets = getattr(data_set, "targets", [])
    place = given.text("name")
    labels = class_numbers(np.array(targets), place) if len(targets) == count else None

    def label(k: int) -> Label | None:
        return int(labels[k]) if labels is not None else _read(data_set, k, place)[1]

    def load(origin: int, k: int) -> Sample:
        where = str(base / names[k]) if names[k] else f"{place}, recording {k}"
        events, target = _read(data_set, k, where)
        known = target if labels is None else int(labels[k])
        return Sample(_events(events, sensor, where), known, where, origin)

    return [
        Item(origin, names[k], partial(label, k), partial(load, origin, k))
        for origin, k in enumerate(order)
    ]


def _read(data_set: Any, index: int, place: str) -> tuple[Any, int | None]:
    """Events and label of a recording. Raises DataError: missing-package, damaged-file."""
    try:
        events, target = data_set[index]
    except ImportError as reason:
        message = f"tonic needs another package for this: {reason}"
        hint = f"pip install {reason.name}" if reason.name else ""
        raise DataError("missing-package", message, place, hint) from None
    except Exception as reason:  # whatever a loader trips over, the file is not what it should be
        message = f"tonic cannot read this recording: {type(reason).__name__}: {reason}"
        raise DataError("damaged-file", message, place) from None
    whole = isinstance(target, int | np.integer)
    return events, int(target) if whole else None


def _events(found: Any, sensor: Sensor, place: str) -> Events:
    """tonic's structured events, sorted by time, with polarities from 0."""
    names = found.dtype.names or ()
    if not {"t", "x"} <= set(names):
        raise DataError("damaged-file", f"events have {names}, not t and x", place)
    time = found["t"].astype(np.int64)
    order = np.argsort(time, kind="stable") if np.any(np.diff(time) < 0) else slice(None)

    def ordered(name: str) -> Numbers | None:
        return found[name].astype(np.int64)[order] if name in names else None

    polarity = ordered("p") if sensor.polarities > 1 else None
    if polarity is not None and len(polarity) and polarity.min() < 0:
        polarity = (polarity > 0).astype(np.int64)
    x = ordered("x")
    assert x is not None
    return Events(
        sensor, time[order], x, ordered("y") if sensor.height is not None else None, polarity
    )
