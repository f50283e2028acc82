"""Every signal of the library against its formula in NumPy, at both layers of a network of two.

The layers learn by `decolle()`: error times slope times input, so each step's gradient shows the signal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from by_hand import Array, Values, lif, run
from library_text import wrong
from networks import Ran, difference, net_of

TWO = """
network two():
    input x[6]
    h1  = x | dense(5) | lif(leak = 0.8, theta = 0.4)
    h2  = h1 | dense(8) | lif(leak = 0.8, theta = 0.4)
    out = h2 | dense(4, bias = true)
experiment signals:
    network = two()
    loss    = mean(cross_entropy(out, label))
    error   = class_error(out, label)
    target  = onehot(label, 4)
    learn h1, h2 by decolle() from {signal}
    learn out by descent(loss)
    train:
        update    = every step
        optimiser = sgd(0)
"""
STEPS, BATCH = 12, 3
LABELS = np.array([1, 3, 1])
TARGET = np.eye(4)[LABELS]
LAYERS = ("h1", "h2")


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@dataclass
class Pass:
    """What the network does, and what is stored."""

    stored: Values
    h1: Values
    h2: Values
    out: Array
    extra: Values = field(default_factory=dict)

    @property
    def error(self) -> Array:
        return softmax(self.out) - TARGET

    def spikes(self, layer: str) -> Array:
        return getattr(self, layer)["s"]

    def of(self, layer: str, name: str) -> Array:
        return self.stored[f"{layer}_{name}"]


def forward(inputs: Array, w: Values) -> Pass:
    h1 = run(lif(0.8, 0.4), inputs @ w["h1.weight"].T)
    h2 = run(lif(0.8, 0.4), h1["s"] @ w["h2.weight"].T)
    return Pass(w, h1, h2, h2["s"] @ w["out.weight"].T + w["out.bias"])


# Signals, by hand: the pass and the layer to [steps, batch, neurons] ---------------------------------------


def through(net: Pass, layer: str, above: Array, top: Array) -> Array:
    """The mean error through matrices [post, pre] in place of the weights above."""
    at_h2 = net.error / BATCH @ top
    return at_h2 if layer == "h2" else (at_h2 * net.h2["psi"]) @ above


def backprop(net: Pass, layer: str) -> Array:
    return through(net, layer, net.stored["h2.weight"], net.stored["out.weight"])


def feedback_alignment(net: Pass, layer: str) -> Array:
    return through(net, layer, net.stored["h2.backward"], net.stored["out.backward"])


def feedback(net: Pass, layer: str) -> Array:
    return net.error @ net.of(layer, "feedback.matrix")


def sign_feedback(net: Pass, layer: str) -> Array:
    return (
        np.where(TARGET == 1, -1, 1) @ net.of(layer, "sign_feedback.matrix")
        + 0 * net.error[..., :1]
    )


def target_feedback(net: Pass, layer: str) -> Array:
    return -2 * net.of(layer, "target_feedback.matrix")[LABELS] + 0 * net.error[..., :1]


def one_class_feedback(net: Pass, layer: str) -> Array:
    return net.error @ net.of(layer, "one_class_feedback.matrix")


def local_readout(net: Pass, layer: str) -> Array:
    """SmoothL1's derivative is the error, cut at one; its mean is over samples and classes."""
    weight, bias = (net.of(layer, f"local_readout.y.{n}") for n in ("weight", "bias"))
    error = net.spikes(layer) @ weight.T + bias - TARGET
    return np.clip(error, -1, 1) / (BATCH * 4) @ weight


def square_wave(net: Pass, layer: str) -> Array:
    """Frequencies 50 ... 512 per class over the place of a neuron; scaled by the number of neurons."""
    n = net.spikes(layer).shape[-1]
    place = np.arange(n, dtype=np.float32)
    waves = (
        np.sign(np.sin(np.outer(np.linspace(50, 512, 4, dtype=np.float32), place))).astype(float)
        / n
    )
    return (softmax(net.spikes(layer) @ waves.T) - TARGET) / BATCH @ waves


def classifier(net: Pass, layer: str) -> Array:
    weight, bias = (net.of(layer, f"classifier.y.{n}") for n in ("weight", "bias"))
    error = (softmax(net.spikes(layer) @ weight.T + bias) - TARGET) / BATCH
    net.extra[f"{layer}_classifier.y.weight"] = outer(error, net.spikes(layer))
    net.extra[f"{layer}_classifier.y.bias"] = error.sum(1)
    return error @ weight


