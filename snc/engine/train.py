"""One trial: epochs, batches, evaluation, checkpoints; a killed run goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from snc.diagnostics import DataError
from snc.engine import checkpoint
from snc.engine.batches import Feeder, Indices, Order, Samples, refuse_empty
from snc.engine.checkpoint import Identity
from snc.engine.evaluate import evaluate
from snc.engine.initial import first_store, placed
from snc.engine.measure import Sums, add_outcome, refuse_bad
from snc.engine.phase import Phase, program_hash, spec_hash
from snc.engine.progress import Watcher
from snc.engine.schedule import by_learner, plateaus_after, rates
from snc.engine.standing import EpochRecord, Standing
from snc.model.plan import Stored
from snc.module import Store, staying


@dataclass(frozen=True)
class Options:
    """How to run, whatever the spec says.

    epochs: instead of the spec's (of several phases each has at most so many). limit: batches per
    epoch and evaluation at most. save_seconds, save_batches: a checkpoint inside an epoch after so
    long or so many batches (0 for never).
    """

    backend: str = "cpu"
    dtype: str = "float32"
    epochs: int | None = None
    limit: int | None = None
    save_seconds: float = 60.0
    save_batches: int = 0
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PhaseData:
    """The prepared data sets of a phase."""

    train: Samples
    test: Samples | None


def train(
    phases: tuple[Phase, ...],
    data: Sequence[PhaseData],
    seed: int,
    options: Options,
    path: Path,
    watch: Watcher,
    log: Callable[[EpochRecord], None] = lambda record: None,
) -> Standing:
    """Train one trial to its end, from the checkpoint at `path` if there is one.

    `log` is given every epoch as soon as it is saved. The weights at the end are the same bytes
    however often the trial was killed and resumed. Raises
    DataError for a checkpoint that does not fit, for too little data, and for numbers out of range.
    """
    identity = identify(phases, data, seed, options)
    if path.exists():
        standing = checkpoint.load(path, identity)
        refuse_other_store(path, phases[standing.phase], standing.store)
    else:
        standing = Standing(first_store(arrays_of(phases[0]), seed, options.dtype))
    runner = _Runner(identity, options, path, watch, log)
    while True:
        phase = phases[standing.phase]
        runner.run_phase(phase, data[standing.phase], epochs_of(phases, phase, options), standing)
        if not standing.of_phase(phase.plan.name):
            runner.evaluate_only(phase, data[standing.phase], standing)
        if standing.phase == len(phases) - 1:
            return standing
        _enter_next(phases, seed, options, standing)
        checkpoint.save(path, identity, standing)


def epochs_of(phases: tuple[Phase, ...], phase: Phase, options: Options) -> int:
    """How many epochs a phase has."""
    if options.epochs is None:
        return phase.plan.epochs
    return options.epochs if len(phases) == 1 else min(options.epochs, phase.plan.epochs)


def identify(
    phases: tuple[Phase, ...], data: Sequence[PhaseData], seed: int, options: Options
) -> Identity:
    """What a trial's checkpoints belong to."""
    prints = [d.train.fingerprint + "/" + (d.test.fingerprint if d.test else "") for d in data]
    return Identity(
        spec=spec_hash(phases),
        data=" ".join(prints),
        seed=seed,
        dtype=options.dtype,
        limit=options.limit,
        program=program_hash(phases),
        backend=options.backend,
        versions=dict(options.versions),
    )


def arrays_of(phase: Phase) -> tuple[Stored, ...]:
    """The arrays of a phase, as many places as its batches have where something is kept at each."""
    return placed(phase.stored, phase.plan.batch)


def refuse_other_store(path: Path, phase: Phase, store: Store) -> None:
    """Raise DataError if a checkpoint's arrays are not those of the phase."""
    want = {s.name: tuple(s.shape) for s in arrays_of(phase)}
    have = {name: tuple(array.shape) for name, array in store.items()}
    if want != have:
        names = sorted(n for n in want.keys() | have.keys() if want.get(n) != have.get(n))
        raise DataError(
            "other-spec",
            f"the checkpoint's arrays are not the network's: {', '.join(names[:5])} differ",
            place=str(path),
            help="train into a new folder with --out",
        )


def _enter_next(phases: tuple[Phase, ...], seed: int, options: Options, standing: Standing) -> None:
    """Begin the next phase: what was learned or drawn stays, optimisers and schedules do not."""
    standing.phase += 1
    phase = phases[standing.phase]
    stored_now = arrays_of(phase)
    store = first_store(stored_now, seed, options.dtype)
    for stored in stored_now:
        before = standing.store.get(stored.name)
        stays = stored.role in ("parameter", "constant")
        if stays and before is not None and before.shape == tuple(stored.shape):
            store[stored.name] = before
    standing.store = store
    standing.epoch, standing.batch = 0, 0
    standing.sums, standing.plateaus = Sums(), {}


