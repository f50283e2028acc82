"""Every pass may be left out: speed changes, results do not."""

from __future__ import annotations

import pytest
from networks import CONFORMANCE, differing, disagreements, golden, net

from snc.graph.clock import clocks_of
from snc.passes import NEEDED, OPTIONAL, PASSES, name_of, run_passes
from snc.program.optional import OPTIONAL as ALL

NAMES = sorted(OPTIONAL)
# One with back-propagation through time, one with eligibilities, one with an update at every step.
CASES = ["bptt_recurrent", "stllr_recurrent_bp", "tp_recurrent"]


def test_these_are_all_passes_that_may_be_left_out() -> None:
    names = ["exchange_traces", "factorise", "fold_constants", "hoist_updates", "merge_products",
             "remove_unused", "share"]  # fmt: skip
    assert names == NAMES
    assert {*map(name_of, PASSES)} == {*OPTIONAL, *NEEDED}
    assert {*ALL} == {*OPTIONAL, "gates", "in_layers", "shared_room", "lists", "matrices"}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_without_a_pass_a_golden_agrees_and_the_program_is_another(name: str, case: str) -> None:
    want, path = golden(case), CONFORMANCE / f"{case}.snc"
    whole, less = (net(path, record=want.records, without=w) for w in ((), (name,)))
    if case == "stllr_recurrent_bp":  # every pass has something to do here
        assert whole.program.learn.text() != less.program.learn.text()
    ran = want.run(less)
    assert disagreements(want, ran) == {}
    assert differing(want.run(whole), ran, 1e-9) == {}


@pytest.mark.parametrize("case", CASES)
def test_without_any_pass_a_golden_agrees(case: str) -> None:
    want = golden(case)
    made = net(CONFORMANCE / f"{case}.snc", record=want.records, without=NAMES)
    assert disagreements(want, want.run(made)) == {}


def test_the_passes_make_less_to_compute_at_every_step() -> None:
    path = CONFORMANCE / "stllr_recurrent_bp.snc"
    graphs = [net(path, without=w).program.learn for w in ((), NAMES)]
    whole, none = ([*clocks_of(g).values()].count("forward") for g in graphs)
    assert whole < 0.85 * none


def test_a_second_round_of_all_passes_changes_nothing() -> None:
    graph = net(CONFORMANCE / "stllr_recurrent_bp.snc").program.learn
    again = run_passes(graph)
    assert len(again.nodes) == len(graph.nodes)
    assert again.text() == run_passes(again).text()
