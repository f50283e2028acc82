"""How often a value changes follows from its leaves."""

from __future__ import annotations

import pytest

from snc.graph.builder import Builder
from snc.graph.clock import CLOCKS, clocks
from snc.graph.graph import SAMPLE, Axis

C = Axis("channel", 3)


def clock(build: Builder, name: str) -> str:
    return clocks(build.nodes.values())[name]


@pytest.mark.parametrize(
    ("op", "attributes", "expected"),
    [
        ("const", {"value": 1.0}, "fixed"),
        ("stored", {"name": "w"}, "fixed"),
        ("range", {"n": 3}, "fixed"),
        ("linspace", {"first": 0, "last": 1, "n": 3}, "fixed"),
        ("scalar", {"name": "batch"}, "fixed"),
        ("scalar", {"name": "steps"}, "fixed"),
        ("scalar", {"name": "epoch"}, "fixed"),
        ("scalar", {"name": "rate:o1"}, "fixed"),
        ("scalar", {"name": "step"}, "forward"),
        ("field", {"name": "input"}, "forward"),
        ("previous", {"state": "u"}, "forward"),
        ("later", {"state": "u"}, "backward"),
    ],
)
def test_a_leaf_has_its_own_clock(op: str, attributes: dict[str, object], expected: str) -> None:
    build = Builder()
    assert clock(build, build.node(op, (), (C,), **attributes)) == expected


def test_a_random_value_is_drawn_at_every_step_though_its_chance_is_fixed() -> None:
    build = Builder()
    drawn = build.node("random", (build.number(0.5),), (C,), stream="s", every="step")
    assert clock(build, drawn) == "forward"


def test_a_value_is_as_fast_as_its_fastest_operand() -> None:
    build = Builder()
    leaves = {
        "fixed": build.node("stored", (), (C,), name="w"),
        "forward": build.node("field", (), (SAMPLE, C), name="x"),
        "backward": build.later("u", (SAMPLE, C)),
    }
    leaves["commit"] = build.node("collect", (leaves["forward"], build.number(1)), (C,), group="g")
    for slow in CLOCKS:
        for fast in CLOCKS[CLOCKS.index(slow) :]:
            assert clock(build, build.mul(leaves[fast], leaves[slow])) == fast


def test_what_is_collected_changes_at_updates_whatever_it_is_made_of() -> None:
    build = Builder()
    for operand in (build.number(1), build.later("u", (C,)), build.node("field", (), (C,))):
        collected = build.node("collect", (operand, build.number(1)), (C,), group="g")
        assert clock(build, collected) == "commit"
        assert clock(build, build.apply("sqrt", collected)) == "commit"