def symmetric_classifier(net: Pass, layer: str) -> Array:
    weight = net.of(layer, "symmetric_classifier.y.weight")
    error = softmax(net.spikes(layer) @ weight.T) - TARGET
    net.extra[f"{layer}_symmetric_classifier.y.weight"] = outer(error, net.spikes(layer))
    return error @ weight


def spiking_classifier(net: Pass, layer: str) -> Array:
    weight, bias = (net.of(layer, f"spiking_classifier.y.{n}") for n in ("weight", "bias"))
    one = lif(0.9, 0.1, np.ones_like, hard=True)
    y = run(one, net.spikes(layer) @ weight.T + bias)["s"]
    assert 0.1 < y.mean() < 0.9
    error = 2 * (y - TARGET) / (BATCH * 4)
    net.extra[f"{layer}_spiking_classifier.y.weight"] = outer(error, net.spikes(layer))
    net.extra[f"{layer}_spiking_classifier.y.bias"] = error.sum(1)
    return error @ net.of(layer, "spiking_classifier.matrix")


def reward(net: Pass, layer: str) -> Array:
    surprise = -np.log(softmax(net.out)[:, range(BATCH), LABELS])
    return np.repeat(surprise[..., None], net.spikes(layer).shape[-1], -1)


def outer(post: Array, pre: Array) -> Array:
    return np.einsum("tbj,tbi->tji", post, pre)


@dataclass(frozen=True)
class Case:
    """How a signal is called, its formula, and what to make wrong."""

    call: str
    formula: Callable[[Pass, str], Array]
    change: str


CASES = [
    Case("backprop(loss)", backprop, "gradient(loss, layer) -> 1.5 * gradient(loss, layer)"),
    Case("feedback_alignment(loss)", feedback_alignment, ", backward = draw -> "),
    Case("feedback(error)", feedback, "dot(error, -> dot(sign(error),"),
    Case("sign_feedback(error)", sign_feedback, "dot(sign(error), -> dot(error,"),
    Case("target_feedback(target, scale = -2)", target_feedback, "dot(target -> dot(1 - target"),
    Case("one_class_feedback(error)", one_class_feedback, "dot(error, -> dot(sign(error),"),
    Case("local_readout(target, 3)", local_readout, "smooth_l1(y - target) -> (y - target)^2 / 2"),
    Case("square_wave(label, 4, grid = 1)", square_wave, "range(size(z)) -> 1 + range(size(z))"),
    Case("classifier(label, 4)", classifier, "mean(cross -> sum(cross"),
    Case("symmetric_classifier(label, 4)", symmetric_classifier, "sum(cross -> mean(cross"),
    Case("spiking_classifier(target, 0.9, 0.1)", spiking_classifier, "gradient(loss, y), -> y - target,"),
    Case("reward(cross_entropy(out, label))", reward, "output value -> output sign(value)"),
]  # fmt: skip


def compiled(case: Case, folder: Path, declared: str = "") -> tuple[Ran, Array]:
    made = net_of(declared + TWO.format(signal=case.call), folder, record=("h1.s", "h2.s"))
    random = np.random.default_rng(4)
    inputs = (random.random((STEPS, BATCH, 6)) < 0.5).astype(float)
    drawn = {s.name: random.normal(0.08, 0.5, s.shape) for s in made.program.stored if s.fan_in}
    return made.learn(inputs, LABELS, drawn), inputs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.call.split("(")[0])
def test_a_signal_is_its_formula_at_every_step(case: Case, tmp_path: Path) -> None:
    ran, inputs = compiled(case, tmp_path)
    net = forward(inputs, ran.before)
    reads = {"h1": inputs, "h2": net.h1["s"]}
    want = {}
    for layer in LAYERS:
        assert 0.1 < net.spikes(layer).mean() < 0.9, layer
        assert np.array_equal(net.spikes(layer), ran.outcome.records[f"{layer}.s"])
        signal = case.formula(net, layer)
        assert np.abs(signal).max() > 1e-3, layer
        want[f"{layer}.weight"] = outer(signal * getattr(net, layer)["psi"], reads[layer])
    got = ran.outcome.gradient_steps
    assert {*want, *net.extra} == got.keys() - {"out.weight", "out.bias"}
    for name, gradient in {**want, **net.extra}.items():
        assert np.abs(gradient).max() > 1e-4, name
        assert difference(gradient, got[name]) < 1e-9, name

    other, _ = compiled(
        case, tmp_path / "wrong", wrong("signal", case.call.split("(")[0], case.change)
    )
    for name, gradient in want.items():
        assert difference(gradient, other.outcome.gradient_steps[name]) > 1e-3, name


