"""`snc reproduce`: trains rows of published tables, one after another, and says honestly how they compare.

A row is one experiment or one case of it (`snc/model/rows.py`). Every run has its folder, so that what was
stopped goes on and what is done is not done again: OUT/COLLECTION/ROW/CASE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snc.comparison import Compared, Run, compared
from snc.compile import sweep
from snc.diagnostics import DataError, SncError, SpecError, did_you_mean, listing
from snc.engine.progress import Watcher
from snc.engine.runfolder import RunFolder
from snc.model.library import choose, load_file
from snc.model.resolve import Experiment, phases_of, resolve
from snc.model.rows import Row, rows
from snc.model.text import experiment_text
from snc.session import run_training

SMALL = {"train.batch": "2", "train.test_batch": "2"}
"""What made-up data sets are run with: they hold a few samples only."""
BRIEF = ("epochs", "trials")
"""Of what one is enough on made-up data, unless it is asked for."""
ANEW = ("settings", "epochs")
"""What a run may be given anew when it goes on; all else has a folder of its own."""


# What to run ----------------------------------------------------------------------------------------------


def chosen_rows(names: Sequence[str], collection: str | None) -> list[Row]:
    """The rows asked for, in the order of the specs: all of a collection if none is named.

    Raises DataError if there is no such row or collection, or if a name could mean several rows.
    """
    known = rows()
    collections = list(dict.fromkeys(r.collection for r in known))
    if collection is not None and collection not in collections:
        raise DataError(
            "unknown-collection",
            f"no rows of published tables are in specs/{collection}",
            help=did_you_mean(collection, collections) or f"there are {listing(collections)}",
        )
    within = [r for r in known if collection in (None, r.collection)]
    if not names:
        return list(within)
    return [r for r in within if r in [_named(name, within) for name in names]]


def _named(name: str, known: Sequence[Row]) -> Row:
    found = [r for r in known if r.name.lower() == name.lower()]
    if len(found) > 1:
        places = listing([r.collection for r in found])
        raise DataError("which-row", f"`{name}` is a row of {places}; say which with --paper")
    if not found:
        hint = did_you_mean(name, [r.name for r in known])
        raise DataError(
            "unknown-row",
            f"no row is called `{name}`",
            help=hint or "`snc list experiments --markdown` lists the rows",
        )
    return found[0]


def runs_of(row: Row) -> Iterator[Run]:
    """The runs of a row: one, or one for each case of its sweep. Raises SpecError."""
    given = dict(row.case)
    for name, settings in sweep(row.path, row.experiment, given):
        case = name or ", ".join(f"{k}={v}" for k, v in given.items())
        yield Run(row, case, settings, len(phases_of(resolved(row, settings))))


def resolved(row: Row, settings: Mapping[str, str]) -> Experiment:
    """The experiment of a row with its settings. Raises SpecError."""
    return resolve(choose(load_file(row.path), row.experiment), settings)


# Running --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class How:
    """How to run: the flags of the command. `fixtures`: on made-up data below `out`."""

    out: Path
    flags: Mapping[str, Any]
    fixtures: bool = False

    @property
    def partly(self) -> list[str]:
        """What a run is cut down to, beside its epochs."""
        limit = self.flags.get("limit_batches")
        found = [] if limit is None else [f"{limit} batch{'es' * (limit != 1)} of each"]
        return [*found, "made-up data"] if self.fixtures else found

    @property
    def more(self) -> dict[str, str]:
        """Settings beside those of the row."""
        return dict(SMALL) if self.fixtures else {}

    def folder(self, run: Run) -> Path:
        """The folder of a run; runs that cannot go on from each other have folders of their own.

        Of several phases the first is over once the second has begun, so it cannot be made longer.
        """
        parts = ["made-up data"] if self.fixtures else []
        if (epochs := self.flags.get("epochs")) is not None and run.phases > 1:
            parts.append(f"{epochs} epochs")
        if (limit := self.flags.get("limit_batches")) is not None:
            parts.append(f"{limit} batches")
        if (seed := self.flags.get("seed")) is not None:
            parts.append(f"seed {seed}")
        for name, usual in (("backend", "cpu"), ("dtype", "float32")):
            if self.flags[name] not in (usual, None):
                parts.append(self.flags[name])
        root = self.out / (", ".join(parts) or "whole").replace(" ", "-")
        row = RunFolder(root / run.row.collection / run.row.name)
        return row.case_path(run.case) if run.case else row.path


def reproduce(
    wanted: Sequence[Row], how: How, watch: Watcher, tell: Callable[[Compared], None]
) -> list[Compared]:
    """Run rows one after another; `tell` hears of each as soon as it is done.

    What a user can mend in one row does not keep the others from running. Raises Interrupted.
    """
    if how.fixtures:
        brief = {name: 1 for name in BRIEF if how.flags.get(name) is None}
        how = replace(how, flags={**how.flags, **brief})
    flags = dict(how.flags)
    if how.fixtures:
        from snc.data.fixtures import write_fixtures

        flags["data_root"] = how.out / "data"
        write_fixtures(flags["data_root"])
    found = []
    for row in wanted:
        for run in runs_of(row):
            watch.say(f"{run.title}  {row.spec}")
            found.append(_run(run, how, flags, watch))
            tell(found[-1])
    return found


def _run(run: Run, how: How, flags: Mapping[str, Any], watch: Watcher) -> Compared:
    folder = how.folder(run)
    outcome = _finished(run, how, folder)
    if outcome is None:
        going = (folder / "run.json").exists()
        settings = {**run.settings, **how.more}
        try:
            here = {**flags, "settings": settings, "out": folder, "resume": going}
            outcome = run_training(run.spec, here, watch, given=ANEW)
        except SncError as error:
            status, reason = _why_not(error)
            return Compared(run, status, reason=reason)
    return compared(run, outcome, how.partly)


def _finished(run: Run, how: How, folder: Path) -> dict[str, Any] | None:
    """The result in a run's folder, if it is that of this text and of as much as is asked for now."""
    result, spec = folder / "result.json", folder / "spec.snc"
    if not (result.exists() and spec.exists()):
        return None
    if spec.read_text(encoding="utf-8") != resolved_text(run, how.more):
        return None
    outcome: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    last = outcome["phases"][-1]
    asked = how.flags.get("epochs")
    epochs = last["epochs"] if asked is None else asked
    done = last["epochs_done"] >= min(epochs, last["epochs"]) if last["epochs"] else True
    return outcome if done and set(_seeds(last, how.flags)) <= set(outcome["seeds"]) else None


def resolved_text(run: Run, more: Mapping[str, str]) -> str:
    """The resolved spec of a run, as its folder keeps it."""
    phases = phases_of(resolved(run.row, {**run.settings, **more}))
    return "\n".join(dict.fromkeys(experiment_text(p) for p in phases))


def _seeds(phase: Mapping[str, Any], flags: Mapping[str, Any]) -> list[int]:
    """The seeds that are asked for."""
    if flags.get("seed") is not None:
        return [flags["seed"]]
    return list(phase["seeds_asked"])[: flags.get("trials")]


def _why_not(error: SncError) -> tuple[str, str]:
    """The status of what did not run, and why in one line."""
    if isinstance(error, DataError):
        status = "no data" if error.code == "no-data" else "failed"
        return status, f"{error.code}: {error}" if status == "failed" else str(error)
    if isinstance(error, SpecError):
        first = error.diagnostics[0]
        if all(d.code == "not-yet" for d in error.diagnostics):
            return "not yet", first.message
        return "failed", f"{first.span}: {first.code}: {first.message}"
    return "failed", str(error)
