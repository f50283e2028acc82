"""What of the compiler can be left out: passes over the graph, parts of the schedule, ways to make products."""

from __future__ import annotations

from collections.abc import Sequence

from snc import passes
from snc.diagnostics import DataError, did_you_mean
from snc.program import schedule

WAYS = ("lists", "matrices")
"""How sums of products are made: by adding the rows of what is not 0, or by multiplying matrices."""
OPTIONAL = (*passes.OPTIONAL, *schedule.OPTIONAL, *WAYS)


def refuse_unknown(without: Sequence[str]) -> None:
    """Raise DataError for a name that is none of these."""
    for name in without:
        if name not in OPTIONAL:
            hint = did_you_mean(name, OPTIONAL) or f"there are {', '.join(OPTIONAL)}"
            raise DataError("unknown-pass", f"no pass is called `{name}`", help=hint)


def of_a_backend(without: Sequence[str]) -> tuple[str, ...]:
    """Those that are not passes: backends leave them out."""
    return tuple(w for w in without if w not in passes.OPTIONAL)
