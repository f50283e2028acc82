"""Verdicts on rules against the table of SEMANTICS 8, and the lines that cause them."""

from __future__ import annotations

import pytest
from explain_specs import CONFORMANCE, conformance, grades, line_of, places, reports, rule_on

import snc.explain

# time, update-unlocked, transport-free, space, across samples | memory; for the second of three layers
TABLE = [
    ("learn * by through_time(loss)", "no no no no no", "O(T n)"),
    ("learn h1, h2, h3 by eprop() from backprop(loss)", "yes no no no no", "O(n)"),
    ("learn h1, h2, h3 by eprop(kappa = 0.8) from backprop(loss)", "yes no no no no", "O(n^2)"),
    ("learn h1, h2, h3 by eprop(kappa = 0.8) from feedback(class_error(out, label))",
     "yes no yes broadcast no", "O(n^2)"),
    ("learn h1, h2, h3 by ottt() from backprop(loss)", "yes no no no no", "O(n)"),
    ("learn h1, h2, h3 by stllr() from backprop(loss)", "yes no no no no", "O(n)"),
    ("learn h1, h2, h3 by stllr() from feedback(class_error(out, label))",
     "yes no yes broadcast no", "O(n)"),
    ("learn h1, h2, h3 by weights_only() from feedback(class_error(out, label))",
     "yes no yes broadcast no", "O(1)"),
    ("learn h1, h2, h3 by ottt() from target_feedback(target)", "yes yes yes yes no", "O(n)"),
    ("learn h1, h2, h3 by decolle() from local_readout(target)", "yes yes yes yes no", "O(1)"),
    ("learn h1, h2, h3 by ottt() from classifier(label, 2)", "yes yes yes yes no", "O(n)"),
    ("network = adaptive()\nlearn h1, h2, h3 by etlp() from target_feedback(target)",
     "yes yes yes yes no", "O(n^2)"),
    ("learn h1, h2, h3 by osttp() from target_feedback(target)", "yes yes yes yes no", "O(n^2)"),
    ("learn h1, h2, h3 by stdp()", "yes yes yes yes no", "O(n)"),
    ("learn h1, h2, h3 by reward_stdp() from reward(mean(out, over = neuron))",
     "yes no yes broadcast no", "O(n^2)"),
    ("learn h1, h2, h3 by ottt() from feedback_alignment(loss)", "yes no yes no no", "O(n)"),
]  # fmt: skip


@pytest.mark.parametrize(("learn", "expected", "order"), TABLE)
def test_rules_are_graded_as_in_the_table(tmp_path, learn, expected, order):
    found = rule_on("h2", reports(tmp_path, learn))
    assert (grades(found), found.memory.order) == (expected, order)


@pytest.mark.parametrize(
    ("name", "projection", "expected", "order"),
    [
        ("bptt_recurrent", "h_rec", "no no no no no", "O(T n)"),
        ("bptt_conv", "c1", "no no no no no", "O(T n)"),
        ("stllr_recurrent_bp", "h_rec", "yes no no no no", "O(n)"),
        ("stllr_recurrent_dfa", "h_rec", "yes no yes broadcast no", "O(n)"),
        ("stllr_conv_bp_max", "c2", "yes no no no no", "O(n)"),
        ("stllr_conv_dfa_max", "c2", "yes no yes broadcast no", "O(n)"),
        ("tess_local_apost_plus1", "b2", "yes yes yes yes no", "O(n)"),
        ("tess_released_apost_plus1", "b2", "yes no no no no", "O(n)"),
        ("tp_dense2", "h2", "yes yes yes yes yes", "O(n)"),
        ("tp_recurrent", "h1_rec", "yes yes yes yes yes", "O(n)"),
        ("tp_conv", "h3", "yes yes yes yes yes", "O(n)"),
    ],
)
def test_shipped_specs_are_graded_as_published(name, projection, expected, order):
    found = conformance(name, projection)
    assert (grades(found), found.memory.order) == (expected, order)


def test_a_readout_that_hears_its_own_error_is_local():
    assert grades(conformance("stllr_recurrent_bp", "out")) == "yes yes yes yes no"


