"""Places in several dimensions counted by one number, as code."""

from __future__ import annotations

from collections.abc import Sequence


def product_of(extents: Sequence[str]) -> str:
    """The product of extents, as code: numbers are multiplied here."""
    number, names = 1, []
    for text in " * ".join(extents).split(" * ") if extents else []:
        if text.isdigit():
            number *= int(text)
        else:
            names.append(text)
    return " * ".join([*names, *([str(number)] if number != 1 or not names else [])])


def decomposed(loops: Sequence[tuple[str, str]], place: str = "place") -> str:
    """`b, i = place // 64, place % 64`: the last of some variables with their extents is the fastest."""
    terms = []
    for k, (_, n) in enumerate(loops):
        inner = product_of([m for _, m in loops[k + 1 :]])
        term = place if inner == "1" else f"{place} // {_bracketed(inner)}"
        if n == "1":
            term = "0"
        elif k > 0:
            term = f"{term} % {_bracketed(n)}"
        terms.append(term)
    return f"{', '.join(v for v, _ in loops)} = {', '.join(terms)}"


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text else text
