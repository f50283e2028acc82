"""A stage of one step goes over a block of samples at a time: whole blocks, a part of one, a single sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Net, Ran, differing, net_of
from snc_cpu.code import SAMPLES

RECORDS = ("h", "g", "out")
TEXT = """
block contrast(e, g, below):
    logits   = pair_dot(e, g, over = channel)
    distance = pair_distance(below, below, over = channel, offset = 1e-9)
    output mean(cross_entropy(logits, softmax(-distance, over = partner), over = partner))

network net():
    input x[20]
    label y[4]
    h_rec = dense(h[t-1], 40)
    h     = dense(x, 40) + h_rec | lif(leak = 0.8, theta = 0.4)
    g_rec = dense(g[t-1], 40, fixed = true)
    g     = dense(y, 40, fixed = true) + g_rec | lif(leak = 0.8, theta = 0.4)
    eh    = 0.8 * eh[t-1] + h
    eg    = 0.8 * eg[t-1] + g
    ey    = 0.8 * ey[t-1] + y
    pull  = contrast(eh, eg, ey)
    out   = h | dense(4) | integrator()

experiment steps:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h, h_rec by descent(pull)
    learn out      by descent(loss)
    train:
        update    = every step
        optimiser = adam(1e-2)
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Net]:
    folder = tmp_path_factory.mktemp("blocks")
    return {b: net_of(TEXT, folder, backend=b, record=RECORDS) for b in ("reference", "cpu")}


def weights(net: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        s.name: random.normal(0, 0.4, s.shape) for s in net.program.stored if s.role != "optimiser"
    }


def ran(net: Net, x: np.ndarray, labels: np.ndarray) -> Ran:
    return net.learn(x, labels, weights(net))


def data(steps: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(batch)
    return (random.random((steps, batch, 20)) < 0.4).astype(float), random.integers(0, 4, batch)


@pytest.mark.parametrize("batch", [2, SAMPLES, 2 * SAMPLES + 5])
def test_the_batch_may_be_of_any_size(nets: dict[str, Net], batch: int) -> None:
    want, made = (ran(n, *data(6, batch)) for n in nets.values())
    for name in ("h", "g"):
        assert 0.02 < want.outcome.records[name].mean() < 0.98
    changed = {
        n: np.abs(want.after[n] - v).max() for n, v in want.before.items() if n.endswith("weight")
    }
    assert sum(c > 1e-3 for c in changed.values()) == 3
    assert differing(want, made, 1e-9) == {}


def test_samples_do_not_depend_on_those_beside_them(nets: dict[str, Net]) -> None:
    """What a sample records before anything is learned, beside itself alone and in the middle of a block."""
    x, labels = data(1, SAMPLES + 3)
    together = ran(nets["cpu"], x, labels).outcome.records
    assert together["h"].any()
    for k in (0, 5, SAMPLES, SAMPLES + 2):
        alone = ran(nets["cpu"], x[:, [k, k]], labels[[k, k]]).outcome.records
        for name in RECORDS:
            assert alone[name][0, 0].tobytes() == together[name][0, k].tobytes()


def test_what_is_made_for_a_block_is_made_before_its_samples(nets: dict[str, Net]) -> None:
    """The text: products of what is known, and products with the rows of all samples."""
    tasks = nets["cpu"].module.runs["learn"].emitted.tasks
    stage = tasks["learn_stage_0"]
    before, _, after = stage.partition("for b in range(first, last)")
    assert before.count("gather_block(") == 2  # of weights in one block, of weights nobody changes
    assert before.count("add_blocks(") == 1
    assert "gather_samples(" not in stage
    assert "gather_block(" not in after
    text = "\n".join(tasks.values())
    assert text.count("dots_samples(") == text.count("products_samples(") == 1


def test_weights_that_change_are_laid_out_by_their_update(nets: dict[str, Net]) -> None:
    """The text: rows are added by blocks, and nothing but the update makes panels."""
    emitted = nets["cpu"].module.runs["learn"].emitted
    blocks = [c for c in emitted.calls if c.task.startswith("learn_blocks_0")]
    assert len({(c.table[-2], c.table[-1]) for c in blocks}) > 1
    updates = [t for name, t in emitted.tasks.items() if name.startswith("learn_update")]
    assert sum("rows_to_panels(" in t and "sqrt" in t for t in updates) >= 1
    start, _, steps = emitted.driver.partition("for t0 in range(0, T, K)")
    assert "learn_layout" in start
    assert "learn_layout" not in steps
    assert "learn_blocks_0" in steps


def test_pairs_are_summed_in_the_loop_of_their_terms(nets: dict[str, Net]) -> None:
    """The text: partners are the innermost loop, and what is read of them is turned once for a block."""
    stage = nets["cpu"].module.runs["learn"].emitted.tasks["learn_stage_2"]
    before, _, after = stage.partition("for b in range(first, last)")
    assert before.count("turned_rows(") == 1
    assert "[q * 4 + c]" not in stage
    assert "for q in range(B):\n" in after.partition("for c in range(4):\n")[2]


NORMED = TEXT.replace("h_rec = dense(h[t-1], 40)", "h_rec = dense(h[t-1], 40, norm = standardise)")


def test_weights_that_are_computed_anew_are_read_as_they_are(tmp_path: Path) -> None:
    """Standardised weights change at every step and are not what an update makes: they are not laid out."""
    nets = [net_of(NORMED, tmp_path, backend=b, record=RECORDS) for b in ("reference", "cpu")]
    want, made = (ran(n, *data(6, SAMPLES + 3)) for n in nets)
    assert np.abs(want.after["h_rec.weight"] - want.before["h_rec.weight"]).max() > 1e-3
    assert differing(want, made, 1e-9) == {}
    assert "gather_samples(" in nets[1].module.runs["learn"].emitted.tasks["learn_stage_0"]
