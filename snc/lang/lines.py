"""Text to statements with their depth and comments, as the formatter moves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from snc.lang.scan import Piece, pieces
from snc.source import Source


@dataclass(frozen=True)
class Line:
    """A statement, or a comment on a line of its own: its pieces row by row.

    `depth` counts the blocks around it, `blank` is whether a blank line stood before it. A comment
    at the end of a row is a piece of it. `columns` says by offset where the pieces stood.
    """

    depth: int
    rows: tuple[tuple[Piece, ...], ...]
    blank: bool
    columns: dict[int, int]

    @property
    def first(self) -> str:
        """The first piece."""
        return self.rows[0][0].text

    @property
    def is_comment(self) -> bool:
        """Whether nothing but a comment stands here."""
        return self.rows[0][0].kind == "comment"

    def column(self, piece: Piece) -> int:
        """Where a piece stood in its row, counted from 0."""
        return self.columns[piece.start]


@dataclass(frozen=True, slots=True)
class _Raw:
    """A statement or comment before its depth is known."""

    rows: tuple[tuple[Piece, ...], ...]
    blank: bool
    indent: int

    @property
    def is_comment(self) -> bool:
        return self.rows[0][0].kind == "comment"


def lines_of(source: Source) -> list[Line]:
    """The statements and comment lines of a text that parses."""
    text = source.text.removeprefix("\ufeff")
    shown = Source(source.name, text)
    columns: dict[int, int] = {}
    for piece in pieces(text):
        line, column = shown.position(piece.start)
        columns[piece.start] = len(shown.line(line)[: column - 1].expandtabs(8))
    raw = list(_raw(text, columns))
    depths = _depths(raw)
    return [Line(d, r.rows, r.blank, columns) for d, r in zip(depths, raw, strict=True)]


def _raw(text: str, columns: dict[int, int]) -> Iterator[_Raw]:
    rows: list[tuple[Piece, ...]] = []
    row: list[Piece] = []
    opened, empty, blank = 0, 0, False
    for piece in [*pieces(text), Piece("newline", "\n", len(text))]:
        if piece.kind != "newline":
            if not row and not rows:
                blank = empty > 0
            row.append(piece)
            opened += (piece.text in ("(", "[")) - (piece.text in (")", "]"))
            continue
        empty = 0 if row else empty + 1
        if row:
            rows.append(tuple(row))
            row = []
        if rows and not opened:
            yield _Raw(tuple(rows), blank, columns[rows[0][0].start])
            rows = []


def _depths(raw: Sequence[_Raw]) -> list[int]:
    """How many blocks are around each line; a comment belongs to the block it is indented like."""
    levels: list[tuple[int, ...]] = []
    now: tuple[int, ...] = (0,)
    for line in raw:
        if not line.is_comment:
            now = (*(level for level in now if level < line.indent), line.indent)
        levels.append(now)
    depths = [len(found) - 1 for found in levels]
    below: tuple[int, ...] = (0,)
    for number in range(len(raw) - 1, -1, -1):
        if not raw[number].is_comment:
            below = levels[number]
            continue
        above = levels[number]
        around = above if len(above) >= len(below) else below
        like = sum(level <= raw[number].indent for level in around) - 1
        depths[number] = max(len(below) - 1, min(like, len(around) - 1))
    return depths
