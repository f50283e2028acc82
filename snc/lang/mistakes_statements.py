"""Mistakes inside a statement: what is missing, what is one too many, what cannot stand there."""

from __future__ import annotations

from snc.diagnostics import Diagnostic, nearest
from snc.lang.mistakes_scene import Scene, say
from snc.lang.scan import CLAUSES, DECLARATIONS, RESERVED, STARTERS, Piece

_OPERATORS = frozenset(
    (
        *("+", "-", "*", "/", "^", "|", "=", "<", "<=", ">", ">=", "==", "!="),
        *("and", "or", "not", ",", "(", "[", "."),
    )
)
_PERIODS = frozenset(("always", "last", "after", "when", "every", "in"))


def outside(scene: Scene) -> Diagnostic | None:
    """A line that belongs into a body but stands outside, or begins no declaration."""
    if "NEURON" not in scene.expected or scene.at.kind == "indent":
        return None
    found, rest = scene.at, scene.after
    if found.text == "snc":
        return say("second-version", "`snc 1` stands once, in the first line", scene.span())
    near = nearest(found.text, DECLARATIONS)
    if near and found.kind == "name" and not (rest and rest[0].text in ("=", ".")):
        return say(
            "not-a-declaration",
            f"no declaration is called `{found.text}`",
            scene.span(),
            f"did you mean `{near}`?",
        )
    statement = found.text in STARTERS or any(p.text == "=" for p in rest) or found.kind == "string"
    if statement or (rest and rest[0].text == ":"):
        hint = "indent it by four spaces under the declaration it belongs to"
        return say(
            "outside-a-body", "this statement stands outside every declaration", scene.span(), hint
        )
    hint = "a file holds use, " + ", ".join(DECLARATIONS[:-1]) + " and experiment"
    return say("not-a-declaration", f"nothing begins with `{found.text}`", scene.span(), hint)


def start(scene: Scene) -> Diagnostic | None:
    """A line that begins like no statement."""
    first = scene.first
    if not scene.before and "OUTPUT" in scene.expected:
        if first in DECLARATIONS or first == "use":
            hint = "declarations are not indented"
            return say(
                "nested-declaration", f"`{first}` cannot stand inside a body", scene.span(), hint
            )
        return say("not-a-statement", f"no statement begins with `{first}`", scene.span())
    if len(scene.before) != 1 or scene.at.kind != "name" or "EQUAL" not in scene.expected:
        return None
    if first in (*DECLARATIONS, "use"):
        return _nested(scene, scene.before[0])
    if first in STARTERS:
        return None
    near = nearest(first, STARTERS)
    hint = f"did you mean `{near}`?" if near else ""
    if scene.after and scene.after[0].text == "=" and not near:
        hint = f"a definition needs no word before it: `{scene.at.text} = ...`"
    if hint:
        return say(
            "not-a-statement",
            f"no statement begins with `{first}`",
            scene.span(scene.before[0]),
            hint,
        )
    return None


def _nested(scene: Scene, word: Piece) -> Diagnostic:
    hint = "declarations are not indented"
    return say(
        "nested-declaration", f"`{word.text}` cannot stand inside a body", scene.span(word), hint
    )


def starter_as_name(scene: Scene) -> Diagnostic | None:
    """`input = 3`, `output = s`: a word that begins a statement, used as a name."""
    if (
        len(scene.before) != 1
        or scene.first not in STARTERS
        or scene.at.text not in ("=", ":", "[", ".")
    ):
        return None
    examples = {
        "output": "output value",
        "record": "record name",
        "freeze": "freeze name",
        "cite": 'cite "source"',
    }
    hint = f"as a statement it is `{examples.get(scene.first, scene.first + ' name = value')}`"
    message = f"`{scene.first}` begins a statement; choose another name"
    return say("reserved-word", message, scene.span(scene.before[0]), hint)


