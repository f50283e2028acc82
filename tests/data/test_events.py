"""Counting and cutting events: boundaries worked out by hand, and equality with tonic."""

from __future__ import annotations

import numpy as np
import pytest
from pipelines import change, events, moved, ms, step, steps, us, values

from snc.data.samples import Sensor
from snc.diagnostics import DataError


def counts(sample, *words) -> list[float]:
    found = values(sample, *words)
    return found.reshape(len(found), -1).sum(1).tolist()


def test_windows_begin_at_the_first_event_and_are_half_open():
    sample = events([7, 16, 17, 26, 27, 40])
    # 7-17, 17-27, 27-37 fit into 33 us; 40 is in the incomplete rest
    assert counts(sample, step("frames", window=us(10), incomplete="drop")) == [2, 2, 1]
    assert counts(sample, step("frames", window=us(10), incomplete="keep")) == [2, 2, 1, 1]


def test_an_event_exactly_at_the_end_is_lost_as_in_tonic():
    sample = events([0, 150, 299, 300])
    for incomplete in ("keep", "drop"):
        found = counts(sample, step("frames", window=us(100), incomplete=incomplete))
        assert found == [1, 1, 1]


def test_a_recording_shorter_than_a_window_has_one_frame():
    for incomplete in ("keep", "drop"):
        assert counts(events([5, 8]), step("frames", window=us(10), incomplete=incomplete)) == [2]


def test_with_a_duration_time_counts_from_zero_and_every_recording_is_as_long():
    words = step("frames", window=us(10), duration=us(35))
    assert counts(events([7, 16, 34, 35, 90]), words) == [1, 1, 0, 1]
    dropped = step("frames", window=us(10), duration=us(35), incomplete="drop")
    assert counts(events([7, 16, 34, 35, 90]), dropped) == [1, 1, 0]
    assert counts(events([]), words) == [0, 0, 0, 0]
    assert counts(moved(events([100, 112, 134, 135]), 100.0), words) == [1, 1, 0, 1]


def test_real_times_are_not_cut_to_microseconds():
    sample = events([0.0, 0.4, 0.6, 1.0])
    words = step("frames", window=us(0.5), duration=us(1.5))
    assert counts(sample, words) == [2, 1, 1]


def test_the_last_step_of_ten_ms_frames_of_one_second_is_the_hundredth():
    sample = events([0, 9_999, 10_000, 999_999])
    found = counts(sample, step("frames", window=ms(10), duration=ms(1000)))
    assert len(found) == 100
    assert (found[0], found[1], found[99]) == (2, 1, 1)


def test_features_are_polarity_then_row_then_column():
    sample = events([0, 1, 2], x=[3, 0, 3], y=[1, 2, 1], p=[1, 0, 1], sensor=Sensor(4, 3, 2))
    found = values(sample, step("frames", window=us(10)))
    assert found.shape == (1, 2, 3, 4)
    assert found[0, 1, 1, 3] == 2
    assert found[0, 0, 2, 0] == 1
    assert found.sum() == 3


def test_a_sensor_in_one_row_has_no_rows_and_no_polarity_if_there_is_only_one():
    assert values(events([0], x=[2]), step("frames", window=us(1))).shape == (1, 4)
    two = events([0, 1], x=[2, 2], p=[1, 1], sensor=Sensor(4, None, 2))
    found = values(two, step("frames", window=us(9)))
    assert found.tolist() == [[[0, 0, 0, 0], [0, 0, 2, 0]]]


def test_a_size_that_depends_on_the_recording_is_measured():
    sample = events([0, 1], x=[4, 2], y=[0, 6], p=[0, 1], sensor=Sensor(0, 0, 2))
    (found,), form = change(sample, step("frames", window=us(9)))
    assert found.content.values.shape == (1, 2, 7, 5)
    assert form.shape == (2, None, None)


def test_slices_begin_at_the_first_event_and_know_where():
    sample = events([5, 14, 15, 30, 34, 36], x=[0, 1, 2, 3, 0, 1])
    found, _ = change(sample, step("slices", duration=us(10), incomplete="drop"))
    assert [s.content.time.tolist() for s in found] == [[5, 14], [15], [30, 34]]
    assert [s.content.start for s in found] == [5, 15, 25]
    assert [s.place for s in found] == ["rec, slice 0", "rec, slice 1", "rec, slice 2"]
    kept, _ = change(sample, step("slices", duration=us(10), incomplete="keep"))
    assert [s.content.x.tolist() for s in kept] == [[0, 1], [2], [3, 0], [1]]


