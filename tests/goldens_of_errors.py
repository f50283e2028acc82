"""The programs in tests/golden/errors that are checked or run, and what is said of them.

`python -m tests.goldens_of_errors` writes every `.txt` anew; look at the difference before keeping it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from snc.build.experiment import Surroundings, build
from snc.check import check_file
from snc.diagnostics import Diagnostic, SpecError
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.render import render

FOLDER = Path(__file__).parent / "golden" / "errors"
HEAD = re.compile(r"# (error|note)\[([a-z0-9-]+)\]: (.*)\n# stage: (names|check|run)(?: (\w+))?\n")


@dataclass(frozen=True)
class Program:
    """A wrong program, with the code and message in its first line."""

    path: Path
    severity: str
    code: str
    message: str
    stage: str
    experiment: str | None

    @property
    def answer(self) -> Path:
        return self.path.with_suffix(".txt")


def programs() -> list[Program]:
    found = []
    for path in sorted(FOLDER.glob("*.snc")):
        head = HEAD.match(path.read_text(encoding="utf-8"))
        if head:
            severity, code, message, stage, experiment = head.groups()
            found.append(Program(path, severity, code, message, stage, experiment))
    return found


def said_of(program: Program) -> list[Diagnostic]:
    """What is said of a program; its folder is the current one, so that paths are short."""
    path = Path(program.path.name)
    if program.stage != "run":
        return check_file(path)
    try:
        whole = resolve(choose(load_file(path), program.experiment))
        build(whole, Surroundings(), training=True)
    except SpecError as error:
        return list(error.diagnostics)
    return []


def rendered(diagnostics: list[Diagnostic]) -> str:
    return "\n\n".join(render(d) for d in diagnostics) + "\n"


if __name__ == "__main__":
    os.chdir(FOLDER)
    for one in programs():
        one.answer.write_text(rendered(said_of(one)), encoding="utf-8")
