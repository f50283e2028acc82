"""Augmentations: what they do to frames, and what their draws depend on."""

from __future__ import annotations

import numpy as np
import pytest
from pipelines import augment, pipe, step, steps

from snc.data import prepare
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
