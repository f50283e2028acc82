"""Formatting changes no meaning: the resolved experiments and their graphs are the same before and after."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from language_page import PAGE, examples, whole
from made_specs import made_specs
from test_format import comments, disturbed, formatted

from snc.build.experiment import Surroundings, build
from snc.diagnostics import SpecError
from snc.lang.parse import parse
from snc.model.library import load_file
from snc.model.resolve import Experiment, resolve
from snc.source import Source

ROOT = Path(__file__).parents[2]
SPECS = [*sorted((ROOT / "specs").rglob("*.snc")), *sorted((ROOT / "examples").glob("*.snc"))]


def meaning(experiment: Experiment) -> dict[str, Any]:
    """All that a resolved experiment says, without places in the text."""
    found: dict[str, Any] = {
        "documentation": experiment.documentation,
        "records": experiment.records,
    }
    for part in ("parameters", "settings", "arguments", "equations", "metrics"):
        found[part] = {name: scoped.value for name, scoped in getattr(experiment, part).items()}
    found["learns"] = [(x.statement, x.override, x.value) for x in experiment.learns]
    for part in ("statements", "freezes", "expectations", "sweeps"):
        found[part] = [statement for statement, _ in getattr(experiment, part)]
    found["phases"] = {name: meaning(phase) for name, phase in experiment.phases.items()}
    return found


def meanings(path: Path) -> dict[str, Any]:
    file = load_file(path)
    assert not file.problems
    return {d.name: meaning(resolve(d)) for d in file.experiments()}


def rewritten(path: Path, text: str, folder: Path) -> Path:
    """The spec with another text, beside the files that it may take names from."""
    copied = folder / path.parent.name
    shutil.copytree(path.parent, copied)
    (copied / path.name).write_text(text, encoding="utf-8")
    return copied / path.name


@pytest.mark.parametrize("path", SPECS, ids=[f"{p.parent.name}/{p.stem}" for p in SPECS])
def test_a_shipped_spec_means_the_same_in_any_layout(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    once = formatted(disturbed(text, random.Random(path.stem)))
    assert formatted(once) == once
    assert comments(once) == comments(text)
    assert meanings(rewritten(path, once, tmp_path)) == meanings(path)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The examples of the language page as one file, as they are and from another layout."""
    folder = tmp_path_factory.mktemp("page")
    texts = {"plain.snc": whole(), "other.snc": formatted(disturbed(whole(), random.Random(1)))}
    assert texts["plain.snc"] != texts["other.snc"]
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "plain.snc", folder / "other.snc"


def test_the_examples_of_the_page_mean_the_same_in_any_layout(pages: tuple[Path, Path]) -> None:
    assert len(examples()) > 20, PAGE
    plain, other = (meanings(p) for p in pages)
    assert len(plain) > 30
    assert plain == other


def test_the_graphs_of_the_examples_are_the_same_in_any_layout(pages: tuple[Path, Path]) -> None:
    names = [n for e in examples() if e.kind == "run" for n in e.experiments()]
    assert len(names) > 20
    files = [load_file(p) for p in pages]
    for name in names:
        graphs = []
        for file in files:
            (declared,) = [d for d in file.experiments() if d.name == name]
            built = build(resolve(declared), Surroundings(dt=1e-3), training=True)
            graphs.append(built.graph.text())
        assert graphs[0] == graphs[1], name
        assert "project(" in graphs[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made_specs())
def test_any_spec_keeps_its_tree_and_comments_and_settles_at_once(text: str) -> None:
    try:
        tree = parse(Source("x", text))
    except SpecError:
        assume(False)
    once = formatted(text)
    assert parse(Source("x", once)) == tree
    assert comments(once) == comments(text)
    assert formatted(once) == once
    again = formatted(disturbed(once, random.Random(len(text))))
    assert parse(Source("x", again)) == tree
    assert comments(again) == comments(text)
    assert formatted(again) == again
