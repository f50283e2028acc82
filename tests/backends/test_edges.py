"""Synapse values of convolutions at their edges: the same sums as products say, and as loops by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Ran, differing, net_of
from odd_specs import picture

from snc.diagnostics import SpecError

CASES = {
    "a stride and padding": picture(
        "conv(4, kernel = 3, stride = 2, padding = 1)", "conv(3, kernel = 2)", rule="{rule}"
    ),
    "dilation": picture("conv(3, kernel = 3, dilation = 2)", "conv(3, kernel = [2, 1])", rule="{rule}"),
    "a transposed convolution": picture(
        "conv(4, kernel = 3, stride = 2)", "conv_transpose(3, kernel = 3, stride = 2)", rule="{rule}"
    ),
}  # fmt: skip


def ran(text: str, folder: Path, backend: str = "reference", without: tuple[str, ...] = ()) -> Ran:
    made = net_of(text, folder, backend=backend, without=without, record=("h1", "h2"))
    random = np.random.default_rng(0)
    inputs = (random.random((6, 3, 2, 8, 7)) < 0.5).astype(float)
    labels = random.integers(0, 3, 3)
    given = {
        s.name: random.normal(0.1, 0.6, s.shape)
        for s in made.program.stored
        if s.role == "parameter"
    }
    done = made.learn(inputs, labels, given)
    for name in ("h1", "h2"):
        assert 0.02 < done.outcome.records[name].mean() < 0.98
        assert np.abs(done.outcome.gradients[f"{name}.weight"]).max() > 1e-3
    return done


@pytest.mark.parametrize("case", CASES)
def test_what_factorises_is_the_same_at_the_edges(case: str, tmp_path: Path) -> None:
    text = CASES[case].format(rule="eprop(kappa = 0)")
    want, got = ran(text, tmp_path), ran(text, tmp_path, without=("factorise",))
    assert differing(want, got) == {}


@pytest.mark.parametrize("case", CASES)
def test_a_filtered_eligibility_is_the_filtered_product_of_every_step(
    case: str, tmp_path: Path
) -> None:
    """ebar_t = k ebar_{t-1} + e_t: with a signal at the last step only, sum_s k^(T-1-s) e_s."""
    filtered = CASES[case].format(rule="eprop(kappa = 0.4)")
    plain = CASES[case].format(rule="eprop(kappa = 0)")
    assert differing(ran(filtered, tmp_path), ran(plain, tmp_path)) != {}
    last = "        optimiser = sgd(0.05)\n        during = last step\n"
    only = [t.replace("        optimiser = sgd(0.05)\n", last) for t in (filtered, plain)]
    both = [ran(t, tmp_path).outcome.gradients["h1.weight"] for t in only]
    assert np.abs(both[0] - both[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("case", "backend"),
    [
        ("a stride and padding", "cpu"),
        pytest.param("a transposed convolution", "cpu", marks=pytest.mark.slow),
        ("a stride and padding", "cuda"),
        ("a transposed convolution", "cuda"),
    ],
)
def test_compiled_backends_agree_at_the_edges(case: str, backend: str, tmp_path: Path) -> None:
    text = CASES[case].format(rule="eprop(kappa = 0.4)")
    assert differing(ran(text, tmp_path), ran(text, tmp_path, backend=backend)) == {}


def test_groups_are_refused_with_the_line(tmp_path: Path) -> None:
    text = picture(
        "conv(4, kernel = 3)", "conv(4, kernel = 2, groups = 2)", rule="eprop(kappa = 0.4)"
    )
    with pytest.raises(SpecError) as error:
        ran(text, tmp_path)
    assert [d.code for d in error.value.diagnostics] == ["not-yet"]
