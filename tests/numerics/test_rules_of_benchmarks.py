"""The rules that `specs/bench` has of its own, against NumPy: they are tested where the peer's library is not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import by_hand
import numpy as np
import pytest
from library_text import declaration, wrong
from networks import difference, net_of
from test_rules_by_hand import LABELS, RECURRENT, STEPS, Case, Run, calculated, given, lif

from snc.module import Outcome

A, LEAK, READOUT_LEAK = 0.7, 0.8, 0.9
FILE = "bench/pp_shd.snc"
WEIGHTS = ("h_in.weight", "h_rec.weight", "out.weight")


def smoothed(leak: float) -> by_hand.Array:
    """What BrainTrace's pp_prop keeps of a neuron whose membrane only leaks, [steps, 1, 1], without its bias."""
    bias = 1 - A ** np.arange(1, STEPS + 1)
    return by_hand.past(np.full((STEPS, 1, 1), 1 - A), A * leak) / bias[:, None, None]


def pp_prop(
    pre: by_hand.Array, post: by_hand.Values, signal: by_hand.Array, *, leak: float = LEAK
) -> by_hand.Array:
    """The signal at the membrane, times what is kept of the neuron, times the filtered input."""
    at_membrane = signal * post.get("psi", 1)
    eligibility = by_hand.at_synapses(smoothed(leak) * np.ones_like(signal), by_hand.past(pre, A))
    return by_hand.total(at_membrane, eligibility)


CASE = Case(f"pp_prop({A})", *lif, pp_prop, "")
RULES = {name: declaration("rule", name, FILE) for name in ("pp_prop", "pp_prop_readout")}


def calculated_by_hand(monkeypatch: pytest.MonkeyPatch) -> Run:
    at_readout = partial(pp_prop, leak=READOUT_LEAK)
    with monkeypatch.context() as patched:
        patched.setattr(
            by_hand, "readout", lambda pre, post, error, decay: at_readout(pre, post, error)
        )
        return calculated(CASE)


def learned(rules: dict[str, str], tmp_path: Path) -> Outcome:
    network = RECURRENT.format(rule=CASE.rule, neuron=CASE.neuron)
    text = "".join(rules.values()) + network.replace("readout(0.9)", f"pp_prop_readout({A})")
    inputs, weights = given()
    return net_of(text, tmp_path, record=("h.s",)).learn(inputs, LABELS, weights).outcome


def test_pp_prop_is_what_braintrace_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want, got = calculated_by_hand(monkeypatch), learned(RULES, tmp_path)
    assert 0.1 < want.spikes.mean() < 0.9
    assert np.array_equal(want.spikes, got.records["h.s"])
    for name in WEIGHTS:
        assert np.abs(want.gradients[name]).max() > 1e-3, name
        assert difference(want.gradients[name], got.gradients[name]) < 1e-9, name


@pytest.mark.parametrize(
    "change", ["f / c -> f", "a * post.leak -> post.leak", "a * x[t-1] -> x[t-1]"]
)
def test_pp_prop_with_one_thing_wrong_is_noticed(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {name: wrong("rule", name, change, FILE) for name in RULES}
    want, got = calculated_by_hand(monkeypatch), learned(changed, tmp_path)
    for name in WEIGHTS:
        assert difference(want.gradients[name], got.gradients[name]) > 1e-3, name
