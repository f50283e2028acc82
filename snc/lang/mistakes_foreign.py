"""Signs and words of other languages: what is written there, its code, what to write here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from snc.diagnostics import Diagnostic, Label
from snc.lang.mistakes_scene import Scene, say
from snc.source import Source, Span


@dataclass(frozen=True, slots=True)
class Sign:
    """A pattern in a line that a mistake fell on; its group `at`, else all of it, is the place.

    Message and help may use the pattern's groups in braces.
    """

    code: str
    pattern: re.Pattern[str]
    message: str
    help: str = ""


def _sign(code: str, pattern: str, message: str, hint: str = "") -> Sign:
    return Sign(code, re.compile(pattern), message, hint)


# The first match wins, so longer signs stand before the shorter ones they begin with.
SIGNS = (
    _sign("triple-quotes", r'(?P<at>"""|\'\'\')', 'a text is one line in `"..."`'),
    _sign("unclosed-string", r'(?P<at>"[^"]*)$', 'a `"` is missing at the end of this text'),
    _sign(
        "prime",
        r"(?P<at>(?P<x>[^\W\d]\w*)'+)",
        "`{at}` is not in the language; write the step",
        "for example `{x} = exp(-dt / tau) * {x}[t-1] + i`",
    ),
    _sign("single-quotes", r"(?P<at>'(?P<x>[^']*)'?)", 'texts are written in `"..."`'),
    _sign(
        "number-format",
        r"(?<![\w.)\]])(?P<at>\.\d+)",
        "write `0{at}`, with a digit before the point",
    ),
    _sign("number-format", r"(?<!\w)(?P<at>\d+\.\d+\.\d+[.\d]*)", "`{at}` is no number"),
    _sign(
        "number-format",
        r"(?<!\w)(?P<at>\d+\.)(?![\d.])\s*(?:\S|$)",
        "write `{at}0`, with a digit after the point",
    ),
    _sign("arrow", r"(?P<at>\|>)", "steps are chained with `|`", "write `x | f`"),
    _sign(
        "arrow",
        r"(?P<at>->|→)",
        "`{at}` is not in the language",
        "a value is handed on with `|`: `x | f`; a result is `output x`",
    ),
    _sign("definition-sign", r"(?P<at>:=|<-)", "a definition is written with `=`"),
    _sign(
        "comparison-sign",
        r"(?P<at>===|=<|=>|<>|!==)",
        "comparisons are `<`, `<=`, `>`, `>=`, `==` and `!=`",
    ),
    _sign(
        "slash-slash",
        r"(?P<at>//|/\*)",
        "comments begin with `#`",
        "whole division is `floor(a / b)`",
    ),
    _sign("logic-sign", r"(?P<at>&&?)", "write `and`"),
    _sign("logic-sign", r"(?P<at>\|\|)", "write `or`"),
    _sign("logic-sign", r"(?P<at>!(?!=)|~)", "write `not`"),
    _sign("semicolon", r"(?P<at>;)", "a statement ends with its line, without `;`"),
    _sign(
        "braces",
        r"(?P<at>[{}])",
        "there are no braces",
        "a block is indented under a `:`, a list is `[a, b]`",
    ),
    _sign(
        "line-continuation", r"(?P<at>\\)", "there is no `\\`; a statement goes on inside brackets"
    ),
    _sign("no-if", r"(?P<at>\?)", "there is no `?`; write `where(condition, yes, no)`"),
)

_BETTER = {
    "×": "*", "·": "*", "∗": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "±": "+-", "≤": "<=",
    "≥": ">=", "≠": "!=", "“": '"', "”": '"', "„": '"', "‘": '"', "’": '"', "²": "^2", "³": "^3",
    "∞": "infinity", "¬": "not", "∧": "and", "∨": "or", "@": "dot(a, b)",
    "\u00a0": "an ordinary space",
}  # fmt: skip


def stray_character(source: Source, offset: int) -> Diagnostic | None:
    """The character at `offset`, if it is one that the language does not use at all."""
    character = source.text[offset : offset + 1]
    known = character.isalnum() or character in '_ \t\r\n\f()[]<>=+-*/^|.,:%#"!'
    if not character or (known and character not in _BETTER):
        return None
    name = unicodedata.name(character, "").lower()
    shown = f"`{character}`" if character.isprintable() and not character.isspace() else ""
    words = f"the character {shown}" if shown else f"the character U+{ord(character):04X}"
    about = f" ({name})" if name and not (shown and character.isascii()) else ""
    better = _BETTER.get(character, "")
    hint = f"write {better}" if " " in better and "(" not in better else f"write `{better}`"
    return Diagnostic(
        "stray-character",
        f"{words}{about} has no meaning here",
        Label(Span(offset, offset + 1, source)),
        help=hint if better else "",
    )


