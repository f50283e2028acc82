"""What can be wrong with a spec's meaning: one function for each code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from snc.diagnostics import Diagnostic, Label, did_you_mean, listing
from snc.graph.graph import Axes, features, size
from snc.model.mistakes import (
    argument_twice,
    circular_parameter,
    instant_cycle,
    missing_argument,
    reads_the_future,
    second_accuracy,
    simple,
    spike_needs_a_comparison,
    too_many_arguments,
    unknown_argument,
    unknown_metric,
    unknown_name,
    unknown_of_kind,
    unknown_parameter,
    unknown_unit,
    wrong_kind,
)
from snc.source import Span

LARGEST_WHOLE = 2**31 - 1


def _one(
    code: str, message: str, span: Span, hint: str = "", *related: Label, text: str = ""
) -> Diagnostic:
    return Diagnostic(code, message, Label(span, text), tuple(related), hint)


def no_such_name(span: Span, message: str, hint: str = "", *related: Label) -> Diagnostic:
    return _one("no-such-name", message, span, hint, *related)


def not_a_value(span: Span, value: Any, what: str) -> Diagnostic:
    kind = {"Fun": "a function", "Word": "an option word", "Str": "a string", "Lst": "a list",
            "Instance": "a block without an output", "Config": "an option", "First": "a draw",
            "Data": "a data pipeline", "Hole": "`_`"}.get(type(value).__name__, "something else")  # fmt: skip
    return _one("not-a-value", f"{what} is needed here, and this is {kind}", span)


def projected_number(span: Span, word: str) -> Diagnostic:
    message = f"`{word}` projects a value of the network, and this is a number"
    return _one("not-a-value", message, span, f"write what is projected first: `x | {word}(...)`")


def not_a_number(span: Span, what: str) -> Diagnostic:
    return _one("not-a-number", f"{what} must be a number known before the run", span)


def not_plain(span: Span, what: str, dim: int) -> Diagnostic:
    kind = "a time" if dim > 0 else "a rate"
    return _one("not-a-number", f"{what} is {kind}, and a plain number is needed", span)


def not_whole(span: Span, what: str, number: float, least: int) -> Diagnostic:
    bounds = f"at least {least}" if number < LARGEST_WHOLE else f"at most {LARGEST_WHOLE:.0f}"
    shown = str(number).lower() if isinstance(number, bool) else f"{number:g}"
    return _one("not-whole", f"{what} is {shown}; it must be a whole number, {bounds}", span)


def out_of_range(span: Span, name: str, word: str, number: float, allowed: str) -> Diagnostic:
    message = f"`{name}` of `{word}` is {number:g}; it must be {allowed}"
    return _one("out-of-range", message, span)


def undefined_number(span: Span, op: str) -> Diagnostic:
    return _one(
        "undefined-number",
        "this number does not exist (division by zero, log or root of a negative number)",
        span,
    )


def no_dt(span: Span) -> Diagnostic:
    return _one(
        "no-dt",
        "a time is needed in steps, and the length of a step is not known",
        span,
        "set `dt = 1 ms` in the experiment, or give the time in steps",
    )


def mixed_units(span: Span, spans: Sequence[Span]) -> Diagnostic:
    texts = listing([f"`{s.text}`" for s in spans])
    return _one("mixed-units", f"{texts} have different units", span)


def needs_a_time(
    span: Span, op: str, doubtful: tuple[float, Span] | None, function: str = ""
) -> Diagnostic:
    if doubtful and function:
        number = f"{doubtful[0]:g}"
        message = (
            f"`{function}` divides `dt` by {number}, which has no unit; did you mean `{number} ms`?"
        )
        return _one("needs-a-time", message, span)
    return _one(
        "needs-a-time",
        f"`{op}` takes a plain number, and this is a time",
        span,
        "divide by a time: `exp(-dt / (20 ms))`",
    )


def pair_and_sample(span: Span, a: Span, b: Span) -> Diagnostic:
    return _one(
        "pair-and-sample",
        "a value per pair of samples meets one per sample",
        span,
        "sum over `partner` first, or use `dot`",
        Label(a, ""),
        Label(b, ""),
    )


def mixed_places(span: Span, a: Span, b: Span, first_is_pre: bool) -> Diagnostic:
    pre, post = (a, b) if first_is_pre else (b, a)
    message = (
        f"`{pre.text}` lives at the inputs of the projection, `{post.text}` at its neurons; "
        "multiply them for a value per synapse, they cannot be added"
    )
    return _one(
        "mixed-places",
        message,
        span,
        "",
        Label(pre, "at the inputs"),
        Label(post, "at the neurons"),
    )


def shape_of(axes: Axes) -> str:
    """Features in the user's words."""
    plain = features(axes)
    if not plain:
        return "no features"
    if len(plain) == 1:
        return f"{plain[0].size} features"
    sizes = {a.kind: a.size for a in plain}
    if {"channel", "height", "width"} <= set(sizes):
        return f"{sizes['channel']} x {sizes['height']} x {sizes['width']} features"
    return " x ".join(str(a.size) for a in plain) + " features"


OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


def different_shapes(span: Span, a: Span, fa: Axes, b: Span, fb: Axes, op: str) -> Diagnostic:
    second = str(size(fb)) if len(fa) == len(fb) == 1 else shape_of(fb)
    what = f"`{OPERATORS[op]}`" if op in OPERATORS else "this"
    message = f"`{a.text}` has {shape_of(fa)}, `{b.text}` has {second}; {what} needs equal ones"
    return _one("different-shapes", message, span)


def no_such_axis(span: Span, word: str, axes: Axes) -> Diagnostic:
    known = listing([str(a).split("=")[0] for a in axes]) or "no axes; it is one number"
    return _one("no-such-axis", f"this value has no `{word}`; it has {known}", span)


def each_outside_learn(span: Span) -> Diagnostic:
    return _one(
        "each-outside-learn",
        "`each` gives one value per selected projection; it belongs in a `learn`",
        span,
    )


def each_of_wrong_length(span: Span, count: int, names: Sequence[str]) -> Diagnostic:
    plural = "value" if count == 1 else "values"
    message = f"`each` gives {count} {plural} for {len(names)} projections, {listing(names)}"
    return _one("each-of-wrong-length", message, span)


def two_unnamed(span: Span, path: str, second: str, first: Span) -> Diagnostic:
    short = path.rsplit(".", 1)[-1]
    called = f"both projections in `{short}` would be called `{path}.weight`"
    message = f"{called}; give one a name: `{short}_rec = {second}`"
    return _one("two-unnamed-projections", message, span, "", Label(first, "the first one"))


def not_one_number(span: Span, shown: str, place: str, hint: str) -> Diagnostic:
    return _one(
        "not-one-number", f"`{shown}` is {place}; `gradient` needs one for the batch: {hint}", span
    )


def unsummed_uses(
    span: Span, target: str, shown: str, place: str = "one value per sample and synapse"
) -> Diagnostic:
    return _one(
        "unsummed-uses",
        f"the right side is {place}; `next {target}` needs `sum({shown}, over = uses)`",
        span,
    )


def predict_reads_label(span: Span, place: Span | None) -> Diagnostic:
    return _one(
        "predict-reads-label",
        "`predict` depends on the label, with which it is then compared",
        span,
        "predict from what the network makes of its input, e.g. `argmax(out)`",
        *([Label(place, "reads the label")] if place else []),
    )


def not_owned(span: Span, owner: str, name: str, known: Iterable[str]) -> Diagnostic:
    known = list(known)
    has = f"it has {listing([f'`{k}`' for k in known])}" if known else "its weights are borrowed"
    hint = did_you_mean(name, known) or has
    return _one("not-a-parameter", f"`{owner}` has no parameter called `{name}`", span, hint)


def no_output(span: Span, kind: str, name: str) -> Diagnostic:
    return _one(
        "no-output", f"{kind} `{name}` has no `output`", span, "end its body with `output ...`"
    )


def long_delay(span: Span, steps: int, most: int) -> Diagnostic:
    return _one(
        "long-delay",
        f"a delay of {steps} steps needs as many buffers; at most {most} are made",
        span,
        "a leaky sum, `trace(x, lambda)`, remembers longer in one",
    )


def never_settles(span: Span, name: str, what: str) -> Diagnostic:
    return _one(
        "never-settles",
        f"the {what} of `{name}` never settles: each step makes another one of the step before",
        span,
    )


def only_dense_input(span: Span, axes: Axes) -> Diagnostic:
    return _one(
        "needs-flatten",
        f"`dense` reads one axis of channels, and this has {shape_of(axes)}",
        span,
        "put `flatten` before it",
    )


def needs_space(span: Span, what: str, axes: Axes) -> Diagnostic:
    return _one(
        "needs-space",
        f"`{what}` reads channels, height and width, and this has {shape_of(axes)}",
        span,
        "declare the input as `input x[channels, height, width]`",
    )


def bad_geometry(span: Span, message: str) -> Diagnostic:
    return _one("bad-geometry", message, span)


def no_same_padding(span: Span, kernel: int, less: int) -> Diagnostic:
    message = f"with a kernel of {kernel} no padding keeps the size of a picture"
    hint = f"take an odd kernel, or say how much: `padding = {less}` makes it one pixel smaller"
    return _one("bad-geometry", message, span, hint)


def not_yet(span: Span, what: str) -> Diagnostic:
    return _one("not-yet", f"{what} is part of the language, but not compiled yet", span)


__all__ = [
    "Diagnostic", "argument_twice", "circular_parameter", "did_you_mean", "instant_cycle",
    "missing_argument", "reads_the_future", "second_accuracy", "simple",
    "spike_needs_a_comparison", "too_many_arguments", "unknown_argument", "unknown_metric",
    "unknown_name", "unknown_of_kind",
    "unknown_parameter", "unknown_unit", "wrong_kind",
]  # fmt: skip
