"""Steps on frames and images, by hand and against the libraries whose numbers they repeat."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import change, frames, ms, step, steps, values

from snc.data.encode import rate_events
from snc.diagnostics import DataError


def test_flatten_is_row_major():
    found = values(frames(np.arange(24).reshape(2, 2, 3, 2)), step("flatten"))
    assert found.tolist() == np.arange(24).reshape(2, 12).tolist()


def test_first_cuts_what_is_per_step_and_leaves_what_is_per_sample():
    label, mask = np.array([3, 4, 5]), np.array([1.0, 0, 1])
    sample = frames(np.arange(6).reshape(3, 2), label, mask=mask, weight=np.array(2.0))
    (found,), _ = change(sample, step("first", n=2))
    assert found.content.values.tolist() == [[0, 1], [2, 3]]
    assert found.label.tolist() == [3, 4]
    assert found.fields["mask"].tolist() == [1, 0]
    assert found.fields["weight"] == 2
    assert len(values(sample, step("first", n=9))) == 3
    assert len(values(sample, step("first", n="all"))) == 3


def test_divide_and_round_and_normalise():
    sample = frames([[1, 3], [5, -5]])
    assert values(sample, step("divide", by=2)).tolist() == [[0.5, 1.5], [2.5, -2.5]]
    assert values(sample, step("divide", by=2), step("round")).tolist() == [[0, 2], [2, -2]]
    scaled = values(sample, step("normalise", mean=1, deviation=2))
    assert scaled.tolist() == [[0, 1], [2, -3]]
    assert scaled.dtype == np.float32


def test_normalise_has_one_number_for_each_channel():
    sample = frames(np.ones((1, 2, 1, 2)))
    found = values(sample, step("normalise", mean=(0, 1), deviation=(0.5, 4)))
    assert found.tolist() == [[[[2, 2]], [[0, 0]]]]
    flat = values(frames([[1.0, 3.0]]), step("normalise", mean=(1, 1), deviation=(1, 2)))
    assert flat.tolist() == [[0, 1]]


def test_repeat_shows_the_same_image_and_stores_it_once():
    (found,), form = change(frames([[1, 2]]), step("repeat", duration=steps(5)), image=True)
    assert found.content.steps == 5
    assert found.content.values.shape == (1, 2)
    assert not form.image
    (timed,), _ = change(frames([[1, 2]]), step("repeat", duration=ms(350)), image=True, dt=0.0005)
    assert timed.content.steps == 700


def test_first_cuts_a_repeated_image():
    words = (step("repeat", duration=steps(5)), step("first", n=3))
    (found,), _ = change(frames([[1, 2]]), *words, image=True)
    assert found.content.steps == 3


def test_wrap_uint8_forgets_multiples_of_256():
    assert values(frames([[255, 256, 700]]), step("wrap_uint8")).tolist() == [[255, 0, 188]]


def test_centre_crop_and_channels_first():
    found = values(frames(np.arange(25).reshape(1, 5, 5)), step("centre_crop", size=2))
    assert found.tolist() == [[[6, 7], [11, 12]]]
    image = np.arange(12).reshape(1, 2, 2, 3)
    turned = values(frames(image), step("channels_first"))
    assert turned.shape == (1, 3, 2, 2)
    assert turned[0, 1, 0, 1] == image[0, 0, 1, 1]


@pytest.mark.parametrize("size", [(3, 4), (5, 9), (20, 17)])
def test_antialiased_resizing_is_that_of_pillow(size):
    from PIL import Image

    image = np.random.default_rng(0).random((9, 13)).astype(np.float32)
    found = values(frames(image[None]), step("resize", size=size, antialias=True))[0]
    theirs = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    assert found == pytest.approx(np.asarray(theirs), abs=1e-6)


def test_plain_resizing_takes_two_neighbours_and_aligned_corners_keep_the_ends():
    line = frames([[[0.0, 1.0, 2.0, 3.0]]])
    half = values(line, step("resize", size=(1, 2)))
    assert half.tolist() == [[[0.5, 2.5]]]
    longer = values(line, step("resize", size=(1, 8)))[0, 0]
    assert longer.tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    corners = values(line, step("resize", size=(1, 7), align_corners=True))[0, 0]
    assert corners == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])


def test_rate_events_come_as_late_as_their_rate_allows():
    found = values(
        frames([[0.0, 0.25, 0.5, 1.0]]), step("rate_events", duration=steps(8)), image=True
    )
    assert found[:, 0].tolist() == [0] * 8
    assert found[:, 1].tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    assert found[:, 2].tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    assert found[:, 3].tolist() == [1] * 8
    half = values(frames([[1.0]]), step("rate_events", duration=steps(4), peak=0.5), image=True)
    assert half[:, 0].tolist() == [0, 1, 0, 1]


@given(st.integers(0, 64), st.integers(1, 200))
@settings(deadline=None)
def test_rate_events_are_as_many_as_intensity_times_steps_and_evenly_spaced(sixtyfourths, count):
    rate = sixtyfourths / 64
    found = rate_events(np.array([rate]), count)[:, 0]
    assert found.sum() == int(np.floor(rate * count))
    gaps = np.diff(np.flatnonzero(found))
    if len(gaps) > 1:
        assert gaps.max() - gaps.min() <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(1, 100))
@settings(deadline=None)
def test_rate_events_never_owe_more_than_one(rates, count):
    found = rate_events(np.array(rates), count)
    due = np.array(rates) * np.arange(1, count + 1)[:, None]
    assert (np.abs(np.cumsum(found, axis=0) - np.floor(due)) <= 1e-9).all()


def test_poisson_events_have_their_chance_and_are_frozen():
    image = np.full((1, 500), 0.3)
    words = step("poisson_events", duration=steps(100), peak=0.5, seed=3)
    found = values(frames(image), words, image=True)
    assert found.shape == (100, 500)
    assert found.mean() == pytest.approx(0.15, abs=4 * np.sqrt(0.15 * 0.85 / 50_000))
    assert np.array_equal(found, values(frames(image), words, image=True))
    by_step = found.mean(1)
    assert by_step.std() == pytest.approx(np.sqrt(0.15 * 0.85 / 500), rel=0.3)


def test_poisson_events_differ_between_samples_and_seeds_and_a_longer_draw_begins_alike():
    image = np.full((1, 50), 0.5)

    def drawn(count=20, seed=1, origin=0):
        words = step("poisson_events", duration=steps(count), seed=seed)
        return values(frames(image, origin=origin), words, image=True)

    assert not np.array_equal(drawn(), drawn(origin=1))
    assert not np.array_equal(drawn(), drawn(seed=2))
    assert np.array_equal(drawn(), drawn(count=30)[:20])


@pytest.mark.parametrize(
    ("word", "code"),
    [
        (step("rate_events", duration=steps(3)), "not-an-intensity"),
        (step("poisson_events", duration=steps(3)), "not-an-intensity"),
        (step("rate_events", duration=steps(3), peak=2), "wrong-argument"),
        (step("rate_events", duration=steps(2.5)), "wrong-argument"),
        (step("repeat", duration=ms(3)), "no-step-length"),
        (step("divide", by=0), "wrong-argument"),
        (step("divide", by="two"), "wrong-argument"),
        (step("normalise", mean=(1, 2), deviation=1), "wrong-argument"),
        (step("normalise", mean=1, deviation=0), "wrong-argument"),
        (step("resize", size=(1, 2, 3)), "wrong-argument"),
        (step("resize", size=4, antialias=True, align_corners=True), "wrong-argument"),
        (step("resize", size=4, premultiplied=True), "wrong-argument"),
        (step("centre_crop", size=9), "wrong-argument"),
        (step("channels_first"), "no-space"),
    ],
)
def test_mistakes_in_steps_on_images(word, code):
    with pytest.raises(DataError) as caught:
        change(frames(np.full((1, 3, 3), 4.0)), word, image=True)
    assert caught.value.code == code
    assert caught.value.place in ("toy.snc:2", "rec")


@pytest.mark.parametrize("word", ["repeat", "rate_events", "poisson_events"])
def test_a_sequence_is_not_an_image(word):
    with pytest.raises(DataError) as caught:
        change(frames([[1.0], [0.0]]), step(word, duration=steps(3)))
    assert caught.value.code == "not-an-image"


def test_steps_that_need_space_refuse_flat_frames():
    for word in (step("resize", size=4), step("centre_crop", size=2)):
        with pytest.raises(DataError, match="height and width") as caught:
            change(frames([[1.0, 2.0]]), word)
        assert caught.value.code == "no-space"


def test_times_of_real_frames_are_turned_into_steps():
    sample = frames(np.arange(6).reshape(6, 1))
    assert len(values(sample, step("first", n=ms(30)), dt=0.01)) == 3
    for a, b in pairwise((10, 20, 30, 40)):
        shorter = values(sample, step("first", n=ms(a)), dt=0.01)
        assert len(shorter) < len(values(sample, step("first", n=ms(b)), dt=0.01))


def test_counts_times_255_in_bytes_are_nearly_binary():
    word = step("wrap_uint8", times=255)
    found = values(frames([[0, 1, 2, 3, 255, 256, 257]]), word)
    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 255, 254, 253, 1, 0, 255]]


def test_a_premultiplied_resize_weights_channel_0_by_channel_1():
    """Worked out by hand for 2 x 2 to 1 x 1, where the triangle weights all alike.

    Channel 0 times channel 1 / 255 is 200, 100, 0, 0: rows 150 and 0, then 75. Channel 1 is 255 and
    0, then 127.5, rounded to 128. 255 x 75 / 128 = 149.4.
    """
    image = np.array([[[[200, 100], [90, 50]], [[255, 255], [0, 0]]]], np.uint8)
    word = step("resize", size=1, antialias=True, premultiplied=True)
    assert values(frames(image), word).reshape(-1).tolist() == [149, 128]
    plain = values(frames(image), step("resize", size=1, antialias=True))
    assert plain.reshape(-1).tolist() == [110, 127.5]
    image[:, 1] = 0
    assert values(frames(image), word).reshape(-1).tolist() == [0, 0]


def test_a_premultiplied_resize_wants_bytes_of_two_channels():
    word = step("resize", size=1, antialias=True, premultiplied=True)
    with pytest.raises(DataError, match="bytes"):
        values(frames(np.ones((1, 2, 4, 4))), word)
    for wrong in (step("resize", size=1, premultiplied=True), word):
        with pytest.raises(DataError, match="two channels"):
            values(frames(np.ones((1, 3, 4, 4), np.uint8)), wrong)
