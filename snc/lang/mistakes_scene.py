"""Where the parser stopped, as the tests for mistakes see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snc.diagnostics import Diagnostic, Label
from snc.lang.scan import Piece
from snc.source import Source, Span


@dataclass(frozen=True)
class Scene:
    """Where the parser stopped: the piece that does not fit, and the statement it stands in.

    `before` and `after` are the pieces of the statement on either side, `after` up to the line end;
    `opened` the brackets open at the piece, `expected` the terminals the parser would have taken.
    """

    source: Source
    at: Piece
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    opened: tuple[Piece, ...]
    expected: frozenset[str]

    @property
    def first(self) -> str:
        """The first word of the statement."""
        return self.before[0].text if self.before else self.at.text

    @property
    def previous(self) -> Piece | None:
        """The piece before the one that does not fit."""
        return self.before[-1] if self.before else None

    @property
    def ends(self) -> bool:
        """Whether the statement stops too early."""
        return self.at.kind in ("newline", "end")

    @property
    def written(self) -> str:
        """The statement up to the piece, as it was written."""
        return self.source.text[self.before[0].start : self.before[-1].end] if self.before else ""

    def text_line(self, offset: int) -> tuple[int, str]:
        """Offset of the start of the line that holds `offset`, and the line."""
        line, column = self.source.position(offset)
        return offset - column + 1, self.source.line(line)

    def next_line(self) -> tuple[int, str]:
        """Number and text of the next line that holds a statement; 0 if there is none."""
        count = self.source.text.count("\n") + 1
        for number in range(self.source.position(self.at.start)[0] + 1, count + 1):
            text = self.source.line(number)
            if text.strip() and not text.lstrip().startswith("#"):
                return number, text
        return 0, ""

    def after_previous(self) -> Span:
        """The place where something is missing: right after the last piece before."""
        end = self.previous.end if self.previous else self.at.start
        return Span(end, end, self.source)

    def span(self, first: Piece | None = None, last: Piece | None = None) -> Span:
        """From one piece to another; the piece that does not fit if none is named."""
        first = first or self.at
        last = last or first
        end = first.start if last.kind in ("newline", "end") else last.end
        return Span(first.start, max(first.start, end), self.source)


Test = Callable[[Scene], Diagnostic | None]


def say(
    code: str, message: str, span: Span, hint: str = "", related: Label | None = None
) -> Diagnostic:
    """A diagnostic of this stage."""
    return Diagnostic(code, message, Label(span), (related,) if related else (), hint)