def reserved(scene: Scene) -> Diagnostic | None:
    """A reserved word where a name is meant."""
    word = scene.previous
    if scene.at.kind == "name" and scene.at.text in RESERVED and scene.expected <= {"NAME", "RPAR"}:
        word = scene.at
    elif word is None or word.kind != "name" or word.text not in RESERVED or scene.ends:
        return None
    if word.text == "each" and scene.at.text != "=":
        hint = "for a schedule write `every`: `update = every step`"
        return say(
            "each-needs-a-list", "`each` takes a list: `each [a, b]`", scene.span(word), hint
        )
    if word.text == "not" and scene.at.ends_value:
        return say("brackets-around-not", "put brackets around `not ...` here", scene.span(word))
    if (
        word.text in ("and", "or", *CLAUSES, "with")
        and scene.at.text != "="
        and len(scene.before) > 2
    ):
        return None
    return say(
        "reserved-word", f"`{word.text}` is a reserved word; choose another name", scene.span(word)
    )


def equals(scene: Scene) -> Diagnostic | None:
    """`=` that is missing, doubled, one too many, or a comparison."""
    at, before = scene.at, scene.before
    if scene.first == "expect" and before and before[-1].text == "=":
        hint = "for example `expect accuracy = 91.2 +- 0.4 %`"
        return say("expect-a-number", "`expect` takes a published number", scene.span(), hint)
    if "EQUAL" in scene.expected and at.text != "=" and not scene.opened:
        return _no_equals(scene)
    if at.text != "=" or not scene.previous or not scene.previous.ends_value:
        return None
    if scene.opened:
        message = "`=` gives a name to an argument; to compare, write `==`"
        return say("comparison-sign", message, scene.span())
    first = next((n for n, p in enumerate(before) if p.text == "="), None)
    if first is None:
        return None
    if len(before) > first + 2 and before[-2].text != "=":
        return say(
            "two-statements",
            "a second statement begins here; give it its own line",
            scene.span(before[-1]),
        )
    return say(
        "two-equals", "one statement gives one name a value", scene.span(), "write two lines"
    )


def _no_equals(scene: Scene) -> Diagnostic | None:
    at, before = scene.at, scene.before
    if at.text == "==":
        return say("definition-sign", "a definition is written with one `=`", scene.span())
    plain = before and before[0].text not in (*STARTERS, *DECLARATIONS)
    if plain and (scene.ends or at.kind == "sign"):
        if any(p.text == "=" for p in scene.after):
            hint = "the first value of a state is `init x = value`"
            return say("left-of-equals", "left of `=` stands a name", scene.span(before[0]), hint)
        message = "a value alone does nothing; give it a name"
        written = scene.source.line(scene.span(before[0]).line).partition("#")[0].strip()
        example = written if len(written) <= 40 else before[0].text + "..."
        return say("value-alone", message, scene.span(before[0]), f"for example `y = {example}`")
    if not before or (before[0].text in DECLARATIONS and before[0].text != "function"):
        return None
    written = " ".join(scene.written.split())
    shown = written if len(written) <= 40 else before[0].text
    return say("missing-equals", f"`=` is missing after `{shown}`", scene.after_previous())


def missing_name(scene: Scene) -> Diagnostic | None:
    """A name that is missing, or begins with a digit."""
    previous = scene.previous
    if scene.expected - {"STAR", "RPAR"} != {"NAME"} or previous is None:
        return None
    if scene.at.kind == "number":
        return say("missing-name", "a name cannot begin with a digit", scene.span())
    place = scene.after_previous() if scene.ends else scene.span()
    return say("missing-name", f"a name is missing after `{previous.text}`", place)


