"""Every data set of the library on a tiny one in its real format, through the real loaders, offline."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from snc.data import prepare
from snc.data.fixtures import write_fixtures
from snc.data.known import known
from snc.datasets import listed, plan_of
from snc.model.library import standard

EXPECTED = {
    # data set: shape, classes, samples and steps in training, samples and steps in testing
    "shd": ((700,), 20, 80, (80, 90), 40, (80, 90)),
    "shd_whole": ((700,), 20, 80, (80, 90), 40, (80, 90)),
    "shd_clean": ((700,), 20, 80, (100, 100), 40, (100, 100)),
    "ssc": ((700,), 35, 70, (80, 90), 35, (80, 90)),
    "ssc_valid": ((700,), 35, 70, (80, 90), 35, (80, 90)),
    "gesture": ((2, 32, 32), 11, 44, (20, 20), 11, (45, 45)),
    "gesture_21": ((2, 32, 32), 11, 44, (21, 21), 11, (45, 45)),
    "gesture_clean": ((2, 32, 32), 11, 44, (20, 20), 11, (46, 46)),
    "cifar10_dvs": ((2, 48, 48), 10, 90, (10, 10), 10, (10, 10)),
    "cifar10_dvs_clean": ((2, 48, 48), 10, 90, (10, 10), 10, (10, 10)),
    "ncaltech101": ((2, 45, 60), 101, 181, (9, 9), 21, (9, 9)),
    "ncaltech101_clean": ((2, 45, 60), 101, 181, (10, 10), 21, (10, 10)),
    "nmnist": ((2312,), 10, 40, (90, 99), 20, (90, 99)),
    "nmnist_clean": ((2312,), 10, 40, (100, 100), 20, (100, 100)),
    "nmnist_whole": ((2312,), 10, 40, (29, 30), 20, (29, 30)),
    "cifar": ((3, 32, 32), None, 50, (6, 6), 20, (6, 6)),
    "cifar(100)": ((3, 32, 32), None, 100, (6, 6), 100, (6, 6)),
    "cifar100_clean": ((3, 32, 32), 100, 100, (6, 6), 100, (6, 6)),
    "mnist": ((28, 28), 10, 40, (10, 10), 20, (10, 10)),
    "speech": ((120,), 36, 70, (101, 101), 35, (101, 101)),
    "speech_clean": ((120,), 35, 161, (101, 101), 35, (101, 101)),
    "new_speaker": ((120,), 36, 48, (101, 101), 43, (101, 101)),
    "new_speaker(shots = 1)": ((120,), 36, 8, (101, 101), 43, (101, 101)),
    "mvsec": ((2, 256, 256), None, 4, (10, 10), 12, (10, 10)),
}
EMBEDDED = {"digits"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fixtures")
    write_fixtures(folder)
    return folder


def test_every_data_set_of_the_library_is_here():
    names = {d.name for d in standard() if d.kind == "dataset"}
    assert {name.partition("(")[0] for name in EXPECTED} == names - EMBEDDED


@pytest.mark.parametrize("name", EXPECTED)
def test_a_data_set_is_read_from_its_real_format(name, root):
    shape, classes, *rest = EXPECTED[name]
    plan = plan_of(name)
    assert plan.classes == classes
    wanted = list(zip((plan.train, plan.test), rest[::2], rest[1::2], strict=True))
    for pipeline, samples, (least, most) in wanted:
        data = prepare(pipeline, root, dt=1e-3, classes=classes)
        assert (data.shape, len(data)) == (shape, samples)
        assert least <= data.lengths.min() <= data.lengths.max() <= most
        fields, labels, lengths = data.batch(range(min(samples, 5)), training=True)
        assert fields["input"].shape == (lengths.max(), min(samples, 5), *shape)
        per_sample = np.abs(np.diff(fields["input"], axis=1)).reshape(len(fields["input"]), -1)
        assert per_sample.any(), "all samples are alike"
        assert (labels is None) == (name == "mvsec")


def test_fixtures_are_the_same_bytes_every_time(root, tmp_path):
    names = [n for n in known() if n != "mvsec"]
    write_fixtures(tmp_path, names)
    made = [p for p in sorted(tmp_path.rglob("*")) if p.is_file() and p.suffix != ".h5"]
    assert len(made) > 500
    for path in made:
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes(), path
    digest = hashlib.sha256((root / "NMNIST/Train/3/00002.bin").read_bytes()).hexdigest()
    assert digest[:16] == "26a826077638854b", "fixtures changed: numbers that rest on them do too"


def test_the_list_says_what_is_here_and_what_reads_it(root, tmp_path):
    rows = {row["name"]: row for row in listed(root)}
    assert all(row["here"] for row in rows.values())
    assert rows["shd"]["read_by"] == ["shd", "shd_whole", "shd_clean"]
    assert rows["shd"]["place"] == str(root / "SHD")
    assert not any(row["here"] for row in listed(tmp_path / "empty"))
    assert all(row["read_by"] for row in rows.values()), "a data set that nothing reads"
    assert all(row["licence"] and row["size"] for row in rows.values())
