"""Sums of many terms that have few owners: shares of the terms first, then the shares, in order.

How many shares there are depends on the number of terms only (SEMANTICS 6.3), so that bits do too. A sum
with fewer terms, or with more owners, is left to its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snc.codegen.arrays import length
from snc.codegen.nest import extent, offset, variable
from snc.codegen.reductions import SINGLE
from snc.graph.graph import BATCH, SAMPLE, Axis, Node
from snc_cuda.places import decomposed

if TYPE_CHECKING:
    from snc_cuda.function import CudaFunction

TERMS = 256  # from which on a sum is shared
OWNERS = 64  # from which on there is work for a block without sharing
CARD = 1 << 13  # the same for all blocks of a card


def terms_of(f: CudaFunction, node: Node) -> list[Axis]:
    """The axes that a node sums over here."""
    match node.op:
        case "uses":
            over: tuple[Axis, ...] = (SAMPLE,)
        case "log_softmax" | "argmax":
            over = (node.get("over"),)
        case "sum" | "dot":
            over = node.get("over")
        case _:
            over = ()
    return [a for a in over if not (f.sample and a == SAMPLE)]


def shared(f: CudaFunction, node: Node) -> bool:
    """Whether a sum has many terms and few owners; a number of samples counts as few of both."""
    over, kept = terms_of(f, node), f.domain(node)
    if node.op not in ("sum", "dot") or any(a.kind in BATCH for a in (*over, *kept)):
        return False
    return count(over) >= TERMS and count(kept) < (OWNERS if f.sample else CARD)


def log_softmax(f: CudaFunction, node: Node, out: str) -> None:
    """x - top - log(sum(exp(x - top))): the largest and the sum by the owner of a row, all else by owners of places."""
    (x,), axis = node.args, node.get("over")
    outer = [a for a in f.domain(node) if a != axis]
    if any(a.kind in BATCH and a != SAMPLE for a in outer):
        SINGLE[node.op](f, node, out)
        return
    variables = {a: variable(a) for a in node.axes}
    plain = tuple(a for a in outer if a != SAMPLE)
    kept = "m_" + f.arrays.identifier(node)
    f.arrays.add(kept, "part", node.name, (*f.rows(SAMPLE in node.axes), "2", length(plain)), "D")
    row = f.at_row(kept, (SAMPLE,) if SAMPLE in node.axes else ())
    looped, place = "b, " if SAMPLE in outer else "", offset(plain, variables, None)
    top, total = (f.at(row, f"{looped}{k}, {place}") for k in (0, 1))
    v, number = variables[axis], extent(axis)
    text = f.operand(x, variables, None, True)
    into = f.at(out, looped + offset(node.axes, variables, None))

    def find_top() -> None:
        f.body("top = D(-np.inf)")
        with f.body.block(f"for {v} in range({number})"), f.body.block(f"if {text} > top"):
            f.body(f"top = {text}")
        f.body(f"{top} = top")

    def add() -> None:
        f.body("total = D(0.0)")
        with f.body.block(f"for {v} in range({number})"):
            f.body(f"total += {into}")
        f.body(f"{total} = math.log(total)")

    each = [*outer, axis]
    f.work = count([axis], 128)
    f.each(outer, variables, find_top)
    f.cut()
    f.each(each, variables, lambda: f.body(f"{into} = math.exp({text} - {top})"))
    f.cut()
    f.work = count([axis], 128)
    f.each(outer, variables, add)
    f.cut()
    f.each(each, variables, lambda: f.body(f"{into} = {text} - {top} - {total}"))


def count(axes: list[Axis] | tuple[Axis, ...], samples: int = 1) -> int:
    """The number of places of some axes."""
    total = 1
    for a in axes:
        total *= samples if a.kind in BATCH else a.size
    return total


def share_sum(f: CudaFunction, node: Node, out: str) -> None:
    """out = the sum of shares, each the sum of every S-th term."""
    over, kept = terms_of(f, node), f.domain(node)
    wide = f.wide[node.name] or any(f.wide[a] for a in node.args)
    number = 256 if count(over) >= 64 * TERMS and count(kept) < OWNERS else 32
    variables = {a: variable(a) for a in (*over, *kept)}
    part = "m_" + f.arrays.identifier(node)
    kind = "D" if wide else "F"
    shape = (*f.rows(f.sample), str(number), length(tuple(kept)))
    f.arrays.add(part, "part", node.name, shape, kind)
    at = f"share, {offset(tuple(kept), variables, None)}"
    array = f.at_row(part, (SAMPLE,))
    operands = [f.operand(a, variables, None, wide) for a in node.args]
    value = operands[0] if node.op == "sum" else f.times(operands[0], operands[1], wide)
    loops = [(variables[a], str(a.size)) for a in kept]

    def one_share() -> None:
        f.body(f"total = {kind}(0.0)")
        with f.body.block(f"for term in range(share, {count(over)}, {number})"):
            f.body(decomposed([(variables[a], str(a.size)) for a in over], "term"))
            f.body(f"total += {value}")
        f.body(f"{f.at(array, at)} = total")

    f.work = count(over) // number
    f.spread([("share", str(number)), *loops], one_share)
    f.cut()

    def whole() -> None:
        f.body(f"total = {kind}(0.0)")
        with f.body.block(f"for share in range({number})"):
            f.body(f"total += {f.at(array, at)}")
        target = "D" if f.wide[node.name] else "F"
        f.body(f"{f.at(out, offset(node.axes, variables, None))} = {target}(total)")

    f.work = number
    f.spread(loops or [("place", "1")], whole)
