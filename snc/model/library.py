"""Files and what they declare: the standard library, `use`, and look-up of names by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from snc.diagnostics import Diagnostic, Label, SpecError, did_you_mean
from snc.lang import ast
from snc.lang.parse import parse
from snc.lang.read import read
from snc.resources import data_dir
from snc.source import Source, Span

SPACES = {"function": "value", "neuron": "value", "block": "value"}


def space_of(declaration: ast.Declaration) -> str:
    """The name space of a declaration: functions, neurons and blocks share one."""
    return SPACES.get(declaration.kind, declaration.kind)


@dataclass(eq=False)
class File:
    """A parsed file with the names it can see: its own, those it takes by `use`, the standard library."""

    source: Source
    spec: ast.Spec
    own: dict[tuple[str, str], Declared] = field(default_factory=dict)
    taken: dict[tuple[str, str], Declared] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    def find(self, space: str, name: str) -> Declared | None:
        """The declaration called `name`, own names before the library's."""
        key = (space, name)
        return self.own.get(key) or self.taken.get(key) or _standard_names().get(key)

    def is_missing(self, name: str) -> bool:
        """Whether `use` was to take this name and could not."""
        wanted = any(n.text == name for u in self.spec.uses for n in u.names)
        return wanted and not any(n == name for _, n in (*self.taken, *self.own))

    def known(self, space: str) -> list[str]:
        """All names of a space that can be seen from here."""
        everywhere = {**_standard_names(), **self.taken, **self.own}
        return sorted(n for s, n in everywhere if s == space)

    def experiments(self) -> list[Declared]:
        """The experiments the file declares itself, in order."""
        return [d for (s, _), d in self.own.items() if s == "experiment"]


@dataclass(frozen=True, eq=False)
class Declared:
    """A declaration and the file whose names its text means."""

    node: ast.Declaration
    file: File

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name.text

    @property
    def kind(self) -> str:
        """function, neuron, block, rule, signal, network, dataset or experiment."""
        return self.node.kind

    @property
    def parameters(self) -> tuple[ast.Parameter, ...]:
        """Its parameters."""
        return self.node.parameters

    @property
    def body(self) -> tuple[ast.Statement, ...]:
        """Its statements; a function has none."""
        return () if isinstance(self.node, ast.Function) else self.node.body

    def documentation(self) -> str:
        """Its docstring."""
        if isinstance(self.node, ast.Function):
            return self.node.doc or ""
        return " ".join(s.text for s in self.body if isinstance(s, ast.Documentation))

    def citation(self) -> str:
        """Its sources."""
        return "; ".join(self.citations())

    def citations(self) -> list[str]:
        """Its sources, one by one."""
        return [s.text for s in self.body if isinstance(s, ast.Citation)]


def load_file(path: Path) -> File:
    """Read and parse a file and what it uses. Raises SpecError if any text is not a spec."""
    return _load(path.resolve(), (), str(path))


def load_text(source: Source) -> File:
    """The same for text; `use` is looked up beside `source.path`."""
    return _connect(source, ())


def _load(path: Path, on_the_way: tuple[Path, ...], shown: str) -> File:
    source = read(path if path.exists() else Path(shown))
    return _connect(Source(shown, source.text, path), (*on_the_way, path))


def _connect(source: Source, on_the_way: tuple[Path, ...]) -> File:
    file = File(source, parse(source))
    for node in file.spec.declarations:
        made = Declared(node, file)
        key = (space_of(node), node.name.text)
        if key in file.own:
            file.problems.append(_declared_twice(node, file.own[key].node))
        else:
            file.own[key] = made
    for use in file.spec.uses:
        _take(file, use, on_the_way)
    return file


def _take(file: File, use: ast.Use, on_the_way: tuple[Path, ...]) -> None:
    found = _used_path(file, use)
    if found is None:
        file.problems.append(_no_such_spec(use, file))
        return
    if found.resolve() in on_the_way:
        file.problems.append(_use_cycle(use))
        return
    other = _load(found.resolve(), on_the_way, _shown(found))
    for name in use.names:
        hits = {k: d for k, d in {**other.taken, **other.own}.items() if k[1] == name.text}
        if not hits:
            names = [n for _, n in other.own]
            file.problems.append(_not_in_file(name, use, names))
        file.taken.update(hits)


