"""Sums of rows that stay in registers, compiled: the innermost loops of all products.

A compiler that is given loops over arrays loads and stores the sum for every row that is added to it. So these
are written in the compiler's own language, on vectors: as many columns of the sum as registers hold are kept there
while all rows are added, one after another. Every column's sum is in the order of its rows, whatever the
registers of the machine. Each function is compiled once in a module, and called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from snc_cpu.registers import BLOCK, DOTS, ROW, SPARE, SUM, TALL, THIN

WORD = ir.IntType(64)
INDEX = ir.IntType(32)
KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "uint8": ir.IntType(8)}
ITEMS = {"float32": 4, "float64": 8, "uint8": 1}
FUSED = ("contract",)  # a product and the sum it is added to may be rounded once


# loops ------------------------------------------------------------------------------------------------


def _while(
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


def _count(b: Any, last: Any, first: Sequence[Any], body: Callable[..., Sequence[Any]]) -> Any:
    """Carry values through a body for every index below a count."""
    _, *found = _while(
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


def _columns(
    b: Any, width: Any, most: int, vector: int, body: Callable[[Any, Sequence[Part]], None]
) -> None:
    """Go over columns: as many as `most` at a time, then once what is left, in vectors of which the last is masked."""

    def whole(c: Any) -> Sequence[Any]:
        body(c, [Part(k, vector) for k in range(0, most, vector)])
        return [b.add(c, WORD(most))]

    (done,) = _while(
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
        last = Part(before, vector, b.icmp_signed("<", lanes, _spread(b, left, vector)))
        body(done, [*(Part(k, vector) for k in range(0, before, vector)), last])
        b.branch(after)
    b.position_at_end(after)


# memory -----------------------------------------------------------------------------------------------


def _place(b: Any, start: Any, index: Any, kind: str) -> Any:
    """The address of an element."""
    return b.add(start, b.mul(index, WORD(ITEMS[kind])))


def _kind(kind: str, lanes: int) -> Any:
    return KINDS[kind] if lanes == 1 else ir.VectorType(KINDS[kind], lanes)


def _load(b: Any, start: Any, kind: str, lanes: int, wanted: str, mask: Any = None) -> Any:
    """Numbers from an address on, in the precision that is wanted; 0 where a mask is not set."""
    made, to = _kind(kind, lanes), _kind(wanted, lanes)
    place = b.inttoptr(start, made.as_pointer())
    if mask is None:
        value = b.load(place, align=ITEMS[kind])
    else:
        load = _masked(b, "load", made, [place.type, INDEX, mask.type, made], made)
        value = b.call(load, [place, INDEX(ITEMS[kind]), mask, ir.Constant(made, None)])
    if kind == wanted:
        return value
    if kind == "uint8":
        return b.uitofp(value, to)
    return b.fpext(value, to) if ITEMS[kind] < ITEMS[wanted] else b.fptrunc(value, to)


def _store(b: Any, start: Any, value: Any, kind: str, mask: Any = None) -> None:
    place = b.inttoptr(start, value.type.as_pointer())
    if mask is None:
        b.store(value, place, align=ITEMS[kind])
    else:
        given = [value.type, place.type, INDEX, mask.type]
        store = _masked(b, "store", value.type, given, ir.VoidType())
        b.call(store, [value, place, INDEX(ITEMS[kind]), mask])


def _masked(b: Any, what: str, vector: Any, given: Sequence[Any], answer: Any) -> Any:
    """The compiler's own function that loads or stores the lanes of a vector that are set in a mask."""
    kind = {"float": "f32", "double": "f64", "i8": "i8"}[str(vector.element)]
    name = f"llvm.masked.{what}.v{vector.count}{kind}.p0"
    found = b.module.globals.get(name)
    return found or ir.Function(b.module, ir.FunctionType(answer, given), name)


def _loads(b: Any, start: Any, kind: str, parts: Sequence[Part], wanted: str) -> list[Any]:
    """The numbers of all parts."""
    places = [_place(b, start, WORD(p.first), kind) for p in parts]
    pairs = zip(parts, places, strict=True)
    return [_load(b, place, kind, p.lanes, wanted, p.mask) for p, place in pairs]


