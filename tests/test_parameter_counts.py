"""Parameters of the papers' networks. The authors count more than what is trained; every difference is named here.

Their fixed numbers: a leak and a threshold of each population (also of one that never fires), in one network the
gain of a readout that does not normalise its weights, and feedback or label weights that are drawn and kept.
"""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path

import pytest

from snc.build.experiment import Built, Surroundings, build
from snc.model.library import choose, load_file
from snc.model.resolve import phases_of, resolve

SPECS = Path(__file__).parents[1] / "specs"


@cache
def built(spec: str) -> Built:
    path, _, name = spec.partition(":")
    whole = resolve(choose(load_file(SPECS / f"{path}.snc"), name))
    phase = phases_of(whole)[-1]
    return build(phase, Surroundings(dt=0.01, more_fields=True), training=True)


def trained(spec: str) -> int:
    graph = built(spec).graph
    written = {w.stored for w in graph.writes}
    return sum(prod(s.shape) for s in graph.stored if s.role == "parameter" and s.name in written)


def fixed(spec: str) -> int:
    """Numbers drawn once and kept: constants, and weights that nothing changes."""
    graph = built(spec).graph
    written = {w.stored for w in graph.writes}
    kept = (s for s in graph.stored if s.role in ("parameter", "constant"))
    return sum(prod(s.shape) for s in kept if s.name not in written)


def populations(spec: str) -> int:
    return len(built(spec).context.populations)


# experiment -> parameters as the authors count them, of them trained
STLLR = {
    "stllr/gesture:gesture": (9_228_315, 9_228_299),
    "stllr/gesture:gesture_bptt": (9_228_315, 9_228_299),
    "stllr/gesture:gesture_resnet": (11_173_939, 11_173_899),
    "stllr/gesture:gesture_resnet_bptt": (11_173_939, 11_173_899),
    "stllr/cifar10_dvs:cifar10_dvs": (9_227_802, 9_227_786),
    "stllr/cifar10_dvs:cifar10_dvs_bptt": (9_227_802, 9_227_786),
    "stllr/cifar10_dvs:cifar10_dvs_resnet": (11_173_426, 11_173_386),
    "stllr/ncaltech101:ncaltech101": (9_274_485, 9_274_469),
    "stllr/ncaltech101:ncaltech101_resnet": (11_220_109, 11_220_069),
    "stllr/shd:shd_bptt": (527_874, 527_870),
}
TESS = {
    "tess/cifar:cifar10": 9_225_626,
    "tess/cifar:cifar10_bptt": 9_225_626,
    "tess/cifar:cifar100": 9_271_796,
    "tess/gesture:gesture": 9_225_563,
    "tess/cifar10_dvs:cifar10_dvs": 9_225_050,
}
TP = {  # trained, fixed weights of the label's path
    "tp/nmnist:nmnist": (464_400, 2_000),
    "tp/shd:shd_feedforward": (324_000, 9_000),
    "tp/shd:shd": (526_500, 9_000 + 202_500),
    "tp/speech:speech": (272_700, 16_200 + 202_500),
    "tp/gesture:gesture": (9_217_152 + 22_528, 720_896),
    "tp/gesture:cifar10_dvs": (9_217_152 + 20_480, 1_474_560),
}


@pytest.mark.parametrize("spec", STLLR)
def test_stllr_and_its_baselines(spec):
    total, learned = STLLR[spec]
    assert trained(spec) == learned
    assert learned + 2 * populations(spec) == total


def test_the_readout_of_the_recurrent_network_has_a_gain_that_nothing_uses():
    assert trained("stllr/shd:shd") == 527_870
    assert trained("stllr/shd:shd") + 2 * populations("stllr/shd:shd") + 20 == 527_894


def test_feedback_matrices_are_fixed_and_counted_apart():
    assert trained("stllr/gesture:gesture_dfa") == 9_228_299
    assert fixed("stllr/gesture:gesture_dfa") == 2_613_248
    assert fixed("stllr/shd:shd_dfa") == 9_000
    assert fixed("stllr/gesture:gesture") == 0


@pytest.mark.parametrize("spec", TESS)
def test_tess_and_its_baselines(spec):
    assert populations(spec) == 8
    assert trained(spec) + 2 * populations(spec) == TESS[spec]
    assert fixed(spec) == 0  # the basis is computed, not stored


@pytest.mark.parametrize("spec", TP)
def test_traces_propagation(spec):
    assert (trained(spec), fixed(spec)) == TP[spec]


@pytest.mark.parametrize("spec", [*STLLR, *TESS, *TP])
def test_the_specs_state_what_is_trained(spec):
    path, _, name = spec.partition(":")
    whole = resolve(choose(load_file(SPECS / f"{path}.snc"), name))
    stated = [s.measure.value for s, _ in whole.expectations if s.name.text == "parameters"]
    assert stated in ([], [str(trained(spec))])


def test_the_memory_toy_has_four_square_layers_and_one_output():
    assert trained("stllr/memory:memory") == 4 * 1000 * 1000 + 1000
