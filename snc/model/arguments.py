"""Are the arguments of a call those that what is called takes?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from snc.diagnostics import Diagnostic
from snc.lang import ast
from snc.model import mistakes
from snc.model.library import Declared
from snc.model.readings import Reading
from snc.model.scope import DataWord, Scope, data_words, scope_of, target_of, texts
from snc.model.signatures import SIGNATURES

TIMES = ("us", "ms", "s", "min")


@dataclass(frozen=True)
class Signature:
    """The parameters of what is called; `rest` if it takes any number more."""

    names: tuple[str, ...]
    needed: frozenset[str]
    rest: bool = False


def wrong_arguments(scope: Scope) -> Iterator[Diagnostic]:
    """Arguments that are unknown, given twice, missing or too many."""
    for reading in texts(scope.declared):
        signature = _signature(reading, scope) if reading.called else None
        if signature is not None:
            yield from _check(reading, signature, scope)


def _signature(reading: Reading, scope: Scope) -> Signature | None:
    """The signature of what is called, if that is known from the text."""
    name = reading.name.text
    if reading.space == "value" and name in scope.names:
        return None
    target = target_of(reading, scope.declared)
    if target is not None:
        return _declared(target)
    if reading.space != "value":
        return None
    if name in SIGNATURES:
        slots = SIGNATURES[name]
        needed = frozenset(s.name for s in slots if s.needed and not s.rest)
        return Signature(
            tuple(s.name for s in slots if not s.rest), needed, any(s.rest for s in slots)
        )
    word = data_words().get(name)
    return _of_word(word) if word else None


def _declared(target: Declared) -> Signature | None:
    if target.kind == "experiment":
        whole = scope_of(target).resolved
        return Signature(tuple(whole.parameters), frozenset()) if whole else None
    needed = frozenset(p.name.text for p in target.parameters if p.default is None)
    return Signature(tuple(p.name.text for p in target.parameters), needed)


def _of_word(word: DataWord) -> Signature:
    """A data word; all but sources take first what comes before them."""
    before = () if word.kind == "source" else ("x",)
    names = (*before, *(n for n, _ in word.arguments))
    return Signature(names, frozenset(n for n, needed in word.arguments if needed), word.variadic)


def _check(reading: Reading, signature: Signature, scope: Scope) -> Iterator[Diagnostic]:
    name, arguments = reading.name.text, reading.arguments or ()
    plain = [a for a in arguments if a.name is None]
    if signature.rest:
        plain = []
    room = len(signature.names) - reading.piped
    if len(plain) > max(room, 0):
        yield mistakes.too_many_arguments(plain[max(room, 0)].span, name, signature.names)
    elif reading.piped and not signature.names and not signature.rest:
        yield mistakes.too_many_arguments(reading.name.span, name, ())
    given = set(signature.names[: len(plain) + reading.piped])
    for argument in arguments:
        if argument.name is None:
            continue
        text = argument.name.text
        if text not in signature.names:
            if not (signature.rest and not signature.names):
                more = _instead(argument, signature.names, scope)
                yield mistakes.unknown_argument(argument.span, name, text, signature.names, more)
        elif text in given:
            yield mistakes.argument_twice(argument.span, name, text)
        given.add(text)
    waits = any(isinstance(a.value, ast.Name) and a.value.text == "_" for a in arguments)
    if not waits:
        span = reading.span or reading.name.span
        missing = (n for n in signature.names if n in signature.needed and n not in given)
        yield from (mistakes.missing_argument(span, name, n) for n in missing)


def _instead(argument: ast.Argument, names: Sequence[str], scope: Scope) -> str:
    """A time constant given to a neuron that takes the factor per step."""
    value = argument.value
    is_time = isinstance(value, ast.Quantity) and value.unit in TIMES
    if is_time and "leak" in names and scope.file.find("value", "decay"):
        return f"; `leak = decay({value.span.text})` is the factor per step"
    return ""
