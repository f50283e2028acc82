"""Mistakes with brackets, indentation and the headers of blocks."""

from __future__ import annotations

import re

from snc.diagnostics import Diagnostic, Label
from snc.lang.mistakes_scene import Scene, say
from snc.lang.scan import DECLARATIONS, Piece, indentation, pieces
from snc.source import Span

_BODIES = DECLARATIONS[1:]
_CLOSER = {"(": ")", "[": "]"}


# Brackets -----------------------------------------------------------------------------------------


def bracket(scene: Scene) -> Diagnostic | None:
    """A bracket that is not opened, not closed, or closed by the other kind."""
    at, opened = scene.at, scene.opened
    if at.text in (")", "]"):
        if not opened:
            return say(
                "extra-bracket",
                f"no bracket is open that this `{at.text}` could close",
                scene.span(),
            )
        if _CLOSER[opened[-1].text] != at.text:
            message = (
                f"`{opened[-1].text}` is closed by `{_CLOSER[opened[-1].text]}`, not by `{at.text}`"
            )
            return say("mismatched-bracket", message, scene.span(), related=_opened_here(scene))
        return None
    if not opened or not (at.kind == "end" or _never_closed(scene, opened[-1])):
        return None
    message = f"this `{opened[-1].text}` is never closed"
    return say(
        "unclosed-bracket", message, scene.span(opened[-1]), f"add a `{_CLOSER[opened[-1].text]}`"
    )


def _opened_here(scene: Scene) -> Label:
    return Label(scene.span(scene.opened[-1]), "opened here")


def _never_closed(scene: Scene, opening: Piece) -> bool:
    """Whether the text goes on with another statement before the bracket is closed."""
    source = scene.source
    if source.position(scene.at.start)[0] == source.position(opening.start)[0]:
        return False
    outer = indentation(source.line(source.position(scene.before[0].start)[0]))
    depth, fresh = 0, False
    for piece in pieces(source.text[opening.start :]):
        if piece.kind == "newline":
            fresh = True
        elif piece.kind != "comment":
            closes = piece.text in (")", "]")
            line = source.line(source.position(opening.start + piece.start)[0])
            if fresh and not closes and indentation(line) <= outer:
                return True
            depth += (piece.text in ("(", "[")) - closes
            if depth == 0:
                return False
            fresh = False
    return True


# Blocks -------------------------------------------------------------------------------------------


def indented(scene: Scene) -> Diagnostic | None:
    """A line that is indented although no block begins there."""
    if scene.at.kind != "indent":
        return _continued(scene)
    place = _next_place(scene)
    if scene.first == "experiment":
        end = scene.after_previous()
        return say("missing-with", f"`with:` is missing after `{_short(scene)}`", end)
    if (goes_on := _operator_at(scene, place)) is not None:
        return goes_on
    if scene.first == "function":
        return say(
            "function-body",
            "a function is one line; its text stands at the end of that line",
            place,
        )
    hint = "a block begins after a `:`; a statement goes on inside brackets"
    return say(
        "unexpected-indentation", "this line is indented, but no block begins here", place, hint
    )


def _next_place(scene: Scene) -> Span:
    number, text = scene.next_line()
    start = scene.source.offset(number) + len(text) - len(text.lstrip())
    first = re.match(r"\w+|\S", text.lstrip())
    return Span(start, start + len(first[0] if first else ""), scene.source)


def _operator_at(scene: Scene, place: Span) -> Diagnostic | None:
    if not re.match(r"[|+*/^<>,.-]|and\b|or\b", place.source.text[place.start :]):
        return None
    message = "a statement that goes on in the next line needs brackets around it"
    return say(
        "line-continuation", message, place, "for example `y = (x | f | g)`, broken where you like"
    )


def _continued(scene: Scene) -> Diagnostic | None:
    starts_line = not scene.before and scene.at.kind == "sign"
    return _operator_at(scene, scene.span()) if starts_line else None


def empty(scene: Scene) -> Diagnostic | None:
    """A header with nothing under it."""
    if scene.expected != {"_INDENT"}:
        return None
    return say(
        "empty-body",
        f"`{_short(scene).rstrip(':')}` has no body",
        scene.span(scene.before[0], scene.before[-1]),
        "indent what belongs to it by four spaces; a docstring alone is enough",
    )


def _short(scene: Scene) -> str:
    """The statement so far, or its first two words if it is long."""
    text = " ".join(scene.written.split())
    return text if len(text) <= 60 else " ".join(p.text for p in scene.before[:2])


def header(scene: Scene) -> Diagnostic | None:
    """A `:` that is missing, in the wrong place, or has its body on the same line."""
    at, first = scene.at, scene.first
    if first == "function" and at.text == ":" and not scene.opened:
        hint = "what needs definitions inside is a `block`"
        return say(
            "function-body",
            "a function is one expression: `function f(x) = ...`",
            scene.span(),
            hint,
        )
    if first == "experiment" and at.text == "with" and "=" not in [p.text for p in scene.before]:
        return say("missing-base", "`with` needs a base: `experiment a = base with:`", scene.span())
    if first == "experiment" and at.text == ":" and "WITH" in scene.expected:
        return say(
            "missing-with", f"`with` is missing between `{_short(scene)}` and `:`", scene.span()
        )
    if first == "use" and scene.ends and "COLON" in scene.expected:
        return say("use-names", "say which names to use: `use file: name`", scene.after_previous())
    if (
        scene.previous
        and scene.previous.text == ":"
        and "_NEWLINE" in scene.expected
        and not scene.opened
    ):
        return _on_one_line(scene)
    if (
        scene.ends
        and "COLON" in scene.expected
        and (first in (*_BODIES, "phase") or _block_below(scene))
    ):
        return say(
            "missing-colon", f"a `:` is missing after `{_short(scene)}`", scene.after_previous()
        )
    if at.text == ":" and scene.opened:
        return _colon_in_brackets(scene)
    if at.text == ":" and first == "learn":
        return say("missing-by", "the rule comes after `by`: `learn h by rule(...)`", scene.span())
    return None


def _block_below(scene: Scene) -> bool:
    return indentation(scene.next_line()[1]) > indentation(scene.text_line(scene.at.start)[1])


def _on_one_line(scene: Scene) -> Diagnostic:
    name = scene.before[-2].text if len(scene.before) > 1 else "name"
    if len(scene.before) == 2:
        return say(
            "colon-for-equals",
            f"write `{name} = ...`; a `:` begins a block",
            scene.span(scene.previous),
        )
    message = f"the body of `{_short(scene).rstrip(':')}` begins on the next line, indented"
    return say("body-on-same-line", message, scene.span())


def _colon_in_brackets(scene: Scene) -> Diagnostic | None:
    if scene.opened[-1].text == "[":
        return say(
            "no-slices",
            "there are no slices; only `[t-1]`, `[t-2]`, ... can follow a name",
            scene.span(),
        )
    if scene.first in DECLARATIONS:
        return say(
            "no-annotations",
            "what an argument is follows from its use; no `:` after it",
            scene.span(),
        )
    return say("colon-for-equals", "an argument is named with `=`: `f(k = 2)`", scene.span())
