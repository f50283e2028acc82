"""`next` of normalised weights, and first values that are computed from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Net, Ran, net_of

from snc.diagnostics import SpecError

SPEC = """
rule moving(rate = 0.1):
    parameter twice[weight]  = 2 * weight
    parameter centred[weight] = stored.weight - mean(stored.weight, over = pre)
    parameter scale[post]    = 1 + abs(sum(weight, over = pre))
    parameter both           = sum(scale) / 2
    seen = twice * centred
    next {target} = {value} + rate * sum(post * pre, over = uses)
    next scale = scale + both * mean(post, over = sample)
network net():
    input x[3]
    h   = x | dense(4{norm}) | lif(leak = 0.8, theta = 0.3)
    out = h | dense(2)
experiment run:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h by moving()
    learn out by descent(loss)
"""
NORM = ", norm = standardise"


def net(folder: Path, target: str, value: str, norm: str = NORM) -> Net:
    return net_of(SPEC.format(target=target, value=value, norm=norm), folder, record=("h",))


def run(made: Net, steps: int) -> Ran:
    random = np.random.default_rng(4)
    inputs = (random.random((steps, 2, 3)) < 0.6).astype(float)
    return made.learn(inputs, np.array([0, 1]), {"h.weight": random.normal(0.2, 0.6, (4, 3))})


def standardised(w: np.ndarray, gain: np.ndarray) -> np.ndarray:
    z = w - w.mean(1, keepdims=True)
    return gain[:, None] * z / np.sqrt(3 * w.var(1, ddof=1, keepdims=True) + 1e-4)


def pairs(ran: Ran, made: Net) -> np.ndarray:
    """sum over samples of post pre at the first step."""
    random = np.random.default_rng(4)
    inputs = (random.random((1, 2, 3)) < 0.6).astype(float)
    found = np.einsum("bj,bi->ji", ran.outcome.records["h"][0], inputs[0])
    assert found.any()
    return found


@pytest.mark.parametrize(
    ("target", "value", "normed"),
    [
        ("weight", "weight", True),
        ("weight", "stored.weight", False),
        ("stored.weight", "stored.weight", False),
        ("stored.weight", "weight", True),
    ],
)
def test_next_sets_the_stored_weight_and_what_is_read_decides_from_where_it_goes(
    target: str, value: str, normed: bool, tmp_path: Path
) -> None:
    made = net(tmp_path, target, value)
    ran = run(made, 1)
    w, gain = ran.before["h.weight"], ran.before["h.gain"]
    start = standardised(w, gain) if normed else w
    assert np.abs(standardised(w, gain) - w).max() > 0.1
    assert np.abs(ran.after["h.weight"] - (start + 0.1 * pairs(ran, made))).max() < 1e-12


def test_the_norm_is_applied_to_the_new_value(tmp_path: Path) -> None:
    """At the second step the projection computes with the norm of what the first step stored."""
    text = SPEC.format(target="weight", value="weight", norm=NORM)
    made = net_of(text, tmp_path, record=("h.v", "h.u"))
    random = np.random.default_rng(4)
    inputs = (random.random((2, 2, 3)) < 0.6).astype(float)
    given = {"h.weight": random.normal(0.2, 0.6, (4, 3))}
    first, both = (made.learn(inputs[:n], np.array([0, 1]), given) for n in (1, 2))
    want = inputs[1] @ standardised(first.after["h.weight"], first.after["h.gain"]).T
    stale = inputs[1] @ standardised(given["h.weight"], first.after["h.gain"]).T
    assert np.abs(want - stale).max() > 1e-3
    membrane = both.outcome.records
    assert np.abs(membrane["h.v"][1] - 0.8 * membrane["h.u"][0] - want).max() < 1e-12


def test_first_values_are_computed_from_first_values(tmp_path: Path) -> None:
    made = net(tmp_path, "weight", "weight", "")
    store = made.store(seed=5)
    w = store["h.weight"]
    assert np.ptp(w) > 0
    assert np.array_equal(store["h_moving.twice"], 2 * w)
    assert np.abs(store["h_moving.centred"] - (w - w.mean(1, keepdims=True))).max() < 1e-15
    scale = 1 + np.abs(w.sum(1))
    assert np.abs(store["h_moving.scale"] - scale).max() < 1e-15
    assert abs(store["h_moving.both"] - scale.sum() / 2) < 1e-15
    assert not np.array_equal(made.store(seed=6)["h_moving.twice"], store["h_moving.twice"])


def test_a_first_value_of_a_normalised_weight_is_that_of_the_normalised_one(tmp_path: Path) -> None:
    made = net(tmp_path, "weight", "weight")
    store = made.store(seed=5)
    want = 2 * standardised(store["h.weight"], store["h.gain"])
    assert np.abs(store["h_moving.twice"] - want).max() < 1e-12
    assert np.abs(store["h_moving.twice"] - 2 * store["h.weight"]).max() > 0.1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [("2 * post", "not-a-draw"), ("weight * step", "not-a-draw"), ("weight * pre", "not-a-draw")],
)
def test_what_is_not_there_before_the_run_gives_no_first_value(
    wrong: str, code: str, tmp_path: Path
) -> None:
    text = SPEC.format(target="weight", value="weight", norm="").replace(
        "= 2 * weight", f"= {wrong}"
    )
    with pytest.raises(SpecError) as error:
        net_of(text, tmp_path)
    assert [d.code for d in error.value.diagnostics] == [code]
