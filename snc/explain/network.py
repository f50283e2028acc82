"""The inference network in a graph: which values it computes, whose they are, and what feeds what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from snc.build.learn import driven
from snc.build.values import Failed
from snc.explain.marks import INPUT, OUTPUT, VALUE, Marked, View
from snc.graph.graph import features, file_order

PROJECTIONS = ("project", "project_x", "project_w")


@dataclass(frozen=True)
class Site:
    """A population with the projections into it, or a projection that drives no neuron.

    `below` are the sites and inputs it reads, itself included where it is recurrent.
    """

    name: str
    shape: tuple[int, ...]
    block: str
    projections: tuple[str, ...]
    below: frozenset[str]


@dataclass(frozen=True)
class Network:
    """What inference computes. `owner` tells the site of a node; nodes between sites have none."""

    view: View
    forward: frozenset[str]
    owner: Mapping[str, str]
    sites: Mapping[str, Site]
    stored: Mapping[str, str]  # stored name of a weight, bias ... -> its projection

    def site_of(self, projection: str) -> Site:
        """The site that a projection drives."""
        return next(s for s in self.sites.values() if projection in s.projections)

    @cached_property
    def _above(self) -> Mapping[str, frozenset[str]]:
        """All sites that a site reaches, itself included where it is on a cycle."""
        above = {
            name: {s.name for s in self.sites.values() if name in s.below} for name in self.sites
        }
        for _ in self.sites:
            for reached in above.values():
                reached |= {t for s in list(reached) for t in above[s]}
        return {name: frozenset(reached) for name, reached in above.items()}

    def downstream(self, site: str) -> frozenset[str]:
        """The other sites that a site reaches."""
        return self._above.get(site, frozenset()) - {site}

    def is_output(self, site: str) -> bool:
        """Whether nothing else in the network reads a site."""
        return not self.downstream(site)

    def sources(self, name: str) -> frozenset[str]:
        """The sites and inputs a value of the network is derived from."""
        found: set[str] = set()
        for node in walk(self.view, [name], self.owner):
            if node in self.owner:
                found.add(self.owner[node])
            elif self.view.graph.by_name[node].op == "field":
                found.add(_field_name(self.view, node))
        return frozenset(found)

    def weights_below(self, name: str) -> frozenset[str]:
        """Stored weights, biases, gains of projections that a value is made of."""
        found = set()
        for node in walk(self.view, [name], ()):
            made = self.view.graph.by_name[node]
            if made.op == "stored" and made.get("name") in self.stored:
                found.add(made.get("name"))
        return frozenset(found)


def shown_name(site: str) -> str:
    """A site as a person calls it, without the number that tells unnamed parts apart."""
    return re.sub(r"~[0-9]+", "", site)


def walk(
    view: View, roots: Iterable[str], stop: Iterable[str] | Mapping[str, str]
) -> Iterator[str]:
    """All nodes that roots are computed from, themselves included; not what is below `stop`."""
    seen: set[str] = set()
    stack = list(roots)
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        if name not in stop:
            stack += view.operands(name)


def _field_name(view: View, node: str) -> str:
    made = view.graph.by_name[node]
    return made.note or str(made.get("name"))


def network_of(marked: Marked) -> Network:
    """The inference network of a marked experiment: what does not depend on labels."""
    view, ctx = marked.run, marked.built.context
    outputs = [view.at[OUTPUT, p] for p in (*marked.own_projections, *marked.own_populations)]
    forward = frozenset(walk(view, [o for o in outputs if not _labelled(view, o)], ()))
    owner, ends = _owners(marked)
    stored = {
        s: p for p in sorted(marked.own_projections) for s in ctx.projections[p].owned.values()
        if view.at[OUTPUT, p] in forward
    }  # fmt: skip
    bare = Network(view, forward, owner, {}, stored)
    sites = {
        name: _site(marked, bare, name, end) for name, end in ends.items() if end[0] in forward
    }
    return Network(view, forward, owner, sites, stored)


def _labelled(view: View, name: str) -> bool:
    nodes = (view.graph.by_name[n] for n in walk(view, [name], ()))
    return any(n.op == "field" and n.get("name") == "label" for n in nodes)


Ends = dict[str, tuple[str, list[str], str]]  # site -> output node, its projections, block


def _owners(marked: Marked) -> tuple[dict[str, str], Ends]:
    """The site of every node inside a population or behind a projection."""
    view, ctx = marked.run, marked.built.context
    ends: Ends = {}
    starts: dict[str, list[str]] = {}
    for name, population in ctx.populations.items():
        if name in marked.own_populations:
            ends[name] = (view.at[OUTPUT, name], [], population.block)
            starts[name] = [n for m, n in view.marks(VALUE) if m[1] == name] + [
                view.at[OUTPUT, name]
            ]
    for path, projection in ctx.projections.items():
        if path not in marked.own_projections:
            continue
        site = path
        if (uid := _driven(marked, path)) is not None:
            site = uid
        else:
            ends[path] = (view.at[OUTPUT, path], [], projection.block)
        ends[site][1].append(path)
        starts.setdefault(site, []).append(view.at[OUTPUT, path])
    owner: dict[str, str] = {}
    borders = {end[0]: site for site, end in ends.items()}
    for site, roots in starts.items():
        for node in _inside(view, roots, borders, site):
            owner.setdefault(node, site)
    return owner, ends


def _driven(marked: Marked, path: str) -> str | None:
    """The population a projection drives."""
    ctx = marked.built.context
    try:
        found = driven(ctx, ctx.projections[path])
    except Failed:
        return None
    uids = [uid for uid, p in ctx.populations.items() if p is found]
    return uids[0] if uids and uids[0] in marked.own_populations else None


def _inside(view: View, roots: list[str], borders: Mapping[str, str], site: str) -> Iterator[str]:
    """Nodes computed at a site: back from its values to projections, inputs and other sites' outputs."""
    inputs = {n for _, n in view.marks(INPUT)}
    seen: set[str] = set()
    stack = list(roots)
    while stack:
        name = stack.pop()
        node = view.graph.by_name[name]
        foreign = borders.get(name, site) != site
        if name in seen or foreign or name in inputs or node.op in ("const", "scalar", "field"):
            continue
        if node.op == "previous" and borders.get(view.operands(name)[0], site) != site:
            continue
        seen.add(name)
        yield name
        if node.op not in PROJECTIONS:
            stack += view.operands(name)


def _site(marked: Marked, network: Network, name: str, end: tuple[str, list[str], str]) -> Site:
    """A site with what feeds it: operands of its nodes that are not its own."""
    view = network.view
    below: set[str] = set()
    for node in [n for n, site in network.owner.items() if site == name]:
        made = view.graph.by_name[node]
        operands = made.args[1:] if made.op == "project" else view.operands(node)
        for operand in operands:
            inner = network.owner.get(operand)
            if made.op == "project" or inner != name:
                below |= network.sources(operand)
    axes = file_order(features(view.graph.by_name[end[0]].axes))
    return Site(name, tuple(a.size for a in axes), end[2], tuple(end[1]), frozenset(below))


__all__ = ["Network", "Site", "network_of", "shown_name", "walk"]
