"""Spike-timing rules against sums over the spikes of both neurons, written from the times alone."""

from __future__ import annotations

from math import exp
from pathlib import Path

import numpy as np
import pytest
from library_text import wrong
from networks import net_of

# Two synapses of one neuron: `h_in` learns, `teach` makes the neuron fire when it is told to. The third
# input is what the reward is read from.
TAUGHT = """
network taught():
    input x[3]
    h_in   = dense(part(x), 1)
    teach  = dense(part(x), 1, fixed = true)
    h      = h_in + teach | lif_hard(leak = 0, theta = 0.5)
    reward = sum(dense(part(x), 1, fixed = true), over = neuron)
block part(x):
    output x
experiment windows:
    dt      = 1 ms
    network = taught()
    learn h_in by {rule}
"""
STEPS = 260


def change(
    rule: str,
    pre: list[int],
    post: list[int],
    folder: Path,
    reward: dict[int, float] | None = None,
    declared: str = "",
) -> float:
    """By how much the weight of a synapse changes, given the times of its spikes."""
    made = net_of(declared + TAUGHT.format(rule=rule), folder, record=("h.s",))
    inputs = np.zeros((STEPS, 1, 3))
    inputs[pre, 0, 0] = inputs[post, 0, 1] = 1
    for t, value in (reward or {}).items():
        inputs[t, 0, 2] = value
    given = {
        "h_in.weight": np.array([[0.4, 0, 0]]),
        "teach.weight": np.array([[-1.0, 1.0, 0]]),
        "reward.weight": np.array([[0, 0, 1.0]]),
    }
    both = set(pre) & set(post)
    given["teach.weight"][0, 0] = 0 if both else -1.0
    ran = made.learn(inputs, None, given)
    assert ran.outcome.records["h.s"][:, 0, 0].nonzero()[0].tolist() == sorted(post)
    changes = ran.after["h_in.weight"] - ran.before["h_in.weight"]
    return float(changes[0, 0])


TRAINS = {
    "post after pre": ([20], [30]),
    "pre after post": ([35], [30]),
    "post pre post": ([25], [20, 30]),
    "pre post pre": ([20, 30], [25]),
    "a pair that repeats at 20 Hz": ([10, 60, 110, 160, 210], [20, 70, 120, 170, 220]),
    "irregular trains": ([3, 9, 40, 41, 90, 200], [5, 39, 44, 95, 96, 150, 210]),
    "in the same step": ([10, 50], [10, 30, 50]),
}


# Pairs ----------------------------------------------------------------------------------------------------

PAIRS = "stdp(tau_pre = 17 ms, tau_post = 34 ms)"


def pairs(pre: list[int], post: list[int]) -> float:
    """Song, Miller and Abbott 2000, all to all: every pair by its window."""
    after = sum(exp(-(t - p) / 17) for t in post for p in pre if p <= t)
    before = sum(exp(-(p - t) / 34) for t in post for p in pre if t <= p)
    return 0.01 * after - 0.012 * before


@pytest.mark.parametrize("name", ["irregular trains", "in the same step"])
def test_pair_stdp_is_the_sum_over_all_pairs(name: str, tmp_path: Path) -> None:
    pre, post = TRAINS[name]
    want = pairs(pre, post)
    assert abs(want) > 1e-4
    assert change(PAIRS, pre, post, tmp_path) == pytest.approx(want, rel=1e-9)
    for k, changed in enumerate(
        ("post * p -> post * p[t-1]", "q * pre -> q * post", "decay(tau_post) -> decay(tau_pre)")
    ):
        got = change(PAIRS, pre, post, tmp_path / str(k), declared=wrong("rule", "stdp", changed))
        assert got != pytest.approx(want, rel=1e-3), changed


# Triplets -----------------------------------------------------------------------------------------------

PLUS, MINUS, X, Y = 16.8, 33.7, 101.0, 125.0
A2P, A3P, A2M, A3M = 5e-10, 6.2e-3, 7e-3, 2.3e-4


