"""Your own arrays in HDF5 and NumPy files, idx files, and what scikit-learn ships."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from pipelines import ms, pipe, share, step, steps
from recordings import write_idx

from snc.data import describe, prepare
from snc.diagnostics import DataError

FRAMES = np.arange(3 * 4 * 2).reshape(3, 4, 2).astype(np.float32)


def write(path, **arrays):
    """An HDF5 file; `a__b` is the dataset `a/b`."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def one_file(root, kind, **arrays):
    if kind == "npz":
        np.savez(root / "a.npz", **arrays)
        return {"word": "npz", "file": "a.npz"}
    write(root / "a.h5", **arrays)
    return {"word": "hdf5", "file": "a.h5"}


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_frames_with_labels_masks_and_lengths(tmp_path, kind):
    labels = np.array([[1, 2, 0, 0], [3, 3, 3, 3], [5, 0, 0, 0]])
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 0]], float)
    made = one_file(tmp_path, kind, eeg=FRAMES, stage=labels, scored=mask, n=[2, 4, 1])
    words = pipe(step(**made, input="eeg", label="stage", mask="scored", length="n"))
    found = describe(words, tmp_path)
    assert (found.shape, found.dt, found.fields) == ((2,), None, ("input", "label", "mask"))
    data = prepare(words, tmp_path)
    fields, got, lengths = data.batch([2, 0])
    assert lengths.tolist() == [1, 2]
    assert fields["input"][:, 1].tolist() == FRAMES[0, :2].tolist()
    assert fields["input"][:, 0].tolist() == [[16, 17], [0, 0]]
    assert got.tolist() == [[5, 1], [0, 2]]
    assert fields["mask"].tolist() == [[1, 1], [0, 1]]
    assert data.histogram() == {1: 1, 2: 1, 3: 4, 5: 1}


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_labels_may_be_names_and_masks_may_be_per_sample(tmp_path, kind):
    names = np.array([b"wake", b"deep", b"wake"])
    made = one_file(tmp_path, kind, input=FRAMES, label=names, m=[1.0, 0.0, 2.0])
    data = prepare(pipe(step(**made, mask="m")), tmp_path)
    fields, labels, _ = data.batch([0, 1, 2])
    assert labels.tolist() == [1, 0, 1]
    assert fields["mask"].tolist() == [1, 0, 2]


def test_without_labels_there_is_no_such_field(tmp_path):
    np.savez(tmp_path / "a.npz", input=FRAMES)
    words = pipe(step("npz", file="a.npz"))
    assert describe(words, tmp_path).fields == ("input",)
    data = prepare(words, tmp_path)
    assert data.labels is None
    assert data.batch([0])[1] is None
    assert data.histogram() == {}


