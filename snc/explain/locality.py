"""How local a rule is, from what its updates can reach in the graph (SEMANTICS 8).

Every verdict is a question about the cone of a rule and what it reads (snc/explain/cone.py). No rule is
known by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snc.explain.cone import Cone
from snc.graph.graph import PARTNER, SAMPLE, Node, features
from snc.source import NOWHERE, Span

YES, NO, BROADCAST = "yes", "no", "broadcast"


@dataclass(frozen=True)
class Cause:
    """Why a verdict is not the good one: `text`, the values, then `tail`; and the places in the spec."""

    text: str
    values: tuple[str, ...]
    places: tuple[Span, ...]
    tail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer to one question about a rule, and its cause where that is not the good one."""

    grade: str
    cause: Cause | None = None


@dataclass(frozen=True)
class Locality:
    """The verdicts for one rule at one projection. `samples` is yes where samples are compared."""

    time: Verdict
    transport_free: Verdict
    unlocked: Verdict
    space: Verdict
    samples: Verdict


def locality(cone: Cone) -> Locality:
    """The verdicts on a rule at a projection."""
    transport = _transport(cone)
    unlocked = _unlocked(cone)
    return Locality(_time(cone), transport, unlocked, _space(cone, transport), _samples(cone))


# Time, samples ------------------------------------------------------------------------------------------


def _time(cone: Cone) -> Verdict:
    if not any(n.op == "later" for n in cone.nodes):
        return Verdict(YES)
    written = cone.marked.built.graph
    spans = [n.span for n in written.nodes if n.op == "bptt" and _below_sinks(cone, n.name)]
    text = "it differentiates back through the steps"
    return Verdict(NO, Cause(text, (), _places(cone, spans, by_signal=False)))


def _below_sinks(cone: Cone, name: str) -> bool:
    """Whether a node of the graph as built is part of the rule's update."""
    graph = cone.marked.built.graph
    stack, seen = [node for _, node in cone.rule.sinks], set[str]()
    while stack:
        node = stack.pop()
        if node == name:
            return True
        if node not in seen:
            stack += graph.by_name[node].args
        seen.add(node)
    return False


def _samples(cone: Cone) -> Verdict:
    pooled = _pooled(cone)
    mixing = [n for n in cone.nodes if PARTNER in n.axes or _meets_pooled(cone, n, pooled)]
    if not mixing:
        return Verdict(NO)
    spans = [n.span for n in mixing if n.span is not NOWHERE][:1]
    text = "it compares the samples of a batch"
    return Verdict(YES, Cause(text, (), _places(cone, spans, _by_signal(cone, mixing))))


def _pooled(cone: Cone) -> set[str]:
    """Values of the cone without samples that are made of values with samples, at this step or before."""
    inside = {n.name: n for n in cone.nodes}
    found: set[str] = set()
    while True:
        before = len(found)
        for name, node in inside.items():
            if SAMPLE not in node.axes and any(
                o in found or SAMPLE in cone.view.graph.by_name[o].axes
                for o in cone.view.operands(name)
            ):
                found.add(name)
        if len(found) == before:
            return found


def _meets_pooled(cone: Cone, node: Node, pooled: set[str]) -> bool:
    """Whether one value per sample is made of something that was gathered from all samples."""
    if node.op == "log_softmax" and node.get("over") == SAMPLE:
        return True
    return SAMPLE in node.axes and any(o in pooled for o in cone.view.operands(node.name))


# Space --------------------------------------------------------------------------------------------------


def _transport(cone: Cone) -> Verdict:
    """Weights of the network that the cone uses other than forwards."""
    view, found = cone.view, dict[str, list[Node]]()
    spans: list[Span] = []
    for user in cone.nodes:
        if view.clock[user.name] == "fixed":
            continue
        for operand in view.operands(user.name):
            if view.clock[operand] != "fixed":
                continue
            for weight in _carried(cone, operand, user):
                found.setdefault(weight, []).append(user)
                made = view.graph.by_name[operand]
                spans.append(user.span if operand in cone.network.forward else made.span)
    if not found:
        return Verdict(YES)
    by_signal = _by_signal(cone, [u for users in found.values() for u in users])
    who = "its signal reads" if by_signal else "it reads"
    return Verdict(NO, Cause(who, tuple(found), _places(cone, spans, by_signal)))


