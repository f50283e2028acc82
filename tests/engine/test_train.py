"""A trial: learns, evaluates apart, and goes on where it was stopped."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from engine_fakes import STORED, Heard, Regression, Toy, phase

from snc.diagnostics import DataError
from snc.engine import checkpoint
from snc.engine.progress import Silent
from snc.engine.train import Options, PhaseData, train
from snc.model.plan import Draw, RateGroup, RateSchedule, Stored

DATA = PhaseData(Toy(50), Toy(20, "toy-test", part=1))


class Killed(BaseException):
    pass


class KillAt(Silent):
    """Ends the process, as far as training can tell, at the n-th batch."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def batch(self, samples, sums) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


def run(path, phases=None, data=DATA, watch=None, options=None, seed=5):
    phases = phases or (phase(),)
    return train(phases, [data] * len(phases), seed, options or Options(), path, watch or Silent())


def bytes_of(store) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in store.items()}


def test_it_learns_and_notes_every_epoch(tmp_path):
    watch = Heard()
    standing = run(tmp_path / "c.h5", watch=watch)
    assert [r.epoch for r in standing.history] == [1, 2, 3]
    assert watch.records == standing.history
    first, last = standing.history[0], standing.history[-1]
    assert last.train["loss"] < first.train["loss"]
    assert last.test["accuracy"] > 0.5
    assert set(last.test) == {"loss", "accuracy", "sureness"}
    assert first.rates["out"] == pytest.approx(0.1)
    assert last.rates["out"] == pytest.approx(0.05)
    assert standing.seconds == pytest.approx(sum(r.seconds for r in standing.history), abs=0.5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    a, b = run(tmp_path / "a.h5"), run(tmp_path / "b.h5")
    assert bytes_of(a.store) == bytes_of(b.store)
    assert bytes_of(run(tmp_path / "c.h5", seed=6).store) != bytes_of(a.store)


@pytest.mark.parametrize("at", [0, 1, 6, 7, 8, 13, 20])
def test_stopped_and_resumed_is_the_unbroken_run(tmp_path, at):
    whole = run(tmp_path / "whole.h5")
    options = Options(save_batches=2)
    with pytest.raises(Killed):
        run(tmp_path / "c.h5", watch=KillAt(at), options=options)
    again = run(tmp_path / "c.h5", options=options)
    assert bytes_of(again.store) == bytes_of(whole.store)
    numbers = [replace(r, seconds=0) for r in again.history]
    assert numbers == [replace(r, seconds=0) for r in whole.history]


def test_stopped_at_every_batch_it_still_gets_there(tmp_path):
    whole = run(tmp_path / "whole.h5")
    options = Options(save_batches=1)
    for _ in range(30):
        try:
            standing = run(tmp_path / "c.h5", watch=KillAt(1), options=options)
            break
        except Killed:
            continue
    assert bytes_of(standing.store) == bytes_of(whole.store)


def test_a_finished_trial_is_not_run_again_and_more_epochs_go_on(tmp_path):
    run(tmp_path / "c.h5")
    watch = Heard()
    run(tmp_path / "c.h5", watch=watch)
    assert watch.batches == 0
    more = run(tmp_path / "c.h5", options=Options(epochs=5))
    assert bytes_of(more.store) == bytes_of(run(tmp_path / "d.h5", options=Options(epochs=5)).store)


def test_limit_and_epochs(tmp_path):
    watch = Heard()
    standing = run(tmp_path / "c.h5", watch=watch, options=Options(epochs=2, limit=3))
    assert (watch.batches, standing.epoch) == (6, 2)


def test_no_epochs_is_an_evaluation(tmp_path):
    standing = run(tmp_path / "c.h5", phases=(phase(epochs=0),))
    assert [(r.epoch, r.train) for r in standing.history] == [(0, {})]
    assert len(run(tmp_path / "c.h5", phases=(phase(epochs=0),)).history) == 1


def test_a_number_out_of_range_stops_with_its_place_and_keeps_the_last_checkpoint(tmp_path):
    path = tmp_path / "c.h5"
    run(path, options=Options(epochs=1))
    with pytest.raises(DataError, match=r"batch 3 of epoch 2") as error:
        run(path, phases=(phase(Regression(bad_at=2)),))
    assert (error.value.code, error.value.place) == ("not-finite", "h.u at step 3, net.snc:7")
    assert checkpoint.read(path)[1].epoch == 1


def test_phases_keep_weights_and_begin_optimisers_anew(tmp_path):
    seen = {}

    class Look(Regression):
        def learn(self, store, feed, **asked):
            if feed.number == 0 and feed.epoch == 0:
                seen.update({name: array.copy() for name, array in store.items()})
            return super().learn(store, feed, **asked)

    first, second = phase(name="pretrain", epochs=2), phase(Look(), name="finetune", epochs=1)
    alone = run(tmp_path / "alone.h5", phases=(first,))
    both = run(tmp_path / "both.h5", phases=(first, second))
    for name in ("out.weight", "out.bias", "h_feedback.matrix"):
        assert np.array_equal(seen[name], alone.store[name])
    assert alone.store["out.weight.moment"].any()
    assert not seen["out.weight.moment"].any()
    assert [(r.phase, r.epoch) for r in both.history] == [
        ("pretrain", 1), ("pretrain", 2), ("finetune", 1),
    ]  # fmt: skip


def test_every_phase_without_epochs_is_evaluated(tmp_path):
    names = ("learn", "here", "there")
    phases = tuple(phase(name=n, epochs=2 if n == "learn" else 0) for n in names)
    standing = run(tmp_path / "c.h5", phases=phases)
    want = [("learn", 1), ("learn", 2), ("here", 0), ("there", 0)]
    assert [(r.phase, r.epoch) for r in standing.history] == want
    assert standing.history[2].test == standing.history[1].test
    again = run(tmp_path / "c.h5", phases=phases)
    assert [(r.phase, r.epoch) for r in again.history] == want


@pytest.mark.parametrize("at", [3, 13, 14, 16])
def test_phases_resume_too(tmp_path, at):
    phases = (phase(name="pretrain", epochs=2), phase(name="finetune", epochs=1))
    whole, options = run(tmp_path / "whole.h5", phases), Options(save_batches=3)
    with pytest.raises(Killed):
        run(tmp_path / "c.h5", phases, watch=KillAt(at), options=options)
    again = run(tmp_path / "c.h5", phases, options=options)
    assert bytes_of(again.store) == bytes_of(whole.store)


def test_evaluation_leaves_the_states_of_training_alone(tmp_path):
    kept = Stored("memory", (0, 2), "kept", Draw("fill", (3.0,)))
    standing = run(tmp_path / "c.h5", phases=(phase(stored=(*STORED, kept)),))
    assert np.array_equal(standing.store["memory"][:2], np.full((2, 2), 3.0 + 21))
    assert np.array_equal(standing.store["memory"][2:], np.full((6, 2), 3.0 + 18))


def test_a_plateau_is_stored_with_the_run(tmp_path):
    plateau = RateSchedule("plateau", factor=0.5, patience=0, threshold=9.0, quantity="test.loss")
    flat = (phase(rates=(RateGroup("adam", 0.1, plateau, ("out",)),)),)
    whole = run(tmp_path / "whole.h5", flat)
    assert [r.rates["out"] for r in whole.history] == pytest.approx([0.1, 0.1, 0.05])
    with pytest.raises(Killed):
        run(tmp_path / "c.h5", flat, watch=KillAt(15))
    assert bytes_of(run(tmp_path / "c.h5", flat).store) == bytes_of(whole.store)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    run(tmp_path / "c.h5")
    with pytest.raises(DataError, match=r"out\.extra differ"):
        run(tmp_path / "c.h5", (phase(stored=(*STORED, replace(STORED[1], name="out.extra"))),))


def test_other_data_is_refused(tmp_path):
    run(tmp_path / "c.h5")
    with pytest.raises(DataError) as error:
        run(tmp_path / "c.h5", data=PhaseData(Toy(50, "toy-2"), DATA.test))
    assert error.value.code == "other-data"


def test_labels_per_step_and_no_test_data(tmp_path):
    class PerStep(Toy):
        def batch(self, indices, **asked):
            fields, labels, lengths = super().batch(indices, **asked)
            return fields, np.stack([labels * 0 - 1, labels, labels * 0 - 1]), lengths * 0 + 2

    class Last(Regression):
        def learn(self, store, feed, **asked):
            return super().learn(store, replace(feed, labels=feed.labels[1]), **asked)

    data = PhaseData(PerStep(50), None)
    standing = run(tmp_path / "c.h5", (phase(Last()),), data)
    assert standing.history[-1].train["accuracy"] > 0.5
    assert standing.history[-1].test == {}


# Modules whose memory is elsewhere ----------------------------------------------------------------------


class Away:
    """A module that leaves what it learns elsewhere while it is told to."""

    def __init__(self, module) -> None:
        self.module, self.whose, self.mine, self.brought = module, None, {}, 0

    def learn(self, store, feed, *, gradients=False):
        mine = self.mine if store is self.whose else store
        return self.module.learn(mine, feed, gradients=gradients)

    def evaluate(self, store, feed):
        return self.module.evaluate(store, feed)

    def memory(self, steps, batch):
        return self.module.memory(steps, batch)

    @contextmanager
    def staying(self, store):
        def bring() -> None:
            self.brought += 1
            for name, array in self.mine.items():
                store[name][...] = array

        self.whose, self.mine = store, {name: array.copy() for name, array in store.items()}
        try:
            yield bring
        finally:
            bring()
            self.whose = None


@pytest.mark.parametrize("at", [0, 6, 7, 13])
def test_what_is_learned_elsewhere_is_there_for_checkpoints_and_evaluations(tmp_path, at):
    def away():
        plain = phase()
        return (replace(plain, module=Away(plain.module)),)

    whole, options = run(tmp_path / "whole.h5"), Options(save_batches=2)
    with pytest.raises(Killed):
        run(tmp_path / "c.h5", away(), watch=KillAt(at), options=options)
    phases = away()
    again = run(tmp_path / "c.h5", phases, options=options)
    assert bytes_of(again.store) == bytes_of(whole.store)
    assert [replace(r, seconds=0) for r in again.history] == [
        replace(r, seconds=0) for r in whole.history
    ]
    assert phases[0].module.brought > 3  # at every checkpoint inside an epoch, and at its end
