"""How sums, products over axes, and other changes of shape are written, loop by loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from snc.codegen.arrays import lead, rest
from snc.codegen.nest import loops, offset, user_index, variable
from snc.graph.graph import PARTNER, SAMPLE, Axes, Axis, Node, features

if TYPE_CHECKING:
    from snc.codegen.function import Function


def _position(f: Function, axes: Axes, variables: dict[Axis, str]) -> str:
    first = lead(axes)
    index = offset(axes, variables, None)
    if first is None or (f.sample and first == SAMPLE):
        return index
    return f"{variables[first]}, {index}"


def _reduce(f: Function, node: Node, out: str, over: Axes, term: str, every: Axes) -> None:
    """out[kept axes] = sum of a term over axes: rows are added where the last axis is kept."""
    variables = {a: variable(a) for a in every}
    kept = list(f.domain(node))
    gone = [a for a in over if not (f.sample and a == SAMPLE)]
    kind = "D" if f.wide[node.name] else "F"
    into = f.at(out, _position(f, node.axes, variables))
    order = [a for a in every if not (f.sample and a == SAMPLE)]
    if f.adds_rows and kept and every and every[-1] in kept:
        if f.wide[node.name] == _term_wide(f, node):
            f.body(f"{f.whole('fill', node)}({out}, 0)")
            loops(f.body, order, variables, lambda: f.body(f"{into} += {term}"))
            return
        if kept == [every[-1]]:
            _reduce_wide(f, node, order, variables, term, into)
            return

    def inner() -> None:
        f.body("total = D(0.0)" if _term_wide(f, node) else f"total = {kind}(0.0)")
        loops(f.body, gone, variables, lambda: f.body(f"total += {term}"))
        f.body(f"{into} = {kind}(total)")

    f.each(kept, variables, inner)


def _reduce_wide(
    f: Function,
    node: Node,
    order: Sequence[Axis],
    variables: dict[Axis, str],
    term: str,
    into: str,
) -> None:
    """Rows of double precision terms are added in a row of that precision, which is then rounded."""
    (axis,) = f.domain(node)
    row, i = f"wide_{f.arrays.identifier(node)}", variables[axis]
    f.heads.setdefault(row, f"np.zeros({axis.size}, np.float64)")
    f.body(f"fill_row({row}, 0)")
    loops(f.body, order, variables, lambda: f.body(f"{row}[{i}] += {term}"))
    loops(f.body, [axis], variables, lambda: f.body(f"{into} = F({row}[{i}])"))


def _row_of(
    f: Function, node: Node, out: str, axis: Axis, variables: dict[Axis, str]
) -> str | None:
    """The values along an axis that are put into an array, if they are a row of it."""
    if rest(node.axes) != (axis,):
        return None
    first = lead(node.axes)
    return out if first is None or (f.sample and first == SAMPLE) else f"{out}[{variables[first]}]"


def _term_wide(f: Function, node: Node) -> bool:
    return any(f.wide[a] for a in node.args) or f.wide[node.name]


def _sum(f: Function, node: Node, out: str) -> None:
    (x,) = node.args
    every = f.node(x).axes
    variables = {a: variable(a) for a in every}
    over, wide = node.get("over"), _term_wide(f, node)
    if f.adds_rows and wide and len(over) == 1 and (row := f.row_along(x, over[0], variables)):
        into, kind = f.at(out, _position(f, node.axes, variables)), f.kind(node)
        kept = list(f.domain(node))
        f.each(kept, variables, lambda: f.body(f"{into} = {kind}(row_sum({row}))"))
        return
    term = f.operand(x, variables, None, wide)
    _reduce(f, node, out, over, term, every)


def _uses(f: Function, node: Node, out: str) -> None:
    (x,) = node.args
    pixels = [a for a in f.node(x).axes if a not in node.axes and a != SAMPLE]
    every = tuple(dict.fromkeys([SAMPLE, *pixels, *node.axes]))
    variables = {a: variable(a) for a in every}
    term = f.operand(x, variables, None, _term_wide(f, node))
    _reduce(f, node, out, (SAMPLE, *pixels), term, every)


def _dot(f: Function, node: Node, out: str) -> None:
    over = node.get("over")
    # over samples a row is added for each; over features a row is multiplied by another
    axes = [*over, *node.axes] if PARTNER in over or SAMPLE in over else [*node.axes, *over]
    every = tuple(dict.fromkeys(axes))
    variables = {
        a: variable(a) for a in (*every, *f.node(node.args[0]).axes, *f.node(node.args[1]).axes)
    }
    wide = _term_wide(f, node)
    rows = [f.row_along(a, over[0], variables) for a in node.args] if len(over) == 1 else [None]
    if f.adds_rows and all(rows):
        _row_dots(f, node, out, (rows[0] or "", rows[1] or ""), variables)
        return
    if f.adds_rows and _rows_times(f, node, out, variables):
        return
    x, y = (f.operand(a, variables, None, wide) for a in node.args)
    _reduce(f, node, out, over, f.times(x, y, wide), every)


def _row_dots(
    f: Function, node: Node, out: str, rows: tuple[str, str], variables: dict[Axis, str]
) -> None:
    """Products of rows with rows: one with many of them at once, if only one of them changes."""
    kept, n = list(f.domain(node)), node.get("over")[0].size
    if len(kept) == 1 and f.wide[node.name]:
        index = f"[{variables[kept[0]]}]"
        one, many = sorted(rows, key=lambda row: row.endswith(index))
        if many.endswith(index) and index not in one:
            count = "B" if kept[0] in (PARTNER, SAMPLE) else str(kept[0].size)
            many = many.removesuffix(index)
            if (x := f.rows_before(node, one)) and (w := f.rows_before(node, many)):
                target = f.all_samples(out, count)
                f.ahead(f"dots_samples({x}, first, last - first, {w}, {count}, {target})")
                return
            f.body(f"fill_row({out}, 0)")
            f.body(f"add_dots({one}, 0, 0, 1, {many}, 0, {n}, {count}, {n}, {out}, 0, 0)")
            return
    into = f.at(out, _position(f, node.axes, variables))
    kind = "D" if f.wide[node.name] else "F"
    line = f"{into} = {kind}(dot({rows[0]}, {rows[1]}))"
    loops(f.body, kept, variables, lambda: f.body(line))


def _rows_times(f: Function, node: Node, out: str, variables: dict[Axis, str]) -> bool:
    """A sum over samples of rows, each times a number: if both operands are held so."""
    over, kept = node.get("over"), list(f.domain(node))
    if len(over) != 1 or over[0] not in (PARTNER, SAMPLE) or len(kept) != 1:
        return False
    index, axis = f"[{variables[over[0]]}]", kept[0]
    for numbers, rows in (node.args, node.args[::-1]):
        times, row = f.row_along(numbers, over[0], variables), f.row_along(rows, axis, variables)
        if times is None or row is None or not row.endswith(index):
            continue
        into, n, row = out, axis.size, row.removesuffix(index)
        if not f.wide[node.name]:
            into = f"wide_{f.arrays.identifier(node)}"
            f.heads.setdefault(into, f"np.zeros({n}, np.float64)")
        if (x := f.rows_before(node, times)) and (w := f.rows_before(node, row)):
            target = f.all_samples(into, n)
            f.ahead(f"products_samples({x}, first, last - first, {w}, {target})")
        else:
            f.body(f"fill_row({into}, 0)")
            f.body(f"add_products({row}, 0, {n}, {times}, 0, 0, 1, 1, B, {into}, 0, 0, {n})")
        if into != out:
            f.body(f"copy_row({out}, {into})")
        return True
    return False


def _argmax(f: Function, node: Node, out: str) -> None:
    (x,), axis = node.args, node.get("over")
    variables = {a: variable(a) for a in f.node(x).axes}
    v = variables[axis]

    def inner() -> None:
        f.body("best = 0")
        with f.body.block(f"for {v} in range({axis.size})"):
            now = f.operand(x, variables, None, f.stored_wide(x))
            top = f.operand(x, {**variables, axis: "best"}, None, f.stored_wide(x))
            with f.body.block(f"if {now} > {top}"):
                f.body(f"best = {v}")
        f.body(f"{f.at(out, _position(f, node.axes, variables))} = best")

    f.each(list(f.domain(node)), variables, inner)


def _log_softmax(f: Function, node: Node, out: str) -> None:
    (x,), axis = node.args, node.get("over")
    variables = {a: variable(a) for a in node.axes}
    v, count = variables[axis], "B" if axis == PARTNER else str(axis.size)
    text = f.operand(x, variables, None, True)
    outer = [a for a in f.domain(node) if a != axis]

    def inner() -> None:
        f.body("top = D(-np.inf)")
        with f.body.block(f"for {v} in range({count})"), f.body.block(f"if {text} > top"):
            f.body(f"top = {text}")
        into = f.at(out, _position(f, node.axes, variables))
        with f.body.block(f"for {v} in range({count})"):
            f.body(f"{into} = {f.exponential}({text} - top)")
        if f.adds_rows and (row := _row_of(f, node, out, axis, variables)):
            f.body(f"total = math.log(row_sum({row}))")
        else:
            f.body("total = D(0.0)")
            with f.body.block(f"for {v} in range({count})"):
                f.body(f"total += {into}")
            f.body("total = math.log(total)")
        with f.body.block(f"for {v} in range({count})"):
            f.body(f"{into} = {text} - top - total")

    f.each(outer, variables, inner)


def _reshape(f: Function, node: Node, out: str) -> None:
    """Through the user's order: channel, height, width."""
    (x,) = node.args
    axes = f.node(x).axes
    wide = f.stored_wide(x)
    if len(features(axes)) >= len(features(node.axes)):
        variables = {a: variable(a) for a in axes}
        source = f.operand(x, variables, None, wide)
        index = user_index(axes, variables)
        order = [a for a in axes if not (f.sample and a == SAMPLE)]
        first = lead(node.axes)
        at = index if first is None or f.sample else f"{variables[first]}, {index}"
        f.each(order, variables, lambda: f.body(f"{f.at(out, at)} = {source}"))
        return
    variables = {a: variable(a) for a in node.axes}
    array, index = f.array_of(x), user_index(node.axes, variables)
    first = lead(axes)
    at = index if first is None or f.sample else f"{variables[first]}, {index}"
    target = _position(f, node.axes, variables)
    line = f"{f.at(out, target)} = {f.at(array, at)}"
    f.each(list(f.domain(node)), variables, lambda: f.body(line))


