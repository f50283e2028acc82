"""What of the compiler can be left out: passes over the graph, and parts of the schedule."""

from __future__ import annotations

from collections.abc import Sequence

from snc import passes
from snc.diagnostics import DataError, did_you_mean
from snc.program import schedule

OPTIONAL = (*passes.OPTIONAL, *schedule.OPTIONAL)


def refuse_unknown(without: Sequence[str]) -> None:
    """Raise DataError for a name that is none of these."""
    for name in without:
        if name not in OPTIONAL:
            hint = did_you_mean(name, OPTIONAL) or f"there are {', '.join(OPTIONAL)}"
            raise DataError("unknown-pass", f"no pass is called `{name}`", help=hint)


def of_the_schedule(without: Sequence[str]) -> tuple[str, ...]:
    """Those that are parts of the schedule."""
    return tuple(w for w in without if w in schedule.OPTIONAL)
