"""Selections: which samples are kept, and in which order; only labels are read for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np

from snc.data.given import Given
from snc.data.samples import Item
from snc.model.plan import Share
from snc.random import permutation

Select = Callable[[Given, Sequence[Item]], list[Item]]


def sort_by_path(given: Given, items: Sequence[Item]) -> list[Item]:
    """`sort_by_path`: by the parts of the path; samples without a path keep their order."""
    return sorted(items, key=lambda i: PurePath(i.path).parts)


def per_class(given: Given, items: Sequence[Item]) -> list[Item]:
    """`per_class(first | final, short)`: a number or a share of every class.

    A share of n samples is rounded down for `first`, and `final` takes the rest, so that first 90 %
    and final 10 % have nothing in common and leave nothing out. Classes with fewer samples than a
    number: an error, or with `short = keep` all of them, with `short = drop` none.
    """
    first, amount = one_of(given)
    short = None if given.get("short") is None else given.choice("short")
    classes: dict[int, list[int]] = {}
    for position, item in enumerate(items):
        label = item.label()
        if not isinstance(label, int):
            raise given.error("no-class", "`per_class` needs one class per sample")
        classes.setdefault(label, []).append(position)
    kept: list[int] = []
    for label, members in classes.items():
        if isinstance(amount, int) and len(members) < amount:
            if short == "drop":
                continue
            if short is None:
                raise given.error(
                    "too-few-samples",
                    f"class {label} has {len(members)} samples, fewer than {amount}",
                    "`short = keep` takes what there is, `short = drop` leaves the class out",
                )
        kept += part_of(members, first, amount)
    return [items[k] for k in sorted(kept)]


def random_part(given: Given, items: Sequence[Item]) -> list[Item]:
    """`random_part(first | final, seed)`: part of a random order; samples keep their own order."""
    first, amount = one_of(given)
    if isinstance(amount, int) and amount > len(items):
        message = f"there are {len(items)} samples, fewer than {amount}"
        raise given.error("too-few-samples", message)
    order = permutation(given.whole("seed", 0), 0, len(items), "random_part")
    return [items[k] for k in sorted(part_of(order.tolist(), first, amount))]


def shuffle(given: Given, items: Sequence[Item]) -> list[Item]:
    """`shuffle(seed)`: a random order, the same for the same seed and number of samples."""
    return [items[k] for k in permutation(given.whole("seed", 0), 0, len(items), "data/shuffle")]


def one_of(given: Given) -> tuple[bool, Share | int]:
    """Whether `first` is given, and how much; exactly one of `first` and `final` must be."""
    first, final = given.share("first"), given.share("final")
    if first is not None and final is None:
        return True, first
    if final is not None and first is None:
        return False, final
    raise given.error("wrong-argument", f"`{given.step.word}` takes either `first` or `final`")


def part_of(members: list[int], first: bool, amount: Share | int) -> list[int]:
    """The first or final members; a number larger than there are takes all."""
    n = len(members)
    if isinstance(amount, int):
        return members[:amount] if first else members[max(n - amount, 0) :]
    share = amount.fraction if first else 1 - amount.fraction
    cut = int(np.floor(share * n + 1e-6))
    return members[:cut] if first else members[cut:]


SELECTIONS: dict[str, Select] = {
    "sort_by_path": sort_by_path,
    "per_class": per_class,
    "random_part": random_part,
    "shuffle": shuffle,
}
"""Words that select, and what each does."""
