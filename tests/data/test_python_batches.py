"""Images in Python's batches: what is in them is read, and nothing in them is run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import pipe, step, steps

from snc.data import describe, prepare
from snc.data.fixtures import write_fixtures
from snc.data.fixtures.formats import batch_pickle, write
from snc.data.sources.plain_pickle import PickleRefused, read_pickle
from snc.diagnostics import DataError

REAL = Path(os.environ.get("SNC_DATA", "/nowhere"))  # before a fixture takes it away
PIXELS = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
BATCH = {"batch_label": "one of five", "labels": [7, 3], "data": PIXELS, "filenames": ["a", "b"]}


def source(classes=10, part="test"):
    return step("cifar_batches", classes=classes, part=part)


def write_batch(root, name="test_batch", content=None, folder="cifar-10-batches-py"):
    return write(root / folder / name, batch_pickle(BATCH if content is None else content))


def images(root, *words, part="test", classes=10):
    return prepare(pipe(source(classes, part), *words, step("repeat", duration=steps(1))), root)


def test_a_batch_is_red_then_green_then_blue_row_by_row(tmp_path):
    write_batch(tmp_path)
    data = images(tmp_path)
    found, labels, _ = data.batch([0, 1])
    assert labels.tolist() == [7, 3]
    assert found["input"].shape == (1, 2, 3, 32, 32)
    assert found["input"][0, 1, 2, 31, 30] == PIXELS[1, 2 * 1024 + 31 * 32 + 30]
    assert np.array_equal(found["input"][0].reshape(2, -1), PIXELS)


def test_training_is_five_batches_in_order_and_some_may_be_missing(tmp_path):
    for k in (2, 1, 5):
        one = {"labels": [k], "data": PIXELS[:1]}
        write_batch(tmp_path / "below", f"data_batch_{k}", one)
    assert images(tmp_path, part="train").labels.tolist() == [1, 2, 5]


def test_a_hundred_classes_are_the_fine_ones(tmp_path):
    content = {"fine_labels": [99], "coarse_labels": [4], "data": PIXELS[:1]}
    write_batch(tmp_path, "train", content, "cifar-100-python")
    assert images(tmp_path, part="train", classes=100).labels.tolist() == [99]


def test_the_shape_is_known_without_the_files():
    words = (source(), step("divide", by=255), step("repeat", duration=steps(6)))
    assert describe(pipe(*words), None).shape == (3, 32, 32)


def test_the_writer_writes_what_python_reads():
    found = pickle.loads(batch_pickle(BATCH), encoding="bytes")
    assert found[b"labels"] == [7, 3]
    assert np.array_equal(found[b"data"], PIXELS)
    assert found[b"filenames"] == [b"a", b"b"]


@pytest.mark.parametrize("form", [0, 1, 2, 3])
def test_what_python_3_writes_in_the_old_formats_is_read_too(form):
    content = {b"data": PIXELS, b"labels": [1, -2, 300, 70_000], b"x": (None, True, 1.5, "é")}
    found = read_pickle(pickle.dumps(content, protocol=form))
    assert np.array_equal(found.pop(b"data"), PIXELS)
    assert found == {b"labels": [1, -2, 300, 70_000], b"x": (None, True, 1.5, "é")}


def test_an_array_stored_by_columns_is_read_by_rows():
    turned = np.asfortranarray(PIXELS)
    assert np.array_equal(read_pickle(pickle.dumps(turned, protocol=2)), PIXELS)


class Hostile:
    """Would write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("form", [0, 1, 2, 3, 4, 5])
