"""Batch files: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from engine_fakes import CLASSES, FEATURES, STORED, Regression, phase

from snc.diagnostics import DataError
from snc.engine.batchfile import _datasets, run_batch, write_outcome
from snc.engine.initial import first_store
from snc.module import Outcome

T, B = 4, 5


@pytest.fixture
def batch(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "batch.h5"
    with h5py.File(path, "w") as file:
        file["input"] = (rng.random((T, B, FEATURES)) < 0.3).astype(np.uint8)
        file["labels"] = rng.integers(0, CLASSES, B)
        for stored in STORED:
            if stored.role != "optimiser":
                file[f"params/{stored.name.replace('.', '/')}"] = rng.normal(size=stored.shape)
    return path


def run(batch, out=None, module=None, **asked):
    out = out or batch.with_name("out.h5")
    asked = {"dtype": "float64", **asked}
    return run_batch(phase(module or Regression(records=("out", "h.u"))), batch, out, **asked)


def test_gradients_records_and_parameters_are_written(batch, tmp_path):
    outcome = run(batch, record=["out"])
    with h5py.File(tmp_path / "out.h5") as file, h5py.File(batch) as given:
        assert file["record/out"].shape == (T, B, CLASSES)
        assert file["record/h/u"].shape == (T, B, CLASSES)
        gradient = file["gradient/out/weight"][()]
        assert np.array_equal(gradient, outcome.gradients["out.weight"])
        assert file["gradient_per_step/out/weight"].shape == (1, CLASSES, FEATURES)
        weight = given["params/out/weight"][()]
        np.testing.assert_allclose(file["params_after/out/weight"][()], weight - 0.1 * gradient)
        matrix = given["params/h_feedback/matrix"][()]
        assert np.array_equal(file["params_after/h_feedback/matrix"][()], matrix)
        assert "out/weight/moment" not in file["params_after"]
        assert file.attrs["loss"] == outcome.loss / outcome.loss_steps


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (("h", "h.u", "out"), ("h/output", "h/u", "out")),
        (("h.u", "h"), ("h/u", "h/output")),
        (("b", "b.h", "b.h.u", "bb.h"), ("b/output", "b/h/output", "b/h/u", "bb/h")),
    ],
)
def test_a_value_goes_in_among_its_parts(tmp_path, names, paths):
    arrays = {name: np.full((T, B), number) for number, name in enumerate(names)}
    write_outcome(tmp_path / "out.h5", Outcome(0.0, 0, records=arrays), {}, ())
    with h5py.File(tmp_path / "out.h5") as file:
        found = {path: int(array[0, 0]) for path, array in _datasets(file["record"])}
    assert found == {path: number for number, path in enumerate(paths)}


def test_the_order_of_matrix_and_weight_does_not_matter_and_the_file_is_left_alone(batch):
    before = batch.read_bytes()
    run(batch)
    assert batch.read_bytes() == before


def test_without_learning_only_records_are_written(batch, tmp_path):
    run(batch, learn=False)
    with h5py.File(tmp_path / "out.h5") as file:
        assert list(file) == ["record"]


def test_float32_is_asked_for_and_used(batch, tmp_path):
    run(batch, dtype="float32")
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["params_after/out/weight"].dtype == np.float32


def test_optimiser_state_begins_at_its_first_value(batch):
    seen = {}

    class Look(Regression):
        def learn(self, store, feed, **asked):
            seen.update({k: v.copy() for k, v in store.items()})
            seen["feed"] = feed
            return super().learn(store, feed, **asked)

    run(batch, module=Look())
    assert list(seen)[:4] == [s.name for s in STORED]
    first = first_store(STORED, 5, "float64")
    assert np.array_equal(seen["out.weight.moment"], first["out.weight.moment"])
    assert seen["feed"].rates == {"adam": 0.1}
    assert seen["feed"].fields["input"].dtype == np.float64
    assert list(seen["feed"].lengths) == [T] * B


def test_other_fields_and_lengths_are_handed_on(batch):
    with h5py.File(batch, "a") as file:
        file["mask"], file["lengths"] = np.ones((T, B)), [4, 3, 2, 1, 4]
    seen = {}

    class Look(Regression):
        def learn(self, store, feed, **asked):
            seen["feed"] = feed
            return super().learn(store, feed, **asked)

    run(batch, module=Look())
    assert sorted(seen["feed"].fields) == ["input", "mask"]
    assert list(seen["feed"].lengths) == [4, 3, 2, 1, 4]


def refused(batch, **asked) -> DataError:
    out = asked.pop("out", batch.with_name("out.h5"))
    with pytest.raises(DataError) as error:
        run(batch, out, **asked)
    assert not out.exists()
    return error.value


def edit(batch, **changes):
    with h5py.File(batch, "a") as file:
        for path, value in changes.items():
            path = path.replace("__", "/")
            if path in file:
                del file[path]
            if value is not None:
                file[path] = value


def test_missing_parameters_are_listed_all(batch):
    edit(batch, params__out__bias=None, params__h_feedback=None)
    error = refused(batch)
    assert error.code == "missing-params"
    assert "/params/out/bias and /params/h_feedback/matrix" in str(error)
    assert "/params/out/weight [3, 6]" in error.help


def test_an_unknown_parameter_gets_the_nearest_name(batch):
    edit(batch, params__out__wieght=np.zeros((3, 6)))
    error = refused(batch)
    assert (error.code, error.help) == ("no-such-param", "did you mean `out/weight`?")


def test_optimiser_state_is_no_parameter_of_a_file(batch):
    edit(batch, params__q=np.zeros(2))
    assert "the network has /params/out/weight [3, 6]" in refused(batch).help


def test_a_misshapen_parameter_names_both_shapes(batch):
    edit(batch, params__out__weight=np.zeros((6, 3)))
    error = refused(batch)
    assert error.code == "other-shape"
    assert "[6, 3]" in str(error)
    assert "[3, 6]" in str(error)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"input": None}, "no-input"),
        ({"input": np.zeros(3)}, "other-shape"),
        ({"labels": np.zeros(B + 1)}, "other-shape"),
        ({"lengths": np.zeros(B + 1)}, "other-shape"),
    ],
)
def test_input_and_labels(batch, change, code):
    edit(batch, **change)
    assert refused(batch).code == code


def test_no_file_a_damaged_one_and_no_folder(batch, tmp_path):
    assert refused(tmp_path / "none.h5").code == "no-file"
    assert refused(batch, out=tmp_path / "none" / "out.h5").code == "no-folder"
    batch.write_bytes(batch.read_bytes()[:500])
    assert refused(batch).code == "damaged-file"
    batch.write_text("hello")
    assert refused(batch).code == "damaged-file"


def test_a_record_that_is_not_there(batch):
    error = refused(batch, record=["h.v"])
    assert (error.code, error.help) == ("no-such-record", "did you mean `h.u`?")


def test_numbers_out_of_range_are_said(batch):
    error = refused(batch, module=Regression(bad_at=0))
    assert (error.code, error.place) == ("not-finite", "h.u at step 3, net.snc:7")
