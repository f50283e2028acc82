"""Rules, signals and neurons of the library as text, and the same text with one thing wrong."""

from __future__ import annotations

import re
from pathlib import Path

SPECS = Path(__file__).parents[2] / "specs"


def declaration(kind: str, name: str, file: str = "") -> str:
    """The text of a declaration of the library, e.g. ("rule", "eprop")."""
    text = (SPECS / (file or f"std/{kind}s.snc")).read_text(encoding="utf-8")
    found = re.search(rf"^{kind} {name}\(.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"the library has no {kind} `{name}`"
    return found[0].rstrip() + "\n"


def wrong(kind: str, name: str, change: str, file: str = "") -> str:
    """The declaration with one thing wrong, `"old -> new"`; own names hide those of the library."""
    text = declaration(kind, name, file)
    old, new = change.split(" -> ")
    assert text.count(old) >= 1, f"`{name}` does not say `{old}`"
    return text.replace(old, new)
