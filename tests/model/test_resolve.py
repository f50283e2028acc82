"""Derivation, arguments, `--set` and phases: what an experiment says in the end."""

import pytest

from snc.build.context import Context
from snc.build.selection import tell
from snc.diagnostics import SpecError
from snc.model.library import load_text
from snc.model.resolve import phases_of, resolve
from snc.source import Source

BASE = """snc 1

experiment base(alpha = 1, window = 5 steps):
    "The base."
    network = net(hidden = 4, leak = 0.5)
    data    = shd()
    loss    = mean(out)
    metric score = out
    learn a, b by first(0.5, beta = alpha) from error(loss)
    learn c    by second() during last window using adam(1e-3)
    train:
        optimiser = adam(2e-4)
        epochs    = 10
    report.epoch = best
    record a
    expect accuracy = 90 %
    for alpha in [1, 2]
"""


def experiment(text, name, settings=None):
    file = load_text(Source("x.snc", text))
    return resolve(file.find("experiment", name), settings)


def texts(scoped):
    return {name: s.value.span.text for name, s in scoped.items()}


def told(whole):
    """Every clause of every projection, as text, with the arguments given anew."""
    found = tell(Context({}, None), whole, ["a", "b", "c"])
    return {
        path: {
            name: clause.value.span.text + "".join(
                f" {k}={s.value.span.text}" for k, s in clause.arguments.items()
            )
            for name, clause in entry.clauses.items()
        }
        for path, entry in found.items()
    }  # fmt: skip


def derived(*lines, call="base", head="new"):
    body = "".join(f"    {line}\n" for line in lines)
    return experiment(f"{BASE}\nexperiment {head} = {call} with:\n{body}", "new")


# Derivation ---------------------------------------------------------------------------------------------


def test_an_experiment_by_itself():
    whole = experiment(BASE, "base")
    assert texts(whole.parameters) == {"alpha": "1", "window": "5 steps"}
    assert texts(whole.settings) == {
        "network": "net(hidden = 4, leak = 0.5)",
        "data": "shd()",
        "train.optimiser": "adam(2e-4)",
        "train.epochs": "10",
        "report.epoch": "best",
    }
    assert texts(whole.equations) == {"loss": "mean(out)"}
    assert texts(whole.metrics) == {"score": "out"}
    assert whole.documentation == "The base."


def test_a_derived_one_replaces_by_name():
    whole = derived("loss = sum(out)", "train.epochs = 20", "train:", "    batch = 7")
    assert texts(whole.equations) == {"loss": "sum(out)"}
    assert texts(whole.settings)["train.epochs"] == "20"
    assert texts(whole.settings)["train.batch"] == "7"
    assert texts(whole.settings)["train.optimiser"] == "adam(2e-4)"


def test_expectations_and_sweeps_and_the_docstring_are_not_inherited():
    whole = derived("train.epochs = 1")
    assert (whole.expectations, whole.sweeps, whole.documentation) == ([], [], "")
    assert [str(p) for p in whole.records] == ["a"]
    assert list(whole.metrics) == ["score"]


def test_arguments_of_the_call_become_defaults():
    assert texts(derived("record b", call="base(3)").parameters)["alpha"] == "3"
    whole = derived("record b", call="base(window = 9 steps)", head="new(more = 2)")
    assert texts(whole.parameters) == {"alpha": "1", "window": "9 steps", "more": "2"}


def test_a_line_may_give_a_parameter_its_value():
    whole = derived("alpha = 7")
    assert texts(whole.parameters)["alpha"] == "7"
    assert "alpha" not in whole.equations


def test_without_a_body():
    whole = experiment(f"{BASE}\nexperiment new = base(2)\n", "new")
    assert texts(whole.parameters)["alpha"] == "2"


def test_derived_twice():
    text = f"{BASE}\nexperiment mid = base(2) with:\n    train.epochs = 3\n"
    whole = experiment(f"{text}\nexperiment new = mid with:\n    train.batch = 4\n", "new")
    assert texts(whole.parameters)["alpha"] == "2"
    assert texts(whole.settings)["train.epochs"] == "3"


def test_the_base_does_not_change():
    text = f"{BASE}\nexperiment new = base(2) with:\n    train.epochs = 3\n"
    file = load_text(Source("x.snc", text))
    resolve(file.find("experiment", "new"))
    assert texts(resolve(file.find("experiment", "base")).settings)["train.epochs"] == "10"


def test_a_setting_given_anew_forgets_the_arguments_of_its_former_call():
    whole = derived("network.hidden = 9", "network = net(3)")
    assert texts(whole.arguments) == {}
    whole = derived("network = net(3)", "network.hidden = 9")
    assert texts(whole.arguments) == {"network.hidden": "9"}


# Learning -----------------------------------------------------------------------------------------------


def test_a_learn_names_projections_and_clauses():
    assert told(experiment(BASE, "base")) == {
        "a": {"by": "by first(0.5, beta = alpha)", "from": "from error(loss)"},
        "b": {"by": "by first(0.5, beta = alpha)", "from": "from error(loss)"},
        "c": {
            "by": "by second()",
            "during": "during last window",
            "using": "using adam(1e-3)",
        },
    }


