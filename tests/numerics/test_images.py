"""`difference`, `resize` and `warp` of values against hand-made answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import net_of

from snc.data.resize import axis_weights

TEXT = """
network net():
    input x[2, 6, 8]
    flow = x | conv(2, kernel = 1)
    y    = {expression}
    out  = y | flatten | dense(3)
experiment e:
    network = net()
    loss    = mean(cross_entropy(out, label)) + mean(y^2)
    learn * by descent(loss)
    train.optimiser = sgd(0.05)
"""
RANDOM = np.random.default_rng(5)
IMAGE = RANDOM.normal(size=(1, 3, 2, 6, 8))


def value(
    expression: str, folder: Path, weights: np.ndarray, image: np.ndarray = IMAGE
) -> np.ndarray:
    """The value of y in the first step, [B, channel, height, width]."""
    made = net_of(TEXT.format(expression=expression), folder, record=("y",))
    given = {"flow.weight": weights.reshape(2, 2, 1, 1)}
    return made.evaluate(image, np.zeros(image.shape[1], int), given).outcome.records["y"][0]


def test_difference_is_the_next_minus_this(tmp_path: Path) -> None:
    got = value("difference(flow, over = width)", tmp_path, np.eye(2))
    np.testing.assert_allclose(got, np.diff(IMAGE[0], axis=-1), rtol=1e-12)
    got = value("difference(flow, over = height)", tmp_path, np.eye(2))
    np.testing.assert_allclose(got, np.diff(IMAGE[0], axis=-2), rtol=1e-12)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ([3, 4], ""), ([12, 20], ""), ([4, 5], ", antialias = true"), ([9, 3], ", antialias = true"),
        ([11, 5], ", align_corners = true"), ([2, 15], ", align_corners = true"),
    ],
)  # fmt: skip
def test_resizing_is_that_of_the_data_pipelines(
    size: list[int], options: str, tmp_path: Path
) -> None:
    got = value(f"resize(flow, {size}{options})", tmp_path, np.eye(2))
    how = ("antialias" in options, "align_corners" in options)
    rows, columns = axis_weights(6, size[0], *how), axis_weights(8, size[1], *how)
    want = np.einsum("bchw,yh,xw->bcyx", IMAGE[0], rows, columns)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_flow_of_whole_pixels_shifts_the_image_and_leaves_zeros_outside(tmp_path: Path) -> None:
    """The flow is (1, -2) everywhere: y[row, column] = x[row - 2, column + 1]."""
    image = IMAGE.copy()
    image[:, :, 1] = 1.0
    weights = np.array([[0.0, 1.0], [0.0, -2.0]])
    got = value("warp(x, flow)", tmp_path, weights, image)
    want = np.zeros_like(image[0])
    want[..., 2:, :-1] = image[0][..., :-2, 1:]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert np.abs(got).max() > 0.5


def test_between_pixels_the_image_is_interpolated(tmp_path: Path) -> None:
    image = np.zeros((1, 1, 2, 6, 8))
    image[0, 0, 0, 3, 4] = 8.0  # seen from a pixel that points 3/4 of a step short of it
    image[0, 0, 1] = 1.0
    got = value("warp(x, flow)", tmp_path, np.array([[0.0, 0.25], [0.0, 0.5]]), image)[0, 0]
    want = np.zeros((6, 8))
    want[3, 4], want[3, 3], want[2, 4], want[2, 3] = 3.0, 1.0, 3.0, 1.0
    np.testing.assert_allclose(got, want, rtol=1e-12)


EXPRESSIONS = [
    "warp(x, flow)", "warp(flow, x)", "resize(flow, [5, 3], antialias = true)",
    "resize(flow, [4, 11], align_corners = true)", "difference(flow, over = height)",
    "warp(resize(difference(x, over = width), [6, 8]), flow)",
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "other"),
    [
        *((e, "cuda") for e in EXPRESSIONS),
        *(pytest.param(e, "cpu", marks=pytest.mark.slow) for e in EXPRESSIONS[:-1]),
        (EXPRESSIONS[-1], "cpu"),  # all three at once: each compilation takes seconds
    ],
)
def test_backends_agree_on_images(expression: str, other: str, tmp_path: Path) -> None:
    outcomes = []
    for backend in ("reference", other):
        made = net_of(TEXT.format(expression=expression), tmp_path, backend=backend, record=("y",))
        random = np.random.default_rng(2)
        given = {s.name: random.normal(0, 0.7, s.shape) for s in made.program.stored}
        outcomes.append(made.learn(IMAGE, np.array([0, 1, 2]), given))
    want, got = outcomes
    assert np.abs(want.outcome.gradients["flow.weight"]).max() > 1e-2
    for name, gradient in want.outcome.gradients.items():
        np.testing.assert_allclose(got.outcome.gradients[name], gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        got.outcome.records["y"], want.outcome.records["y"], rtol=1e-12, atol=1e-13
    )
