"""Augmentations: what they do to frames, and what their draws depend on."""

from __future__ import annotations

import numpy as np
import pytest
from pipelines import augment, pipe, step, steps

from snc.data import prepare
from snc.data.augment import AUGMENTATIONS
from snc.data.given import Given
from snc.data.samples import Form
from snc.diagnostics import DataError


def words(*values):
    return lambda n: np.array(values[:n], np.uint32)


TOP = 2**32 - 1


def test_a_random_crop_pads_with_zeros_and_takes_its_place_from_two_words():
    frame = np.arange(1, 10).reshape(1, 3, 3)
    word = step("random_crop", size=3, padding=1)
    assert augment(word, frame, words(0, 0)).tolist() == [[[0, 0, 0], [0, 1, 2], [0, 4, 5]]]
    assert augment(word, frame, words(TOP, 0)).tolist() == [[[0, 4, 5], [0, 7, 8], [0, 0, 0]]]
    assert augment(word, frame, words(0, TOP)).tolist() == [[[0, 0, 0], [2, 3, 0], [5, 6, 0]]]
    assert augment(word, frame, words(2**31, 2**31)).tolist() == frame.tolist()
    assert augment(word, frame).tolist() == frame.tolist()


def test_every_place_of_a_crop_is_equally_likely():
    frame = np.arange(25).reshape(1, 5, 5)
    word = step("random_crop", size=3)
    drawn = np.random.default_rng(0).integers(0, 2**32, (4000, 2))
    corners = [int(augment(word, frame, words(*w))[0, 0, 0]) for w in drawn]
    places, counts = np.unique(corners, return_counts=True)
    assert places.tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert counts.min() > 350


def test_a_flip_mirrors_if_the_top_bit_is_set():
    frame = np.array([[[1, 2], [3, 4]]])
    assert augment(step("random_flip"), frame, words(2**31)).tolist() == [[[2, 1], [4, 3]]]
    assert augment(step("random_flip"), frame, words(2**31 - 1)).tolist() == frame.tolist()
    vertical = step("random_flip", direction="vertical")
    assert augment(vertical, frame, words(TOP)).tolist() == [[[3, 4], [1, 2]]]
    assert augment(vertical, frame).tolist() == frame.tolist()


@pytest.fixture
def moving(tmp_path):
    """Ten samples of 4 steps with one pixel lit, the same at every step."""
    lit = np.zeros((10, 4, 1, 6, 6), np.uint8)
    lit[:, :, 0, 2, 2] = 1 + np.arange(10)[:, None]
    np.savez(tmp_path / "lit.npz", input=lit, label=np.arange(10))
    words = [
        step("npz", file="lit.npz"),
        step("random_crop", size=6, padding=2),
        step("random_flip"),
        step("random_flip", direction="vertical"),
        step("divide", by=2),
    ]
    return prepare(pipe(*words), tmp_path)


def drawn(data, indices, **options):
    return data.batch(indices, training=True, **options)[0]["input"]


def test_a_sample_is_augmented_alike_at_all_its_steps(moving):
    found = drawn(moving, range(10), epoch=1)
    assert (found == found[:1]).all()
    assert (found.reshape(4, 10, -1).max(2) == (1 + np.arange(10)) / 2).all()


def test_draws_depend_on_seed_epoch_and_sample_and_not_on_the_batch(moving):
    first = drawn(moving, [3, 5], epoch=2, seed=7)
    again = drawn(moving, [9, 5, 3], epoch=2, seed=7)
    assert np.array_equal(first[:, 0], again[:, 2])
    assert np.array_equal(first[:, 1], again[:, 1])
    everyone = [drawn(moving, range(10), epoch=e, seed=s) for e in range(3) for s in range(2)]
    for k, a in enumerate(everyone):
        assert all(not np.array_equal(a, b) for b in everyone[:k])


def test_the_flips_of_one_sample_are_drawn_apart(moving):
    places = set()
    for epoch in range(40):
        found = drawn(moving, [0], epoch=epoch)[0, 0, 0]
        y, x = (int(v[0]) for v in np.nonzero(found))
        places.add((y < 3, x < 3))
    assert len(places) == 4


