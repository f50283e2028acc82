"""The certificates against the tables of the papers, and docs/certificates.md against both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from explain_specs import library_table

import snc.explain
from snc.explain.tabletext import table_text

PAGE = Path(__file__).parents[2] / "docs" / "certificates.md"

# Apolinario, Roy and Frenkel 2025 (TESS), Table I. L layers, n neurons each, T steps, C classes.
TESS_COLUMNS = ("memory", "time", "local in time", "local in space")
TESS = {
    "BPTT": ("TLn", "TLn^2", "no", "no"),
    "e-prop": ("Ln^2", "Ln^2", "yes", "no"),
    "OSTL": ("Ln^2", "Ln^2", "yes", "no"),
    "ETLP": ("Ln^2", "LCn", "yes", "yes"),
    "OSTTP": ("Ln^2", "LCn", "yes", "yes"),
    "OTTT": ("Ln", "Ln^2", "yes", "no"),
    "S-TLLR": ("Ln", "Ln^2", "yes", "no"),
    "TESS": ("Ln", "LCn", "yes", "yes"),
}
# Pes, Yin, Stuijk and Corradi 2025 (Traces Propagation), Table 3, H and O written n and C.
TP_COLUMNS = (
    "update-unlocked",
    "transport-free",
    "local in time",
    "local in space",
    "memory",
    "time",
    "auxiliary",
)
TP = {
    "BPTT": ("no", "no", "no", "no", "TLn", "TLn^2", "-"),
    "e-prop": ("no", "no", "yes", "no", "Ln^2", "Ln^2", "-"),
    "e-prop (rnd)": ("no", "yes", "yes", "no", "Ln^2", "LCn", "LCn"),
    "OSTL": ("no", "no", "yes", "no", "Ln^2", "Ln^2", "-"),
    "OSTTP": ("yes", "yes", "yes", "yes", "Ln^2", "LCn", "LCn"),
    "TESS": ("yes", "yes", "yes", "yes", "Ln", "LCn", "LCn"),
    "TP": ("yes", "yes", "yes", "yes", "Ln", "Ln", "Cn"),
}
# Apolinario and Roy 2025 (S-TLLR), Table 1: of one layer, so without L. Real-time recurrent learning: test_table.py.
STLLR_COLUMNS = ("memory", "time", "local in time")
STLLR = {
    "bptt": ("Tn", "Tn^2", "no"),
    "eprop_filtered": ("n^2", "n^2", "yes"),
    "ostl_hard": ("n^2", "n^2", "yes"),
    "etlp": ("n^2", "n^2", "yes"),
    "osttp_attached": ("n^2", "n^2", "yes"),
    "ottt": ("n", "n^2", "yes"),
    "stllr": ("n", "n^2", "yes"),
}
EXPERIMENTS = {
    "BPTT": ("bptt",),
    "e-prop": ("eprop_filtered", "eprop"),
    "e-prop (rnd)": ("eprop_random",),
    "OSTL": ("ostl_hard", "ostl_soft"),
    "ETLP": ("etlp",),
    "OSTTP": ("osttp_attached", "osttp_detached"),
    "OTTT": ("ottt",),
    "S-TLLR": ("stllr",),
    "TESS": ("tess",),
    "TP": ("traces_propagation",),
}
# (experiment, column): printed, derived; the page says why.
DIFFERENT = {
    ("eprop", "memory"): ("Ln^2", "Ln"),
    ("eprop_random", "time"): ("LCn", "Ln^2"),
    ("eprop_random", "local in space"): ("no", "broadcast"),
    ("ostl_soft", "memory"): ("Ln^2", "Ln"),
    ("osttp_attached", "time"): ("LCn", "Ln^2"),
    ("osttp_detached", "memory"): ("Ln^2", "Ln"),
    ("etlp", "time"): ("LCn", "Ln^2"),
    ("traces_propagation", "time"): ("Ln", "Ln^2 + LBn"),
}


@pytest.fixture(scope="module")
def printed() -> str:
    return table_text(*library_table())


def cells(text: str, first: str) -> dict[str, dict[str, str]]:
    """The first Markdown table with such a first column and one called `first`: cells by row and column."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(k for k, row in enumerate(rows) if first in row)
    head, found = rows[start], {}
    for row in rows[start + 2 :]:
        if len(row) != len(head) or row[0] in found:
            break
        found[row[0]] = dict(zip(head, row, strict=True))
    return found


