"""What the numerical tests are made of: specs compiled and run, goldens compared, graphs interpreted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numba
import numpy as np
from snc_reference.interpret import Sequence as Run

from snc.backend import find
from snc.compile import program_of
from snc.engine.initial import first_store, placed
from snc.engine.schedule import rates
from snc.graph.builder import Builder
from snc.graph.graph import Axes, Graph, State, file_order
from snc.model.library import choose, load_file
from snc.model.plan import Draw, RunPlan, Stored
from snc.model.resolve import resolve
from snc.module import Feed, Module, Outcome, Store
from snc.program.program import Program

HERE = Path(__file__).parent
GOLDENS = HERE / "goldens"
CONFORMANCE = HERE.parent / "specs" / "conformance"
CASES = sorted(path.stem for path in GOLDENS.glob("*.h5"))
Arrays = dict[str, np.ndarray]


# Specs --------------------------------------------------------------------------------------------------


@dataclass
class Ran:
    """One sequence that was run: what came out, and what is stored before and after it."""

    outcome: Outcome
    before: Arrays
    after: Arrays


@dataclass
class Net:
    """A compiled experiment."""

    plan: RunPlan
    program: Program
    module: Module

    def store(
        self,
        given: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Store:
        """First values, some of them given."""
        places = self.plan.batch if batch is None else batch
        store = first_store(placed(self.program.stored, places), seed, self.program.dtype)
        for name, value in (given or {}).items():
            assert store[name].shape == np.shape(value), name
            store[name] = np.array(value, self.program.dtype, order="C")
        return store

    def feed(self, inputs: np.ndarray, labels: np.ndarray | None = None, **changes: object) -> Feed:
        """A batch; `changes` replace parts of it, `fields` adds to its fields."""
        steps, batch = inputs.shape[:2]
        fields = {"input": inputs, **changes.pop("fields", {})}
        made = Feed(
            {name: np.asarray(v, self.program.dtype) for name, v in fields.items()},
            labels,
            np.full(batch, steps),
            np.arange(batch),
            rates=rates(self.plan.rates, 0, {}),
        )
        return replace(made, **changes)

    def learn(
        self,
        inputs: np.ndarray,
        labels: np.ndarray | None = None,
        given: Mapping[str, np.ndarray] | None = None,
        **changes: object,
    ) -> Ran:
        """Run one sequence with learning."""
        return self.run(
            True, self.store(given, batch=inputs.shape[1]), self.feed(inputs, labels, **changes)
        )

    def evaluate(
        self,
        inputs: np.ndarray,
        labels: np.ndarray | None = None,
        given: Mapping[str, np.ndarray] | None = None,
        **changes: object,
    ) -> Ran:
        """Run one sequence without learning."""
        return self.run(
            False, self.store(given, batch=inputs.shape[1]), self.feed(inputs, labels, **changes)
        )

    def run(self, learn: bool, store: Store, feed: Feed) -> Ran:
        """Run one sequence."""
        before = {name: np.array(v) for name, v in store.items()}
        module = self.module
        outcome = (
            module.learn(store, feed, gradients=True) if learn else module.evaluate(store, feed)
        )
        return Ran(outcome, before, {name: np.array(v) for name, v in store.items()})


def net(
    path: Path,
    experiment: str | None = None,
    *,
    backend: str = "reference",
    dtype: str = "float64",
    record: Sequence[str] = (),
    without: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    evaluates: bool = True,
) -> Net:
    """Compile an experiment of a file. Without `evaluates` only the learning graph is compiled."""
    file = load_file(path)
    assert not file.problems
    plan, program = program_of(
        resolve(choose(file, experiment), settings), dtype, without, tuple(record)
    )
    assert program.learn is not None
    found = find(backend)
    chosen = program if evaluates else Program(program.name, dtype, None, program.learn)
    return Net(plan, program, found.load(found.emit(chosen)))


def net_of(text: str, folder: Path, **options: object) -> Net:
    """Compile the only experiment of a text; the version line is added."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spec.snc"
    path.write_text("snc 1\n" + text, encoding="utf-8")
    return net(path, **options)


# Goldens ------------------------------------------------------------------------------------------------


@dataclass
class Golden:
    """A recorded run of the authors' code."""

    arrays: Arrays

    @property
    def params(self) -> Arrays:
        """What the network starts with, by dotted name."""
        return {
            path.removeprefix("params/").replace("/", "."): value
            for path, value in self.arrays.items()
            if path.startswith("params/")
        }

    @property
    def results(self) -> Arrays:
        """What the run gave, by path."""
        given = ("input", "labels", "params")
        return {k: v for k, v in self.arrays.items() if k.split("/")[0] not in given}

    @property
    def records(self) -> tuple[str, ...]:
        """The names of all recorded values."""
        paths = [p.split("/", 1)[1] for p in self.arrays if p.startswith("record")]
        return tuple(sorted({p.replace("/", ".") for p in paths}))

    def run(self, compiled: Net) -> Ran:
        """The same batch through a network."""
        inputs, labels = self.arrays["input"], self.arrays["labels"]
        return compiled.learn(inputs, labels, self.params)


