"""How long a training step takes, and at which rates of spikes: what `snc bench` measures."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from snc.backend import find
from snc.engine.batches import Feeder, Order, refuse_empty
from snc.engine.batchfile import features_in, read_batch
from snc.engine.fits import refuse_misfit
from snc.engine.initial import first_store, placed
from snc.engine.measure import refuse_bad
from snc.engine.phase import Phase, from_compiled
from snc.engine.report import peak_memory
from snc.engine.runfolder import versions
from snc.engine.schedule import rates
from snc.graph.graph import SAMPLE, Graph, Node
from snc.module import Feed, Outcome, Store, Uploads, staying
from snc.program.program import Program
from snc.session import PlannedData, compiled_cases

if TYPE_CHECKING:
    from snc.compile import Compiled


@dataclass(frozen=True)
class Work:
    """What is timed: one batch from the weights in `store`, with learning or without."""

    phase: Phase
    store: Store
    feed: Feed
    learns: bool

    def run(self) -> Outcome:
        """Run the batch once; `store` is changed in place if something is learned."""
        module = self.phase.module
        return (module.learn if self.learns else module.evaluate)(self.store, self.feed)


def bench(spec: str, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Time the first phase of an experiment (of a sweep: of its first case). Raises SncError.

    flags: batch, repeat, evaluate, settings, backend, dtype, without, data_root. Seconds, bytes, and
    rates as shares of neurons and steps that spike, before anything is learned.
    """
    data = PlannedData(flags["data_root"])
    planned = (lambda plan: None) if flags["batch"] else data.plan
    fed = features_in(flags["batch"]) if flags["batch"] else None
    case, (compiled, *_) = next(compiled_cases(spec, flags, planned=planned, fed=fed))
    phase = from_compiled(compiled)
    learns = bool(phase.trained) and not flags["evaluate"]
    if flags["batch"]:
        store, feed = read_batch(phase, flags["batch"], phase.dtype)
    else:
        store, feed = _own_batch(phase, data, learns)
    work = Work(phase, store, feed, learns)
    first = {name: array.copy() for name, array in store.items()}
    outcome = work.run()
    refuse_bad(outcome, f"the batch of {flags['batch'] or 'the data'}")
    again = _restorer(store, first)
    _forget_peak()
    seconds = [_timed(work, again) for _ in range(flags["repeat"])]
    peak = peak_memory()
    again()
    return {
        "experiment": phase.experiment,
        "case": case or None,
        "what": "training step" if learns else "evaluation",
        **_summary(seconds),
        "rates": spike_rates(compiled, flags["backend"], work),
        "input_rate": _input_rate(feed),
        "loss": outcome.loss / outcome.loss_steps if outcome.loss_steps else None,
        "peak_memory_bytes": peak,
        "buffers_bytes": phase.module.memory(feed.steps, feed.batch),
        "seconds_compile": phase.seconds,
        "steps": feed.steps,
        "batch": feed.batch,
        "backend": flags["backend"],
        "dtype": phase.dtype,
        "without": list(flags["without"]),
        "threads": _threads(),
        "versions": versions(),
    }


def spike_rates(compiled: Compiled, backend: str, work: Work) -> dict[str, float]:
    """The share of neurons and steps that spike, of each population that spikes, by its name.

    Counted in a program of its own that records the spikes, so that nothing is recorded while the time is taken.
    """
    program = compiled.program
    watched = replace(program.evaluate, records=tuple(populations(program.evaluate).items()))
    guest = find(backend)
    module = guest.load(guest.emit(Program(program.name, program.dtype, None, watched)))
    records = module.evaluate(dict(work.store), work.feed).records
    alive = np.arange(work.feed.steps)[:, None] < work.feed.lengths
    return {name: float(np.mean(spikes[alive] != 0)) for name, spikes in records.items()}


def populations(graph: Graph) -> dict[str, str]:
    """The nodes that are a population's spikes, by the name that the spec gives them."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        if node.op == "spike" and SAMPLE in node.axes:
            named = node if node.note else _reader(graph, node)
            if named is not None:
                found.setdefault(named.note, named.name)
    return found


def result_text(found: Mapping[str, Any]) -> str:
    """The figures for a person, four lines."""
    low, high = found["quartiles"]
    rates = {"input": found["input_rate"], **found["rates"]}
    case = f", {found['case']}" if found["case"] else ""
    where = f"{found['backend']}, {found['dtype']}, {found['threads']} threads"
    peak, buffers = found["peak_memory_bytes"] / 1e6, found["buffers_bytes"] / 1e6
    return "\n".join(
        [
            f"{found['experiment']}{case}: {found['what']}, {found['batch']} samples, "
            f"{found['steps']} steps; {where}",
            f"seconds  {found['seconds']:.4g}, half of {found['repeat']} runs "
            f"between {low:.4g} and {high:.4g}; compiled in {found['seconds_compile']:.1f} s",
            f"spikes   {', '.join(f'{name} {share:.1%}' for name, share in rates.items())}",
            f"memory   {peak:.0f} MB at most, {buffers:.1f} MB of it buffers",
        ]
    )


def _own_batch(phase: Phase, data: PlannedData, learns: bool) -> tuple[Store, Feed]:
    """First weights, and the first batch of the training data, or of the test data where nothing is learned."""
    plan, sets = phase.plan, data.sets.of(phase.plan)
    samples, order = sets.train, Order(plan.batch, plan.shuffle, plan.drop_last)
    if not learns and sets.test is not None:
        samples, order = sets.test, Order(plan.test_batch or plan.batch)
    batches = order.batches(len(samples), plan.seed, 0)
    refuse_empty(batches, samples, order)
    feeder = Feeder(samples, 0, plan.seed, training=learns, rates=rates(plan.rates, 0, {}))
    feed = feeder.feed(0, batches[0])
    refuse_misfit(phase.needs, feed, "batch 1 of the data")
    return first_store(placed(phase.stored, feed.batch), plan.seed, phase.dtype), feed


def _restorer(store: Store, first: Store) -> Callable[[], None]:
    """What gives every array its first values again, where it lies: a backend may have chosen its layout."""

    def restore() -> None:
        for name, array in store.items():
            array[...] = first[name]

    return restore


def _timed(work: Work, again: Callable[[], None]) -> float:
    """Seconds of a run. Where memory is elsewhere, weights and batch are there before, as they are in a training."""
    again()
    module = work.phase.module
    with staying(module, work.store):
        if isinstance(module, Uploads):
            module.upload(work.feed, learning=work.learns)
        start = perf_counter()
        work.run()
        return perf_counter() - start


def _summary(seconds: list[float]) -> dict[str, Any]:
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return {
        "seconds": float(middle),
        "quartiles": [float(low), float(high)],
        "times": seconds,
        "repeat": len(seconds),
    }


def _input_rate(feed: Feed) -> float:
    alive = np.arange(feed.steps)[:, None] < feed.lengths
    return float(np.mean(np.asarray(feed.fields["input"])[alive] != 0))


def _reader(graph: Graph, node: Node) -> Node | None:
    """The first named value made of a spike: `s = able * spike(...)` is where the population is named."""
    return next((n for n in graph.nodes if node.name in n.args and n.note), None)


def _forget_peak() -> None:
    """Let the peak be that of the runs that are timed, not of the compiler; Linux can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _threads() -> int:
    """How many threads kernels use: what `--threads` or the environment says, else one for each core."""
    given = os.environ.get("NUMBA_NUM_THREADS", "")
    if given.isdigit():
        return int(given)
    cores = getattr(os, "sched_getaffinity", None)
    return len(cores(0)) if cores is not None else os.cpu_count() or 1
