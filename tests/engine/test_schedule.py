"""Learning rates against closed forms and against a plain loop."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest

from snc.engine.schedule import Plateau, after_epoch, plateaus_after, rate, rates
from snc.model.plan import RateGroup, RateSchedule


def group(**schedule) -> RateGroup:
    return RateGroup("adam", 0.2, RateSchedule(**schedule))


def test_constant_stays():
    assert {rate(RateGroup("adam", 0.2), e) for e in range(9)} == {0.2}


def test_cosine_begins_at_the_rate_and_ends_at_the_floor():
    cosine = group(kind="cosine", period=10, floor=0.25)
    assert rate(cosine, 0) == pytest.approx(0.2)
    assert rate(cosine, 5) == pytest.approx(0.2 * 0.625)
    assert rate(cosine, 10) == pytest.approx(0.05)
    for e in range(11):
        assert rate(cosine, e) == pytest.approx(0.05 + 0.15 * (1 + cos(pi * e / 10)) / 2)


def test_drops_multiply_every_period():
    drops = group(kind="drops", period=3, factor=0.5)
    assert [rate(drops, e) for e in range(8)] == pytest.approx(
        [0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05]
    )


def test_plateau_cuts_after_patience_is_over():
    plan = RateSchedule("plateau", factor=0.5, patience=2, quantity="test.loss")
    state, cuts = Plateau(), []
    for value in [1.0, 0.9, 0.95, 0.9, 0.91, 0.92, 0.8, 0.8, 0.8, 0.8]:
        state = after_epoch(plan, state, value)
        cuts.append(state.cuts)
    assert cuts == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]
    assert state.best == 0.8


def test_plateau_ignores_what_is_better_by_less_than_the_threshold():
    plan = RateSchedule("plateau", factor=0.5, patience=0, threshold=0.1, quantity="loss")
    state = after_epoch(plan, Plateau(), 1.0)
    assert after_epoch(plan, state, 0.95).cuts == 1
    assert after_epoch(plan, state, 0.89) == Plateau(best=0.89)


def test_plateau_of_an_accuracy_waits_for_higher_values():
    plan = RateSchedule("plateau", factor=0.5, patience=0, quantity="test.accuracy")
    state = after_epoch(plan, Plateau(), 0.5)
    assert after_epoch(plan, state, 0.6).cuts == 0
    assert after_epoch(plan, state, 0.4).cuts == 1


def test_plateau_agrees_with_a_plain_loop_on_random_values():
    values = np.random.default_rng(0).random(60)
    plan = RateSchedule("plateau", factor=0.5, patience=3, threshold=0.01, quantity="loss")
    state, lr, best, bad = Plateau(), 0.2, np.inf, 0
    for value in values:
        state = after_epoch(plan, state, float(value))
        if value < best * (1 - 0.01):
            best, bad = value, 0
        else:
            bad += 1
        if bad > 3:
            lr, bad = lr * 0.5, 0
        assert rate(RateGroup("adam", 0.2, plan), 0, state) == pytest.approx(lr)


def test_a_quantity_without_its_part_is_the_test_one_and_a_missing_one_changes_nothing():
    groups = (
        group(kind="plateau", patience=0, factor=0.5, quantity="score_loss"),
        RateGroup("b", 1.0),
    )
    after = plateaus_after(groups, {}, {"train.score_loss": 9.0, "test.score_loss": 1.0})
    assert after == {"adam": Plateau(best=1.0)}
    assert plateaus_after(groups, after, {}) == after
    assert rates(groups, 0, after) == {"adam": 0.2, "b": 1.0}