def test_the_page_shows_what_the_command_prints(printed, golden):
    before, rest = PAGE.read_text().split("\n## The table\n", 1)
    after = rest.split("\n## ", 1)[1]
    golden(f"{before}\n## The table\n\n{printed}\n\n## {after}", PAGE)


def test_a_rule_of_ones_own_gets_a_row_as_the_page_says(tmp_path):
    [example] = re.findall(r"```\n(snc 1\n.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path / "mine.snc"
    path.write_text(example)
    [row] = snc.explain.table(path)[0]
    assert (row.experiment, row.rule, row.costs["memory"].order) == ("mine", "mine", "Ln")
    assert str(row.costs["memory"].inner) == "n"


@pytest.mark.parametrize(("columns", "table"), [(TESS_COLUMNS, TESS), (TP_COLUMNS, TP)])
def test_the_cells_are_the_published_ones_but_for_those_explained(printed, columns, table):
    derived = cells(printed, "across samples")
    found = {}
    for rule, published in table.items():
        for experiment in EXPERIMENTS[rule]:
            for column, cell in zip(columns, published, strict=True):
                if derived[experiment][column] != cell:
                    found[experiment, column] = (cell, derived[experiment][column])
    shown = {experiment for rule in table for experiment in EXPERIMENTS[rule]}
    assert found == {k: v for k, v in DIFFERENT.items() if k[0] in shown and k[1] in columns}


def test_the_table_of_the_stllr_paper_is_derived_cell_by_cell(printed):
    derived = cells(printed, "across samples")
    for experiment, published in STLLR.items():
        found = tuple(derived[experiment][column].replace("L", "") for column in STLLR_COLUMNS)
        assert (experiment, found) == (experiment, published)


@pytest.mark.parametrize(("columns", "table"), [(TESS_COLUMNS, TESS), (TP_COLUMNS, TP)])
def test_the_page_prints_the_published_tables(columns, table):
    page = PAGE.read_text()
    head = f"| rule | {' | '.join(columns)} | experiments |"
    assert head in page
    for rule, published in table.items():
        named = ", ".join(f"`{e}`" for e in EXPERIMENTS[rule])
        assert f"| {rule} | {' | '.join(published)} | {named} |" in page


def test_the_page_gives_a_reason_for_each_difference_and_for_no_other():
    rows = re.findall(
        r"^\| (\w+) \| ([a-z ]+) \| (\S+) \| (\S[^|]*) \| ([^|]+) \|$", PAGE.read_text(), re.M
    )
    found = {
        (e, column): (was, now)
        for e, column, was, now, _ in rows
        if (was, now) != ("printed", "derived")
    }
    assert found == DIFFERENT
    assert all(len(why.split()) > 10 for *_, was, _, why in rows if was != "printed")


def test_a_layer_between_two_others_is_counted_exactly(printed):
    exact = cells(printed, "learns by")
    columns = ("keeps", "signal", "at synapses", "products", "auxiliary")
    expected = {
        "stllr": ("2 n", "n^2", "-", "2 n^2", "-"),
        "tess": ("2 n", "2 C n", "-", "2 n^2", "C n"),
        "eprop_random": ("n^2 + n", "C n", "5 n^2", "-", "C n"),
        "traces_propagation": ("3 n", "n^2 + 6 B n", "-", "2 n^2", "-"),
    }
    assert {name: tuple(exact[name][c] for c in columns) for name in expected} == expected
