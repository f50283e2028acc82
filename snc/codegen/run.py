"""The arrays of emitted code at run time: what a sequence is given, and what came out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from snc.codegen.arrays import ArraySpec, kind_of
from snc.codegen.stages import Emitted
from snc.graph.graph import SAMPLE, Axes, Graph, State, features, file_order
from snc.module import Feed, Outcome, Store
from snc.program.program import Program
from snc.random import key


def graphs(program: Program) -> list[tuple[str, Graph]]:
    """The graphs of a program by the name of their driver."""
    found = [("learn", program.learn)] if program.learn is not None else []
    return [*found, ("evaluate", program.evaluate)]


LINE = 64  # bytes of a line of the cache
MADE = ("fixed", "state", "carry", "before", "front", "history", "total", "open", "output")


def aligned(shape: tuple[int, ...], kind: Any) -> Any:
    """An array of zeros that begins where a line of the cache does: rows of vectors then lie in as few as they can."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    room = np.zeros(size + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size].view(kind).reshape(shape)


@dataclass
class Run:
    """One driver with the arrays it works on, which are kept between sequences of the same size."""

    emitted: Emitted
    dtype: str
    kept: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    made: ClassVar[tuple[str, ...]] = MADE  # roles of the arrays that are kept here

    def __post_init__(self) -> None:
        self.nodes = self.emitted.graph.by_name
        stored = [n for n in self.emitted.graph.nodes if n.op == "stored"]
        self.order = {n.get("name"): (n.axes, n.get("order")) for n in stored}
        groups = [g.name for g in self.emitted.graph.groups]
        writes = [w for w in self.emitted.graph.writes if w.group]
        self.group = {w.stored: groups.index(w.group) for w in writes}
        states = self.emitted.graph.state
        self.kept_states = [
            (s.name, states[s.source])
            for s in self.emitted.specs
            if s.role in ("state", "carry") and states[s.source].kept
        ]

    def chunk(self, steps: int) -> int:
        """Steps of a chunk in a sequence of this length."""
        return self.emitted.chunk.of(steps)

    def shape(self, spec: ArraySpec, steps: int, batch: int, updates: int = 1) -> tuple[int, ...]:
        """An array's shape as numbers."""
        return self.emitted.shape(spec, steps, batch, updates)

    def kind(self, spec: ArraySpec) -> Any:
        """An array's number type."""
        return kind_of(spec, self.dtype)

    def memory(self, steps: int, batch: int) -> int:
        """Bytes of all arrays but the stored ones and those fed by the data."""
        return self.emitted.memory(self.dtype, steps, batch)

    # arrays -------------------------------------------------------------------------------------------

    def array(self, spec: ArraySpec, store: Store, feed: Feed, updates: int) -> Any:
        """The array for one argument."""
        match spec.role:
            case "stored":
                return self.stored(spec.source, store)
            case "field":
                return self.field(spec, feed)
            case "rates":
                rates = [feed.rates[r.removeprefix("rate:")] for r in self.emitted.rates]
                return np.array(rates or [0.0])
            case "key":
                return np.array(key(feed.seed, spec.source), np.uint64)
            case "samples":
                return np.asarray(feed.samples, np.int64)
            case "numbers":
                return np.array([feed.epoch, feed.number], np.int64)
        if spec.role in self.made:
            if spec.name not in self.kept:
                self.kept[spec.name] = aligned(self.shape(spec, *self.size), self.kind(spec))
            return self.kept[spec.name]
        return np.zeros(self.shape(spec, *self.size, updates), self.kind(spec))

    def stored(self, name: str, store: Store) -> Any:
        """A stored array in the code's layout; the store gets a view of it in file order."""
        axes, order = self.order[name]
        value = store[name]
        inner = value.transpose([order.index(a) for a in axes])
        wanted = self.stored_kind(axes)
        if inner.flags.c_contiguous and inner.dtype == wanted:
            return inner.reshape(-1)
        flat = np.array(inner, wanted, order="C")
        store[name] = flat.transpose([axes.index(a) for a in order])
        return flat.reshape(-1)

    def places(self, state: State, store: Store) -> Any:
        """What the store keeps of a state for the places of this batch: a view in the code's order."""
        value = store[state.name]
        if SAMPLE in state.axes:
            value = value[: self.size[1]]
        order = file_order(state.axes)
        return value.transpose([order.index(a) for a in state.axes])

    def stored_kind(self, axes: Axes) -> Any:
        """Single numbers are double in every run."""
        return np.dtype(self.dtype if features(axes) else np.float64)

    def field(self, spec: ArraySpec, feed: Feed) -> Any:
        """What the data feeds, as [T, B, values]."""
        node = self.nodes.get(spec.source)
        name = spec.name.removeprefix("x_")
        steps, batch = self.size
        kind = self.kind(spec)
        if name in ("label", "length"):
            value = np.asarray(feed.labels if name == "label" else feed.lengths, dtype=kind)
            return np.ascontiguousarray(np.broadcast_to(value, (steps, batch))).reshape(
                steps, batch, 1
            )
        value = np.asarray(feed.fields[name])
        if value.shape[:2] != (steps, batch):
            value = np.broadcast_to(value, (steps, *value.shape))
        axes = node.axes if node is not None else ()
        plain = features(axes)
        if len(plain) > 1:
            order = file_order(plain)
            value = value.transpose([0, 1, *(2 + order.index(a) for a in plain)])
        return np.ascontiguousarray(value, kind).reshape(steps, batch, -1)

    # results ------------------------------------------------------------------------------------------

    def outcome(self, arrays: dict[str, Any], gradients: bool) -> Outcome:
        """Outputs, records and gradients in the order of files."""
        made = Outcome()
        for spec in self.emitted.specs:
            value = arrays[spec.name]
            if spec.role == "output":
                self.output(made, spec.source, value)
            elif spec.role == "gradient" and gradients:
                axes, order = self.order[spec.source]
                updates = int(arrays["updates"][self.group[spec.source]])
                shaped = value[:updates].reshape(updates, *(a.size for a in axes))
                steps = shaped.transpose([0, *(1 + axes.index(a) for a in order)])
                if updates:
                    made.gradient_steps[spec.source] = steps
                    made.gradients[spec.source] = steps[-1]
            elif spec.role == "record":
                self.record(made, spec, value)
        if not np.isfinite(made.loss):
            made.bad = "loss"
        return made

    def output(self, made: Outcome, name: str, value: Any) -> None:
        """One value at the last step."""
        if name == "loss":
            made.loss = float(value[0])
        elif name == "loss_steps":
            made.loss_steps = int(value[0])
        else:
            single = value.shape == (1,)
            made.at_end[name.removeprefix("metric:")] = (
                value[0].copy() if single else value[:, 0].copy()
            )

    def record(self, made: Outcome, spec: ArraySpec, value: Any) -> None:
        """One recorded value over time."""
        node = self.nodes[spec.source]
        plain = features(node.axes)
        batch = [self.size[1]] * (len(node.axes) - len(plain))
        shaped = value.reshape(self.size[0], *batch, *(a.size for a in plain))
        order = file_order(plain)
        at = 1 + len(batch)
        shaped = shaped.transpose([*range(at), *(at + plain.index(a) for a in order)])
        for name in self.emitted.recorded[spec.source]:
            made.records[name] = shaped
