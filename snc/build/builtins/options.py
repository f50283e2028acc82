"""Draws, optimisers, schedules and report options: plain data for the engine."""

from __future__ import annotations

from collections.abc import Callable

from snc.build import mistakes
from snc.build.builtins.table import Arguments
from snc.build.context import Context
from snc.build.ranges import in_range
from snc.build.values import Config, First, Num, Object, Val, Word
from snc.model.plan import Draw


def _fixed(word: str, *names: tuple[str, float | None]) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return First(Draw(word, tuple(a.number(n, d) for n, d in names)))

    return run


def _drawn(word: str, *names: str) -> Callable[[Context, Arguments], Object]:
    """A draw whose arguments may be values where it is drawn anew (`random`): `@node` is one."""

    def run(ctx: Context, a: Arguments) -> Object:
        return First(Draw(word, tuple(_number_or_value(ctx, a, n) for n in names)))

    return run


def _number_or_value(ctx: Context, a: Arguments, name: str) -> float | str:
    value = a.get(name)
    if not isinstance(value, Val) or ctx.builder.value_of(value.node) is not None:
        return in_range(ctx, a.what, name, a.number(name), a.place(name))
    if value.dim:
        ctx.fail(mistakes.not_plain(a.place(name), f"`{name}` of `{a.what}`", value.dim))
    return "@" + value.node


def _uniform(ctx: Context, a: Arguments) -> Object:
    if "high" in a.values:
        return _drawn("uniform", "low", "high")(ctx, a)
    low = a.number("low")
    return First(Draw("uniform", (-low, low)))


def _kaiming(word: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        fan = a.get("fan")
        text = fan.text if isinstance(fan, Word) else "in"
        return First(Draw(word, (text,)))

    return run


def _one_per_column(ctx: Context, a: Arguments) -> Object:
    inner = a.get("draw")
    if not isinstance(inner, First):
        ctx.fail(mistakes.simple("not-a-draw", "`one_per_column` takes a draw", a.place("draw")))
    return First(Draw("one_per_column", (inner.draw,)))


def _config(word: str) -> Callable[[Context, Arguments], Object]:
    def run(ctx: Context, a: Arguments) -> Object:
        return Config(word, tuple(a.values.items()), a.span, tuple(a.spans.items()))

    return run


def _top(ctx: Context, a: Arguments) -> Object:
    return Config("top", (("n", Num(float(a.whole("n")))),), a.span)


RUN = {
    "zeros": _fixed("zeros"), "ones": _fixed("ones"), "fill": _fixed("fill", ("value", None)),
    "uniform": _uniform, "normal": _drawn("normal", "deviation"), "bernoulli": _drawn("bernoulli", "p"),
    "kaiming_normal": _kaiming("kaiming_normal"), "kaiming_uniform": _kaiming("kaiming_uniform"),
    "fan_in_uniform": _fixed("fan_in_uniform", ("scale", 1.0)), "one_per_column": _one_per_column,
    "poisson": _drawn("poisson", "rate"), "gamma": _drawn("gamma", "shape", "rate"),
    **{w: _config(w) for w in ("sgd", "nag", "adam", "adamax", "rmsprop", "cosine", "plateau", "drops")}, "top": _top,
}  # fmt: skip
