"""Where a trial stands: all that must survive a kill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from snc.engine.measure import Sums
from snc.engine.schedule import Plateau
from snc.module import Store


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch gave. `epoch` counts from 1 in its phase; 0 is an evaluation without training.

    train, test: means by name (`loss`, `accuracy`, metrics). rates: learning rates by what they move
    (`h_in`, `out`). seconds: what the epoch took, evaluation included.
    """

    phase: str
    epoch: int
    train: dict[str, float]
    test: dict[str, float]
    rates: dict[str, float]
    seconds: float

    @property
    def reported(self) -> dict[str, float]:
        """The means that count: on the test set if there is one."""
        return self.test or self.train

    def named(self) -> dict[str, float]:
        """All means by `train.loss`, `test.accuracy`, ..."""
        train = {f"train.{k}": v for k, v in self.train.items()}
        return train | {f"test.{k}": v for k, v in self.test.items()}

    def data(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass
class Standing:
    """A trial between two batches.

    phase: index; epoch: epochs finished in it; batch: batches learned of the next one, whose
    running sums are `sums`. spent: seconds used for that unfinished epoch so far.
    """

    store: Store
    phase: int = 0
    epoch: int = 0
    batch: int = 0
    sums: Sums = field(default_factory=Sums)
    plateaus: dict[str, Plateau] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)
    spent: float = 0.0

    @property
    def seconds(self) -> float:
        """Training time of all epochs so far, evaluations included."""
        return sum(r.seconds for r in self.history) + self.spent

    def of_phase(self, name: str) -> list[EpochRecord]:
        """The epochs of one phase."""
        return [r for r in self.history if r.phase == name]


def best(records: Sequence[EpochRecord]) -> EpochRecord:
    """The epoch with the highest accuracy, else with the lowest loss; the first of equals."""
    return min(records, key=_rank)


def _rank(record: EpochRecord) -> float:
    means = record.reported
    rank = -means["accuracy"] if "accuracy" in means else means.get("loss", 0.0)
    return rank if isfinite(rank) else float("inf")
