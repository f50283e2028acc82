"""Mistakes in names, arguments and the order of a text: one function for each code.

What needs shapes, places or units to be seen is in `snc/build/mistakes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snc.diagnostics import Diagnostic, Label, did_you_mean, listing
from snc.source import Span

UNITS = tuple("us ms s min step steps Hz kHz sequence sequences epoch epochs %".split())


def simple(code: str, message: str, span: Span, hint: str = "", *related: Label) -> Diagnostic:
    """A mistake with one place of use."""
    return Diagnostic(code, message, Label(span), tuple(related), hint)


def unknown_name(
    span: Span, name: str, known: Iterable[str] = (), in_rule: bool = False
) -> Diagnostic:
    """A name that means nothing where it is read; in a rule, most likely that of another layer."""
    hint = did_you_mean(name, known)
    more = f"; {hint}" if hint else ""
    local = (
        "a rule sees its own projection: `pre`, `post`, `weight`, `signal`, `layer` and what belongs to "
        "them; give it anything else as an argument"
    )
    message = f"nothing called `{name}` is in scope here{more}"
    return simple("unknown-name", message, span, local if in_rule and not hint else "")


def label_out_of_sight(span: Span, kind: str) -> Diagnostic:
    """`label`, which is a field in experiments, anywhere else."""
    hint = f"give it to the {kind} as an argument; only an experiment has fields of the data"
    if kind == "network":
        hint = "write `label y[3]` for 3 classes: then `y` is the label as a one-hot vector"
    return simple("unknown-name", "nothing called `label` is in scope here", span, hint)


def unknown_of_kind(span: Span, kind: str, name: str, known: Sequence[str]) -> Diagnostic:
    """A rule, signal, network, ... that is not declared anywhere in sight."""
    hint = did_you_mean(name, known)
    if not hint and known:
        hint = f"there are {', '.join(known)}" if len(known) < 30 else ""
    return simple("unknown-name", f"no {kind} is called `{name}`", span, hint)


def wrong_kind(span: Span, name: str, kind: str, found: str) -> Diagnostic:
    """A name of another kind than is needed."""
    message = f"`{name}` is {_article(found)}, and {_article(kind)} is needed here"
    return simple("wrong-kind", message, span)


def _article(kind: str) -> str:
    kind = {"dataset": "data set"}.get(kind, kind)
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def unknown_argument(
    span: Span, what: str, name: str, known: Sequence[str], more: str = ""
) -> Diagnostic:
    """An argument that what is called does not have."""
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    message = f"`{what}` has no argument `{name}`; {takes}{more}"
    return simple("unknown-argument", message, span, did_you_mean(name, known))


def too_many_arguments(span: Span, what: str, names: Sequence[str]) -> Diagnostic:
    """More arguments than there are parameters."""
    if not names:
        return simple("too-many-arguments", f"`{what}` takes no arguments", span)
    plural = "argument" if len(names) == 1 else "arguments"
    message = f"`{what}` takes {len(names)} {plural}: {', '.join(names)}"
    return simple("too-many-arguments", message, span)


def argument_twice(span: Span, what: str, name: str) -> Diagnostic:
    """An argument given by position and by name, or twice by name."""
    return simple("argument-twice", f"`{what}` is given `{name}` twice", span)


def missing_argument(span: Span, what: str, name: str) -> Diagnostic:
    """A parameter without default that is not given."""
    hint = f"give it, e.g. `{what}({name} = ...)`"
    return simple("missing-argument", f"`{what}` needs `{name}`", span, hint)


def instant_cycle(span: Span, name: str, others: Sequence[tuple[str, Span]]) -> Diagnostic:
    """A value that is needed for itself within the step."""
    if not others:
        text = f"`{name}` depends on itself within the step; the previous step is `{name}[t-1]`"
        return simple("instant-cycle", text, span)
    through = listing([f"`{n}`" for n, _ in others])
    message = f"`{name}` depends on itself within the step, through {through}"
    related = [Label(s, f"`{n}` is part of the cycle") for n, s in others]
    return simple(
        "instant-cycle", message, span, f"break it with a delay, e.g. `{name}[t-1]`", *related
    )


def reads_the_future(span: Span, shown: str) -> Diagnostic:
    """Any index but `[t-k]`."""
    message = f"`{shown}` is not known at step t; only [t-1], [t-2], ... can follow a name"
    return simple("reads-the-future", message, span)


def unknown_unit(span: Span, unit: str) -> Diagnostic:
    """A unit the language does not have."""
    message = f"`{unit}` is not a unit; times are us, ms, s, min, steps; rates Hz, kHz"
    return simple("unknown-unit", message, span)


def spike_needs_a_comparison(span: Span) -> Diagnostic:
    """The first argument of `spike` is no comparison."""
    message = (
        "`spike` takes a comparison, so that `>` or `>=` is on the page: "
        "`spike(v > theta, slope = psi)`"
    )
    return simple("spike-needs-a-comparison", message, span)


def defined_twice(span: Span, name: str, before: Span) -> Diagnostic:
    """A name with two equations."""
    message = f"`{name}` is already defined in line {before.line}; each name has one equation"
    return simple("defined-twice", message, span, "", Label(before, "the first one"))


def second_accuracy(span: Span, predict: Span) -> Diagnostic:
    """A metric with the name of what `predict` is measured by."""
    message = "`accuracy` is how often `predict` is the label; each name has one meaning"
    hint = "give the metric another name, or drop `predict`"
    return simple("defined-twice", message, span, hint, Label(predict, "the prediction"))


def second_label(span: Span, before: Span) -> Diagnostic:
    """A network with two names for its label."""
    message = (
        f"the label is already called `{before.text}` in line {before.line}; data has one label"
    )
    hint = f"read `{before.text}` here too, or take other data in by an `input` of its name"
    return simple("defined-twice", message, span, hint, Label(before, "the first one"))


def reserved_word(span: Span, name: str) -> Diagnostic:
    """A word of the language used as a name."""
    return simple("reserved-word", f"`{name}` is a reserved word; choose another name", span)


def reserved_in(span: Span, name: str, kind: str) -> Diagnostic:
    """A name that rules or signals give a meaning."""
    message = f"`{name}` has its own meaning in a {kind}; choose another name"
    return simple("reserved-word", message, span)


def misplaced(span: Span, what: str, kind: str, hint: str) -> Diagnostic:
    """A statement in a body it does not belong in."""
    return simple("misplaced-statement", f"{what} does not belong in {_article(kind)}", span, hint)


def misplaced_projection(span: Span, what: str, kind: str) -> Diagnostic:
    """A projection where nothing may own weights."""
    hint = "put it in a block, a signal or the network, and hand its result over"
    message = f"`{what}` owns weights, and {_article(kind)} cannot"
    return simple("misplaced-projection", message, span, hint)


def state_in_function(span: Span, name: str) -> Diagnostic:
    """A delay in a function."""
    message = f"a function has no state, and `{span.text}` is one"
    return simple("state-in-function", message, span, f"make `{name}` a block")


def circular_parameter(span: Span, name: str, through: Sequence[str] = ()) -> Diagnostic:
    """A parameter that is needed to find its own value."""
    more = f", through {listing([f'`{n}`' for n in through])}" if through else ""
    return simple("circular-parameter", f"`{name}` is given by means of itself{more}", span)


def unknown_parameter(span: Span, name: str, experiment: str, known: Sequence[str]) -> Diagnostic:
    """A sweep or an expectation over what is no parameter."""
    message = f"`{name}` is not a parameter of `{experiment}`"
    hint = did_you_mean(name, known) or f"it has {', '.join(known) or 'none'}"
    return simple("unknown-parameter", message, span, hint)


def unknown_metric(span: Span, name: str, known: Sequence[str]) -> Diagnostic:
    """A published number for something that is not reported."""
    hint = (
        did_you_mean(name, known) or f"there are {', '.join(known)}; `metric {name} = ...` adds one"
    )
    return simple("unknown-metric", f"nothing called `{name}` is reported", span, hint)
