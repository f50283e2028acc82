"""Diagnostics to text: the lines they are about, with a mark under each place.

    error[unknown-name]: nothing called `taw` is in scope here
     --> specs/lif.snc:3:20
      |
    3 |     v = (i - v) / taw
      |                   ^^^ not a parameter, state or input of `lif`
      = help: did you mean `tau`?

The same mistake is the same bytes. Colour only where it is asked for.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from snc.diagnostics import DataError, Diagnostic, Label, SncError, SpecError
from snc.source import Span

WIDTH = 100
"""Characters of a source line that are shown; of longer lines only what is around the place."""

_BEFORE = 40
_CUT = "..."
_RED, _BLUE, _BOLD = "1;31", "1;34", "1"


def render(diagnostic: Diagnostic, colour: bool = False) -> str:
    """A diagnostic with the lines it is about."""
    labels = [(diagnostic.primary, "^", _RED), *((r, "-", _BLUE) for r in diagnostic.related)]
    gutter = max(len(str(label.span.line)) for label, _, _ in labels)
    lines = [_head(diagnostic.code, diagnostic.message, colour, diagnostic.severity)]
    for label, mark, ink in labels:
        lines += _excerpt(label, mark, gutter, _Ink(ink, colour))
    lines += _help(diagnostic.help, gutter, colour)
    return "\n".join(lines)


def render_all(error: SncError, colour: bool = False) -> str:
    """All that an error has to say, with an empty line between its mistakes."""
    if isinstance(error, SpecError):
        return "\n\n".join(render(d, colour) for d in error.diagnostics)
    if isinstance(error, DataError):
        place = [_paint(" -->", _BLUE, colour) + f" {error.place}"] if error.place else []
        return "\n".join(
            [_head(error.code, error.message, colour), *place, *_help(error.help, 1, colour)]
        )
    return _head("backend", str(error), colour)


def as_data(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain values, for `--json`; lines and columns from 1, the end exclusive."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_place(diagnostic.primary),
        "related": [_place(label) for label in diagnostic.related],
        "help": diagnostic.help,
    }


def _place(label: Label) -> dict[str, Any]:
    span = label.span
    end_line, end_column = span.source.position(max(span.start, span.end))
    return {
        "label": label.text,
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
    }


class _Ink:
    """The colour of one place."""

    def __init__(self, code: str, colour: bool) -> None:
        self.code, self.colour = code, colour

    def __call__(self, text: str) -> str:
        return _paint(text, self.code, self.colour)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and text else text


def _head(code: str, message: str, colour: bool, severity: str = "error") -> str:
    ink = _RED if severity == "error" else _BLUE
    return _paint(f"{severity}[{code}]", ink, colour) + _paint(f": {message}", _BOLD, colour)


def _help(text: str, gutter: int, colour: bool) -> list[str]:
    if not text:
        return []
    first, *rest = text.splitlines()
    start = " " * (gutter + 1)
    return [
        f"{start}{_paint('=', _BLUE, colour)} help: {first}",
        *(f"{start}        {r}" for r in rest),
    ]


def _excerpt(label: Label, mark: str, gutter: int, ink: _Ink) -> list[str]:
    """The place, the first line of the span and the mark under it."""
    span = label.span
    if not span.source.text and span.source.path is None:  # nowhere, or an empty text
        return [] if span.source.name == "<snc>" else [_arrow(label, gutter, ink.colour)]
    edge = " " * gutter + " " + _paint("|", _BLUE, ink.colour)
    number = _paint(f"{span.line:>{gutter}} |", _BLUE, ink.colour)
    shown, start, length = _clipped(span)
    under = "".join(_blank(c) for c in shown[:start])
    marks = mark * max(1, sum(_width(c) for c in shown[start : start + length]))
    note = f"{marks} {label.text}".rstrip()
    text = "".join(c if c == "\t" or c.isprintable() else "\ufffd" for c in shown).rstrip()
    return [
        _arrow(label, gutter, ink.colour),
        edge,
        f"{number} {text}".rstrip(),
        f"{edge} {under}{ink(note)}",
    ]


def _arrow(label: Label, gutter: int, colour: bool) -> str:
    span = label.span
    return (
        " " * gutter
        + _paint("-->", _BLUE, colour)
        + f" {span.source.name}:{span.line}:{span.column}"
    )


def _clipped(span: Span) -> tuple[str, int, int]:
    """What is shown of the first line of a span, and where in it the span is."""
    line = span.source.line(span.line)
    start = min(span.column - 1, len(line))
    end = min(start + (span.end - span.start), len(line.rstrip()))
    length = max(end - start, 0)
    if len(line) <= WIDTH:
        return line, start, length
    first = max(0, min(start - _BEFORE, len(line) - WIDTH))
    last = min(len(line), first + WIDTH)
    before, after = _CUT * (first > 0), _CUT * (last < len(line))
    return before + line[first:last] + after, len(before) + start - first, min(length, last - start)


def _blank(character: str) -> str:
    return "\t" if character == "\t" else " " * _width(character)


def _width(character: str) -> int:
    """Columns a character takes in a terminal."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