def test_without_training_only_what_is_not_drawn_is_done(moving):
    for epoch in (0, 5):
        found = moving.batch([4], epoch=epoch)[0]["input"]
        assert found[0, 0, 0, 2, 2] == 2.5
        assert found.sum() == 4 * 2.5


def test_an_image_is_augmented_before_it_is_repeated(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((3, 1, 4, 4)), label=[0, 1, 2])
    words = (step("random_crop", size=4, padding=3), step("repeat", duration=steps(5)))
    data = prepare(pipe(step("npz", file="a.npz", static=True), *words), tmp_path)
    found, _, lengths = data.batch([0, 1, 2], training=True)
    assert found["input"].shape == (5, 3, 1, 4, 4)
    assert (found["input"] == found["input"][:1]).all()
    assert lengths.tolist() == data.lengths.tolist() == [5, 5, 5]


def test_padding_after_a_samples_end_stays_zero_after_normalising(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3, 1, 2, 2)), label=[0, 1], n=[3, 1])
    words = (step("random_flip"), step("normalise", mean=3, deviation=1))
    data = prepare(pipe(step("npz", file="a.npz", length="n"), *words), tmp_path)
    found = data.batch([0, 1], training=True)[0]["input"]
    assert (found[:, 0] == -2).all()
    assert (found[0, 1] == -2).all()
    assert (found[1:, 1] == 0).all()


def test_a_selection_after_an_augmentation_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3, 1, 2, 2)))
    words = (step("random_flip"), step("shuffle"))
    with pytest.raises(DataError) as caught:
        prepare(pipe(step("npz", file="a.npz"), *words), tmp_path)
    assert caught.value.code == "wrong-order"


def test_a_crop_larger_than_the_padded_frame_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3, 1, 2, 2)))
    words = (step("npz", file="a.npz"), step("random_crop", size=5, padding=1))
    with pytest.raises(DataError, match="at most 4"):
        prepare(pipe(*words), tmp_path)


def plane(word, array, kind, draw):
    """A plane after an augmentation."""
    array = np.array(array, float)
    bound = AUGMENTATIONS[word.word](Given.of(word), Form(None, array.shape))
    return bound.run(draw)(array, kind)


def test_vectors_turn_round_when_they_are_mirrored():
    right_and_down = [[[1.0, 2.0]], [[3.0, 4.0]]]
    found = plane(step("random_flip"), right_and_down, "vector", words(TOP))
    assert found.tolist() == [[[-2, -1]], [[4, 3]]]
    vertical = step("random_flip", direction="vertical")
    assert plane(vertical, right_and_down, "vector", words(TOP)).tolist() == [[[1, 2]], [[-3, -4]]]
    assert plane(vertical, right_and_down, "vector", None).tolist() == right_and_down


def test_a_rotation_by_a_quarter_turn():
    """The lowest word is the most negative angle: clockwise."""
    frame, word = np.array([[[1.0, 2.0], [3.0, 4.0]]]), step("random_rotation", degrees=90)
    assert augment(word, frame, words(0))[0] == pytest.approx(np.array([[3, 1], [4, 2]]), abs=1e-6)
    assert augment(word, frame, words(2**31))[0] == pytest.approx(frame[0])
    assert augment(word, frame).tolist() == frame.tolist()
    to_the_right = np.stack([np.ones((2, 2)), np.zeros((2, 2))])
    down = plane(word, to_the_right, "vector", words(0))
    assert down == pytest.approx(np.stack([np.zeros((2, 2)), np.ones((2, 2))]), abs=1e-6)
    half = step("random_rotation", degrees=45)
    found = augment(half, np.ones((1, 5, 5)), words(0))[0]
    assert found[0, 0] == pytest.approx(3 - 8**0.5, abs=1e-6), "zeros come in from outside"
    assert found[2, 2] == 1
    assert set(np.unique(plane(half, np.ones((5, 5)), "mask", words(0)))) == {0, 1}


