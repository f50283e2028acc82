"""The arrays of emitted code: which exist, what shape they have, who fills them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snc.graph.graph import BATCH, PARTNER, SAMPLE, Axes, Axis, Graph, Node, features, size


@dataclass(frozen=True)
class ArraySpec:
    """One array handed to the emitted code.

    role: stored, fixed, field, state, carry, history, total, open, output, record, gradient, updates.
    shape: numbers and the letters T, B, K (steps of a chunk) and U (updates of a sequence). dtype: F is the
    precision of the run, D double, I int64, U uint8.
    """

    name: str
    role: str
    source: str  # the node, state or stored name it belongs to
    shape: tuple[str, ...]
    dtype: str


TYPES = {"D": np.float64, "I": np.int64, "U": np.uint8, "Q": np.uint64}


def kind_of(spec: ArraySpec, dtype: str) -> Any:
    """An array's number type in a run of a precision."""
    return TYPES.get(spec.dtype, np.dtype(dtype).type)


@dataclass
class Arrays:
    """All arrays of one graph's code, by name, in the order they were asked for."""

    graph: Graph
    specs: dict[str, ArraySpec] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    rates: list[str] = field(default_factory=list)
    tuples: dict[str, tuple[int, ...]] = field(default_factory=dict)  # numbers by name, as arrays
    crowded: int = 3  # tenths that are not 0, from which on products are of matrices
    layouts: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # array -> the weight it holds in another order, and the call that lays it out

    def rate(self, name: str) -> int:
        """The place of a learning rate among those the engine feeds."""
        if name not in self.rates:
            self.rates.append(name)
        return self.rates.index(name)

    def numbers(self, values: Sequence[int]) -> str:
        """A name for numbers known now, which a call takes as one argument.

        Written into the call they would be part of its type, and the callee compiled for every shape.
        """
        name = "_".join(["NUMBERS", *map(str, values)])
        self.tuples.setdefault(name, tuple(values))
        return name

    def add(self, name: str, role: str, source: str, shape: tuple[str, ...], dtype: str) -> str:
        """Ask for an array; the same one again is the same array."""
        self.specs.setdefault(name, ArraySpec(name, role, source, shape, dtype))
        return name

    def identifier(self, node: Node) -> str:
        """A readable name for a node in code: that of the spec if it has one."""
        if node.name not in self.names:
            # no two underscores: those separate a name from the index it is taken at (`s_h1__b`)
            base = re.sub(r"[\W_]+", "_", node.note).strip("_") or node.name
            if base[0].isdigit() or keyword.iskeyword(base):
                base = f"v_{base}"
            taken = set(self.names.values())
            name, k = base, 2
            while name in taken or name in RESERVED:
                name, k = f"{base}_{k}", k + 1
            self.names[node.name] = name
        return self.names[node.name]


RESERVED = frozenset(
    [
        "T",
        "B",
        "K",
        "F",
        "D",
        "t",
        "k",
        "b",
        "q",
        "i",
        "j",
        "t0",
        "t1",
        "np",
        "math",
        "updates",
        "open",
        "steps",
        "batch",
        "one",
        "zero",
    ]
)


def is_wide(graph: Graph, node: Node, wide: dict[str, bool]) -> bool:
    """Whether a value is kept in double precision in any run (SEMANTICS 10.3).

    Values without features (per pair, sample or batch) and what is computed element by element from
    the logarithm of a softmax: differences of probabilities cancel there.
    """
    if not features(node.axes):
        return True
    if node.op == "log_softmax":
        return True
    if node.op in ("stored", "field", "previous", "later", "random", "range", "linspace"):
        return False
    if node.op.startswith(
        ("project", "dot", "max_pool", "avg_pool", "collect", "resize", "warp", "patches")
    ):
        return False
    return any(wide[a] and features(graph.by_name[a].axes) for a in node.args)


def widths(graph: Graph) -> dict[str, bool]:
    """For every node, whether it is double."""
    wide: dict[str, bool] = {}
    for node in graph.nodes:
        wide[node.name] = is_wide(graph, node, wide)
    return wide


def lead(axes: Axes) -> Axis | None:
    """The batch axis that is an array's first dimension."""
    return SAMPLE if SAMPLE in axes else PARTNER if PARTNER in axes else None


def rest(axes: Axes) -> Axes:
    """The axes that are flattened into an array's last dimension."""
    first = lead(axes)
    return tuple(a for a in axes if a != first)


def length(axes: Axes) -> str:
    """The number of values along the last dimension, as code."""
    plain = rest(axes)
    n = size(plain)
    if any(a.kind in BATCH for a in plain):
        return "B" if n == 1 else f"B * {n}"
    return str(n)
