"""The documentation says what is there: words, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from language_page import whole

from snc.build.builtins import NUMBERS, RUN, SCALARS
from snc.build.builtins.table import OPTION_WORDS
from snc.cli import main
from snc.compile import program_of
from snc.lang.parse import parse
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
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


FILE_SHAPES = """snc 1

network n():
    input x[4, 7, 6]
    d   = x | flatten | dense(5)
    c   = x | conv(6, kernel = [2, 3], groups = 2)
    t   = x | conv_transpose(3, kernel = [2, 3])
    out = concat(flatten(c), flatten(t), d) | dense(3)

experiment e:
    network = n()
    loss    = mean(cross_entropy(out, label))
    learn * by descent(loss)
    train.optimiser = sgd(0.1)
"""


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("language.md", r"`{}` \[([^]]*)\]"),
        ("batch_files.md", r"^\| `weight` of `{}` \| \[([^]]*)\] \|$"),
    ],
)
def test_the_shapes_of_weights_in_files_are_those_described(page, text, tmp_path):
    (tmp_path / "shapes.snc").write_text(FILE_SHAPES)
    _, program = program_of(resolve(choose(load_file(tmp_path / "shapes.snc"), "e")))
    stored = {s.name: list(s.shape) for s in program.stored}
    outputs = {"d": 5, "c": 6, "t": 3}
    for name, word in (("d", "dense"), ("c", "conv"), ("t", "conv_transpose")):
        said = re.search(text.format(word), (ROOT / "docs" / page).read_text(), re.M)
        if word == "dense" and page == "language.md":  # "In files a weight is [out, in], ..."
            said = re.search(
                r"In files a weight is \[([^]]*)\]", (ROOT / "docs" / page).read_text()
            )
        assert said, word
        sizes = {"out": outputs[name], "in": 4 * 7 * 6 if name == "d" else 4, "in / groups": 2}
        sizes |= {"height": 2, "kernel height": 2, "width": 3, "kernel width": 3}
        assert stored[f"{name}.weight"] == [sizes[s] for s in said[1].split(", ")], word


def test_the_batch_of_the_page_on_batch_files_runs_as_described(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "batch_files.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    exec(code, {})
    (tmp_path / "page.snc").write_text(whole())
    args = ("run", "page.snc:plain", "--batch", "batch.h5", "--backend", "reference")
    for flags in (("--record", "h,h.u"), ("--record", "h"), ("--record", "h", "--no-learn")):
        done = CliRunner().invoke(main, [*args, "--out", f"{len(flags)}{flags[1]}.h5", *flags])
        assert done.exit_code == 0, done.output
    with h5py.File("2h,h.u.h5") as both, h5py.File("2h.h5") as one, h5py.File("3h.h5") as tested:
        spikes = both["record/h/output"][()]
        assert spikes.shape == both["record/h/u"].shape == (20, 4, 20)
        assert 0 < spikes.mean() < 1
        assert np.array_equal(one["record/h"], spikes)
        assert np.abs(both["gradient/h/weight"]).max() > 0
        assert both["gradient_per_step/h/weight"].shape == (1, 20, 6)
        assert both["params_after/out/bias"].shape == (3,)
        assert np.isfinite(both.attrs["loss"])
        assert list(tested) == ["record"]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name != "diagnostics.md"], ids=lambda p: p.name
)
def test_rules_and_data_sets_in_the_documentation_are_specs(page):
    for block in re.findall(
        r"^```(?:snc)?\n((?:rule|dataset) .*?)^```", page.read_text(), re.M | re.S
    ):
        parse(Source(page.name, f"snc 1\n{block}"))
