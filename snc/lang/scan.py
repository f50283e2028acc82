"""Text, right or wrong, to rough pieces: for explaining mistakes and for the formatter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

RESERVED = frozenset(
    (
        *("and", "or", "not", "each", "every", "always", "last", "after", "when", "by", "from"),
        *("at", "during", "update", "using", "with", "in"),
    )
)
STARTERS = frozenset(
    (
        *(
            "input",
            "label",
            "constant",
            "parameter",
            "random",
            "init",
            "output",
            "gradient",
            "next",
        ),
        *("learn", "freeze", "metric", "expect", "record", "for", "phase", "cite"),
    )
)
DECLARATIONS = ("function", "neuron", "block", "rule", "signal", "network", "dataset", "experiment")
CLAUSES = ("by", "from", "at", "during", "update", "using")

_PIECE = re.compile(
    r"""(?P<newline>\r?\n)
      | (?P<space>[ \t\f]+)
      | (?P<comment>\#[^\n]*)
      | (?P<string>"[^"\n]*")
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<sign><=|>=|==|!=|\.\.|.)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters that belong together.

    `kind` is newline, comment, string, number, name or sign; in mistakes also indent and end.
    """

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.start + len(self.text)

    @property
    def ends_value(self) -> bool:
        """Whether a value may end here, so that a sign after it stands between two values."""
        if self.kind == "name":
            return self.text not in RESERVED
        return self.kind in ("number", "string") or self.text in (")", "]", "%")


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a text in order, without the spaces between them."""
    for match in _PIECE.finditer(text):
        kind = match.lastgroup or "sign"
        if kind == "comment":
            yield Piece(kind, match.group().rstrip(), match.start())
        elif kind != "space":
            yield Piece(kind, match.group(), match.start())


def indentation(line: str) -> int:
    """Column of the first character that is no space; a tab counts as eight, as in the parser."""
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return blank.count(" ") + 8 * blank.count("\t")
