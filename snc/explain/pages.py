"""`snc explain CODE`: the page of an error code, from docs/diagnostics.md."""

from __future__ import annotations

import re

from snc.diagnostics import DataError, did_you_mean
from snc.resources import data_dir


def pages() -> dict[str, str]:
    """The section of every code: `## code` and what follows, without the heading."""
    path = data_dir("docs") / "diagnostics.md"
    if not path.is_file():
        return {}
    parts = re.split(
        r"^## +`?([a-z][a-z0-9-]*)`?[ \t]*$", path.read_text(encoding="utf-8"), flags=re.M
    )
    return {code: body.strip() for code, body in zip(parts[1::2], parts[2::2], strict=True)}


def explain_code(code: str) -> str:
    """The page of an error code. Raises DataError if there is none."""
    known = pages()
    if code in known:
        return f"{code}\n\n{known[code]}"
    hint = did_you_mean(code, known) or "codes stand in brackets after the word error"
    raise DataError("unknown-code", f"no error has the code `{code}`", help=hint)
