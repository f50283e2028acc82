"""Which names the text of a declaration can see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache

from snc.diagnostics import Diagnostic, SpecError
from snc.lang import ast
from snc.model.library import Declared, File
from snc.model.readings import Reading, readings
from snc.model.resolve import Experiment, Scoped, resolve
from snc.model.signatures import OPTION_WORDS, OPTIONS, SIGNATURES, VALUES

SIDES = {
    "rule": frozenset(
        ["pre", "post", "signal", "weight", "bias", "gain", "parameters", "layer", "stored"]
    ),
    "signal": frozenset({"layer"}),
    "block": frozenset({"pre", "post"}),  # of a function of a weight
}
FIELDS = frozenset({"input", "label", "length", "mask"})
KINDS = ("value", "rule", "signal", "network", "dataset", "experiment")


@dataclass(frozen=True)
class Scope:
    """The names of one text. In an `open` one there are more, which cannot be known from the text."""

    declared: Declared
    names: frozenset[str]
    open: bool = False
    resolved: Experiment | None = field(default=None, repr=False)
    problems: tuple[Diagnostic, ...] = ()  # why an experiment cannot be put together

    @property
    def file(self) -> File:
        """The file in which everything else is looked up."""
        return self.declared.file

    def known(self) -> set[str]:
        """Everything a value can be called, for suggestions."""
        words = set(SIGNATURES) | VALUES | OPTION_WORDS | set(data_words())
        return {*self.names, *self.file.known("value"), *words}


def scope_of(declared: Declared) -> Scope:
    """The scope of a declaration's text."""
    if declared.kind != "experiment":
        return Scope(declared, own_names(declared))
    try:
        whole = resolve(declared)
    except SpecError as error:
        problems = [d for d in error.diagnostics if not declared.file.is_missing(d.span.text)]
        return Scope(declared, own_names(declared) | FIELDS, True, None, tuple(problems))
    names = set(own_names(declared) | FIELDS)
    for part in (whole, *whole.phases.values()):
        names |= {*part.parameters, *part.equations, *part.metrics}
        names |= {n.text for s, _ in part.statements for n in defined((s,))}
    networks = list(_called(whole, "network"))
    for network in networks:
        names |= own_names(network)
    for data in _called(whole, "data"):
        names |= _fields_of(data)
    return Scope(declared, frozenset(names), not networks, whole)


def defined(body: tuple[ast.Statement, ...]) -> Iterator[ast.Ident]:
    """The names that a body defines, where it does so; a name given twice comes twice."""
    for statement in body:
        match statement:
            case ast.Definition(path=ast.Path(parts=(name,))):
                yield name
            case ast.Storage(name=name) | ast.Metric(name=name):
                yield name


def _called(experiment: Experiment, setting: str) -> Iterator[Declared]:
    """The networks or data sets that an experiment and its phases call."""
    space = "dataset" if setting == "data" else setting
    for part in (experiment, *experiment.phases.values()):
        found = _callee(part.settings.get(setting), space)
        if found is not None:
            yield found


def _callee(scoped: Scoped | None, space: str) -> Declared | None:
    if scoped is None:
        return None
    value = scoped.value
    called = value.function if isinstance(value, ast.Call) else value
    return scoped.file.find(space, called.text) if isinstance(called, ast.Name) else None


def _fields_of(dataset: Declared) -> set[str]:
    """What the sources of a data set give besides the fields that all may have."""
    words = data_words()
    read = [words.get(reading.name.text) for reading in readings(dataset.body)]
    return {name for word in read if word is not None for name in word.fields}


def is_option(reading: Reading) -> bool:
    """Whether a bare name is an option word, as the parameter it is given to takes it."""
    if reading.slot is None:
        return False
    function, slot = reading.slot
    text, slots = reading.name.text, SIGNATURES.get(function, ())
    word = data_words().get(function)
    if isinstance(slot, str):
        known = OPTIONS.get(slot, frozenset()) if slots else frozenset()
        return text in known or (word is not None and text in word.options.get(slot, ()))
    names = [s.name for s in slots[slot : slot + 1]]
    if any(text in OPTIONS.get(n, ()) for n in names):
        return True
    return word is not None and any(text in words for words in word.options.values())


def refers(declared: Declared) -> tuple[Declared, ...]:
    """The declarations that a text names, library included, each once."""
    found: dict[Declared, None] = {}
    for reading in texts(declared):
        target = target_of(reading, declared)
        if target is not None:
            found[target] = None
    return tuple(found)


def target_of(reading: Reading, declared: Declared) -> Declared | None:
    """The declaration that a name means, unless the text has its own meaning for it."""
    name = reading.name.text
    if reading.space == "value" and (name in own_names(declared) or is_option(reading)):
        return None
    return declared.file.find(reading.space, name)


@lru_cache(maxsize=1024)
def own_names(declared: Declared) -> frozenset[str]:
    """Parameters and definitions of a declaration, without what an experiment gets from others."""
    names = {p.name.text for p in declared.parameters} | {n.text for n in defined(declared.body)}
    return frozenset(names | SIDES.get(declared.kind, frozenset()))


@lru_cache(maxsize=1024)
def texts(declared: Declared) -> tuple[Reading, ...]:
    """Everything that a declaration reads."""
    node = declared.node
    if isinstance(node, ast.Experiment):
        return tuple(readings(node))
    body = node.value if isinstance(node, ast.Function) else node.body
    return (*readings(node.parameters), *readings(body))


@dataclass(frozen=True)
class DataWord:
    """What a check needs to know of a data word."""

    kind: str
    variadic: bool
    fields: tuple[str, ...]
    arguments: tuple[tuple[str, bool], ...]
    options: dict[str, tuple[str, ...]]


@cache
def data_words() -> dict[str, DataWord]:
    """The words of data pipelines; without the data package there are none."""
    try:
        from snc.model.words import WORDS  # it stands above the model, which does without
    except ImportError:
        return {}
    made = {}
    for word in WORDS.values():
        arguments = tuple((a.name, a.needed) for a in word.arguments)
        options = {a.name: a.options for a in word.arguments}
        made[word.name] = DataWord(word.kind, word.variadic, word.fields, arguments, options)
    return made
