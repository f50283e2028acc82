"""Counts as polynomials in the sizes of a network: every axis of a value is a symbol, not a number.

n neurons of a layer, C outputs, B samples of a batch, T steps, L layers. A layer whose size no other has
is told apart, `n0` being what comes in, `n1` the first layer, so that a polynomial knows where its terms live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod

from snc.graph.graph import PARTNER, Axes, features

ORDER = "TLBCn"
NONE = -1  # stands for the layer of a term that lies along no layer
Term = tuple[str, ...]  # symbols, sorted; ("B", "n", "n") is B n^2


@dataclass(frozen=True)
class Polynomial:
    """A sum of terms, each with how often it occurs."""

    terms: tuple[tuple[Term, int], ...] = ()

    def __add__(self, other: Polynomial) -> Polynomial:
        return polynomial((*self.terms, *other.terms))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other.times(number=-1)

    def times(self, symbol: str = "", number: int = 1) -> Polynomial:
        """The product with a symbol, if one is given, and a number."""
        more = (symbol,) if symbol else ()
        return polynomial(((*term, *more), count * number) for term, count in self.terms)

    def plain(self) -> Polynomial:
        """The same with all layers of one size: n0, n1, ... are n."""
        return polynomial((tuple(s[0] for s in term), count) for term, count in self.terms)

    def of_layer(self, layer: int) -> Polynomial:
        """The terms whose highest layer is this one: each term has one, or is of layer NONE."""
        return Polynomial(tuple((t, k) for t, k in self.terms if _highest(t) == layer))

    def at(self, sizes: Mapping[str, int]) -> int:
        """The number it is for given sizes."""
        return sum(count * prod(sizes[s] for s in term) for term, count in self.terms)

    def order(self) -> str:
        """What is left when everything is large: `Ln^2`. C is taken to be at most n; numbers stay as they are."""
        if not any({"n", "C"} & {s[0] for s in t} for t, _ in self.terms):
            return str(self)
        positive = [t for t, k in self.terms if k > 0]
        leading = [t for t in positive if not any(_below(t, other) for other in positive)]
        return " + ".join(_spelled(t, "") for t in _in_order(leading))

    def __str__(self) -> str:
        counts = dict(self.terms)
        text = ""
        for term in _in_order(counts):
            sign = "-" if counts[term] < 0 else "+" if text else ""
            number = abs(counts[term])
            parts = [grouped(number)] if number != 1 or not term else []
            parts += [_spelled(term, " ")] if term else []
            text += f" {sign} {' '.join(parts)}" if text else f"{sign}{' '.join(parts)}"
        return text or "-"


def polynomial(terms: Iterable[tuple[Sequence[str], int]]) -> Polynomial:
    """A sum of products of symbols, equal ones added up."""
    counts: Counter[Term] = Counter()
    for term, count in terms:
        counts[tuple(sorted(term))] += count
    return Polynomial(tuple(sorted((t, count) for t, count in counts.items() if count)))


def grouped(number: int) -> str:
    """527 894."""
    return f"{number:,}".replace(",", " ")


def _highest(term: Term) -> int:
    return max((int(s[1:]) for s in term if s[0] == "n" and s[1:]), default=NONE)


def _below(term: Term, other: Term) -> bool:
    """Whether a term is at most another one whatever the sizes, for C from 1 to n."""
    mine, its = Counter(term), Counter(other)
    neurons = mine["n"] <= its["n"] and mine["n"] + mine["C"] <= its["n"] + its["C"]
    return term != other and neurons and all(mine[s] <= its[s] for s in "TLB")


def _in_order(terms: Iterable[Term]) -> list[Term]:
    """The largest first."""
    return sorted(terms, key=lambda t: (-len(t), -t.count("n"), t))


def _spelled(term: Term, between: str) -> str:
    powers = [(s, len(list(same))) for s, same in groupby(_by_symbol(term))]
    return between.join(s if n == 1 else f"{s}^{n}" for s, n in powers)


def _by_symbol(term: Term) -> list[str]:
    return sorted(term, key=lambda s: (ORDER.index(s[0]), s))


@dataclass(frozen=True)
class Symbols:
    """The symbol of each size; empty where sizes do not tell what they are sizes of."""

    of_size: Mapping[int, str]

    def count(self, axes: Axes) -> Polynomial:
        """How many values some axes hold, for one sample."""
        plain = features(axes)
        symbols = [self.of_size[a.size] for a in plain if a.size in self.of_size]
        rest = prod(a.size for a in plain if a.size not in self.of_size)
        batch = ["B"] if PARTNER in axes else []
        return polynomial([(symbols + batch, rest)])

    @property
    def told_apart(self) -> bool:
        """Whether every layer has a symbol of its own."""
        return bool(self.of_size) and all(s != "n" for s in self.of_size.values())


def symbols_of(inputs: Sequence[int], hidden: Sequence[int], outputs: Sequence[int]) -> Symbols:
    """Symbols for the sizes of what comes in, of the layers in between, and of the outputs.

    Outputs as large as another layer leave all sizes numbers; equal layers share the symbol n. Where no layer
    is hidden, the outputs are what learns, and n.
    """
    layers = [*inputs, *hidden]
    if set(layers) & set(outputs):
        return Symbols({})
    apart = len(set(layers)) == len(layers) and len(inputs) == 1 and bool(hidden)
    table = {size: f"n{k}" if apart else "n" for k, size in enumerate(layers)}
    return Symbols({**table, **dict.fromkeys(outputs, "C" if hidden else "n")})
