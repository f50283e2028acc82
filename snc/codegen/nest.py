"""Loop nests: groups of element-by-element nodes in one loop, and the other nodes one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from snc.codegen.arrays import rest
from snc.codegen.writer import Writer
from snc.graph.builder import ELEMENTWISE
from snc.graph.graph import BATCH, PARTNER, SAMPLE, Axes, Axis, Node, features

FUSED = ELEMENTWISE | {"expand", "onehot", "range", "linspace", "random"}

BINARY = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "pow": "{0} ** {1}",
    "max": "{0} if {0} >= {1} else {1}", "min": "{0} if {0} <= {1} else {1}",
    "lt": "one if {0} < {1} else zero", "le": "one if {0} <= {1} else zero",
    "gt": "one if {0} > {1} else zero", "ge": "one if {0} >= {1} else zero",
    "eq": "one if {0} == {1} else zero", "ne": "one if {0} != {1} else zero",
    "and": "one if {0} != zero and {1} != zero else zero",
    "or": "one if {0} != zero or {1} != zero else zero",
    "first_max": "one if {0} >= {1} else zero", "first_min": "one if {0} <= {1} else zero",
}  # fmt: skip
UNARY = {
    "neg": "-{0}", "exp": "math.exp({0})", "log": "math.log({0})", "sqrt": "math.sqrt({0})", "abs": "abs({0})",
    "sign": "one if {0} > zero else (-one if {0} < zero else zero)", "sin": "math.sin({0})",
    "cos": "math.cos({0})", "tanh": "math.tanh({0})", "sigmoid": "one / (one + math.exp(-{0}))",
    "round": "np.rint({0})", "floor": "np.floor({0})", "stop": "{0}", "not": "one if {0} == zero else zero",
}  # fmt: skip


def number(value: float, wide: bool) -> str:
    """A number as code, in the precision of the expression it stands in."""
    kind = "D" if wide else "F"
    if math.isinf(value):
        return f"{kind}({'-' if value < 0 else ''}np.inf)"
    return f"{kind}({value!r})"


def expression(node: Node, operands: Sequence[str], wide: bool) -> str:
    """The right side of a fused node, its operands already in its precision."""
    one, zero = ("D(1.0)", "D(0.0)") if wide else ("F(1.0)", "F(0.0)")
    match node.op:
        case "where":
            return f"{operands[1]} if {operands[0]} != {zero} else {operands[2]}"
        case "spike":
            sign = ">" if node.get("strict") else ">="
            return f"{one} if {operands[0]} {sign} {operands[1]} else {zero}"
        case "expand":
            return operands[0]
        case "float32":
            return f"{'D' if wide else 'F'}(np.float32({operands[0]}))"
    template = BINARY.get(node.op) or UNARY[node.op]
    words = template.replace("one", one).replace("zero", zero)
    return words.format(*(_bracketed(o) for o in operands))


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def offset(axes: Axes, variables: dict[Axis, str], flat: str | None) -> str:
    """The position in an array's last dimension, for loop variables by axis."""
    plain = rest(axes)
    if not plain:
        return "0"
    if flat is not None:
        return flat
    terms, stride = [], 1
    for axis in reversed(plain):
        terms.append(variables[axis] if stride == 1 else f"{variables[axis]} * {stride}")
        stride = stride * axis.size if axis.kind not in BATCH else stride
    return " + ".join(reversed(terms))


def extent(axis: Axis) -> str:
    """The length of a loop over an axis."""
    return "B" if axis.kind in BATCH else str(axis.size)


def loops(w: Writer, axes: Sequence[Axis], names: dict[Axis, str], body: Callable[[], Any]) -> None:
    """Nested loops over axes, the first outermost."""
    if not axes:
        body()
        return
    with w.block(f"for {names[axes[0]]} in range({extent(axes[0])})"):
        loops(w, axes[1:], names, body)


SHORT = {"sample": "b", "partner": "q", "channel": "c", "height": "y", "width": "x", "rows": "r", "columns": "s",
         "inner": "m", "kernel_height": "kh", "kernel_width": "kw"}  # fmt: skip


def variable(axis: Axis) -> str:
    """The loop variable of an axis."""
    return SHORT[axis.kind] + ({"pre": "_pre", "post": "_post", "self": "_self"}.get(axis.role, ""))


def user_index(axes: Axes, names: dict[Axis, str]) -> str:
    """Position of a value as users count: channel, height, width."""
    order = {"rows": 0, "columns": 1, "channel": 2, "height": 3, "width": 4}
    plain = sorted(features(axes), key=lambda a: order[a.kind])
    terms, stride = [], 1
    for axis in reversed(plain):
        terms.append(names[axis] if stride == 1 else f"{names[axis]} * {stride}")
        stride *= axis.size
    return " + ".join(reversed(terms)) or "0"


__all__ = ["FUSED", "PARTNER", "SAMPLE", "expression", "loops", "number", "offset", "variable"]
