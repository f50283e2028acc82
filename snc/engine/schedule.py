"""Learning rates from epoch to epoch: pure functions of the epoch and of a state that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import cos, inf, isfinite, pi

from snc.model.plan import RateGroup, RateSchedule


@dataclass(frozen=True, slots=True)
class Plateau:
    """Where a plateau schedule stands: the best value, epochs without a better one, cuts so far."""

    best: float = inf
    bad_epochs: int = 0
    cuts: int = 0


def rate(group: RateGroup, epoch: int, plateau: Plateau = Plateau()) -> float:
    """The learning rate in epoch `epoch`, counted from 0.

    cosine    rate * (floor + (1 - floor) * (1 + cos(pi * epoch / period)) / 2)
    drops     rate * factor ^ floor(epoch / period)
    plateau   rate * factor ^ cuts
    """
    plan = group.schedule
    match plan.kind:
        case "cosine":
            return group.rate * (
                plan.floor + (1 - plan.floor) * (1 + cos(pi * epoch / plan.period)) / 2
            )
        case "drops":
            return group.rate * plan.factor ** int(epoch // plan.period)
        case "plateau":
            return group.rate * plan.factor**plateau.cuts
        case _:
            return group.rate


def after_epoch(plan: RateSchedule, state: Plateau, value: float) -> Plateau:
    """The state of a plateau schedule after an epoch in which its quantity had `value`.

    A value is better if it is lower than the best by more than the share `threshold` (higher, for
    an accuracy). After more than `patience` epochs without one the rate is cut and the count of
    epochs begins anew.
    """
    if plan.quantity.endswith("accuracy"):
        value = -value
    bar = state.best - abs(state.best) * plan.threshold if isfinite(state.best) else state.best
    if value < bar:
        return replace(state, best=value, bad_epochs=0)
    if state.bad_epochs + 1 > plan.patience:
        return replace(state, bad_epochs=0, cuts=state.cuts + 1)
    return replace(state, bad_epochs=state.bad_epochs + 1)


def rates(
    groups: tuple[RateGroup, ...], epoch: int, plateaus: Mapping[str, Plateau]
) -> dict[str, float]:
    """The rate of every group in an epoch, by name."""
    return {g.name: rate(g, epoch, plateaus.get(g.name, Plateau())) for g in groups}


def by_learner(groups: tuple[RateGroup, ...], used: Mapping[str, float]) -> dict[str, float]:
    """The rates of groups by what they move, as the network calls it."""
    return {name: used[g.name] for g in groups for name in g.learns if g.name in used}


def plateaus_after(
    groups: tuple[RateGroup, ...], plateaus: Mapping[str, Plateau], values: Mapping[str, float]
) -> dict[str, Plateau]:
    """The states of all plateau schedules after an epoch.

    `values` has the epoch's numbers by name, `train.loss` or `test.accuracy`; a quantity without
    its part is the test's. A quantity that was not measured leaves its schedule where it was.
    """
    after = {}
    for group in groups:
        if group.schedule.kind != "plateau":
            continue
        state, quantity = plateaus.get(group.name, Plateau()), group.schedule.quantity
        value = values.get(quantity, values.get(f"test.{quantity}"))
        after[group.name] = state if value is None else after_epoch(group.schedule, state, value)
    return after
