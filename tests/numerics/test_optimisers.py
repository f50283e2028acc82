"""Optimisers against NumPy loops written from their equations; sums over several sequences; bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from networks import Net, net_of

from snc.diagnostics import SpecError

STEPS, BATCH = 9, 4
PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
SPEC = """
network net():
    input x[3]
    h   = x | dense(5, bias = true) | lif(leak = 0.8, theta = 0.3)
    out = h | dense(2, bias = true)
experiment run:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h by {rule}
    learn out by descent(loss)
    train:
        optimiser = {optimiser}
        update    = {update}
        during    = {during}
"""
RULE = "stllr() from backprop(loss)"


def net(
    folder: Path,
    optimiser: str,
    update: str = "every step",
    during: str = "always",
    rule: str = RULE,
    backend: str = "reference",
) -> Net:
    text = SPEC.format(optimiser=optimiser, update=update, during=during, rule=rule)
    return net_of(text, folder, backend=backend, record=("h",))


def given(made: Net) -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    learned = [s for s in made.program.stored if s.role == "parameter"]
    return {s.name: random.normal(0.1, 0.5, s.shape) for s in learned}


def batch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    inputs = (random.random((STEPS, BATCH, 3)) < 0.5).astype(float)
    return inputs, random.integers(0, 2, BATCH)


# One step after another: each takes a gradient and gives what is subtracted -------------------------------

Rule = Callable[[Iterator[np.ndarray]], Iterator[np.ndarray]]


def sgd(rate: float, mu: float = 0.0, nesterov: bool = False) -> Rule:
    def run(gradients: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        b = 0.0
        for g in gradients:
            b = mu * b + g
            yield rate * (g + mu * b if nesterov else b)

    return run


def adam(rate: float, b1: float, b2: float, eps: float) -> Rule:
    def run(gradients: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        m = v = 0.0
        for n, g in enumerate(gradients, start=1):
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            yield rate * (m / (1 - b1**n)) / (np.sqrt(v / (1 - b2**n)) + eps)

    return run


def adamax(rate: float, b1: float, b2: float, eps: float) -> Rule:
    def run(gradients: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        m = u = 0.0
        for n, g in enumerate(gradients, start=1):
            m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g) + eps)
            yield rate / (1 - b1**n) * m / u

    return run


def rmsprop(rate: float, decay: float, eps: float, mu: float = 0.0) -> Rule:
    def run(gradients: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        v = b = 0.0
        for g in gradients:
            v = decay * v + (1 - decay) * g**2
            b = mu * b + g / (np.sqrt(v) + eps)
            yield rate * b

    return run


RULES = {
    "sgd(0.1)": sgd(0.1),
    "sgd(0.1, momentum = 0.7)": sgd(0.1, 0.7),
    "sgd(0.1, momentum = 0.7, nesterov = true)": sgd(0.1, 0.7, True),
    "nag(0.1)": sgd(0.1, 0.9, True),
    "nag(0.1, momentum = 0.6)": sgd(0.1, 0.6, True),
    "adam(0.02)": adam(0.02, 0.9, 0.999, 1e-8),
    "adam(0.02, betas = [0.8, 0.9], eps = 0.01)": adam(0.02, 0.8, 0.9, 0.01),
    "adamax(0.02, betas = [0.8, 0.9])": adamax(0.02, 0.8, 0.9, 1e-8),
    "rmsprop(0.02)": rmsprop(0.02, 0.99, 1e-8),
    "rmsprop(0.02, decay = 0.8, eps = 0.1)": rmsprop(0.02, 0.8, 0.1),
    "rmsprop(0.02, momentum = 0.5)": rmsprop(0.02, 0.99, 1e-8, 0.5),
}


@pytest.mark.parametrize("optimiser", RULES)
def test_an_optimiser_is_the_loop_of_its_equations(optimiser: str, tmp_path: Path) -> None:
    made = net(tmp_path, optimiser)
    ran = made.learn(*batch(0), given(made))
    assert 0.05 < ran.outcome.records["h"].mean() < 0.95
    for name, gradients in ran.outcome.gradient_steps.items():
        assert len(gradients) == STEPS
        assert np.abs(gradients).max() > 0
        want = ran.before[name] - sum(RULES[optimiser](iter(gradients)))
        assert np.abs(want - ran.before[name]).max() > 1e-3
        assert np.abs(want - ran.after[name]).max() < 1e-12, name


def test_the_optimisers_are_not_the_same(tmp_path: Path) -> None:
    found = []
    for optimiser in RULES:
        made = net(tmp_path, optimiser)
        found.append(made.learn(*batch(0), given(made)).after["out.weight"].tobytes())
    assert len(set(found)) == len(RULES)


def test_without_an_optimiser_it_is_the_one_that_the_reference_names(tmp_path: Path) -> None:
    text = SPEC.format(optimiser="GONE", update="every step", during="always", rule=RULE)
    plain = net_of(text.replace("        optimiser = GONE\n", ""), tmp_path)
    named = re.search(r"Where neither\n`train.optimiser` nor `using` .* it is `([^`]+)`", PAGE)
    assert named is not None
    made = net(tmp_path, named[1])
    ran, wanted = (m.learn(*batch(0), given(m)) for m in (plain, made))
    for name in given(made):
        assert np.abs(ran.after[name] - ran.before[name]).max() > 1e-5
        assert ran.after[name].tobytes() == wanted.after[name].tobytes()


# Bounds -------------------------------------------------------------------------------------------------


def test_weights_stay_in_their_bounds_and_biases_are_free(tmp_path: Path) -> None:
    made = net(tmp_path, "sgd(3, bounds = [-0.2, 0.4])")
    free = net(tmp_path, "sgd(3)")
    ran, unbounded = (m.learn(*batch(0), given(m)) for m in (made, free))
    for name in ("h.weight", "out.weight"):
        assert unbounded.after[name].min() < -0.2
        assert unbounded.after[name].max() > 0.4
        assert ran.after[name].min() == -0.2
        assert ran.after[name].max() == 0.4
    assert np.abs(ran.after["out.bias"]).max() > 0.4


def test_bounds_are_those_of_a_group_and_may_be_open_on_one_side(tmp_path: Path) -> None:
    rule = f"{RULE} using sgd(3, bounds = [0, infinity])"
    made = net(tmp_path, "sgd(3)", rule=rule)
    ran = made.learn(*batch(0), given(made))
    assert net(tmp_path, "sgd(3)").learn(*batch(0), given(made)).after["h.weight"].min() < 0
    assert ran.before["h.weight"].min() < 0 <= ran.after["h.weight"].min()
    assert ran.after["h.weight"].max() > 0.5
    assert ran.after["out.weight"].min() < 0


# Several sequences --------------------------------------------------------------------------------------


def sequences(made: Net, count: int) -> list[dict[str, np.ndarray]]:
    """The parameters after every sequence."""
    store, found = made.store(given(made)), []
    for k in range(count):
        made.module.learn(store, made.feed(*batch(k), number=k))
        found.append({n: np.array(store[n]) for n in given(made)})
    return found


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_an_update_every_3_sequences_takes_the_sum_of_their_gradients(
    backend: str, tmp_path: Path
) -> None:
    optimiser = "adam(0.02, betas = [0.8, 0.9])"
    made = net(tmp_path, optimiser, "every 3 sequences", backend=backend)
    single = net(tmp_path, optimiser, "every sequence")
    found = sequences(made, 8)
    before, sums = given(made), {n: [] for n in given(made)}
    for k in range(8):
        now = found[3 * (k // 3) - 1] if k >= 3 else before
        ran = single.learn(*batch(k), now)
        for name, gradient in ran.outcome.gradients.items():
            sums[name].append(gradient)
    for name, gradients in sums.items():
        turns = [sum(gradients[:3]), sum(gradients[3:6])]
        steps = list(adam(0.02, 0.8, 0.9, 1e-8)(iter(turns)))
        want = [before[name]] * 2 + [before[name] - steps[0]] * 3
        want += [before[name] - steps[0] - steps[1]] * 3
        assert np.abs(steps[1]).max() > 1e-3
        for k in range(8):
            assert np.abs(found[k][name] - want[k]).max() < 1e-12, (name, k)


def test_every_1_sequences_is_every_sequence(tmp_path: Path) -> None:
    one = sequences(net(tmp_path, "adam(0.02)", "every 1 sequences"), 3)
    many = sequences(net(tmp_path, "adam(0.02)", "every sequence"), 3)
    assert all(np.array_equal(a[n], b[n]) for a, b in zip(one, many, strict=True) for n in a)


def test_a_turn_without_an_open_window_ends_without_an_update(tmp_path: Path) -> None:
    """Sequences are counted whether the window opens in them or not; an idle turn leaves adam as it was."""
    idle = net(tmp_path, "adam(0.02)", "every 2 sequences", f"after {STEPS + 1} steps")
    store = idle.store(given(idle))
    for k in range(5):
        idle.module.learn(store, idle.feed(*batch(k), number=k))
    assert all(np.array_equal(store[n], v) for n, v in given(idle).items())
    assert store["optimiser.g1.count"] == 0
    assert store["optimiser.g1.sequences"] == 1
    busy = net(tmp_path, "adam(0.02)", "every 2 sequences")
    assert not np.array_equal(sequences(busy, 2)[1]["out.weight"], given(busy)["out.weight"])


def test_through_time_adds_up_over_sequences_too(tmp_path: Path) -> None:
    text = SPEC.replace("learn out by descent(loss)", "learn out by through_time(loss)")
    both = []
    for update in ("every 2 sequences", "every sequence"):
        whole = text.format(
            optimiser="sgd(0.1)", update=update, during="last 3 steps", rule="through_time(loss)"
        )
        both.append(net_of(whole, tmp_path))
    two, one = both
    found = sequences(two, 2)
    gradients = [one.learn(*batch(k), given(one)).outcome.gradients for k in range(2)]
    for name, value in given(two).items():
        total = gradients[0][name] + gradients[1][name]
        assert np.abs(total).max() > 0
        assert np.array_equal(found[0][name], value)
        assert np.abs(found[1][name] - (value - 0.1 * total)).max() < 1e-12


# Clauses given anew -------------------------------------------------------------------------------------

BASE = SPEC.format(optimiser="sgd(0.1)", update="every sequence", during="always", rule=RULE)
ANEW = {
    "learn.h.update = every 3 sequences": "learn h update every 3 sequences",
    "learn.h.during = last 3 steps": "learn h during last 3 steps",
    "learn.*.using = nag(0.1)": "learn * using nag(0.1)",
    "learn.h.by = ottt()": "learn h by ottt() from backprop(loss)",
    "learn.h.from = feedback(class_error(out, label))": "learn h from feedback(class_error(out, label))",
    "learn.h.at = post": "learn h at post",
}


@pytest.mark.parametrize("line", ANEW)
def test_a_clause_given_anew_is_that_of_a_learn(line: str, tmp_path: Path) -> None:
    graphs = []
    for more in (line, ANEW[line], ""):
        made = net_of(BASE + f"    {more}\n", tmp_path)
        assert made.program.learn is not None
        graphs.append(
            made.program.learn.text() + str(made.plan.rates) + str(made.program.learn.groups)
        )
    assert graphs[0] == graphs[1]
    assert graphs[0] != graphs[2] or "at" in line, "it changed nothing"


@pytest.mark.parametrize(
    "line", ["learn.h.during = 3", "learn.h.update = nag(0.1)", "learn.h.by = 3"]
)
def test_what_no_clause_can_be_is_a_mistake(line: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        net_of(BASE + f"    {line}\n", tmp_path)
    assert [d.code for d in error.value.diagnostics] == ["no-such-setting"]


def test_nesterov_without_momentum_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        net(tmp_path, "sgd(0.1, nesterov = true)")
    assert {d.code for d in error.value.diagnostics} == {"missing-argument"}
