"""A whole run: every case of a sweep, every trial, and the files that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from snc.diagnostics import DataError
from snc.engine import checkpoint, curve
from snc.engine.batches import Prepare, Samples
from snc.engine.evaluate import evaluate
from snc.engine.phase import Phase, program_hash, spec_hash
from snc.engine.progress import Watcher, numbers_text
from snc.engine.report import comparison_line, peak_memory, result, summarise
from snc.engine.runfolder import RunFolder, command_line, read_run
from snc.engine.standing import EpochRecord, Standing
from snc.engine.train import Options, PhaseData, identify, refuse_other_store, train
from snc.model.plan import DataPlan, Pipeline, RunPlan


@dataclass(frozen=True)
class Case:
    """One run of a sweep, named by its values (`alpha_post=0`); "" if there is no sweep."""

    name: str
    phases: tuple[Phase, ...]


@dataclass
class DataSets:
    """Prepares every pipeline once and counts the time that takes."""

    prepare: Prepare
    seconds: float = 0.0
    ready: dict[Pipeline, Samples] = field(default_factory=dict)

    def get(self, pipeline: Pipeline) -> Samples:
        """The prepared data set of a pipeline."""
        if pipeline not in self.ready:
            start = perf_counter()
            self.ready[pipeline] = self.prepare(pipeline)
            self.seconds += perf_counter() - start
        return self.ready[pipeline]

    def of(self, plan: RunPlan) -> PhaseData:
        """Training and test data of a phase. Raises DataError if the experiment names none."""
        data: DataPlan | None = plan.data
        if data is None:
            raise DataError(
                "no-data",
                f"`{plan.name}` names no data to train on",
                place=plan.name,
                help="add `data = ...` to the experiment, or give `snc run` or `snc bench` a batch file",
            )
        return PhaseData(self.get(data.train), self.get((plan.test_data or data).test))


def run_cases(
    cases: Sequence[Case],
    data: DataSets,
    folder: RunFolder,
    options: Options,
    watch: Watcher,
    *,
    seeds: tuple[int, ...] = (),
    trials: int | None = None,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train all cases and write their folders; returns the result that `result.json` holds.

    seeds: instead of the spec's. trials: at most so many. about: what `run.json` notes besides
    (settings, spec file).
    """
    about = about or {}
    more: Any = {"seeds": seeds, "trials": trials, "about": about}
    if len(cases) == 1 and not cases[0].name:
        return run_case(cases[0], data, folder, options, watch, **more)
    if not (folder.path / "run.json").exists():
        folder.write_json("run.json", {**about, "cases": [c.name for c in cases]})
    results = {}
    for case in cases:
        watch.say(case.name)
        inside = folder.case(case.name)
        results[case.name] = run_case(case, data, inside, options, watch, **more)
    total = {**sweep_result(results), "out": str(folder.path)}
    folder.write_json("result.json", total)
    return total


