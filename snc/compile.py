"""The whole compiler, top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from snc.backend import dtype_of, find
from snc.build.experiment import Built, Surroundings, build
from snc.build.plan import describe_batch, describe_data, plan_of
from snc.check import name_problems
from snc.codegen.kernel import KernelSource
from snc.diagnostics import BackendError, SpecError
from snc.lang import ast
from snc.model.library import choose, load_file
from snc.model.plan import RunPlan
from snc.model.resolve import Experiment, phases_of, resolve
from snc.model.text import experiment_text, sources
from snc.module import Module
from snc.passes import run_passes
from snc.program.optional import of_a_backend, refuse_unknown
from snc.program.program import Program

Seen = Callable[[str, object], None]
Fed = Mapping[str, tuple[int, ...]]
Planned = Callable[[RunPlan], None]


def ignore(name: str, value: object) -> None:
    """Look at no intermediate result."""


def go_on(plan: RunPlan) -> None:
    """Compile whatever is planned."""


@dataclass(frozen=True)
class ResolvedModel:
    """An experiment as it is run."""

    name: str
    experiment: Experiment

    def text(self) -> str:
        """The resolved experiment as text: the run is a function of it, the data and the seed."""
        return experiment_text(self.experiment)

    def sources(self) -> dict[str, str]:
        """The texts it is written in, by file name, its own first."""
        return sources(self.experiment)


@dataclass(frozen=True)
class Compiled:
    """One phase of an experiment, loaded and ready to run. `seconds` is the time to get here."""

    model: ResolvedModel
    plan: RunPlan
    program: Program
    kernel: KernelSource
    module: Module
    seconds: float


def load(
    path: str | Path,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    backend: str = "cpu",
    dtype: str | None = None,
    without: Sequence[str] = (),
    record: Sequence[str] = (),
    data_root: Path | None = None,
    seen: Seen = ignore,
    planned: Planned = go_on,
    fed: Fed | None = None,
) -> tuple[Compiled, ...]:
    """Compile every phase of an experiment. Raises SpecError, BackendError, DataError.

    dtype: None for what the backend usually computes in. `planned` is told the plan of every phase when
    all are known to be right, before anything is compiled, which may take minutes: whoever needs data can
    look for it there. fed: the features of the fields of a batch file, if it is what runs; then the data set
    need not be there.
    """
    file = load_file(Path(path))
    if problems := [*file.problems, *name_problems(file)]:
        raise SpecError(problems)
    whole = resolve(choose(file, experiment), settings)
    seen("model", whole)
    found = find(backend)
    if (reason := found.unavailable()) is not None:
        raise BackendError(f"backend `{backend}` cannot run here: {reason}")
    dtype = dtype_of(found, dtype)
    built = []
    for phase in phases_of(whole):
        start = time.perf_counter()
        plan, program = program_of(phase, dtype, without, tuple(record), data_root, seen, fed)
        built.append((phase, plan, program, time.perf_counter() - start))
    for _, plan, _, _ in built:
        planned(plan)
    made = []
    for phase, plan, program, seconds in built:
        start = time.perf_counter()
        kernel = found.emit(program)
        seen("kernel", kernel)
        module = found.load(kernel)
        model = ResolvedModel(whole.name, phase)
        seconds += time.perf_counter() - start
        made.append(Compiled(model, plan, program, kernel, module, seconds))
    return tuple(made)


def sweep(
    path: str | Path, experiment: str | None = None, settings: Mapping[str, str] | None = None
) -> list[tuple[str, dict[str, str]]]:
    """The runs of an experiment: one, or the product of its `for` lines, each named by its values.

    A parameter that is set is not swept. Raises SpecError.
    """
    given = dict(settings or {})
    file = load_file(Path(path))
    whole = resolve(choose(file, experiment), given)
    axes: list[list[tuple[str, str]]] = []
    for statement, _ in whole.sweeps:
        name = statement.name.text
        if name not in given:
            items = statement.values.items if isinstance(statement.values, ast.ListOf) else ()
            axes.append([(name, i.span.text) for i in items])
    found = []
    for values in product(*axes):
        name = ", ".join(f"{n}={v}" for n, v in values)
        found.append((name, {**given, **dict(values)}))
    return found


def texts_of(
    path: Path, experiment: str | None = None, settings: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The resolved text of every phase, as `Compiled.model.text()` has it; compiles nothing. Raises SpecError."""
    whole = resolve(choose(load_file(path), experiment), settings)
    return tuple(experiment_text(phase) for phase in phases_of(whole))


def program_of(
    experiment: Experiment,
    dtype: str = "float32",
    without: Sequence[str] = (),
    record: tuple[str, ...] = (),
    data_root: Path | None = None,
    seen: Seen = ignore,
    fed: Fed | None = None,
) -> tuple[RunPlan, Program]:
    """One phase's plan and program. `without`: passes and parts of the schedule that are left out."""
    refuse_unknown(without)
    if fed is None:
        surroundings = describe_data(experiment, data_root)
    else:
        surroundings = describe_batch(experiment, data_root, fed)
    training = build(experiment, surroundings, training=True, record=record)
    seen("graph", training.graph)
    learn = run_passes(training.graph, without, seen)
    testing = build(experiment, surroundings, training=False, record=record)
    evaluate = run_passes(testing.graph, without)
    learns = bool(training.graph.writes)
    left = of_a_backend(without)
    program = Program(experiment.name, dtype, learn if learns else None, evaluate, left)
    seen("program", program)
    return plan_of(training, surroundings), program


__all__ = ["Built", "Compiled", "Surroundings", "load", "phases_of", "program_of"]
