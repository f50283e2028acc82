"""Lines of text with indentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Writer:
    """Call it with a line; `with w.block("for ..."):` indents what follows."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def __call__(self, line: str = "", note: str = "") -> None:
        """Add a line; `note` is a comment at its end."""
        text = "    " * self.depth + line if line else ""
        self.lines.append(f"{text}  # {note}" if note else text)

    @contextmanager
    def block(self, head: str, note: str = "") -> Iterator[None]:
        """Add `head:` and indent what is written inside."""
        self(head + ":", note)
        self.depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self("pass")
        self.depth -= 1

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines) + "\n"