def _shown(path: Path) -> str:
    """A path as a person would write it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _used_path(file: File, use: ast.Use) -> Path | None:
    relative = Path(*(p.text for p in use.path.parts)).with_suffix(".snc")
    beside = [file.source.path.parent / relative] if file.source.path else []
    for path in (*beside, data_dir("specs") / relative):
        if path.is_file():
            return path
    return None


@cache
def _standard_names() -> Mapping[tuple[str, str], Declared]:
    names: dict[tuple[str, str], Declared] = {}
    for path in standard_files():
        source = Source(f"std/{path.name}", path.read_text(encoding="utf-8"), path)
        file = File(source, parse(source))
        for node in file.spec.declarations:
            file.own[space_of(node), node.name.text] = Declared(node, file)
        names.update(file.own)
    return names


def standard_files() -> list[Path]:
    """The files whose names are in scope everywhere."""
    return sorted((data_dir("specs") / "std").glob("*.snc"))


@cache
def standard_sources() -> tuple[Source, ...]:
    """The texts of the standard library."""
    return tuple({id(d.file): d.file.source for d in standard()}.values())


def standard() -> Iterator[Declared]:
    """Everything the standard library declares."""
    return iter(_standard_names().values())


# Diagnostics ------------------------------------------------------------------------------------------


def _declared_twice(node: ast.Declaration, before: ast.Declaration) -> Diagnostic:
    name = node.name.text
    return Diagnostic(
        "declared-twice",
        f"`{name}` is already declared in line {before.name.span.line}",
        Label(node.name.span),
        (Label(before.name.span, "the first one"),),
        "give one of them another name",
    )


def _no_such_spec(use: ast.Use, file: File) -> Diagnostic:
    beside = list(file.source.path.parent.glob("*.snc")) if file.source.path else []
    shipped = data_dir("specs").rglob("*.snc")
    known = [p.stem for p in beside]
    known += [".".join(p.relative_to(data_dir("specs")).with_suffix("").parts) for p in shipped]
    return Diagnostic(
        "no-such-spec",
        f"no file `{use.path}.snc` beside this one, nor among the shipped specs",
        Label(use.path.span),
        help=did_you_mean(str(use.path), known),
    )


def _use_cycle(use: ast.Use) -> Diagnostic:
    return Diagnostic(
        "use-cycle",
        f"`{use.path}` uses this file in turn",
        Label(use.path.span),
        help="put what both need into a third file",
    )


def _not_in_file(name: ast.Ident, use: ast.Use, known: list[str]) -> Diagnostic:
    return Diagnostic(
        "not-in-file",
        f"`{use.path}` declares nothing called `{name.text}`",
        Label(name.span),
        help=did_you_mean(name.text, known),
    )


def choose(file: File, name: str | None) -> Declared:
    """The experiment to run: the one asked for, the one named like the file, or the only one.

    Raises SpecError listing the experiments where that is not clear.
    """
    known = file.experiments()
    names = [d.name for d in known]
    whole = Label(known[0].node.name.span if known else Span(0, 0, file.source))
    if name is not None:
        for declared in known:
            if declared.name == name:
                return declared
        hint = did_you_mean(name, names) or (f"it has {', '.join(names)}" if names else "")
        text = f"no experiment is called `{name}` in {file.source.name}"
        raise SpecError([Diagnostic("no-such-experiment", text, whole, help=hint)])
    stem = file.source.path.stem if file.source.path else ""
    for declared in known:
        if declared.name == stem or len(known) == 1:
            return declared
    if not known:
        text = f"{file.source.name} declares no experiment"
        raise SpecError([Diagnostic("no-experiment", text, whole, help="add `experiment NAME:`")])
    text = f"{file.source.name} has {len(known)} experiments; say which one"
    hint = "one of " + ", ".join(f"{file.source.name}:{n}" for n in names)
    raise SpecError([Diagnostic("which-experiment", text, whole, help=hint)])
