"""The rows of the papers' tables: all of them are specs, with the numbers and sources that are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from paper_rows import ROWS

from snc.catalogue import entries, rows_markdown
from snc.cli import main
from snc.model.library import choose, load_file, load_text
from snc.model.resolve import phases_of, resolve
from snc.model.rows import rows, rows_of
from snc.source import Source

ROOT = Path(__file__).parents[1]
ALL = rows()
FOUND = {(r.collection, r.name): r for r in ALL}
WANTED = {(c, name) for c, table in ROWS.items() for name in table}
README_ROWS = re.compile(r"(?<=<!-- rows -->\n).*?(?=\n<!-- end of rows -->)", re.DOTALL)


def test_every_row_of_every_table_is_an_experiment_and_no_other_says_so():
    assert set(FOUND) == WANTED


def test_a_row_has_one_name_in_all_collections():
    names = [name.lower() for _, name in WANTED]
    assert len(ALL) == len(WANTED) == len(set(names))


@pytest.mark.parametrize(("collection", "name"), sorted(WANTED))
def test_a_row_states_its_source_and_every_number_printed_for_it(collection, name):
    source, numbers = ROWS[collection][name]
    row = FOUND[collection, name]
    assert row.source == source
    metric, unit = ("endpoint", "") if source == "Table 4" else ("accuracy", " %")
    printed = [
        (", ".join(f"{n} = {v}" for n, v in p.case), p.text, p.metric) for p in row.published
    ]
    want = [(case, f"{m} +- {s}{unit}" if s else m + unit, metric) for case, m, s in numbers]
    assert printed == want


@pytest.mark.parametrize("row", ALL, ids=lambda r: r.name)
def test_a_row_can_be_resolved_with_its_case(row):
    whole = resolve(choose(load_file(row.path), row.experiment), dict(row.case))
    assert phases_of(whole)
    swept = {s.name.text for s, _ in whole.sweeps}
    assert {name for p in row.published for name, _ in p.case} <= swept


def test_experiments_are_listed_with_their_rows():
    listed = {name: line for name, line, _ in entries("experiments")}
    for row in ALL:
        told = re.search(r"\[(.*)\]$", listed[row.spec])
        assert told, row.spec
        assert re.search(rf"{re.escape(row.source)}, rows? .*\b{re.escape(row.name)}\b", told[1])


def test_the_readme_has_the_table_of_rows(request):
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        assert README_ROWS.search(text)
        page.write_text(README_ROWS.sub(lambda _: rows_markdown(), text), encoding="utf-8")
        return
    found = README_ROWS.search(text)
    assert found
    assert found[0] == rows_markdown(), "make it with `make rows`"


def test_the_table_is_for_experiments_only():
    assert CliRunner().invoke(main, ["list", "experiments", "--markdown"]).output.startswith("**")
    assert CliRunner().invoke(main, ["list", "rules", "--markdown"]).exit_code == 2


def told(body: str):
    text = f"snc 1\nexperiment one(k = 1):\n    train.epochs = 1\n{body}"
    (declared,) = load_text(Source("one.snc", text)).experiments()
    return list(rows_of(declared, "mine", Path("one.snc")))


def test_what_makes_a_row():
    (row,) = told('    expect accuracy = 5.0 +- 0.1 % "Table 9, row X-1; a remark"\n')
    assert (row.name, row.source, row.case) == ("X-1", "Table 9", ())
    assert (row.published[0].text, row.published[0].remark) == ("5.0 +- 0.1 %", "a remark")
    assert told('    expect accuracy = 5.0 % "Table 9"\n') == []
    assert told('    expect accuracy = 5.0 % "Table 9, row"\n') == []
    assert told("    expect accuracy = 5.0 %\n") == []


def test_numbers_of_one_case_make_a_row_of_that_case_and_of_several_a_row_of_all():
    case = '    expect accuracy(k = {}) = 5 % "Table 9, row {}"\n'
    first, second = told(case.format(1, "a") + case.format(2, "b"))
    assert (first.case, second.case) == ((("k", "1"),), (("k", "2"),))
    (both,) = told(case.format(1, "a") + case.format(2, "a"))
    assert both.case == ()
    assert len(both.published) == 2


def test_numbers_of_phases_count():
    (row,) = told('    phase last:\n        expect loss = 5 "Table 9, row p"\n')
    assert row.published[0].metric == "loss"
