"""Layers as stages: where they begin, what they keep, what is not computed while a window is closed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, differing, net_of

from snc.codegen.prepare import prepared
from snc.compile import program_of
from snc.graph.graph import SAMPLE, Graph
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.program import layers, order
from snc.program import schedule as planned
from snc.program.optional import WAYS
from snc.program.schedule import OPTIONAL, Schedule, schedule

TEXT = """
network net():
    input x[2, 6, 6]
    a   = x | conv(3, kernel = 3, padding = 1, norm = standardise) | lif(leak = 0.8, theta = 0.3) | max_pool(2)
    b   = a | conv(4, kernel = 3, padding = 1, norm = standardise) | lif(leak = 0.8, theta = 0.3)
    c   = b | conv(4, kernel = 3, padding = 1, norm = standardise) | lif(leak = 0.8, theta = 0.3)
    out = c | flatten | dense(3) | integrator(leak = 0.9)
experiment e:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn a, b, c by stllr(0.2, 0.75, -1, 1) from {signal}
    learn out     by descent(loss)
    train:
        during    = {during}
        update    = {update}
        optimiser = sgd(0.1)
"""


def spec(
    signal: str = "backprop(loss)", during: str = "last 3 steps", update: str = "every sequence"
) -> str:
    return TEXT.format(signal=signal, during=during, update=update)


def plan(folder: Path, without: tuple[str, ...] = (), **changed: str) -> Schedule:
    folder.mkdir(exist_ok=True)
    path = folder / "e.snc"
    path.write_text(f"snc 1\n{spec(**changed)}")
    learn = program_of(resolve(choose(load_file(path), None)))[1].learn
    assert learn is not None
    return schedule(prepared(learn), without)


def heavy(found: Schedule) -> list[str]:
    return [
        n.name for n in found.graph.nodes if n.op in ("project", "project_x") and layers.is_large(n)
    ]


def test_every_large_product_begins_a_stage_of_its_own(tmp_path: Path) -> None:
    found = plan(tmp_path)
    stages = [found.stage[name] for name in heavy(found)]
    assert len(stages) >= 5  # three forward, two back
    assert len(set(stages)) == len(stages)


def test_nothing_reads_a_later_stage_at_any_step(tmp_path: Path) -> None:
    for update in ("every sequence", "every step"):
        found = plan(tmp_path, update=update)
        for node in found.graph.nodes:
            for name in node.args:
                source = found.graph.by_name[name]
                state = found.graph.state.get(source.get("state", ""))
                made = found.stage.get(state.value if state else name)
                if node.name in found.stage and made is not None and found.chunk.most != 1:
                    assert made <= found.stage[node.name], (node.name, name)


def test_stages_and_sums_are_ordered_after_what_they_read(tmp_path: Path) -> None:
    found = plan(tmp_path)
    at = {action: k for k, action in enumerate(found.order.actions)}
    assert len(at) == len(found.order.actions)
    assert {a for a in at if isinstance(a, int)} == set(found.stage.values())
    sums = {n.name for n in found.graph.nodes if n.op == "collect"}
    assert {a for a in at if isinstance(a, str)} == sums
    assert len(sums) > 3
    for kept in found.order.kept:
        assert kept.first <= at[found.stage[kept.node]] <= kept.last


def test_values_that_are_needed_together_stand_apart(tmp_path: Path) -> None:
    found = plan(tmp_path)
    placed = [k for k in found.order.kept if k.node in found.order.places]
    assert len(placed) > 10
    for one in placed:
        assert SAMPLE in found.graph.by_name[one.node].axes
        for other in placed:
            together = one.first <= other.last and other.first <= one.last
            low, high = found.order.places[one.node], found.order.places[other.node]
            if one is not other and together:
                assert low + one.size <= high or high + other.size <= low
    assert found.order.total < sum(k.size for k in placed)  # some share a place


def test_a_closed_window_spares_the_products_that_only_updates_read(tmp_path: Path) -> None:
    spared = {n: g for n, g in plan(tmp_path).gate.items() if n in heavy(plan(tmp_path))}
    assert len(spared) == 2  # the signal's way back; what goes forward is needed at every step
    assert len(set(spared.values())) == 1
    assert not plan(tmp_path, during="always").gate


@pytest.fixture(autouse=True)
def chunks_of_five_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "LEAST", 5)
    monkeypatch.setattr(planned, "MOST", 5)


def ran(text: str, folder: Path, backend: str, alive: bool = True, without: str = "") -> Ran:
    left = (without,) if without else ()
    made = net_of(text, folder, backend=backend, record=("a", "c"), without=left)
    random = np.random.default_rng(0)
    inputs = (random.random((13, 3, 2, 6, 6)) < 0.4).astype(float)
    parameters = [s for s in made.program.stored if s.role == "parameter"]
    given = {s.name: random.normal(0.2, 0.6, s.shape) for s in parameters}
    done = made.learn(inputs, random.integers(0, 3, 3), given)
    if alive:
        for name in ("a", "c"):
            assert 0.02 < done.outcome.records[name].mean() < 0.98
        for gradients in done.outcome.gradient_steps.values():
            assert np.abs(gradients).max() > 1e-5
    return done


@pytest.mark.parametrize(
    "changed", [{}, {"signal": "feedback(class_error(out, label))", "update": "every 4 steps"}]
)
def test_layers_compute_what_the_reference_does(changed: dict[str, str], tmp_path: Path) -> None:
    reference, compiled = (ran(spec(**changed), tmp_path, b) for b in ("reference", "cpu"))
    assert differing(reference, compiled, 1e-9) == {}


@pytest.mark.parametrize("name", OPTIONAL)
def test_without_a_part_of_the_schedule_it_is_another_and_the_numbers_are_the_same(
    name: str, tmp_path: Path
) -> None:
    whole, less = plan(tmp_path), plan(tmp_path, without=(name,))
    seen = {
        "gates": lambda p: dict(p.gate),
        "in_layers": lambda p: len(p.stages),
        "shared_room": lambda p: p.order.total,
    }[name]
    assert seen(whole) != seen(less)
    right, other = (ran(spec(), tmp_path, "cpu", without=w) for w in ("", name))
    assert differing(right, other, 1e-9) == {}


def test_products_may_be_made_either_way(tmp_path: Path) -> None:
    right = ran(spec(), tmp_path, "cpu")
    for way, tenths in zip(WAYS, (0, 10), strict=True):
        assert differing(right, ran(spec(), tmp_path, "cpu", without=way), 1e-9) == {}
        emitted = (
            net_of(spec(), tmp_path, backend="cpu", without=(way,)).module.runs["learn"].emitted
        )
        assert {v[-1] for v in emitted.numbers.values() if len(v) in (3, 14)} == {tenths}


def test_what_is_spared_or_placed_wrongly_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ran(spec(), tmp_path, "cpu")
    gate = next(iter(plan(tmp_path).gate.values()))

    def too_much(graph: Graph, *_: object) -> dict[str, str]:
        return {n.name: gate for n in graph.nodes if n.op == "project"}

    with monkeypatch.context() as changed:
        changed.setattr(planned, "gates", too_much)
        assert differing(right, ran(spec(), tmp_path, "cpu", alive=False), 1e-9) != {}
    with monkeypatch.context() as changed:
        changed.setattr(order, "_places", lambda kept: {k.node: 0 for k in kept})
        assert differing(right, ran(spec(), tmp_path, "cpu", alive=False), 1e-9) != {}
