"""A file, or a folder of them, to what is wrong with it: all independent mistakes in one go.

Names are checked first. What they are right in is then built: every experiment, and every declaration
that no experiment of the file uses by itself. Nothing is built that depends on something wrong, so one
mistake gives one diagnostic. No data is read, and none has to be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from snc.build.alone import problems_alone
from snc.build.experiment import Assumed, attempt
from snc.build.plan import settings_problems, stated_by_text
from snc.diagnostics import DataError, Diagnostic, Label, SpecError
from snc.model.library import Declared, File, load_file, standard
from snc.model.names import CHECKS, unused_names
from snc.model.resolve import Experiment, phases_of, resolve
from snc.model.scope import refers, scope_of, texts
from snc.model.text import said
from snc.source import Span

NUMBER = re.compile(r"\b\d[\d_.]*(?:e[+-]?\d+)?")
NOTES = frozenset({"not-yet", "unused-use"})
"""Codes of what is no mistake."""


def check_file(path: Path, settings: Mapping[str, str] | None = None) -> list[Diagnostic]:
    """What is wrong with a file, or with all specs below a folder. Raises DataError if there is none."""
    if path.is_dir():
        found = [d for spec in specs_below(path) for d in check_file(spec, settings)]
        return _once(found)
    try:
        file = load_file(path)
    except SpecError as error:
        return list(error.diagnostics)
    return check(file, settings)


def specs_below(folder: Path) -> list[Path]:
    """All specs in a folder and the folders in it. Raises DataError if there is none."""
    found = sorted(folder.rglob("*.snc"))
    if not found:
        raise DataError("no-such-file", f"there is no spec below `{folder}`", str(folder))
    return found


def failing(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The mistakes among diagnostics; the rest are notes."""
    return [d for d in diagnostics if d.severity == "error"]


def check(file: File, settings: Mapping[str, str] | None = None) -> list[Diagnostic]:
    """What is wrong with a parsed file."""
    reached = _reached(file)
    names = _names(file, reached)
    broken = _depending(reached, names)
    whole = [d for d in file.experiments() if d not in broken]
    built = list(_experiments(whole, settings or {}))
    used = {d for one, _ in built for d in one}
    found = [*names, *unused_names(file), *(d for _, problems in built for d in problems)]
    for declared in file.own.values():
        if declared not in broken and declared not in used and declared.kind != "experiment":
            found += problems_alone(declared)
    return _once(found)


def name_problems(file: File) -> list[Diagnostic]:
    """What shows without building anything; for those who build only one experiment of a file."""
    return failing(_once(_names(file, _reached(file))))


# Names --------------------------------------------------------------------------------------------------


def _reached(file: File) -> list[Declared]:
    """The file's declarations and those of other files that they need, without the library."""
    library = set(standard())
    found: dict[Declared, None] = {}
    waiting = list(reversed(file.own.values()))
    while waiting:
        one = waiting.pop()
        if one not in found and one not in library:
            found[one] = None
            waiting += refers(one)
    return list(found)


def _names(file: File, reached: Sequence[Declared]) -> list[Diagnostic]:
    """Mistakes that show without building anything."""
    files = dict.fromkeys([file, *(d.file for d in reached)])
    found = [problem for one in files for problem in one.problems]
    for declared in reached:
        scope = scope_of(declared)
        found += [d for check_names in CHECKS for d in check_names(scope)]
    return found


def _depending(reached: Sequence[Declared], found: Sequence[Diagnostic]) -> set[Declared]:
    """The declarations with a mistake in them, and those that need one of them."""
    places = [label.span for d in found for label in (d.primary, *d.related)]
    broken = {d for d in reached if any(_inside(s, d.node.span) for s in places)}
    lost = {
        (d.span.source, d.span.text) for d in found if d.code in ("not-in-file", "no-such-spec")
    }
    broken |= {d for d in reached if any(s is d.file.source for s, _ in lost) and _misses(d)}
    while True:
        more = {d for d in reached if d not in broken and any(r in broken for r in refers(d))}
        if not more:
            return broken
        broken |= more


def _misses(declared: Declared) -> bool:
    """Whether a declaration reads a name that `use` was to take and could not."""
    return any(declared.file.is_missing(r.name.text) for r in texts(declared))


def _inside(span: Span, whole: Span) -> bool:
    return span.source == whole.source and whole.start <= span.start < whole.end


# Building -----------------------------------------------------------------------------------------------

Looked = tuple[set[Declared], list[Diagnostic]]
"""What has been looked at in building, and what was found."""


def _experiments(experiments: Sequence[Declared], settings: Mapping[str, str]) -> Iterator[Looked]:
    refused: list[Diagnostic] = []
    known: dict[str, Assumed] = {}  # what was found for an experiment, by its text without numbers
    taken = 0
    for declared in experiments:
        try:
            whole = resolve(declared, settings)
        except SpecError as error:
            refused += error.diagnostics
            continue
        taken += 1
        for phase in phases_of(whole):
            yield _phase(phase, known)
    if refused and not taken:  # `--set` is for one experiment, and the others need not know it
        yield set(), refused


def _phase(experiment: Experiment, known: dict[str, Assumed]) -> Looked:
    """Build one phase, as for training."""
    if "network" not in experiment.settings:
        return set(), []
    surroundings, problems = stated_by_text(experiment)
    kind = NUMBER.sub("#", "\n".join(said(experiment)))
    built = attempt(experiment, surroundings, training=True, likely=known.get(kind))
    known[kind] = built.context.assumed
    problems += built.context.diagnostics
    problems += settings_problems(experiment, surroundings)
    looked = _needed(experiment.declared)
    if not built.learned:
        looked = {d for d in looked if d.kind not in ("rule", "signal")}
    return looked, problems


def _needed(declared: Declared) -> set[Declared]:
    found: set[Declared] = set()
    waiting = [declared]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += refers(one)
    return found


def _once(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each mistake once, in the order of the text, and what is no mistake as a note.

    What is found at one place several times, from several experiments, is one mistake. So is what is
    said in the same words of several places of a file: the first has the others beside it.
    """
    seen: dict[tuple[str, str, int], Diagnostic] = {}
    for d in found:
        d = replace(d, severity="note") if d.code in NOTES else d
        seen.setdefault((d.code, d.span.source.name, d.span.start), d)
    same: dict[tuple[str, str, str], list[Diagnostic]] = {}
    for d in sorted(seen.values(), key=_place):
        same.setdefault((d.code, d.span.source.name, d.message), []).append(d)
    return [_together(alike) for alike in same.values()]


def _together(alike: Sequence[Diagnostic]) -> Diagnostic:
    first, *others = alike
    shown = {first.span, *(label.span for label in first.related)}
    more = [Label(d.span, "and here") for d in others if d.span not in shown]
    return replace(first, related=(*first.related, *more))


def _place(diagnostic: Diagnostic) -> tuple[str, int, str]:
    span = diagnostic.span
    return span.source.name, span.start, diagnostic.code
