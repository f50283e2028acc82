"""Leaks and thresholds that are learned: against finite differences, and on both backends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import Net, differing, net_of

from snc.diagnostics import SpecError

STEPS, BATCH = 7, 3
TEXT = """
neuron soft(i):
    "No spikes, so that finite differences exist: a leaky membrane with a leak and a threshold of its own."
    parameter leak[i] = uniform(0.5, 0.9)
    parameter theta   = 0.3
    v = leak * v[t-1] + i
    output tanh(v - theta)
neuron firing(i):
    parameter leak[i] = uniform(0.5, 0.9)
    parameter theta   = 0.3
    v   = leak * u[t-1] + i
    psi = triangle(v - theta)
    s   = spike(v > theta, slope = psi)
    u   = v - theta * stop(s)
    output s
rule all_of_it(loss):
    gradient parameters = {derivative}(loss, parameters)
    gradient post.leak  = {derivative}(loss, post.leak)
    gradient post.theta = {derivative}(loss, post.theta)
network net():
    input x[6]
    h_in  = dense(x, 5)
    h_rec = dense(h[t-1], 5)
    h     = h_in + h_rec | {neuron}()
    out   = h | dense(3)
experiment e:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    learn h_in, h_rec by all_of_it(loss)
    learn out by descent(loss)
    train.optimiser = sgd(0.05)
"""


def made(folder: Path, neuron: str, derivative: str, backend: str = "reference") -> Net:
    text = TEXT.format(neuron=neuron, derivative=derivative)
    return net_of(text, folder, backend=backend, record=("h",))


def given(net: Net) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(STEPS, BATCH, 6))
    values = {
        s.name: random.normal(0.1, 0.6, s.shape)
        for s in net.program.stored
        if s.role == "parameter" and s.name.endswith("weight")
    }
    values |= {"h.leak": random.uniform(0.5, 0.9, 5), "h.theta": np.array(0.3)}
    return inputs, random.integers(0, 3, BATCH), values


@pytest.mark.parametrize("name", ["h.leak", "h.theta", "h_in.weight"])
def test_the_derivative_through_time_is_that_of_finite_differences(
    name: str, tmp_path: Path
) -> None:
    net = made(tmp_path, "soft", "bptt")
    inputs, labels, values = given(net)
    got = net.learn(inputs, labels, values).outcome.gradients[name]
    want, step = np.zeros(np.shape(values[name])), 1e-5
    for at in np.ndindex(want.shape):
        losses = []
        for sign in (1, -1):
            moved = {**values, name: values[name].copy()}
            moved[name][at] += sign * step
            losses.append(net.evaluate(inputs, labels, moved).outcome.loss)
        want[at] = (losses[0] - losses[1]) / (2 * step)
    assert np.abs(want).max() > 1e-2
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("derivative", ["bptt", pytest.param("gradient", marks=pytest.mark.slow)])
def test_spiking_neurons_learn_their_leak_and_threshold_on_both_backends(
    derivative: str, tmp_path: Path
) -> None:
    results = []
    for backend in ("reference", "cpu"):
        net = made(tmp_path, "firing", derivative, backend)
        inputs, labels, values = given(net)
        results.append(net.learn(inputs, labels, values))
    want, got = results
    assert 0.1 < want.outcome.records["h"].mean() < 0.9
    for name in ("h.leak", "h.theta"):
        assert not np.array_equal(want.before[name], want.after[name]), name
    assert differing(want, got) == {}


def test_what_the_neuron_only_computes_cannot_be_changed(tmp_path: Path) -> None:
    text = TEXT.format(neuron="firing", derivative="bptt").replace("post.theta", "post.psi")
    with pytest.raises(SpecError) as error:
        net_of(text, tmp_path)
    assert {d.code for d in error.value.diagnostics} == {"not-a-parameter"}
