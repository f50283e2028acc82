"""`snc explain --table`: one row for every rule of a spec, each cell derived from the graph.

A row is a rule with a signal at the hidden layers of one network. What it costs there is counted as a
polynomial in the sizes of the network (snc/explain/symbols.py); where the network is a chain of at least four
hidden layers, each of a size of its own, and a layer more costs the same anywhere between the first and the
last, so is what L layers cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from snc.build.experiment import Built
from snc.explain.certificate import QUESTIONS
from snc.explain.cone import Cone
from snc.explain.locality import BROADCAST, NO, YES, Locality, Verdict, locality
from snc.explain.marks import mark
from snc.explain.memory import memory
from snc.explain.network import Network, Site, network_of, shown_name
from snc.explain.symbols import NONE, Polynomial, Symbols, symbols_of
from snc.explain.work import operations
from snc.graph.graph import size

COSTS = ("memory", "signal", "synapses", "products", "auxiliary")
KIND = {"signal": "signal", "pairs": "signal", "synapses": "synapses", "weights": "products"}
WORST = {q: (YES, NO) if q == "samples" else (NO, BROADCAST, YES) for q in QUESTIONS}


@dataclass(frozen=True)
class Cost:
    """What the layers cost together, and what one more of them between two others would add.

    `total` tells layers apart by their symbols; `inner`, if it is known, does not.
    """

    total: Polynomial
    inner: Polynomial | None
    layers: int

    @property
    def order(self) -> str:
        """How it grows, as the published tables say it."""
        return self.of_depth.order()

    @property
    def of_depth(self) -> Polynomial:
        """The total for L layers of n neurons, if that is known."""
        total = self.total.plain()
        if self.inner is None:
            return total
        return self.inner.times("L") + (total - self.inner.times(number=self.layers))

    def __add__(self, other: Cost) -> Cost:
        inner = None
        if self.inner is not None and other.inner is not None:
            inner = self.inner + other.inner
        return Cost(self.total + other.total, inner, self.layers)


@dataclass(frozen=True)
class Row:
    """One rule of one experiment: at which layers, its verdicts there, and its costs by the names of COSTS."""

    experiment: str
    title: str
    rule: str
    signal: str
    layers: tuple[str, ...]
    locality: Locality
    costs: Mapping[str, Cost]

    @property
    def time(self) -> Cost:
        """What the signal and the synapses cost: all but the products that make the updates."""
        return self.costs["signal"] + self.costs["synapses"]


def rows_of(built: Built, title: str) -> list[Row]:
    """The rows of a built experiment: the rules at its hidden layers, at all layers if none is hidden."""
    marked = mark(built)
    network = network_of(marked)
    cones = [Cone(marked, network, k) for k in range(len(marked.rules))]
    groups: dict[tuple[str, str], list[Cone]] = {}
    for cone in _hidden(network, cones):
        groups.setdefault((cone.rule.rule.name, cone.rule.signal), []).append(cone)
    name = built.experiment.name
    symbols = _symbols(built, network)
    return [
        Row(
            name,
            title,
            *key,
            tuple(shown_name(s.name) for s in _sites(network, found)),
            _worst([locality(cone) for cone in found]),
            _costs(network, found, symbols),
        )
        for key, found in groups.items()
    ]


def _site(network: Network, cone: Cone) -> Site:
    return network.site_of(cone.rule.projection.path)


def _sites(network: Network, cones: Iterable[Cone]) -> list[Site]:
    names = {_site(network, cone).name for cone in cones}
    return [s for s in network.sites.values() if s.name in names]


def _hidden(network: Network, cones: Sequence[Cone]) -> list[Cone]:
    hidden = [c for c in cones if not network.is_output(_site(network, c).name)]
    return hidden or list(cones)


def _worst(all_of: Sequence[Locality]) -> Locality:
    """Each verdict as it is at the layer where it is worst."""
    found: dict[str, Verdict] = {}
    for question in QUESTIONS:
        verdicts: list[Verdict] = [getattr(one, question) for one in all_of]
        found[question] = min(verdicts, key=lambda v: WORST[question].index(v.grade))
    return Locality(**found)


# Costs --------------------------------------------------------------------------------------------------


def _symbols(built: Built, network: Network) -> Symbols:
    """Symbols for the layers of a network without convolutions; for others all counts are numbers."""
    sites = list(network.sites.values())
    if any(len(s.shape) != 1 for s in sites):
        return Symbols({})
    hidden = [s.shape[0] for s in sites if not network.is_output(s.name)]
    outputs = [s.shape[0] for s in sites if network.is_output(s.name)]
    projections = (built.context.projections[p] for s in sites for p in s.projections)
    read = dict.fromkeys(size(p.geometry.pre) for p in projections)
    return symbols_of([n for n in read if n not in (*hidden, *outputs)], hidden, outputs)


def _costs(network: Network, cones: Sequence[Cone], symbols: Symbols) -> dict[str, Cost]:
    totals, sites = _totals(cones, symbols), _sites(network, cones)
    if not (symbols.told_apart and _is_chain(network, sites)):
        return {name: Cost(total, None, len(sites)) for name, total in totals.items()}
    shares = []
    for number, site in enumerate(sites, 1):
        others = _totals([c for c in cones if _site(network, c) is not site], symbols)
        shares.append({n: _share(total, others[n], number) for n, total in totals.items()})
    return {
        name: Cost(total, _alike([share[name] for share in shares[1:-1]]), len(sites))
        for name, total in totals.items()
    }


def _totals(cones: Sequence[Cone], symbols: Symbols) -> dict[str, Polynomial]:
    """What some projections cost together; what they share is counted once."""
    found = dict.fromkeys(COSTS, Polynomial())
    keeps = memory(cones)
    for kept in keeps.kept:
        name = "memory" if kept.per_sample else "auxiliary"
        found[name] += symbols.count(kept.axes)
    for kept in keeps.tape:
        found["memory"] += symbols.count(kept.axes).times("T")
    for matrix in keeps.matrices:
        found["auxiliary"] += symbols.count(matrix.axes)
    for operation in operations(cones):
        count = symbols.count(operation.axes)
        found[KIND[operation.kind]] += count.times("T") if operation.backward else count
    return found


def _share(total: Polynomial, others: Polynomial, layer: int) -> Polynomial:
    """A layer's own part: what lies along its neurons, and of what lies along no layer's what only it needs.

    others: what all layers but this one cost.
    """
    return (total.of_layer(layer) + total.of_layer(NONE) - others.of_layer(NONE)).plain()


def _alike(shares: Sequence[Polynomial]) -> Polynomial | None:
    """The share of any layer between the first and the last, if there are several and they are equal."""
    return shares[0] if len(shares) > 1 and len(set(shares)) == 1 else None


def _is_chain(network: Network, learning: Sequence[Site]) -> bool:
    """Whether all hidden layers learn and each reads the one before it, and itself if it is recurrent."""
    hidden = [s for s in network.sites.values() if not network.is_output(s.name)]
    if [s.name for s in hidden] != [s.name for s in learning]:
        return False
    return all(above.below - {above.name} == {below.name} for below, above in pairwise(hidden))
