"""Text to canonical text: the same spec and the same comments, laid out in the one way.

Pieces of text are moved, never the tree printed: brackets and line breaks inside brackets stay as
they are. Four spaces for a block, one blank line at most, one between declarations; one space
around operators; the `=` of adjacent definitions in one column; other columns stay where
neighbouring lines show that they are meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from snc.diagnostics import InternalError
from snc.lang.breaking import broken
from snc.lang.lines import Line, lines_of
from snc.lang.parse import parse
from snc.lang.scan import DECLARATIONS, STARTERS, Piece
from snc.lang.spacing import gaps
from snc.source import Source

_INDENT = 4
_PASSES = 100


def format_spec(source: Source) -> str:
    """The canonical text of a spec: `format_spec` of it is itself, and it parses to the same tree.

    Raises SpecError if the text does not parse.
    """
    tree = parse(source)
    text = source.text
    for _ in range(
        _PASSES
    ):  # a line that is too long is broken in one pass and settled in the next
        laid_out = _laid_out(Source(source.name, text))
        last, text = text, broken(Source(source.name, laid_out))
        if text == last:
            break
    if parse(Source(source.name, text)) != tree:
        raise InternalError(f"formatting {source.name} changed what it says")
    return text


def _laid_out(source: Source) -> str:
    lines = lines_of(source)
    blanks = _blank_before(lines)
    written: list[str] = []
    for first, last in _runs(lines, blanks):
        pads = _padding(lines[first:last])
        for number in range(first, last):
            written += [""] * blanks[number]
            written += _rows(lines[number], pads[number - first])
    return "\n".join(written) + "\n"


# Blank lines --------------------------------------------------------------------------------------


def _blank_before(lines: Sequence[Line]) -> list[bool]:
    """Whether a blank line stands before each line."""
    blanks = [line.blank for line in lines]
    for number, line in enumerate(lines):
        above = lines[number - 1] if number else None
        if above is None or line.depth > above.depth:
            blanks[number] = False
    for number, line in enumerate(lines):
        if line.depth == 0 and line.first in DECLARATIONS:
            _part(lines, blanks, number)
    return blanks


def _part(lines: Sequence[Line], blanks: list[bool], number: int) -> None:
    """A blank line before a declaration, or before the comment that stands on it."""
    top = number
    while top > 0 and not blanks[top] and lines[top - 1].is_comment and lines[top - 1].depth == 0:
        top -= 1
    if top == 0:
        return
    above = lines[top - 1]
    both_short = above.first == lines[number].first == "function"
    of_the_file = above.depth == 0 and above.first in ("snc", "use")
    if not both_short and not (of_the_file and top < number):
        blanks[top] = True


# Columns ------------------------------------------------------------------------------------------


def _runs(lines: Sequence[Line], blanks: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Ranges of lines that stand right under one another at one depth."""
    start = 0
    for number in range(1, len(lines) + 1):
        if number < len(lines):
            line, above = lines[number], lines[number - 1]
            together = line.depth == above.depth and not blanks[number]
            if together and not line.is_comment and not above.is_comment:
                continue
        yield start, number
        start = number


def _equals(line: Line) -> int | None:
    """Which piece is the `=` of a definition, if the line is one."""
    word = line.first in (*DECLARATIONS, *STARTERS, "use")
    if word and line.rows[0][1].text not in ("=", "."):  # `network = ...` is a definition
        return None
    for number, piece in enumerate(line.rows[0]):
        if piece.text in ("(", "["):
            return None
        if piece.text == "=":
            return number
    return None


def _padding(run: Sequence[Line]) -> list[list[int]]:
    """Spaces added before each piece of the first rows, so that columns stand under one another."""
    spaces = [gaps(line)[0] for line in run]
    pads = [[0] * len(row) for row in spaces]
    equals = [_equals(line) for line in run]
    for group in [*_definitions(equals), *_columns_meant(run, spaces, equals)]:
        places = {at: _position(run[at[0]], spaces[at[0]], pads[at[0]], at[1]) for at in group}
        target = max(places.values())
        for (line, piece), place in places.items():
            pads[line][piece] += target - place
    return pads