def test_a_later_learn_with_by_starts_afresh_and_one_without_changes_its_clauses_only():
    after = told(derived("learn c by third()", "learn b from other()"))
    assert after["c"] == {"by": "by third()"}
    assert after["b"] == {"by": "by first(0.5, beta = alpha)", "from": "from other()"}
    assert after["a"]["from"] == "from error(loss)"


def test_an_argument_of_a_clause_is_given_anew():
    after = told(derived("learn.a.by.beta = 3", "learn.*.by.gamma = 1"))
    assert after["a"]["by"] == "by first(0.5, beta = alpha) beta=3 gamma=1"
    assert after["b"]["by"] == "by first(0.5, beta = alpha) gamma=1"
    assert after["c"]["by"] == "by second() gamma=1"


# `--set` ------------------------------------------------------------------------------------------------


def test_set_gives_parameters_settings_and_arguments():
    whole = experiment(
        BASE,
        "base",
        {
            "alpha": "0",
            "train.epochs": "3",
            "network.hidden": "200",
            "train.optimiser.rate": "1e-4",
            "loss": "sum(out)",
            "report.trials": "top(2)",
        },
    )
    assert texts(whole.parameters)["alpha"] == "0"
    assert texts(whole.settings)["train.epochs"] == "3"
    assert texts(whole.settings)["report.trials"] == "top(2)"
    assert texts(whole.equations) == {"loss": "sum(out)"}
    assert texts(whole.arguments) == {"network.hidden": "200", "train.optimiser.rate": "1e-4"}


def test_set_gives_clauses_of_a_learn():
    whole = experiment(BASE, "base", {"learn.a.by.beta": "0", "learn.*.by.gamma": "2"})
    assert told(whole)["a"]["by"] == "by first(0.5, beta = alpha) beta=0 gamma=2"


def test_set_gives_windows_and_schedules():
    whole = experiment(BASE, "base", {"train.during": "last 3 steps", "train.update": "every step"})
    assert texts(whole.settings)["train.during"] == "last 3 steps"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("alhpa", "1", "no-such-setting"),
        ("train.epoks", "1", "no-such-setting"),
        ("train.epochs", "(1", "unclosed-bracket"),
        ("foo.bar", "1", "no-such-setting"),
    ],
)
def test_set_of_what_is_not_there(path, value, code):
    with pytest.raises(SpecError) as raised:
        experiment(BASE, "base", {path: value})
    assert [d.code for d in raised.value.diagnostics] == [code]


# Phases -------------------------------------------------------------------------------------------------

PHASES = (
    BASE
    + """
experiment two = base with:
    phase first:
        data = mine()
        train.epochs = 1
    phase second:
        freeze a
        learn b by third()
"""
)


def test_phases_run_in_order_with_the_settings_outside_as_defaults():
    first, second = phases_of(experiment(PHASES, "two"))
    assert (first.name, second.name) == ("two.first", "two.second")
    assert texts(first.settings)["data"] == "mine()"
    assert texts(second.settings)["data"] == "shd()"
    assert texts(first.settings)["train.epochs"] == "1"
    assert texts(second.settings)["train.epochs"] == "10"
    assert len(second.freezes) == 1
    assert told(second)["b"] == {"by": "by third()"}
    assert told(first)["b"]["by"] == "by first(0.5, beta = alpha)"


def test_an_experiment_without_phases_is_one():
    (only,) = phases_of(experiment(BASE, "base"))
    assert only.name == "base"


def test_a_setting_of_a_phase_is_reached_by_its_name():
    whole = experiment(PHASES, "two", {"first.train.epochs": "9", "second.data": "mine()"})
    first, second = phases_of(whole)
    assert texts(first.settings)["train.epochs"] == "9"
    assert texts(second.settings)["data"] == "mine()"


def test_a_derived_experiment_changes_a_phase_and_leaves_its_base_alone():
    text = PHASES + "\nexperiment new = two with:\n    phase first:\n        train.epochs = 4\n"
    file = load_text(Source("x.snc", text))
    new = phases_of(resolve(file.find("experiment", "new")))
    old = phases_of(resolve(file.find("experiment", "two")))
    assert texts(new[0].settings)["train.epochs"] == "4"
    assert texts(new[0].settings)["data"] == "mine()"
    assert texts(old[0].settings)["train.epochs"] == "1"


def test_expectations_of_a_phase_are_not_inherited_either():
    told = "    phase first:\n        expect accuracy = 1 %\n"
    text = f"{PHASES}\nexperiment a = two with:\n{told}\nexperiment b = a with:\n    record b\n"
    file = load_text(Source("x.snc", text))
    counts = [len(resolve(file.find("experiment", n)).phases["first"].expectations) for n in "ab"]
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("experiment new = bass with:\n    train.epochs = 1\n", "unknown-name"),
        ("experiment new = base(1, 2, 3) with:\n    train.epochs = 1\n", "too-many-arguments"),
        ("experiment new = base(beta = 1) with:\n    train.epochs = 1\n", "unknown-argument"),
        ("experiment new = new with:\n    train.epochs = 1\n", "derived-from-itself"),
        ("experiment new = base with:\n    trian.epochs = 1\n", "no-such-setting"),
        ("experiment new = base with:\n    output loss\n", "misplaced-statement"),
    ],
)
def test_what_cannot_be_put_together(text, code):
    with pytest.raises(SpecError) as raised:
        experiment(f"{BASE}\n{text}", "new")
    assert [d.code for d in raised.value.diagnostics] == [code]