def test_nothing_in_a_file_is_run(tmp_path, form):
    victim = tmp_path / "written"
    data = pickle.dumps({"data": Hostile(victim), "labels": [1]}, protocol=form)
    with pytest.raises(PickleRefused, match=r"more than plain data|asks for"):
        read_pickle(data)
    assert not victim.exists()
    pickle.loads(data)["data"].close()
    assert victim.exists(), "the test's own pickle does nothing"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        batch_pickle(BATCH)[:-500],
        pickle.dumps(np.array([1.5]), protocol=2),
        pickle.dumps(np.array([object()]), protocol=2),
        b"\x80\x02cnumpy\ndtype\nU\x02u1\x85Rcnumpy\ndtype\nR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x02K\x01K\x02b.",
        b"\x80\x02]K\x01K\x02s.",
        b"\x80\x02h\x05.",
    ],
)
def test_what_is_no_plain_data_is_refused(data, tmp_path):
    with pytest.raises(PickleRefused):
        read_pickle(data)
    path = write(tmp_path / "cifar-10-batches-py" / "test_batch", data)
    with pytest.raises(DataError) as caught:
        images(tmp_path)
    assert (caught.value.code, caught.value.place) == ("damaged-file", str(path))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
@settings(deadline=None, max_examples=150)
def test_a_damaged_file_is_refused_or_read_and_nothing_else_happens(changes):
    small = {**BATCH, "data": PIXELS[:, :16]}
    for data in (batch_pickle(small), pickle.dumps({"data": PIXELS[:, :16], "x": (1, [])}, 0)):
        damaged = bytearray(data)
        for place, value in changes:
            damaged[place % len(damaged)] = value
        with contextlib.suppress(PickleRefused):
            read_pickle(bytes(damaged))


def test_only_the_listed_names_are_known():
    out = io.StringIO()
    pickletools.dis(batch_pickle(BATCH), out=out)
    names = {
        line.split("GLOBAL")[1].strip() for line in out.getvalue().splitlines() if "GLOBAL" in line
    }
    wanted = ("numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype")
    assert names == {f"'{name}'" for name in wanted}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"labels": [1], "data": PIXELS}, "unequal-counts"),
        ({"labels": [1, 2], "data": PIXELS[:, :10]}, "damaged-file"),
        ({"labels": "ab", "data": PIXELS}, "damaged-file"),
        ({"data": PIXELS}, "damaged-file"),
        ({"labels": [1, -2], "data": PIXELS}, "label-out-of-range"),
    ],
)
def test_a_batch_that_is_none(tmp_path, content, code):
    path = write_batch(tmp_path, content=content)
    with pytest.raises(DataError) as caught:
        images(tmp_path)
    assert (caught.value.code, caught.value.place) == (code, str(path))


def test_a_missing_folder_and_a_wrong_number_of_classes(tmp_path):
    with pytest.raises(DataError, match="no folder") as caught:
        images(tmp_path)
    assert caught.value.code == "no-data"
    assert "snc data prepare" in caught.value.help
    with pytest.raises(DataError, match="10 or 100"):
        images(tmp_path, classes=20)
    with pytest.raises(DataError, match="nothing says"):
        images(None)


def test_published_images_come_through_npz_as_well(tmp_path):
    write_fixtures(tmp_path, ["cifar10"])
    ours = images(tmp_path)
    pixels = ours.batch(range(20))[0]["input"][0].astype(np.uint8)
    np.savez(tmp_path / "a.npz", x_test=np.moveaxis(pixels, 1, -1), y_test=ours.labels)
    words = (
        step("npz", file="a.npz", input="x_test", label="y_test", static=True),
        step("channels_first"),
        step("repeat", duration=steps(1)),
    )
    theirs = prepare(pipe(*words), tmp_path)
    assert np.array_equal(theirs.batch(range(20))[0]["input"], ours.batch(range(20))[0]["input"])
    assert theirs.labels.tolist() == ours.labels.tolist()


@pytest.mark.skipif(
    not (REAL / "cifar10_subset.npz").is_file(), reason="SNC_DATA holds no cifar10_subset.npz"
)
def test_a_real_subset_in_an_npz_file_reads_whole():
    words = (
        step("npz", file="cifar10_subset.npz", input="x_test", label="y_test", static=True),
        step("channels_first"),
        step("divide", by=255),
        step("repeat", duration=steps(6)),
    )
    data = prepare(pipe(*words), REAL, classes=10)
    assert (len(data), data.shape, set(data.lengths.tolist())) == (1000, (3, 32, 32), {6})
    mean = data.batch(range(1000))[0]["input"][0].mean((0, 2, 3))
    assert mean == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.02)