# Limits -------------------------------------------------------------------------------------------------


def same_as_backprop(call: str, matrices: dict[str, str], tmp_path: Path) -> tuple[float, float]:
    """How far a signal is from `backprop` as it is drawn, and with the network's weights in its matrices."""
    text = TWO.format(signal=call)
    made = net_of(text, tmp_path)
    exact = net_of(TWO.format(signal="backprop(loss)"), tmp_path / "exact")
    random = np.random.default_rng(4)
    inputs = (random.random((STEPS, BATCH, 6)) < 0.5).astype(float)
    drawn = {
        s.name: random.normal(0.2, 0.5, s.shape)
        for s in made.program.stored if s.fan_in and s.role == "parameter"
    }  # fmt: skip
    given = {n: drawn[n] for n in ("h1.weight", "h2.weight", "out.weight", "out.bias")}
    want = exact.learn(inputs, LABELS, given).outcome.gradients
    errors = []
    for tied in ({}, {name: given[weight] for name, weight in matrices.items()}):
        got = made.learn(inputs, LABELS, {**given, **tied}).outcome.gradients
        errors.append(difference(want["h2.weight"], got["h2.weight"]))
        if "h2.backward" in matrices:
            errors[-1] = max(errors[-1], difference(want["h1.weight"], got["h1.weight"]))
    return errors[0], errors[1]


@pytest.mark.parametrize(
    ("call", "matrices"),
    [
        ("feedback(error / 3)", {"h2_feedback.matrix": "out.weight"}),
        ("feedback_alignment(loss)", {"h2.backward": "h2.weight", "out.backward": "out.weight"}),
        ("classifier(label, 4)", {"h2_classifier.y.weight": "out.weight", "h2_classifier.y.bias": "out.bias"}),
    ],
)  # fmt: skip
def test_a_signal_with_the_networks_own_weights_is_back_propagation(
    call: str, matrices: dict[str, str], tmp_path: Path
) -> None:
    apart, tied = same_as_backprop(call, matrices, tmp_path)
    assert apart > 1e-2
    assert tied < 1e-9


# What is drawn ------------------------------------------------------------------------------------------


def test_in_one_class_feedback_every_neuron_hears_one_class_and_classes_are_dealt_out_evenly(
    tmp_path: Path,
) -> None:
    for call, name in (("one_class_feedback(error)", "one_class_feedback.matrix"),
                       ("spiking_classifier(target)", "spiking_classifier.matrix")):  # fmt: skip
        made = net_of(TWO.format(signal=call), tmp_path / call[:3])
        matrices = {layer: made.store()[f"{layer}_{name}"] for layer in LAYERS}
        assert (np.count_nonzero(matrices["h2"], axis=1) == 2).all()
        assert set(np.count_nonzero(matrices["h1"], axis=1)) == {1, 2}
        for matrix in matrices.values():
            assert (np.count_nonzero(matrix, axis=0) == 1).all()
            assert np.abs(matrix).max() <= np.sqrt(4 / matrix.shape[1])
        assert not np.array_equal(made.store(seed=1)[f"h2_{name}"], matrices["h2"])


def test_the_fixed_readout_of_decolle_draws_weights_and_biases_within_its_scale(
    tmp_path: Path,
) -> None:
    made = net_of(TWO.format(signal="local_readout(target, 0.5)"), tmp_path)
    store = made.store()
    for layer, fan_in in (("h1", 5), ("h2", 8)):
        for name in ("weight", "bias"):
            drawn = store[f"{layer}_local_readout.y.{name}"]
            assert np.unique(drawn).size == drawn.size
            assert 0.3 / np.sqrt(fan_in) < np.abs(drawn).max() <= 0.5 / np.sqrt(fan_in)
