"""Draws, optimisers, schedules and report options: plain data for the engine."""

from __future__ import annotations

from collections.abc import Callable

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.values import Config, First, Num, Object, Word
from snc.model.plan import Draw


def _fixed(word: str, *names: tuple[str, float | None]) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return First(Draw(word, tuple(a.number(n, d) for n, d in names)))

    return run


def _uniform(ctx: Context, a: Arguments) -> Object:
    low = a.number("low")
    if "high" in a.values:
        return First(Draw("uniform", (low, a.number("high"))))
    return First(Draw("uniform", (-low, low)))


def _kaiming(word: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        fan = a.get("fan")
        text = fan.text if isinstance(fan, Word) else "in"
        if text not in ("in", "out"):
            ctx.fail(mistakes.simple("unknown-option", "`fan` is `in` or `out`", a.place("fan")))
        return First(Draw(word, (text,)))

    return run


def _one_per_column(ctx: Context, a: Arguments) -> Object:
    inner = a.get("draw")
    if not isinstance(inner, First):
        ctx.fail(mistakes.simple("not-a-draw", "`one_per_column` takes a draw", a.place("draw")))
    return First(Draw("one_per_column", (inner.draw,)))


def _config(word: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return Config(word, tuple(a.values.items()), a.span)

    return run


def _top(ctx: Context, a: Arguments) -> Object:
    return Config("top", (("n", Num(float(a.whole("n")))),), a.span)


RUN = {
    "zeros": _fixed("zeros"), "ones": _fixed("ones"), "fill": _fixed("fill", ("value", None)),
    "uniform": _uniform, "normal": _fixed("normal", ("deviation", None)),
    "kaiming_normal": _kaiming("kaiming_normal"), "kaiming_uniform": _kaiming("kaiming_uniform"),
    "fan_in_uniform": _fixed("fan_in_uniform", ("scale", 1.0)), "one_per_column": _one_per_column,
    "poisson": _fixed("poisson", ("rate", None)), "gamma": _fixed("gamma", ("shape", None), ("rate", None)),
    **{w: _config(w) for w in ("sgd", "adam", "adamax", "cosine", "plateau", "drops")}, "top": _top,
}  # fmt: skip