class _Runner:
    """Runs the epochs of a trial, counts their time, and writes down now and then how it stands."""

    def __init__(
        self,
        identity: Identity,
        options: Options,
        path: Path,
        watch: Watcher,
        log: Callable[[EpochRecord], None],
    ) -> None:
        self.identity = identity
        self.options = options
        self.path = path
        self.watch = watch
        self.log = log
        self.saved_at = self.counted_to = perf_counter()

    def run_phase(self, phase: Phase, data: PhaseData, epochs: int, standing: Standing) -> None:
        """Run what is left of a phase."""
        plan, self.counted_to = phase.plan, perf_counter()
        order = Order(plan.batch, plan.shuffle, plan.drop_last, self.options.limit)
        while standing.epoch < epochs:
            batches = order.batches(len(data.train), self.identity.seed, standing.epoch)
            refuse_empty(batches, data.train, order)
            count = sum(map(len, batches[standing.batch :]))
            self.watch.start_epoch(plan.name, standing.epoch + 1, epochs, count)
            self.learn(phase, data.train, batches, standing)
            self.finish_epoch(phase, data, standing)

    def learn(
        self, phase: Phase, samples: Samples, batches: list[Indices], standing: Standing
    ) -> None:
        """Learn the batches of this epoch that are not learned yet."""
        now = rates(phase.plan.rates, standing.epoch, standing.plateaus)
        epoch, seed = standing.epoch, self.identity.seed
        feeder = Feeder(samples, epoch, seed, training=True, rates=now, phase=phase)
        coming = closing(feeder.feeds(batches, first=standing.batch))
        with coming as feeds, staying(phase.module, standing.store) as bring:
            for feed in feeds:
                outcome = phase.module.learn(standing.store, feed)
                refuse_bad(outcome, feeder.where(feed))
                add_outcome(standing.sums, outcome, feed, phase.plan.metrics)
                standing.batch = feed.number + 1
                self.watch.batch(feed.batch, standing.sums)
                if self.save_is_due(standing.batch):
                    bring()
                    self.save(standing)

    def finish_epoch(self, phase: Phase, data: PhaseData, standing: Standing) -> None:
        """Evaluate, note what the epoch gave, move the schedules on and save."""
        epoch, groups = standing.epoch, phase.plan.rates
        used = rates(groups, epoch, standing.plateaus)
        record = self.measure(phase, data, standing, epoch + 1, used)
        standing.plateaus = plateaus_after(groups, standing.plateaus, record.named())
        standing.epoch, standing.batch, standing.sums = epoch + 1, 0, Sums()
        self.note(record, standing)

    def evaluate_only(self, phase: Phase, data: PhaseData, standing: Standing) -> None:
        """Note what a phase without any epoch gives: epoch 0."""
        self.counted_to = perf_counter()
        self.note(self.measure(phase, data, standing, 0, {}), standing)

    def measure(
        self, phase: Phase, data: PhaseData, standing: Standing, number: int, used: dict[str, float]
    ) -> EpochRecord:
        """The record of an epoch whose batches are learned."""
        learned = standing.sums.means()
        tested: dict[str, float] = {}
        if data.test is not None:
            sums = evaluate(
                phase,
                data.test,
                standing.store,
                seed=self.identity.seed,
                epoch=max(number - 1, 0),
                limit=self.options.limit,
            )
            tested = sums.means()
        self.count(standing)
        return EpochRecord(
            phase=phase.plan.name,
            epoch=number,
            train=learned,
            test=tested,
            rates=by_learner(phase.plan.rates, used),
            seconds=standing.spent,
        )

    def note(self, record: EpochRecord, standing: Standing) -> None:
        """Add a record to the history, save, and tell whoever watches."""
        standing.history.append(record)
        standing.spent = 0.0
        self.save(standing)
        self.log(record)
        self.watch.end_epoch(record)

    def save_is_due(self, batch: int) -> bool:
        """Whether to write a checkpoint inside the epoch now."""
        every, seconds = self.options.save_batches, self.options.save_seconds
        if every and batch % every == 0:
            return True
        return bool(seconds) and perf_counter() - self.saved_at >= seconds

    def save(self, standing: Standing) -> None:
        """Write a checkpoint."""
        self.count(standing)
        checkpoint.save(self.path, self.identity, standing)
        self.saved_at = perf_counter()

    def count(self, standing: Standing) -> None:
        """Add the time since the last count to the epoch's."""
        now = perf_counter()
        standing.spent += now - self.counted_to
        self.counted_to = now
