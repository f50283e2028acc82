"""The certificates of an experiment: one for every rule and the projections it is bound to alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from snc.build.experiment import Built, Surroundings
from snc.build.learn import BoundRule
from snc.build.plan import plan_of
from snc.build.values import Num
from snc.explain.buffers import Buffers, buffers
from snc.explain.cone import Cone
from snc.explain.eligibility import Eligibility, eligibility
from snc.explain.locality import Locality, Verdict, locality
from snc.explain.marks import Marked, mark
from snc.explain.memory import Memory, memory
from snc.explain.network import Network, Site, network_of
from snc.explain.work import Work, forward, work
from snc.passes import run_passes
from snc.program.schedule import Schedule, cut_sweep, schedule
from snc.source import Span

QUESTIONS = ("time", "transport_free", "unlocked", "space", "samples")


@dataclass(frozen=True)
class Certificate:
    """What is known of a rule at some projections before anything runs."""

    rule: str
    projections: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    signal: str
    place: Span | None
    locality: Locality
    memory: Memory
    eligibility: Eligibility
    work: Work
    update: str
    not_learned: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The certificates of one phase of an experiment, and what holds for all of it."""

    name: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    sites: tuple[Site, ...]
    parameters: int
    steps: int | None
    batch: int
    forward: int
    certificates: tuple[Certificate, ...]
    untrained: tuple[str, ...]
    by_signals: tuple[str, ...]
    schedule: str
    not_compiled: str  # why a derivative through time cannot run on compiled backends
    buffers: Buffers | None  # None where the CPU backend cannot run it


def certify(built: Built, surroundings: Surroundings) -> Report:
    """The certificates of a built experiment."""
    marked = mark(built)
    network = network_of(marked)
    cones = [Cone(marked, network, k) for k in range(len(marked.rules))]
    written = {w.stored for w in built.graph.writes}
    trained = [s for s in built.graph.stored if s.role == "parameter" and s.name in written]
    told = {name for rule in marked.rules for name, _ in rule.sinks}
    told |= {n for rule in marked.rules for n in rule.projection.owned.values()}
    ready = run_passes(built.graph)
    plan, batch = schedule(ready), plan_of(built, surroundings).batch
    return Report(
        name=built.experiment.name,
        inputs=_inputs(marked),
        sites=tuple(network.sites.values()),
        parameters=sum(_count(s.shape) for s in trained),
        steps=getattr(surroundings, "steps", None),
        batch=batch,
        forward=forward(network),
        certificates=tuple(_certificates(cones)),
        untrained=_untrained(marked, network, written),
        by_signals=tuple(s.name for s in trained if s.name not in told),
        schedule=_in_words(plan),
        not_compiled=_refused(plan),
        buffers=buffers(built.experiment.name, ready, plan.chunk, batch),
    )


def _in_words(plan: Schedule) -> str:
    """How many steps compiled kernels take at a time, and why."""
    words = f"{plan.chunk}: {plan.why}"
    if any(s.chunked for s in plan.graph.states):
        words += "; traces exchanged with the signal (exact)"
    return words


def _refused(plan: Schedule) -> str:
    """Why compiled kernels cannot run it, or nothing."""
    cut = cut_sweep(plan)
    return f"{cut[0]}; {cut[1]}" if cut is not None else ""


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _inputs(marked: Marked) -> tuple[tuple[str, tuple[int, ...]], ...]:
    known = marked.built.context.description
    fields = [n for n in marked.built.graph.nodes if n.op == "field" and n.get("name") in known]
    return tuple((n.note or n.get("name"), known[n.get("name")]) for n in fields)


def _untrained(marked: Marked, network: Network, written: set[str]) -> tuple[str, ...]:
    """Projections of the network with weights of their own that nothing changes."""
    projections = marked.built.context.projections
    found = (p for p in projections if p in marked.own_projections)
    return tuple(
        p
        for p in found
        if projections[p].owned and not written & set(projections[p].owned.values())
    )


def _certificates(cones: Sequence[Cone]) -> list[Certificate]:
    """One certificate for all projections of which the same holds for the same reasons."""
    groups: dict[tuple[object, ...], list[tuple[Cone, Locality, Eligibility]]] = {}
    for cone in cones:
        verdicts, product = locality(cone), eligibility(cone)
        grades = tuple(getattr(verdicts, q).grade for q in QUESTIONS)
        key = (
            cone.rule.rule.name,
            cone.rule.span,
            cone.rule.from_span,
            grades,
            product.text,
            product.reason,
        )
        groups.setdefault(key, []).append((cone, verdicts, product))
    return [_certificate(members) for members in groups.values()]


def _certificate(members: list[tuple[Cone, Locality, Eligibility]]) -> Certificate:
    cones = [cone for cone, _, _ in members]
    rule = cones[0].rule
    return Certificate(
        rule=rule.rule.name,
        projections=tuple(c.rule.projection.path for c in cones),
        arguments=_arguments([c.rule for c in cones]),
        signal=rule.signal,
        place=rule.span,
        locality=_merged([verdicts for _, verdicts, _ in members]),
        memory=memory(cones),
        eligibility=members[0][2],
        work=work(cones),
        update=_update(rule),
        not_learned=tuple(n for c in cones for n in _left_out(c)),
    )


def _merged(all_of: list[Locality]) -> Locality:
    """Equal verdicts as one, with the values that any of them names."""
    first = all_of[0]
    changes: dict[str, Verdict] = {}
    for question in QUESTIONS:
        verdicts: list[Verdict] = [getattr(one, question) for one in all_of]
        cause = verdicts[0].cause
        if cause is not None:
            values = dict.fromkeys(v for one in verdicts if one.cause for v in one.cause.values)
            changes[question] = Verdict(verdicts[0].grade, replace(cause, values=tuple(values)))
    return replace(first, **changes)


def _arguments(rules: list[BoundRule]) -> tuple[tuple[str, str], ...]:
    """The numbers a rule was given or took by default, where they are the same at all projections."""
    found = []
    for parameter in rules[0].rule.parameters:
        name = parameter.name.text
        values = {repr(r.frame.given.get(name)): r.frame.given.get(name) for r in rules}
        value = next(iter(values.values()))
        if len(values) == 1 and isinstance(value, Num):
            found.append((name, _number(value)))
    return tuple(found)


def _number(value: Num) -> str:
    if value.steps is not None:
        return f"{value.steps:g} steps"
    if value.dim == 1:
        return f"{value.value * 1e3:g} ms"
    return f"{value.value:g}"


def _update(rule: BoundRule) -> str:
    """How often the weights change."""
    group = rule.group
    if group is None:
        return ""
    word = group.unit if group.every > 1 else group.unit.removesuffix("s")
    return f"every {group.every} {word}" if group.every > 1 else f"every {word}"


def _left_out(cone: Cone) -> list[str]:
    """What the projection owns and the rule leaves as it is."""
    told = {name for name, _ in cone.rule.sinks}
    owned = cone.rule.projection.owned
    if owned.get("weight") in told:  # a gradient of the weight reaches what the norm is made of
        told |= {s for n, s in owned.items() if n not in ("weight", "bias")}
    return [stored for stored in owned.values() if stored not in told]


__all__ = ["Certificate", "Report", "certify"]