def missing_value(scene: Scene) -> Diagnostic | None:
    """Nothing where a value must stand."""
    previous, at = scene.previous, scene.at
    wanted = {"NUMBER", "LPAR", "LSQB"} <= scene.expected
    if previous is None or not wanted or previous.ends_value:
        return None
    if previous.text not in _OPERATORS | RESERVED | STARTERS:
        return None
    if scene.ends:
        hint = ""
        if previous.text in _OPERATORS:
            hint = "a statement goes on in the next line only inside brackets"
        if previous.text in _PERIODS:
            hint = (
                f"for example `{previous.text} {'[0, 1]' if previous.text == 'in' else '10 steps'}`"
            )
        return say(
            "missing-value",
            f"a value is missing after `{previous.text}`",
            scene.span(previous),
            hint,
        )
    if at.kind == "sign" or at.text in RESERVED:
        return say(
            "missing-value",
            f"a value is missing between `{previous.text}` and `{at.text}`",
            scene.span(),
        )
    return None


def percent(scene: Scene) -> Diagnostic | None:
    """`a % b`."""
    if "%" not in (scene.at.text, scene.previous.text if scene.previous else "") or scene.ends:
        return None
    found = scene.at if scene.at.text == "%" else scene.previous
    hint = "the rest of a division is `a - b * floor(a / b)`"
    return say("percent-sign", "`%` is per cent and follows a number", scene.span(found), hint)


def comparisons(scene: Scene) -> Diagnostic | None:
    """`a < b < c`, and commas in an index."""
    at = scene.at
    if (
        at.text in ("<", "<=", ">", ">=", "==", "!=")
        and scene.previous
        and scene.previous.ends_value
    ):
        return say("two-comparisons", "one comparison at a time: `a < b and b < c`", scene.span())
    if at.text == "," and scene.opened and scene.opened[-1].text == "[":
        return say("no-slices", "only one `[t-1]`, `[t-2]`, ... can follow a name", scene.span())
    return None


def learning(scene: Scene) -> Diagnostic | None:
    """A `learn` without `by`, or with words that are no clause."""
    if scene.first != "learn" or scene.opened or scene.at.kind not in ("name", "sign"):
        return None
    words = [p.text for p in scene.before[1:]]
    if len(words) == 1 and words[0] in CLAUSES:
        message = "say what is to learn: a name, or `*` for all"
        return say("missing-name", message, scene.span(scene.before[1]))
    if not any(w in CLAUSES for w in words) and words:
        return say("missing-by", "the rule comes after `by`: `learn h by rule(...)`", scene.span())
    near = nearest(scene.at.text, CLAUSES)
    hint = (
        f"did you mean `{near}`?"
        if near
        else "the parts of a `learn` begin with by, from, at, during, update, using"
    )
    return say("not-a-clause", f"`{scene.at.text}` begins no part of a `learn`", scene.span(), hint)


def between(scene: Scene) -> Diagnostic | None:
    """Two values side by side."""
    previous, at = scene.previous, scene.at
    if previous is None or not previous.ends_value or at.kind not in ("name", "number", "string"):
        return None
    if at.text in RESERVED:
        return None
    pair = f"`{brief(previous)}` and `{brief(at)}`"
    if scene.opened and ("string" in (at.kind, previous.kind) or _separated(scene)):
        return say("missing-comma", f"a `,` is missing between {pair}", scene.span())
    if at.kind == "string":
        return say("unexpected-text", "a text cannot stand here", scene.span())
    follows = scene.after[0].text if scene.after else ""
    complete = "PLUS" not in scene.expected or follows == "=" or at.text in STARTERS
    if not scene.opened and complete:
        message = "a second statement begins here; give it its own line"
        return (
            say("two-statements", message, scene.span()) if "_NEWLINE" in scene.expected else None
        )
    hint = "a product is written with `*`"
    return say("missing-operator", f"an operator is missing between {pair}", scene.span(), hint)


def _separated(scene: Scene) -> bool:
    """Whether the innermost bracket holds several values, or the piece begins a line in it."""
    opening = scene.opened[-1]
    index = scene.before.index(opening)
    call = index > 0 and scene.before[index - 1].kind == "name"
    apart = "\n" in scene.source.text[scene.before[-1].end : scene.at.start]
    return apart or call or opening.text == "["


def brief(piece: Piece) -> str:
    """The piece as shown in a message."""
    return piece.text if len(piece.text) <= 20 else piece.text[:17] + "..."
