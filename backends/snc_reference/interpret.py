"""Running a step graph node by node (SEMANTICS 1.3): evaluate, accumulate, commit, shift."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snc import draws, random
from snc.graph.clock import clocks_of
from snc.graph.graph import SAMPLE, Axes, Graph, Group, Node, State, file_order
from snc.graph.numbers import spacing
from snc.module import Feed, Outcome, Store
from snc_reference.ops import Array, compute

Values = dict[str, Array]


@dataclass
class Sequence:
    """One sequence being run."""

    graph: Graph
    store: Store
    feed: Feed
    fixed: Values = field(default_factory=dict)
    state: Values = field(default_factory=dict)
    history: list[Values] = field(default_factory=list)
    sums: Values = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)  # groups with something to commit
    start: dict[str, int] = field(default_factory=dict)  # group -> first step since its last commit
    outcome: Outcome = field(default_factory=Outcome)
    steps_of: dict[str, list[Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = clocks_of(self.graph)
        self.by_clock: dict[str, list[Node]] = {
            c: [] for c in ("fixed", "forward", "backward", "commit")
        }
        for node in self.graph.nodes:
            self.by_clock[self.clock[node.name]].append(node)
        self.collects = [n for n in self.graph.nodes if n.op == "collect"]
        self.keep_all = bool(self.by_clock["backward"])

    # evaluation ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Evaluate what changes only with what is stored."""
        self.fixed = {}
        for node in self.by_clock["fixed"]:
            self.fixed[node.name] = self.value(node, self.fixed, 0)

    def value(self, node: Node, known: Values, t: int) -> Array:
        """One node; its operands are known."""
        if node.op == "const":
            return np.asarray(node.get("value"), float)
        if not node.args or node.op == "random":
            return np.asarray(self.leaf(node, known, t), float)
        values = [known[a] if a in known else self.fixed[a] for a in node.args]
        axes = [self.graph.by_name[a].axes for a in node.args]
        return compute(node, values, axes, self.feed.batch)

    def leaf(self, node: Node, known: Values, t: int) -> Any:
        """A value from outside the step."""
        match node.op:
            case "stored":
                return in_order(
                    np.asarray(self.store[node.get("name")], float), node.get("order"), node.axes
                )
            case "scalar":
                return self.scalar(node.get("name"), t)
            case "field":
                return self.field(node, t)
            case "previous":
                return self.state[node.get("state")]
            case "later":
                return known["later:" + node.get("state")]
            case "range":
                return np.arange(node.get("n"))
            case "linspace":
                return linspace(node)
            case "random":
                p = [known[a] if a in known else self.fixed[a] for a in node.args]
                return draw(node, p, [self.graph.by_name[a].axes for a in node.args], self.feed, t)
        raise KeyError(node.op)

    def scalar(self, name: str, t: int) -> float:
        """A number of the run."""
        if name.startswith("rate:"):
            return self.feed.rates[name.removeprefix("rate:")]
        if name.startswith("first:"):
            return float(t == self.start.get(name.removeprefix("first:"), 0))
        table = {
            "batch": self.feed.batch,
            "steps": self.feed.steps,
            "epoch": self.feed.epoch,
            "step": t,
        }
        return float(table[name])

    def field(self, node: Node, t: int) -> Array:
        """What the data set feeds, at one step, with axes in the graph's order."""
        name = node.get("name")
        if name == "length":
            return self.feed.lengths.astype(float)
        if name == "label":
            labels = np.asarray(self.feed.labels)
            return labels[t] if labels.ndim == 2 else labels
        value = np.asarray(self.feed.fields[name])
        value = value[t] if value.ndim == len(node.axes) + 1 else value
        return in_order(value.astype(float), file_order(node.axes), node.axes)

    # the run ------------------------------------------------------------------------------------------

    @np.errstate(all="ignore")  # as compiled code does it; `finish` tells what is not finite
    def run(self, learn: bool, gradients: bool) -> Outcome:
        """All steps of the sequence."""
        self.refresh()
        for s in self.graph.states:
            shape = tuple(a.size or self.feed.batch for a in s.axes)
            first = self.first(s)
            self.state[s.name] = np.broadcast_to(first, shape).copy()
        records: dict[str, list[Array]] = {name: [] for name, _ in self.graph.records}
        for t in range(self.feed.steps):
            known = self.forward(t)
            for name, node in self.graph.records:
                records[name].append(self.user(node, known))
            if learn:
                self.learn(t, known, gradients)
            shift = {s.name: self.look(s.value, known) for s in self.graph.states if not s.ahead}
            self.state.update(shift)
        for s in self.graph.states:
            if s.kept:
                self.kept(s)[...] = in_order(self.state[s.name], s.axes, file_order(s.axes))
        self.finish(known, records)
        return self.outcome

    def first(self, state: State) -> Any:
        """The value of a state before the first step."""
        if state.kept:
            value = self.kept(state)
            return in_order(np.asarray(value, float), file_order(state.axes), state.axes)
        return self.fixed[state.first] if state.first else 0.0

    def kept(self, state: State) -> Array:
        """What the store keeps of a state for the places of this batch, in file order."""
        value = self.store[state.name]
        return value[: self.feed.batch] if SAMPLE in state.axes else value

    def forward(self, t: int) -> Values:
        """Every value of one step."""
        known: Values = {}
        for node in self.by_clock["forward"]:
            known[node.name] = self.value(node, known, t)
        if self.keep_all:
            self.history.append(known)
        return known

    def look(self, name: str, known: Values) -> Array:
        """A node's value now."""
        return known[name] if name in known else self.fixed[name]

    def learn(self, t: int, known: Values, gradients: bool) -> None:
        """Accumulate, write, commit."""
        for node in self.collects:
            value, gate, *_ = node.args
            if self.look(node.args[-1], known) != 0:
                self.filled.add(node.get("group"))
            if self.clock[value] != "backward" and self.look(gate, known) != 0:
                self.sums[node.name] = self.sums.get(node.name, 0.0) + self.look(value, known)
        due = [g for g in self.graph.groups if self.due(g, t, known)]
        for group in due:
            self.backward(group, t)
        done = self.commits(due, gradients) if due else {}
        for w in self.graph.writes:
            if not w.group and self.look(w.gate, known) != 0:
                done[w.stored] = self.look(w.value, known)
        if done:
            for stored, new in done.items():
                self.write(stored, new)
            self.refresh()

    def due(self, group: Group, t: int, known: Values) -> bool:
        """Whether a group commits after this step."""
        last = t == self.feed.steps - 1
        if group.unit == "sequences":
            return last
        if group.every == 1:
            return bool(self.look(group.gate, known) != 0)
        return (t + 1) % group.every == 0 or last

    def backward(self, group: Group, t: int) -> None:
        """The sweeps against time over the steps since the group's last commit."""
        mine = [n for n in self.collects if n.get("group") == group.name]
        if not any(self.clock[n.args[0]] == "backward" for n in mine):
            return
        ahead = [s for s in self.graph.states if s.ahead]
        later = {s.name: np.zeros([a.size or self.feed.batch for a in s.axes]) for s in ahead}
        for k in range(t, self.start.get(group.name, 0) - 1, -1):
            known = dict(self.history[k]) | {f"later:{n}": v for n, v in later.items()}
            for node in self.by_clock["backward"]:
                known[node.name] = self.value(node, known, k)
            for node in mine:
                value, gate, *_ = node.args
                if self.clock[value] == "backward" and self.look(gate, known) != 0:
                    self.sums[node.name] = self.sums.get(node.name, 0.0) + self.look(value, known)
            later = {s.name: self.look(s.value, known) for s in ahead}
        self.start[group.name] = t + 1

    def commits(self, due: list[Group], gradients: bool) -> Values:
        """New values of everything the groups write, from the same old values."""
        names = {g.name for g in due} & self.filled
        mine = [n for n in self.collects if n.get("group") in names]
        known: Values = {}
        for node in self.by_clock["commit"]:
            if node.op == "collect":
                zero = np.zeros([a.size or self.feed.batch for a in node.axes])
                known[node.name] = self.sums.get(node.name, zero)
            else:
                known[node.name] = self.value(node, known, 0)
        done: Values = {}
        for w in self.graph.writes:
            if w.group in names:
                done[w.stored] = self.look(w.value, known)
                if gradients and w.gradient:
                    value = self.user_stored(w.stored, self.look(w.gradient, known))
                    self.outcome.gradients[w.stored] = value
                    self.steps_of.setdefault(w.stored, []).append(value)
        for node in mine:
            self.sums.pop(node.name, None)
        self.filled -= names
        return done

    # results ------------------------------------------------------------------------------------------

    def write(self, name: str, value: Array) -> None:
        """Store a new value, in file order."""
        old = self.store[name]
        self.store[name] = self.user_stored(name, value).astype(old.dtype)

    def user_stored(self, name: str, value: Array) -> Array:
        """A value at a stored array's place, in file order."""
        node = next(n for n in self.graph.nodes if n.op == "stored" and n.get("name") == name)
        shape = tuple(a.size for a in node.axes)
        return in_order(np.broadcast_to(value, shape), node.axes, node.get("order"))

    def user(self, name: str, known: Values) -> Array:
        """A value in the order of files."""
        node = self.graph.by_name[name]
        return in_order(self.look(name, known), node.axes, file_order(node.axes)).copy()

    def finish(self, known: Values, records: dict[str, list[Array]]) -> None:
        """Outputs at the last step, records, gradients of every update."""
        for name, node in self.graph.outputs:
            value = self.look(node, known)
            if name == "loss":
                self.outcome.loss = float(value)
            elif name == "loss_steps":
                self.outcome.loss_steps = int(value)
            else:
                self.outcome.at_end[name.removeprefix("metric:")] = np.asarray(value)
        self.outcome.records = {name: np.stack(v) for name, v in records.items()}
        self.outcome.gradient_steps = {name: np.stack(v) for name, v in self.steps_of.items()}
        if not np.isfinite(self.outcome.loss):
            self.outcome.bad = "loss"


