"""Which statements belong in which body."""

from __future__ import annotations

from collections.abc import Iterator

from snc.diagnostics import Diagnostic
from snc.lang import ast
from snc.model import mistakes
from snc.model.scope import Scope

_TEXT = (ast.Documentation, ast.Citation)
_STORED = frozenset({"constant", "parameter", "random"})
_BODY = frozenset({"definition", "init", "output", "next"}) | _STORED
ALLOWED: dict[str, frozenset[str]] = {
    "neuron": _BODY,
    "block": _BODY,
    "network": _BODY - {"output"} | {"input", "label"},
    "rule": _STORED | {"definition", "init", "gradient", "next"},
    "signal": _STORED | {"definition", "init", "gradient", "output"},
    "dataset": frozenset({"definition"}),
    "experiment": _STORED
    | frozenset(
        [
            "definition",
            "init",
            "next",
            "learn",
            "freeze",
            "metric",
            "expect",
            "record",
            "for",
            "settings",
            "phase",
        ]
    ),
    "phase": frozenset(["definition", "learn", "freeze", "metric", "expect", "record", "settings"]),
}
_EXPERIMENT = frozenset(
    ["learn", "freeze", "metric", "expect", "record", "for", "settings", "phase"]
)
WINDOWS = {"during": (ast.Always, ast.Last, ast.After, ast.When), "update": (ast.Schedule,)}


def misplaced_statements(scope: Scope) -> Iterator[Diagnostic]:
    """Statements that belong elsewhere."""
    yield from _body(scope.declared.body, scope.declared.kind)


def _body(body: tuple[ast.Statement, ...], kind: str) -> Iterator[Diagnostic]:
    for statement in body:
        word = word_of(statement)
        if isinstance(statement, _TEXT):
            continue
        if word not in ALLOWED[kind]:
            yield mistakes.misplaced(
                statement.span, _shown(statement, word), kind, _hint(word, kind)
            )
        elif isinstance(statement, ast.Phase):
            yield from _body(statement.body, "phase")
        elif isinstance(statement, ast.Settings):
            yield from _settings(statement)
        elif isinstance(statement, ast.Definition):
            yield from _definition(statement, kind)
        elif isinstance(statement, ast.Storage):
            yield from _storage(statement)


def word_of(statement: ast.Statement) -> str:
    """The word a kind of statement starts with, or what it is called."""
    match statement:
        case ast.Storage(kind=kind):
            return kind
        case ast.Update(target=target):
            return target
        case ast.Initial():
            return "init"
        case ast.Sweep():
            return "for"
        case _:
            return type(statement).__name__.lower()


def _shown(statement: ast.Statement, word: str) -> str:
    return f"`{statement.name.text}:`" if isinstance(statement, ast.Settings) else f"`{word}`"


def _hint(word: str, kind: str) -> str:
    if word in ("input", "label"):
        return "data enters the network; everything else takes what it needs as arguments"
    if word == "gradient":
        return "it belongs in a rule, or in a signal that trains projections of its own"
    if word == "output":
        return {
            "network": "an experiment reads any name of its network: `predict = argmax(out)`",
            "experiment": "say `predict = ...`",
            "rule": "a rule ends in `gradient weight = ...` or `next weight = ...`",
            "dataset": "a data set defines `train` and `test`",
        }.get(kind, "")
    if word in _EXPERIMENT:
        return "it belongs in an experiment"
    if kind == "dataset":
        return "a data set holds definitions: `train = ...`, `test = ...`"
    return ""


def _settings(statement: ast.Settings) -> Iterator[Diagnostic]:
    """`train:` and `report:` hold settings only."""
    for part in statement.body:
        if not isinstance(part, ast.Definition) or not isinstance(part.path, ast.Path):
            hint = f"`{statement.name.text}:` holds settings, `name = value`"
            what = _shown(part, word_of(part))
            text = f"{what} does not belong in `{statement.name.text}:`"
            yield mistakes.simple("misplaced-statement", text, part.span, hint)
        else:
            yield from _window(part)


def _definition(statement: ast.Definition, kind: str) -> Iterator[Diagnostic]:
    path, inside = statement.path, kind in ("experiment", "phase")
    if isinstance(path, ast.Override) and not inside:
        yield mistakes.misplaced(statement.span, f"`{path}`", kind, "it belongs in an experiment")
    elif isinstance(path, ast.Path) and len(path.parts) > 1 and not inside:
        text = f"`{path}` has a dot in it; a {kind} defines plain names"
        yield mistakes.simple("dotted-name", text, path.span)
    elif inside:
        yield from _window(statement)
    elif not isinstance(statement.value, ast.Expr):
        yield _misplaced_window(statement)


def _window(statement: ast.Definition) -> Iterator[Diagnostic]:
    """A window or schedule as a value belongs to `during` or `update`."""
    last = str(statement.path).rpartition(".")[2]
    kinds = WINDOWS.get(last, ())
    if not isinstance(statement.value, ast.Expr) and not isinstance(statement.value, kinds):
        yield _misplaced_window(statement)


def _misplaced_window(statement: ast.Definition) -> Diagnostic:
    value = statement.value
    what, setting = (
        ("schedule", "update") if isinstance(value, ast.Schedule) else ("window", "during")
    )
    text = f"`{value.span.text}` is a {what}; it belongs in `train.{setting} = ...` or a `learn`"
    return mistakes.simple("misplaced-window", text, value.span)


def _storage(statement: ast.Storage) -> Iterator[Diagnostic]:
    """`input` and `label` have no value, `random` needs a draw and a period, nothing else has one."""
    kind, name = statement.kind, statement.name.text
    if kind in ("input", "label") and statement.value is not None:
        text = f"`{kind} {name}` is fed by the data and has no value of its own"
        yield mistakes.simple("misplaced-value", text, statement.value.span)
    if kind == "random" and statement.value is None:
        text = f"`random {name}` needs a draw"
        hint = f"e.g. `random {name} = bernoulli(0.5) every step`"
        yield mistakes.simple("not-a-draw", text, statement.span, hint)
    if kind != "random" and statement.every is not None:
        text = f"`every {statement.every.text}` belongs to `random`; a {kind} is not drawn anew"
        yield mistakes.simple("misplaced-value", text, statement.every.span)
