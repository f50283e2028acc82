"""What a word of a data pipeline is: its kind and its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snc.model.plan import DataArgument

Kind = Literal["source", "events", "frames", "selection", "drawn"]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a word; `options` are the bare words it takes, if it takes any."""

    name: str
    needed: bool = True
    default: DataArgument = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the data language. A step's first argument (`x`, what comes before) is not listed.

    A `variadic` word takes further positional arguments, which arrive as the tuple `rest`. `fields`
    are what a source gives besides input, label, mask and length.
    """

    name: str
    kind: Kind
    summary: str
    arguments: tuple[Argument, ...] = ()
    variadic: bool = False
    fields: tuple[str, ...] = ()

    def argument(self, name: str) -> Argument | None:
        """The argument called `name`, or None."""
        return next((a for a in self.arguments if a.name == name), None)


def need(name: str, *options: str) -> Argument:
    """An argument that must be given."""
    return Argument(name, True, None, options)


def may(name: str, default: DataArgument = None, *options: str) -> Argument:
    """An argument that may be left out."""
    return Argument(name, False, default, options)
