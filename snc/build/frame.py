"""Bodies being built: their parameters and definitions, evaluated when they are first read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snc.build.values import Object
from snc.lang import ast
from snc.model.library import File
from snc.source import Span


@dataclass(eq=False)
class Definition:
    """A name of a body. `value` is there once it has been evaluated; None then means it failed."""

    name: str
    expression: ast.Expr
    file: File
    span: Span
    stage: str = "waiting"  # waiting, running, done, failed
    value: Any = None


@dataclass(eq=False)
class Frame:
    """The names a body can see: what it was given, what it defines, then the frame around it.

    Only an experiment has a frame around it, that of its network; everything else sees its own names
    and those of its file.
    """

    kind: str
    name: str
    path: str
    file: File
    given: dict[str, Object] = field(default_factory=dict)
    lazy: dict[str, tuple[ast.Expr, File]] = field(default_factory=dict)
    storage: dict[str, ast.Storage] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    initials: dict[str, ast.Initial] = field(default_factory=dict)
    uid: str = ""
    around: Frame | None = None
    output_name: str | None = None
    running: set[str] = field(default_factory=set)  # defaults and storage being evaluated
    failed: set[str] = field(default_factory=set)  # those that cannot be, as has been reported

    def states_of(self, name: str) -> str:
        """The path of a definition: that of the instance itself for its output."""
        if name == self.output_name:
            return self.path
        return f"{self.path}.{name}" if self.path else name