def _carried(cone: Cone, operand: str, user: Node) -> list[str]:
    """The weights that a use of a value takes along other than in their projection's own direction.

    A projection's transpose in x, or a contraction, carries a signal backward: any weight of the network
    counts, the projection's own too. Forwards, as on a path for the label, those of layers above count.
    Elsewhere a rule may read the weight it changes.
    """
    weights = cone.network.weights_below(operand)
    if user.op == "project":
        weights = frozenset(w for w in weights if _is_above(cone, w))
    if user.op not in ("project_x", "dot"):
        weights = weights - set(cone.rule.projection.owned.values())
    whole = {w.rpartition(".")[0] for w in weights if w.endswith(".weight")}
    # Where a weight is read with its norm, the norm's own parameters need no mention.
    return sorted(w for w in weights if w.endswith(".weight") or w.rpartition(".")[0] not in whole)


def _is_above(cone: Cone, weight: str) -> bool:
    """Whether a weight is that of a layer after the one the projection drives."""
    network = cone.network
    post = network.site_of(cone.rule.projection.path)
    site = network.site_of(network.stored[weight]).name
    return site in network.downstream(post.name) - _own_sites(cone)


def _foreign(cone: Cone, reads: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """The reads that are not pre, post, or of the same block, with the sites they come from."""
    mine = _own_sites(cone)
    found = {}
    for read in reads:
        if other := cone.network.sources(read) - mine:
            found[read] = other
    return found


def _own_sites(cone: Cone) -> frozenset[str]:
    """Post, what pre comes from, and the sites of the same block."""
    network, projection = cone.network, cone.rule.projection
    post = network.site_of(projection.path)
    pre = network.sources(cone.view.at["pre", projection.path])
    block = {s.name for s in network.sites.values() if s.block and s.block == projection.block}
    return frozenset({post.name, *pre, *block})


def _unlocked(cone: Cone) -> Verdict:
    post = cone.network.site_of(cone.rule.projection.path).name
    after = cone.network.downstream(post) - _own_sites(cone)
    reads = cone.reads(cone.roots)
    late = [r for r in reads if cone.network.sources(r) & after]
    if not late:
        return Verdict(YES)
    return Verdict(NO, _reading(cone, late, "after this layer"))


def _space(cone: Cone, transport: Verdict) -> Verdict:
    if transport.grade == NO:
        return transport
    foreign = _foreign(cone, cone.reads(cone.roots))
    if not foreign:
        return Verdict(YES)
    if not cone.signal:
        return Verdict(NO, _reading(cone, list(foreign), ""))
    updates = [u for u in cone.updates if u not in cone.signal]
    if direct := _foreign(cone, cone.reads(updates, cone.signal)):
        return Verdict(NO, _reading(cone, list(direct), ""))
    vectors = _foreign(cone, _before_one_number(cone, [*cone.signal, *cone.taught]))
    inner = [r for r, sites in vectors.items() if not all(_is_end(cone, s) for s in sites)]
    if inner:
        return Verdict(NO, _reading(cone, inner, ""))
    return Verdict(BROADCAST, _reading(cone, list(foreign), "but no weight of the network"))


def _is_end(cone: Cone, site: str) -> bool:
    return site in cone.network.sites and cone.network.is_output(site)


def _before_one_number(cone: Cone, roots: list[str]) -> dict[str, list[Node]]:
    """What is read before everything is gathered in one number per sample or batch."""
    gathered = [n.name for n in cone.inside(roots) if not features(n.axes)]
    return cone.reads([r for r in roots if r not in gathered], gathered)


def _reading(cone: Cone, reads: list[str], tail: str) -> Cause:
    users = [u for r in reads for u in cone.reads(cone.roots).get(r, [])]
    by_signal = _by_signal(cone, users)
    who = "its signal reads" if by_signal else "it reads"
    names = tuple(dict.fromkeys(cone.name_of(r) for r in reads))
    spans = [u.span for u in users if not u.span.source.name.startswith("std/")]
    return Cause(who, names, _places(cone, spans, by_signal), tail)


def _by_signal(cone: Cone, users: list[Node]) -> bool:
    """Whether nodes of the cone are part of the learning signal only."""
    if not cone.signal:
        return False
    direct = {n.name for n in cone.inside(cone.updates, cone.signal)} - {*cone.signal}
    return not any(u.name in direct for u in users)


def _places(cone: Cone, spans: Iterable[Span], by_signal: bool) -> tuple[Span, ...]:
    """The clause of the `learn`, then the line that does it, if it has one of its own."""
    clause = cone.rule.from_span if by_signal else cone.rule.span
    found = [clause] if clause is not None else []
    for span in spans:
        if span is not NOWHERE and all(str(span) != str(f) for f in found):
            found.append(span)
    return tuple(found[:2])
