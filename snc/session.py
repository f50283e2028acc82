"""From the flags of a command to compiled cases and data sets.

This file and `snc/engine/phase.py` are all that training knows of `snc.compile` and `snc.data`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snc.compile import load, sweep, texts_of
from snc.console import split_spec
from snc.diagnostics import DataError
from snc.engine.checkpoint import other_spec
from snc.engine.phase import from_compiled, text_hash
from snc.engine.progress import Watcher
from snc.engine.report import value_text
from snc.engine.run import Case, DataSets, run_cases
from snc.engine.runfolder import RunFolder, begun, open_folder, versions
from snc.engine.train import Options
from snc.model.library import choose, load_file
from snc.model.plan import Pipeline, RunPlan

if TYPE_CHECKING:
    from snc.compile import Compiled


def cases_of(
    spec: str,
    flags: Mapping[str, Any],
    record: Sequence[str] = (),
    planned: Callable[[RunPlan], None] = lambda plan: None,
    fed: Mapping[str, tuple[int, ...]] | None = None,
) -> list[Case]:
    """Compile an experiment: one case, or all of a sweep. Raises SpecError and BackendError.

    Arguments as those of `compiled_cases`.
    """
    return [
        Case(name, tuple(from_compiled(c) for c in compiled))
        for name, compiled in compiled_cases(spec, flags, record, planned, fed)
    ]


def compiled_cases(
    spec: str,
    flags: Mapping[str, Any],
    record: Sequence[str] = (),
    planned: Callable[[RunPlan], None] = lambda plan: None,
    fed: Mapping[str, tuple[int, ...]] | None = None,
) -> Iterator[tuple[str, tuple[Compiled, ...]]]:
    """The name and the phases of each case, compiled when it is asked for. Raises SpecError and BackendError.

    flags: settings, backend, dtype, without, data_root. record: names to record besides. planned: is
    told every plan before it is compiled. fed: the features of the fields of the batch file to be run.
    """
    path, experiment = split_spec(spec)
    for name, settings in sweep(path, experiment, flags["settings"]):
        compiled = load(
            path,
            experiment,
            settings,
            backend=flags["backend"],
            dtype=flags["dtype"],
            without=tuple(flags["without"]),
            record=tuple(record),
            data_root=flags.get("data_root"),
            planned=planned,
            fed=fed,
        )
        yield name, compiled


class PlannedData:
    """The data sets below a folder, of all plans it is told."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.about: dict[Pipeline, tuple[float | None, int | None]] = {}
        self.sets = DataSets(self.ready)

    def plan(self, plan: RunPlan) -> None:
        """Note what a plan says of its data, and prepare it. Raises DataError."""
        for data in (plan.data, plan.test_data):
            if data is not None:
                for pipeline in (data.train, data.test):
                    self.about[pipeline] = (plan.dt, data.classes)
        self.sets.of(plan)

    def ready(self, pipeline: Pipeline) -> Any:
        """Prepare one pipeline."""
        # The data libraries take seconds to import, and a batch file needs none of them.
        from snc.data import prepare

        dt, classes = self.about.get(pipeline, (None, None))
        return prepare(pipeline, self.root, lambda text: None, dt=dt, classes=classes)


def options_of(flags: Mapping[str, Any]) -> Options:
    """How to run, from flags: backend, dtype, epochs, limit_batches."""
    return Options(
        backend=flags["backend"],
        dtype=flags["dtype"],
        epochs=flags.get("epochs"),
        limit=flags.get("limit_batches"),
        versions=versions(),
    )


