"""What may depend on what: cycles within a step, recursion, and the order of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from snc.diagnostics import Diagnostic
from snc.lang import ast
from snc.model import mistakes
from snc.model.library import Declared
from snc.model.readings import Reading, readings
from snc.model.scope import Scope, is_option, refers, target_of, texts
from snc.source import Span

Graph = Mapping[str, Mapping[str, Span]]
"""What each name reads, and where."""


def instant_cycles(scope: Scope) -> Iterator[Diagnostic]:
    """Names that are needed for themselves within the step."""
    spans, graph = _definitions(scope)
    for cycle in cycles(graph):
        first, others = cycle[0], cycle[1:]
        read = graph[first][cycle[1] if others else first]
        yield mistakes.instant_cycle(read, first, [(n, spans[n]) for n in others])


def _definitions(scope: Scope) -> tuple[dict[str, Span], Graph]:
    """Where a body defines its names, and what each of them reads of the others now."""
    texts_of: dict[str, tuple[Span, object]] = {}
    body: Iterable[ast.Statement] = scope.declared.body
    if scope.resolved is not None:
        body = [s for s, _ in scope.resolved.statements]
        for equation, scoped in scope.resolved.equations.items():
            span = scoped.name.span if scoped.name else scoped.value.span
            texts_of[equation] = (span, scoped.value)
    for statement in body:
        match statement:
            case ast.Definition(path=ast.Path(parts=(name,)), value=value):
                texts_of.setdefault(name.text, (name.span, value))
            case ast.Storage(name=stored, shape=shape, value=value):
                texts_of.setdefault(stored.text, (stored.span, (shape or (), value)))
    given = {p.name.text for p in scope.declared.parameters}
    texts_of = {n: t for n, t in texts_of.items() if n not in given}
    spans = {short: span for short, (span, _) in texts_of.items()}
    return spans, {short: _reads(text, spans) for short, (_, text) in texts_of.items()}


def _reads(text: object, names: Mapping[str, Span]) -> dict[str, Span]:
    found: dict[str, Span] = {}
    for reading in readings(text):
        here = reading.now and reading.space == "value" and not is_option(reading)
        if here and reading.name.text in names:
            found.setdefault(reading.name.text, reading.name.span)
    return found


def cycles(graph: Graph) -> Iterator[list[str]]:
    """Cycles that share no name, each from the name that comes first in the graph."""
    left = {name: dict(reads) for name, reads in graph.items()}
    order = {name: k for k, name in enumerate(graph)}
    while True:
        sorter = TopologicalSorter({name: list(reads) for name, reads in left.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            found = list(reversed(error.args[1][:-1]))  # each reads the next one
            start = min(range(len(found)), key=lambda k: order[found[k]])
            yield found[start:] + found[:start]
            left = {
                n: {m: s for m, s in r.items() if m not in found}
                for n, r in left.items()
                if n not in found
            }
        else:
            return


def recursion(scope: Scope) -> Iterator[Diagnostic]:
    """Functions, neurons and blocks that are part of themselves."""
    me = scope.declared
    if me.kind not in ("function", "neuron", "block"):
        return
    for reading in texts(me):
        target = target_of(reading, me) if reading.space == "value" else None
        if target is None or me not in below(target):
            continue
        if target is me:
            text = f"`{me.name}` contains itself; the previous step of a value is `x[t-1]`"
        elif _earlier(target, me):
            return  # it is said at the other one
        else:
            text = f"`{me.name}` contains itself, through `{target.name}`"
        yield mistakes.simple("contains-itself", text, reading.name.span)
        return


def below(declared: Declared) -> set[Declared]:
    """A declaration and every function, neuron and block that it is made of."""
    found: set[Declared] = set()
    waiting = [declared]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [d for d in refers(one) if d.kind in ("function", "neuron", "block")]
    return found


def _earlier(other: Declared, me: Declared) -> bool:
    return other.file is me.file and other.node.span.start < me.node.span.start


def parameter_order(scope: Scope) -> Iterator[Diagnostic]:
    """A default may use parameters that come before it; an experiment's must be there."""
    parameters = scope.declared.parameters
    names = [p.name.text for p in parameters]
    for k, parameter in enumerate(parameters):
        for reading in readings(parameter.default):
            if reading.name.text in names[k:] and reading.space == "value":
                yield _later_parameter(reading, parameter)
        if parameter.default is None and scope.declared.kind == "experiment":
            name = parameter.name.text
            text = f"`{name}` needs a default: an experiment runs as it stands"
            hint = f"e.g. `{name} = 1`"
            yield mistakes.simple("missing-default", text, parameter.name.span, hint)


def _later_parameter(reading: Reading, parameter: ast.Parameter) -> Diagnostic:
    name, mine = reading.name.text, parameter.name.text
    how = "itself" if name == mine else f"`{name}`, which comes later"
    text = f"the default of `{mine}` uses {how}; it may use the parameters before it"
    return mistakes.simple("later-parameter", text, reading.name.span)


def circular_parameters(scope: Scope) -> Iterator[Diagnostic]:
    """Parameters of a derived experiment that are given by means of themselves."""
    if scope.resolved is None:
        return
    found = scope.resolved.parameters
    spans = {n: s.name.span if s.name else s.value.span for n, s in found.items()}
    graph = {n: _reads(s.value, spans) for n, s in found.items()}
    for cycle in cycles(graph):
        names = {p.name.text for p in scope.declared.parameters}
        if len(cycle) == 1 and cycle[0] in names:
            continue  # its default says it
        read = graph[cycle[0]][(*cycle, cycle[0])[1]]
        yield mistakes.circular_parameter(read, cycle[0], cycle[1:])
