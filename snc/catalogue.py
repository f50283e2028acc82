"""`snc list`: what the library and the installation offer, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from snc.diagnostics import DataError, did_you_mean
from snc.lang import ast
from snc.model.library import Declared, load_file, standard
from snc.model.rows import Row, rows, rows_of
from snc.resources import data_dir

Entry = tuple[str, str, str]
KINDS = {"rules": "rule", "neurons": "neuron", "signals": "signal", "datasets": "dataset"}


def entries(kind: str) -> list[Entry]:
    """Name, one line, and place (`specs/std/rules.snc:21`) of everything of a kind.

    kind: experiments, rules, neurons, signals, datasets or backends. Experiments are named as the command
    line takes them in a checkout, `specs/user/keyboard.snc:theirs`.
    """
    if kind == "backends":
        return list(_backends())
    if kind == "experiments":
        return list(_experiments())
    if kind not in KINDS:
        known = ("experiments", *KINDS, "backends")
        hint = did_you_mean(kind, known) or f"there are {', '.join(known)}"
        raise DataError("unknown-kind", f"there is no list of `{kind}`", help=hint)
    return [(d.name, _line(d), _place(d)) for d in standard() if d.kind == KINDS[kind]]


def _experiments() -> Iterator[Entry]:
    """The experiments of all shipped specs. One without words of its own is told by its parts."""
    root = data_dir("specs")
    for path in sorted(root.rglob("*.snc")):
        if path.parent.name == "std":
            continue
        for declared in load_file(path).experiments():
            shown = f"specs/{path.relative_to(root).as_posix()}:{declared.name}"
            words = " ".join(declared.documentation().split()) or _told_by_parts(declared)
            told = _sources(declared, list(rows_of(declared, path.parent.name, path)))
            yield shown, f"{words} [{told}]" if told else words, _place(declared)


def _sources(declared: Declared, found: list[Row]) -> str:
    """`Table II, rows C10-minus, C10-zero`: the tables whose rows it is, and the sources it cites."""
    by_source: dict[str, list[str]] = {}
    for row in found:
        by_source.setdefault(row.source, []).append(row.name)
    told = [f"{s}, row{'s' * (len(n) > 1)} {', '.join(n)}" for s, n in by_source.items()]
    cited = [
        " ".join(c.split()) for c in declared.citations() if not any(s in c for s in by_source)
    ]
    return "; ".join([*told, *cited])


def rows_markdown() -> str:
    """All rows of published tables as Markdown, one table for each folder of specs."""
    lines: list[str] = []
    for collection, found in groupby(rows(), key=lambda row: row.collection):
        lines += ["", f"**specs/{collection}**", "", *MARKDOWN_HEAD, *map(_markdown, found)]
    return "\n".join(lines[1:])


MARKDOWN_HEAD = ("| what | source | published | command |", "|---|---|---|---|")


def _markdown(row: Row) -> str:
    case = ", ".join(f"{name} = {value}" for name, value in row.case)
    what = f"{row.line.rstrip('.')} ({case})." if case else row.line
    return f"| {what} | {row.source} | {printed(row)} | `snc reproduce {row.name}` |"


def printed(row: Row) -> str:
    """The numbers of a row in one cell: one, `0.50, 0.76` for a few, how many for a whole table."""
    numbers = [p.text for p in row.published]
    if len(numbers) > MOST_NUMBERS:
        return f"{len(numbers)} numbers"
    return ", ".join(numbers) or "no number"


MOST_NUMBERS = 4


def _told_by_parts(declared: Declared) -> str:
    """`derived from base(alpha_post = 1)`, or `network recurrent(leak)`."""
    node = declared.node
    base = node.base if isinstance(node, ast.Experiment) else None
    if base is not None:
        return f"derived from {' '.join(base.span.text.split())}"
    for statement in declared.body:
        if isinstance(statement, ast.Definition) and str(statement.path) == "network":
            return f"network {' '.join(statement.value.span.text.split())}"
    return ""


def _line(declared: Declared) -> str:
    """The docstring, with the source where one is given."""
    words = " ".join(declared.documentation().split())
    cited = " ".join(declared.citation().split())
    return f"{words} [{cited}]".strip() if cited else words


def _place(declared: Declared) -> str:
    """The file below the checkout, or the wheel's folder of specs, and the line."""
    span = declared.node.name.span
    path = declared.file.source.path or Path(span.source.name)
    root = data_dir("specs")
    try:
        shown = (Path("specs") / path.resolve().relative_to(root.resolve())).as_posix()
    except ValueError:
        shown = str(path)
    return f"{shown}:{span.line}"


def _backends() -> Iterator[Entry]:
    """The installed backends, and why one cannot run here."""
    # Looking for backends imports them, and they import compilers: no other list waits for that.
    from importlib.metadata import entry_points

    from snc.backend import GROUP, find, names

    modules = {e.name: e.value for e in entry_points(group=GROUP)}
    for name in names():
        try:
            backend = find(name)
        except Exception as error:  # a backend is a guest: a broken one must not hide the others
            yield name, f"cannot be loaded: {type(error).__name__}: {error}", modules[name]
            continue
        reason = backend.unavailable()
        text = " ".join((type(backend).__doc__ or "").split("\n")[0].split())
        yield name, f"{text} Cannot run here: {reason}." if reason else text, modules[name]
