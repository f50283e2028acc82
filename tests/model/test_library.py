"""Files, `use`, and which experiment is meant."""

import pytest

from snc.diagnostics import SpecError
from snc.model.library import choose, load_file, standard

ONE = "snc 1\n\nfunction double(x) = 2 * x\n\nneuron cell(i):\n    output i\n"


@pytest.fixture
def files(tmp_path):
    """Write files, and load the first."""

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.snc"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_file(tmp_path / f"{next(iter(texts))}.snc")

    return write


def codes(problems):
    return [p.code for p in problems]


def test_the_library_is_in_scope_everywhere(files):
    file = files(a="snc 1\n")
    assert file.find("value", "lif").kind == "neuron"
    assert file.find("rule", "stllr").kind == "rule"
    assert file.find("signal", "lif") is None
    assert {d.kind for d in standard()} == {
        "function", "neuron", "block", "rule", "signal", "dataset",
    }  # fmt: skip


def test_own_names_hide_those_of_the_library(files):
    file = files(a="snc 1\n\nneuron lif(i):\n    output i\n")
    assert file.find("value", "lif").file is file


def test_use_takes_names_from_a_file_beside_this_one(files):
    file = files(a="snc 1\nuse b: double\n", b=ONE)
    assert file.problems == []
    assert file.find("value", "double").file.source.path.name == "b.snc"
    assert file.find("value", "cell") is None


def test_use_takes_names_from_folders_below_and_from_the_shipped_specs(files):
    file = files(a="snc 1\nuse deep.b: cell\nuse stllr.shd: rsnn\n", deep__b=ONE)
    assert file.problems == []
    assert file.find("network", "rsnn").kind == "network"


def test_a_file_beside_this_one_goes_before_a_shipped_spec(files):
    file = files(a="snc 1\nuse stllr.shd: double\n", stllr__shd=ONE)
    assert file.problems == []


def test_use_passes_names_on(files):
    file = files(a="snc 1\nuse b: double\n", b="snc 1\nuse c: double\n", c=ONE)
    assert file.find("value", "double").file.source.path.name == "c.snc"


def test_a_name_may_be_that_of_several_kinds(files):
    both = "snc 1\n\nrule x():\n    gradient weight = pre\n\nexperiment x:\n    train.epochs = 1\n"
    file = files(a="snc 1\nuse b: x\n", b=both)
    assert file.find("rule", "x").kind == "rule"
    assert file.find("experiment", "x").kind == "experiment"


def test_what_use_cannot_find_is_reported(files):
    file = files(a="snc 1\nuse b: dubble\nuse missing: x\n", b=ONE)
    assert codes(file.problems) == ["not-in-file", "no-such-spec"]
    assert file.problems[0].help == "did you mean `double`?"
    assert file.is_missing("dubble")
    assert not file.is_missing("double")


def test_files_may_not_use_each_other_in_a_circle(files):
    file = files(a="snc 1\nuse b: double\n", b="snc 1\nuse a: f\n" + ONE[6:])
    assert codes(file.problems) == []
    assert codes(file.find("value", "double").file.problems) == ["use-cycle"]


def test_a_mistake_in_the_text_of_a_used_file_is_shown_there(files):
    with pytest.raises(SpecError) as raised:
        files(a="snc 1\nuse b: x\n", b="snc 1\nrule x(\n")
    assert raised.value.diagnostics[0].span.source.path.name == "b.snc"


def test_two_declarations_of_one_name_space(files):
    file = files(a="snc 1\n\nfunction f(x) = x\n\nneuron f(i):\n    output i\n")
    assert codes(file.problems) == ["declared-twice"]


EXPERIMENT = "\nexperiment {}:\n    train.epochs = 1\n"


def test_the_only_experiment_is_meant(files):
    assert choose(files(a="snc 1\n" + EXPERIMENT.format("x")), None).name == "x"


def test_of_several_the_one_named_like_the_file_is_meant(files):
    text = "snc 1\n" + EXPERIMENT.format("x") + EXPERIMENT.format("a")
    assert choose(files(a=text), None).name == "a"
    assert choose(files(a=text), "x").name == "x"


@pytest.mark.parametrize(
    ("names", "asked", "code"),
    [
        ("", None, "no-experiment"),
        ("xy", None, "which-experiment"),
        ("xy", "z", "no-such-experiment"),
    ],
)
def test_an_unclear_choice_lists_the_experiments(files, names, asked, code):
    file = files(a="snc 1\n" + "".join(EXPERIMENT.format(n) for n in names))
    with pytest.raises(SpecError) as raised:
        choose(file, asked)
    (said,) = raised.value.diagnostics
    assert said.code == code
    assert all(name in said.help for name in names)
