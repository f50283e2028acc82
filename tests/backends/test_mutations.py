"""The goldens notice every small mistake: one sign, one decay, `>` for `>=`, one step of a window.

Each mutation is a change of the text of a spec. The library's neuron, rule or block that it changes is
copied into the spec, where it hides the library's own. The copy without a change must agree, so that what
is noticed is the change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from networks import CONFORMANCE, difference, disagreements, golden, net, worst

STANDARD = CONFORMANCE.parent / "std"


def library(name: str) -> str:
    """The text of a declaration of the standard library."""
    for path in sorted(STANDARD.glob("*.snc")):
        parts = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8"))
        for part in parts:
            if re.match(rf"(function|neuron|block|rule|signal) {name}\(", part):
                return part.rstrip()
    raise AssertionError(f"the library has no {name}")


def whole(case: str, copied: tuple[str, ...]) -> str:
    """A conformance spec in one file: what it uses and the library's declarations copied into it."""
    own = (CONFORMANCE / f"{case}.snc").read_text(encoding="utf-8")
    lines = own.splitlines()[1:]
    base = ""
    for line in lines:
        if used := re.match(r"use (\w+):", line):
            base = (CONFORMANCE / f"{used[1]}.snc").read_text(encoding="utf-8").split("\n", 1)[1]
    rest = "\n".join(line for line in lines if not line.startswith("use "))
    return "\n\n".join(["snc 1", *(library(name) for name in copied), base, rest]) + "\n"


def run(case: str, text: str, folder: Path):
    """What a golden says of a text: what disagrees, and by how much."""
    path = folder / f"{case}.snc"
    path.write_text(text, encoding="utf-8")
    want = golden(case)
    made = want.run(net(path, case, record=want.records, evaluates=False))
    return disagreements(want, made), worst(want, made)


@dataclass(frozen=True)
class Mutation:
    """A change of the text of a case; `copied` is what it takes from the library."""

    case: str
    copied: tuple[str, ...]
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.case}: {self.old.strip()} -> {self.new.strip()}"


BP, SIGMOID, TESS = "stllr_recurrent_bp", "stllr_recurrent_bp_sigmoid", "tess_local_apost_plus1"
MUTATIONS = [
    # the S-TLLR rule: signs, decays, which step's trace
    Mutation(BP, ("stllr",), "psi * p + alpha_post", "psi * p - alpha_post"),
    Mutation(BP, ("stllr",), "e = alpha_pre", "e = -alpha_pre"),
    Mutation(BP, ("stllr",), "gradient bias   = signal", "gradient bias   = -signal"),
    Mutation(BP, ("stllr",), "lambda_pre  * p[t-1] + pre", "lambda_pre  * p[t-1] - pre"),
    Mutation(SIGMOID, ("stllr",), "stllr(0.2, 0.75, -1, 1)", "stllr(0.2, 0.74, -1, 1)"),
    Mutation(SIGMOID, ("stllr",), "stllr(0.2, 0.75, -1, 1)", "stllr(0.21, 0.75, -1, 1)"),
    Mutation(SIGMOID, ("stllr",), "stllr(0.2, 0.75, -1, 1)", "stllr(0.2, 0.75, 1, 1)"),
    Mutation(BP, ("stllr",), "post.psi * p +", "post.psi * p[t-1] +"),
    Mutation(BP, ("stllr",), "alpha_post * q[t-1] * pre", "alpha_post * q * pre"),
    Mutation(TESS, ("stllr",), "alpha_post * q[t-1] * pre", "alpha_post * q * pre"),
    Mutation(BP, ("stllr",), "    gradient bias   = signal * post.psi\n", ""),
    Mutation(BP, ("stllr",), "gradient bias   = signal * post.psi", "gradient bias   = signal"),
    # the readout
    Mutation(BP, ("readout",), "readout(0.99)", "readout(0.98)"),
    Mutation(BP, ("readout",), "signal * p\n", "signal * p[t-1]\n"),
    Mutation(BP, ("readout",), "    gradient bias   = signal\n", ""),
    # the neuron: leak, reset, threshold, slope, derivative of the reset
    Mutation(BP, ("lif",), "leak * u[t-1]", "leak * v[t-1]"),
    Mutation(BP, ("lif",), "v - reset * stop(s)", "v + reset * stop(s)"),
    Mutation(BP, ("lif",), "v   = leak * u[t-1] + i", "v   = leak * (u[t-1] + i)"),
    Mutation(SIGMOID, ("lif",), "base(leak = 0.5", "base(leak = 0.49"),
    Mutation(BP, ("lif",), "theta = 0.6, surrogate = surrogate", "theta = 0.61, surrogate = surrogate"),
    Mutation(BP, ("lif", "fast"), "k = 100", "k = 99"),
    Mutation(TESS, ("lif",), "reset = 1)", "reset = 0.6)"),
    Mutation("bptt_recurrent", ("lif",), "reset * stop(s)", "reset * s"),
    Mutation("bptt_last_step", (), "theta * s\n", "theta * stop(s)\n"),
    Mutation("bptt_conv", ("lif",), "reset * stop(s)", "reset * s"),
    # windows and schedules, off by one
    Mutation(BP, (), "last 20 steps", "last 19 steps"),
    Mutation(BP, (), "last 20 steps", "last 21 steps"),
    Mutation(TESS, (), "last 5 steps", "last 4 steps"),
    Mutation("stllr_conv_bp_max", (), "last 5 steps", "last 6 steps"),
    Mutation("bptt_recurrent", (), "during    = last step", "during    = last 2 steps"),
    Mutation("stllr_recurrent_bp_online", (), "every step", "every 2 steps"),
    Mutation("tp_recurrent", (), "update    = every step", "update    = every sequence"),
    # normalisation and optimiser
    Mutation(BP, ("standardise",), "+ eps)", "+ 10 * eps)"),
    Mutation(BP, ("standardise",), "variance(weight, over = pre)", "mean(z^2, over = pre)"),
    Mutation(BP, ("standardise",), "pre) + eps)", "pre)) + eps"),
    Mutation("tp_conv", ("standardise_fixed",), "eps = 1e-5", "eps = 1e-4"),
    Mutation("tp_conv", (), "gradient stored.weight", "gradient weight"),
    Mutation(BP, (), "adam(2e-4)", "adam(2e-4, eps = 1e-7)"),
    Mutation("stllr_recurrent_bp_online", (), "adam(2e-4)", "adam(2e-4, betas = [0.9, 0.99])"),
    Mutation("tp_recurrent", (), "adam(1e-2)", "sgd(1e-2)"),
    # signals
    Mutation("stllr_recurrent_dfa", ("feedback",), "dot(error, matrix)", "-dot(error, matrix)"),
    Mutation("stllr_recurrent_dfa", ("class_error",), "softmax(out) - onehot", "softmax(out) + onehot"),
    Mutation("stllr_conv_dfa_max", ("feedback",), "dot(error, matrix)", "dot(sign(error), matrix)"),
    Mutation(TESS, ("square_wave",), "linspace(f_min", "linspace(f_min + 1"),
    Mutation(TESS, ("square_wave",), "float32(sign(sin(outer(", "sign(cos(float32(outer("),
    Mutation(TESS, (), "each [4, 2, 1]", "each [4, 4, 1]"),
    Mutation("tp_dense2", (), "softmax(-distance", "softmax(distance"),
    Mutation("tp_dense2", (), "trace = 0.8 * trace[t-1] + s", "trace = 0.8 * (trace[t-1] + s)"),
    Mutation("tp_dense2", (), "ey    = 0.8", "ey    = 0.79"),
    Mutation("tp_conv", (), "theta = 1)", "theta = 0.5)"),
    # the network
    Mutation("stllr_conv_bp_max", (), "max_pool(_, 2)", "average_pool(_, 2)"),
    Mutation("bptt_last_step", (), "cross_entropy(out, label)", "cross_entropy(total(out), label)"),
]  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_golden_notices_a_small_mistake(mutation: Mutation, tmp_path: Path) -> None:
    text = whole(mutation.case, mutation.copied)
    assert mutation.old in text
    found, error = run(mutation.case, text.replace(mutation.old, mutation.new), tmp_path)
    assert found
    assert error > 1e-7  # no matter of rounding