def triplets(pre: list[int], post: list[int]) -> float:
    """Pfister and Gerstner 2006, all to all: every pair, and every pair with an earlier third spike."""
    total = 0.0
    for t in post:
        pairs = sum(exp(-(t - p) / PLUS) for p in pre if p <= t)
        total += pairs * (A2P + A3P * sum(exp(-(t - 1 - o) / Y) for o in post if o < t))
    for t in pre:
        pairs = sum(exp(-(t - o) / MINUS) for o in post if o <= t)
        total -= pairs * (A2M + A3M * sum(exp(-(t - 1 - p) / X) for p in pre if p < t))
    return total


@pytest.mark.parametrize("name", TRAINS)
def test_the_triplet_rule_is_the_sum_over_pairs_and_triplets(name: str, tmp_path: Path) -> None:
    pre, post = TRAINS[name]
    want = triplets(pre, post)
    assert abs(want) > 1e-10
    assert change("triplet_stdp()", pre, post, tmp_path) == pytest.approx(want, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    "changed",
    [
        "a3_plus * o2[t-1] -> a3_plus * o2",
        "a3_minus * r2[t-1] -> a3_minus * r2",
        "decay(tau_y) -> decay(tau_x)",
        "- pre * o1 -> + pre * o1",
    ],
)
def test_a_wrong_triplet_rule_is_noticed(changed: str, tmp_path: Path) -> None:
    pre, post = TRAINS["irregular trains"]
    got = change(
        "triplet_stdp()", pre, post, tmp_path, declared=wrong("rule", "triplet_stdp", changed)
    )
    assert got != pytest.approx(triplets(pre, post), rel=1e-3)


def test_triplets_make_fast_pairs_potentiate_and_slow_ones_not(tmp_path: Path) -> None:
    """What the rule is for: pre 10 ms before post depresses (hardly changes) alone, potentiates at a high rate."""
    alone = change("triplet_stdp()", [20], [30], tmp_path / "a")
    often = change("triplet_stdp()", [*range(20, 240, 20)], [*range(30, 250, 20)], tmp_path / "b")
    assert abs(alone) < 1e-9
    assert often > 1e-3


# Rewarded -----------------------------------------------------------------------------------------------


def rewarded(pre: list[int], post: list[int], reward: dict[int, float]) -> float:
    """Every pair leaves an eligibility when its second spike comes; every reward finds what is left of it."""
    marks: dict[int, float] = {}
    for t in post:
        marks[t] = marks.get(t, 0) + 1.5 * sum(exp(-(t - p) / 20) for p in pre if p <= t)
    for t in pre:
        marks[t] = marks.get(t, 0) - 0.5 * sum(exp(-(t - o) / 20) for o in post if o <= t)
    left = {r: sum(m * exp(-(r - t) / 80) for t, m in marks.items() if t <= r) for r in reward}
    return 1e-2 * sum(value * left[r] for r, value in reward.items())


RULE = "reward_stdp(tau_e = 80 ms, a_plus = 1.5, a_minus = 0.5, rate = 0.01) from reward(reward)"
REWARDS = {
    "at the pair": {30: 1.0},
    "long after": {130: 1.0},
    "punished": {90: -1.0},
    "again and again": {25: 0.5, 60: -0.7, 61: 1.0, 200: 2.0},
}


@pytest.mark.parametrize("name", REWARDS)
@pytest.mark.parametrize("times", ["post after pre", "irregular trains", "in the same step"])
def test_rewarded_stdp_pays_for_what_is_left_of_every_pair(
    name: str, times: str, tmp_path: Path
) -> None:
    pre, post = TRAINS[times]
    want = rewarded(pre, post, REWARDS[name])
    assert abs(want) > 1e-6
    assert change(RULE, pre, post, tmp_path, REWARDS[name]) == pytest.approx(want, rel=1e-9)


def test_without_reward_nothing_is_learned_and_a_wrong_decay_is_noticed(tmp_path: Path) -> None:
    pre, post = TRAINS["irregular trains"]
    assert change(RULE, pre, post, tmp_path / "a") == 0
    reward = REWARDS["long after"]
    declared = wrong("rule", "reward_stdp", "decay(tau_e) -> decay(tau)")
    got = change(RULE, pre, post, tmp_path / "b", reward, declared)
    assert got != pytest.approx(rewarded(pre, post, reward), rel=1e-2)
