"""Making graphs: one method for each kind of node, which finds its axes. Equal nodes are made once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snc.graph.graph import (
    BATCH,
    PARTNER,
    SAMPLE,
    Attribute,
    Axes,
    Axis,
    Node,
    State,
    canonical,
    features,
    size,
)
from snc.source import NOWHERE, Span

UNARY = frozenset(
    [
        "neg",
        "exp",
        "log",
        "sqrt",
        "abs",
        "sign",
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "round",
        "floor",
        "float32",
        "stop",
        "not",
    ]
)
BINARY = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "max",
        "min",
        "pow",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "and",
        "or",
        "first_max",
        "first_min",
    ]
)
ELEMENTWISE = UNARY | BINARY | {"where", "spike"}


class Builder:
    """A graph being made. Nodes are appended in causal order and never changed."""

    def __init__(self, prefix: str = "n") -> None:
        self.nodes: dict[str, Node] = {}
        self.states: dict[str, State] = {}
        self.stored: dict[str, str] = {}  # what is stored -> its node
        self.through_time = False  # whether any derivative is one through time
        self._known: dict[tuple[object, ...], str] = {}
        self._prefix = prefix

    # making nodes -------------------------------------------------------------------------------------

    def node(
        self,
        op: str,
        args: Sequence[str] = (),
        axes: Iterable[Axis] = (),
        span: Span = NOWHERE,
        note: str = "",
        **attributes: Attribute,
    ) -> str:
        """Add a node, or find the equal one; the name of it."""
        given = tuple(sorted(attributes.items())) if attributes else ()
        found = canonical(axes)
        key = (op, tuple(args), given, found)
        known = self._known.get(key)
        if known is not None:
            return known
        name = f"{self._prefix}{len(self.nodes)}"
        self.nodes[name] = Node(name, op, tuple(args), found, given, note, span)
        self._known[key] = name
        if op == "stored":
            self.stored[str(attributes["name"])] = name
        self.through_time |= op == "bptt"
        return name

    def axes(self, name: str) -> Axes:
        """The axes of a node."""
        return self.nodes[name].axes

    def number(self, value: float) -> str:
        """A constant."""
        return self.node("const", value=float(value))

    def value_of(self, name: str) -> float | None:
        """The number a node is, if it is a constant."""
        node = self.nodes[name]
        return float(node.get("value")) if node.op == "const" else None

    # elementwise --------------------------------------------------------------------------------------

    def apply(self, op: str, *args: str, span: Span = NOWHERE, **attributes: Attribute) -> str:
        """An elementwise operation; missing axes are broadcast."""
        axes = [a for x in args for a in self.axes(x)]
        return self.node(op, args, axes, span, **attributes)

    def add(self, x: str, y: str) -> str:
        """x + y."""
        return self.apply("add", x, y)

    def sub(self, x: str, y: str) -> str:
        """x - y."""
        return self.apply("sub", x, y)

    def mul(self, x: str, y: str) -> str:
        """x * y."""
        return self.apply("mul", x, y)

    def div(self, x: str, y: str) -> str:
        """x / y."""
        return self.apply("div", x, y)

    def neg(self, x: str) -> str:
        """-x."""
        return self.apply("neg", x)

    # axes ---------------------------------------------------------------------------------------------

    def sum(self, x: str, over: Iterable[Axis], span: Span = NOWHERE) -> str:
        """The sum over some axes; those x lacks are ignored."""
        mine = self.axes(x)
        gone = canonical(a for a in over if a in mine)
        if not gone:
            return x
        return self.node("sum", (x,), [a for a in mine if a not in gone], span, over=gone)

    def count(self, over: Iterable[Axis]) -> str:
        """How many values some axes hold, the batch included."""
        axes = tuple(over)
        result = self.number(size(axes))
        for axis in axes:
            if axis.kind in BATCH:
                result = self.mul(result, self.node("scalar", name="batch"))
        return result

    def mean(self, x: str, over: Iterable[Axis], span: Span = NOWHERE) -> str:
        """The mean over some axes."""
        axes = tuple(over)
        return self.apply("div", self.sum(x, axes, span), self.count(axes), span=span)

    def expand(self, x: str, axes: Iterable[Axis]) -> str:
        """x with further axes, the same value along each."""
        wanted = canonical(axes)
        return x if self.axes(x) == wanted else self.node("expand", (x,), wanted)

    def fit(self, x: str, axes: Axes) -> str:
        """Adjoint of broadcasting: sum over what `axes` lack, expand what x lacks."""
        return self.expand(self.sum(x, [a for a in self.axes(x) if a not in axes]), axes)

    def rename(self, x: str, names: Sequence[tuple[Axis, Axis]], span: Span = NOWHERE) -> str:
        """x with some axes called otherwise."""
        table = {old: new for old, new in names if old in self.axes(x) and old != new}
        if not table:
            return x
        axes = [table.get(a, a) for a in self.axes(x)]
        return self.node("rename", (x,), axes, span, names=tuple(table.items()))

    def with_role(self, x: str, role: str, span: Span = NOWHERE) -> str:
        """x with its features taken as those of the pre or post side."""
        names = [(a, Axis(a.kind, a.size, role)) for a in features(self.axes(x)) if a.role != role]
        return self.rename(x, names, span)

    def reshape(self, x: str, new: Axes, span: Span = NOWHERE) -> str:
        """x with its features laid out anew, channel first as users count them."""
        batch = [a for a in self.axes(x) if a.kind in BATCH]
        if features(self.axes(x)) == canonical(new):
            return x
        return self.node("reshape", (x,), [*batch, *new], span)

    def log_softmax(self, x: str, over: Axis, span: Span = NOWHERE) -> str:
        """log(exp(x) / sum exp(x)) along one axis."""
        return self.node("log_softmax", (x,), self.axes(x), span, over=over)

    def dot(self, x: str, y: str, over: Iterable[Axis], span: Span = NOWHERE) -> str:
        """The sum of products over some axes, which both have."""
        gone = canonical(over)
        axes = [a for a in (*self.axes(x), *self.axes(y)) if a not in gone]
        return self.node("dot", (x, y), axes, span, over=gone)

    # projections --------------------------------------------------------------------------------------

    def project(self, op: str, x: str, y: str, axes: Iterable[Axis], geometry: Attribute) -> str:
        """A projection or one of its transposes; see snc/graph/geometry.py."""
        return self.node(op, (x, y), axes, geometry=geometry)

    # state --------------------------------------------------------------------------------------------

    def previous(self, state: str, axes: Axes, span: Span = NOWHERE) -> str:
        """The value of a state one step ago."""
        return self.node("previous", (), axes, span, state=state)

    def later(self, state: str, axes: Axes) -> str:
        """The value of a state one step ahead."""
        return self.node("later", (), axes, state=state)


__all__ = ["BINARY", "ELEMENTWISE", "PARTNER", "SAMPLE", "UNARY", "Builder"]