USED = sorted({(m.case, m.copied) for m in MUTATIONS})


@pytest.mark.parametrize(
    ("case", "copied"), USED, ids=lambda x: x if isinstance(x, str) else "+".join(x)
)
def test_the_copy_without_a_mistake_agrees(
    case: str, copied: tuple[str, ...], tmp_path: Path
) -> None:
    found, error = run(case, whole(case, copied), tmp_path)
    assert found == {}
    assert error < 1e-9


# `>` and `>=` differ where a membrane is at the threshold exactly, which no recorded run is (every one
# keeps a distance of 6e-6). Weights of whole eighths put many membranes there, and NumPy says what follows
# (Traces Propagation changes its weights at every step: one step of it).

TIES = [
    ("bptt_last_step", "lif_with_reset_gradient", ">", 4),
    ("tp_recurrent", "lif_inclusive", ">=", 1),
]


def spikes_by_hand(params: dict[str, np.ndarray], inputs: np.ndarray, sign: str) -> np.ndarray:
    """The spikes of a recurrent layer with leak 0.85, threshold 0.5 and soft reset, in plain NumPy."""
    u = s = np.zeros((inputs.shape[1], params["h1.weight"].shape[0]))
    found = []
    for x in inputs:
        v = 0.85 * u + (x @ params["h1.weight"].T + s @ params["h1_rec.weight"].T)
        s = (v > 0.5 if sign == ">" else v >= 0.5).astype(float)
        u = v - 0.5 * s
        found.append(s)
    return np.stack(found)


@pytest.mark.parametrize(("case", "neuron", "sign", "steps"), TIES)
def test_a_membrane_at_the_threshold_tells_greater_from_greater_or_equal(
    case: str, neuron: str, sign: str, steps: int, tmp_path: Path
) -> None:
    want = golden(case)
    inputs, labels = want.arrays["input"][:steps], want.arrays["labels"]
    given = {k: np.round(8 * v) / 8 for k, v in want.params.items()}
    text = whole(case, () if case.startswith("bptt") else (neuron,))
    other = {">": ">=", ">=": ">"}[sign]
    assert f"spike(v {sign} theta" in text
    found = {}
    for name, spec in (
        ("own", text),
        ("other", text.replace(f"v {sign} theta", f"v {other} theta")),
    ):
        path = tmp_path / f"{name}.snc"
        path.write_text(spec, encoding="utf-8")
        made = net(path, case, record=("h1.s",), evaluates=False)
        found[name] = made.learn(inputs, labels, given)
    right, wrong = (spikes_by_hand(given, inputs, k) for k in (sign, other))
    assert np.mean(right != wrong) > 0.005
    assert np.array_equal(found["own"].outcome.records["h1.s"], right)
    assert np.array_equal(found["other"].outcome.records["h1.s"], wrong)
    changed = [
        k for k, v in found["own"].outcome.gradients.items()
        if difference(v, found["other"].outcome.gradients[k]) > 1e-6
    ]  # fmt: skip
    assert changed