def test_time_bins_divide_whole_microseconds_and_lose_the_end():
    # 25 us in 4 bins: 6 us each; the bins end at 24, and 24 and 25 are lost
    assert counts(events([0, 5, 6, 23, 24, 25]), step("time_bins", n=4)) == [2, 1, 0, 1]


def test_frames_by_count_give_the_rest_to_the_last_frame_or_drop_it():
    sample = events(list(range(11)))
    assert counts(sample, step("frames_by_count", n=4)) == [2, 2, 2, 5]
    assert counts(sample, step("frames_by_count", n=4, remainder="drop")) == [2, 2, 2, 2]
    assert counts(events([1, 2]), step("frames_by_count", n=3)) == [0, 0, 2]


@pytest.mark.parametrize(
    "words",
    [
        step("frames", window=us(10)),
        step("slices", duration=us(10)),
        step("time_bins", n=2),
        step("frames_by_count", n=2),
    ],
)
def test_a_recording_without_events_is_refused_where_its_first_event_is_needed(words):
    with pytest.raises(DataError) as caught:
        change(events([]), words)
    assert (caught.value.code, caught.value.place) == ("empty-recording", "rec")


def test_a_recording_too_short_for_its_bins_is_refused():
    with pytest.raises(DataError, match="too short for 5 windows"):
        change(events([0, 3]), step("time_bins", n=5))


@pytest.mark.parametrize("x", [4, -1])
def test_an_event_outside_the_sensor_is_refused(x):
    with pytest.raises(DataError) as caught:
        change(events([0], x=[x]), step("frames", window=us(10)))
    assert caught.value.code == "event-out-of-range"
    assert f"x = {x}" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (step("frames", window=steps(3)), "must be a time"),
        (step("frames", window=us(0)), "longer than 0"),
        (step("frames", window=7), "must be a time"),
        (step("frames", window=us(5), incomplete="cut"), "`keep` or `drop`"),
        (
            step("frames", window=us(5), duration=us(4), incomplete="drop"),
            "shorter than one window",
        ),
        (step("time_bins", n=2.5), "a whole number"),
        (step("time_bins", n=0), "1 or more"),
        (step("slices"), "needs the argument `duration`"),
    ],
)
def test_wrong_arguments_say_what_is_wanted_and_where(words, text):
    with pytest.raises(DataError, match=text) as caught:
        change(events([0]), words)
    assert caught.value.place == "toy.snc:2"


@pytest.mark.parametrize("incomplete", ["drop", "keep"])
@pytest.mark.parametrize("window", [1_000, 3_333, 10_000, 60_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_frames_and_slices_equal_those_of_tonic(window, incomplete, seed):
    from tonic.slicers import SliceByTime
    from tonic.transforms import ToFrame

    rng = np.random.default_rng(seed)
    kind = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    theirs = np.zeros(300, kind)
    theirs["t"] = np.sort(rng.integers(0, 50_000, 300)) + 123
    for name, size in (("x", 5), ("y", 4), ("p", 2)):
        theirs[name] = rng.integers(0, size, 300)
    ours = events(theirs["t"], theirs["x"], theirs["y"], theirs["p"], Sensor(5, 4, 2))
    keep = incomplete == "keep"

    found = values(ours, step("frames", window=us(window), incomplete=incomplete))
    make = ToFrame(sensor_size=(5, 4, 2), time_window=window, include_incomplete=keep)
    assert np.array_equal(found, make(theirs))

    cut, _ = change(ours, step("slices", duration=us(window), incomplete=incomplete))
    expected, _ = SliceByTime(time_window=window, include_incomplete=keep).slice(theirs, 0)
    assert [s.content.time.tolist() for s in cut] == [e["t"].tolist() for e in expected]

    bins = values(ours, step("time_bins", n=7))
    assert np.array_equal(bins, ToFrame(sensor_size=(5, 4, 2), n_time_bins=7)(theirs))


def test_recordings_of_different_sizes_are_placed_on_one_sensor():
    sample = events([1, 2], x=[0, 3], y=[1, 0], p=[0, 1], sensor=Sensor(0, 0, 2))
    found = values(sample, step("on_sensor", size=(2, 5)), step("frames_by_count", n=1))
    assert found.shape == (1, 2, 2, 5)
    assert np.argwhere(found[0]).tolist() == [[0, 1, 0], [1, 0, 3]]
    with pytest.raises(DataError, match="x = 3"):
        values(sample, step("on_sensor", size=(2, 3)), step("frames_by_count", n=1))
    with pytest.raises(DataError, match="with rows"):
        values(events([1]), step("on_sensor", size=3), step("frames_by_count", n=1))