def golden(case: str) -> Golden:
    """Read a golden file."""
    arrays: Arrays = {}

    def visit(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[path] = item[()]

    with h5py.File(GOLDENS / f"{case}.h5") as file:
        file.visititems(visit)
    return Golden(arrays)


def result_at(path: str, ran: Ran) -> np.ndarray | None:
    """What a run gave at a golden's path, None if nothing."""
    kind, name = path.split("/", 1)
    name = name.replace("/", ".")
    match kind:
        case "record":
            return ran.outcome.records[name]
        case "record_last":
            return ran.outcome.records[name][-1]
        case "gradient":
            return ran.outcome.gradients.get(name)
        case "gradient_per_step":
            return ran.outcome.gradient_steps.get(name)
        case "params_after":
            return ran.after[name]
    raise AssertionError(f"a golden has the unknown path {path}")


def difference(want: np.ndarray, got: np.ndarray | None) -> float:
    """The largest difference relative to the largest wanted magnitude; infinite if sizes differ."""
    if got is None or (got.shape != want.shape and got.size != want.size):
        return float("inf")
    got = np.asarray(got, float).reshape(want.shape)
    return float(np.abs(got - want).max(initial=0) / max(np.abs(want).max(initial=0), 1e-12))


def disagreements(want: Golden, ran: Ran, dtype: str = "float64") -> dict[str, str]:
    """What is wrong with each array of a run, by path: the rule of the goldens' authors."""
    exact = dtype == "float64"
    found = {}
    for path, value in want.results.items():
        got = result_at(path, ran)
        error = difference(value.astype(float), got)
        if got is None or got.size != value.size:
            found[path] = "missing, or of another shape"
        elif value.dtype == np.uint8:
            flips = float(np.mean(got.reshape(value.shape) != value))
            if flips > (0 if exact else 2e-3):
                found[path] = f"{flips:.2%} of the spikes differ"
        elif not error <= (1e-9 if exact else 2e-3):
            found[path] = f"relative error {error:.1e}"
    return found


def spikes_of(want: Golden) -> tuple[str, ...]:
    """The spikes of every population whose spikes or membrane a golden holds."""
    names = {r.rsplit(".", 1)[0] for r in want.records if r.endswith((".s", ".u"))}
    return tuple(sorted(f"{name}.s" for name in names))


def assert_alive(ran: Ran, spikes: Sequence[str], fixed: Sequence[str] = ()) -> None:
    """Every population is neither silent nor always firing; all that is learned changed, the rest did not."""
    for name in spikes:
        rate = np.mean(ran.outcome.records[name] != 0)
        assert 0.001 < rate < 0.999, f"{name}: {rate:.1%} spikes"
    assert ran.outcome.gradients
    for name in ran.outcome.gradients:
        assert np.abs(ran.outcome.gradients[name]).max() > 0, f"{name} has no gradient"
        assert not np.array_equal(ran.before[name], ran.after[name]), f"{name} did not change"
    for name in fixed:
        assert np.array_equal(ran.before[name], ran.after[name]), f"{name} changed"


def learned(want: Golden) -> set[str]:
    """The names of all parameters a golden has gradients of."""
    paths = [p.split("/", 1) for p in want.arrays if p.startswith("gradient")]
    return {name.replace("/", ".") for _, name in paths}


def check_golden(case: str, backend: str, dtype: str, again: bool = False) -> None:
    """A backend computes a golden; and, `again`, other numbers of other sizes like the reference, from one kernel."""
    want = golden(case)
    records = tuple(dict.fromkeys((*want.records, *spikes_of(want))))
    path = CONFORMANCE / f"{case}.snc"
    made = net(path, backend=backend, dtype=dtype, record=records, evaluates=False)
    ran = want.run(made)
    assert_alive(ran, spikes_of(want), sorted(want.params.keys() - learned(want)))
    assert set(ran.outcome.gradients) == learned(want)
    assert disagreements(want, ran, dtype) == {}
    if backend == "cpu":
        assert bytes_with(1, want, made) == bytes_with(3, want, made)
    if (backend, dtype) == ("cpu", "float64") or again:
        other = shuffled(want)
        oracle = net(path, record=records, evaluates=False)
        expected, got = other.run(oracle), other.run(made)
        assert_alive(expected, spikes_of(want))
        assert differing(expected, got) == {}


def bytes_with(threads: int, case: Golden, made: Net) -> list[bytes]:
    """What a run stores and records, to the bit, on a number of threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        ran = case.run(made)
    finally:
        numba.set_num_threads(before)
    found = (ran.after, ran.outcome.records, ran.outcome.gradients)
    return [np.ascontiguousarray(a[k]).tobytes() for a in found for k in sorted(a)]


def shuffled(case: Golden) -> Golden:
    """Another run of the same shapes: parameters, inputs and labels in another order, fewer of them."""
    random = np.random.default_rng(7)
    inputs, labels = case.arrays["input"], case.arrays["labels"]
    steps, batch = max(6, inputs.shape[0] - 4), inputs.shape[1] - 2
    arrays = {
        f"params/{k}": random.permuted(v.ravel()).reshape(v.shape) for k, v in case.params.items()
    }
    arrays["input"] = random.permutation(inputs, 0)[
        :steps, random.permutation(inputs.shape[1])[:batch]
    ]
    arrays["labels"] = random.permutation(labels)[:batch]
    return Golden(arrays)


def differing(want: Ran, got: Ran, tolerance: float = 1e-9) -> dict[str, float]:
    """Every array of two runs that is not the same to a tolerance."""
    pairs = {"loss": (np.asarray(want.outcome.loss), np.asarray(got.outcome.loss))}
    for kind in ("records", "gradients", "gradient_steps", "at_end"):
        mine, other = getattr(want.outcome, kind), getattr(got.outcome, kind)
        assert mine.keys() == other.keys(), kind
        pairs |= {f"{kind} {name}": (mine[name], other[name]) for name in mine}
    assert want.after.keys() == got.after.keys()
    pairs |= {f"after {name}": (want.after[name], got.after[name]) for name in want.after}
    errors = {name: difference(np.asarray(a, float), b) for name, (a, b) in pairs.items()}
    return {name: error for name, error in errors.items() if not error <= tolerance}


def worst(want: Golden, ran: Ran) -> float:
    """The largest difference of all arrays of a run, spikes counted as numbers."""
    return max(difference(v.astype(float), result_at(p, ran)) for p, v in want.results.items())


# Small graphs -------------------------------------------------------------------------------------------


class Bench:
    """A graph made by hand, with named leaves, run by the reference interpreter."""

    def __init__(self) -> None:
        self.build = Builder()
        self.states: list[State] = []
        self.stored: list[Stored] = []
        self.values: Arrays = {}
        self.leaves: dict[str, str] = {}

    def leaf(self, name: str, axes: Axes, value: np.ndarray) -> str:
        """A leaf: a field (axes with the batch: [T, B, ...] in file order), else a stored array."""
        order = file_order(axes)
        if any(not a.size for a in axes):
            node = self.build.node("field", (), axes, name=name)
        else:
            node = self.build.node("stored", (), axes, name=name, order=order)
            self.stored.append(
                Stored(name, tuple(a.size for a in order), "parameter", Draw("zeros"))
            )
        self.values[name], self.leaves[name] = np.asarray(value, float), node
        return node

    def state(self, name: str, value: str, first: str | None = None, **more: bool) -> None:
        """Say what a state's value is."""
        self.states.append(State(name, value, first, self.build.axes(value), **more))

    def graph(self, records: Mapping[str, str], **parts: object) -> Graph:
        """The graph made so far, with these values recorded."""
        whole = Graph(
            nodes=tuple(self.build.nodes.values()),
            states=tuple(self.states),
            groups=(),
            writes=(),
            outputs=(),
            records=tuple(records.items()),
            gates=(),
            stored=tuple(self.stored),
        )
        return replace(whole, **parts)

    def run(self, graph: Graph, steps: int = 1, batch: int = 3, learn: bool = False) -> Ran:
        """The records of a graph, [T, ...] in file order."""
        stored = {s.name for s in self.stored}
        store: Store = {k: np.array(v) for k, v in self.values.items() if k in stored}
        before = {name: np.array(v) for name, v in store.items()}
        fields = {k: v for k, v in self.values.items() if k not in stored}
        feed = Feed(
            {"input": np.zeros((steps, batch, 1)), **fields},
            np.zeros(batch, int),
            np.full(batch, steps),
            np.arange(batch),
        )
        feed.rates = {"o1": 0.1}
        outcome = Run(graph, store, feed).run(learn=learn, gradients=learn)
        return Ran(outcome, before, {name: np.array(v) for name, v in store.items()})

    def records(self, graph: Graph, steps: int = 1, batch: int = 3) -> Arrays:
        """The records of a graph, [T, ...] in file order."""
        return self.run(graph, steps, batch).outcome.records


def same_numbers(bench: Bench, before: Graph, after: Graph, steps: int = 4) -> float:
    """The largest relative difference of all records of two graphs; both must be alive."""
    want, got = bench.records(before, steps), bench.records(after, steps)
    assert want.keys() == got.keys()
    for name, value in want.items():
        assert np.isfinite(value).all(), name
        assert np.ptp(value) > 0, f"`{name}` never changes, so it shows nothing"
    return max(difference(want[name], got[name]) for name in want)
