"""A shipped spec with one edit is right or gets diagnostics with places in it; nothing else happens."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snc.check import check
from snc.diagnostics import DataError, Diagnostic, SpecError
from snc.lang.scan import Piece, pieces
from snc.model.library import load_text
from snc.resources import data_dir
from snc.source import Source

SPECS = [p for p in sorted(data_dir("specs").rglob("*.snc")) if p.parent.name != "conformance"]


def beginning(text: str) -> str:
    """A text as far as its second experiment: of those that follow one is like the other."""
    return "\nexperiment ".join(text.split("\nexperiment ")[:3])


TEXTS = {path: beginning(path.read_text(encoding="utf-8")) for path in SPECS}
NAMES = sorted({p.text for text in TEXTS.values() for p in pieces(text) if p.kind == "name"})
SIGNS = [
    "+",
    "-",
    "*",
    "/",
    "^",
    "<",
    "<=",
    ">",
    ">=",
    "==",
    "!=",
    "=",
    "|",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    ".",
    "..",
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "0.5",
    "3 steps",
    "20 ms",
    "5 Hz",
    "1e9",
    "[2, 3]",
    "_",
    '"a"',
    "each [1, 2]",
]


@st.composite
def edited(draw: st.DrawFn) -> tuple[Path, str]:
    """A spec in which one line is gone or doubled, or one piece is another one."""
    path = draw(st.sampled_from(SPECS))
    text = TEXTS[path]
    kind = draw(st.sampled_from(["line", "twice", "name", "sign", "number", "piece"]))
    if kind in ("line", "twice"):
        lines = text.splitlines(keepends=True)
        at = draw(st.integers(1, len(lines) - 1))
        lines[at : at + 1] = [lines[at]] * (2 if kind == "twice" else 0)
        return path, "".join(lines)
    found = [p for p in pieces(text) if kind in ("piece", p.kind)]
    piece: Piece = draw(st.sampled_from(found or list(pieces(text))))
    pool = {"name": NAMES, "sign": SIGNS, "number": NUMBERS}.get(
        kind, ["", *SIGNS, *NUMBERS, *NAMES]
    )
    new = draw(st.sampled_from(pool))
    return path, text[: piece.start] + new + text[piece.end :]


def diagnostics_of(path: Path, text: str) -> list[Diagnostic]:
    try:
        return check(load_text(Source(path.name, text, path)))
    except SpecError as error:
        return list(error.diagnostics)
    except DataError:  # an empty text is no spec
        return []


def has_a_place(diagnostic: Diagnostic) -> bool:
    for label in (diagnostic.primary, *diagnostic.related):
        span = label.span
        if not (span.source.text and 0 <= span.start <= span.end <= len(span.source.text)):
            return False
    return not diagnostic.span.source.name.startswith("std/")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(edited())
def test_an_edited_spec_is_right_or_has_mistakes_with_places(case: tuple[Path, str]) -> None:
    path, text = case
    for diagnostic in diagnostics_of(path, text):
        assert has_a_place(diagnostic), diagnostic
        assert diagnostic.message
        assert (
            diagnostic.message[0] != diagnostic.message[0].upper()
            or not diagnostic.message[0].isalpha()
        )
