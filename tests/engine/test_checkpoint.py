"""Checkpoints: the same after a round trip, and refused with a reason when they do not fit."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from snc.diagnostics import DataError
from snc.engine import checkpoint
from snc.engine.checkpoint import Identity
from snc.engine.measure import Sums
from snc.engine.schedule import Plateau
from snc.engine.standing import EpochRecord, Standing

IDENTITY = Identity("spec", "data", 5, "float32", None, "program", "cpu", {"numpy": "2.0"})


def standing() -> Standing:
    rng = np.random.default_rng(0)
    store = {
        "out.weight": rng.normal(size=(3, 4)).astype(np.float32),
        "a.b.weight": rng.normal(size=(2,)),
        "step": np.array(3.0, dtype=np.float32),
        "none": np.zeros((0, 4), dtype=np.float32),
    }
    record = EpochRecord("toy", 1, {"loss": 1 / 3}, {"loss": float("nan")}, {"h_in": 0.1}, 2.5)
    return Standing(
        store, phase=1, epoch=2, batch=3, sums=Sums({"loss": 0.1 + 0.2}, {"loss": 3.0}),
        plateaus={"adam": Plateau(best=float("inf"), bad_epochs=2, cuts=1)},
        history=[record], spent=1.25,
    )  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.h5"
    checkpoint.save(path, IDENTITY, standing())
    return path


def test_everything_comes_back_bit_for_bit(saved):
    was, now = standing(), checkpoint.load(saved, IDENTITY)
    assert list(now.store) == list(was.store)
    for name, array in was.store.items():
        assert now.store[name].tobytes() == array.tobytes()
        assert (now.store[name].dtype, now.store[name].shape) == (array.dtype, array.shape)
    assert repr(replace(now, store={})) == repr(replace(was, store={}))
    assert now.store["step"].ndim == 0
    now.store["step"] += 1


def test_nothing_is_left_beside_a_checkpoint_and_a_failed_write_keeps_the_old_one(saved):
    before = saved.read_bytes()
    broken = standing()
    broken.store["bad"] = np.array([object()])
    with pytest.raises(TypeError):
        checkpoint.save(saved, IDENTITY, broken)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["checkpoint.h5"]


def code_of(path, expected=IDENTITY) -> str:
    with pytest.raises(DataError) as error:
        checkpoint.load(path, expected)
    assert str(path) in error.value.place
    return error.value.code


def test_a_missing_checkpoint(tmp_path):
    assert code_of(tmp_path / "checkpoint.h5") == "no-checkpoint"


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9, -1])
def test_a_truncated_checkpoint(saved, keep):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    assert code_of(saved) == "damaged-checkpoint"


def test_any_changed_number_is_noticed(saved):
    with h5py.File(saved, "r+") as file:
        file["store/out.weight"][1, 1] += 1e-3
    assert code_of(saved) == "damaged-checkpoint"


def test_flipped_bytes_are_noticed_or_do_not_matter(saved):
    data = saved.read_bytes()
    for at in range(0, len(data), 97):
        saved.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            now = checkpoint.load(saved, IDENTITY)
        except DataError:
            continue
        assert now.store["out.weight"].tobytes() == standing().store["out.weight"].tobytes()


def test_something_else_entirely(saved):
    saved.write_text("hello")
    assert code_of(saved) == "damaged-checkpoint"
    with h5py.File(saved, "w") as file:
        file["x"] = 1
    assert code_of(saved) == "damaged-checkpoint"


def test_a_newer_schema(saved):
    with h5py.File(saved, "r+") as file:
        file.attrs["schema"] = checkpoint.SCHEMA + 1
    assert code_of(saved) == "newer-checkpoint"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"spec": "x"}, "other-spec"),
        ({"data": "x"}, "other-data"),
        ({"seed": 6}, "other-settings"),
        ({"dtype": "float64"}, "other-settings"),
        ({"limit": 3}, "other-settings"),
    ],
)
def test_another_run(saved, change, code):
    assert code_of(saved, replace(IDENTITY, **change)) == code


def test_another_backend_may_go_on_but_is_told(saved):
    other = replace(IDENTITY, backend="cuda", program="x", versions={"numpy": "3.0", "numba": "1"})
    checkpoint.load(saved, other)
    assert checkpoint.differences(saved, IDENTITY) == []
    assert checkpoint.differences(saved, other) == [
        "the backend was `cpu` and is `cuda`",
        "numpy was 2.0 and is 3.0",
    ]


def test_a_long_history_fits(tmp_path):
    long = standing()
    long.history *= 2000
    checkpoint.save(tmp_path / "c.h5", IDENTITY, long)
    assert len(checkpoint.load(tmp_path / "c.h5", IDENTITY).history) == 2000
