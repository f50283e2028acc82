"""Optimisers as equations: an update is ordinary nodes, evaluated when a group of parameters commits.

Every optimiser is element by element, so `adam` for all parameters and one `adam` for each are the same.
Moments and the number of updates are stored beside the parameter. Where an update is due every several
sequences, so are the gradients of the sequences so far and how many they are; the equations are evaluated
at the end of every sequence, and their results taken at the last of a turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snc.build import mistakes
from snc.build.context import Context
from snc.build.ranges import in_range
from snc.build.values import Config, Lst, Object, Val
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
    turn = None
    if group.unit == "sequences" and group.every > 1:
        turn = turn_of(ctx, group)
        gradient = _with_earlier(ctx, group, stored, value, gradient, turn)
    step = Step(ctx, optimiser, group, stored, value, gradient, turn)
    after = RULES[optimiser.config.word](step)
    step.write(stored, step.bounded(after), value.node, gradient)


# Updates every several sequences ------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """Where a group that is updated every several sequences stands at the end of one.

    due: 1 where this sequence is the last of a turn. commit: 1 where it is, and some step of the turn
    was inside the window.
    """

    due: str
    commit: str


def turn_of(ctx: Context, group: Group) -> Turn:
    """Count sequences, from the start of the phase: both counts are stored, and so are checkpointed."""
    b = ctx.builder
    one, zero = b.number(1), b.number(0)

    def counted(name: str, added: str) -> tuple[str, str]:
        stored = f"optimiser.{group.name}.{name}"
        return stored, b.add(ctx.store(stored, (), "optimiser", Draw("zeros")).node, added)

    def keep(stored: str, now: str, due: str) -> None:
        if not any(w.stored == stored for w in ctx.writes):
            ctx.writes.append(
                Write(stored, b.apply("where", due, zero, now), group.name, group.gate)
            )

    # A sum over all steps of the sequence: the group then ends every sequence, also an idle one.
    steps = b.node("collect", (one, one), (), group=group.name)
    sequences, now = counted("sequences", b.apply("gt", steps, zero))
    due = b.apply("ge", now, b.number(group.every))
    keep(sequences, now, due)
    if b.value_of(group.gate):
        return Turn(due, due)
    inside = b.node("collect", (one, group.gate), (), group=group.name)
    opened, seen = counted("opened", inside)
    keep(opened, seen, due)
    return Turn(due, b.apply("and", due, b.apply("gt", seen, zero)))


def _with_earlier(
    ctx: Context, group: Group, stored: str, value: Val, gradient: str, turn: Turn
) -> str:
    """The gradient added to that of the earlier sequences of the turn, which is stored."""
    b, name = ctx.builder, f"{stored}.sum"
    order = b.nodes[value.node].get("order")
    total = b.add(ctx.store(name, order, "optimiser", Draw("zeros")).node, gradient)
    left = b.apply("where", turn.due, b.number(0), total)
    ctx.writes.append(Write(name, left, group.name, group.gate))
    return total


# Equations ----------------------------------------------------------------------------------------------


@dataclass
class Step:
    """What the equations of an optimiser are written with."""

    ctx: Context
    optimiser: Optimiser
    group: Group
    stored: str
    value: Val
    gradient: str
    turn: Turn | None = None

    def write(self, name: str, value: str, before: str, gradient: str = "") -> None:
        """A stored array gets its new value, or keeps the one before while a turn is not over."""
        if self.turn is not None:
            value = self.ctx.builder.apply("where", self.turn.commit, value, before)
        self.ctx.writes.append(Write(name, value, self.group.name, self.group.gate, gradient))

    def number(self, name: str, default: float) -> str:
        """An argument as a constant."""
        given = self.optimiser.config.get(name)
        if given is None:
            return self.ctx.builder.number(default)
        return self.ctx.builder.number(argument(self.ctx, self.optimiser.config, name))

    def two(self, name: str, code: str) -> tuple[float, float] | None:
        """An argument that is a list of two numbers."""
        given = self.optimiser.config.get(name)
        if given is None:
            return None
        items = given.items if isinstance(given, Lst) else ()
        span = self.optimiser.config.span
        if len(items) != 2:
            self.ctx.fail(mistakes.simple(code, f"`{name}` takes two numbers", span))
        first, second = (argument(self.ctx, self.optimiser.config, name, i) for i in items)
        return first, second

    def betas(self) -> tuple[float, float]:
        """The two decays of the moments."""
        return self.two("betas", "bad-betas") or (0.9, 0.999)

    def bounded(self, after: str) -> str:
        """A weight's new value, clipped to the optimiser's bounds; a bias or gain has none."""
        bounds = self.two("bounds", "bad-bounds")
        weights = {p.owned.get("weight") for p in self.ctx.projections.values()}
        if bounds is None or self.stored not in weights:
            return after
        low, high = bounds
        if not low < high:
            text = f"`bounds` goes from {low:g} to {high:g}; the lower one comes first"
            self.ctx.fail(mistakes.simple("bad-bounds", text, self.optimiser.config.span))
        b = self.ctx.builder
        return b.apply("min", b.apply("max", after, b.number(low)), b.number(high))

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
        self.write(f"{self.stored}.{name}", value, self.moment(name))
        return value

    def count(self) -> str:
        """The number of this update, from 1; one counter for each group and optimiser."""
        build = self.ctx.builder
        name = f"optimiser.{self.group.name}.count"
        before = self.ctx.store(name, (), "optimiser", Draw("zeros")).node
        now = build.add(before, build.number(1))
        if not any(w.stored == name for w in self.ctx.writes):
            self.write(name, now, before)
        return now


def _sgd(s: Step) -> str:
    """theta - rate g; with momentum b = mu b + g, and g + mu b instead of b if nesterov."""
    config = s.optimiser.config
    ahead = config.get("nesterov")
    looks_ahead = ahead is not None and bool(s.ctx.constant(ahead, config.span, "`nesterov`"))
    if config.get("momentum") is None:
        if looks_ahead:
            s.ctx.fail(mistakes.missing_argument(config.span, "sgd", "momentum"))
        return s.ctx.builder.sub(s.value.node, s.ctx.builder.mul(s.rate, s.gradient))
    return _with_momentum(s, s.gradient, 0.0, looks_ahead)


def _nag(s: Step) -> str:
    """Nesterov's accelerated gradient: b = mu b + g, theta - rate (g + mu b)."""
    return _with_momentum(s, s.gradient, 0.9, looks_ahead=True)


