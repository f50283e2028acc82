"""A rule, signal or neuron that enters the library brings what it is checked against."""

from __future__ import annotations

import re

import by_hand
import test_neurons
import test_rules_by_hand
import test_signals_by_hand
from library_text import SPECS

ELSEWHERE = {
    "rule": {
        "descent": "test_descent_and_fptt",
        "through_time": "test_closed_forms, test_descent_and_fptt, goldens",
        "readout": "test_rules_by_hand, learned by it at `out`",
        "stdp": "test_closed_forms, test_stdp_windows",
        "triplet_stdp": "test_stdp_windows",
        "reward_stdp": "test_stdp_windows",
        "ostl_recurrent": "test_influence",
    },
    "signal": {},
    "neuron": {"integrator": "test_closed_forms"},
}
HERE = {
    "rule": {case.rule for case in test_rules_by_hand.CASES},
    "signal": {case.call for case in test_signals_by_hand.CASES},
    "neuron": {case.call for case in test_neurons.CASES},
}


def test_every_rule_signal_and_neuron_of_the_library_is_checked_against_something_else() -> None:
    for kind, calls in HERE.items():
        text = (SPECS / "std" / f"{kind}s.snc").read_text(encoding="utf-8")
        declared = set(re.findall(rf"^{kind} (\w+)\(", text, re.MULTILINE))
        checked = {call.split("(")[0] for call in calls} | ELSEWHERE[kind].keys()
        assert len(declared) > 9
        assert declared == checked, kind


def test_every_surrogate_slope_is_checked() -> None:
    text = (SPECS / "std" / "functions.snc").read_text(encoding="utf-8")
    slopes = text.split("# Time constants")[0]
    assert set(re.findall(r"^function (\w+)\(", slopes, re.MULTILINE)) == by_hand.SURROGATES.keys()
