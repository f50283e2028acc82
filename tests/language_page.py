"""The examples of docs/language.md: fenced blocks that say what is to be done with them.

```snc         part of one long file: parsed, canonical, checked, its experiments compiled
```snc run     the same, and its experiments are run
```snc check   part of that file: parsed, canonical and checked, not compiled (it needs files, or is not compiled yet)
```snc alone   a file of its own: parsed, canonical and checked

`python -m tests.language_page` puts the blocks of the page into canonical form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from snc.lang import ast
from snc.lang.format import format_spec
from snc.lang.parse import parse
from snc.source import Source

PAGE = Path(__file__).parents[1] / "docs" / "language.md"
BLOCK = re.compile(r"^```snc(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One block. `kind` is "", run, check or alone; `line` is its first line in the page."""

    kind: str
    text: str
    line: int

    @property
    def file(self) -> str:
        """The block as a file."""
        return self.text if self.kind == "alone" else f"snc 1\n\n{self.text}"

    def tree(self) -> ast.Spec:
        """Its syntax tree."""
        return parse(Source(f"language.md:{self.line}", self.file))

    def experiments(self) -> list[str]:
        """The names of its experiments."""
        return [d.name.text for d in self.tree().declarations if isinstance(d, ast.Experiment)]


def examples() -> list[Example]:
    """All blocks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    return [
        Example(m[1] or "", m[2], text.count("\n", 0, m.start()) + 2) for m in BLOCK.finditer(text)
    ]


def whole() -> str:
    """All blocks but those that stand alone, as the one file that the page says they are."""
    return "snc 1\n\n" + "\n".join(e.text for e in examples() if e.kind != "alone")


def _canonical(block: re.Match[str]) -> str:
    example = Example(block[1] or "", block[2], 0)
    text = format_spec(Source(PAGE.name, example.file))
    body = text if example.kind == "alone" else text.removeprefix("snc 1\n\n")
    return f"{block[0].splitlines()[0]}\n{body}```"


if __name__ == "__main__":
    PAGE.write_text(BLOCK.sub(_canonical, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