def _concat(f: Function, node: Node, out: str) -> None:
    axis, start = node.get("axis"), 0
    for x in node.args:
        axes = f.node(x).axes
        mine = next(a for a in axes if a.key == axis.key)
        variables = {a: variable(a) for a in axes}
        whole = {
            **{a: variables[a] for a in axes if a != mine},
            axis: f"({variables[mine]} + {start})",
        }
        source = f.operand(x, variables, None, f.wide[node.name])
        order = [a for a in axes if not (f.sample and a == SAMPLE)]
        target = f.at(out, _position(f, node.axes, whole))
        _assign(f, order, variables, target, source)
        start += mine.size


def _assign(
    f: Function, order: Sequence[Axis], variables: dict[Axis, str], target: str, source: str
) -> None:
    f.each(order, variables, lambda: f.body(f"{target} = {source}"))


def _part(f: Function, node: Node, out: str) -> None:
    (x,), axis, start = node.args, node.get("axis"), node.get("start")
    mine = next(a for a in node.axes if a.key == axis.key)
    variables = {a: variable(a) for a in node.axes}
    whole = {**variables, axis: f"({variables[mine]} + {start})"}
    source = f.operand(x, whole, None, f.wide[node.name])
    target = f.at(out, _position(f, node.axes, variables))
    f.each(list(f.domain(node)), variables, lambda: f.body(f"{target} = {source}"))


SINGLE = {
    "sum": _sum, "uses": _uses, "dot": _dot, "argmax": _argmax, "log_softmax": _log_softmax,
    "reshape": _reshape, "concat": _concat, "part": _part,
}  # fmt: skip
