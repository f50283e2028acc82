"""A network and a data set that need no compiler: softmax regression on inputs summed over time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from snc.engine.phase import Phase
from snc.engine.progress import Silent
from snc.model.plan import (
    DataPlan,
    Draw,
    Pipeline,
    RateGroup,
    RateSchedule,
    RunPlan,
    Step,
    Stored,
)
from snc.module import Feed, Outcome, Store

FEATURES, CLASSES, STEPS = 6, 3, 4

STORED = (
    Stored(
        "out.weight", (CLASSES, FEATURES), "parameter", Draw("fan_in_uniform"), FEATURES, CLASSES
    ),
    Stored("out.bias", (CLASSES,), "parameter", Draw("zeros")),
    Stored("out.weight.moment", (CLASSES, FEATURES), "optimiser", Draw("zeros")),
    Stored("h_feedback.matrix", (CLASSES, FEATURES), "constant", Draw("normal", (1.0,)), FEATURES),
)


@dataclass
class Regression:
    """Implements snc.module.Module; learns with momentum and noise that depends on the sample."""

    pause: float = 0.0
    bad_at: int = -1
    records: tuple[str, ...] = ()

    def learn(self, store: Store, feed: Feed, *, gradients: bool = False) -> Outcome:
        time.sleep(self.pause)
        if feed.number == self.bad_at:
            return Outcome(loss=float("nan"), loss_steps=1, bad="h.u at step 3, net.snc:7")
        x = self._sums(feed) + 0.01 * _noise(feed)
        outcome, error = self._forward(store, feed, x)
        gradient = {"out.weight": error.T @ x, "out.bias": error.sum(0)}
        moment = store["out.weight.moment"]
        moment *= 0.9
        moment += gradient["out.weight"]
        rate = feed.rates["adam"]
        store["out.weight"] -= (rate * moment).astype(moment.dtype)
        store["out.bias"] -= (rate * gradient["out.bias"]).astype(moment.dtype)
        if "memory" in store:
            store["memory"][: feed.batch] += 1
        if gradients:
            outcome.gradients = gradient
            outcome.gradient_steps = {k: v[None] for k, v in gradient.items()}
        return outcome

    def evaluate(self, store: Store, feed: Feed) -> Outcome:
        if "memory" in store:
            store["memory"][: feed.batch] -= 5
        return self._forward(store, feed, self._sums(feed))[0]

    def memory(self, steps: int, batch: int) -> int:
        return steps * batch

    def _sums(self, feed: Feed) -> np.ndarray:
        return feed.fields["input"].astype(np.float64).sum(0).reshape(feed.batch, -1)

    def _forward(self, store: Store, feed: Feed, x: np.ndarray) -> tuple[Outcome, np.ndarray]:
        scores = x @ store["out.weight"].T + store["out.bias"]
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        picked = p[np.arange(feed.batch), feed.labels]
        error = (p - np.eye(CLASSES)[feed.labels]) / feed.batch
        outcome = Outcome(
            loss=2 * float(-np.log(picked).mean()),
            loss_steps=2,
            at_end={"predict": p.argmax(1), "sureness": picked},
            records={n: np.repeat(scores[None], feed.steps, 0) for n in self.records},
        )
        return outcome, error


def _noise(feed: Feed) -> np.ndarray:
    streams = [np.random.default_rng([feed.seed, feed.epoch, int(i)]) for i in feed.samples]
    return np.array([s.standard_normal(FEATURES) for s in streams])


@dataclass
class Toy:
    """Implements snc.engine.batches.Samples: class k has more input in features k and k + 3."""

    count: int
    fingerprint: str = "toy"
    part: int = 0

    def __len__(self) -> int:
        return self.count

    def batch(self, indices, *, epoch: int, seed: int, training: bool):
        rng = np.random.default_rng(100 + self.part)
        labels = rng.integers(0, CLASSES, self.count)
        means = 0.2 + 0.5 * (np.arange(FEATURES)[None] % CLASSES == labels[:, None])
        spikes = rng.random((STEPS, self.count, FEATURES)) < means
        fields = {"input": spikes[:, indices].astype(np.float32)}
        return fields, labels[indices], np.full(len(indices), STEPS, dtype=np.int64)


TRAIN, TEST = Pipeline((Step("toy"),)), Pipeline((Step("toy", (("part", "test"),)),))


def prepare(pipeline: Pipeline, root: object = None, progress: object = None) -> Toy:
    if pipeline == TRAIN:
        return Toy(50)
    return Toy(20, "toy-test", part=1)


def plan(**changes) -> RunPlan:
    data = DataPlan("toy", TRAIN, TEST, CLASSES)
    made = RunPlan(
        name="toy", data=data, test_data=None, dt=None, epochs=3, batch=8, test_batch=7,
        drop_last=False, shuffle=True, trials=1, seed=5, seeds=(),
        rates=(RateGroup("adam", 0.1, RateSchedule("cosine", period=4), ("out",)),),
        report_epoch="final", report_trials="all", report_spread="sample",
        metrics=("accuracy", "sureness"), expectations=(),
    )  # fmt: skip
    return replace(made, **changes)


def phase(module: Regression | None = None, stored=STORED, **changes) -> Phase:
    return Phase(
        experiment="toy", plan=plan(**changes), module=module or Regression(), stored=stored,
        trained=tuple(s for s in stored if s.role == "parameter"),
        spec="snc 1\nexperiment toy:\n", program="program", seconds=0.25,
    )  # fmt: skip


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.records, self.said, self.batches = [], [], 0

    def batch(self, samples, sums) -> None:
        self.batches += 1

    def end_epoch(self, record) -> None:
        self.records.append(record)

    def say(self, text) -> None:
        self.said.append(text)
