"""Small random experiments: every draw of a seed is another network, rule, window and schedule.

Run as a program with seeds, it compares the CPU backend's emitted text with the reference. With
NUMBA_DISABLE_JIT=1 the text runs as plain Python: nothing is compiled, and an index out of range raises.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from networks import differing, net_of

from snc.program import schedule

NEURONS = [
    "lif(leak = 0.8, theta = 0.4)", "lif_inclusive(leak = 0.7, theta = 0.5)", "lif_hard(leak = 0.9, theta = 0.4)",
    "lif_undecayed(leak = 0.8, theta = 0.4)", "lif_hard_inclusive(leak = 0.7, theta = 0.5)",
    "lif_synaptic(leak = 0.6, leak_synapse = 0.5, theta = 0.5, surrogate = logistic)",
    "lif_refractory(leak = 0.8, theta = 0.4, n = 2)", "snu(theta = 0.4)",
    "alif(leak = 0.8, theta = 0.4, rho = 0.9)",
]  # fmt: skip
RULES = [
    "stllr(0.2, 0.75, -1, 1)", "stllr(0.5, 1, 1, 1)", "stllr(0.2, 0.75, 0, 1)", "stllr_spikes()", "decolle()", "stsf()",
    "es_d_rtrl()",
]  # fmt: skip
LEAKY_RULES = ["ottt()", "eprop(0)", "otpe_factorised(0.6)"]  # they read post.leak
SYNAPSE_RULES = ["eprop(0.4)", "otpe(0.6)"]  # and keep a value per synapse: dense layers only
SIGNALS = [
    "backprop(loss)", "feedback(class_error(out, label))", "sign_feedback(class_error(out, label))",
    "feedback_alignment(loss)", "local_readout(onehot(label, 3))", "classifier(label, 3)",
    "target_feedback(onehot(label, 3))", "one_class_feedback(class_error(out, label))",
]  # fmt: skip
WINDOWS = ["always", "last 4 steps", "after 3 steps", "last step"]
UPDATES = ["every sequence", "every step", "every 3 steps", "every 2 sequences"]
OPTIMISERS = [
    "sgd(0.05)", "sgd(0.05, momentum = 0.9)", "sgd(0.05, momentum = 0.9, nesterov = true)", "adam(1e-2)",
    "adamax(1e-2)", "nag(0.05)", "rmsprop(1e-2)", "adam(1e-2, bounds = [-0.4, 0.6])",
]  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """An experiment with what it is run on: steps, samples, and the features of the input."""

    text: str
    steps: int
    batch: int
    features: tuple[int, ...]
    records: tuple[str, ...]


class Draws:
    """The choices of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one(self, options: list[str]) -> str:
        return options[self.random.integers(len(options))]

    def chance(self, p: float) -> bool:
        return bool(self.random.random() < p)

    def number(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))


def spec_of(seed: int) -> Spec:
    """The experiment of a seed."""
    d = Draws(seed)
    picture = d.chance(0.5)
    features = (2, 8, 7) if picture else (d.number(4, 8),)
    lines = [f"    input x[{', '.join(map(str, features))}]"]
    learns: list[str] = []
    records: list[str] = []
    below = "x"
    through_time = d.chance(0.2)
    for k in range(1, d.number(1, 2) + 1):
        neuron, name = d.one(NEURONS), f"h{k}"
        norm = ", norm = standardise" if d.chance(0.4) else ""
        bias = ", bias = true" if d.chance(0.5) else ""
        names = [name]
        if picture:
            smaller = ["kernel = 3, stride = 2, padding = 1"] if k == 1 else []
            kernel = d.one(["kernel = 3, padding = 1", "kernel = 2", *smaller])
            layer = f"{below} | conv({d.number(1, 2) * 2}, {kernel}{bias}{norm}) | {neuron}"
        elif d.chance(0.4):
            n = d.number(3, 6)
            lines.append(f"    {name}_rec = dense({name}[t-1], {n}{norm})")
            layer = f"dense({below}, {n}{bias}{norm}) + {name}_rec | {neuron}"
            names.append(f"{name}_rec")
        else:
            layer = f"{below} | dense({d.number(3, 6)}{bias}{norm}) | {neuron}"
        lines.append(f"    {name} = {layer}")
        records.append(name)
        below = name
        if d.chance(0.3):
            lines.append(f"    d{k} = held_dropout({name}, 0.3)")
            below = f"d{k}"
        if picture and k == 1 and d.chance(0.5):
            pool = d.one(["max_pool(2)", "average_pool(2)", "average_pool_to(2)"])
            lines.append(f"    p{k} = {below} | {pool}")
            below = f"p{k}"
        learns.append(_learn(d, names, neuron, picture, through_time))
    flat = f"{below} | flatten" if picture else below
    leak = d.one(["", " | integrator(leak = 0.9)"])
    lines.append(f"    out = {flat} | dense(3, bias = true){leak}")
    learns.append("    learn out by " + ("through_time(loss)" if through_time else "descent(loss)"))
    records.append("out")
    update = d.one(UPDATES[:1] if through_time else UPDATES)
    text = "\n".join([
        "network net():", *lines, "experiment random_one:", "    network = net()", "    dt = 1 ms",
        f"    loss = mean(cross_entropy({d.one(['out', 'total(out)'])}, label))", "    predict = argmax(out)",
        "    metric surprise = cross_entropy(out, label)", *learns, "    train:", f"        during = {d.one(WINDOWS)}",
        f"        update = {update}", f"        optimiser = {d.one(OPTIMISERS)}", "",
    ])  # fmt: skip
    return Spec(text, d.number(5, 9), d.number(2, 4), features, tuple(records))