def _position(line: Line, spaces: Sequence[int], pads: Sequence[int], number: int) -> int:
    """Column of a piece of the first row."""
    widths = sum(len(piece.text) for piece in line.rows[0][:number])
    return line.depth * _INDENT + widths + sum(spaces[: number + 1]) + sum(pads[: number + 1])


def _definitions(equals: Sequence[int | None]) -> Iterator[list[tuple[int, int]]]:
    """The `=` of definitions that stand right under one another."""
    group: list[tuple[int, int]] = []
    for line, piece in enumerate([*equals, None]):
        if piece is not None:
            group.append((line, piece))
        elif group:
            yield group
            group = []


def _columns_meant(
    run: Sequence[Line], spaces: Sequence[Sequence[int]], equals: Sequence[int | None]
) -> list[list[tuple[int, int]]]:
    """Pieces that stand under one another, where extra spaces show that it is meant."""
    groups: dict[int, list[list[tuple[int, int]]]] = {}
    above: dict[int, list[tuple[int, int]]] = {}
    for number, line in enumerate(run):
        here: dict[int, list[tuple[int, int]]] = {}
        for index, piece in enumerate(line.rows[0]):
            if index <= (equals[number] or 0):
                continue
            column = line.column(piece)
            group = above.get(column)
            if group is None or not _same_sort(_at(run, group[-1]), piece):
                group = []
                groups.setdefault(column, []).append(group)
            group.append((number, index))
            here[column] = group
        above = here
    found = [group for column in sorted(groups) for group in groups[column]]
    return [part for group in found for part in _meant(run, spaces, group)]


def _meant(
    run: Sequence[Line], spaces: Sequence[Sequence[int]], group: list[tuple[int, int]]
) -> Iterator[list[tuple[int, int]]]:
    """The parts of a column in which each two neighbours have a padded piece among them."""
    part = group[:1]
    for above, here in pairwise(group):
        if _padded(run, spaces, above) or _padded(run, spaces, here):
            part.append(here)
        else:
            yield part
            part = [here]
    yield part


def _at(run: Sequence[Line], place: tuple[int, int]) -> Piece:
    return run[place[0]].rows[0][place[1]]


def _padded(run: Sequence[Line], spaces: Sequence[Sequence[int]], place: tuple[int, int]) -> bool:
    line, index = place
    row = run[line].rows[0]
    return row[index].start - row[index - 1].end > spaces[line][index]


def _same_sort(above: Piece, piece: Piece) -> bool:
    return above.kind == piece.kind and (piece.kind != "sign" or above.text == piece.text)


# Rows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a piece stood and where it stands now."""

    piece: Piece
    was: int
    now: int


def _rows(line: Line, pads: Sequence[int]) -> Iterator[str]:
    """The rows of a statement as text."""
    placed: list[list[_Placed]] = []
    opened: list[_Placed] = []
    for number, (row, spaces) in enumerate(zip(line.rows, gaps(line), strict=True)):
        column = line.depth * _INDENT if number == 0 else _continued(line, row[0], placed, opened)
        text, here = " " * column, []
        for index, piece in enumerate(row):
            extra = pads[index] if number == 0 else 0
            text += " " * ((spaces[index] if index else 0) + extra) + piece.text
            here.append(_Placed(piece, line.column(piece), len(text) - len(piece.text)))
            if piece.text in ("(", "["):
                opened.append(here[-1])
            elif piece.text in (")", "]") and opened:
                opened.pop()
        placed.append(here)
        yield text


def _continued(
    line: Line, first: Piece, placed: Sequence[Sequence[_Placed]], opened: Sequence[_Placed]
) -> int:
    """Column of a row that goes on: under the piece it stood under, else moved with its bracket."""
    closes = first.text in (")", "]")
    least = line.depth * _INDENT + (0 if closes else _INDENT)
    was = line.column(first)
    for row in placed if closes else reversed(placed):
        for other in row:
            if other.was == was:
                return max(least, other.now)
    return max(least, was + (opened[-1].now - opened[-1].was if opened else 0))
