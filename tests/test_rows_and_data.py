"""What the papers' data sets give fits the papers' networks, looked at on tiny sets in the real formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from snc.compile import load
from snc.data.fixtures import write_fixtures
from snc.engine.batches import Feeder, Order
from snc.engine.fits import refuse_misfit
from snc.model.plan import RunPlan
from snc.model.rows import rows
from snc.program.program import Program
from snc.reproduce import SMALL, runs_of
from snc.session import PlannedData

# one row for each data set and network that reads it: features of the input, steps, classes
ROWS = {
    "G2": ((2, 32, 32), 45, 11),
    "DVSG-TESS": ((2, 32, 32), 20, 11),
    "GESTURE-TP": ((2, 32, 32), 45, 11),
    "C2": ((2, 48, 48), 10, 10),
    "CIFAR10DVS-TP": ((2, 48, 48), 10, 10),
    "N2": ((2, 45, 60), 9, 101),
    "S2": ((700,), 88, 20),
    "SHDREC-TP": ((700,), 88, 20),
    "NMNIST-TP": ((2312,), 99, 10),
    "C10-TESS": ((3, 32, 32), 6, 10),
    "C100-TESS": ((3, 32, 32), 6, 100),
    "GSC-1": ((120,), 101, 36),
    "F1": ((2, 256, 256), 10, None),
}


class Planned(Exception):  # noqa: N818 (nothing is wrong: the rest would only be compiled)
    """All is known that a test wants to know."""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_fixtures(folder)
    return folder


def planned(name: str, root: Path) -> tuple[list[RunPlan], list[Program]]:
    (run,) = runs_of(next(r for r in rows() if r.name == name))
    plans: list[RunPlan] = []
    programs: list[Program] = []

    def seen(stage: str, value: object) -> None:
        if isinstance(value, Program):
            programs.append(value)

    def stop(plan: RunPlan) -> None:
        plans.append(plan)
        if len(plans) == len(programs):
            raise Planned

    settings = {**run.settings, **SMALL}
    with pytest.raises(Planned):
        load(run.row.path, run.row.experiment, settings, data_root=root, seen=seen, planned=stop)
    return plans, programs


@pytest.mark.parametrize("name", ROWS)
def test_a_batch_of_a_row_is_what_its_network_reads(name, root):
    features, steps, classes = ROWS[name]
    plans, programs = planned(name, root)
    data = PlannedData(root)
    for plan, program in zip(plans, programs, strict=True):
        data.plan(plan)
        sets = data.sets.of(plan)
        for samples, training in ((sets.train, True), (sets.test, False)):
            first = Order(2, limit=1).batches(len(samples), 0, 0)
            (feed,) = Feeder(samples, 0, 0, training=training, rates={}).feeds(first)
            refuse_misfit(program.needs, feed, name)
            assert feed.fields["input"].any()
            assert feed.batch == 2
    assert feed.fields["input"].shape[2:] == features
    assert feed.steps == steps
    assert programs[-1].needs.classes == classes
