"""Which rows of published tables the shipped experiments are: read from the texts, known nowhere else.

An experiment says it where it gives a source, in the note of an `expect` or in a `cite`:

    expect accuracy = 78.24 +- 1.84 % "Table 3, row S2; a remark"
    cite "Figure 4, row A7; no numbers printed"

What stands before `row` is the source, the word after it names the row. Expectations of one row that all
name the same case (`accuracy(alpha_post = 0)`) are that case of the experiment; else the row is all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from snc.lang import ast
from snc.model.library import Declared, load_file
from snc.resources import data_dir

NOTE = re.compile(r"(?P<source>.+?),\s+row\s+(?P<name>\w[\w.+-]*)\s*(?:[;,]\s*(?P<remark>.+))?")


@dataclass(frozen=True)
class Published:
    """A number of a row as it was printed, in a case of the experiment: `78.24 +- 1.84 %`."""

    metric: str
    case: tuple[tuple[str, str], ...]
    text: str
    remark: str


@dataclass(frozen=True)
class Row:
    """A row of a published table and the experiment that it is.

    collection: the folder of the spec. spec: the experiment as the command line takes it in a checkout.
    case: what has to be set. published: its numbers, none where only a figure was printed.
    """

    name: str
    source: str
    collection: str
    path: Path
    experiment: str
    case: tuple[tuple[str, str], ...]
    line: str
    published: tuple[Published, ...]

    @property
    def spec(self) -> str:
        """`specs/COLLECTION/FILE.snc:EXPERIMENT`."""
        return f"specs/{self.collection}/{self.path.name}:{self.experiment}"


@cache
def rows() -> tuple[Row, ...]:
    """All rows, in the order of folders, files and lines."""
    root = data_dir("specs")
    found: list[Row] = []
    for path in sorted(root.rglob("*.snc")):
        if path.parent.name != "std":
            collection = path.parent.relative_to(root).as_posix()
            for declared in load_file(path).experiments():
                found += rows_of(declared, collection, path)
    return tuple(found)


def rows_of(declared: Declared, collection: str, path: Path) -> Iterator[Row]:
    """The rows that an experiment says it is."""
    named: dict[str, tuple[str, list[Published]]] = {}
    for statement in _statements(declared.body):
        match statement:
            case ast.Citation(text=text):
                note, number = NOTE.fullmatch(text), None
            case ast.Expect(note=text) if text is not None:
                note, number = NOTE.fullmatch(text), statement
            case _:
                continue
        if note is not None:
            _, numbers = named.setdefault(note["name"], (note["source"], []))
            if number is not None:
                numbers.append(_published(number, note["remark"] or ""))
    for name, (source, numbers) in named.items():
        cases = {p.case for p in numbers}
        yield Row(
            name=name,
            source=source,
            collection=collection,
            path=path,
            experiment=declared.name,
            case=cases.pop() if len(cases) == 1 else (),
            line=" ".join(declared.documentation().split()),
            published=tuple(numbers),
        )


def _statements(body: tuple[ast.Statement, ...]) -> Iterator[ast.Statement]:
    """The statements of an experiment and of its phases."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.Phase):
            yield from _statements(statement.body)


def _published(number: ast.Expect, remark: str) -> Published:
    measure = number.measure
    text = f"{measure.value} +- {measure.spread}" if measure.spread else measure.value
    case = tuple(
        (a.name.text, " ".join(a.value.span.text.split()))
        for a in number.case
        if a.name is not None
    )
    return Published(number.name.text, case, f"{text} %" if measure.percent else text, remark)


__all__ = ["Published", "Row", "rows", "rows_of"]
