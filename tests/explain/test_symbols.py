"""Counts as polynomials: what grows, and what is larger than what."""

from __future__ import annotations

import pytest

from snc.explain.symbols import NONE, polynomial, symbols_of
from snc.graph.graph import PARTNER, SAMPLE, Axis


def poly(**terms):
    """poly(nn = 2, Cn = 1) is 2 n^2 + C n."""
    return polynomial((tuple(word), count) for word, count in terms.items())


def test_equal_terms_add_up_and_vanish():
    assert poly(Cn=2) + polynomial([("nC", 3)]) == poly(Cn=5)
    assert poly(nn=2, n=1) - poly(nn=2) == poly(n=1)
    assert str(poly(n=1) - poly(n=1)) == "-"


@pytest.mark.parametrize(
    ("sum_of", "text", "order"),
    [
        (poly(nn=4, n=1), "4 n^2 + n", "n^2"),
        (poly(LLn=1, Cn=1), "L^2 n + C n", "L^2n + Cn"),
        (poly(Lnn=1, nn=-1, Cn=1), "L n^2 - n^2 + C n", "Ln^2"),  # C is at most n
        (poly(Cnn=1, nn=7), "C n^2 + 7 n^2", "Cn^2"),
        (poly(CC=1, Cn=1), "C n + C^2", "Cn"),
        (poly(BLn=6, Lnn=1), "L n^2 + 6 L B n", "Ln^2 + LBn"),  # neither is always larger
        (poly(TLn=2, C=1), "2 T L n + C", "TLn"),
        (polynomial([((), 1500)]), "1 500", "1 500"),
        (polynomial([((), 12), ("T", 3)]), "3 T + 12", "3 T + 12"),  # numbers stay
    ],
)
def test_the_order_is_what_is_not_below_another_term(sum_of, text, order):
    assert (str(sum_of), sum_of.order()) == (text, order)


def test_an_order_holds_for_all_sizes_with_fewer_classes_than_neurons():
    total = poly(Cn=3, nn=2, n=5)
    assert total.order() == "n^2"
    assert all(total.at({"C": c, "n": n}) <= 10 * n * n for n in range(1, 20) for c in range(1, n))


def test_axes_are_symbols_by_their_size():
    symbols = symbols_of([31], [37, 41], [10])
    synapse = (SAMPLE, Axis("channel", 37, "pre"), Axis("channel", 41, "post"))
    assert symbols.count(synapse).terms == ((("n1", "n2"), 1),)
    assert str(symbols.count(synapse).plain()) == "n^2"
    assert str(symbols.count((SAMPLE, PARTNER, Axis("channel", 10)))) == "B C"
    assert str(symbols.count((Axis("rows", 3), Axis("columns", 31))).plain()) == "3 n"
    assert symbols.count(synapse).at({"n1": 37, "n2": 41}) == 37 * 41


def test_a_term_is_of_the_highest_layer_it_lies_along():
    total = polynomial([(("n1", "n2"), 1), (("C", "n1"), 1), (("C",), 4)])
    assert [str(total.of_layer(k).plain()) for k in (NONE, 0, 1, 2)] == ["4 C", "-", "C n", "n^2"]


def test_sizes_that_tell_nothing_are_numbers():
    axes = (Axis("channel", 10),)
    assert str(symbols_of([31], [10], [10]).count(axes)) == "10"
    assert not symbols_of([31], [37, 37], [10]).told_apart
    assert str(symbols_of([31], [37, 37], [10]).count((Axis("channel", 37),))) == "n"
    assert (
        str(symbols_of([31], [], [10]).count(axes)) == "n"
    )  # nothing is hidden: this layer learns
