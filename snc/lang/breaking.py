"""Lines that are too long, broken where the language allows it; a text that fits is left alone.

A `learn` goes on with one clause per line, a pipeline is put in brackets and goes on with `|`,
anything else in brackets goes on after a comma. A line without such a place stays long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from snc.lang.lines import Line, lines_of
from snc.lang.scan import CLAUSES, RESERVED, Piece
from snc.source import Source

WIDTH = 120


def broken(source: Source) -> str:
    """The text, laid out already, with one more break in each line that is too long."""
    rows = source.text.split("\n")
    if all(len(row) <= WIDTH for row in rows):
        return source.text
    for line in lines_of(source):
        for row in line.rows:
            number = source.position(row[0].start)[0] - 1
            if _end(line, row) > WIDTH:
                rows[number] = "\n".join(_broken(line, row, rows[number]))
    return "\n".join(rows)


def _end(line: Line, row: Sequence[Piece]) -> int:
    """Column after the row, without the remark or text at its end that no break makes shorter."""
    end = len(row)
    while end > 1 and row[end - 1].kind in ("comment", "string"):
        end -= 1
    return line.column(row[end - 1]) + len(row[end - 1].text)


def _broken(line: Line, row: Sequence[Piece], text: str) -> list[str]:
    if len(line.rows) == 1 and line.first == "learn" and row[1].text != ".":
        clauses = [p for p in _at_depth(row, 0) if p.text in CLAUSES[1:]]
        if clauses:
            indent = " " * (4 * line.depth + 4)
            return _cut(text, [line.column(p) for p in clauses], indent)
    if len(line.rows) == 1 and (value := _pipeline(row)):
        return _in_brackets(line, row, text, *value)
    return _inside_brackets(line, row, text)


def _at_depth(row: Sequence[Piece], depth: int) -> Iterator[Piece]:
    now = 0
    for piece in row:
        now -= piece.text in (")", "]")
        if now == depth and piece.text not in ("(", "[", ")", "]"):
            yield piece
        now += piece.text in ("(", "[")


def _cut(text: str, columns: Sequence[int], indent: str) -> list[str]:
    ends = [*columns[1:], len(text)]
    parts = [indent + text[a:b].rstrip() for a, b in zip(columns, ends, strict=True)]
    return [text[: columns[0]].rstrip(), *parts]


def _pipeline(row: Sequence[Piece]) -> tuple[int, int] | None:
    """The first piece of a pipeline without brackets and the one after its last."""
    outer = list(_at_depth(row, 0))
    if not any(p.text == "|" for p in outer) or any(p.text == "every" for p in outer):
        return None
    equals = next((n for n, p in enumerate(row) if p in outer and p.text == "="), None)
    start = 1 if row[0].text == "output" else equals + 1 if equals is not None else None
    if start is None or row[start].text in RESERVED:
        return None
    end = len(row) - (row[-1].kind == "comment")
    return start, end - (row[0].text == "function" and row[end - 1].kind == "string")


def _in_brackets(line: Line, row: Sequence[Piece], text: str, start: int, end: int) -> list[str]:
    first = line.column(row[start])
    last = line.column(row[end - 1]) + len(row[end - 1].text)
    bars = [line.column(p) for p in _at_depth(row[start:end], 0) if p.text == "|"]
    rows, begun = [], text[:first] + "("
    for a, b in zip([first, *bars], [*bars, last], strict=True):
        step = text[a:b].rstrip()
        if len(begun) + len(step) + 1 > WIDTH and a != first:
            rows.append(begun.rstrip())
            begun = " " * (first + 3)
        begun += step + " "
    return [*rows, begun.rstrip() + ")" + text[last:]]


def _inside_brackets(line: Line, row: Sequence[Piece], text: str) -> list[str]:
    """Broken once, as far out and as far right as it fits."""
    places: list[tuple[int, int, int]] = []  # depth, where to cut, where to go on
    start = line.column(row[0])
    goes_on = row is not line.rows[0]
    bars = (line.column(p) for p in _at_depth(row, 0) if p.text == "|")
    opened = [start] * goes_on
    bar = next(bars, start)
    for piece, after in pairwise(row):
        column = line.column(piece)
        if piece.text in ("(", "["):
            opened.append(column)
        elif piece.text in (")", "]") and opened:
            opened.pop()
        elif opened and piece.text == "|" and column > start:
            inner = len(opened) > 1 or not goes_on
            places.append((len(opened), column, opened[-1] + 3 if inner else bar))
        elif opened and piece.text == "," and after.kind != "comment":
            places.append((len(opened), line.column(after), opened[-1] + (opened[-1] != start)))
    for depth in sorted({depth for depth, _, _ in places}):
        here = [(cut, on) for found, cut, on in places if found == depth and on < cut]
        fitting = [place for place in here if len(text[: place[0]].rstrip()) <= WIDTH]
        if fitting:
            cut, on = fitting[-1]
            return [text[:cut].rstrip(), " " * on + text[cut:]]
    return [text]
