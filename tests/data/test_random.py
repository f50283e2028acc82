"""Philox gives its published answers; streams depend on what they should and on nothing else."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from snc import random

# Random123, kat_vectors: philox4x32, 10 rounds (counter, key, answer).
KNOWN = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_its_published_answers(counter, key, answer):
    assert " ".join(f"{w:08x}" for w in random.philox(*counter, *key)) == answer


def test_a_word_is_that_of_its_counter():
    text = struct.pack("<Q", 7) + b"mask"
    key = struct.unpack("<II", hashlib.blake2b(text, digest_size=8).digest())
    assert random.key(7, "mask") == key
    drawn = random.words(7, "mask", 6, [5, 9], step=3, epoch=2)
    assert drawn.dtype == np.uint32
    assert drawn[1, 5] == random.philox(5 // 4, 3, 9, 2, *key)[5 % 4]


def test_a_sample_draws_the_same_in_any_batch_and_whatever_its_neighbours_draw():
    a = random.words(1, "mask", 450, [5, 9, 2], 7, 3)
    b = random.words(1, "mask", 449, [2, 5], 7, 3)
    assert np.array_equal(a[0, :449], b[1])
    by_step = random.words(1, "mask", 450, [5, 5], [6, 7], 3)
    assert np.array_equal(by_step[1], a[0])


@pytest.mark.parametrize(
    "other",
    [(2, "m", 0, 0, 0), (1, "n", 0, 0, 0), (1, "m", 1, 0, 0), (1, "m", 0, 1, 0), (1, "m", 0, 0, 1)],
)
def test_seed_name_sample_step_and_epoch_make_independent_streams(other):
    seed, name, sample, step, epoch = other
    a = random.uniform(1, "m", (65_536,))
    b = random.uniform(seed, name, (65_536,), sample=sample, step=step, epoch=epoch)
    assert abs(np.corrcoef(a, b)[0, 1]) < 4 / 256


def test_uniform_numbers_have_their_moments_and_are_exact_in_float32():
    u = random.uniform(3, "u", (400, 500))
    assert 0 <= u.min() < u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.002)
    assert u.var() * 12 == pytest.approx(1, abs=0.01)
    assert np.array_equal(u.astype(np.float32).astype(np.float64), u)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.97, 1.0])
def test_bernoulli_has_its_chance_and_never_and_always_are_meant(p):
    drawn = random.bernoulli(3, "b", (200_000,), p)
    assert drawn.mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 200_000))


def test_bernoulli_compares_words_with_the_rounded_chance():
    words = np.array([0, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    assert random.as_bernoulli(words, 0.5).tolist() == [True, True, False, False]
    assert random.as_bernoulli(words, 1.0).all()


def test_normal_numbers_have_four_moments_and_no_infinity():
    z = random.normal(3, "z", (300, 700))
    assert np.isfinite(z).all()
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.01)
    assert (z**3).mean() == pytest.approx(0, abs=0.03)
    assert (z**4).mean() == pytest.approx(3, abs=0.06)
    pairs = z.reshape(-1, 2)
    assert abs(np.corrcoef(pairs[:, 0], pairs[:, 1])[0, 1]) < 0.01
    assert np.array_equal(random.normal(3, "z", (7,)), z.reshape(-1)[:7])


def test_a_permutation_has_every_sample_once_and_changes_with_the_epoch():
    a, b = random.permutation(1, 0, 1000), random.permutation(1, 1, 1000)
    assert sorted(a.tolist()) == list(range(1000))
    assert not np.array_equal(a, b)
    assert np.array_equal(a, random.permutation(1, 0, 1000))
    assert random.permutation(1, 0, 0).shape == (0,)
    assert random.permutation(1, 0, 1).tolist() == [0]
