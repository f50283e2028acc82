"""Sounds and their features, by hand and against librosa."""

from __future__ import annotations

import numpy as np
import pytest
from pipelines import frames, ms, step, values

from snc.data.given import Given
from snc.data.samples import Form, Frames, Sample
from snc.data.sound import SOUND_STEPS, mel_weights, spectrum
from snc.diagnostics import DataError

RATE = 16_000
MEL = step("mel", n=40, window=ms(30), hop=ms(10), low=20, high=4000, power=2)


def sound(array, word):
    """What a word makes of a sound of 16 kHz, and the form after it."""
    bound = SOUND_STEPS[word.word](Given.of(word), Form(None, (), dt=1 / RATE))
    (found,) = bound.run(Sample(Frames(np.asarray(array, np.float32)), 0, "rec", 0))
    assert bound.steps(len(array)) == found.content.steps
    assert found.content.values.shape[1:] == bound.form.shape
    return found.content.values, bound.form


def test_a_sound_is_padded_on_both_sides_or_cut_to_its_middle():
    word = step("centre_pad", n=6)
    assert sound([1, 2, 3], word)[0].tolist() == [0, 1, 2, 3, 0, 0]
    assert sound([1, 2, 3, 4, 5, 6], word)[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert sound(range(9), word)[0].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_peak_is_the_largest_magnitude():
    assert sound([0.1, -0.4, 0.2], step("divide_by_peak"))[0] == pytest.approx([0.25, -1, 0.5])
    assert sound([0, 0], step("divide_by_peak"))[0].tolist() == [0, 0]


def test_a_second_gives_101_frames_of_10_ms():
    found, form = sound(np.ones(RATE), MEL)
    assert found.shape == (101, 40)
    assert form.dt == pytest.approx(0.01)


def test_a_tone_is_loudest_in_the_band_it_belongs_to():
    time = np.arange(RATE) / RATE
    edges = mel_weights(40, 480, RATE, 20, 4000)
    for frequency in (300, 1000, 2500):
        found, _ = sound(np.sin(2 * np.pi * frequency * time), MEL)
        bin_ = round(frequency / RATE * 480)
        assert found[50].argmax() == edges[:, bin_].argmax()
        assert found[50].max() > 20 * np.median(found[50])


def test_the_power_of_a_tone_is_as_computed_by_hand():
    """A tone in the middle of a bin: |FFT| is amplitude x sum of the window / 2 = 480 / 4."""
    tone = np.cos(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert spectrum(tone, 480, 160)[50, 30] == pytest.approx(120, rel=1e-9)
    assert spectrum(tone, 480, 160)[50, 29] == pytest.approx(60, rel=1e-9)
    assert spectrum(tone, 480, 160)[50, 33] == pytest.approx(0, abs=1e-9)


def test_bands_and_slopes_equal_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    noise = np.random.default_rng(3).normal(size=RATE)
    theirs = librosa.feature.melspectrogram(
        y=noise, sr=RATE, n_fft=480, hop_length=160, n_mels=40, power=2, fmin=20, fmax=4000
    )
    ours, _ = sound(noise, MEL)
    assert np.abs(ours - theirs.T).max() < 1e-6 * theirs.max()
    slopes = values(frames(ours), step("deltas", orders=2))
    for k in (1, 2):
        expected = librosa.feature.delta(ours.T.astype(float), order=k).T
        assert np.abs(slopes[:, 40 * k : 40 * k + 40] - expected).max() < 1e-6 * expected.max()


def test_a_share_of_the_largest_value():
    found = values(frames([[0.0, 1.0], [3.0, 2.0]]), step("log1p_of_share"))
    assert found == pytest.approx(np.log1p([[0, 1 / 3], [1, 2 / 3]]))
    assert values(frames([[0.0], [0.0]]), step("log1p_of_share")).tolist() == [[0], [0]]


def test_slopes_of_a_parabola():
    time = np.arange(20.0)
    found = values(frames(np.stack([3 * time, 5 - time**2], 1)), step("deltas", orders=2))
    assert found.shape == (20, 6)
    assert found[:, :2] == pytest.approx(np.stack([3 * time, 5 - time**2], 1))
    assert found[:, 2] == pytest.approx(3)
    assert found[4:-4, 3] == pytest.approx(-2 * time[4:-4])
    assert found[:, 4] == pytest.approx(0, abs=1e-5)
    assert found[:, 5] == pytest.approx(-2, rel=1e-5)


def test_slopes_need_nine_steps():
    with pytest.raises(DataError) as caught:
        values(frames(np.zeros((8, 2))), step("deltas", orders=1))
    assert caught.value.code == "too-few-steps"


def test_a_deviation_is_that_of_each_feature():
    word = step("divide_by_deviation", over="time")
    found = values(frames([[1.0, 7.0], [3.0, 7.0]]), word)
    assert found.tolist() == [[1, 7], [3, 7]]  # deviations 1 and none
    assert values(frames([[2.0], [6.0]]), word).tolist() == [[1], [3]]


def test_a_deviation_over_a_batch_is_shared_by_the_samples_that_follow_each_other():
    word = step("divide_by_deviation", over=("batch", "time"), batch=2)
    bound = SOUND_STEPS[word.word](Given.of(word), Form(None, (1,)))
    assert bound.size == 2
    first, second = bound.run([frames([[0.0], [4.0]]), frames([[4.0], [0.0]])])
    assert first.content.values.tolist() == [[0], [2]]
    assert second.content.values.tolist() == [[2], [0]]
    (alone,) = bound.run([frames([[0.0], [8.0]])])
    assert alone.content.values.tolist() == [[0], [2]]


@pytest.mark.parametrize(
    ("word", "code"),
    [
        (step("mel", n=4, window=ms(30), hop=ms(10), low=20, high=9000), "wrong-argument"),
        (step("mel", n=4, window=ms(0.03), hop=ms(10), low=20, high=4000), "wrong-argument"),
        (step("deltas", orders=1), "no-frames"),
        (step("divide_by_deviation", over="batch"), "wrong-argument"),
        (step("divide_by_deviation", over=("batch", "time")), "wrong-argument"),
    ],
)
def test_mistakes(word, code):
    with pytest.raises(DataError) as caught:
        sound(np.ones(100), word)
    assert caught.value.code == code


def test_frames_are_no_sound():
    with pytest.raises(DataError) as caught:
        values(frames(np.zeros((8, 2))), MEL)
    assert caught.value.code == "not-a-sound"
