"""Data words: each adds a step to a pipeline, which snc/data runs."""

from __future__ import annotations

from typing import Any

from snc.build import mistakes
from snc.build.context import Context
from snc.build.values import Data, Fun, Hole, Lst, Num, Object, Str, Word
from snc.model.plan import DataArgument, Duration, Pipeline, Share, Step
from snc.model.words import WORDS
from snc.source import Span


def words_of(function: str, name: str | None) -> frozenset[str]:
    """The option words that an argument of a data word takes; without a name, those of all."""
    arguments = WORDS[function].arguments
    return frozenset(o for a in arguments if name in (None, a.name) for o in a.options)


def call(
    ctx: Context,
    function: Fun,
    fixed: dict[str, Object],
    given: list[tuple[str | None, Object, Span]],
    span: Span,
) -> Object:
    """A source, or a step after what comes first."""
    word = WORDS[function.name]
    names = [a.name for a in word.arguments]
    if any(isinstance(v, Hole) for _, v, _ in given):
        ctx.fail(
            mistakes.simple(
                "not-callable", "a pipeline that waits for its source starts with `_ |`", span
            )
        )
    before: tuple[Step, ...] = ()
    if word.kind != "source":
        if not given or not isinstance(given[0][1], Data):
            ctx.fail(
                mistakes.simple(
                    "not-a-pipeline",
                    f"`{function.name}` follows a source: `tonic(...) | {function.name}(...)`",
                    span,
                )
            )
        before = given[0][1].pipeline.steps
        given = given[1:]
    values: dict[str, DataArgument] = {}
    rest: list[DataArgument] = []
    position = 0
    for name, value, where in given:
        if name is None:
            if word.variadic:
                rest.append(plain(ctx, value, where))
                continue
            if position >= len(names):
                ctx.fail(mistakes.too_many_arguments(where, function.name, names))
            name = names[position]
            position += 1
        elif name not in names:
            ctx.fail(mistakes.unknown_argument(where, function.name, name, names))
        values[name] = plain(ctx, value, where)
    for argument in word.arguments:
        if argument.name not in values and argument.needed:
            ctx.fail(mistakes.missing_argument(span, function.name, argument.name))
    if rest:
        values["rest"] = tuple(rest)
    return Data(Pipeline((*before, Step(function.name, tuple(sorted(values.items())), span))))


def plain(ctx: Context, value: Any, span: Span) -> DataArgument:
    """An argument as plain data."""
    match value:
        case Num(unit="%"):
            return Share(value.value)
        case Num(dim=1):
            return (
                Duration(steps=value.steps)
                if value.steps is not None
                else Duration(seconds=value.value)
            )
        case Num():
            return int(value.value) if value.value == int(value.value) else value.value
        case Word(text=text) | Str(text=text):
            return text
        case Lst(items=items):
            return tuple(plain(ctx, i, span) for i in items)
    ctx.fail(mistakes.not_a_value(span, value, "a number, a word or a list"))
