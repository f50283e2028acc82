"""The list of what a prepared data set holds, which says whether two people have the same split."""

from __future__ import annotations

import json

from pipelines import ms, pipe, share, step
from recordings import random_events, write_saccades

from snc.data import prepare
from snc.data.manifest import read_manifest

NAMES = [f"{k % 2}/{k:05d}" for k in range(6)]


def data_of(root, *words):
    source = step("tonic", name="NMNIST", part="train")
    return prepare(pipe(source, *words, step("frames", window=ms(10))), root)


def write(root, names=NAMES, seed=0):
    write_saccades(root, "Train", {n: random_events(50, seed + k) for k, n in enumerate(names)})


def test_it_names_the_recordings_in_order_with_their_classes(tmp_path):
    write(tmp_path)
    data = data_of(tmp_path, step("per_class", final=1))
    assert data.manifest.samples == [["Train/0/00004.bin", 0], ["Train/1/00005.bin", 1]]
    assert data.manifest.available == 6
    written = json.loads(data.manifest_path.read_text())
    assert written["samples"] == data.manifest.samples
    assert written["split"] == data.manifest.split
    assert len(written["files"]) == 6
    assert read_manifest(data.manifest_path) == data.manifest


def test_a_split_does_not_depend_on_where_the_files_are_or_how_they_were_written(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b", NAMES[::-1], seed=50)
    words = step("random_part", first=share(50), seed=4)
    a, b = data_of(tmp_path / "a", words), data_of(tmp_path / "b", words)
    assert a.manifest.split == b.manifest.split
    assert a.fingerprint != b.fingerprint, "other events"
    other = data_of(tmp_path / "a", step("random_part", first=share(50), seed=5))
    assert other.manifest.split != a.manifest.split


def test_a_file_more_is_another_split(tmp_path):
    write(tmp_path)
    before = data_of(tmp_path, step("per_class", first=share(50))).manifest
    write(tmp_path, [*NAMES, "0/00007", "0/00009"])
    after = data_of(tmp_path, step("per_class", first=share(50))).manifest
    assert (before.available, after.available) == (6, 8)
    assert before.split != after.split


def test_a_damaged_manifest_is_made_anew(tmp_path):
    write(tmp_path)
    data = data_of(tmp_path)
    text = data.manifest_path.read_text()
    for damage in ("", "{}", text.replace('"Train/0/00000.bin", 0', '"Train/0/00000.bin", 1')):
        data.manifest_path.write_text(damage)
        assert read_manifest(data.manifest_path) is None
        assert data_of(tmp_path).manifest == data.manifest
        assert data.manifest_path.read_text() == text


def test_recordings_in_one_file_go_by_their_numbers_and_slices_by_their_recording(tmp_path):
    write(tmp_path, NAMES[:1])
    sliced = data_of(tmp_path, step("slices", duration=ms(10), incomplete="drop"))
    assert sliced.manifest.samples == [["Train/0/00000.bin", 0]] * len(sliced)
    assert len(sliced) > 1
