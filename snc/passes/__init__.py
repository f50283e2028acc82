"""Graph to graph: derivatives become equations, and the equations become fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snc.diagnostics import DataError, did_you_mean
from snc.graph.graph import Graph
from snc.passes.expand_gradients import expand_gradients
from snc.passes.factorise import factorise
from snc.passes.fold_constants import fold_constants
from snc.passes.hoist_updates import hoist_updates
from snc.passes.remove_unused import remove_unused
from snc.passes.share import share

Pass = Callable[[Graph], Graph]

LOWER: tuple[Pass, ...] = (
    expand_gradients,  # first: later passes see forward equations and derivatives alike
)
PASSES: tuple[Pass, ...] = (
    fold_constants,  # before factorise: a factor 0 removes a term, and then its trace
    remove_unused,  # before factorise: only eligibilities that are learned from are expanded
    factorise,
    hoist_updates,  # after factorise: sums over steps end at the products
    fold_constants,  # what the passes above left of numbers
    share,  # traces of several rules on the same population are one
    remove_unused,
)


def run_passes(
    graph: Graph,
    without: Sequence[str] = (),
    seen: Callable[[str, object], None] = lambda name, value: None,
) -> Graph:
    """Lower and optimise a graph; `without` names passes to leave out, which changes speed only."""
    known = [getattr(p, "__name__", "") for p in PASSES]
    for name in without:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {', '.join(dict.fromkeys(known))}"
            raise DataError("unknown-pass", f"no pass is called `{name}`", help=hint)
    for apply in (*LOWER, *PASSES):
        name = getattr(apply, "__name__", "pass")
        if name in without and apply not in LOWER:
            continue
        graph = apply(graph)
        seen(f"graph after {name}", graph)
    return graph