def _stores(b: Any, start: Any, kind: str, parts: Sequence[Part], values: Sequence[Any]) -> None:
    for p, value in zip(parts, values, strict=True):
        _store(b, _place(b, start, WORD(p.first), kind), value, kind, p.mask)


def _spread(b: Any, value: Any, lanes: int) -> Any:
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


def _listed(b: Any, at: Any, e: Any) -> Any:
    place = b.inttoptr(b.add(at, b.shl(e, WORD(2))), INDEX.as_pointer())
    return b.zext(b.load(place), WORD)


# functions --------------------------------------------------------------------------------------------


def _function(builder: Any, name: str, arguments: int, write: Callable[..., Any]) -> Any:
    """A function of addresses and numbers, made once in a module; `write` returns what it answers."""
    module = builder.module
    if name in module.globals:
        return module.globals[name]
    made = ir.Function(module, ir.FunctionType(WORD, [WORD] * arguments), name)
    made.linkage = "linkonce_odr"
    made.attributes.add("noinline")
    made.attributes.add("nounwind")
    b = ir.IRBuilder(made.append_basic_block("entry"))
    answer = write(b, *made.args)
    b.ret(WORD(0) if answer is None else answer)
    return made


def _scaled(
    b: Any, totals: Sequence[Any], one: Any, row: Sequence[Any], parts: Sequence[Part]
) -> list[Any]:
    """Totals to which a number times a row is added."""
    made = []
    for total, values, part in zip(totals, row, parts, strict=True):
        times = b.fmul(_spread(b, one, part.lanes), values, flags=FUSED)
        made.append(b.fadd(total, times, flags=FUSED))
    return made


