"""The words of the language that are not written in it, by name."""

from __future__ import annotations

import math
from typing import Any

from snc.build.builtins import data, elementwise, learning, options, projections, reductions, shapes
from snc.build.builtins.table import OPTION_WORDS, OPTIONS, SIGNATURES, Arguments, option_words
from snc.build.context import Context
from snc.build.values import Data, Fun, Hole, Num, Object, Val, Word
from snc.graph.graph import SAMPLE
from snc.lang import ast
from snc.model.words import WORDS
from snc.source import Span

RUN: dict[str, Any] = {
    **elementwise.RUN, **reductions.RUN, **shapes.RUN, **projections.RUN, **learning.RUN, **options.RUN,
}  # fmt: skip
NUMBERS = {"pi": math.pi, "infinity": math.inf, "true": 1.0, "false": 0.0}
SCALARS = {"step", "steps", "epoch", "training"}


def builtin(ctx: Context, name: str, span: Span) -> Object | None:
    """The builtin value or function called `name`."""
    if name in NUMBERS:
        return Num(NUMBERS[name], unit="flag" if name in ("true", "false") else "")
    if name == "dt":
        return _dt(ctx)
    if name in SCALARS:
        return ctx.wrap(ctx.builder.node("scalar", (), (), span, name=name))
    if name == "length":
        return ctx.wrap(ctx.builder.node("field", (), (SAMPLE,), span, name="length"))
    if name in RUN or name in WORDS:
        return Fun(name, None, (("@run", run),))
    if name in OPTION_WORDS:
        return Word(name)
    return None


def _dt(ctx: Context) -> Num:
    """The length of a step; a stand-in where a declaration is looked at by itself."""
    if ctx.dt is None:
        return Num(1e-3 if ctx.alone else math.nan, 1, 1.0)
    return Num(ctx.dt, 1, 1.0)


def run(
    ctx: Context, function: Fun, given: list[tuple[str | None, Object, Span]], span: Span
) -> Object:
    """Call a builtin: bind its arguments, wait if there are holes, dispatch to data words."""
    fixed = {k: v for k, v in function.bound if k != "@run"}
    first = fixed.get("x") or (given[0][1] if given else None)
    if function.name in WORDS and (isinstance(first, Data) or function.name not in RUN):
        return data.call(ctx, function, fixed, given, span)
    if isinstance(first, Hole) and function.name in WORDS and function.name not in RUN:
        return data.call(ctx, function, fixed, given, span)
    arguments = Arguments.bind(ctx, function.name, SIGNATURES[function.name], fixed, given, span)
    if any(isinstance(v, Hole) for v in arguments.values.values()):
        kept = tuple((k, v) for k, v in arguments.values.items() if not isinstance(v, Hole))
        return Fun(function.name, None, (("@run", run), *kept))
    result: Object = RUN[function.name](ctx, arguments)
    return result


def is_word(function: str, name: str | None, position: int, value: ast.Expr) -> Object | None:
    """The argument as an option word, if that is what the parameter expects."""
    if function in WORDS:
        known = data.words_of(function, name)
        if isinstance(value, ast.Name) and value.text in known:
            return Word(value.text)
        if function not in RUN:
            return None
    signature = SIGNATURES.get(function, ())
    if name is None and position < len(signature):
        name = signature[position].name
    return option_words(name or "", value)


__all__ = ["OPTIONS", "Val", "builtin", "is_word"]