def in_order(value: Array, have: Axes, want: Axes) -> Array:
    """A value with its axes put into another order."""
    return value.transpose([have.index(a) for a in want])


def linspace(node: Node) -> Array:
    """[n]: evenly spaced numbers, both ends included."""
    first, last, n = node.get("first"), node.get("last"), node.get("n")
    step, forward = spacing(first, last, n, bool(node.get("single")))
    place = np.arange(n)
    back: Array = last - step * (n - 1 - place)
    return np.where(place < forward, first + step * place, back)


def draw(node: Node, p: list[Array], axes: list[Axes], feed: Feed, t: int) -> Array:
    """Values of a random stream: they depend on seed, name, epoch, sample, step and element only."""
    when = {"step": t, "sequence": 0, "epoch": 0}[node.get("every")]
    elements = np.arange(int(np.prod([a.size for a in node.axes if a.size], dtype=int)))
    samples = feed.samples if node.axes else np.array([feed.number])
    stream = random.key(feed.seed, node.get("stream"))
    order = file_order(node.axes)
    shape = tuple(a.size or feed.batch for a in order)

    def placed(drawn: Array) -> Array:
        """[samples, elements, ...] with the node's axes first."""
        more = drawn.shape[2:]
        whole = drawn.reshape((*shape, *more))
        last = range(len(shape), len(shape) + len(more))
        return whole.transpose([*(order.index(a) for a in node.axes), *last])

    def block(attempt: int) -> Array:
        """Four words for every element."""
        first = elements[None, :] * draws.ATTEMPTS + attempt
        return placed(random.philox(first, when, samples[:, None], feed.epoch, *stream))

    given = [spread(x, have, node.axes) for x, have in zip(p, axes, strict=True)]
    if node.get("draw") == "gamma":
        return draws.as_gamma(block, *given)
    words = random.words(feed.seed, node.get("stream"), elements.size, samples, when, feed.epoch)
    return from_words(node.get("draw"), placed(words), given)


def spread(value: Array, have: Axes, want: Axes) -> Array:
    """A value with an axis of length 1 for each that it lacks."""
    value = np.asarray(value, float)
    return value.reshape([value.shape[have.index(a)] if a in have else 1 for a in want])


def from_words(what: str, words: Array, given: list[Array]) -> Array:
    """One number for each word."""
    match what:
        case "bernoulli":
            return (words < np.round(given[0] * 2.0**32)).astype(float)
        case "uniform":
            low, high = given
            return low + (high - low) * (words >> np.uint32(8)) * 2.0**-24
        case "normal":
            return given[0] * draws.as_normal(words)
        case "poisson":
            return draws.as_poisson(words, given[0])
    raise KeyError(what)