def _with_momentum(s: Step, direction: str, default: float, looks_ahead: bool) -> str:
    b = s.ctx.builder
    mu = s.number("momentum", default)
    buffer = s.keep("momentum", b.add(b.mul(mu, s.moment("momentum")), direction))
    direction = b.add(direction, b.mul(mu, buffer)) if looks_ahead else buffer
    return b.sub(s.value.node, b.mul(s.rate, direction))


def _rmsprop(s: Step) -> str:
    """Tieleman and Hinton 2012: v = decay v + (1 - decay) g^2, theta - rate g / (sqrt(v) + eps).

    With momentum b = mu b + g / (sqrt(v) + eps), and theta - rate b.
    """
    b = s.ctx.builder
    decay = s.number("decay", 0.99)
    fresh = b.mul(b.mul(b.sub(b.number(1), decay), s.gradient), s.gradient)
    v = s.keep("v", b.add(b.mul(decay, s.moment("v")), fresh))
    direction = b.div(s.gradient, b.add(b.apply("sqrt", v), s.number("eps", 1e-8)))
    if s.optimiser.config.get("momentum") is not None:
        return _with_momentum(s, direction, 0.0, looks_ahead=False)
    return b.sub(s.value.node, b.mul(s.rate, direction))


def _moments(s: Step) -> tuple[str, float, float]:
    b = s.ctx.builder
    first, second = s.betas()
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


RULES: dict[str, Callable[[Step], str]] = {
    "sgd": _sgd,
    "nag": _nag,
    "adam": _adam,
    "adamax": _adamax,
    "rmsprop": _rmsprop,
}


def argument(ctx: Context, config: Config, name: str, item: Object | None = None) -> float:
    """A number among the arguments of an optimiser or schedule, or an item of one that is a list."""
    span, given = config.place(name), config.get(name) if item is None else item
    return in_range(ctx, config.word, name, ctx.constant(given, span, f"`{name}`"), span)


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
        return default if given.get(name) is None else argument(ctx, given, name)

    if given.word == "cosine":
        return RateSchedule("cosine", period=number("period", 1), floor=number("floor", 0))
    if given.word == "drops":
        return RateSchedule("drops", period=number("period", 1), factor=number("factor", 0.1))
    quantity = str(getattr(given.get("quantity"), "text", ""))
    bare = quantity.removeprefix("test.").removeprefix("train.")
    if ctx.reported is not None and bare not in ctx.reported:
        ctx.fail(mistakes.unknown_metric(given.span, bare, ctx.reported))
    return RateSchedule(
        "plateau", factor=number("factor", 0.1), patience=int(number("patience", 10)),
        threshold=number("threshold", 1e-4), quantity=quantity,
    )  # fmt: skip