def test_a_part_is_cut_out_and_resized():
    frame = np.arange(16.0).reshape(1, 4, 4)
    quarter = step("random_resized_crop", size=2, scale=(0.25, 0.25), ratio=(1, 1))
    assert augment(quarter, frame, words(0, 0, 0, 0, *[0] * 36)).tolist() == [[[0, 1], [4, 5]]]
    last = augment(quarter, frame, words(0, 0, TOP, TOP, *[0] * 36))
    assert last.tolist() == [[[10, 11], [14, 15]]]
    whole = step("random_resized_crop", size=2, scale=(1, 1), ratio=(1, 1))
    assert augment(whole, frame, words(*[0] * 40)).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]
    assert augment(whole, frame).tolist() == [[[5, 6], [9, 10]]], "at rest, the middle"
    vectors = np.ones((2, 4, 4))
    shrunk = plane(whole, vectors, "vector", words(*[0] * 40))
    assert shrunk.tolist() == np.full((2, 2, 2), 0.5).tolist()


def test_a_part_that_fits_nowhere_is_the_middle():
    frame = np.arange(8.0).reshape(1, 2, 4)
    word = step("random_resized_crop", size=2, scale=(1, 1), ratio=(1, 1))
    assert augment(word, frame, words(*[0] * 40)).tolist() == [[[1, 2], [5, 6]]]


def test_the_share_of_the_area_is_even_in_its_range():
    frame = np.zeros((1, 100, 100))
    word = step("random_resized_crop", size=4, scale=(0.2, 0.8))
    ramp = np.broadcast_to(np.arange(100.0), (1, 100, 100))
    widths = []
    for drawn in np.random.default_rng(0).integers(0, 2**32, (300, 40)):
        found = augment(word, ramp + frame, words(*drawn))[0]
        rows = augment(word, np.swapaxes(ramp, 1, 2) + frame, words(*drawn))[0]
        widths.append((found[0, 3] - found[0, 0]) / 0.75 * (rows[3, 0] - rows[0, 0]) / 0.75 / 1e4)
    assert np.quantile(widths, [0.02, 0.5, 0.98]) == pytest.approx([0.21, 0.5, 0.79], abs=0.06)


def test_cutout_covers_a_rectangle_with_red_or_nothing():
    frame = np.full((1, 3, 10, 10), 9)
    word = step("cutout", p=0.5, area=(0.08, 0.16), aspect=(0.5, 2), fill="red")
    # s = 0.08, r = 1.25: height floor(sqrt(10)) = 3, width floor(sqrt(6.4)) = 2; last of 9 columns
    found = augment(word, frame, words(0, 0, 2**31, TOP, 0, 200 << 24))
    assert np.argwhere(found[0, 0] != 9).tolist() == [[y, x] for y in range(3) for x in (8, 9)]
    assert found[0, :, 0, 9].tolist() == [200, 0, 0]
    assert augment(word, frame, words(2**31, 0, 0, 0, 0, 0)).tolist() == frame.tolist()
    assert augment(word, frame).tolist() == frame.tolist()
    empty = step("cutout", p=1, area=(1, 1), aspect=(1, 1))
    assert not augment(empty, frame, words(0, 0, 0, 0, 0, TOP)).any()
    assert (frame == 9).all(), "the sample itself is as it was"


@pytest.mark.parametrize(
    "word",
    [
        step("random_rotation", degrees=0),
        step("random_resized_crop", size=2, scale=(0.5, 2)),
        step("random_resized_crop", size=2, scale=0.5),
        step("random_resized_crop", size=9, scale=(0.5, 1)),
        step("cutout", p=2, area=(0.1, 0.2), aspect=(1, 1)),
        step("cutout", p=1, area=(0.2, 0.1), aspect=(1, 1)),
    ],
)
def test_mistakes_in_augmentations(word):
    with pytest.raises(DataError) as caught:
        augment(word, np.ones((1, 4, 4)))
    assert caught.value.code == "wrong-argument"
