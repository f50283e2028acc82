"""What a person sees while a network trains: a bar on a terminal, lines in a file, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from snc.engine.measure import Sums
from snc.engine.standing import EpochRecord


class Watcher(Protocol):
    """Is told how training goes."""

    def start_trial(self, seed: int, number: int, trials: int) -> None:
        """A trial begins; `number` counts from 1."""
        ...

    def start_epoch(self, phase: str, epoch: int, epochs: int, samples: int) -> None:
        """An epoch of `samples` samples begins, or goes on after a resume."""
        ...

    def batch(self, samples: int, sums: Sums) -> None:
        """So many samples more are learned; `sums` are those of the epoch."""
        ...

    def end_epoch(self, record: EpochRecord) -> None:
        """An epoch is evaluated and saved."""
        ...

    def say(self, text: str) -> None:
        """Anything else worth a line."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Silent:
    """Shows nothing."""

    def start_trial(self, seed: int, number: int, trials: int) -> None:
        """Nothing."""

    def start_epoch(self, phase: str, epoch: int, epochs: int, samples: int) -> None:
        """Nothing."""

    def batch(self, samples: int, sums: Sums) -> None:
        """Nothing."""

    def end_epoch(self, record: EpochRecord) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line per epoch, for logs and pipes."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.epochs = 0

    def start_trial(self, seed: int, number: int, trials: int) -> None:
        """Say which trial, if there are several."""
        if trials > 1:
            self.say(f"trial {number} of {trials}, seed {seed}")

    def start_epoch(self, phase: str, epoch: int, epochs: int, samples: int) -> None:
        """Remember how many epochs there are."""
        self.epochs = epochs

    def batch(self, samples: int, sums: Sums) -> None:
        """Nothing: a log has no use for it."""

    def end_epoch(self, record: EpochRecord) -> None:
        """The line."""
        self.say(epoch_line(record, self.epochs))

    def say(self, text: str) -> None:
        """A line."""
        print(text, file=self.out, flush=True)

    def close(self) -> None:
        """Nothing to close."""


class Bar(Lines):
    """The same lines, and below them a bar: loss, accuracy, samples per second, time left."""

    def __init__(self, out: TextIO | None = None) -> None:
        super().__init__(out)
        # rich takes 0.1 s to import, and only a terminal wants it.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}  {task.fields[numbers]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(file=self.out),
            transient=True,
        )
        self.task: Any = None

    def start_epoch(self, phase: str, epoch: int, epochs: int, samples: int) -> None:
        """A new bar."""
        self.epochs = epochs
        self.progress.start()
        title = f"epoch {epoch}/{epochs}"
        self.task = self.progress.add_task(title, total=samples, numbers="", speed="")

    def batch(self, samples: int, sums: Sums) -> None:
        """Move the bar."""
        if self.task is None:
            return
        task = self.progress.tasks[self.progress.task_ids.index(self.task)]
        speed = f"{task.speed:.0f} samples/s" if task.speed else ""
        numbers = numbers_text(sums.means())
        self.progress.update(self.task, advance=samples, numbers=numbers, speed=speed)

    def end_epoch(self, record: EpochRecord) -> None:
        """Replace the bar by the epoch's line."""
        self.close()
        super().end_epoch(record)

    def close(self) -> None:
        """Take the bar away."""
        if self.task is not None:
            self.progress.remove_task(self.task)
            self.task = None
        self.progress.stop()


def watcher(silent: bool) -> Watcher:
    """Nothing with `silent` (`--json`), a bar on a terminal, else lines."""
    if silent:
        return Silent()
    return Bar() if sys.stdout.isatty() else Lines()


def epoch_line(record: EpochRecord, epochs: int) -> str:
    """`epoch 3/200  train loss 1.2345 accuracy 61.02 %  test loss ...  12.3 s`."""
    width = len(str(epochs))
    parts = [f"epoch {record.epoch:>{width}}/{epochs}"]
    for name, means in (("train", record.train), ("test", record.test)):
        if means:
            parts.append(f"{name} {numbers_text(means)}")
    return "  ".join([*parts, f"{record.seconds:.1f} s"])


def numbers_text(means: Mapping[str, float]) -> str:
    """Loss and accuracy in words."""
    parts = []
    if "loss" in means:
        parts.append(f"loss {means['loss']:.4f}")
    if "accuracy" in means:
        parts.append(f"accuracy {100 * means['accuracy']:.2f} %")
    return " ".join(parts)
