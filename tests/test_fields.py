"""Fields that a source gives besides its input, all the way from the files into a loss and a metric."""

from __future__ import annotations

import json

import pytest

import snc
from snc.data.fixtures import write_fixtures

SPEC = """snc 1

function charbonnier(x) = (x^2 + 1e-6)^0.45

network net(size = 32):
    input x[2, size, size]
    e    = x | conv(4, kernel = 3, padding = 1) | lif(leak = 0.9, theta = 0.2)
    move = conv(e, 2, kernel = 1)

experiment follow:
    "Self-supervised: carried back along the flow, the second image is the first."
    network = net()
    data    = mvsec(size = 32)
    loss    = mean(charbonnier(warp(grey_second, move, outside = zero) - grey_first))
    learn * by descent(loss)
    metric endpoint = mean(norm(move - flow, over = channel), over = space, where = valid)
    train:
        during    = last step
        update    = every sequence
        optimiser = adam(1e-3)
        batch     = 2
"""


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.setenv("SNC_CACHE", str(tmp_path / "cache"))
    write_fixtures(tmp_path / "data", ["mvsec"])
    return tmp_path / "data"


def test_images_and_flow_reach_the_loss_and_the_metric(recordings, tmp_path):
    spec = tmp_path / "follow.snc"
    spec.write_text(SPEC)
    out = tmp_path / "run"
    outcome = snc.load(spec).train(backend="reference", data_root=recordings, out=out)
    assert outcome["loss"] > 1, "images of stripes differ"
    (line,) = (out / "metrics.jsonl").read_text().splitlines()
    found = json.loads(line)
    assert found["train"]["endpoint"] > 0
    # everything goes one place to the right between two images, and the network hardly moves yet
    assert found["test"]["endpoint"] == pytest.approx(1, abs=0.3)
