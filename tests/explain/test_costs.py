"""Memory, product forms and multiply-accumulates, counted by hand."""

from __future__ import annotations

import pytest
from explain_specs import CONFORMANCE, conformance, reports, rule_on

import snc.explain
from snc.explain import explain
from snc.explain.text import memory_parts, millions, work_text

CONVOLUTION = """snc 1
network picture():
    input x[2, 8, 8]
    c1  = x | conv(3, kernel = 3, padding = 1) | lif()
    out = c1 | flatten | dense(4) | integrator()

experiment conv:
    network = picture()
    loss    = mean(cross_entropy(out, label))
    learn c1  by eprop(0.8) from backprop(loss)
    learn out by readout() from backprop(loss)
"""


def kept(certificate):
    return [(k.name, k.count, k.where) for k in certificate.memory.kept]


# Memory


def test_traces_of_one_layer_are_shared():
    found = conformance("stllr_recurrent_bp", "h_in")
    assert found.projections == ("h_in", "h_rec")
    assert kept(found) == [("p", 30, "neuron"), ("q", 24, "neuron"), ("p", 24, "neuron")]
    text = "keeps p (30 + 24) and q (24) per sample; nothing per synapse; the same for any T"
    assert memory_parts(found.memory) == [text]


def test_a_trace_that_is_multiplied_by_zero_is_not_kept():
    names = [k.name for k in conformance("tess_local_apost_zero", "b2").memory.kept]
    assert names == ["p", "p", "p"]


def test_a_filtered_eligibility_is_per_synapse_and_its_line_is_named(tmp_path):
    learn = "learn h1, h3 by stdp()\nlearn h2 by eprop(kappa = 0.8) from backprop(loss)"
    found = rule_on("h2", reports(tmp_path, learn))
    assert kept(found) == [("eps", 5, "neuron"), ("ebar", 20, "synapse")]
    assert memory_parts(found.memory)[1].endswith("ebar = kappa * ebar[t-1] + e")
    assert "nothing per synapse" not in memory_parts(found.memory)[0]


def test_a_convolution_keeps_a_value_for_every_edge(tmp_path):
    path = tmp_path / "conv.snc"
    path.write_text(CONVOLUTION)
    found = rule_on("c1", snc.explain.reports(path))
    edges = 3 * 8 * 8 * (2 * 3 * 3)
    assert kept(found) == [("eps", 2 * 8 * 8, "neuron"), ("ebar", edges, "synapse")]
    assert found.memory.order == "O(n^2)"
    assert found.work.synapses == 5 * edges


def test_the_influence_of_weights_is_one_value_more(tmp_path):
    text = "learn h1, h3 by stdp()\nlearn h2 by ostl_recurrent() from backprop(loss)"
    found = rule_on("h2", reports(tmp_path, text))
    assert kept(found) == [("influence on h2.u", 4 * 5 * 4, "synapse")]
    assert found.memory.order == "O(n^3)"
    assert "influence(post.u)[t-1]" in found.eligibility.reason


def test_without_the_filter_nothing_is_per_synapse(tmp_path):
    learn = "learn h1, h3 by stdp()\nlearn h2 by eprop(kappa = 0) from backprop(loss)"
    assert kept(rule_on("h2", reports(tmp_path, learn))) == [("eps", 5, "neuron")]


def test_adaptation_is_per_synapse(tmp_path):
    learn = "network = adaptive()\nlearn h1, h3 by stdp()\nlearn h2 by etlp() from target_feedback(target)"
    found = rule_on("h2", reports(tmp_path, learn))
    assert ("eps_a", 20, "synapse") in kept(found)
    assert [m.name for m in found.memory.matrices] == ["h2_target_feedback.matrix"]
    assert found.memory.matrices[0].shape == (2, 4)


def test_what_the_neuron_keeps_is_not_kept_again(tmp_path):
    text = "network = layers(snu)\nlearn h1, h3 by stdp()\nlearn h2 by ostl() from backprop(loss)"
    # ostl reads the spikes, the membrane and the slope of the step before; `snu` keeps two of them
    found = rule_on("h2", reports(tmp_path, text))
    assert kept(found) == [("h2.psi", 4, "neuron"), ("eps", 20, "synapse")]


def test_traces_propagation_keeps_a_second_membrane_and_two_traces():
    # SEMANTICS 8: 3 n for a layer; the label path below it belongs to the rule too
    found = conformance("tp_recurrent", "h1")
    here = [k for k in kept(found) if k[1] == 16]
    assert sorted(name for name, _, _ in here) == ["g1", "g1.trace", "g1.u", "h1.trace"]


def test_back_through_time_keeps_slope_input_and_spikes_of_every_step():
    found = conformance("bptt_recurrent", "h_in").memory
    # slope 24, input 30, spikes of the step before 24, error of the readout 5 (SEMANTICS 3.4)
    assert sorted(k.count for k in found.tape) == [5, 24, 24, 30]
    assert "83 values per sample and step" in " ".join(memory_parts(found))


# Product forms


