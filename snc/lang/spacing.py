"""How many spaces stand before each piece of a statement."""

from __future__ import annotations

from collections.abc import Sequence

from snc.lang.lines import Line
from snc.lang.scan import CLAUSES, STARTERS, Piece

_BEFORE_COMMENT = 2
_BEFORE_DOC = 3


def gaps(line: Line) -> list[list[int]]:
    """Spaces before each piece, row by row; before the first piece of a row it is 0."""
    code = [piece for row in line.rows for piece in row if piece.kind != "comment"]
    spaces = dict(zip((p.start for p in code), _code(code), strict=True))
    found = []
    for row in line.rows:
        found.append([spaces.get(piece.start, _BEFORE_COMMENT) for piece in row])
        found[-1][0] = 0
    return found


def _code(code: Sequence[Piece]) -> list[int]:
    if not code:
        return []
    spaces = [0]
    selection, tight = _selection(code), _tight(code)
    depth = 0
    for number in range(1, len(code)):
        depth += code[number - 1].text in ("(", "[")
        if code[number].text in (")", "]"):
            depth -= 1
        if number in tight or number - 1 in tight:
            spaces.append(0)
        elif number < selection:
            spaces.append(
                int(code[number - 1].text == "," or (number == 1 and code[1].text != "."))
            )
        elif code[0].text == "function" and depth == 0 and code[number].kind == "string":
            spaces.append(_BEFORE_DOC if code[number - 1].ends_value else 1)
        elif code[0].text == "expect" and depth == 0 and code[number - 1].text in ("+", "-"):
            spaces.append(int(_spread(code, number)))
        else:
            spaces.append(_between(code, number))
    return spaces


def _spread(code: Sequence[Piece], number: int) -> bool:
    """Whether the piece comes after a `+-`, which stands apart, unlike the sign of a number."""
    return code[number - 1].text == "-" and code[number - 2].text == "+"


def _selection(code: Sequence[Piece]) -> int:
    """The first piece after the names that a `learn` or `freeze` is about."""
    if code[0].text not in ("learn", "freeze"):
        return 0
    if len(code) > 1 and code[1].text == ".":
        return next((n for n, p in enumerate(code) if p.text == "="), 0)
    for number in range(2, len(code)):
        if code[number].text in CLAUSES and code[number - 1].text != ".":
            return number
    return len(code)


def _tight(code: Sequence[Piece]) -> set[int]:
    """The pieces inside `[t-1]`: an index of a name, a sign and a number or name."""
    found: set[int] = set()
    for n in range(1, len(code) - 4):
        opening, sign, closing = code[n], code[n + 2], code[n + 4]
        index = opening.text == "[" and code[n - 1].ends_value and n - 1 > 0
        if index and sign.text in ("+", "-") and closing.text == "]":
            found |= {n + 1, n + 2, n + 3}
    return found


def _between(code: Sequence[Piece], number: int) -> int:
    before, piece = code[number - 1], code[number]
    if piece.text in (",", ")", "]", ":", ".", "^") or before.text in ("(", "[", ".", "^"):
        return 0
    if piece.text in ("(", "["):
        return int(not _names(code, number - 1))
    if before.text == "-":
        binary = number > 1 and code[number - 2].ends_value
        return int(binary and not (number == 2 and code[0].text in STARTERS))
    return 1


def _names(code: Sequence[Piece], number: int) -> bool:
    """Whether a bracket after this piece belongs to it."""
    return code[number].ends_value and not (number == 0 and code[0].text in STARTERS)
