"""`snc data`: which data sets there are, whether they are here, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from snc.build.context import Context
from snc.build.experiment import connect
from snc.build.plan import data_plan, settings_frame
from snc.build.values import Failed
from snc.data import Prepared, prepare
from snc.data.fetch import fetch
from snc.data.files import data_root
from snc.data.known import Known, known, known_as
from snc.diagnostics import DataError, SpecError, did_you_mean, listing
from snc.model.library import choose, load_file, load_text, standard
from snc.model.plan import DataPlan, Pipeline
from snc.model.resolve import Experiment, resolve
from snc.source import Source

Progress = Callable[[str], None]


def listed(root: Path | None) -> list[dict[str, Any]]:
    """What is known of every data set, and whether something of it is below the data root."""
    root = data_root(root)
    read = list(_read_by())
    return [
        {
            "name": entry.name,
            "title": entry.title,
            "about": entry.about,
            "licence": entry.licence,
            "size": entry.size,
            "home": entry.home,
            "place": str((root or Path("DATA_ROOT")) / entry.folder),
            "here": entry.is_at(root),
            "read_by": [name for name, source in read if entry.is_read_by(source)],
        }
        for entry in known().values()
    ]


def fetched(name: str, root: Path | None, say: Progress) -> dict[str, Any]:
    """Fetch a data set of the catalogue into the data root. Raises DataError."""
    entry, where = known_as(name), data_root(root)
    if where is None:
        hint = "say it with `--data-root DIR` or the environment variable SNC_DATA"
        raise DataError("no-data-root", "nothing says where data sets go", "", hint)
    return {"name": name, "places": fetch(entry, where, say)}


def _read_by() -> Iterator[tuple[str, Any]]:
    """The data sets of the library, with the source of their training pipeline."""
    for declared in standard():
        if declared.kind == "dataset":
            yield declared.name, _plan_of_call(declared.name).train.steps[0]


def list_text(rows: list[dict[str, Any]]) -> str:
    """The list for a person: what, where it goes, which data sets of the library read it."""
    lines = []
    for row in rows:
        here = "here" if row["here"] else "not here"
        lines += [
            f"{row['name']:<16} {row['title']}: {row['about']}",
            f"{'':<16} {row['size']}, licence {row['licence']}, {row['home']}",
            f"{'':<16} {row['place']} ({here}); read by {listing(row['read_by'])}",
        ]
    return "\n".join(lines)


def plan_of(name: str) -> DataPlan:
    """The pipelines of a data set: `digits`, `digits(10 steps)`, or the data of `SPEC[:EXPERIMENT]`.

    Raises SpecError, DataError `no-such-data-set`.
    """
    head, colon, experiment = name.rpartition(":")
    path = Path(head if colon else name)
    if path.suffix == ".snc" or path.is_file():
        resolved = resolve(choose(load_file(path), experiment if colon else None))
        plan = _plan(resolved)
        if plan is None:
            raise DataError("no-data", f"`{resolved.name}` names no data", name)
        return plan
    declared = [d.name for d in standard() if d.kind == "dataset"]
    called = re.match(r"\w*", name).group()  # type: ignore[union-attr]
    if called not in declared:
        near = did_you_mean(called, declared) or f"there are {', '.join(sorted(declared))}"
        hint = f"{near}; `SPEC:EXPERIMENT` takes the data of an experiment"
        raise DataError("no-such-data-set", f"the library has no data set `{called}`", "", hint)
    return _plan_of_call(name)


def _plan_of_call(call: str) -> DataPlan:
    text = f"snc 1\n\nexperiment check:\n    data = {call}\n"
    (declared,) = load_text(Source("the command line", text)).experiments()
    plan = _plan(resolve(declared))
    assert plan is not None
    return plan


def _plan(experiment: Experiment) -> DataPlan | None:
    ctx = Context({}, None)
    connect(ctx)
    try:
        plan = data_plan(ctx, experiment, "data", settings_frame(experiment))
    except Failed:
        raise SpecError(ctx.diagnostics) from None
    return plan


def checked(name: str, root: Path | None, say: Progress) -> dict[str, Any]:
    """What is in a data set, prepared: counts, hashes, classes, steps. Raises SncError."""
    plan = plan_of(name)
    parts = {"train": plan.train, "test": plan.test}
    found = {part: _checked(p, root, plan.classes, say) for part, p in parts.items()}
    return {"name": name, "classes": plan.classes, "parts": found}


def _checked(
    pipeline: Pipeline, root: Path | None, classes: int | None, say: Progress
) -> dict[str, Any]:
    data = prepare(pipeline, root, say, dt=1e-3, classes=classes)
    wanted = _whole_count(pipeline)
    lengths = data.lengths
    return {
        "samples": len(data),
        "recordings": data.manifest.available,
        "of": wanted,
        "shape": list(data.shape),
        "classes": data.histogram(),
        "steps": _spread(lengths),
        "active": _active(data),
        "split": data.manifest.split,
        "fingerprint": data.fingerprint,
        "manifest": str(data.manifest_path),
    }


def _spread(lengths: Any) -> dict[str, float]:
    low, middle, high = (float(v) for v in np.percentile(lengths, [0, 50, 100]))
    return {"least": low, "median": middle, "mean": float(lengths.mean()), "most": high}


def _active(data: Prepared) -> float:
    """The share of the input that is not zero, in the first hundred samples without augmentation."""
    some = np.arange(min(len(data), 100))
    shares = [np.count_nonzero(data.batch([int(k)])[0]["input"]) for k in some]
    sizes = [int(data.lengths[k]) * int(np.prod(data.shape)) for k in some]
    return float(sum(shares) / max(sum(sizes), 1))


def _whole_count(pipeline: Pipeline) -> int | None:
    """How many recordings the whole source has, if the catalogue knows it."""
    source = pipeline.steps[0]
    entry: Known | None = next((e for e in known().values() if e.is_read_by(source)), None)
    if entry is None:
        return None
    part = source.get("part")
    return entry.counts.get(str(part)) if part else sum(entry.counts.values()) or None


def check_text(found: dict[str, Any]) -> str:
    """What was found, for a person."""
    lines = [found["name"]]
    for part, about in found["parts"].items():
        steps, counts = about["steps"], about["classes"]
        of = f" of {about['of']:,}" if about["of"] else ""
        few = about["of"] is not None and about["recordings"] < about["of"]
        source = f"{about['recordings']:,}{of} recordings{', incomplete' if few else ''}"
        lines.append(f"  {part:<6} {about['samples']:,} samples from {source}")
        lines.append(
            f"{'':<9}shape {about['shape']}, steps {steps['least']:g} to {steps['most']:g} "
            f"(median {steps['median']:g}), {100 * about['active']:.2f} % of the input not zero"
        )
        if counts:
            shown = ", ".join(f"{k}: {n:,}" for k, n in counts.items())
            lines.append(f"{'':<9}samples of each class: {shown}")
        lines.append(f"{'':<9}split {about['split'][:16]}, content {about['fingerprint'][:16]}")
        lines.append(f"{'':<9}{about['manifest']}")
    return "\n".join(lines)