class Interrupted(Exception):  # noqa: N818 (not a mistake: somebody stopped the run)
    """A run was stopped by hand; `folder` is what can be resumed, if it got so far."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("stopped")
        self.folder = folder


# What a run that is gone on with takes from its beginning, unless it is given anew.
BEGUN = ("settings", "backend", "dtype", "without", "epochs", "limit_batches", "seed")


def as_begun(spec: str, flags: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """The flags of a run that is gone on with: those it was begun with, and what is given anew.

    Raises DataError if another seed, precision or limit is given than the run has.
    """
    folder = open_folder(_name_of(spec) if flags["out"] is None else "", flags["out"], True)
    about = begun(folder)
    known = about.get("seed")
    if "seed" in given and "seed" in about and flags["seed"] != known:
        which = "the seeds of the spec" if known is None else f"the seed {known}"
        raise DataError(
            "other-settings",
            f"the run in this folder has {which}, not --seed {flags['seed']}",
            place=str(folder.path),
            help="leave --seed away to go on with it, or train into a new folder with --out",
        )
    for name, flag in (("dtype", "--dtype"), ("limit_batches", "--limit-batches")):
        if name in given and about.get(name, flags[name]) != flags[name]:
            raise DataError(
                "other-settings",
                f"the run in this folder was begun with {flag} {about[name]}, not {flags[name]}",
                place=str(folder.path),
                help=f"leave {flag} away to go on with it, or train into a new folder with --out",
            )
    old = {name: about[name] for name in BEGUN if name in about and name not in given}
    return {**flags, **old, "out": folder.path}


def _refuse_other_spec(spec: str, flags: Mapping[str, Any]) -> None:
    """Raise DataError, before anything is compiled, if a folder's run is of another spec."""
    path, experiment = split_spec(spec)
    folder = RunFolder(flags["out"])
    for name, settings in sweep(path, experiment, flags["settings"]):
        inside = RunFolder(folder.case_path(name)) if name else folder
        known = begun(inside).get("spec_hash")
        if known not in (None, text_hash(texts_of(path, experiment, settings))):
            raise other_spec(inside.path)


def _address(spec: str) -> str:
    """SPEC or SPEC:EXPERIMENT that means the same in any folder."""
    path, experiment = split_spec(spec)
    return f"{path.resolve()}{f':{experiment}' if experiment else ''}"


def _name_of(spec: str) -> str:
    path, experiment = split_spec(spec)
    return choose(load_file(path), experiment).name


def run_training(
    spec: str, flags: Mapping[str, Any], watch: Watcher, given: Collection[str] = ()
) -> dict[str, Any]:
    """Train every case and trial of an experiment into a run folder; the outcome. Raises SncError, Interrupted.

    flags: those of `snc train`, and `trials`, at most so many of them; `given` names those that do
    not have their defaults.
    """
    folder = None
    try:
        if flags["resume"]:
            flags = as_begun(spec, flags, given)
            _refuse_other_spec(spec, flags)
        data = PlannedData(flags["data_root"])
        cases = cases_of(spec, flags, planned=data.plan)
        flags = {**flags, "dtype": cases[0].phases[0].dtype}
        for case in cases:  # mistakes in the data show before a folder is made
            for phase in case.phases:
                data.plan(phase.plan)
        folder = open_folder(cases[0].phases[-1].experiment, flags["out"], flags["resume"])
        about = {
            "spec": _address(spec),
            **{name: flags[name] for name in BEGUN},
        }
        seeds = () if flags["seed"] is None else (flags["seed"],)
        more: Any = {"seeds": seeds, "trials": flags.get("trials"), "about": about}
        return run_cases(cases, data.sets, folder, options_of(flags), watch, **more)
    except KeyboardInterrupt:
        raise Interrupted(folder.path if folder else None) from None
    finally:
        watch.close()


def last_line(outcome: Mapping[str, Any]) -> str:
    """`accuracy 78.24 %, loss 0.61, 200 epochs, 3621.5 s (compiled in 4.1 s): runs/mine-1`."""
    parts = [f"best case {outcome['case']}"] if "case" in outcome else []
    for name in ("accuracy", "loss"):
        if outcome.get(name) is not None:
            parts.append(f"{name} {value_text(name, outcome[name], outcome.get(f'{name}_spread'))}")
    if "epochs" in outcome:
        parts.append(f"{outcome['epochs']} epoch{'s' if outcome['epochs'] != 1 else ''}")
    parts.append(f"{outcome['seconds']:.1f} s (compiled in {outcome['seconds_compile']:.1f} s)")
    return f"{', '.join(parts)}: {outcome['out']}"