def test_a_signal_through_weights_names_the_weight_and_the_line_of_the_signal():
    found = conformance("stllr_recurrent_bp", "h_in")
    for verdict in (found.locality.transport_free, found.locality.space):
        assert verdict.cause.values == ("out.weight",)
        assert verdict.cause.text == "its signal reads"
        assert places(verdict) == [(15, "from backprop(loss)")]
    assert found.locality.unlocked.cause.values == ("out",)


def test_a_signal_given_anew_is_blamed_where_it_is_given():
    found = conformance("stllr_recurrent_dfa", "h_in")
    [first, second] = found.locality.space.cause.places
    assert (first.source.path.name, first.line) == ("stllr_recurrent_dfa.snc", 6)
    assert second.text == "cross_entropy(out, label)"


def test_back_through_time_is_blamed_on_the_learn_and_the_derivative():
    found = conformance("bptt_recurrent", "h_in")
    assert places(found.locality.time) == [
        (14, "by through_time(loss)"),
        (13, "bptt(loss, parameters)"),
    ]
    assert set(found.locality.transport_free.cause.values) == {"out.weight", "h_rec.weight"}


def test_a_rule_that_peeks_at_another_layers_weights_is_not_local(tmp_path):
    learn = "learn h1, h2 by stdp()\nlearn h3 by nosy(out.weight) from target_feedback(target)"
    found = rule_on("h3", reports(tmp_path, learn))
    assert grades(found) == "yes yes no no no"
    cause = found.locality.space.cause
    assert (cause.text, cause.values) == ("it reads", ("out.weight",))
    assert places(found.locality.space) == [
        (line_of("by nosy(", tmp_path), "by nosy(out.weight)"),
        (line_of("gradient weight", tmp_path), "mean(other)"),
    ]


def test_the_same_rule_with_its_own_weights_is_local(tmp_path):
    learn = "learn h1, h2 by stdp()\nlearn h3 by nosy(h3.weight) from target_feedback(target)"
    found = rule_on("h3", reports(tmp_path, learn))
    assert grades(found) == "yes yes yes yes no"


def test_a_rule_that_reads_another_layer_directly_is_not_local(tmp_path):
    learn = "learn h2, h3 by stdp()\nlearn h1 by nosy(h3) from target_feedback(target)"
    found = rule_on("h1", reports(tmp_path, learn))
    assert grades(found) == "yes no yes no yes"  # `mean` takes the batch as well
    assert found.locality.space.cause.values == ("h3",)
    assert places(found.locality.space)[0] == (line_of("by nosy(", tmp_path), "by nosy(h3)")


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("reward(mean(h3, over = neuron))", "yes no yes broadcast no"),  # one number for a sample
        ("through_matrix(h3)", "yes no yes no no"),  # every neuron of a hidden layer
        ("through_matrix(out)", "yes no yes broadcast no"),  # the network's output
        ("through_matrix(x)", "yes yes yes no no"),  # what comes in, far from this layer
        ("through_matrix(h2)", "yes yes yes yes no"),  # the layer itself
    ],
)
def test_what_a_signal_may_carry(tmp_path, signal, expected):
    learn = f"learn h1, h3 by stdp()\nlearn h2 by ottt() from {signal}"
    assert grades(rule_on("h2", reports(tmp_path, learn))) == expected


def test_the_name_of_a_rule_does_not_matter(tmp_path):
    text = (CONFORMANCE / "bptt_recurrent.snc").read_text()
    renamed = "rule kind(loss):\n    gradient parameters = bptt(loss, parameters)\n\nexperiment"
    path = tmp_path / "bptt_recurrent.snc"
    path.write_text(text.replace("through_time(", "kind(").replace("experiment", renamed, 1))
    again = rule_on("h_in", snc.explain.reports(path))
    assert grades(again) == grades(conformance("bptt_recurrent", "h_in"))


def test_samples_that_are_mixed_are_found_with_the_line():
    found = conformance("tp_dense2", "h1").locality.samples
    assert found.grade == "yes"
    assert [p.text for p in found.cause.places] == [
        "by descent(each [pull1, pull2])",
        "pair_dot(e, g, over = channel)",
    ]
