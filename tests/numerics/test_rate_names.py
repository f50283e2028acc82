"""A learning rate is told by what it moves, as the network calls it."""

from __future__ import annotations

from pathlib import Path

from networks import net_of

TEXT = """
rule apart():
    gradient weight = signal * pre
    gradient bias   = signal
network net():
    input x[4]
    h_in  = x | dense(3, bias = true)
    h_rec = dense(h[t-1], 3)
    h     = h_in + h_rec | lif()
    still = h | dense(3, bias = true, fixed = true)
    out   = still | dense(2, bias = true)
experiment e:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h_in, h_rec by apart() from backprop(loss) using sgd(0.1)
    learn out by apart() from backprop(loss)
    train.optimiser = {optimiser}
"""


def learned(optimiser: str, folder: Path) -> dict[tuple[str, ...], float]:
    net = net_of(TEXT.format(optimiser=optimiser), folder)
    return {group.learns: group.rate for group in net.plan.rates}


def test_projections_are_told_with_their_rates(tmp_path: Path) -> None:
    assert learned("adam(0.2)", tmp_path) == {("h_in", "h_rec"): 0.1, ("out",): 0.2}


def test_an_optimiser_that_several_share_is_one_rate(tmp_path: Path) -> None:
    assert learned("sgd(0.1)", tmp_path) == {("h_in", "h_rec", "out"): 0.1}
