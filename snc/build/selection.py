"""Which projections a `learn` or `freeze` is about, and what each of them is told in the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from snc.build import mistakes
from snc.build.context import Context
from snc.build.values import Failed
from snc.diagnostics import did_you_mean
from snc.lang import ast
from snc.model.library import File
from snc.model.resolve import Experiment, Scoped, Value
from snc.source import Span

CLAUSES = ("by", "from", "at", "during", "update", "using")


@dataclass
class Clause:
    """One clause for one projection: what was written, and which of the selected ones it is."""

    value: ast.Node
    file: File
    each: int
    names: tuple[str, ...]
    arguments: dict[str, Scoped] = field(default_factory=dict)


@dataclass
class Told:
    """All clauses for one projection."""

    path: str
    span: Span
    clauses: dict[str, Clause] = field(default_factory=dict)


def tell(ctx: Context, experiment: Experiment, paths: Sequence[str]) -> dict[str, Told]:
    """What every projection is told, in the order of the network. Reports selections that match nothing."""
    told: dict[str, Told] = {}
    for text in experiment.learns:
        try:
            if text.statement is not None:
                _statement(ctx, text.statement, text.file, paths, told)
            elif text.override is not None and text.value is not None:
                _override(ctx, text.override, text.value, text.file, told)
        except Failed:
            continue
    return {p: told[p] for p in paths if p in told}


def _statement(
    ctx: Context, statement: ast.Learn, file: File, paths: Sequence[str], told: dict[str, Told]
) -> None:
    chosen = select(ctx, statement.selection, paths)
    clauses = {_name(c): c for c in statement.clauses}
    for k, path in enumerate(chosen):
        if "by" in clauses or path not in told:
            told[path] = Told(path, statement.span)
        for name, clause in clauses.items():
            told[path].clauses[name] = Clause(clause, file, k, tuple(chosen))


def _name(clause: ast.Clause) -> str:
    match clause:
        case ast.ByRule():
            return "by"
        case ast.FromSignal():
            return "from"
        case ast.AtPlace():
            return "at"
        case ast.DuringWindow():
            return "during"
        case ast.UpdateSchedule():
            return "update"
        case ast.UsingOptimiser():
            return "using"


def _override(
    ctx: Context, override: ast.Override, value: Value, file: File, told: dict[str, Told]
) -> None:
    """`learn.h_*.by.lambda_pre = 0.9`: an argument of a clause, for what the selector names.

    Without an argument, `learn.h_*.during = last 3 steps`, it is the whole clause.
    """
    parts = override.selector.parts
    marks = [k for k, p in enumerate(parts) if p in CLAUSES]
    span = override.span
    if not marks or len(parts) not in (marks[-1] + 1, marks[-1] + 2):
        ctx.fail(mistakes.simple("no-such-setting", "say `learn.NAME.by.ARGUMENT = ...`", span))
    head, clause = parts[: marks[-1]], parts[marks[-1]]
    pattern = ".".join(head)
    hits = [t for p, t in told.items() if _matches(pattern, p)]
    if not hits:
        ctx.fail(_nothing(span, pattern, list(told)))
    if len(parts) == marks[-1] + 1:
        whole = _clause(ctx, clause, value)
        names = tuple(t.path for t in hits)
        for k, entry in enumerate(hits):
            entry.clauses[clause] = Clause(whole, file, k, names)
        return
    for entry in hits:
        if clause not in entry.clauses:
            ctx.fail(mistakes.simple("no-such-setting", f"`{entry.path}` has no `{clause}`", span))
        old = entry.clauses[clause]
        given = {**old.arguments, parts[-1]: Scoped(value, file)}
        entry.clauses[clause] = Clause(old.value, old.file, old.each, old.names, given)


def _clause(ctx: Context, name: str, value: Value) -> ast.Clause:
    """A clause as it would stand in a `learn`."""
    match name, value:
        case "during", ast.Always() | ast.Last() | ast.After() | ast.When():
            return ast.DuringWindow(value, span=value.span)
        case "update", ast.Schedule():
            return ast.UpdateSchedule(value, span=value.span)
        case "at", ast.Name(text=text):
            path = ast.Path((ast.Ident(text, span=value.span),), span=value.span)
            return ast.AtPlace(path, span=value.span)
        case "by", ast.Call() | ast.Name():
            return ast.ByRule(value, span=value.span)
        case "from", ast.Call() | ast.Name():
            return ast.FromSignal(value, span=value.span)
        case "using", ast.Call() | ast.Name() | ast.Member():
            return ast.UsingOptimiser(value, span=value.span)
    text = f"`{value.span.text}` cannot follow `{name}` in a `learn`"
    ctx.fail(mistakes.simple("no-such-setting", text, value.span))


def select(ctx: Context, selection: ast.Selection, paths: Sequence[str]) -> list[str]:
    """The learnable projections at and below what is named, in the order named."""
    chosen: list[str] = []
    for item in selection.items:
        for pattern in _patterns(ctx, item):
            hits = [p for p in paths if _matches(pattern, p) and p not in chosen]
            if not hits and not any(_matches(pattern, p) for p in paths):
                ctx.fail(_nothing(item.span, pattern, paths))
            chosen += hits
    return chosen


def _patterns(ctx: Context, item: ast.Item) -> list[str]:
    first = str(item.first)
    if item.last is None:
        return [first]
    ends = [re.fullmatch(r"(.*?)(\d+)", str(s)) for s in (item.first, item.last)]
    if not ends[0] or not ends[1] or ends[0][1] != ends[1][1]:
        ctx.fail(mistakes.simple("bad-range", "a range runs over numbers: `b1..b8`", item.span))
    return [f"{ends[0][1]}{k}" for k in range(int(ends[0][2]), int(ends[1][2]) + 1)]


def _matches(pattern: str, path: str) -> bool:
    """Whether a pattern names the projection or something around it."""
    parts = path.split(".")
    return any(fnmatchcase(".".join(parts[: k + 1]), pattern) for k in range(len(parts)))


def _nothing(span: Span, pattern: str, paths: Sequence[str]) -> mistakes.Diagnostic:
    known = ", ".join(paths) or "none that is learned"
    message = f"no projection is called `{pattern}`; the network has {known}"
    return mistakes.simple("selects-nothing", message, span, did_you_mean(pattern, paths))


__all__ = ["Clause", "Told", "select", "tell"]
