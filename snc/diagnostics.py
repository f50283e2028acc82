"""What a user can get wrong, as data, and how it is shown.

SncError
  SpecError          the text is wrong: one or more diagnostics with places in it
  DataError          a data set, batch file or checkpoint is wrong
  BackendError       a backend cannot run here
InternalError        our bug, never the user's
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snc.source import Span


@dataclass(frozen=True, slots=True)
class Label:
    """A place and a few words about it."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `code` is permanent and documented; `message` is one short phrase."""

    code: str
    message: str
    primary: Label
    related: tuple[Label, ...] = ()
    help: str = ""
    severity: str = "error"  # or `note`: worth knowing, and no mistake

    @property
    def span(self) -> Span:
        """The primary place."""
        return self.primary.span


class SncError(Exception):
    """What a user can mend."""


class SpecError(SncError):
    """One or more mistakes in a spec, in the order of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        unique = {(d.code, d.span.source.name, d.span.start, d.message): d for d in diagnostics}
        self.diagnostics = tuple(
            sorted(unique.values(), key=lambda d: (d.span.source.name, d.span.start, d.code))
        )
        super().__init__("\n".join(f"{d.span}: {d.code}: {d.message}" for d in self.diagnostics))


class DataError(SncError):
    """A file that is not the text of a spec is missing, damaged or does not fit.

    `code` names the mistake, `place` is a file or a path inside one, `help` what to try.
    """

    def __init__(self, code: str, message: str, place: str = "", help: str = "") -> None:  # noqa: A002
        self.code, self.message, self.place, self.help = code, message, place, help
        super().__init__(message)


class BackendError(SncError):
    """A backend cannot run here; the text says why."""


class InternalError(Exception):
    """A mistake in snc itself."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, if one is near enough to suggest."""
    found = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or nothing."""
    found = nearest(name, known)
    return f"did you mean `{found}`?" if found else ""


def listing(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
