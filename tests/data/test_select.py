"""Selections: who is kept, in which order, and that parts of a split never overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import pipe, share, step

from snc.data import prepare
from snc.data.given import Given
from snc.data.samples import Item
from snc.data.select import SELECTIONS
from snc.diagnostics import DataError


def items(labels, paths=None):
    paths = paths or [""] * len(labels)
    return [
        Item(k, path, lambda label=label: label, lambda: None)
        for k, (label, path) in enumerate(zip(labels, paths, strict=True))
    ]


def kept(word, labels, paths=None):
    found = SELECTIONS[word.word](Given.of(word), items(labels, paths))
    return [i.origin for i in found]


def test_sort_by_path_compares_folder_by_folder():
    paths = ["b/1", "a b/2", "a/3", "a/10", "a/1"]
    assert kept(step("sort_by_path"), [0] * 5, paths) == [4, 3, 2, 1, 0]


def test_per_class_keeps_the_order_within_and_between_classes():
    labels = [1, 0, 1, 1, 0, 0, 1]
    assert kept(step("per_class", first=2), labels) == [0, 1, 2, 4]
    assert kept(step("per_class", final=1), labels) == [5, 6]
    assert kept(step("per_class", first="all"), labels) == list(range(7))


def test_shares_are_rounded_down_and_complete_each_other():
    labels = [0] * 7 + [1] * 3
    first = kept(step("per_class", first=share(50)), labels)
    final = kept(step("per_class", final=share(50)), labels)
    assert first == [0, 1, 2, 7]
    assert final == [3, 4, 5, 6, 8, 9]


@given(st.integers(1, 400), st.integers(0, 100), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_first_and_final_parts_have_nothing_in_common_and_leave_nothing_out(n, percent, seed):
    labels = [k % 3 for k in range(n)]
    for word, more in (("per_class", {}), ("random_part", {"seed": seed})):
        first = kept(step(word, first=share(percent), **more), labels)
        final = kept(step(word, final=share(100 - percent), **more), labels)
        assert sorted(first + final) == list(range(n))


def test_a_class_that_is_too_small_is_an_error_or_kept_or_dropped():
    labels = [0, 0, 0, 1]
    with pytest.raises(DataError, match="class 1 has 1 samples, fewer than 2") as caught:
        kept(step("per_class", first=2), labels)
    assert caught.value.code == "too-few-samples"
    assert kept(step("per_class", first=2, short="keep"), labels) == [0, 1, 3]
    assert kept(step("per_class", first=2, short="drop"), labels) == [0, 1]


def test_a_random_part_keeps_the_order_and_depends_on_its_seed():
    part = kept(step("random_part", first=30, seed=1), [0] * 100)
    assert part == sorted(part)
    assert len(part) == 30
    assert part == kept(step("random_part", first=30, seed=1), [0] * 100)
    assert part != kept(step("random_part", first=30, seed=2), [0] * 100)


def test_shuffle_has_everyone_once():
    order = kept(step("shuffle", seed=4), [0] * 50)
    assert sorted(order) == list(range(50))
    assert order != sorted(order)


@pytest.mark.parametrize(
    "word",
    [
        step("per_class"),
        step("per_class", first=1, final=1),
        step("random_part", first=share(150)),
        step("random_part", first=0),
        step("random_part", first=9),
    ],
)
def test_mistakes_in_selections(word):
    with pytest.raises(DataError) as caught:
        kept(word, [0, 0, 1, 1])
    assert caught.value.code in ("wrong-argument", "too-few-samples")
    assert caught.value.place == "toy.snc:2"


def test_a_selection_that_leaves_nothing_is_an_error(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((4, 1, 2)), label=[0, 1, 2, 3])
    words = (step("npz", file="a.npz"), step("per_class", first=share(50)))
    with pytest.raises(DataError, match="leaves no sample") as caught:
        prepare(pipe(*words), tmp_path)
    assert caught.value.code == "no-samples"


def test_labels_per_step_have_no_class(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((4, 3, 2)), label=np.ones((4, 3), int))
    with pytest.raises(DataError) as caught:
        prepare(pipe(step("npz", file="a.npz"), step("per_class", first=1)), tmp_path)
    assert caught.value.code == "no-class"


def test_balanced_draws_take_every_class_equally_often_with_replacement():
    labels = [0] * 90 + [1] * 10
    drawn = kept(step("balance", seed=1), labels * 10)
    assert len(drawn) == 1000
    rare = sum(labels[k % 100] for k in drawn)
    assert 440 < rare < 560
    assert len(set(drawn)) < 600, "some are drawn twice"
    assert kept(step("balance", seed=1), labels * 10) == drawn
    assert kept(step("balance", seed=2), labels * 10) != drawn


def test_balanced_draws_are_even_within_a_class():
    drawn = kept(step("balance", seed=0), [0, 1, 1, 1] * 1000)
    found = np.bincount(np.array(drawn) % 4, minlength=4)
    assert found[0] == pytest.approx(2000, abs=150)
    assert found[1:] == pytest.approx([667, 667, 667], abs=100)


def test_what_is_drawn_twice_is_in_the_data_twice(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.arange(12).reshape(4, 3, 1), label=[0, 0, 0, 1])
    words = (step("balance", seed=3), step("divide", by=1))
    data = prepare(pipe(step("npz", file="a.npz"), *words), tmp_path)
    origins = [origin for origin, _ in data.manifest.samples]
    assert len(set(origins)) < len(origins) == 4
    assert data.batch(range(4))[0]["input"][0, :, 0].tolist() == [3 * k for k in origins]


def test_a_selection_after_a_step_over_a_batch_does_not_change_it(tmp_path):
    np.savez(tmp_path / "a.npz", input=[[[0.0], [0.0]], [[4.0], [4.0]]], label=[0, 1])
    by_batch = step("divide_by_deviation", over=("batch", "time"), batch=2)
    first = step("per_class", final=1), step("random_part", final=share(50))
    source = step("npz", file="a.npz")
    after = prepare(pipe(source, by_batch, first[1]), tmp_path)
    before = prepare(pipe(source, first[1], by_batch), tmp_path)
    assert after.batch([0])[0]["input"].max() in (0, 2)
    assert before.batch([0])[0]["input"].max() in (0, 4)


def test_the_batch_that_is_not_full_is_left_out():
    assert kept(step("whole_batches", size=3), [0] * 8) == [0, 1, 2, 3, 4, 5]
    assert kept(step("whole_batches", size=1), [0] * 3) == [0, 1, 2]
    assert kept(step("whole_batches", size=4), [0] * 8) == list(range(8))
