"""Optimisers as equations: an update is ordinary nodes, evaluated when a group of parameters commits.

Every optimiser is element by element, so `adam` for all parameters and one `adam` for each are the same.
Moments and the number of updates are stored beside the parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snc.build import mistakes
from snc.build.context import Context
from snc.build.values import Config, Lst, Num, Val
from snc.graph.graph import Group, Write
from snc.model.plan import Draw, RateGroup, RateSchedule


@dataclass(frozen=True)
class Optimiser:
    """An optimiser with its rate as the engine will feed it."""

    config: Config
    rate: RateGroup


def apply(
    ctx: Context, optimiser: Optimiser, group: Group, stored: str, value: Val, gradient: str
) -> None:
    """Add the writes that update one stored parameter from its accumulated gradient."""
    rule = RULES[optimiser.config.word]
    step = Step(ctx, optimiser, group, stored, value, gradient)
    after = rule(step)
    ctx.writes.append(Write(stored, after, group.name, group.gate, gradient))


@dataclass
class Step:
    """What the equations of an optimiser are written with."""

    ctx: Context
    optimiser: Optimiser
    group: Group
    stored: str
    value: Val
    gradient: str

    def number(self, name: str, default: float) -> str:
        """An argument as a constant."""
        given = self.optimiser.config.get(name)
        if given is None:
            return self.ctx.builder.number(default)
        number = self.ctx.constant(given, self.optimiser.config.span, f"`{name}`")
        return self.ctx.builder.number(number)

    def betas(self, default: tuple[float, float]) -> tuple[float, float]:
        """The two decays of the moments."""
        given = self.optimiser.config.get("betas")
        if given is None:
            return default
        items = given.items if isinstance(given, Lst) else ()
        if len(items) != 2:
            self.ctx.fail(
                mistakes.simple(
                    "bad-betas", "`betas` takes two numbers", self.optimiser.config.span
                )
            )
        span = self.optimiser.config.span
        first, second = (self.ctx.constant(i, span, "`betas`") for i in items)
        return first, second

    @property
    def rate(self) -> str:
        """The learning rate."""
        return self.ctx.builder.node("scalar", name=f"rate:{self.optimiser.rate.name}")

    def moment(self, name: str) -> str:
        """A stored array like the parameter, at first 0."""
        order = self.ctx.builder.nodes[self.value.node].get("order")
        value = self.ctx.store(f"{self.stored}.{name}", order, "optimiser", Draw("zeros"))
        return value.node

    def keep(self, name: str, value: str) -> str:
        """Write a moment."""
        self.ctx.writes.append(
            Write(f"{self.stored}.{name}", value, self.group.name, self.group.gate)
        )
        return value

    def count(self) -> str:
        """The number of this update, from 1; one counter for each group and optimiser."""
        build = self.ctx.builder
        name = f"optimiser.{self.group.name}.count"
        before = self.ctx.store(name, (), "optimiser", Draw("zeros")).node
        now = build.add(before, build.number(1))
        if not any(w.stored == name for w in self.ctx.writes):
            self.ctx.writes.append(Write(name, now, self.group.name, self.group.gate))
        return now


def _sgd(s: Step) -> str:
    """theta - rate g; with momentum b = mu b + g, and g + mu b instead of b if nesterov."""
    b = s.ctx.builder
    momentum = s.optimiser.config.get("momentum")
    direction = s.gradient
    if momentum is not None:
        mu = s.number("momentum", 0.0)
        buffer = s.keep("momentum", b.add(b.mul(mu, s.moment("momentum")), s.gradient))
        nesterov = s.optimiser.config.get("nesterov")
        looks_ahead = isinstance(nesterov, Num) and nesterov.value
        direction = b.add(s.gradient, b.mul(mu, buffer)) if looks_ahead else buffer
    return b.sub(s.value.node, b.mul(s.rate, direction))


def _moments(s: Step) -> tuple[str, float, float]:
    b = s.ctx.builder
    first, second = s.betas((0.9, 0.999))
    kept = b.mul(b.number(first), s.moment("m"))
    m = s.keep("m", b.add(kept, b.mul(b.number(1 - first), s.gradient)))
    return m, first, second


def _adam(s: Step) -> str:
    """Kingma and Ba 2015; eps is added after the bias correction of the root."""
    b = s.ctx.builder
    m, first, second = _moments(s)
    kept = b.mul(b.number(second), s.moment("v"))
    square = b.mul(b.mul(b.number(1 - second), s.gradient), s.gradient)
    v = s.keep("v", b.add(kept, square))
    n = s.count()
    one = b.number(1)
    rate = b.div(s.rate, b.sub(one, b.apply("pow", b.number(first), n)))
    root = b.apply("sqrt", b.sub(one, b.apply("pow", b.number(second), n)))
    below = b.add(b.div(b.apply("sqrt", v), root), s.number("eps", 1e-8))
    return b.sub(s.value.node, b.mul(rate, b.div(m, below)))


def _adamax(s: Step) -> str:
    """Adam with the largest gradient, decaying, in place of the root mean square."""
    b = s.ctx.builder
    m, first, second = _moments(s)
    size = b.add(b.apply("abs", s.gradient), s.number("eps", 1e-8))
    u = s.keep("u", b.apply("max", b.mul(b.number(second), s.moment("u")), size))
    rate = b.div(s.rate, b.sub(b.number(1), b.apply("pow", b.number(first), s.count())))
    return b.sub(s.value.node, b.mul(rate, b.div(m, u)))


RULES: dict[str, Callable[[Step], str]] = {"sgd": _sgd, "adam": _adam, "adamax": _adamax}


def schedule_of(ctx: Context, config: Config) -> RateSchedule:
    """The rate's schedule as plain data."""
    given = config.get("schedule")
    if given is None:
        return RateSchedule()
    given = ctx.pick(given)
    if not isinstance(given, Config) or given.word not in ("cosine", "plateau", "drops"):
        ctx.fail(
            mistakes.simple(
                "not-a-schedule",
                "a schedule is `cosine(...)`, `plateau(...)` or `drops(...)`",
                config.span,
            )
        )

    def number(name: str, default: float) -> float:
        value = given.get(name)
        return default if value is None else ctx.constant(value, given.span, f"`{name}`")

    if given.word == "cosine":
        return RateSchedule("cosine", period=number("period", 1), floor=number("floor", 0))
    if given.word == "drops":
        return RateSchedule("drops", period=number("period", 1), factor=number("factor", 0.1))
    quantity = getattr(given.get("quantity"), "text", "")
    return RateSchedule(
        "plateau", factor=number("factor", 0.1), patience=int(number("patience", 10)),
        threshold=number("threshold", 1e-4), quantity=quantity,
    )  # fmt: skip