@pytest.mark.parametrize(
    ("learn", "text"),
    [
        ("stllr(0.2, 0.75, -1, 1) from backprop(loss)", "post.psi x p  -  q[t-1] x pre"),
        ("stllr(0.2, 0.75, 0.5, 2) from backprop(loss)", "2 * post.psi x p  +  0.5 * q[t-1] x pre"),
        ("stllr(0.2, 0.75, 0, 1) from backprop(loss)", "post.psi x p"),
        ("eprop() from backprop(loss)", "post.psi x eps"),
        ("ottt() from backprop(loss)", "post.psi x p"),
        ("decolle() from local_readout(target)", "post.psi x pre"),
        ("stdp()", "0.01 * post x p  -  0.012 * q x pre"),
    ],
)
def test_eligibilities_are_products(tmp_path, learn, text):
    found = rule_on("h2", reports(tmp_path, f"learn h1, h2, h3 by {learn}"))
    assert found.eligibility.text == text
    assert found.eligibility.products == text.count(" x ")
    assert found.eligibility.signal == ("from" in learn)


def test_an_eligibility_speaks_of_numbers_of_the_run_by_their_names(tmp_path):
    found = rule_on("h2", reports(tmp_path, "learn h1, h2, h3 by nosy(out) from backprop(loss)"))
    assert found.eligibility.text == "post.psi * (sum(other) / (2 * batch)) x pre"
    assert found.eligibility.signal
    text = explain(tmp_path / "this.snc", "this")
    assert "(2 * batch)) x pre   times the signal\n" in text


def test_a_per_synapse_state_has_no_product_form(tmp_path):
    found = rule_on(
        "h2", reports(tmp_path, "learn h1, h2, h3 by eprop(kappa = 0.8) from backprop(loss)")
    )
    text = "no product form: signal * (0.8 * ebar[t-1] + post.psi * eps)"
    assert (found.eligibility.text, found.eligibility.reason) == ("", text)


def test_a_derivative_has_no_eligibility():
    assert (
        conformance("bptt_conv", "c1").eligibility.reason
        == "the update is a derivative through time"
    )
    assert (
        conformance("tp_dense2", "h1").eligibility.reason
        == "the update is a derivative within the step"
    )


# Work and numbers


def test_multiply_accumulates_of_a_recurrent_network():
    [report] = snc.explain.reports(CONFORMANCE / "stllr_recurrent_bp.snc")
    assert report.forward == 30 * 24 + 24 * 24 + 24 * 5
    work = rule_on("h_in", [report]).work
    assert work.signal == 24 * 5
    assert work.weights == 2 * (30 * 24 + 24 * 24)
    assert work.synapses == work.pairs == 0
    assert rule_on("out", [report]).work.total == 24 * 5


def test_multiply_accumulates_of_convolutions():
    [report] = snc.explain.reports(CONFORMANCE / "tess_local_apost_plus1.snc")
    layers = [64 * 9 * 2 * 8, 64 * 9 * 8 * 12, 16 * 9 * 12 * 16]
    assert report.forward == sum(layers) + 16 * 4
    work = rule_on("b1", [report]).work
    assert work.weights == 2 * sum(layers)
    assert work.signal == 2 * 4 * (8 * 16 + 12 * 4 + 16)  # square waves, forth and back


def test_work_at_synapses_and_between_samples(tmp_path):
    learn = "learn h1, h3 by stdp()\nlearn h2 by eprop(kappa = 0.8) from backprop(loss)"
    work = rule_on("h2", reports(tmp_path, learn)).work
    assert work.weights == 0
    assert (
        work.synapses == 5 * 4 * 5
    )  # psi eps, kappa ebar, their sum, times signal, summed over samples
    pairs = conformance("tp_dense2", "h1").work.pairs
    assert pairs > 0
    assert "for each pair of samples" in work_text(conformance("tp_dense2", "h1").work)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("stllr_recurrent_bp", 30 * 24 + 24 + 24 + 24 * 24 + 24 + 24 * 5 + 5),
        ("tp_dense2", 20 * 16 + 16 * 12 + 12 * 4),
    ],
)
def test_trained_numbers_are_counted(name, count):
    [report] = snc.explain.reports(CONFORMANCE / f"{name}.snc")
    assert report.parameters == count


def test_what_is_left_alone_is_said(tmp_path):
    learn = "learn h1, h2, h3 by stdp()\nlearn out by weights_only() from backprop(loss)"
    assert rule_on("out", reports(tmp_path, learn)).not_learned == ("out.bias",)


def test_fixed_and_trained_by_signals(tmp_path):
    [report] = snc.explain.reports(CONFORMANCE / "tp_dense2.snc")
    assert report.untrained == ("g1",)
    [report] = reports(tmp_path, "learn h1, h2, h3 by ottt() from classifier(label, 2)")
    assert report.by_signals[:2] == ("h1_classifier.y.weight", "h1_classifier.y.bias")


@pytest.mark.parametrize(
    ("number", "text"),
    [(9000, "9 000"), (100_000, "0.10 M"), (1_044_000, "1.04 M"), (1_210_000_000, "1.21 G")],
)
def test_large_numbers(number, text):
    assert millions(number) == text
