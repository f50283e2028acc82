"""Graph to graph: derivatives become equations, and the equations become fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snc.graph.graph import Graph
from snc.passes.exchange_traces import exchange_traces
from snc.passes.expand_gradients import expand_gradients
from snc.passes.expand_influence import expand_influence
from snc.passes.factorise import factorise
from snc.passes.fold_constants import fold_constants
from snc.passes.hoist_updates import hoist_updates
from snc.passes.merge_products import merge_products
from snc.passes.place_on_edges import place_on_edges
from snc.passes.remove_unused import remove_unused
from snc.passes.share import share

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    remove_unused,  # before derivatives: an evaluation may define much that it does not read
    expand_influence,  # before gradients, which it does not follow
    expand_gradients,  # then later passes see forward equations and derivatives alike
    fold_constants,  # before factorise: a factor 0 removes a term, and then its trace
    remove_unused,  # before factorise: only eligibilities that are learned from are expanded
    factorise,
    place_on_edges,  # what had no product form
    hoist_updates,  # after factorise: sums over steps end at the products
    exchange_traces,  # after hoist_updates: it looks for sums of products
    merge_products,  # after exchange_traces, which makes the presynaptic factors equal
    fold_constants,  # what the passes above left of numbers
    share,  # traces of several rules on the same population are one
    remove_unused,
)
# These make nodes that backends know from nodes that none does; without the others all is slower.
NEEDED = frozenset(["expand_influence", "expand_gradients", "place_on_edges"])


def name_of(apply: Pass) -> str:
    """The name a pass is called by."""
    return getattr(apply, "__name__", "pass")


OPTIONAL = tuple(dict.fromkeys(n for n in map(name_of, PASSES) if n not in NEEDED))


def run_passes(
    graph: Graph,
    without: Sequence[str] = (),
    seen: Callable[[str, object], None] = lambda name, value: None,
) -> Graph:
    """Lower and optimise a graph; `without` names passes to leave out, which changes speed only."""
    for apply in PASSES:
        if name_of(apply) not in without:
            graph = apply(graph)
            seen(f"graph after {name_of(apply)}", graph)
    return graph
