"""The cache: what makes a new entry, what finds an old one, and damage."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from pipelines import ms, pipe, share, step, steps, us
from recordings import random_events, write_saccades

from snc.data import prepare
from snc.data.cache import pipeline_text
from snc.data.sources.tables import Tables
from snc.diagnostics import DataError

WORDS = (
    step("tonic", name="NMNIST", part="train"),
    step("frames", window=ms(2), incomplete="drop"),
    step("flatten"),
)


@pytest.fixture
def root(tmp_path):
    names = {f"{k}/0000{k}": random_events(80, seed=k) for k in range(3)}
    write_saccades(tmp_path, "Train", names)
    return tmp_path


def same(a, b) -> bool:
    every = range(len(a))
    return len(a) == len(b) and np.array_equal(
        a.batch(every)[0]["input"], b.batch(every)[0]["input"]
    )


def test_a_second_time_nothing_is_read_and_the_same_comes_out(root, entries, monkeypatch):
    first = prepare(pipe(*WORDS), root)
    assert len(entries()) == 1

    def refuse(*_):
        raise AssertionError("the samples were read again")

    monkeypatch.setattr("snc.data.pipeline.run", refuse)
    second = prepare(pipe(*WORDS), root)
    assert same(first, second)
    assert first.fingerprint == second.fingerprint
    assert second.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "words",
    [
        (WORDS[0], step("frames", window=ms(3), incomplete="drop"), WORDS[2]),
        (WORDS[0], step("frames", window=ms(2), incomplete="keep"), WORDS[2]),
        (WORDS[0], step("frames", window=ms(2), duration=ms(9)), WORDS[2]),
        WORDS[:2],
        (*WORDS, step("first", n=3)),
        (WORDS[0], step("per_class", first=share(100)), *WORDS[1:]),
        (WORDS[0], step("shuffle", seed=1), *WORDS[1:]),
        (WORDS[0], step("shuffle", seed=2), *WORDS[1:]),
        (*WORDS[:2], step("random_flip")),
    ],
)
def test_any_change_of_a_step_makes_a_new_entry(root, entries, words):
    first = prepare(pipe(*WORDS), root)
    other = prepare(pipe(*words), root)
    assert len(entries()) == 2
    assert first.fingerprint != other.fingerprint


def test_any_change_of_a_file_makes_a_new_entry(root, entries):
    prints = [prepare(pipe(*WORDS), root).fingerprint]
    path = root / "NMNIST/Train/1/00001.bin"
    kept = path.read_bytes()
    path.write_bytes(kept[:-5] + bytes((kept[-5] ^ 1,)) + kept[-4:])
    prints.append(prepare(pipe(*WORDS), root).fingerprint)
    path.rename(path.with_name("00009.bin"))
    prints.append(prepare(pipe(*WORDS), root).fingerprint)
    path.with_name("00009.bin").unlink()
    prints.append(prepare(pipe(*WORDS), root).fingerprint)
    assert len(set(prints)) == 4
    assert len(entries()) == 4


def test_where_the_data_is_and_what_lies_beside_it_do_not_matter(root, tmp_path, entries):
    first = prepare(pipe(*WORDS), root)
    (root / "NMNIST" / "notes.txt").write_text("hello")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (root / "NMNIST").rename(moved / "NMNIST")
    assert prepare(pipe(*WORDS), moved).fingerprint == first.fingerprint
    assert len(entries()) == 1


def test_contents_are_hashed_once(root, cache, monkeypatch):
    past = time.time() - 100
    for path in root.rglob("*.bin"):
        os.utime(path, (past, past))
    first = prepare(pipe(*WORDS), root)
    monkeypatch.setattr("snc.data.files._content", lambda path: pytest.fail("hashed again"))
    assert prepare(pipe(*WORDS), root).fingerprint == first.fingerprint
    for memory in cache.glob("hashes-*.json"):
        memory.write_text("{ damaged")
    monkeypatch.undo()


def test_a_damaged_memory_of_hashes_is_made_again(root, cache):
    past = time.time() - 100
    for path in root.rglob("*.bin"):
        os.utime(path, (past, past))
    first = prepare(pipe(*WORDS), root)
    (memory,) = cache.glob("hashes-*.json")
    memory.write_text("{ damaged")
    assert prepare(pipe(*WORDS), root).fingerprint == first.fingerprint


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99, -1])
def test_a_truncated_entry_is_made_again(root, entries, kept):
    first = prepare(pipe(*WORDS), root)
    (path,) = entries()
    whole = path.read_bytes()
    cut = int(len(whole) * kept) if isinstance(kept, float) else kept
    path.write_bytes(whole[:cut])
    assert same(prepare(pipe(*WORDS), root), first)
    assert path.stat().st_size == len(whole)


def test_a_flipped_bit_in_an_entry_is_noticed(root, entries):
    first = prepare(pipe(*WORDS), root)
    (path,) = entries()
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    assert same(prepare(pipe(*WORDS), root), first)


def test_a_mistake_on_the_way_leaves_nothing_behind(root, cache, entries):
    write_saccades(root, "Train", {"2/00008": [(1, 1, 5, 0), (99, 1, 9, 0)]})
    with pytest.raises(DataError):
        prepare(pipe(*WORDS), root)
    assert not entries()
    assert not list(cache.glob("*.tmp"))


def test_an_interrupted_write_leaves_nothing_behind(root, cache, entries, monkeypatch):
    def interrupt(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("snc.data.cache.np.savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(pipe(*WORDS), root)
    assert not entries()
    assert not list(cache.glob("*.tmp"))


def test_a_full_disk_is_a_data_error(root, entries, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("snc.data.cache.np.savez", full)
    with pytest.raises(DataError, match="No space left") as caught:
        prepare(pipe(*WORDS), root)
    assert caught.value.code == "cannot-write"
    assert "SNC_CACHE" in caught.value.help
    assert not entries()


def test_everything_comes_back_from_the_cache(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz", input=rng.random((3, 4, 2)), label=rng.integers(0, 5, (3, 4)),
        m=rng.random(3), n=[4, 2, 3],
    )  # fmt: skip
    words = pipe(step("npz", file="a.npz", mask="m", length="n"), step("divide", by=2))
    first = prepare(words, tmp_path)
    monkeypatch.setattr(Tables, "items", lambda self: pytest.fail("read again"))
    second = prepare(words, tmp_path)
    for a, b in zip(first.batch([2, 0, 1]), second.batch([2, 0, 1]), strict=True):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            assert all(np.array_equal(a[k], b[k]) for k in a)
        else:
            assert np.array_equal(a, b)


def test_the_step_length_counts_only_where_a_time_is_turned_into_steps(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3)), label=[0, 1])
    image = step("npz", file="a.npz", static=True)
    timed, counted = (pipe(image, step("repeat", duration=d)) for d in (ms(4), steps(4)))
    assert prepare(timed, tmp_path, dt=1e-3).lengths.tolist() == [4, 4]
    assert prepare(timed, tmp_path, dt=2e-3).lengths.tolist() == [2, 2]
    one, other = (prepare(counted, tmp_path, dt=d).fingerprint for d in (1e-3, 2e-3))
    assert one == other


def test_the_text_of_a_pipeline_has_every_argument_and_no_place():
    words = pipe(
        step("tonic", part="train", name="A"),
        step("frames", window=us(10), incomplete="drop"),
        step("per_class", first=share(90)),
        step("normalise", mean=(0.5, 1), deviation=2.0),
        step("repeat", duration=steps(6)),
    )
    assert pipeline_text(words) == (
        'tonic(name = "A", part = "train") | frames(incomplete = "drop", window = 1e-05 s)'
        " | per_class(first = 0.9 of all) | normalise(deviation = 2, mean = [0.5, 1])"
        " | repeat(duration = 6 steps)"
    )


def test_progress_is_told(root, monkeypatch):
    told = []
    clock = iter(range(10_000))
    monkeypatch.setattr("snc.data.pipeline.time.monotonic", lambda: next(clock))
    prepare(pipe(*WORDS), root, told.append)
    assert "preparing 2 of 3 samples" in told
