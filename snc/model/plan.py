"""What an experiment asks of the engine, in plain values: data, storage, training, reports.

Nothing here knows a network's equations; those are in the graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from snc.source import NOWHERE, Span


@dataclass(frozen=True, slots=True)
class Duration:
    """A time, in seconds or in steps of the run; exactly one of the two is given."""

    seconds: float | None = None
    steps: float | None = None

    def in_steps(self, dt: float | None) -> float | None:
        """The number of steps (not rounded), or None if that needs a dt that is not known."""
        if self.steps is not None:
            return self.steps
        if self.seconds is None or not dt:
            return None
        return self.seconds / dt


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage, as a fraction: `80 %` is Share(0.8)."""

    fraction: float


# An argument of a pipeline step: plain data only, so that a pipeline can be hashed and printed.
DataArgument = float | int | bool | str | Duration | Share | tuple["DataArgument", ...] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One word of a data pipeline with its arguments by name, e.g. `frames(window = 10 ms)`.

    Option words (`drop`, `train`, `horizontal`) are strings; a percentage is a Share.
    """

    word: str
    arguments: tuple[tuple[str, DataArgument], ...] = ()
    span: Span = NOWHERE

    def get(self, name: str, default: DataArgument = None) -> DataArgument:
        """The argument called `name`."""
        return dict(self.arguments).get(name, default)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A source and what is done to it, in order."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class DataPlan:
    """A data set: its pipelines and the number of classes it declares."""

    name: str
    train: Pipeline
    test: Pipeline
    classes: int | None


@dataclass(frozen=True, slots=True)
class Draw:
    """How an array gets its first value: `uniform(-1, 1)` is Draw("uniform", (-1.0, 1.0)).

    Arguments are numbers, option words (`kaiming_normal(fan = out)` has ("out",)) or another Draw.
    Draw("copy", ("h_in.weight",)) is the first value of another stored array, Draw("computed", ...) a
    formula of several (see snc/engine/computed.py).
    """

    word: str
    arguments: tuple[float | str | Draw, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """An array that outlives a sequence.

    `shape` is the shape in files: dense weights [out, in], convolutions [out, in, kh, kw].
    `role` is `parameter` (learned or changed by `next`), `constant` (drawn once), `optimiser`
    (moments, counters) or `kept` (a state with `init x = kept`; if it has samples its first axis are
    the places in the batch, whose number 0 stands for the batch size of the run).
    """

    name: str
    shape: tuple[int, ...]
    role: str
    first: Draw
    fan_in: int = 0
    fan_out: int = 0


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """How a learning rate changes from epoch to epoch.

    kind `constant`; `cosine` (period epochs, floor as a fraction of the rate); `drops` (period,
    factor); `plateau` (quantity such as `test.score_loss`, factor, patience, threshold).
    """

    kind: str = "constant"
    period: float = 0.0
    floor: float = 0.0
    factor: float = 1.0
    patience: int = 0
    threshold: float = 0.0
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class RateGroup:
    """A learning rate that the engine feeds to the program under `name`.

    `learns` is what it moves, as the network calls it: `h_in`, or `h_in.bias` where one of several.
    """

    name: str
    rate: float
    schedule: RateSchedule = RateSchedule()
    learns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """A published number for this run; `rounding` is half a unit of its last printed digit."""

    metric: str
    value: float
    spread: float | None
    note: str
    rounding: float = 0.0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One phase of an experiment: what is trained on what, how long, and what is reported."""

    name: str
    data: DataPlan | None
    test_data: DataPlan | None
    dt: float | None
    epochs: int
    batch: int
    test_batch: int
    drop_last: bool
    shuffle: bool
    trials: int
    seed: int
    seeds: tuple[int, ...]
    rates: tuple[RateGroup, ...]
    report_epoch: str
    report_trials: str | int
    report_spread: str
    metrics: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    def trial_seeds(self) -> tuple[int, ...]:
        """The seed of each trial: `seeds` if given, else `seed`, `seed` + 1, ..."""
        return self.seeds or tuple(self.seed + k for k in range(self.trials))
