"""Checks of the text of a declaration: names, arguments, order. Nothing is built.

A check looks at one declaration and yields what is wrong with it. A declaration in which a check finds
something is not built, nor is what depends on it, so that one mistake gives one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from snc.diagnostics import Diagnostic
from snc.lang import ast
from snc.lang.scan import RESERVED
from snc.model import mistakes
from snc.model.arguments import wrong_arguments
from snc.model.belongs import misplaced_statements
from snc.model.library import File
from snc.model.order import circular_parameters, instant_cycles, parameter_order, recursion
from snc.model.readings import Reading, every, is_delay
from snc.model.scope import KINDS, SIDES, Scope, data_words, defined, is_option, texts
from snc.model.signatures import OPTION_WORDS, PROJECTIONS, SIGNATURES, VALUES
from snc.source import Span

Check = Callable[[Scope], Iterator[Diagnostic]]


def experiment_problems(scope: Scope) -> Iterator[Diagnostic]:
    """Why an experiment cannot be put together from what it is derived from."""
    yield from scope.problems


# Names being given --------------------------------------------------------------------------------------


def reserved_words(scope: Scope) -> Iterator[Diagnostic]:
    """Words of the language, and in rules and signals what they read, cannot be names."""
    declared = scope.declared
    special = SIDES.get(declared.kind, frozenset()) if declared.kind != "block" else frozenset()
    for name in _given(scope):
        if name.text in RESERVED or name.text == "_":
            yield mistakes.reserved_word(name.span, name.text)
        elif name.text in special and name is not declared.node.name:
            yield mistakes.reserved_in(name.span, name.text, declared.kind)


def _given(scope: Scope) -> Iterator[ast.Ident]:
    declared = scope.declared
    yield declared.node.name
    yield from (p.name for p in declared.parameters)
    yield from defined(declared.body)
    yield from (s.name for s in declared.body if isinstance(s, ast.Phase))


def defined_twice(scope: Scope) -> Iterator[Diagnostic]:
    """Each name has one equation, each setting one value."""
    seen = dict[str, Span]()
    for parameter in scope.declared.parameters:
        yield from _enter(seen, parameter.name.text, parameter.name.span)
    yield from _twice(scope.declared.body, "", seen)


def one_label(scope: Scope) -> Iterator[Diagnostic]:
    """Data has one label, which cannot be a vector of two sizes."""
    body = scope.declared.body
    labels = [s.name for s in body if isinstance(s, ast.Storage) and s.kind == "label"]
    for other in labels[1:]:
        if other.text != labels[0].text:  # else it is told that the name is defined twice
            yield mistakes.second_label(other.span, labels[0].span)


def _twice(
    body: tuple[ast.Statement, ...], prefix: str, seen: dict[str, Span]
) -> Iterator[Diagnostic]:
    for statement in body:
        match statement:
            case ast.Definition(path=path):
                yield from _enter(seen, f"{prefix}{path}", path.span)
            case ast.Storage(name=name) | ast.Metric(name=name):
                yield from _enter(seen, f"{prefix}{name.text}", name.span)
            case ast.Output():
                yield from _enter(seen, f"{prefix}output", statement.span)
            case ast.Initial(name=name):
                yield from _enter(seen, f"{prefix}init {name.text}", name.span)
            case ast.Update(target="next", path=path):
                yield from _enter(seen, f"{prefix}next {path}", path.span)
            case ast.Sweep(name=name):
                yield from _enter(seen, f"{prefix}for {name.text}", name.span)
            case ast.Settings(name=name, body=inner):
                yield from _twice(inner, f"{prefix}{name.text}.", seen)
            case ast.Phase(name=name, body=inner):
                yield from _enter(seen, f"{prefix}phase {name.text}", name.span)
                yield from _twice(inner, f"{prefix}{name.text}.", seen)


def _enter(seen: dict[str, Span], name: str, span: Span) -> Iterator[Diagnostic]:
    if name in seen:
        yield mistakes.defined_twice(span, name, seen[name])
    seen.setdefault(name, span)


def first_values(scope: Scope) -> Iterator[Diagnostic]:
    """`init v` needs an equation of v."""
    body = scope.declared.body
    names = {n.text for s in body if isinstance(s, ast.Definition) for n in defined((s,))}
    if scope.resolved is not None:
        names |= set(scope.resolved.equations)
    for statement in body:
        if isinstance(statement, ast.Initial) and statement.name.text not in names:
            name = statement.name.text
            text = f"`init {name}` is the first value of nothing: no `{name} = ...` is here"
            yield mistakes.simple("init-of-nothing", text, statement.name.span)


# Names being read ---------------------------------------------------------------------------------------


def unknown_names(scope: Scope) -> Iterator[Diagnostic]:
    """Every name that is read must mean something here."""
    for reading in texts(scope.declared):
        if not _known(reading, scope):
            yield _unknown(reading, scope)


def _known(reading: Reading, scope: Scope) -> bool:
    name = reading.name.text
    if reading.space != "value":
        return scope.file.find(reading.space, name) is not None or scope.file.is_missing(name)
    words = name in SIGNATURES or name in VALUES or name in OPTION_WORDS or name in data_words()
    if words or name == "_" or name in scope.names or is_option(reading):
        return True
    if scope.file.find("value", name):
        return True
    return scope.open or scope.file.is_missing(name) or _is_instance(name, scope)


def _is_instance(name: str, scope: Scope) -> bool:
    """Whether a name can be that of a signal or rule at a layer: `h_feedback`, `h_stdp`."""
    if scope.declared.kind != "experiment":
        return False
    known = (*scope.file.known("signal"), *scope.file.known("rule"))
    return any(name.endswith(f"_{k}") for k in known)


def _unknown(reading: Reading, scope: Scope) -> Diagnostic:
    name, span = reading.name.text, reading.name.span
    for kind in KINDS:
        other = scope.file.find(kind, name) if kind != reading.space else None
        if other is not None:
            return mistakes.wrong_kind(span, name, reading.space, other.kind)
    if name == "label" and reading.space == "value":
        return mistakes.label_out_of_sight(span, scope.declared.kind)
    if reading.space != "value":
        return mistakes.unknown_of_kind(span, reading.space, name, scope.file.known(reading.space))
    return mistakes.unknown_name(span, name, scope.known(), scope.declared.kind == "rule")


def not_named(scope: Scope) -> Iterator[Diagnostic]:
    """What follows `by` and `from`, and what `network` and `data` are, is called by its name."""
    for node in every(scope.declared.node):
        match node:
            case ast.ByRule(call=call):
                kind = "rule"
            case ast.FromSignal(call=call):
                kind = "signal"
            case ast.Definition(path=ast.Path(parts=(name,)), value=call) if (
                scope.declared.kind == "experiment"
                and name.text in ("network", "data", "test_data")
            ):
                kind = "network" if name.text == "network" else "data set"
            case _:
                continue
        called = call.function if isinstance(call, ast.Call) else call
        if not isinstance(called, ast.Name):
            text = f"a {kind} is needed here, called by its name: `NAME(...)`"
            yield mistakes.simple("wrong-kind", text, call.span)


# Expressions --------------------------------------------------------------------------------------------


def indices(scope: Scope) -> Iterator[Diagnostic]:
    """Only `[t-1]`, `[t-2]`, ... can follow a name."""
    for node in every(scope.declared.node):
        if not isinstance(node, ast.Index) or is_delay(node.index):
            continue
        index = node.index
        left = index.left if isinstance(index, ast.Binary) else None
        if isinstance(left, ast.Name) and left.text == "t":
            yield mistakes.reads_the_future(index.span, node.span.text)
            continue
        hint = ""
        if isinstance(index, ast.Name) and index.text == "t":
            hint = f"`{node.value.span.text}` is its value at this step"
        text = f"`[{index.span.text}]` is no delay; only [t-1], [t-2], ... can follow a name"
        yield mistakes.simple("bad-index", text, index.span, hint)


def units(scope: Scope) -> Iterator[Diagnostic]:
    """Units that the language does not have."""
    for node in every(scope.declared.node):
        if (
            isinstance(node, ast.Quantity)
            and node.unit is not None
            and node.unit not in mistakes.UNITS
        ):
            start = node.span.start + node.span.text.rindex(node.unit)
            yield mistakes.unknown_unit(Span(start, node.span.end, node.span.source), node.unit)


def spikes(scope: Scope) -> Iterator[Diagnostic]:
    """`spike` takes a comparison; what is only named may be one."""
    for reading in texts(scope.declared):
        if reading.name.text != "spike" or not reading.arguments or reading.piped:
            continue
        named = [a for a in reading.arguments if a.name and a.name.text == "condition"]
        first = (named or list(reading.arguments))[0]
        if first.name is not None and not named:
            continue
        value = first.value
        plain = isinstance(value, ast.Quantity | ast.Unary | ast.ListOf | ast.Text)
        if plain or (isinstance(value, ast.Binary) and value.operator not in (">", ">=")):
            yield mistakes.spike_needs_a_comparison(value.span)


def owners(scope: Scope) -> Iterator[Diagnostic]:
    """Projections own weights and delays own state, which not everything may."""
    kind = scope.declared.kind
    if kind in ("neuron", "rule", "function", "dataset"):
        for reading in texts(scope.declared):
            name = reading.name.text
            if name in PROJECTIONS and reading.called and name not in scope.names:
                span = reading.span or reading.name.span
                yield mistakes.misplaced_projection(span, name, kind)
    if kind == "function":
        for node in every(scope.declared.node):
            if isinstance(node, ast.Index) and is_delay(node.index):
                yield mistakes.state_in_function(node.span, scope.declared.name)


def effects(scope: Scope) -> Iterator[Diagnostic]:
    """A neuron and a signal have an output, a rule changes something."""
    declared = scope.declared
    body, span = declared.body, declared.node.name.span
    if declared.kind in ("neuron", "signal") and not any(isinstance(s, ast.Output) for s in body):
        text = f"{declared.kind} `{declared.name}` has no `output`"
        yield mistakes.simple("no-output", text, span, "end its body with `output ...`")
    if declared.kind == "rule" and not any(isinstance(s, ast.Update) for s in body):
        text = f"rule `{declared.name}` changes nothing"
        hint = "end its body with `gradient weight = ...` or `next weight = ...`"
        yield mistakes.simple("no-effect", text, span, hint)


# Experiments and files ----------------------------------------------------------------------------------

REPORTED = ("accuracy", "loss", "parameters")


def cases(scope: Scope) -> Iterator[Diagnostic]:
    """Sweeps and published numbers are about parameters and metrics that exist."""
    whole = scope.resolved
    if whole is None:
        return
    known = list(whole.parameters)
    metrics = [*REPORTED, *whole.metrics, *(m for p in whole.phases.values() for m in p.metrics)]
    for node in every(scope.declared.node):
        match node:
            case ast.Sweep(name=name, values=values):
                if name.text not in known:
                    yield mistakes.unknown_parameter(name.span, name.text, whole.name, known)
                if not isinstance(values, ast.ListOf) or not values.items:
                    text = "`for` runs over a list of values"
                    hint = f"e.g. `for {name.text} in [0, 1]`"
                    yield mistakes.simple("not-a-list", text, values.span, hint)
            case ast.Expect(name=name, case=case):
                if name.text not in metrics:
                    yield mistakes.unknown_metric(name.span, name.text, metrics)
                for argument in case:
                    text = argument.name.text if argument.name else argument.span.text
                    if argument.name is None or text not in known:
                        yield mistakes.unknown_parameter(argument.span, text, whole.name, known)


def docstrings(scope: Scope) -> Iterator[Diagnostic]:
    """What something is stands in its first lines."""
    statements = False
    for statement in scope.declared.body:
        if not isinstance(statement, ast.Documentation | ast.Citation):
            statements = True
        elif statements:
            text = f"this text is not among the first lines of `{scope.declared.name}`"
            yield mistakes.simple(
                "late-docstring", text, statement.span, "move it up, or make it a comment: `# ...`"
            )


CHECKS: tuple[Check, ...] = (
    reserved_words,  # before what a reserved word would be taken for
    defined_twice,
    one_label,
    first_values,
    misplaced_statements,  # before experiment_problems, which stops at the first of them
    experiment_problems,
    unknown_names,
    not_named,
    wrong_arguments,
    parameter_order,
    circular_parameters,
    instant_cycles,
    recursion,
    indices,
    units,
    spikes,
    owners,
    effects,
    cases,
    docstrings,
)


def unused_names(file: File) -> Iterator[Diagnostic]:
    """Names taken by `use` that nothing reads."""
    read = {r.name.text for d in file.own.values() for r in texts(d)}
    for use in file.spec.uses:
        for name in use.names:
            if name.text not in read and any(n == name.text for _, n in file.taken):
                text = f"`{name.text}` is taken from `{use.path}` and not used"
                yield mistakes.simple("unused-use", text, name.span)
