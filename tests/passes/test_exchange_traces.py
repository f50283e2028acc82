"""Traces on the signal's side say the same as traces on the spikes' side, in chunks of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exchanged import BATCH, PASSES, RULES, STEPS, UPDATES, WINDOWS, chunks_agree, ran, text
from networks import differing, net_of

from snc.graph.graph import Graph
from snc.passes import run_passes
from snc.passes.exchange_traces import exchange_traces
from snc.passes.merge_products import merge_products


def graph(spec: str, folder: Path, without: tuple[str, ...] = PASSES) -> Graph:
    return net_of(spec, folder, without=without).program.learn


def products(of: Graph) -> list[str]:
    """What the collected products of a graph read: on the presynaptic side."""
    found = []
    for node in of.nodes:
        if node.op == "collect" and of.by_name[node.args[0]].op == "project_w":
            read = of.by_name[of.by_name[node.args[0]].args[1]]
            while read.op == "rename":
                read = of.by_name[read.args[0]]
            found.append(read.op)
    return sorted(found)


def test_products_with_a_trace_become_products_with_what_it_is_made_of(tmp_path: Path) -> None:
    before = graph(text(), tmp_path)
    assert products(before) == ["add", "add", "add", "field", "previous"]
    after = exchange_traces(before)
    # each trace: its raw values, and once in a chunk the trace itself as it was before
    assert products(after) == ["field", "field", "previous", "previous", "previous", "previous",
                               "previous", "spike"]  # fmt: skip
    merged = run_passes(merge_products(after))
    assert products(merged) == ["field", "previous", "previous", "previous", "previous", "spike"]
    sweeps = [s for s in merged.states if s.chunked]
    assert len(sweeps) == 2  # the two projections into h share theirs; the readout has its own


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("during", WINDOWS)
@pytest.mark.parametrize("rule", RULES)
def test_the_exchanged_run_gives_the_same_numbers(
    rule: str, during: str, update: str, tmp_path: Path
) -> None:
    spec = text(rule, during, update)
    want, got = ran(spec, tmp_path, without=PASSES), ran(spec, tmp_path)
    assert differing(want, got) == {}
    assert differing(want, ran(spec, tmp_path, without=("merge_products",))) == {}


@pytest.mark.parametrize("chunk", [1, 3, 4, 11])
def test_chunks_of_any_length_agree(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks_agree("cuda", chunk, tmp_path, monkeypatch)


def test_nothing_is_exchanged_where_weights_change_at_every_step(tmp_path: Path) -> None:
    before = graph(text(update="every step"), tmp_path)
    assert not any(s.chunked for s in exchange_traces(before).states)


def test_a_decay_of_every_neuron_s_own_is_left_alone(tmp_path: Path) -> None:
    own = "    constant fade[pre] = uniform(0.5, 0.9)\n    p = fade * p[t-1] + pre\n"
    rule = f"rule faded():\n{own}    gradient weight = signal * post.psi * p\n"
    spec = rule + text().replace(RULES["both terms"], "faded() from backprop(loss)")
    after = exchange_traces(graph(spec, tmp_path))
    assert [s.name for s in after.states if s.chunked] == ["swept0"]  # that of the readout
    assert differing(ran(spec, tmp_path, without=PASSES), ran(spec, tmp_path)) == {}


def test_an_update_whose_window_never_opened_does_not_happen(tmp_path: Path) -> None:
    """Adam would move by its moments: the second update of a sequence must be left out, not be one of 0."""
    spec = text(during="last 4 steps", update="every 3 steps").replace("sgd(0.05)", "adam(0.01)")
    made = net_of(spec, tmp_path)
    random = np.random.default_rng(0)
    inputs = (random.random((STEPS, BATCH, 6)) < 0.5).astype(float)
    outcome = made.learn(inputs, random.integers(0, 3, BATCH)).outcome
    assert (
        outcome.gradient_steps["h_in.weight"].shape[0] == 2
    )  # after steps 9 and 11 of 3, 6, 9, 11
