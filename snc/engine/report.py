"""From the histories of all trials to one result, compared with what was published."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

from snc.engine.phase import Phase
from snc.engine.standing import EpochRecord, Standing, best
from snc.model.plan import Expectation, RunPlan


@dataclass(frozen=True)
class Summary:
    """A number over trials: mean, standard deviation (None for one trial) and their count."""

    mean: float
    spread: float | None
    trials: int


@dataclass(frozen=True)
class Comparison:
    """A published number beside ours; `verdict` is `within`, `above`, `below` or `not measured`."""

    metric: str
    published: float
    published_spread: float | None
    note: str
    ours: float | None
    spread: float | None
    verdict: str


def chosen(plan: RunPlan, records: Sequence[EpochRecord]) -> EpochRecord:
    """The epoch a trial reports: its last, or its best on the test set."""
    return best(records) if plan.report_epoch == "best" else records[-1]


def summarise(plan: RunPlan, records: Sequence[EpochRecord]) -> dict[str, Summary]:
    """Mean and spread of every number over the trials that count, one record each."""
    ranked = [r for _, r in sorted(enumerate(records), key=lambda pair: (_merit(pair[1]), pair[0]))]
    if isinstance(plan.report_trials, int):
        ranked = ranked[: plan.report_trials]
    names = dict.fromkeys(name for r in ranked for name in r.reported)
    return {
        name: _summary([r.reported[name] for r in ranked if name in r.reported], plan.report_spread)
        for name in names
    }


def compare(
    expectations: Sequence[Expectation], ours: Mapping[str, Summary], parameters: int
) -> list[Comparison]:
    """Every published number beside ours.

    Within means: they differ by no more than both spreads together, or by rounding without them.
    """
    known = {**ours, "parameters": Summary(float(parameters), None, 1)}
    return [_compare(e, known.get(e.metric)) for e in expectations]


def phase_result(phase: Phase, standings: Mapping[int, Standing]) -> dict[str, Any] | None:
    """The result of one phase over all trials by seed, as plain values; None if it never ran."""
    plan = phase.plan
    histories = {seed: s.of_phase(plan.name) for seed, s in standings.items()}
    picked = {seed: chosen(plan, history) for seed, history in histories.items() if history}
    if not picked:
        return None
    summary = summarise(plan, list(picked.values()))
    return {
        "name": plan.name,
        "summary": {name: asdict(s) for name, s in summary.items()},
        "best": _summaries(plan, [best(h) for h in histories.values() if h]),
        "final": _summaries(plan, [h[-1] for h in histories.values() if h]),
        "epochs": plan.epochs,
        "epochs_done": min(len([r for r in h if r.epoch]) for h in histories.values()),
        "seeds": list(picked),
        "seeds_asked": list(plan.trial_seeds()),
        "trials": [{"seed": seed, **record.data()} for seed, record in picked.items()],
        "expectations": [asdict(c) for c in compare(plan.expectations, summary, phase.parameters)],
        "report": {
            "epoch": plan.report_epoch,
            "trials": plan.report_trials,
            "spread": plan.report_spread,
        },
    }


def _summaries(plan: RunPlan, records: Sequence[EpochRecord]) -> dict[str, Any]:
    return {name: asdict(s) for name, s in summarise(plan, records).items()}


def result(
    phases: tuple[Phase, ...], standings: Mapping[int, Standing], seconds_data: float
) -> dict[str, Any]:
    """The result of a run as plain values; the last phase gives `accuracy` and `loss`."""
    parts = [r for r in (phase_result(p, standings) for p in phases) if r is not None]
    summary = parts[-1]["summary"]
    return {
        "experiment": phases[-1].experiment,
        "accuracy": summary.get("accuracy", {}).get("mean"),
        "accuracy_spread": summary.get("accuracy", {}).get("spread"),
        "loss": summary.get("loss", {}).get("mean"),
        "epochs": max(len([r for r in s.history if r.epoch]) for s in standings.values()),
        "seeds": list(standings),
        "parameters": phases[-1].parameters,
        "seconds": sum(s.seconds for s in standings.values()),
        "seconds_compile": sum(p.seconds for p in phases),
        "seconds_data": seconds_data,
        "peak_memory_bytes": peak_memory(),
        "phases": parts,
    }


def peak_memory() -> int:
    """The most memory this process has used, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def comparison_line(comparison: Mapping[str, Any]) -> str:
    """`accuracy 77.90 % +- 0.40 %, published 78.24 % +- 1.84 % (Table 3): within`."""
    name, ours = comparison["metric"], comparison["ours"]
    published = value_text(name, comparison["published"], comparison["published_spread"])
    note = f" ({comparison['note']})" if comparison["note"] else ""
    have = "not measured" if ours is None else value_text(name, ours, comparison["spread"])
    return f"{name} {have}, published {published}{note}: {comparison['verdict']}"


def value_text(metric: str, value: float, spread: float | None) -> str:
    """A number with its spread; an accuracy in percent, a count whole."""
    if metric.endswith("accuracy"):
        text, more = f"{100 * value:.2f} %", None if spread is None else f"{100 * spread:.2f} %"
    elif metric == "parameters":
        text, more = f"{value:.0f}", None
    else:
        text, more = f"{value:.4g}", None if spread is None else f"{spread:.2g}"
    return text if more is None else f"{text} +- {more}"


def _merit(record: EpochRecord) -> float:
    means = record.reported
    return -means["accuracy"] if "accuracy" in means else means.get("loss", 0.0)


def _summary(values: Sequence[float], kind: str) -> Summary:
    n = len(values)
    mean = sum(values) / n
    free = n if kind == "population" else n - 1
    spread = sqrt(sum((v - mean) ** 2 for v in values) / free) if n > 1 else None
    return Summary(mean, spread, n)


def _compare(expected: Expectation, ours: Summary | None) -> Comparison:
    if ours is None:
        verdict = "not measured"
    else:
        rounding = max(expected.rounding, 1e-9 * abs(expected.value))
        room = max((expected.spread or 0.0) + (ours.spread or 0.0), rounding)
        gap = ours.mean - expected.value
        verdict = "within" if abs(gap) <= room else ("above" if gap > 0 else "below")
    return Comparison(
        metric=expected.metric,
        published=expected.value,
        published_spread=expected.spread,
        note=expected.note,
        ours=None if ours is None else ours.mean,
        spread=None if ours is None else ours.spread,
        verdict=verdict,
    )
