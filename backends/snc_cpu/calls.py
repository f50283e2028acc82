"""Calls of tasks with tables of their own: weight products by blocks of rows, and pieces of updates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm

from snc.codegen.arrays import Arrays, ArraySpec
from snc.codegen.products import PAD, kind_of, numbers_of
from snc.codegen.writer import Writer
from snc.graph.geometry import Geometry
from snc.graph.graph import size
from snc_cpu.primitives.dense import TILE
from snc_cpu.tasks import ARRAYS, SIZES

LARGEST = 352  # presynaptic neurons of one block at most
WORD = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\s+|.")
MADE = re.compile(r"^ *(\w+) = ")
LOOP = re.compile(r"^ *for i in range\((\d+)\):$", re.MULTILINE)
HEAD = re.compile(r"^(\w+) = array\((memory, \d+, [\w.]+), \((\d+),\)\)$")
LAID = re.compile(r"^( *rows_to_panels\(\w+, \w+, )0, \d+(, \d+, (\d+), \d+\))$")
SPLIT, MOST = 2**14, 16  # numbers of a part of a long loop, at least, and parts of one
FEW = 8  # numbers that a comment lists
LINE = 16  # numbers: a part begins where a line of the cache does


@dataclass(frozen=True)
class Call:
    """A task and its table: numbers as they are, sizes by their letter, and arrays by name."""

    task: str
    table: tuple[int | float | str, ...]


# weight products --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operand:
    """A factor: its array, of all steps of the sequence or of those of the chunk, and the values of a sample."""

    array: ArraySpec
    whole: bool
    values: int


def product_of(
    arrays: Arrays, geometry: Geometry, total: str, factors: Sequence[Operand], gate: str
) -> tuple[Call, int]:
    """The product of a signal and what it is correlated with, added to a total, and its number of blocks."""
    kinds = "".join(s.dtype for s in (arrays.specs[total], *(f.array for f in factors)))
    rows, block = blocks(geometry)
    numbers = numbers_of(arrays, geometry)
    whole = (int(f.whole) for f in factors)
    values = int(arrays.specs[total].shape[0]), *(f.values for f in factors)
    names = total, *(f.array.name for f in factors), gate, numbers
    # the order in which snc_cpu.primitives.dense.factors reads them
    table: tuple[int | float | str, ...] = ("B", *whole, block, *values, *names)
    return Call(f"{kind_of(geometry)}_part_{kinds}", table), -(-rows // block)


def product_text(task: str) -> str:
    """The task of products of one kind and precision."""
    name, kinds = task.rsplit("_", 1)
    call = f"{name}(owner, t0, t1, memory, {', '.join(kinds)})"
    return f"@task\ndef {task}(owner, t0, t1, memory):\n    {call}\n"


def blocks(geometry: Geometry) -> tuple[int, int]:
    """Presynaptic neurons or channels, and how many of them a block has.

    It depends on the projection only, so the order of every sum is the same for any number of threads.
    """
    if geometry.kind == "dense":
        rows = size(geometry.pre)
        return rows, min(max(-(-rows // 2), 32), LARGEST)
    rows = geometry.channels("pre")
    if geometry.kind == "conv" and geometry.groups == 1:
        return rows, min(max(-(-rows // 2), 16), 128)
    return rows, 1


def lists_of(geometry: Geometry, each: int, steps: int, batch: int) -> int:
    """Bytes of what all blocks of the weight product of a dense projection list (`dense_w`), with numbers of `each`."""
    rows, block = blocks(geometry)
    tall = min(TILE + batch, steps * batch)
    lists = 3 * 4 + 2 * each  # who, place, at; what, of
    panels = tall * -(-size(geometry.post) // PAD) * PAD * each
    return -(-rows // block) * (tall * block * lists + panels)


# pieces that are alike --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """Lines of a task with the head that reads its table, and the arrays in it."""

    lines: tuple[str, ...]
    arrays: tuple[str, ...]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of all lines; comments left out."""
        return tuple(WORD.findall("\n".join(line.split("  # ")[0] for line in self.lines)))

    @cached_property
    def form(self) -> tuple[str, ...]:
        """The words with numbers and names made here replaced: pieces of one form can be one task."""
        own = dict.fromkeys([*self.arrays, *(m[1] for m in map(MADE.match, self.lines) if m)])
        first = {word: k for k, word in reversed(list(enumerate(self.words)))}
        order = {name: f"#{k}" for k, name in enumerate(sorted(own, key=lambda n: first.get(n, 0)))}
        return tuple(
            "1.0" if _is_real(w) else "1" if w[0].isdigit() else order.get(w, w) for w in self.words
        )

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """All numbers, in order."""
        return tuple(w for w in self.words if w[0].isdigit())

    def loop(self) -> int:
        """The length of its only loop, if it does the same to every element of some arrays; else 0."""
        lines = [line for line in self.lines if not LAID.match(line)]
        text = "\n".join(line.split("  # ")[0] for line in lines)
        found = LOOP.findall(text)
        if len(found) != 1 or len(re.findall(r"\bfor\b", text)) != 1:
            return 0
        heads = {m[1]: m[3] for m in map(HEAD.match, self.lines) if m}
        elements = re.findall(r"(\w+)\[i\]", text)
        long = [a for a, size in heads.items() if size == found[0]]
        if {heads.get(a) for a in elements} != {found[0]} or len(re.findall(r"\bi\b", text)) != len(
            elements
        ) + 1:
            return 0
        # nothing but the loop reads or fills them: what takes a whole array is not done to a part of it
        alone = all(len(re.findall(rf"\b{a}\b", text)) == 1 + elements.count(a) for a in long)
        return int(found[0]) if alone else 0

    def part(self, low: int, high: int) -> Piece:
        """What it does to the elements from low to high: whole rows of what it lays out, which stays whole itself."""
        size = str(self.loop())
        laid = {m[0].split(", ")[1] for m in map(LAID.match, self.lines) if m}

        def part(line: str) -> str:
            if (m := HEAD.match(line)) and m[3] == size and m[1] not in laid:
                return f"{m[1]} = rows_from({m[2]}, ({high - low},), {low})"
            if m := LAID.match(line):
                columns = int(m[3])
                return f"{m[1]}{low // columns}, {(high - low) // columns}{m[2]}"
            return line.replace(f"for i in range({size}):", f"for i in range({high - low}):")

        return Piece(tuple(map(part, self.lines)), self.arrays)

    def emptying(self, array: str) -> Piece | None:
        """What it does, an array set to 0 where its only loop is through with an element; None: it has no such loop."""
        size, k = self.loop(), len(self.lines) - 1
        heads = {m[1]: m[3] for m in map(HEAD.match, self.lines) if m}
        if not size or heads.get(array) != str(size):
            return None
        while not self.lines[k].startswith(" "):
            k -= 1
        lines = *self.lines[: k + 1], f"    {array}[i] = 0.0", *self.lines[k + 1 :]
        return Piece(lines, self.arrays)

    def unit(self) -> int:
        """A part of its loop begins at a multiple of so many elements."""
        return lcm(LINE, *(int(m[3]) for m in map(LAID.match, self.lines) if m))