def test_parts_are_groups_and_dt_is_an_attribute(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for part, factor in (("train", 1), ("test", 10)):
            file[f"{part}/input"] = FRAMES * factor
            file[f"{part}/input"].attrs["dt"] = 0.002
    words = pipe(step("hdf5", file="a.h5", part="test"))
    assert describe(words, tmp_path).dt == 0.002
    assert prepare(words, tmp_path).batch([1])[0]["input"][0, 0].tolist() == [80, 90]


def test_images_have_no_time(tmp_path):
    np.savez(tmp_path / "a.npz", x=FRAMES, y=[0, 1, 2])
    words = (step("npz", file="a.npz", input="x", label="y", static=True),)
    assert describe(pipe(*words), tmp_path).shape == (4, 2)
    data = prepare(pipe(*words, step("repeat", duration=steps(6))), tmp_path)
    found, _, lengths = data.batch([0, 1])
    assert lengths.tolist() == [6, 6]
    assert found["input"].shape == (6, 2, 4, 2)
    assert (found["input"] == FRAMES[:2]).all()
    assert data.packed.arrays["dense"].shape == (3, 8)


def ragged(tmp_path, flat: bool, size=None, **columns):
    """Three recordings of 2, 0 and 3 events."""
    cuts = [0, 2, 2, 5]
    with h5py.File(tmp_path / "e.h5", "w") as file:
        group = file.create_group("spikes")
        for name, values in columns.items():
            values = np.array(values)
            if flat:
                group[name] = values
                continue
            data = group.create_dataset(name, (3,), h5py.vlen_dtype(values.dtype))
            for k in range(3):
                data[k] = values[cuts[k] : cuts[k + 1]]
        if flat:
            group["offsets"] = cuts
        if size is not None:
            group.attrs["size"] = size
        file["key"] = [0, 11, 3]
    return step("hdf5", file="e.h5", events="spikes", label="key")


@pytest.mark.parametrize("flat", [True, False])
def test_events_in_channels(tmp_path, flat):
    source = ragged(tmp_path, flat, times=[0.0, 0.012, 0.0049, 0.02, 0.005], units=[1, 0, 7, 2, 7])
    words = pipe(source, step("frames", window=ms(5), duration=ms(20)))
    assert describe(words, tmp_path).shape == (8,)
    fields, labels, lengths = prepare(words, tmp_path).batch([0, 1, 2])
    assert labels.tolist() == [0, 11, 3]
    assert lengths.tolist() == [4, 4, 4]
    assert np.argwhere(fields["input"]).tolist() == [[0, 0, 1], [0, 2, 7], [1, 2, 7], [2, 0, 0]]


@pytest.mark.parametrize("flat", [True, False])
def test_events_in_rows_with_polarity_and_whole_microseconds(tmp_path, flat):
    source = ragged(
        tmp_path, flat, size=[4, 3],
        times=[0, 10, 5, 1, 20], x=[3, 0, 1, 1, 1], y=[2, 0, 1, 1, 1], p=[1, 0, 1, 1, 0],
    )  # fmt: skip
    words = pipe(source, step("per_class", first=1), step("frames", window=ms(1), duration=ms(1)))
    assert describe(words, tmp_path).shape == (2, 3, 4)
    found = prepare(words, tmp_path).batch([0, 1, 2])[0]["input"]
    assert found.shape == (1, 3, 2, 3, 4)
    assert found[0, 0, 1, 2, 3] == found[0, 0, 0, 0, 0] == found[0, 2, 0, 1, 1] == 1
    assert found[0, 2, 1, 1, 1] == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"units": [0, 1, 2, 3]}, "unequal-counts"),
        ({"units": [0.5, 1, 2, 3, 4]}, "wrong-dtype"),
        ({"times": ["a"] * 5}, "wrong-dtype"),
        ({"offsets": [0, 2, 1, 5]}, "wrong-offsets"),
        ({"offsets": [0, 2, 2, 6]}, "wrong-offsets"),
        ({"offsets": [0, 5]}, "unequal-counts"),
        ({"offsets": [0]}, "no-samples"),
        ({"units": None}, "no-such-array"),
    ],
)
def test_mistakes_in_events(tmp_path, change, code):
    arrays = {"times": [0.0] * 5, "units": [0] * 5, "offsets": [0, 2, 2, 5], **change}
    with h5py.File(tmp_path / "e.h5", "w") as file:
        for name, values in arrays.items():
            if values is not None:
                file[f"spikes/{name}"] = np.array(values, "S" if values[0] == "a" else None)
        file["label"] = np.zeros(
            max(len(arrays["offsets"]) - 1, 0) if code != "unequal-counts" else 3
        )
    words = pipe(
        step("hdf5", file="e.h5", events="spikes"), step("frames", window=ms(1), duration=ms(1))
    )
    with pytest.raises(DataError) as caught:
        prepare(words, tmp_path)
    assert caught.value.code == code
    assert "e.h5" in caught.value.place


@pytest.mark.parametrize(
    ("arrays", "more", "code"),
    [
        ({"inptu": FRAMES}, {}, "no-such-array"),
        ({"input": FRAMES}, {"label": "stage"}, "no-such-array"),
        ({"input": FRAMES}, {"mask": "scored"}, "no-such-array"),
        ({"input": FRAMES, "label": [0, 1]}, {}, "unequal-counts"),
        ({"input": FRAMES, "label": np.zeros((3, 9))}, {}, "wrong-shape"),
        ({"input": FRAMES, "label": [0.5, 1, 2]}, {}, "wrong-dtype"),
        ({"input": FRAMES, "label": [0, -1, 2]}, {}, "label-out-of-range"),
        ({"input": FRAMES[:, 0]}, {}, "wrong-shape"),
        ({"input": FRAMES[:0]}, {}, "no-samples"),
        ({"input": FRAMES.astype("S4")}, {}, "wrong-dtype"),
        ({"input": FRAMES * np.nan}, {}, "not-finite"),
        ({"input": FRAMES, "n": [0, 1, 2]}, {"length": "n"}, "wrong-length"),
        ({"input": FRAMES, "n": [1, 5, 2]}, {"length": "n"}, "wrong-length"),
    ],
)
@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_mistakes_in_arrays(tmp_path, entries, kind, arrays, more, code):
    made = one_file(tmp_path, kind, **arrays)
    with pytest.raises(DataError) as caught:
        prepare(pipe(step(**made, **more)), tmp_path)
    assert caught.value.code == code
    assert str(tmp_path) in caught.value.place
    assert not entries()


