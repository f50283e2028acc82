"""What to say about a text that is no spec, or one that does not parse.

The parser stops at the first piece that does not fit. From that piece, the pieces of its statement
before it and what the parser would have taken, the tests in `_TESTS` find out what was meant; the
first that knows answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from snc.diagnostics import Diagnostic, listing
from snc.lang import mistakes_blocks as blocks
from snc.lang import mistakes_foreign as foreign
from snc.lang import mistakes_statements as statements
from snc.lang.mistakes_scene import Scene, Test, say
from snc.lang.scan import Piece, indentation, pieces
from snc.source import Source, Span

LONGEST = 1_000_000
"""Characters a spec may have; more is a data file by mistake and would take long to parse."""

DEEPEST = 100
"""How deep a spec may be nested, so that the stages after the parser can walk it by recursion."""

_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
"""Characters that would end or hide lines, or reach a terminal as commands."""

_TESTS: tuple[Test, ...] = (
    blocks.bracket,
    foreign.augmented,
    foreign.power,
    foreign.sign,
    foreign.no_if,
    foreign.word,
    blocks.indented,
    blocks.empty,
    blocks.header,
    statements.outside,
    statements.starter_as_name,
    statements.start,
    statements.learning,
    statements.equals,
    statements.percent,
    statements.reserved,
    statements.missing_name,
    statements.missing_value,
    statements.comparisons,
    statements.between,
)

_WORDS_FOR = {
    "NAME": "a name", "NUMBER": "a number", "STRING": 'a text in `"..."`',
    "_NEWLINE": "the end of the line", "_INDENT": "an indented body", "PLUS": "an operator",
    "EQUAL": "`=`", "COLON": "`:`", "COMMA": "`,`", "RPAR": "`)`", "RSQB": "`]`", "LPAR": "`(`",
    "LSQB": "`[`", "WITH": "`with`", "EVERY": "`every`", "BY": "`by`", "DOT": "`.`",
}  # fmt: skip


def explain_syntax(source: Source, error: UnexpectedInput) -> Diagnostic:
    """What was meant where the parser stopped."""
    scene = _scene(source, error)
    return next(filter(None, (test(scene) for test in _TESTS)), None) or _anything(scene)


def _anything(scene: Scene) -> Diagnostic:
    """The answer when no test knows better: what does not fit, and what would."""
    wanted = [words for name, words in _WORDS_FOR.items() if name in scene.expected]
    if "NEURON" in scene.expected:
        wanted = ["a declaration"]
    elif "OUTPUT" in scene.expected:
        wanted = ["a statement"]
    hint = f"what can stand here: {', '.join(wanted)}" if wanted else ""
    shown = re.sub(r"\s+", " ", statements.brief(scene.at))
    if scene.ends or not shown.strip():
        return say("unexpected-end", "the statement stops too early", scene.after_previous(), hint)
    return say("unexpected-text", f"`{shown}` does not fit here", scene.span(), hint)


def _scene(source: Source, error: UnexpectedInput) -> Scene:
    offset, kind, expected = _stopped(source, error)
    before: list[Piece] = []
    opened: list[Piece] = []
    after: list[Piece] = []
    at = Piece(kind or "end", "", offset)
    for piece in pieces(source.text):
        if piece.start < offset:
            _go_on(before, opened, piece)
        elif piece.start == offset and not kind:
            at = piece
        elif piece.kind == "newline":
            break
        elif piece.kind != "comment":
            after.append(piece)
    if at.kind == "end" and not kind:  # inside a piece that the parser cuts otherwise
        at = Piece("sign", source.text[offset : offset + 1], offset)
    if before and before[-1].kind == "newline":
        before = before[:-1] if expected == {"_INDENT"} else []
    return Scene(source, at, tuple(before), tuple(after), tuple(opened), expected)


def _stopped(source: Source, error: UnexpectedInput) -> tuple[int, str, frozenset[str]]:
    """Offset, kind if it is no piece of its own, and the terminals the parser would have taken."""
    state = error.state.state_stack[
        -1
    ]  # `error.expected` also has line ends, which the lexer always takes
    expected = frozenset(n for n in error.state.parse_conf.states[state] if n.isupper())
    if not isinstance(error, UnexpectedToken):
        return error.pos_in_stream or 0, "", expected
    start = error.token.start_pos or 0
    if error.token.type == "$END":
        return len(source.text.rstrip()), "end", expected
    kinds = {"_INDENT": "indent", "_DEDENT": "end", "_NEWLINE": "newline"}
    return start, kinds.get(error.token.type, ""), expected


def _go_on(before: list[Piece], opened: list[Piece], piece: Piece) -> None:
    """Take one more piece; outside brackets a line end begins a new statement."""
    if piece.kind == "newline":
        if not opened and before and before[-1].kind != "newline":
            before.append(piece)
    elif piece.kind != "comment":
        if before and before[-1].kind == "newline":
            before.clear()
        before.append(piece)
        if piece.text in ("(", "["):
            opened.append(piece)
        elif piece.text in (")", "]") and opened:
            opened.pop()


# Text that need not be parsed at all --------------------------------------------------------------


def text_problems(source: Source) -> list[Diagnostic]:
    """What is wrong with a text before its statements are looked at; at most one of each kind."""
    if len(source.text) > LONGEST:
        message = f"the text has {len(source.text)} characters; a spec has at most {LONGEST}"
        return [say("too-long", message, Span(0, 0, source), "is this a data file?")]
    if (zero := source.text.find("\0")) >= 0:
        return [
            say(
                "not-text", "this is no text: it has zero bytes in it", Span(zero, zero + 1, source)
            )
        ]
    if control := _CONTROL.search(source.text):
        at = control.start()
        message = f"the character U+{ord(control[0]):04X} has no place in a text"
        hint = "delete it"
        if control[0] == "\r":
            message = "lines end with a carriage return alone"
            hint = "end lines with a line feed, as editors do by default today"
        return [say("stray-character", message, Span(at, at + 1, source), hint)]
    wrong_first_line = _version(source)
    return [wrong_first_line] if wrong_first_line else _mixed_indentation(source)


def _version(source: Source) -> Diagnostic | None:
    """The first line must be `snc 1`."""
    skipped = re.match(r"\ufeff?(?:\s|#[^\n]*)*", source.text)
    start = skipped.end() if skipped else 0
    first = re.match(r"\w+|.?", source.text[start:])
    place = Span(start, start + (first.end() if first else 0), source)
    if start == len(source.text):
        hint = "a spec begins with the line `snc 1`"
        return say("empty-file", "there is nothing in this text", Span(0, 0, source), hint)
    version = re.match(r"snc[ \t]+(\d[\w.]*)", source.text[start:])
    if version is None:
        hint = "it says which version of the language the file is written in"
        return say("missing-version", "the first line must be `snc 1`", place, hint)
    if version[1] != "1":
        place = Span(start + version.start(1), start + version.end(1), source)
        return say(
            "unknown-version",
            f"there is no version {version[1]} of the language; write `snc 1`",
            place,
        )
    return None


def _mixed_indentation(source: Source) -> list[Diagnostic]:
    """The first line that is indented with another character than the first indented line."""
    used, first = "", 0
    for number in _statement_lines(source):
        text = source.line(number)
        blank = text[: len(text) - len(text.lstrip(" \t"))]
        if blank and not used:
            used, first = blank[0], number
        if blank.strip(used or " "):
            start = source.offset(number)
            hint = "indent with spaces, four for each block"
            message = "this line is indented with tabs and spaces mixed"
            if blank[0] != used:
                here, there = _called(blank[0]), _called(used)
                message = f"this line is indented with {here}, line {first} with {there}"
            return [
                say("mixed-indentation", message, Span(start, start + len(blank), source), hint)
            ]
    return []


def _called(character: str) -> str:
    return "tabs" if character == "\t" else "spaces"


def _statement_lines(source: Source) -> Iterator[int]:
    """Numbers of the lines at which statements begin, so not of those inside brackets."""
    opened, fresh = 0, True
    for piece in pieces(source.text):
        if piece.kind == "newline":
            fresh = not opened
        elif piece.kind != "comment":
            if fresh:
                yield source.position(piece.start)[0]
            fresh = False
            opened = max(0, opened + (piece.text in ("(", "[")) - (piece.text in (")", "]")))


def bad_dedent(source: Source) -> Diagnostic:
    """The line that is indented less than the one before, but like no line above it."""
    open_blocks = [0]
    for number in _statement_lines(source):
        text = source.line(number)
        column = indentation(text)
        if column > open_blocks[-1]:
            open_blocks.append(column)
        levels = listing([str(level) for level in open_blocks])
        while column < open_blocks[-1]:
            open_blocks.pop()
        if column != open_blocks[-1]:
            start = source.offset(number) + len(text) - len(text.lstrip())
            first = re.match(r"\w+|.", text.lstrip())
            span = Span(start, start + (first.end() if first else 1), source)
            hint = f"the lines above are indented by {levels} spaces, this one by {column}"
            return say(
                "wrong-indentation", "this line is indented like no line above it", span, hint
            )
    return say(
        "wrong-indentation", "the indentation of this text fits no block", Span(0, 0, source)
    )


def too_deep(source: Source, tree: Tree[Token]) -> Diagnostic | None:
    """A place nested deeper than the stages after the parser can walk."""
    waiting: list[tuple[Tree[Token], int]] = [(tree, 0)]
    while waiting:
        found, depth = waiting.pop()
        if depth > DEEPEST:
            at = 0 if found.meta.empty else found.meta.start_pos
            hint = "give a part of it a name of its own"
            message = f"this is nested more than {DEEPEST} deep"
            return say("too-deep", message, Span(at, at + 1, source), hint)
        waiting += [(child, depth + 1) for child in found.children if isinstance(child, Tree)]
    return None