WORDS: dict[str, tuple[str, str]] = {
    "while": ("no-loop", "there is no `while`; every equation holds at every step"),
    "def": ("no-def", "there is no `def`; write `function f(x) = ...`, or a `block` with a body"),
    "lambda": ("no-def", "there is no `lambda`; write `function f(x) = ...`, or `f(_, k = 2)`"),
    "class": ("no-class", "there is no `class`; write a `neuron`, `block`, `rule` or `network`"),
    "import": ("no-import", "there is no `import`; write `use file: name`"),
    "return": ("no-return", "there is no `return`; write `output value`"),
    "yield": ("no-return", "there is no `yield`; write `output value`"),
    "pass": ("no-pass", "there is no `pass`; a docstring is enough for a body"),
    "del": ("no-del", "there is no `del`; a name is defined once and stays"),
    "global": ("no-global", "there is no `global`; hand a value on as an argument"),
    "print": ("no-print", "there is no `print`; write `record name` in the experiment"),
}  # fmt: skip


def augmented(scene: Scene) -> Diagnostic | None:
    """`v += i`, `v++`."""
    start, line = scene.text_line(scene.at.start)
    column = scene.at.start - start
    for match in re.finditer(r"(?P<at>\*\*=|[-+*/|^%]=(?!=)|\+\+|--)(?P<rest>[^#]*)", line):
        if not match.start() <= column < match.end("at") or len(scene.before) > 3:
            continue
        sign, value = match["at"], match["rest"].strip() or "1"
        name = line[: match.start()].strip() or "v"
        value = value if len(value) <= 20 else "..."
        message = (
            f"`{sign}` is not in the language; "
            f"for a state write `{name} = {name}[t-1] {sign[:1]} {value}`, "
            f"for a weight `next weight = weight {sign[:1]} ...`"
        )
        return say(
            "augmented-assignment",
            message,
            Span(start + match.start(), start + match.end("at"), scene.source),
        )
    return None


def power(scene: Scene) -> Diagnostic | None:
    """`x ** 2`."""
    start, line = scene.text_line(scene.at.start)
    column = scene.at.start - start
    for match in re.finditer(r"(?P<x>\w+|\))?\s*(?P<at>\*\*)\s*(?P<y>-?[\w.]+)?", line):
        if match.start("at") <= column < match.end("at"):
            x, y = match["x"] or "x", match["y"] or "2"
            x = "x" if x == ")" else x
            span = Span(start + match.start("at"), start + match.end("at"), scene.source)
            return say("power-operator", f"powers are written `{x}^{y}`", span)
    return None


def sign(scene: Scene) -> Diagnostic | None:
    """A sign from the table, if the piece that does not fit lies in it."""
    start, line = scene.text_line(scene.at.start)
    column = scene.at.start - start
    for row in SIGNS:
        for match in row.pattern.finditer(line):
            if match.start("at") <= column < match.end() or column == match.end() == len(line):
                groups = {name: text or "" for name, text in match.groupdict().items()}
                span = Span(start + match.start("at"), start + match.end("at"), scene.source)
                return say(row.code, row.message.format(**groups), span, row.help.format(**groups))
    return stray_character(scene.source, scene.at.start)


def no_if(scene: Scene) -> Diagnostic | None:
    """`if c:` and what follows it, or `a if c else b`."""
    found = next(
        (p for p in (scene.at, scene.previous) if p and p.text in ("if", "elif", "else")), None
    )
    if found is None:
        return None
    _, line = scene.text_line(found.start)
    head = re.match(r"\s*(?:el)?if\b\s*(?P<c>[^:#]+):", line)
    _, below = scene.next_line()
    body = re.match(r"\s+(?P<x>[^\W\d]\w*)\s*=\s*(?P<value>[^#\n]+)", below)
    example = "x = where(condition, yes, no)"
    if head and body:
        condition = head["c"].strip()
        subject = re.match(r"[^\W\d]\w*", condition)
        other = subject[0] if subject else "..."
        example = f"{body['x']} = where({condition}, {body['value'].strip()}, {other})"
    return say("no-if", f"there is no `{found.text}`; write `{example}`", scene.span(found))


def word(scene: Scene) -> Diagnostic | None:
    """A word that begins a statement elsewhere."""
    begins = [*scene.before, scene.at][:2]
    for piece in (scene.at, scene.previous, begins[0]):
        if (
            piece
            and piece.text in WORDS
            and piece.kind == "name"
            and (piece in begins or piece.text == "lambda")
        ):
            code, message = WORDS[piece.text]
            return say(code, message, scene.span(piece))
    if scene.first == "from" and scene.at in begins:
        return say(
            "no-import", "names from another file come by `use file: name`", scene.span(begins[0])
        )
    if (
        scene.first == "for"
        and len(scene.before) > 1
        and any(p.text in (":", "..") for p in (scene.at, *scene.after))
    ):
        message = "there are no loops; `for a in [1, 2]` in an experiment runs it with each value"
        hint = "layers are written one by one; what they share is a `block`"
        return say("no-loop", message, scene.span(scene.before[0]), hint)
    return None
