"""Loops and memory in the language of the compiler: what sums of products are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

WORD = ir.IntType(64)
INDEX = ir.IntType(32)
KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "uint8": ir.IntType(8)}
ITEMS = {"float32": 4, "float64": 8, "uint8": 1}


# loops ------------------------------------------------------------------------------------------------


def repeat(
    b: Any,
    first: Sequence[Any],
    test: Callable[..., Any],
    body: Callable[..., Sequence[Any]],
) -> list[Any]:
    """Repeat a body on carried values while a test of them holds; what they are at the end."""
    before = b.block
    head, inside, after = (b.append_basic_block(n) for n in ("head", "body", "after"))
    b.branch(head)
    b.position_at_end(head)
    carried = [b.phi(v.type) for v in first]
    for phi, v in zip(carried, first, strict=True):
        phi.add_incoming(v, before)
    b.cbranch(test(*carried), inside, after)
    b.position_at_end(inside)
    made = body(*carried)
    for phi, v in zip(carried, made, strict=True):
        phi.add_incoming(v, b.block)
    b.branch(head)
    b.position_at_end(after)
    return carried


def count_up(b: Any, last: Any, first: Sequence[Any], body: Callable[..., Sequence[Any]]) -> Any:
    """Carry values through a body for every index below a count."""
    _, *found = repeat(
        b,
        [WORD(0), *first],
        lambda k, *_: b.icmp_signed("<", k, last),
        lambda k, *v: [b.add(k, WORD(1)), *body(k, *v)],
    )
    return found


@dataclass(frozen=True)
class Part:
    """Columns that are taken together: the first of them, how many, and which of those are there."""

    first: int
    lanes: int
    mask: Any = None  # all of them


def columns_of(
    b: Any, width: Any, most: int, vector: int, body: Callable[[Any, Sequence[Part]], None]
) -> None:
    """Go over columns: as many as `most` at a time, then once what is left, in vectors of which the last is masked."""

    def whole(c: Any) -> Sequence[Any]:
        body(c, [Part(k, vector) for k in range(0, most, vector)])
        return [b.add(c, WORD(most))]

    (done,) = repeat(
        b, [WORD(0)], lambda c: b.icmp_signed("<=", b.add(c, WORD(most)), width), whole
    )
    left = b.sub(width, done)
    after = b.append_basic_block("columns")
    choice = b.switch(b.udiv(b.add(left, WORD(vector - 1)), WORD(vector)), after)
    for count in range(1, most // vector + 1):
        case = b.append_basic_block("left")
        choice.add_case(WORD(count), case)
        b.position_at_end(case)
        before = (count - 1) * vector
        lanes = ir.Constant(ir.VectorType(WORD, vector), list(range(before, before + vector)))
        last = Part(before, vector, b.icmp_signed("<", lanes, spread(b, left, vector)))
        body(done, [*(Part(k, vector) for k in range(0, before, vector)), last])
        b.branch(after)
    b.position_at_end(after)


# memory -----------------------------------------------------------------------------------------------


def place_of(b: Any, start: Any, index: Any, kind: str) -> Any:
    """The address of an element."""
    return b.add(start, b.mul(index, WORD(ITEMS[kind])))


def _kind(kind: str, lanes: int) -> Any:
    return KINDS[kind] if lanes == 1 else ir.VectorType(KINDS[kind], lanes)


def load(b: Any, start: Any, kind: str, lanes: int, wanted: str, mask: Any = None) -> Any:
    """Numbers from an address on, in the precision that is wanted; 0 where a mask is not set."""
    made, to = _kind(kind, lanes), _kind(wanted, lanes)
    place = b.inttoptr(start, made.as_pointer())
    if mask is None:
        value = b.load(place, align=ITEMS[kind])
    else:
        masked = _masked(b, "load", made, [place.type, INDEX, mask.type, made], made)
        value = b.call(masked, [place, INDEX(ITEMS[kind]), mask, ir.Constant(made, None)])
    if kind == wanted:
        return value
    if kind == "uint8":
        return b.uitofp(value, to)
    return b.fpext(value, to) if ITEMS[kind] < ITEMS[wanted] else b.fptrunc(value, to)


def store(b: Any, start: Any, value: Any, kind: str, mask: Any = None) -> None:
    """Put a number or vector at an address, narrowed to what is there."""
    place = b.inttoptr(start, value.type.as_pointer())
    if mask is None:
        b.store(value, place, align=ITEMS[kind])
    else:
        given = [value.type, place.type, INDEX, mask.type]
        masked = _masked(b, "store", value.type, given, ir.VoidType())
        b.call(masked, [value, place, INDEX(ITEMS[kind]), mask])


def _masked(b: Any, what: str, vector: Any, given: Sequence[Any], answer: Any) -> Any:
    """The compiler's own function that loads or stores the lanes of a vector that are set in a mask."""
    kind = {"float": "f32", "double": "f64", "i8": "i8"}[str(vector.element)]
    name = f"llvm.masked.{what}.v{vector.count}{kind}.p0"
    found = b.module.globals.get(name)
    return found or ir.Function(b.module, ir.FunctionType(answer, given), name)


def loads(b: Any, start: Any, kind: str, parts: Sequence[Part], wanted: str) -> list[Any]:
    """The numbers of all parts."""
    places = [place_of(b, start, WORD(p.first), kind) for p in parts]
    pairs = zip(parts, places, strict=True)
    return [load(b, place, kind, p.lanes, wanted, p.mask) for p, place in pairs]


def stores(b: Any, start: Any, kind: str, parts: Sequence[Part], values: Sequence[Any]) -> None:
    """Put the numbers of all parts in their places."""
    for p, value in zip(parts, values, strict=True):
        store(b, place_of(b, start, WORD(p.first), kind), value, kind, p.mask)


def spread(b: Any, value: Any, lanes: int) -> Any:
    """A number in all lanes."""
    if lanes == 1:
        return value
    vector = ir.VectorType(value.type, lanes)
    one = b.insert_element(ir.Constant(vector, ir.Undefined), value, INDEX(0))
    return b.shuffle_vector(
        one,
        ir.Constant(vector, ir.Undefined),
        ir.Constant(ir.VectorType(INDEX, lanes), [0] * lanes),
    )


def listed(b: Any, at: Any, e: Any) -> Any:
    """The number at a place of a list of places."""
    place = b.inttoptr(b.add(at, b.shl(e, WORD(2))), INDEX.as_pointer())
    return b.zext(b.load(place), WORD)
