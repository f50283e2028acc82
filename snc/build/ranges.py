"""Between which numbers the arguments of draws, optimisers and schedules lie, where they are known before a run."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

from snc.build import mistakes
from snc.build.context import Context
from snc.source import Span


@dataclass(frozen=True, slots=True)
class Range:
    """Finite numbers from `low` to `high`; an open end does not belong to it."""

    low: float
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, number: float) -> bool:
        above = number > self.low if self.low_open else number >= self.low
        below = number < self.high if self.high_open else number <= self.high
        return isfinite(number) and above and below

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.low_open else f"at least {self.low:g}"
        if self.high == inf:
            return low
        return f"{low} and {'below' if self.high_open else 'at most'} {self.high:g}"


POSITIVE, NOT_NEGATIVE = Range(0, low_open=True), Range(0)
SHARE, DECAY = Range(0, 1), Range(0, 1, high_open=True)
RANGES: dict[str, dict[str, Range]] = {
    "bernoulli": {"p": SHARE},
    "poisson": {"rate": NOT_NEGATIVE},
    "gamma": {"shape": POSITIVE, "rate": POSITIVE},
    "sgd": {"rate": NOT_NEGATIVE, "momentum": DECAY},
    "nag": {"rate": NOT_NEGATIVE, "momentum": DECAY},
    "adam": {"rate": NOT_NEGATIVE, "betas": DECAY, "eps": NOT_NEGATIVE},
    "adamax": {"rate": NOT_NEGATIVE, "betas": DECAY, "eps": NOT_NEGATIVE},
    "rmsprop": {"rate": NOT_NEGATIVE, "decay": SHARE, "eps": NOT_NEGATIVE, "momentum": DECAY},
    "cosine": {"period": POSITIVE, "floor": SHARE},
    "drops": {"period": POSITIVE, "factor": NOT_NEGATIVE},
    "plateau": {"factor": NOT_NEGATIVE, "patience": NOT_NEGATIVE, "threshold": NOT_NEGATIVE},
}


def in_range(ctx: Context, word: str, name: str, number: float, span: Span) -> float:
    """The number, if argument `name` of `word` may be that; fails otherwise."""
    allowed = RANGES.get(word, {}).get(name)
    if allowed is not None and number not in allowed:
        ctx.fail(mistakes.out_of_range(span, name, word, number, str(allowed)))
    return number
