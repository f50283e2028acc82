"""Where values live, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from snc.build.experiment import Surroundings, build
from snc.diagnostics import DataError
from snc.explain import explain, known_names, place_of
from snc.explain.places import place_in_words
from snc.graph.graph import PARTNER, SAMPLE, Axis
from snc.model.library import choose, load_file
from snc.model.resolve import resolve

CONFORMANCE = Path(__file__).parents[2] / "specs" / "conformance"


def built(name):
    experiment = resolve(choose(load_file(CONFORMANCE / f"{name}.snc"), None))
    return build(experiment, Surroundings(), training=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("h.u", "one number for each neuron (24) and sample"),
        ("h", "one number for each neuron (24) and sample"),
        ("h_in_stllr.p", "one number for each presynaptic neuron (30) and sample"),
        ("h_in_stllr.q", "one number for each postsynaptic neuron (24) and sample"),
        ("h_in_stllr.e", "one number for each synapse (30 -> 24) and sample"),
        ("h_in_stllr.signal", "one number for each postsynaptic neuron (24) and sample"),
        ("h_in_stllr.weight", "one number for each weight (30 -> 24)"),
        ("h_in.weight", "one number for each weight (30 -> 24)"),
        ("h_in.gain", "one number for each postsynaptic channel (24)"),
        ("h_in_stllr.lambda_pre", "one number, known before the run"),
        ("loss", "one number"),
    ],
)
def test_every_value_lives_somewhere(name, words):
    assert place_of(built("stllr_recurrent_bp"), name) == words


def test_every_name_that_is_known_has_a_place():
    experiment = built("stllr_conv_dfa_max")
    names = known_names(experiment)
    assert {"c2_stllr.p", "c2_stllr.e", "c2.v", "loss"} <= set(names)
    assert all(place_of(experiment, name) for name in names)


def test_kernels_pairs_and_matrices():
    experiment = built("tp_conv")
    assert place_of(experiment, "h2.weight") == "one number for each weight (6 -> 8, kernel 3x3)"
    assert place_in_words((SAMPLE, PARTNER)) == "one number for each pair of samples"
    assert place_in_words((SAMPLE,)) == "one number for each sample"
    matrix = (Axis("rows", 4), Axis("columns", 3))
    assert place_in_words(matrix) == "one number for each entry of a matrix (4x3)"


def test_an_unknown_name_is_a_mistake_with_a_suggestion():
    with pytest.raises(DataError) as caught:
        place_of(built("stllr_recurrent_bp"), "h_in_stllr.pp")
    assert (caught.value.code, caught.value.help) == (
        "no-such-name",
        "did you mean `h_in_stllr.p`?",
    )


def test_explain_answers_for_one_value():
    path = CONFORMANCE / "stllr_recurrent_bp.snc"
    assert explain(path, value="h.v") == "h.v: one number for each neuron (24) and sample"
