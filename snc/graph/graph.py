"""The step graph. Nodes are values of one step, edges are operands; order of nodes is a causal order.

leaf        const(value)  range(n)  linspace(a, b, n)           fixed numbers
            stored(name)                                        parameters, constants, moments, counters
            scalar(name)    batch, step, steps, epoch, rate:G   one number, from the engine
                            first:G   1 at the first step of a chunk of steps between updates of G
            field(name)     label  length                       what the data set feeds
            random(stream)  gate(group)
            previous(state)                                     the state's value one step ago
            later(state)                                        the state's value one step ahead
elementwise neg exp log sqrt abs sign sin cos tanh sigmoid round floor float32 stop not
            add sub mul div max min pow lt le gt ge eq ne and or  first_max first_min
            where(condition, yes, no)   spike(left, right, slope)
axes        sum(x; over) argmax(x; over) expand rename reshape concat part onehot
            log_softmax(x; over) dot(x, y; over)
projection  project(w, x)   project_x(w, a)   project_w(a, x)    y = A(w, x) and its two transposes
pools       max_pool avg_pool avg_pool_to and their transposes max_pool_x avg_pool_x avg_pool_to_x
images      resize(x) resize_x(a)   warp(image, flow) and its transposes warp_image(flow, a) warp_flow(image, flow, a)
learning    gradient(L, x) bptt(L, x, gate)                      replaced by passes/expand_gradients
            influence(y, w, projections...)                      replaced by passes/expand_influence
            uses(e)                                              sum over the uses of a weight; passes/factorise
            patches(x)                                           what each output pixel sees; passes/place_on_edges
            collect(x, gate, window)                             sum over the open steps since the last update;
                                                                 there is one if the window was open (default: the gate)

A value's axes say where it lives. `sample` and `partner` are the batch and the second sample of a pair; the
others are features. Inside a rule features carry a role, `pre` or `post`: places, not shapes, decide.
The neurons whose value an `influence` is the derivative of have the role `self`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from snc.model.plan import Stored
from snc.source import NOWHERE, Span

if TYPE_CHECKING:
    import networkx as nx

Attribute = Any  # hashable plain data: numbers, strings, axes and tuples of them


class Axis(
    NamedTuple
):  # compared and hashed hundreds of thousands of times while a spec is checked
    """One axis of a value. The batch axes have size 0: how many samples there are is known at run time."""

    kind: str
    size: int = 0
    role: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two axes the same one."""
        return self.role, self.kind

    def __str__(self) -> str:
        name = f"{self.role}.{self.kind}" if self.role else self.kind
        return f"{name}={self.size}" if self.size else name


Axes = tuple[Axis, ...]

SAMPLE = Axis("sample")
PARTNER = Axis("partner")
BATCH = ("sample", "partner")
# Channels last: events of a pixel then add whole rows of weights.
_ORDER = (
    "sample",
    "partner",
    "inner",
    "rows",
    "columns",
    "kernel_height",
    "kernel_width",
    "height",
    "width",
    "channel",
)
_ROLES = ("pre", "", "self", "post")


def canonical(axes: Iterable[Axis]) -> Axes:
    """The axes in the one order in which values are stored: batch, then pre, plain, post features."""
    return _canonical(tuple(axes))


@cache  # the axes of a network are few, and each is met thousands of times
def _canonical(axes: Axes) -> Axes:
    def rank(axis: Axis) -> tuple[int, int, int]:
        if axis.kind in BATCH:
            return (0, _ORDER.index(axis.kind), 0)
        if axis.kind.startswith("kernel"):
            return (1, _ORDER.index(axis.kind), 0)
        return (2, _ROLES.index(axis.role), _ORDER.index(axis.kind))

    return tuple(sorted(dict.fromkeys(axes), key=rank))


_FILE_ORDER = ("sample", "partner", "inner", "rows", "columns", "channel", "height", "width")
_FILE_ROLES = ("post", "", "self", "pre")


def file_order(axes: Iterable[Axis]) -> Axes:
    """Axes in the order of files: batch, then post, plain, pre features, kernels last; channels before places."""

    def rank(axis: Axis) -> tuple[int, int, str]:
        if axis.kind in BATCH:
            return (0, _FILE_ORDER.index(axis.kind), "")
        if axis.kind.startswith("kernel"):
            return (2, 0, axis.kind)
        return (1, _FILE_ROLES.index(axis.role), f"{_FILE_ORDER.index(axis.kind)}")

    return tuple(sorted(axes, key=rank))


@cache
def features(axes: Axes) -> Axes:
    """The axes without the batch."""
    return tuple(a for a in axes if a.kind not in BATCH)


