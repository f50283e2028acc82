"""What a text reads: every name in it, what is called with which arguments, and what is one step old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from snc.lang import ast
from snc.source import Span

SPACES = {"network": "network", "data": "dataset", "test_data": "dataset"}
"""Settings of an experiment that call something which is no value."""

PERIODS = frozenset(["step", "steps", "sequence", "sequences", "epoch", "epochs"])


@dataclass(frozen=True)
class Reading:
    """A name being read, or called if there are `arguments`. `now` is false below a `[t-1]`."""

    name: ast.Name
    space: str = "value"
    arguments: tuple[ast.Argument, ...] | None = None
    piped: bool = False
    now: bool = True
    span: Span | None = None  # of the call
    slot: tuple[str, str | int] | None = (
        None  # what it is an argument of: `train` in `part = train`
    )

    @property
    def called(self) -> bool:
        """Whether arguments are given."""
        return self.arguments is not None


CLAUSES = {"by": "rule", "from": "signal", "at": None}
"""What a clause that is given anew, `learn.h.by = other()`, calls; a place is no name of the text."""


def readings(node: Any, now: bool = True) -> Iterator[Reading]:
    """Everything a piece of text reads, in the order of the text."""
    match node:
        case ast.Name():
            yield Reading(node, now=now)
        case ast.Call():
            yield from _call(node, "value", False, now)
        case ast.Pipe(value=value, step=step):
            yield from readings(value, now)
            yield from _call(step, "value", True, now)
        case ast.Member(owner=owner):
            yield from readings(owner, now)
        case ast.Index(value=value, index=index):
            yield from readings(value, False)
            if is_delay(index) and isinstance(index, ast.Binary):
                yield from readings(index.right, now)
        case ast.ByRule(call=call):
            yield from _call(call, "rule", False, now)
        case ast.FromSignal(call=call):
            yield from _call(call, "signal", False, now)
        case ast.Last(length=ast.Name(text=text)) if text in PERIODS:
            return
        case ast.Schedule(period=ast.Name(text=text)) if text in PERIODS:
            return
        case ast.Experiment():
            yield from _experiment(node)
        case ast.Ident() | ast.Path() | ast.Override() | ast.Selection() | ast.AtPlace():
            return
        case ast.Node():
            for name in _parts(type(node).__name__):
                yield from readings(getattr(node, name), now)
        case tuple():
            for item in node:
                yield from readings(item, now)


def _experiment(node: ast.Experiment) -> Iterator[Reading]:
    if node.base is not None:
        yield from _call(node.base, "experiment", False, True)
    yield from readings(node.parameters)
    yield from _settings(node.body)


def _settings(body: tuple[ast.Statement, ...]) -> Iterator[Reading]:
    for statement in body:
        match statement:
            case ast.Definition(path=ast.Path(parts=parts), value=value) if _setting(parts):
                yield from _call(value, SPACES[parts[-1].text], False, True)
            case ast.Definition(path=ast.Override(selector=selector), value=value) if (
                selector.parts[-1] in CLAUSES
            ):
                if (space := CLAUSES[selector.parts[-1]]) is not None:
                    yield from _call(value, space, False, True)
            case ast.Phase(body=inner) | ast.Settings(body=inner):
                yield from _settings(inner)
            case _:
                yield from readings(statement)


def _setting(parts: tuple[ast.Ident, ...]) -> bool:
    """`network`, `data`, or one of them in a phase: `pretrain.data`; not an argument, `data.window`."""
    return parts[-1].text in SPACES and len(parts) <= 2


def _call(node: Any, space: str, piped: bool, now: bool) -> Iterator[Reading]:
    """A call as written, or the name of what is called without arguments."""
    called, arguments = (
        (node.function, node.arguments) if isinstance(node, ast.Call) else (node, ())
    )
    if isinstance(called, ast.Name):
        yield Reading(called, space, arguments, piped, now, node.span)
    else:
        yield from readings(called, now)
    for position, argument in enumerate(arguments):
        value, name = argument.value, argument.name.text if argument.name else position + piped
        bare = value.items if isinstance(value, ast.ListOf) else (value,)
        if isinstance(called, ast.Name) and all(isinstance(v, ast.Name) for v in bare):
            slot = (called.text, name)
            yield from (Reading(v, now=now, slot=slot) for v in bare if isinstance(v, ast.Name))
        else:
            yield from readings(value, now)


def is_delay(index: ast.Expr) -> bool:
    """Whether an index is `t - k`."""
    return (
        isinstance(index, ast.Binary)
        and index.operator == "-"
        and isinstance(index.left, ast.Name)
        and index.left.text == "t"
    )


@cache
def _parts(kind: str) -> tuple[str, ...]:
    """The fields of a kind of node that hold nodes."""
    plain = (
        "span",
        "text",
        "digits",
        "unit",
        "operator",
        "kind",
        "every",
        "measure",
        "name",
        "doc",
    )
    return tuple(f.name for f in fields(getattr(ast, kind)) if f.name not in plain)


def every(node: Any) -> Iterator[ast.Node]:
    """All nodes below a node, itself first."""
    if isinstance(node, ast.Node):
        yield node
        for name in _parts(type(node).__name__):
            yield from every(getattr(node, name))
    elif isinstance(node, tuple):
        for item in node:
            yield from every(item)
