"""The documentation says what is there: words, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snc.build.builtins import NUMBERS, RUN, SCALARS
from snc.build.builtins.table import OPTION_WORDS
from snc.cli import main
from snc.lang.parse import parse
from snc.model.words import WORDS
from snc.source import Source

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def builtin_words() -> set[str]:
    page = (ROOT / "docs" / "language.md").read_text()
    block = re.search(r"```builtins\n(.*?)```", page, re.DOTALL)
    assert block
    text = re.sub(r"#.*", "", block[1])
    return {*re.findall(r"\w+", re.sub(r"\([^)]*\)", "", text))}


def test_the_language_page_lists_every_builtin_and_no_other():
    known = {*RUN, *WORDS, *NUMBERS, *SCALARS, *OPTION_WORDS, "dt", "length"}
    written = builtin_words()
    assert written - known == set()
    assert known - written - {"in"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text()
    for name in main.commands:
        assert f"snc {name}" in text


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name != "diagnostics.md"], ids=lambda p: p.name
)
def test_rules_and_data_sets_in_the_documentation_are_specs(page):
    for block in re.findall(
        r"^```(?:snc)?\n((?:rule|dataset) .*?)^```", page.read_text(), re.M | re.S
    ):
        parse(Source(page.name, f"snc 1\n{block}"))
