"""Every neuron of the library against its equations in NumPy, and where there is one against a closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import by_hand
import numpy as np
import pytest
from by_hand import Array, Neuron
from library_text import wrong
from networks import Arrays, difference, net_of

ONE = """
network one():
    input x[3]
    h = dense(x, 4) | {neuron}
experiment alone:
    network = one()
    loss    = mean(h)
    learn h by descent(loss)
    train:
        optimiser = sgd(0)
"""


@dataclass(frozen=True)
class Case:
    """A neuron, by hand, what of it to compare, what to make wrong."""

    call: str
    by_hand: Callable[[], Neuron]
    names: tuple[str, ...]
    change: str


CASES = [
    Case("lif()", partial(by_hand.lif, 0.5, 0.6), ("v", "psi", "s", "u"), "v > theta -> v > 1.3 * theta"),
    Case("lif_inclusive()", partial(by_hand.lif, 0.5, 1, by_hand.arctan, inclusive=True), ("v", "psi", "s", "u"),
         "- reset * s -> - 0.5 * reset * s"),
    Case("lif_undecayed()", partial(by_hand.lif_undecayed, 0.5, 1), ("v", "psi", "s"), "v[t-1] -> (v[t-1] - 0.1)"),
    Case("lif_hard(leak = 0.9)", partial(by_hand.lif, 0.9, 1, hard=True), ("v", "psi", "s", "u"),
         "v * (1 - stop(s)) -> v - theta * stop(s)"),
    Case("lif_hard_inclusive(leak = 0.9)", partial(by_hand.lif, 0.9, 1, by_hand.arctan, inclusive=True, hard=True),
         ("v", "psi", "s", "u"), "v * (1 - s) -> v - theta * s"),
    Case("alif(leak = 0.8, beta = 0.7, rho = 0.9)", partial(by_hand.alif, 0.8, 0.6, 0.7, 0.9),
         ("v", "b", "a", "psi", "s"), "/ theta) / theta -> / theta)"),
    Case("lif_refractory(n = 3)", partial(by_hand.lif_refractory, 0.95, 0.6, 3), ("v", "psi", "s"),
         "able * surrogate -> surrogate"),
    Case("lif_synaptic()", partial(by_hand.lif_synaptic, 0.9, 0.8, 1), ("c", "v", "psi", "s", "u"),
         "u[t-1] + c -> u[t-1] + c[t-1]"),
    Case("snu()", partial(by_hand.snu, 0.8, 1), ("v", "psi", "s"), "s[t-1] -> s[t-2]"),
    Case("decolle_neuron()", partial(by_hand.decolle_neuron, 0.65), ("u", "r", "psi", "s"), "(1 - relax) * s -> s"),
]  # fmt: skip


def recorded(case: Case, currents: Array, folder: Path, declared: str = "") -> Arrays:
    """What the compiled neuron does with currents [steps, batch, 4]; the weights pass them on."""
    names = tuple(f"h.{name}" for name in case.names)
    made = net_of(
        declared + ONE.replace("x[3]", "x[4]").format(neuron=case.call), folder, record=names
    )
    records = made.evaluate(currents, given={"h.weight": np.eye(4)}).outcome.records
    return {name.removeprefix("h."): records[name] for name in names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.call.split("(")[0])
def test_a_neuron_is_its_equations(case: Case, tmp_path: Path) -> None:
    currents = np.random.default_rng(6).normal(0.25, 0.6, (50, 3, 4))
    want = by_hand.run(case.by_hand(), currents)
    got = recorded(case, currents, tmp_path)
    assert 0.05 < want["s"].mean() < 0.95
    assert np.array_equal(want["s"], got["s"])
    for name in case.names:
        assert np.ptp(want[name]) > 0, name
        assert difference(want[name], got[name]) < 1e-12, name

    changed = wrong("neuron", case.call.split("(")[0], case.change)
    other = recorded(case, currents, tmp_path / "wrong", changed)
    assert max(difference(want[name], other[name]) for name in case.names) > 1e-2


# Closed forms: constant currents of different size into four neurons ----------------------------------------


CURRENTS = np.array([0.16, 0.25, 0.5, 1.5])


def spikes_of(call: str, tmp_path: Path, *more: str, steps: int = 200) -> Arrays:
    case = Case(call, lambda: by_hand.lif(0, 1), ("s", *more), "")
    return recorded(case, np.tile(CURRENTS, (steps, 1, 1)), tmp_path)


def period(spikes: Array) -> Array:
    """The distance between spikes of each neuron, 0 if it is silent; it must be regular."""
    found = []
    for train in spikes[:, 0].T:
        gaps = np.diff(train.nonzero()[0])
        assert gaps.size == 0 or np.unique(gaps).size == 1
        found.append(gaps[0] if gaps.size else 0)
    return np.array(found)


def steps_to_threshold(leak: float, theta: float) -> Array:
    """The first n with i (1 - leak^n) / (1 - leak) > theta; 0 if the limit is below theta."""
    short = 1 - theta * (1 - leak) / CURRENTS
    safe = np.where(short > 0, short, 0.5)
    return np.where(short > 0, np.floor(np.log(safe) / np.log(leak)) + 1, 0).astype(int)


@pytest.mark.parametrize("neuron", ["lif_hard", "lif_hard_inclusive", "snu"])
def test_after_a_hard_reset_the_charge_from_zero_is_the_period(neuron: str, tmp_path: Path) -> None:
    got = spikes_of(f"{neuron}(leak = 0.8, theta = 1)", tmp_path)["s"]
    want = steps_to_threshold(0.8, 1)
    assert want.tolist() == [0, 8, 3, 1]
    assert period(got).tolist() == want.tolist()
    assert got.argmax(0)[0].tolist()[1:] == (want - 1).tolist()[1:]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_refractory_neuron_under_a_strong_current_fires_every_n_plus_one_steps(
    n: int, tmp_path: Path
) -> None:
    got = spikes_of(f"lif_refractory(leak = 0.5, theta = 0.6, n = {n})", tmp_path)["s"]
    assert period(got)[3] == n + 1
    assert got[:, 0, 0].sum() == 0


def test_a_synaptic_current_charges_the_membrane_by_the_difference_of_two_exponentials(
    tmp_path: Path,
) -> None:
    """After one impulse v_t = (leak^(t+1) - leak_synapse^(t+1)) / (leak - leak_synapse)."""
    case = Case("lif_synaptic(theta = 10)", lambda: by_hand.lif(0, 1), ("v", "s"), "")
    impulse = np.zeros((40, 1, 4))
    impulse[0] = CURRENTS
    got = recorded(case, impulse, tmp_path)
    n = np.arange(1, 41)[:, None, None]
    assert got["s"].max() == 0
    assert difference(CURRENTS * (0.9**n - 0.8**n) / (0.9 - 0.8), got["v"]) < 1e-12


def test_below_threshold_an_undecayed_reset_falls_like_the_membrane(tmp_path: Path) -> None:
    """One spike subtracts theta once, one step later: v_t = drive - theta leak^(t - t_spike - 1)."""
    case = Case("lif_undecayed(leak = 0.9, theta = 1)", lambda: by_hand.lif(0, 1), ("v", "s"), "")
    impulse = np.zeros((30, 1, 4))
    impulse[2] = [0.2, 0.9, 1.5, 1.9]
    got = recorded(case, impulse, tmp_path)
    assert got["s"].sum(0)[0].tolist() == [0, 0, 1, 1]
    t = np.arange(30)[:, None]
    drive = np.where(t >= 2, impulse[2] * 0.9 ** np.maximum(t - 2, 0), 0)
    fallen = np.where(t >= 3, 0.9 ** np.maximum(t - 3, 0), 0) * (impulse[2] > 1)
    assert difference((drive - fallen)[:, None], got["v"]) < 1e-12


def test_the_refractory_trace_of_decolle_is_a_normalised_exponential_of_past_spikes(
    tmp_path: Path,
) -> None:
    """r_t = - (1 - relax) sum over k < t of relax^(t-1-k) s_k: it never goes below -1."""
    got = spikes_of("decolle_neuron(relax = 0.65)", tmp_path, "r")
    assert 0.1 < got["s"].mean() < 0.99
    want = -0.35 * by_hand.past(got["s"], 0.65, strictly=True)
    assert difference(want, got["r"]) < 1e-12
    assert -1 < got["r"].min() < -0.9


# Surrogate slopes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", by_hand.SURROGATES)
def test_a_surrogate_slope_is_its_formula_and_has_its_integral(name: str, tmp_path: Path) -> None:
    """lif(leak = 0) makes psi = slope(current - theta)."""
    case = Case(
        f"lif(leak = 0, theta = 0.5, surrogate = {name})", lambda: by_hand.lif(0, 1), ("psi",), ""
    )
    x = np.linspace(-40, 40, 80001)[None, :, None] + np.zeros(4)
    got = recorded(case, x + 0.5, tmp_path)["psi"]
    x = (x + 0.5) - 0.5
    want = by_hand.SURROGATES[name](x)
    assert difference(want, got) < 1e-12
    integrals = {"triangle": 0.3, "fast": 0.02, "logistic": 1, "rational": np.pi / 10,
                 "arctan": 1, "boxcar": 1, "tanh_slope": 2}  # fmt: skip
    assert got[0, :, 0].sum() * 1e-3 == pytest.approx(integrals[name], rel=1e-2)