def test_a_missing_array_suggests_the_nearest(tmp_path):
    write(tmp_path / "a.h5", input=FRAMES, stages=[0, 0, 0])
    with pytest.raises(DataError) as caught:
        prepare(pipe(step("hdf5", file="a.h5", label="stage")), tmp_path)
    assert "did you mean `stages`?" in caught.value.help
    with pytest.raises(DataError, match="finds no `trian`"):
        prepare(pipe(step("hdf5", file="a.h5", part="trian")), tmp_path)


def test_more_classes_than_declared_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", input=FRAMES, label=[0, 1, 7])
    words = pipe(step("npz", file="a.npz"))
    with pytest.raises(DataError, match="label 7, but the data set declares 5 classes") as caught:
        prepare(words, tmp_path, classes=5)
    assert caught.value.code == "label-out-of-range"
    assert len(prepare(words, tmp_path, classes=8)) == 3


@pytest.mark.parametrize("word", ["npz", "hdf5"])
def test_missing_and_damaged_files(tmp_path, word):
    words = pipe(step(word, file="gone.x"))
    with pytest.raises(DataError, match=r"gone\.x") as caught:
        describe(words, tmp_path)
    assert caught.value.code == "no-data"
    assert "--data-root" in caught.value.help
    (tmp_path / "gone.x").write_bytes(b"PK not really")
    with pytest.raises(DataError, match="not a readable") as caught:
        describe(words, tmp_path)
    assert (caught.value.code, caught.value.place) == ("damaged-file", str(tmp_path / "gone.x"))


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files(tmp_path, packed):
    images = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    write_idx(tmp_path, "DIGITS", "train", images, [7, 3], packed)
    words = (step("idx", name="DIGITS", part="train"), step("divide", by=10))
    assert describe(pipe(*words), tmp_path).shape == (3, 4)
    data = prepare(pipe(*words), tmp_path)
    found, labels, lengths = data.batch([1, 0])
    assert (labels.tolist(), lengths.tolist()) == ([3, 7], [1, 1])
    assert found["input"][0, 0] == pytest.approx(images[1] / 10)


def test_mistakes_in_idx_files(tmp_path):
    words = pipe(step("idx", name="DIGITS", part="test"))
    with pytest.raises(DataError, match="t10k-images") as caught:
        prepare(words, tmp_path)
    assert caught.value.code == "no-data"
    with pytest.raises(DataError, match="nothing says in which folder"):
        prepare(words, None)
    write_idx(tmp_path, "DIGITS", "t10k", np.zeros((2, 3, 3)), [1, 2, 3])
    with pytest.raises(DataError, match="2 images, but 3 labels"):
        prepare(words, tmp_path)
    write_idx(tmp_path, "DIGITS", "t10k", np.zeros((2, 3, 3)), [1, 2])
    path = tmp_path / "DIGITS" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError) as caught:
        prepare(words, tmp_path)
    assert (caught.value.code, caught.value.place) == ("damaged-file", str(path))


def test_digits_that_ship_with_scikit_learn():
    images = (step("sklearn", name="digits"), step("divide", by=16), step("flatten"))
    encode = step("rate_events", duration=steps(20))
    assert describe(pipe(*images, encode), None).shape == (64,)
    train = prepare(pipe(*images, encode, step("random_part", first=share(80), seed=1)), None)
    test = prepare(pipe(*images, encode, step("random_part", final=share(20), seed=1)), None)
    assert (len(train), len(test)) == (1437, 360)
    assert sorted(train.histogram()) == sorted(test.histogram()) == list(range(10))
    spikes = train.batch(range(50))[0]["input"]
    assert set(np.unique(spikes)) == {0, 1}
    pixels = prepare(pipe(*images, step("random_part", first=share(80), seed=1)), None)
    expected = np.floor(pixels.batch(range(50))[0]["input"][0] * 20)
    assert np.array_equal(spikes.sum(0), expected)


def test_a_data_set_that_scikit_learn_does_not_ship():
    for name in ("digts", "diabetes", "olivetti_faces"):
        with pytest.raises(DataError) as caught:
            describe(pipe(step("sklearn", name=name)), None)
        assert caught.value.code == "no-such-data-set"