def run_case(
    case: Case,
    data: DataSets,
    folder: RunFolder,
    options: Options,
    watch: Watcher,
    *,
    seeds: tuple[int, ...],
    trials: int | None,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Train all trials of one case. What is already done in the folder is not done again."""
    phases = case.phases
    seeds = (seeds or phases[-1].plan.trial_seeds())[:trials]
    sets = [data.of(phase.plan) for phase in phases]
    _begin(folder, case, sets, seeds, options, about)
    folder.rewrite_log(_known(folder, phases, sets, seeds, options, watch))
    standings = {}
    for number, seed in enumerate(seeds, start=1):
        watch.start_trial(seed, number, len(seeds))
        path, log = folder.checkpoint(seed), partial(folder.log, seed)
        standings[seed] = train(phases, sets, seed, options, path, watch, log)
    return _finish(folder, phases, standings, data.seconds)


def evaluate_run(
    folder: RunFolder, phases: tuple[Phase, ...], data: DataSets, options: Options, watch: Watcher
) -> dict[str, Any]:
    """Evaluate the last phase's network as every trial's checkpoint has it, on the test data.

    Raises DataError if there is no checkpoint or it belongs to another spec or other data.
    """
    sets = [data.of(phase.plan) for phase in phases]
    paths = sorted(folder.path.glob("trial-*/checkpoint.h5"))
    if not paths:
        raise DataError("no-checkpoint", "this run has no checkpoint yet", place=str(folder.path))
    for seed in read_run(folder.path).get("seeds", ()):
        if not folder.has_checkpoint(seed):
            watch.say(f"note: seed {seed} has no checkpoint")
    records, trials = [], []
    for path in paths:
        seed = int(path.parent.name.removeprefix("trial-"))
        record = _evaluate_trial(path, seed, phases, sets, options)
        records.append(record)
        trials.append({"seed": seed, **record.data()})
        watch.say(f"seed {seed}  {numbers_text(record.test)}")
    summary = summarise(phases[-1].plan, records)
    return {
        "experiment": phases[-1].experiment,
        "accuracy": summary["accuracy"].mean if "accuracy" in summary else None,
        "loss": summary["loss"].mean if "loss" in summary else None,
        "trials": trials,
        "seconds": sum(r.seconds for r in records),
        "seconds_compile": sum(p.seconds for p in phases),
        "peak_memory_bytes": peak_memory(),
        "out": str(folder.path),
    }


def sweep_result(results: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The results of all cases; `accuracy` and `loss` are those of the best, which `case` names."""
    name = min(results, key=lambda n: _merit(results[n]))
    top = results[name]
    same = ("experiment", "accuracy", "accuracy_spread", "loss", "epochs")
    return {
        **{key: top[key] for key in same},
        "case": name,
        "seconds": sum(r["seconds"] for r in results.values()),
        "seconds_compile": sum(r["seconds_compile"] for r in results.values()),
        "peak_memory_bytes": peak_memory(),
        "cases": dict(results),
    }


def result_lines(outcome: Mapping[str, Any]) -> list[str]:
    """What a person reads at the end: published numbers beside ours, for every case and phase."""
    lines = []
    for name, part in outcome.get("cases", {"": outcome}).items():
        for phase in part["phases"]:
            title = " ".join(filter(None, (name, phase["name"] if len(part["phases"]) > 1 else "")))
            found = [comparison_line(c) for c in phase["expectations"]]
            lines += [f"{title}  {line}" if title else line for line in found]
    return lines


def _begin(
    folder: RunFolder,
    case: Case,
    sets: Sequence[PhaseData],
    seeds: tuple[int, ...],
    options: Options,
    about: Mapping[str, Any],
) -> None:
    """Write down what is about to run, unless a resumed folder has it already."""
    if (folder.path / "run.json").exists():
        return
    phases = case.phases
    folder.write_spec("\n".join(dict.fromkeys(p.spec for p in phases)))
    folder.write_sources(phases[-1].sources)
    data = [
        {"train": s.train.fingerprint, "test": s.test.fingerprint if s.test else None} for s in sets
    ]
    note = {
        "schema": 1,
        "case": case.name,
        "command": command_line(),
        "experiment": phases[-1].experiment,
        "backend": options.backend,
        "dtype": options.dtype,
        "seeds": seeds,
        "epochs": options.epochs,
        "limit_batches": options.limit,
        "spec_hash": spec_hash(phases),
        "program_hash": program_hash(phases),
        "data": data,
        "versions": options.versions,
        **about,
    }
    folder.write_json("run.json", note)


def _known(
    folder: RunFolder,
    phases: tuple[Phase, ...],
    sets: Sequence[PhaseData],
    seeds: tuple[int, ...],
    options: Options,
    watch: Watcher,
) -> dict[int, Standing]:
    """The standings of the trials that have a checkpoint, all checked before anything runs."""
    standings = {}
    for seed in seeds:
        path = folder.checkpoint(seed)
        if not path.exists():
            continue
        identity = identify(phases, sets, seed, options)
        standings[seed] = checkpoint.load(path, identity)
        for note in checkpoint.differences(path, identity):
            watch.say(f"note: seed {seed}: {note}; the last bits may differ from an unbroken run")
    return standings


def _finish(
    folder: RunFolder, phases: tuple[Phase, ...], standings: dict[int, Standing], seconds: float
) -> dict[str, Any]:
    """Write the result and the picture."""
    outcome = {**result(phases, standings, seconds), "out": str(folder.path)}
    last = phases[-1]
    curve.draw(folder.path / "curve.png", last.experiment, standings, last.plan.expectations)
    folder.write_json("result.json", outcome)
    return outcome


def _evaluate_trial(
    path: Path, seed: int, phases: tuple[Phase, ...], sets: Sequence[PhaseData], options: Options
) -> EpochRecord:
    standing = checkpoint.load(path, identify(phases, sets, seed, options))
    phase, test = phases[standing.phase], sets[standing.phase].test
    if test is None:
        raise DataError("no-data", f"`{phase.experiment}` has no test data", place=str(path))
    refuse_other_store(path, phase, standing.store)
    start = perf_counter()
    epoch = max(standing.epoch - 1, 0)
    sums = evaluate(phase, test, standing.store, seed=seed, epoch=epoch, limit=options.limit)
    return EpochRecord(
        phase=phase.plan.name,
        epoch=standing.epoch,
        train={},
        test=sums.means(),
        rates={},
        seconds=perf_counter() - start,
    )


def _merit(outcome: Mapping[str, Any]) -> float:
    if outcome["accuracy"] is not None:
        return -float(outcome["accuracy"])
    return float("inf") if outcome["loss"] is None else float(outcome["loss"])
