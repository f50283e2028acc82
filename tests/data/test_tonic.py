"""Real formats on disk, read by tonic's own loaders; the network is blocked (see conftest)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pipelines import ms, pipe, share, step, us
from recordings import (
    random_events,
    write_cochlea,
    write_gestures,
    write_objects,
    write_saccades,
)

from snc.data import describe, prepare
from snc.diagnostics import DataError

REAL = Path(os.environ.get("SNC_DATA", "/nowhere"))  # before a fixture takes it away
SACCADES = {f"{k % 3}/{k:05d}": random_events(60 + 10 * k, seed=k) for k in range(6)}


def source(name="NMNIST", part="train", **more):
    return step("tonic", name=name, part=part, **more)


@pytest.fixture
def nmnist(tmp_path):
    write_saccades(tmp_path, "Train", SACCADES)
    return tmp_path


def test_events_become_frames_as_counted_by_hand(tmp_path):
    rows = [(3, 1, 100, 1), (3, 1, 101, 1), (0, 33, 1_099, 0), (5, 5, 1_100, 0), (9, 9, 2_600, 1)]
    write_saccades(tmp_path, "Train", {"7/00001": rows})
    data = prepare(pipe(source(), step("frames", window=ms(1), incomplete="drop")), tmp_path)
    fields, labels, lengths = data.batch([0])
    assert (labels.tolist(), lengths.tolist()) == ([7], [2])
    expected = np.zeros((2, 1, 2, 34, 34))
    expected[0, 0, 1, 1, 3] = 2
    expected[0, 0, 0, 33, 0] = 1
    expected[1, 0, 0, 5, 5] = 1
    assert np.array_equal(fields["input"], expected)


@pytest.mark.parametrize("incomplete", ["drop", "keep"])
def test_frames_equal_those_that_tonic_makes(nmnist, incomplete):
    import tonic

    local = type("NMNIST", (tonic.datasets.NMNIST,), {"_check_exists": lambda self: True})
    make = tonic.transforms.ToFrame(
        sensor_size=(34, 34, 2), time_window=1_000, include_incomplete=incomplete == "keep"
    )
    theirs = local(str(nmnist), train=True, transform=make)
    words = step("frames", window=ms(1), incomplete=incomplete)
    data = prepare(pipe(source(), words), nmnist)
    assert len(data) == len(theirs) == 6
    for k in range(6):
        frames, label = theirs[k]
        fields, labels, lengths = data.batch([k])
        assert np.array_equal(fields["input"][:, 0], frames)
        assert (labels[0], lengths[0]) == (label, len(frames))


def test_a_batch_is_padded_with_zeros_to_its_longest_sample(nmnist):
    data = prepare(pipe(source(), step("frames", window=ms(5)), step("flatten")), nmnist)
    fields, labels, lengths = data.batch([4, 0, 5])
    assert fields["input"].dtype == np.float32
    assert fields["input"].shape == (lengths.max(), 3, 2312)
    assert lengths.tolist() == data.lengths[[4, 0, 5]].tolist()
    for b, k in enumerate([4, 0, 5]):
        alone = data.batch([k])[0]["input"][:, 0]
        assert np.array_equal(fields["input"][: lengths[b], b], alone)
        assert not fields["input"][lengths[b] :, b].any()
    # sorted by path: 0/00000, 0/00003, 1/00001, 1/00004, 2/00002, 2/00005
    assert labels.tolist() == [2, 0, 2]
    assert data.histogram() == {0: 2, 1: 2, 2: 2}


def test_counts_are_stored_sparsely_in_few_bytes(nmnist):
    data = prepare(pipe(source(), step("frames", window=ms(20)), step("flatten")), nmnist)
    assert {k: v.dtype.name for k, v in data.packed.arrays.items()} == {
        "ends": "int64",
        "place": "uint16",
        "value": "uint8",
    }


def test_the_first_saccade_ends_at_100_ms(tmp_path):
    write_saccades(
        tmp_path, "Test", {"0/1": [(0, 0, 10, 0), (0, 0, 99_999, 0), (0, 0, 100_000, 0)]}
    )
    words = (source(part="test", first_saccade_only=True), step("frames_by_count", n=1))
    assert prepare(pipe(*words), tmp_path).batch([0])[0]["input"].sum() == 2


def test_shape_and_step_are_known_without_the_data():
    words = (source(), step("frames", window=ms(10)))
    found = describe(pipe(*words), None)
    assert (found.shape, found.dt) == ((2, 34, 34), 0.01)
    assert found.fields == ("input", "label")
    assert describe(pipe(*words, step("flatten")), None).shape == (2312,)


def test_one_row_of_channels_from_hdf5_with_half_precision_times(tmp_path):
    times = [[0.0, 0.0105, 0.0205], [0.0, 0.25], [0.0, 0.031]]
    write_cochlea(tmp_path, "train", times, [[0, 699, 3], [5, 5], [1, 2]], [0, 19, 0])
    words = (source("SHD"), step("frames", window=ms(10), incomplete="drop"))
    assert describe(pipe(*words), None).shape == (700,)
    data = prepare(pipe(*words), tmp_path)
    fields, labels, lengths = data.batch([0, 1, 2])
    assert labels.tolist() == [0, 19, 0]
    assert lengths.tolist() == [2, 25, 3]
    assert np.argwhere(fields["input"][:, 0]).tolist() == [[0, 0], [1, 699]]
    kept = prepare(pipe(*words, step("per_class", first=1)), tmp_path)
    assert kept.labels.tolist() == [0, 19]


def test_milliseconds_and_boolean_polarity(tmp_path):
    rows = [(127, 0, 0, 1), (127, 0, 70_000, 0), (0, 127, 80_000, 1), (0, 0, 160_000, 1)]
    write_gestures(tmp_path, "Train", {"user02_lab/10": rows, "user01_led/0": rows[:2]})
    words = (source("DVSGesture"), step("frames", window=ms(75), incomplete="drop"))
    data = prepare(pipe(*words), tmp_path)
    assert data.labels.tolist() == [0, 10]
    found = data.batch([1])[0]["input"]
    assert np.argwhere(found).tolist() == [[0, 0, 0, 0, 127], [0, 0, 1, 0, 127], [1, 0, 1, 127, 0]]


def test_recordings_of_different_sizes_need_a_resize_and_have_classes_by_name(tmp_path):
    small = random_events(200, 1, size=20)
    write_objects(tmp_path, {"wren/1": small, "ant/2": random_events(200, 2), "ant/1": small})
    words = (source("NCALTECH101", None), step("frames", window=ms(10)))
    with pytest.raises(DataError, match="not known") as caught:
        describe(pipe(*words), None)
    assert caught.value.code == "unknown-shape"
    words = (*words, step("resize", size=(6, 8), antialias=True), step("round"))
    assert describe(pipe(*words), None).shape == (2, 6, 8)
    data = prepare(pipe(*words), tmp_path)
    assert data.labels.tolist() == [0, 0, 1]
    assert data.batch([0, 1, 2])[0]["input"].shape[2:] == (2, 6, 8)


def test_slices_make_samples_with_the_label_of_their_recording(nmnist):
    words = (source(), step("slices", duration=ms(15), incomplete="keep"))
    data = prepare(pipe(*words, step("frames", window=ms(5), duration=ms(15))), nmnist)
    assert len(data) == 18
    assert data.lengths.tolist() == [3] * 18
    assert data.labels.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    whole = sum(len(e) for e in SACCADES.values())
    assert data.batch(range(18))[0]["input"].sum() == whole
    # a selection after the cut is about the slices
    first = (*words, step("per_class", first=1), step("frames", window=ms(5), duration=ms(15)))
    chosen = prepare(pipe(*first), nmnist)
    assert chosen.labels.tolist() == [0, 1, 2]
    assert np.array_equal(chosen.batch([1])[0]["input"], data.batch([6])[0]["input"])


def test_a_split_is_the_same_before_and_after_frames(nmnist):
    part, frames = step("random_part", first=share(50), seed=3), step("frames", window=ms(10))
    before = prepare(pipe(source(), part, frames), nmnist)
    after = prepare(pipe(source(), frames, part), nmnist)
    assert np.array_equal(before.batch([0, 1, 2])[0]["input"], after.batch([0, 1, 2])[0]["input"])


def test_a_missing_folder_says_where_it_looked_and_how_to_get_it(tmp_path):
    words = pipe(source(), step("frames", window=ms(10)))
    with pytest.raises(DataError) as caught:
        prepare(words, tmp_path)
    error = caught.value
    assert error.code == "no-data"
    assert str(tmp_path / "NMNIST") in str(error)
    assert "--data-root" in error.help
    assert "SNC_DATA" in error.help
    assert "snc data prepare nmnist" in error.help
    assert error.place == "toy.snc:2"
    with pytest.raises(DataError, match="nothing says in which folder") as caught:
        prepare(words, None)
    assert caught.value.code == "no-data"


def test_the_data_root_may_come_from_the_environment(nmnist, monkeypatch):
    monkeypatch.setenv("SNC_DATA", str(nmnist))
    assert len(prepare(pipe(source(), step("frames", window=ms(10))), None)) == 6


def test_an_incomplete_folder_is_never_downloaded(tmp_path):
    (tmp_path / "NMNIST" / "Test").mkdir(parents=True)
    with pytest.raises(DataError, match="no recordings") as caught:
        prepare(pipe(source(), step("frames", window=ms(10))), tmp_path)
    assert caught.value.code == "no-samples"
    (tmp_path / "SHD").mkdir()
    (tmp_path / "SHD" / "shd_train.h5.zip").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be opened") as caught:
        prepare(pipe(source("SHD"), step("frames", window=ms(10))), tmp_path)
    assert caught.value.code == "no-data"


def test_a_recording_without_events_is_named(tmp_path):
    write_saccades(tmp_path, "Train", {"0/00001": SACCADES["0/00000"], "1/00002": []})
    with pytest.raises(DataError) as caught:
        prepare(pipe(source(), step("frames", window=ms(10))), tmp_path)
    assert caught.value.code in ("empty-recording", "damaged-file")
    assert caught.value.place.endswith("1/00002.bin")


def test_a_damaged_recording_is_named(tmp_path):
    folder = write_saccades(tmp_path, "Train", {"0/1": [(200, 3, 5, 1), (1, 1, 9, 1)]})
    with pytest.raises(DataError, match="x = 200") as caught:
        prepare(pipe(source(), step("frames", window=ms(10))), tmp_path)
    assert caught.value.place == str(folder / "0/1.bin")
    write_gestures(tmp_path, "Train", {"user01_lab/0": SACCADES["0/00000"]})
    path = tmp_path / "DVSGesture/ibmGestureTrain/user01_lab/0.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot read") as caught:
        prepare(pipe(source("DVSGesture"), step("frames", window=ms(10))), tmp_path)
    assert (caught.value.code, caught.value.place) == ("damaged-file", str(path))


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (source("NMNITS"), "no-such-data-set", "NMNITS"),
        (source(part="valid"), "wrong-argument", "`train` or `test`"),
        (source(part=None), "wrong-argument", "`train` or `test`"),
        (source("NCALTECH101", "train"), "wrong-argument", "has no parts"),
        (source("SHD", first_saccade_only=True), "wrong-argument", "no option"),
        (source(firts_saccade_only=True), "unknown-argument", "no argument"),
    ],
)
def test_mistakes_in_the_source(words, code, text):
    with pytest.raises(DataError, match=text) as caught:
        describe(pipe(words, step("frames", window=us(10))), None)
    assert caught.value.code == code
    assert caught.value.place == "toy.snc:2"


@pytest.mark.skipif(not (REAL / "NMNIST").is_dir(), reason="SNC_DATA holds no NMNIST")
def test_the_real_subset_reads_whole():
    words = (source(part="test"), step("frames", window=ms(10), incomplete="drop"))
    data = prepare(pipe(*words, step("flatten")), REAL, classes=10)
    assert len(data) == 100
    assert set(data.lengths.tolist()) <= {29, 30, 31}
    assert data.shape == (2312,)


@pytest.mark.skipif(not (REAL / "NMNIST").is_dir(), reason="SNC_DATA holds no NMNIST")
@pytest.mark.parametrize("window", [1, 10])
def test_real_recordings_give_the_frames_that_tonic_makes(window):
    import tonic

    local = type("NMNIST", (tonic.datasets.NMNIST,), {"_check_exists": lambda self: True})
    make = tonic.transforms.ToFrame(sensor_size=(34, 34, 2), time_window=window * 1_000)
    theirs = local(str(REAL), train=False, transform=make)
    words = step("frames", window=ms(window), incomplete="drop")
    data = prepare(pipe(source(part="test"), words), REAL)
    for k in range(0, 100, 7):
        frames, label = theirs[k]
        fields, labels, _ = data.batch([k])
        assert np.array_equal(fields["input"][:, 0], frames)
        assert labels[0] == label
