"""A run of a row of a published table, and how it compares with what is printed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snc.engine.report import value_text
from snc.model.rows import NOTE, Row


@dataclass(frozen=True)
class Run:
    """One run: a row, or one case of a row that is a sweep (`alpha_post=0`)."""

    row: Row
    case: str
    settings: Mapping[str, str]
    phases: int = 1

    @property
    def title(self) -> str:
        """`A1 alpha_post=0`."""
        return f"{self.row.name} {self.case}".rstrip()

    @property
    def spec(self) -> str:
        """The experiment, as `snc train` takes it."""
        return f"{self.row.path}:{self.row.experiment}"


@dataclass(frozen=True)
class Compared:
    """How a run ended. `status`: matches, differs, partial: ..., no data, not yet, failed, or that it ran.

    reason: why it did not run, in one line.
    numbers: for every published one (or what is measured where none is) `metric`, `published`, `best`,
    `final` and `verdict`, numbers as value and spread. seeds, epochs: done and asked for by the spec.
    """

    run: Run
    status: str
    numbers: tuple[Mapping[str, Any], ...] = ()
    seeds: tuple[int, int] = (0, 0)
    epochs: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    out: str = ""
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether it ran as far as it was asked to."""
        return not self.reason

    def data(self) -> dict[str, Any]:
        """Plain values."""
        row = self.run.row
        return {
            "row": row.name,
            "collection": row.collection,
            "source": row.source,
            "spec": row.spec,
            "case": dict(self.run.settings),
            "status": self.status,
            "reason": self.reason,
            "numbers": [dict(n) for n in self.numbers],
            "seeds": self.seeds[0],
            "seeds_asked": self.seeds[1],
            "epochs": self.epochs[0],
            "epochs_asked": self.epochs[1],
            "seconds": self.seconds,
            "out": self.out,
        }


# Comparing ------------------------------------------------------------------------------------------------


def compared(run: Run, outcome: Mapping[str, Any], partly: Sequence[str]) -> Compared:
    """The result of a run beside what is published for it; `partly` says what it was cut down to."""
    phases = outcome["phases"]
    epochs = sum(p["epochs_done"] for p in phases), sum(p["epochs"] for p in phases)
    seeds = len(outcome["seeds"]), len(phases[-1]["seeds_asked"])
    numbers = [n for p in phases for n in _numbers(p)]
    return Compared(
        run=run,
        status=_status(numbers, epochs, partly),
        numbers=tuple(numbers or _measured(phases[-1])),
        seeds=seeds,
        epochs=epochs,
        seconds=outcome["seconds"],
        out=outcome["out"],
    )


def _numbers(phase: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each published number with ours at the best and at the last epoch."""
    for expected in phase["expectations"]:
        metric = expected["metric"]
        ours = {"mean": expected["ours"], "spread": expected["spread"]}
        yield {
            "metric": metric,
            "note": expected["note"],
            "published": {"mean": expected["published"], "spread": expected["published_spread"]},
            "best": phase["best"].get(metric, ours),
            "final": phase["final"].get(metric, ours),
            "verdict": expected["verdict"],
        }


def _measured(phase: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is measured where nothing is published."""
    metric = "accuracy" if "accuracy" in phase["final"] else "loss"
    best, final = phase["best"].get(metric), phase["final"].get(metric)
    if final is not None:
        yield {"metric": metric, "published": None, "best": best, "final": final, "verdict": ""}


def _status(
    numbers: Sequence[Mapping[str, Any]], epochs: tuple[int, int], partly: Sequence[str]
) -> str:
    short = [f"{epochs[0]} epoch{'s' * (epochs[0] != 1)}"] if epochs[0] < epochs[1] else []
    if short or partly:
        return f"partial: {', '.join([*short, *partly])}"
    if all(n["metric"] == "parameters" for n in numbers):
        return "ran, nothing to compare with"
    return "matches" if all(n["verdict"] == "within" for n in numbers) else "differs"


# Telling --------------------------------------------------------------------------------------------------


def lines(one: Compared) -> list[str]:
    """A run in words: a line for each published number, the status at the end of the first."""
    numbers = [n for n in one.numbers if n["metric"] != "parameters" or n["verdict"] != "within"]
    if not numbers:
        return [f"{one.run.title:<{TITLE}}{one.status}" + (f": {one.reason}" if one.reason else "")]
    done = f"{_of(one.seeds, 'seed')}, {_of(one.epochs, 'epoch')}"
    found = []
    for k, number in enumerate(numbers):
        title, end = (one.run.title, f"   {done}   {one.status}") if k == 0 else ("", "")
        remark = NOTE.fullmatch(number.get("note", ""))
        about = remark["remark"] if remark and len(numbers) > 1 else None
        found.append(f"{title:<{TITLE}}{_number_text(number)}{about or ''}{end}")
    return found


TITLE = 36


def _number_text(number: Mapping[str, Any]) -> str:
    metric = number["metric"]
    published = number["published"]
    printed = "nothing" if published is None else _value(metric, published)
    ours = f"best epoch {_value(metric, number['best']):<18}last {_value(metric, number['final'])}"
    return f"{metric:<9} published {printed:<18}{ours:<50}"


def _value(metric: str, value: Mapping[str, Any] | None) -> str:
    if value is None or value["mean"] is None:
        return "-"
    return value_text(metric, value["mean"], value["spread"])


def _of(pair: tuple[int, int], word: str) -> str:
    done, asked = pair
    return f"{done} of {asked} {word}s" if done != asked else f"{done} {word}{'s' * (done != 1)}"


def summary_line(found: Sequence[Compared]) -> str:
    """`12 runs: 3 matches, 1 differs, 8 no data`."""
    counts: dict[str, int] = {}
    for one in found:
        kind = one.status.split(":")[0].split(",")[0]
        counts[kind] = counts.get(kind, 0) + 1
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    return f"{len(found)} run{'s' * (len(found) != 1)}: {told}"