def size(axes: Iterable[Axis]) -> int:
    """Number of values of the features among the axes."""
    total = 1
    for axis in axes:
        if axis.kind not in BATCH:
            total *= axis.size
    return total


@dataclass(frozen=True, slots=True)
class Node:
    """One value. `attributes` are sorted pairs; `note` is the name a spec gives it."""

    name: str
    op: str
    args: tuple[str, ...]
    axes: Axes
    attributes: tuple[tuple[str, Attribute], ...] = ()
    note: str = field(default="", compare=False)
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def get(self, key: str, default: Attribute = None) -> Attribute:
        """The attribute called `key`."""
        for name, value in self.attributes:
            if name == key:
                return value
        return default

    def __str__(self) -> str:
        given = ", ".join((*self.args, *(f"{k}={_short(v)}" for k, v in self.attributes)))
        axes = ", ".join(str(a) for a in self.axes)
        note = f"    # {self.note}" if self.note else ""
        return f"{self.name} = {self.op}({given}) [{axes}]{note}"


def _short(value: Attribute) -> str:
    if isinstance(value, tuple) and not isinstance(value, Axis):
        return "(" + ", ".join(_short(v) for v in value) + ")"
    return str(value) if isinstance(value, Axis | str) else repr(value)


@dataclass(frozen=True, slots=True)
class State:
    """A name read at another step: `value` is its definition, `first` what [t-1] is at the first step.

    `ahead` states are read one step later (in backward sweeps) and are 0 after the last step. A sweep
    goes over all steps since the last update; that of a `chunked` state over any stretch of them.
    `kept` states start where the previous sequence ended.
    """

    name: str
    value: str
    first: str | None
    axes: Axes
    ahead: bool = False
    kept: bool = False
    chunked: bool = False
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that are updated together: when (a `gate` node), how often, and by which optimiser."""

    name: str
    gate: str
    every: int
    unit: str  # "steps" or "sequences"


@dataclass(frozen=True, slots=True)
class Write:
    """A stored value gets a new one: at an update of `group`, or at each open step if `group` is empty."""

    stored: str
    value: str
    group: str
    gate: str
    gradient: str = ""  # the node that holds the accumulated gradient, where an optimiser writes


@dataclass(frozen=True)
class Graph:
    """One experiment's step. `outputs` are values by the name they are reported under."""

    nodes: tuple[Node, ...]
    states: tuple[State, ...]
    groups: tuple[Group, ...]
    writes: tuple[Write, ...]
    outputs: tuple[tuple[str, str], ...]  # loss, predict, metric:NAME
    records: tuple[tuple[str, str], ...]
    gates: tuple[tuple[str, tuple[str, float]], ...]  # group -> ("always",0) ("last",k) ("after",k)
    stored: tuple[Stored, ...]
    learning: bool = True

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {n.name: n for n in self.nodes}

    @cached_property
    def state(self) -> Mapping[str, State]:
        """States by name."""
        return {s.name: s for s in self.states}

    @cached_property
    def digraph(self) -> nx.DiGraph:
        """Operand -> node, within the step; frozen, each node with its payload as attribute `node`."""
        import networkx as nx  # a tenth of a second, which checking a file does not need

        made = nx.DiGraph()
        for n in self.nodes:
            made.add_node(n.name, node=n)
        for n in self.nodes:
            for a in n.args:
                made.add_edge(a, n.name)
        return nx.freeze(made)

    def roots(self) -> Iterator[str]:
        """The nodes that make others worth computing, apart from states, which need a reader."""
        yield from (v for _, v in self.outputs)
        yield from (v for _, v in self.records)
        for w in self.writes:
            yield from (x for x in (w.value, w.gate, w.gradient) if x)
        yield from (g.gate for g in self.groups)

    def with_(self, **changes: Any) -> Graph:
        """A copy with some parts replaced."""
        return replace(self, **changes)

    def text(self) -> str:
        """The graph as text: states, nodes, writes, outputs."""
        lines = []
        for s in self.states:
            way = "swept" if s.chunked else "ahead" if s.ahead else "state"
            first = "kept" if s.kept else (s.first or "0")
            axes = ", ".join(str(a) for a in s.axes)
            lines.append(f"{way} {s.name} [{axes}] = {s.value}, first {first}")
        lines += [str(n) for n in self.nodes]
        for w in self.writes:
            when = f"update of {w.group}" if w.group else f"each step where {w.gate}"
            lines.append(f"next {w.stored} = {w.value}    # at {when}")
        lines += [f"output {name} = {value}" for name, value in self.outputs]
        lines += [f"record {name} = {value}" for name, value in self.records]
        return "\n".join(lines) + "\n"