def _learn(d: Draws, names: list[str], neuron: str, picture: bool, through_time: bool) -> str:
    """What one layer is told."""
    if through_time:
        return f"    learn {', '.join(names)} by through_time(loss)"
    leaky = "leak" in neuron
    rules = [
        *RULES,
        *(LEAKY_RULES if leaky else []),
        *(SYNAPSE_RULES if leaky and not picture else []),
    ]
    rule = d.one(rules)
    if neuron.startswith("alif") and not picture and d.chance(0.5):
        rule = d.one(["eprop_alif(0.3)", "etlp()"])
    if d.chance(0.15) and neuron.startswith("lif("):
        return f"    learn {', '.join(names)} by descent(loss)"
    more = ""
    if d.chance(0.25):
        more += f" using {d.one(OPTIMISERS)}"
    if d.chance(0.15):
        more += f" during {d.one(WINDOWS)}"
    return f"    learn {', '.join(names)} by {rule} from {d.one(SIGNALS)}{more}"


def compare(spec: Spec, seed: int = 0, backend: str = "cpu") -> dict[str, float]:
    """Where a backend and the reference differ on an experiment, learning and evaluating."""
    random = np.random.default_rng(seed)
    inputs = (random.random((spec.steps, spec.batch, *spec.features)) < 0.4).astype(float)
    inputs *= random.integers(1, 3, inputs.shape)
    labels = random.integers(0, 3, spec.batch)
    found, given = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        nets = [
            net_of(spec.text, Path(folder), backend=b, record=spec.records)
            for b in ("reference", backend)
        ]
    changes = {"samples": np.arange(spec.batch) + 5, "epoch": 2, "seed": 3, "number": 4}
    for louder in range(20):  # until every population that is recorded fires
        for s in nets[0].program.stored:
            if s.role == "parameter":
                given[s.name] = random.normal(0.15 + 0.1 * louder, 0.6 + 0.2 * louder, s.shape)
        heard = nets[0].learn(inputs, labels, given, **changes).outcome.records.values()
        if all(values.any() for values in heard):
            break
    for turn, word in enumerate(("learn", "evaluate", "learn")):  # the arrays are used again
        want, got = (getattr(n, word)(inputs, labels, given, **changes) for n in nets)
        if turn == 0:
            assert all(v.any() for v in want.outcome.records.values()), "a silent network"
            assert want.before.keys() == want.after.keys()
            assert any(not np.array_equal(v, want.after[k]) for k, v in want.before.items())
            if "sequences" in spec.text:
                given = want.after  # what follows goes on where the first sequence ended
        found |= {f"{word} {k}": v for k, v in differing(want, got).items()}
    return found


def main() -> int:
    """Compare the random experiments of the seeds from the first to before the last, and all odd ones."""
    from odd_specs import TEXTS, odd

    schedule.MOST = schedule.LEAST  # sequences of five to nine steps then have several chunks
    first, last = int(sys.argv[1]), int(sys.argv[2])
    specs = {f"seed {k}": (spec_of(k), k) for k in range(first, last)}
    if first == 0:
        specs |= {name: (odd(name), 0) for name in TEXTS}
    wrong = 0
    for name, (spec, seed) in specs.items():
        try:
            found: object = compare(spec, seed)
        except Exception:
            found = traceback.format_exc(limit=-3)
        if found:
            wrong += 1
            print(f"{name}:\n{spec.text}\n{found}", flush=True)
    print(f"{wrong} of {len(specs)} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
