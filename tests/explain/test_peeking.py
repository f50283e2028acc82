"""A rule cannot look at another layer unseen: it is refused, or graded with the line that does it."""

from __future__ import annotations

from pathlib import Path

import explain_specs
import pytest
from explain_specs import grades, line_of, places, reports, rule_on

from snc.diagnostics import SpecError

RULES = """
rule mates():
    gradient weight = (post - mean(post, over = sample)) * pre

signal own(L):
    output gradient(L, layer)

signal alike(value):
    output gradient(mean(pair_dot(layer, layer)), layer)

signal pupil(teacher):
    y = layer | dense(size(teacher))
    gradient y.weight = gradient(mean((y - teacher)^2), y.weight)
    output gradient(mean(y), layer)

signal ahead(value, upper, n):
    y = value | dense(n, weights = upper)
    constant matrix[y, layer] = kaiming_uniform()
    output dot(y, matrix)

rule peek():
    gradient weight = signal * pre{peek}
"""


def certificate(tmp_path: Path, monkeypatch, learn: str, peek: str = ""):
    """The certificate of h2, the rule at other layers being STDP."""
    text = explain_specs.LAYERS.replace(
        "\nexperiment base", RULES.format(peek=peek) + "\nexperiment base"
    )
    monkeypatch.setattr(explain_specs, "LAYERS", text)
    return rule_on("h2", reports(tmp_path, f"learn h1, h3 by stdp()\nlearn h2 {learn}"))


@pytest.mark.parametrize("name", ["h3", "h1", "h3.weight", "loss", "out", "out.weight"])
def test_a_rule_that_names_another_layer_is_refused_at_the_name(tmp_path, monkeypatch, name):
    with pytest.raises(SpecError) as caught:
        certificate(tmp_path, monkeypatch, "by peek() from own(loss)", peek=f" * mean({name})")
    [found] = caught.value.diagnostics
    assert (found.code, found.span.text) == ("unknown-name", name.split(".")[0])
    assert "a rule sees its own projection" in found.help
    assert found.span.line == line_of("gradient weight = signal * pre *", tmp_path)


def test_the_same_rule_without_that_name_is_local(tmp_path, monkeypatch):
    found = certificate(tmp_path, monkeypatch, "by peek() from pupil(target)")
    assert grades(found) == "yes yes yes yes no"


def test_a_signal_through_the_weights_above_is_graded_with_its_line(tmp_path, monkeypatch):
    found = certificate(tmp_path, monkeypatch, "by peek() from own(loss)")
    assert grades(found) == "yes no no no no"
    for verdict in (found.locality.transport_free, found.locality.space):
        assert verdict.cause.values == ("out.weight", "h3.weight")
        assert places(verdict)[0] == (line_of("by peek()", tmp_path), "from own(loss)")


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("target", "yes yes yes yes no"),
        ("out", "yes no yes broadcast no"),
        ("h3", "yes no yes no no"),
        ("x", "yes yes yes no no"),
    ],
)
def test_what_a_signal_trains_itself_with_counts_too(tmp_path, monkeypatch, teacher, expected):
    found = certificate(tmp_path, monkeypatch, f"by peek() from pupil({teacher})")
    assert grades(found) == expected
    if "no" in expected.split()[3] or "broadcast" in expected:
        assert found.locality.space.cause.values == (teacher,)
        assert places(found.locality.space)[1] == (
            line_of("(y - teacher)^2", tmp_path),
            "y - teacher",
        )


def test_training_a_readout_of_its_own_is_work(tmp_path, monkeypatch):
    trained = certificate(tmp_path, monkeypatch, "by peek() from pupil(target)").work
    fixed = rule_on(
        "h2", reports(tmp_path, "learn h1, h2, h3 by decolle() from local_readout(target)")
    )
    assert trained.weights - 5 * 4 == 4 * 2
    assert fixed.work.weights == 5 * 4 + 4 * 3 + 6 * 5


def test_pairs_of_samples_are_told_with_the_line(tmp_path, monkeypatch):
    found = certificate(tmp_path, monkeypatch, "by peek() from alike(h2)")
    assert grades(found) == "yes yes yes yes yes"
    assert places(found.locality.samples)[0][1] == "from alike(h2)"


def test_a_mean_over_the_batch_compares_samples_too(tmp_path, monkeypatch):
    found = certificate(tmp_path, monkeypatch, "by mates()")
    assert grades(found) == "yes yes yes yes yes"
    assert places(found.locality.samples)[1] == (
        line_of("mean(post, over = sample)", tmp_path),
        "post - mean(post, over = sample)",
    )


@pytest.mark.parametrize(
    ("call", "expected", "values"),
    [
        ("ahead(h1, h2, 4)", "yes yes yes yes no", ()),  # what comes in, through its own weights
        ("ahead(h2, h3, 3)", "yes no yes no no", ("h3.current",)),  # the next layer's own current
        ("ahead(1 - h2, h3, 3)", "yes yes no no no", ("h3.weight",)),
    ],
)
def test_a_layer_may_not_use_the_weights_of_those_above(
    tmp_path, monkeypatch, call, expected, values
):
    found = certificate(tmp_path, monkeypatch, f"by peek() from {call}")
    assert grades(found) == expected
    cause = found.locality.space.cause
    assert (cause.values if cause else ()) == values
    assert cause is None or places(found.locality.space)[0][1] == f"from {call}"
