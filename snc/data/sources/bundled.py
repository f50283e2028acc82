"""`sklearn(name)`: the data sets that scikit-learn ships, `sklearn.datasets.load_<name>`.

Samples are images [height, width] where the set has images, else rows [features]; labels are the
target. Sets that would be downloaded (`fetch_...`) or have real targets are refused.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from snc.data.files import remembered
from snc.data.given import Given
from snc.data.samples import Form, Frames, Item, Sample
from snc.data.sources.source import Files, Source, class_numbers
from snc.diagnostics import did_you_mean


def open_sklearn(given: Given, root: Path | None) -> Source:
    """The source. Raises DataError: missing-package, no-such-data-set, wrong-dtype."""
    name = given.text("name")
    try:
        library = f"scikit-learn {version('scikit-learn')}"
    except PackageNotFoundError:
        message = "`sklearn` needs scikit-learn, which is not installed"
        raise given.error("missing-package", message, "pip install scikit-learn") from None
    # Importing scikit-learn takes more than a second: the shape is asked for once.
    shape = tuple(remembered(f"{library} {name} shape", lambda: list(_read(given)[0].shape[1:])))

    def items() -> list[Item]:
        values, target = _read(given)
        labels = class_numbers(target, name)

        def label(k: int) -> int:
            return int(labels[k])

        def load(k: int) -> Sample:
            return Sample(Frames(values[k : k + 1]), label(k), f"{name}, sample {k}", k)

        return [Item(k, "", partial(label, k), partial(load, k)) for k in range(len(values))]

    form = Form(None, shape, image=True)
    return Source(form, lambda: Files((), Path()), items, (library,))


def _read(given: Given) -> tuple[Any, Any]:
    """Values [N, ...] and targets [N]."""
    # Late, because it takes more than a second.
    import sklearn.datasets as sets

    known = {n.removeprefix("load_"): n for n in dir(sets) if n.startswith("load_")}
    name = given.text("name")
    bunch = getattr(sets, known[name])() if name in known and _classifies(name) else None
    if bunch is None:
        wanted = sorted(filter(_classifies, known))
        hint = did_you_mean(name, wanted) or f"there are {', '.join(wanted)}"
        raise given.error(
            "no-such-data-set", f"scikit-learn ships no data set `{name}` with classes", hint
        )
    values = bunch["images"] if "images" in bunch else bunch["data"]
    return np.asarray(values), np.asarray(bunch["target"])


def _classifies(name: str) -> bool:
    """Whether the set has classes; the others need arguments or have real targets."""
    others = {"diabetes", "linnerud", "files", "sample_image", "sample_images"}
    return name not in others and not name.startswith("svmlight")