def in_parts(pieces: Sequence[Piece], sizes: Mapping[str, int]) -> list[Piece]:
    """Pieces in an order in which threads that share them do as much as each other; one long loop is several.

    First parts come before second ones. Nothing depends on the number of threads. sizes: of arrays.
    """
    whole = [p for p in pieces if not p.loop()]
    whole.sort(key=lambda p: -sum(sizes.get(a, 0) for a in p.arrays))
    found = [((k + 0.5) / len(whole), p) for k, p in enumerate(_halves(whole))]
    for piece in pieces:
        if length := piece.loop():
            unit = piece.unit()
            count = min(max(length // max(SPLIT, unit), 1), MOST)
            ends = [*(length * k // count // unit * unit for k in range(count)), length]
            found += [(k / count, piece.part(ends[k], ends[k + 1])) for k in range(count)]
    return [piece for _, piece in sorted(found, key=lambda pair: pair[0])]


def _halves(pieces: list[Piece]) -> list[Piece]:
    """Pieces, the largest first, put in an order of which both halves are about as large, and their halves too."""
    if len(pieces) < 3:
        return pieces
    one, other = ([p for k, p in enumerate(pieces) if k % 4 in which] for which in ((0, 3), (1, 2)))
    return [*_halves(one), *_halves(other)]


def _is_real(word: str) -> bool:
    return word[0].isdigit() and not word.isdigit()


def task_of(name: str, pieces: Sequence[Piece], index: str = "_") -> tuple[str, list[Call]]:
    """One task for pieces of one form, written as for the first, and a call for each of them.

    Numbers in which they differ are read from the table; equal ones remain as they are.
    """
    columns = list(zip(*(p.numbers for p in pieces), strict=True))
    varying = list(dict.fromkeys(c for c in columns if len(set(c)) > 1))
    place = {c: k + ARRAYS + len(pieces[0].arrays) for k, c in enumerate(varying)}
    named = {c: f"{'real' if _is_real(c[0]) else 'size'}_{k + 1}" for k, c in enumerate(varying)}
    w = Writer()
    w("@task")
    with w.block(f"def {name}({index}, t0, t1, memory)"):
        for c in varying:
            read = "real" if _is_real(c[0]) else "number"
            w(f"{named[c]} = {read}(memory, {place[c]})", note=_some(c))
        at = iter(columns)
        text = "".join(
            named.get(c, word) if word[0].isdigit() and (c := next(at)) else word
            for word in pieces[0].words
        )
        for line, given in zip(text.split("\n"), pieces[0].lines, strict=True):
            w(line, note=given.partition("  # ")[2]) if line else w()
    ones = [0] * (ARRAYS - len(SIZES))
    calls = [
        Call(name, (*SIZES, *ones, *p.arrays, *(_value(c[k]) for c in varying)))
        for k, p in enumerate(pieces)
    ]
    return w.text(), calls


def _some(numbers: Sequence[str]) -> str:
    """Numbers, each once, not all if they are many."""
    found = list(dict.fromkeys(numbers))
    return ", ".join([*found[:FEW], *(["..."] if len(found) > FEW else [])])


def _value(text: str) -> int | float:
    return float(text) if _is_real(text) else int(text)