def _rows(w: str, of: str | None, out: str) -> Callable[..., None]:
    """The sum of listed rows, each times a number if those are given."""

    def write(
        b: Any, rows: Any, stride: Any, at: Any, what: Any, count: Any, to: Any, width: Any
    ) -> None:
        def columns(c: Any, parts: Sequence[Part]) -> None:
            mine, target = _place(b, rows, c, w), _place(b, to, c, out)

            def add(e: Any, *totals: Any) -> Sequence[Any]:
                place = b.add(mine, b.mul(_listed(b, at, e), stride))
                row = _loads(b, place, w, parts, out)
                if of is None:
                    return [b.fadd(t, r) for t, r in zip(totals, row, strict=True)]
                one = _load(b, _place(b, what, e, of), of, 1, out)
                return _scaled(b, totals, one, row, parts)

            _stores(
                b, target, out, parts, _count(b, count, _loads(b, target, out, parts, out), add)
            )

        _columns(b, width, SUM // ITEMS[out], ROW // ITEMS[out], columns)

    return write


def _taps(w: str, of: str | None, out: str) -> Callable[..., None]:
    """Sums of listed rows of a picture for all 3 x 3 weights of a kernel: of each row and its neighbours.

    The neighbours of one event are those of the next, or near them: they are found in the first cache.
    """

    def write(b: Any, rows: Any, stride: Any, down: Any, across: Any, at: Any, what: Any, count: Any,
              to: Any, leap: Any, width: Any) -> None:  # fmt: skip
        taps = [(k, j) for k in range(3) for j in range(3)]

        def columns(c: Any, parts: Sequence[Part]) -> None:
            mine, each = _place(b, rows, c, w), len(parts)
            away = [b.add(b.mul(WORD(k), down), b.mul(WORD(j), across)) for k, j in taps]
            targets = [b.add(_place(b, to, c, out), b.mul(WORD(i), leap)) for i in range(len(taps))]

            def add(e: Any, *totals: Any) -> Sequence[Any]:
                place = b.add(mine, b.mul(_listed(b, at, e), stride))
                one = None if of is None else _load(b, _place(b, what, e, of), of, 1, out)
                made = []
                for i, hop in enumerate(away):
                    row = _loads(b, b.sub(place, hop), w, parts, out)
                    sums = totals[i * each : (i + 1) * each]
                    if one is None:
                        made += [b.fadd(t, r) for t, r in zip(sums, row, strict=True)]
                    else:
                        made += _scaled(b, sums, one, row, parts)
                return made

            starts = [v for t in targets for v in _loads(b, t, out, parts, out)]
            totals = _count(b, count, starts, add)
            for i, target in enumerate(targets):
                _stores(b, target, out, parts, totals[i * each : (i + 1) * each])

        _columns(b, width, THIN // ITEMS[out], ROW // ITEMS[out], columns)

    return write


def _blocks(w: str, x: str, out: str) -> Callable[..., None]:
    """Products of a matrix x of m rows and n columns with n rows of w, added to m rows of out."""

    def write(b: Any, rows: Any, stride: Any, seen: Any, hop: Any, step: Any, m: Any, n: Any,
              to: Any, leap: Any, width: Any) -> None:  # fmt: skip
        def some(first: Any, tall: int) -> Any:
            def columns(c: Any, parts: Sequence[Part]) -> None:
                mine, each = _place(b, rows, c, w), len(parts)
                own = [b.add(first, WORD(i)) for i in range(tall)]
                targets = [b.add(_place(b, to, c, out), b.mul(i, leap)) for i in own]
                sources = [b.add(seen, b.mul(i, hop)) for i in own]

                def add(k: Any, *totals: Any) -> Sequence[Any]:
                    row = _loads(b, b.add(mine, b.mul(k, stride)), w, parts, out)
                    made = []
                    for i, source in enumerate(sources):
                        one = _load(b, b.add(source, b.mul(k, step)), x, 1, out)
                        made += _scaled(b, totals[i * each : (i + 1) * each], one, row, parts)
                    return made

                starts = [v for t in targets for v in _loads(b, t, out, parts, out)]
                totals = _count(b, n, starts, add)
                for i, target in enumerate(targets):
                    _stores(b, target, out, parts, totals[i * each : (i + 1) * each])

            _columns(b, width, BLOCK // ITEMS[out], ROW // ITEMS[out], columns)
            return b.add(first, WORD(tall))

        done = WORD(0)
        for tall in TALL:
            (done,) = _while(
                b,
                [done],
                lambda i, tall=tall: b.icmp_signed("<=", b.add(i, WORD(tall)), m),
                lambda i, tall=tall: [some(i, tall)],
            )

    return write


def _dots(x: str, w: str) -> Callable[..., None]:
    """Products of rows with rows, in double precision: DOTS of each at a time, a vector of sums for every pair."""

    def write(
        b: Any, seen: Any, hop: Any, samples: Any, rows: Any, stride: Any, m: Any, n: Any, to: Any, leap: Any
    ) -> None:  # fmt: skip
        def by_ones_and_more(count: Any, some: Callable[[Any, int], None]) -> None:
            done = [WORD(0)]
            for tall in DOTS:

                def go(i: Any, tall: int = tall) -> Sequence[Any]:
                    some(i, tall)
                    return [b.add(i, WORD(tall))]

                done = _while(
                    b,
                    done,
                    lambda i, tall=tall: b.icmp_signed("<=", b.add(i, WORD(tall)), count),
                    go,
                )

        def of_samples(s: Any, many: int) -> None:
            by_ones_and_more(m, lambda i, tall: pairs(s, many, i, tall))

        def pairs(s: Any, many: int, i: Any, tall: int) -> None:
            ones = [b.add(seen, b.mul(b.add(s, WORD(j)), hop)) for j in range(many)]
            others = [b.add(rows, b.mul(b.add(i, WORD(j)), stride)) for j in range(tall)]
            sums = _row_sums(b, (x, ones), (w, others), n)
            places = [b.add(to, b.mul(b.add(s, WORD(j)), leap)) for j in range(many)]
            for k, total in enumerate(sums):
                place = _place(b, places[k // tall], b.add(i, WORD(k % tall)), "float64")
                _store(b, place, b.fadd(_load(b, place, "float64", 1, "float64"), total), "float64")

        by_ones_and_more(samples, of_samples)

    return write


def _row_sums(
    b: Any, ones: tuple[str, Sequence[Any]], others: tuple[str, Sequence[Any]], n: Any
) -> Sequence[Any]:
    """The sums of products of each of some rows with each of others: every row is widened once for all its sums."""
    lanes = ROW // ITEMS["float64"]
    count = len(ones[1]) * len(others[1])
    zero = ir.Constant(ir.VectorType(KINDS["float64"], lanes), [0.0] * lanes)

    def add(k: Any, *totals: Any, lanes: int) -> Sequence[Any]:
        left, right = (
            [_load(b, _place(b, row, k, kind), kind, lanes, "float64") for row in rows]
            for kind, rows in (ones, others)
        )
        terms = [b.fmul(one, other, flags=FUSED) for one in left for other in right]
        added = (b.fadd(t, p, flags=FUSED) for t, p in zip(totals, terms, strict=True))
        return [b.add(k, WORD(lanes)), *added]

    k, *sums = _while(
        b,
        [WORD(0), *([zero] * count)],
        lambda k, *_: b.icmp_signed("<=", b.add(k, WORD(lanes)), n),
        lambda k, *t: add(k, *t, lanes=lanes),
    )
    _, *singles = _while(
        b,
        [k, *(_total(b, s, lanes) for s in sums)],
        lambda k, *_: b.icmp_signed("<", k, n),
        lambda k, *t: add(k, *t, lanes=1),
    )
    return singles


def _total(b: Any, vector: Any, lanes: int) -> Any:
    """The sum of all lanes, halves first."""
    while lanes > 1:
        lanes //= 2
        low, high = (
            b.shuffle_vector(
                vector,
                ir.Constant(vector.type, ir.Undefined),
                ir.Constant(ir.VectorType(INDEX, lanes), [first + k for k in range(lanes)]),
            )
            for first in (0, lanes)
        )
        vector = b.fadd(low, high)
    return b.extract_element(vector, INDEX(0))


def _events(x: str, of: str) -> Callable[..., Any]:
    """List the numbers that are not 0, SPARE at a time; answers how many are listed then.

    Places are counted from `origin`; beside each `mark` is put, if `marks` is an address.
    """

    def write(
        b: Any, seen: Any, first: Any, last: Any, at: Any, what: Any, count: Any,
        origin: Any, marks: Any, mark: Any,
    ) -> Any:  # fmt: skip
        module = b.module

        def some(k: Any, found: Any, lanes: int) -> Sequence[Any]:
            value = _load(b, _place(b, seen, k, x), x, lanes, of)
            ids = b.add(
                _spread(b, b.trunc(b.sub(k, origin), INDEX), lanes),
                ir.Constant(_integers(lanes), list(range(lanes)) if lanes > 1 else 0),
            )
            spikes = b.fcmp_unordered("!=", value, ir.Constant(value.type, _zeros(lanes)))
            if lanes == 1:
                more = b.zext(spikes, WORD)
            else:
                ids = _compressed(b, module, ids, spikes, f"v{lanes}i32")
                value = _compressed(b, module, value, spikes, f"v{lanes}f{8 * ITEMS[of]}")
                bits = b.bitcast(spikes, ir.IntType(lanes))
                more = b.zext(b.ctpop(bits), WORD)
            _store(b, b.add(at, b.shl(found, WORD(2))), ids, "float32")
            _store(b, _place(b, what, found, of), value, of)
            with b.if_then(b.icmp_signed("!=", marks, WORD(0))):
                beside = b.add(marks, b.shl(found, WORD(2)))
                _store(b, beside, _spread(b, b.trunc(mark, INDEX), lanes), "float32")
            return [b.add(k, WORD(lanes)), b.add(found, more)]

        state = [first, count]
        for lanes in (
            SPARE * 4 // ITEMS[of],
            1,
        ):  # one register: more of it are not compressed right
            state = _while(
                b,
                state,
                lambda k, _, lanes=lanes: b.icmp_signed("<=", b.add(k, WORD(lanes)), last),
                lambda k, found, lanes=lanes: some(k, found, lanes),
            )
        return state[1]

    return write


def _integers(lanes: int) -> Any:
    return INDEX if lanes == 1 else ir.VectorType(INDEX, lanes)


def _zeros(lanes: int) -> Any:
    return 0.0 if lanes == 1 else [0.0] * lanes


def _compressed(b: Any, module: Any, value: Any, mask: Any, kind: str) -> Any:
    """The lanes of a mask, moved to the front."""
    name = f"llvm.experimental.vector.compress.{kind}"
    found = module.globals.get(name) or ir.Function(
        module, ir.FunctionType(value.type, [value.type, mask.type, value.type]), name
    )
    return b.call(found, [value, mask, ir.Constant(value.type, ir.Undefined)])


# what primitives call ---------------------------------------------------------------------------------


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    made = context.make_array(kind)(context, builder, value)
    return builder.ptrtoint(made.data, WORD)


def _names(*kinds: Any) -> list[str]:
    return [k.dtype.name for k in kinds]


NUMBER = types.int64


@intrinsic
def add_listed(typingctx, w, start, stride, at, low, high, out, to, width):
    """out[to : to + width] += the rows w[start + at[e] * stride :] for e from low to high; arrays flat."""
    kinds = _names(w, out)

    def code(context, b, signature, given):
        w_, start, stride, at_, low, high, out_, to, width = given
        name = "snc_rows_" + "_".join(kinds)
        function = _function(b, name, 7, _rows(kinds[0], None, kinds[1]))
        rows = _place(b, _data(context, b, w, w_), start, kinds[0])
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        step = b.mul(stride, WORD(ITEMS[kinds[0]]))
        target = _place(b, _data(context, b, out, out_), to, kinds[1])
        b.call(function, [rows, step, listed, WORD(0), b.sub(high, low), target, width])
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, at, n, n, out, n, n), code


@intrinsic
def add_scaled_listed(typingctx, w, start, stride, at, of, low, high, out, to, width):
    """As `add_listed`, each row times of[e]."""
    kinds = _names(w, of, out)

    def code(context, b, signature, given):
        w_, start, stride, at_, of_, low, high, out_, to, width = given
        name = "snc_scaled_rows_" + "_".join(kinds)
        function = _function(b, name, 7, _rows(*kinds))
        rows = _place(b, _data(context, b, w, w_), start, kinds[0])
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        what = _place(b, _data(context, b, of, of_), low, kinds[1])
        step = b.mul(stride, WORD(ITEMS[kinds[0]]))
        target = _place(b, _data(context, b, out, out_), to, kinds[2])
        b.call(function, [rows, step, listed, what, b.sub(high, low), target, width])
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, at, of, n, n, out, n, n), code


@intrinsic
def add_taps_listed(
    typingctx, w, start, stride, down, across, at, of, ones, low, high, out, to, leap, width
):
    """For weights (k, j) of a kernel of 3 x 3: out[to + (3 k + j) leap :] += listed rows of w.

    Those from w[start + at[e] * stride - k * down - j * across :] on, width numbers, times of[e] if not `ones`.
    """
    kinds = _names(w, of, out)

    def code(context, b, signature, given):
        w_, start, stride, down, across, at_, of_, ones, low, high, out_, to, leap, width = given
        hops = [b.mul(n, WORD(ITEMS[kinds[0]])) for n in (stride, down, across)]
        listed = b.add(_data(context, b, at, at_), b.shl(low, WORD(2)))
        what = _place(b, _data(context, b, of, of_), low, kinds[1])
        shared = [
            _place(b, _data(context, b, w, w_), start, kinds[0]), *hops, listed, what, b.sub(high, low),
            _place(b, _data(context, b, out, out_), to, kinds[2]), b.mul(leap, WORD(ITEMS[kinds[2]])), width,
        ]  # fmt: skip
        plainly = _function(b, "snc_taps_" + "_".join(kinds), 10, _taps(kinds[0], None, kinds[2]))
        scaled = _function(b, "snc_scaled_taps_" + "_".join(kinds), 10, _taps(*kinds))
        with b.if_else(ones) as (then, otherwise):
            with then:
                b.call(plainly, shared)
            with otherwise:
                b.call(scaled, shared)
        return context.get_dummy_value()

    n = NUMBER
    return types.void(w, n, n, n, n, at, of, types.boolean, n, n, out, n, n, n), code


@intrinsic
def add_products(typingctx, w, start, stride, x, first, hop, step, m, n, out, to, leap, width):
    """out[to + i * leap : + width] += x[first + i * hop + k * step] * w[start + k * stride : + width].

    For i below m and the sum over k below n; arrays flat.
    """
    kinds = _names(w, x, out)

    def code(context, b, signature, given):
        w_, start, stride, x_, first, hop, step, m, n, out_, to, leap, width = given
        name = "snc_products_" + "_".join(kinds)
        function = _function(b, name, 10, _blocks(*kinds))
        items = [WORD(ITEMS[k]) for k in kinds]
        b.call(
            function,
            [
                _place(b, _data(context, b, w, w_), start, kinds[0]),
                b.mul(stride, items[0]),
                _place(b, _data(context, b, x, x_), first, kinds[1]),
                b.mul(hop, items[1]),
                b.mul(step, items[1]),
                m,
                n,
                _place(b, _data(context, b, out, out_), to, kinds[2]),
                b.mul(leap, items[2]),
                width,
            ],
        )
        return context.get_dummy_value()

    i = NUMBER
    return types.void(w, i, i, x, i, i, i, i, i, out, i, i, i), code


@intrinsic
def add_dots(typingctx, x, first, hop, samples, w, start, stride, m, n, out, to, leap):
    """out[to + s * leap + i] += the sum of x[first + s * hop + k] w[start + i * stride + k] over k below n.

    For s below `samples` and i below m. In double precision, which `out` has; arrays flat.
    """
    kinds = _names(x, w)

    def code(context, b, signature, given):
        x_, first, hop, samples, w_, start, stride, m, n, out_, to, leap = given
        function = _function(b, "snc_dots_" + "_".join(kinds), 9, _dots(*kinds))
        b.call(
            function,
            [
                _place(b, _data(context, b, x, x_), first, kinds[0]),
                b.mul(hop, WORD(ITEMS[kinds[0]])),
                samples,
                _place(b, _data(context, b, w, w_), start, kinds[1]),
                b.mul(stride, WORD(ITEMS[kinds[1]])),
                m,
                n,
                _place(b, _data(context, b, out, out_), to, "float64"),
                b.mul(leap, WORD(ITEMS["float64"])),
            ],
        )
        return context.get_dummy_value()

    i = NUMBER
    return types.void(x, i, i, i, w, i, i, i, i, out, i, i), code


@intrinsic
def list_events(typingctx, x, first, last, at, of, count):
    """List the places of x from first to last where it is not 0 and what stands there, after `count` others.

    The lists have room for SPARE more than they hold at most. The answer is how many are listed then.
    """
    kinds = _names(x, of)

    def code(context, b, signature, given):
        x_, first, last, at_, of_, count = given
        function = _function(b, "snc_events_" + "_".join(kinds), 9, _events(*kinds))
        arrays = [_data(context, b, k, v) for k, v in ((x, x_), (at, at_), (of, of_))]
        none = WORD(0)
        return b.call(function, [arrays[0], first, last, *arrays[1:], count, none, none, none])

    n = NUMBER
    return n(x, n, n, at, of, n), code


@intrinsic
def list_marked(typingctx, x, first, last, at, of, marks, mark, count):
    """As `list_events`, the places counted from `first`, and a mark put beside each."""
    kinds = _names(x, of)

    def code(context, b, signature, given):
        x_, first, last, at_, of_, marks_, mark, count = given
        function = _function(b, "snc_events_" + "_".join(kinds), 9, _events(*kinds))
        pairs = (x, x_), (at, at_), (of, of_), (marks, marks_)
        arrays = [_data(context, b, k, v) for k, v in pairs]
        return b.call(
            function, [arrays[0], first, last, *arrays[1:3], count, first, arrays[3], mark]
        )

    n = NUMBER
    return n(x, n, n, at, of, marks, n, n), code
