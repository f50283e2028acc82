"""Sums of rows that stay in registers: the innermost loops of all products, and lists of events.

A compiler that is given loops over arrays loads and stores the sum for every row that is added to it. So these
are written in the compiler's own language, on vectors: as many columns of the sum as registers hold are kept there
while all rows are added, one after another. Every column's sum is in the order of its rows, whatever the
registers of the machine. Each function is compiled once in a module, and called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from snc_cpu.loops import (
    INDEX,
    ITEMS,
    KINDS,
    WORD,
    Part,
    columns_of,
    count_up,
    listed,
    load,
    loads,
    place_of,
    repeat,
    spread,
    store,
    stores,
)
from snc_cpu.registers import BLOCK, DOTS, ROW, SPARE, SUM, TALL, THIN

FUSED = ("contract",)  # a product and the sum it is added to may be rounded once


def function_of(builder: Any, name: str, arguments: int, write: Callable[..., Any]) -> Any:
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
        times = b.fmul(spread(b, one, part.lanes), values, flags=FUSED)
        made.append(b.fadd(total, times, flags=FUSED))
    return made


def rows_added(w: str, of: str | None, out: str) -> Callable[..., None]:
    """The sum of listed rows, each times a number if those are given."""

    def write(
        b: Any, rows: Any, stride: Any, at: Any, what: Any, count: Any, to: Any, width: Any
    ) -> None:
        def columns(c: Any, parts: Sequence[Part]) -> None:
            mine, target = place_of(b, rows, c, w), place_of(b, to, c, out)

            def add(e: Any, *totals: Any) -> Sequence[Any]:
                place = b.add(mine, b.mul(listed(b, at, e), stride))
                row = loads(b, place, w, parts, out)
                if of is None:
                    return [b.fadd(t, r) for t, r in zip(totals, row, strict=True)]
                one = load(b, place_of(b, what, e, of), of, 1, out)
                return _scaled(b, totals, one, row, parts)

            stores(
                b, target, out, parts, count_up(b, count, loads(b, target, out, parts, out), add)
            )

        columns_of(b, width, SUM // ITEMS[out], ROW // ITEMS[out], columns)

    return write


def taps_added(w: str, of: str | None, out: str) -> Callable[..., None]:
    """Sums of listed rows of a picture for all 3 x 3 weights of a kernel: of each row and its neighbours.

    The neighbours of one event are those of the next, or near them: they are found in the first cache.
    """

    def write(b: Any, rows: Any, stride: Any, down: Any, across: Any, at: Any, what: Any, count: Any,
              to: Any, leap: Any, width: Any) -> None:  # fmt: skip
        taps = [(k, j) for k in range(3) for j in range(3)]

        def columns(c: Any, parts: Sequence[Part]) -> None:
            mine, each = place_of(b, rows, c, w), len(parts)
            away = [b.add(b.mul(WORD(k), down), b.mul(WORD(j), across)) for k, j in taps]
            targets = [
                b.add(place_of(b, to, c, out), b.mul(WORD(i), leap)) for i in range(len(taps))
            ]

            def add(e: Any, *totals: Any) -> Sequence[Any]:
                place = b.add(mine, b.mul(listed(b, at, e), stride))
                one = None if of is None else load(b, place_of(b, what, e, of), of, 1, out)
                made = []
                for i, hop in enumerate(away):
                    row = loads(b, b.sub(place, hop), w, parts, out)
                    sums = totals[i * each : (i + 1) * each]
                    if one is None:
                        made += [b.fadd(t, r) for t, r in zip(sums, row, strict=True)]
                    else:
                        made += _scaled(b, sums, one, row, parts)
                return made

            starts = [v for t in targets for v in loads(b, t, out, parts, out)]
            totals = count_up(b, count, starts, add)
            for i, target in enumerate(targets):
                stores(b, target, out, parts, totals[i * each : (i + 1) * each])

        columns_of(b, width, THIN // ITEMS[out], ROW // ITEMS[out], columns)

    return write


def matrices_added(w: str, x: str, out: str) -> Callable[..., None]:
    """Products of a matrix x of m rows and n columns with n rows of w, added to m rows of out."""

    def write(b: Any, rows: Any, stride: Any, seen: Any, hop: Any, step: Any, m: Any, n: Any,
              to: Any, leap: Any, width: Any) -> None:  # fmt: skip
        def some(first: Any, tall: int) -> Any:
            def columns(c: Any, parts: Sequence[Part]) -> None:
                mine, each = place_of(b, rows, c, w), len(parts)
                own = [b.add(first, WORD(i)) for i in range(tall)]
                targets = [b.add(place_of(b, to, c, out), b.mul(i, leap)) for i in own]
                sources = [b.add(seen, b.mul(i, hop)) for i in own]

                def add(k: Any, *totals: Any) -> Sequence[Any]:
                    row = loads(b, b.add(mine, b.mul(k, stride)), w, parts, out)
                    made = []
                    for i, source in enumerate(sources):
                        one = load(b, b.add(source, b.mul(k, step)), x, 1, out)
                        made += _scaled(b, totals[i * each : (i + 1) * each], one, row, parts)
                    return made

                starts = [v for t in targets for v in loads(b, t, out, parts, out)]
                totals = count_up(b, n, starts, add)
                for i, target in enumerate(targets):
                    stores(b, target, out, parts, totals[i * each : (i + 1) * each])

            columns_of(b, width, BLOCK // ITEMS[out], ROW // ITEMS[out], columns)
            return b.add(first, WORD(tall))

        done = WORD(0)
        for tall in TALL:
            (done,) = repeat(
                b,
                [done],
                lambda i, tall=tall: b.icmp_signed("<=", b.add(i, WORD(tall)), m),
                lambda i, tall=tall: [some(i, tall)],
            )

    return write


def rows_multiplied(x: str, w: str) -> Callable[..., None]:
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

                done = repeat(
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
                place = place_of(b, places[k // tall], b.add(i, WORD(k % tall)), "float64")
                store(b, place, b.fadd(load(b, place, "float64", 1, "float64"), total), "float64")

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
            [load(b, place_of(b, row, k, kind), kind, lanes, "float64") for row in rows]
            for kind, rows in (ones, others)
        )
        terms = [b.fmul(one, other, flags=FUSED) for one in left for other in right]
        added = (b.fadd(t, p, flags=FUSED) for t, p in zip(totals, terms, strict=True))
        return [b.add(k, WORD(lanes)), *added]

    k, *sums = repeat(
        b,
        [WORD(0), *([zero] * count)],
        lambda k, *_: b.icmp_signed("<=", b.add(k, WORD(lanes)), n),
        lambda k, *t: add(k, *t, lanes=lanes),
    )
    _, *singles = repeat(
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


def events_listed(x: str, of: str) -> Callable[..., Any]:
    """List the numbers that are not 0, SPARE at a time; answers how many are listed then.

    Places are counted from `origin`; beside each `mark` is put, if `marks` is an address.
    """

    def write(
        b: Any, seen: Any, first: Any, last: Any, at: Any, what: Any, count: Any,
        origin: Any, marks: Any, mark: Any,
    ) -> Any:  # fmt: skip
        module = b.module

        def some(k: Any, found: Any, lanes: int) -> Sequence[Any]:
            value = load(b, place_of(b, seen, k, x), x, lanes, of)
            ids = b.add(
                spread(b, b.trunc(b.sub(k, origin), INDEX), lanes),
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
            store(b, b.add(at, b.shl(found, WORD(2))), ids, "float32")
            store(b, place_of(b, what, found, of), value, of)
            with b.if_then(b.icmp_signed("!=", marks, WORD(0))):
                beside = b.add(marks, b.shl(found, WORD(2)))
                store(b, beside, spread(b, b.trunc(mark, INDEX), lanes), "float32")
            return [b.add(k, WORD(lanes)), b.add(found, more)]

        state = [first, count]
        for lanes in (
            SPARE * 4 // ITEMS[of],
            1,
        ):  # one register: more of it are not compressed right
            state = repeat(
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
