"""`examples/rules.snc` compares rules on one network: each experiment changes one `learn` line of the first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snc.compile import program_of
from snc.lang import ast
from snc.lang.parse import parse
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.source import Source

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "examples" / "rules.snc"
DERIVED = [
    "eprop",
    "ottt",
    "decolle",
    "tess",
    "random_feedback",
    "through_time",
    "traces_propagation",
]


def experiments() -> dict[str, ast.Experiment]:
    spec = parse(Source(SPEC.name, SPEC.read_text(encoding="utf-8")))
    return {d.name.text: d for d in spec.declarations if isinstance(d, ast.Experiment)}


def learn_line(experiment: ast.Experiment) -> str:
    """The first `learn`, on one line with single spaces."""
    found = next(s for s in experiment.body if isinstance(s, ast.Learn))
    return " ".join(found.span.text.split())


def test_each_experiment_is_the_first_with_one_learn_line_changed() -> None:
    found = experiments()
    assert list(found) == ["rules", *DERIVED]
    for name in DERIVED:
        body = [s for s in found[name].body if not isinstance(s, ast.Documentation)]
        assert [type(s) for s in body] == [ast.Learn], name
        assert isinstance(found[name].base, ast.Name)
        assert found[name].base.text == "rules"
    lines = [learn_line(e) for e in found.values()]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("name", DERIVED)
def test_the_changed_line_makes_another_program_of_the_same_network(name: str) -> None:
    file = load_file(SPEC)
    (first, base), (plan, other) = (
        program_of(resolve(choose(file, which), None), "float64", (), ())
        for which in ("rules", name)
    )
    assert base.learn is not None
    assert other.learn is not None
    assert base.learn.text() != other.learn.text()
    assert base.evaluate is not None
    assert other.evaluate is not None
    assert base.evaluate.text() == other.evaluate.text()
    assert (first.epochs, first.batch, first.seeds) == (plan.epochs, plan.batch, plan.seeds)
    assert first.rates == plan.rates


def test_the_table_in_the_documentation_shows_these_lines() -> None:
    page = (ROOT / "docs" / "results.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(learn [^`]+)` \| ([\d.]+) %", page, re.MULTILINE)
    shown = {name: line for name, line, _ in rows}
    want = {name: learn_line(e) for name, e in experiments().items()}
    assert shown == want
    assert all(float(accuracy) >= 90 for _, _, accuracy in rows)
