"""Stages split in time: what a state runs through goes step by step, all else is there for all steps at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_specs import TEXTS, odd

from snc.codegen.prepare import prepared
from snc.compile import program_of
from snc.graph.graph import Graph, Node
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.program.schedule import Schedule, schedule

SPECS = Path(__file__).parents[2] / "specs"
SHIPPED = ["stllr/shd.snc", "tess/cifar10_dvs.snc", "bench/bptt_shd.snc", "bench/infer_vgg9.snc"]
STEPWISE = ["through time at every step", "two next rules with windows of their own"]


def graphs(path: Path) -> list[Graph]:
    file = load_file(path)
    name = file.experiments()[0].node.name.text
    program = program_of(resolve(choose(file, name)), fed=None)[1]
    return [prepared(g) for g in (program.learn, program.evaluate) if g is not None]


def graph_of(name: str, folder: Path) -> Graph:
    path = folder / "odd.snc"
    path.write_text(f"snc 1\n{odd(name).text}")
    return graphs(path)[0]


def planned(graph: Graph) -> Schedule:
    return schedule(graph, ("in_layers", "gates"), apart=True, at_once=True)


def reads(graph: Graph, node: Node) -> list[tuple[str, bool]]:
    """What a node reads, and whether at another step."""
    found = []
    for name in node.args:
        read = graph.by_name[name]
        delayed = read.op in ("previous", "later")
        found.append((graph.state[read.get("state")].value if delayed else name, delayed))
    return found


def in_order(plan: Schedule) -> set[int]:
    """The stages of which a value reads another of the same stage at another step."""
    graph, stage = plan.graph, plan.stage
    return {
        stage[n.name]
        for n in graph.nodes
        if n.name in stage
        for value, delayed in reads(graph, n)
        if delayed and stage.get(value) == stage[n.name]
    }


def check(graph: Graph) -> tuple[Schedule, set[int]]:
    plan, whole = planned(graph), schedule(graph, ("in_layers", "gates"), apart=True)
    assert plan.stage.keys() == whole.stage.keys()
    assert (plan.turn, len(plan.stages)) >= (whole.turn, len(whole.stages))
    for node in graph.nodes:
        for value, _ in reads(graph, node):
            if plan.chunk.most != 1 and node.name in plan.stage and value in plan.stage:
                assert plan.stage[value] <= plan.stage[node.name], (value, node)
    return plan, in_order(plan)


@pytest.mark.parametrize("name", TEXTS)
def test_no_stage_reads_a_later_one(name: str, tmp_path: Path) -> None:
    check(graph_of(name, tmp_path))


@pytest.mark.parametrize("name", SHIPPED)
def test_products_that_no_state_runs_through_are_made_at_once(name: str) -> None:
    for graph in graphs(SPECS / name):
        plan, ordered = check(graph)
        products = [n for n in graph.nodes if n.op == "project" and n.name in plan.stage]
        at_once = [n for n in products if plan.stage[n.name] not in ordered]
        recurrent = [n for n in products if n not in at_once]
        assert len(at_once) >= 2
        assert len(recurrent) == ("shd" in name)
        assert 0 < len(ordered) < len(plan.stages)


def test_what_runs_apart_are_stages_of_their_own() -> None:
    """Traces do not wait for one another: each is a stage."""
    graph = graphs(SPECS / "stllr/shd.snc")[0]
    plan, ordered = check(graph)
    alone = [s for s in ordered if all(n.op != "project" for n in plan.stages[s])]
    assert len(alone) >= 5
    assert all(len(plan.stages[s]) <= 4 for s in alone)


@pytest.mark.parametrize("name", STEPWISE)
def test_a_chunk_of_one_step_is_not_split(name: str, tmp_path: Path) -> None:
    graph = graph_of(name, tmp_path)
    plan = planned(graph)
    assert plan.chunk.most == 1
    assert plan.stage == schedule(graph, ("in_layers", "gates"), apart=True).stage
