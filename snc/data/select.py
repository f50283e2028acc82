"""Selections: which samples are kept, and in which order; only labels are read for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np

from snc.data.given import Given
from snc.data.samples import Item
from snc.model.plan import Share
from snc.random import permutation, words

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
    kept: list[int] = []
    for label, members in members_of(given, items).items():
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


def official(given: Given, items: Sequence[Item]) -> list[Item]:
    """`official(part)`: the samples that the published lists put into a part."""
    return [i for i in items if _trait(given, i, "part") == given.choice("part")]


def only(given: Given, items: Sequence[Item]) -> list[Item]:
    """`only(speaker)`: the samples of one speaker."""
    return [i for i in items if _trait(given, i, "speaker") == given.text("speaker")]


def without(given: Given, items: Sequence[Item]) -> list[Item]:
    """`without(speaker)`: the samples of all others."""
    return [i for i in items if _trait(given, i, "speaker") != given.text("speaker")]


def _trait(given: Given, item: Item, name: str) -> str:
    if name not in item.traits:
        message = f"`{given.step.word}` needs the {name} of every sample, which is not known here"
        raise given.error("no-such-trait", message, "`speech_commands` knows speakers and parts")
    return item.traits[name]


def balance(given: Given, items: Sequence[Item]) -> list[Item]:
    """`balance(seed)`: as many draws as there are samples, with replacement; first a class, then
    one of its samples, each equally likely."""
    classes = list(members_of(given, items).values())
    drawn = words(given.whole("seed", 0), "balance", 2, np.arange(len(items))).astype(np.uint64)
    kept = []
    for first, second in drawn.tolist():
        members = classes[first * len(classes) >> 32]
        kept.append(items[members[second * len(members) >> 32]])
    return kept


def whole_batches(given: Given, items: Sequence[Item]) -> list[Item]:
    """`whole_batches(size)`: what a loader keeps that drops the last batch if it is not full."""
    return list(items[: len(items) - len(items) % given.whole("size")])


def members_of(given: Given, items: Sequence[Item]) -> dict[int, list[int]]:
    """Where the samples of every class stand, in the order of the class numbers."""
    classes: dict[int, list[int]] = {}
    for position, item in enumerate(items):
        label = item.label()
        if not isinstance(label, int):
            raise given.error("no-class", f"`{given.step.word}` needs one class per sample")
        classes.setdefault(label, []).append(position)
    return dict(sorted(classes.items()))


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
    "official": official,
    "only": only,
    "without": without,
    "balance": balance,
    "whole_batches": whole_batches,
}
"""Words that select, and what each does."""
