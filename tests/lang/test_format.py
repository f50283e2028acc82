"""Canonical text: the same tree, the same comments, the same result when it is formatted again."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.diagnostics import SpecError
from snc.lang.format import format_spec
from snc.lang.parse import parse
from snc.lang.read import read
from snc.lang.scan import pieces
from snc.render import render
from snc.source import Source

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.snc"))
NAMES = [f"{path.parent.name}/{path.stem}" for path in SPECS]


def formatted(text: str) -> str:
    return format_spec(Source("x.snc", text))


def body(text: str) -> str:
    """What becomes of the statements of a body."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    result = formatted(f"snc 1\n\nnetwork n():\n{lines}")
    shown = result.removeprefix("snc 1\n\nnetwork n():\n").splitlines()
    return "\n".join(line.removeprefix("    ") for line in shown)


def comments(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.kind == "comment"]


@pytest.mark.parametrize("path", SPECS, ids=NAMES)
def test_the_shipped_specs_are_canonical(path: Path) -> None:
    source = read(path)
    assert format_spec(source) == source.text


@pytest.mark.parametrize("path", SPECS, ids=NAMES)
def test_a_spec_pressed_together_or_blown_up_says_the_same_and_formats_to_one_text(
    path: Path,
) -> None:
    source = read(path)
    chaos = disturbed(source.text, random.Random(path.stem))
    assert chaos != source.text
    once = formatted(chaos)
    assert parse(Source("x", once)) == parse(source)
    assert comments(once) == comments(source.text)
    assert formatted(once) == once
    assert not any(line != line.rstrip() for line in once.splitlines())


def disturbed(text: str, dice: random.Random) -> str:
    """The same pieces with other spaces between them, where the language does not care."""
    result, end, opened = [], 0, 0
    for piece in pieces(text):
        between = text[end : piece.start]
        if piece.kind == "newline":
            between = " " * dice.choice([0, 0, 2])
        elif piece.text == "-" and result[-1:] == ["+"]:
            pass  # `+-` is one sign
        elif result and result[-1][-1:] not in ("\n", "") and not between.count("\n"):
            between = " " * dice.choice([1, 1, 2, 5])
        result += [between, piece.text]
        end = piece.end
        opened += (piece.text in ("(", "[")) - (piece.text in (")", "]"))
        if opened and piece.text == "," and dice.random() < 0.1:
            result.append("\n" + " " * dice.choice([0, 3, 20]))
        if piece.kind == "newline" and not opened and dice.random() < 0.1:
            result.append("\n" * dice.choice([1, 2]))
    return "".join(result)


# Spaces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("x=a+b*c/d-e", "x = a + b * c / d - e"),
        ("x = a ^ 2 + b^ - 3", "x = a^2 + b^-3"),
        ("x = - a + ( - b ) * -  c", "x = -a + (-b) * -c"),
        ("x = f ( a ,b ) [ t - 1 ]", "x = f(a, b)[t-1]"),
        ("x = y[t - k] + y [ t-2*k ]", "x = y[t-k] + y[t - 2 * k]"),
        ("x = a . b . c|f|g(_,k=3)", "x = a.b.c | f | g(_, k = 3)"),
        ("x = not(a)and b or( c )", "x = not (a) and b or (c)"),
        ("x = a>=b", "x = a >= b"),
        ("x = [1,2 , 3,]", "x = [1, 2, 3,]"),
        ("x = f(each[1,-2])", "x = f(each [1, -2])"),
        ("x = 10ms + 80% - 1", "x = 10 ms + 80 % - 1"),
        ("x = ((a))", "x = ((a))"),
        ("x = last 90steps", "x = last 90 steps"),
        ("output(a | b)", "output (a | b)"),
        ("output - a", "output -a"),
        ("input x [2,34 , 34]", "input x[2, 34, 34]"),
        ("random r[x]=f( 1 )every  step", "random r[x] = f(1) every step"),
        ("expect a( k=-1 )=-78.2+-1.8% \"T\"", 'expect a(k = -1) = -78.2 +- 1.8 % "T"'),
        ("expect a = 3+-1", "expect a = 3 +- 1"),
        ("learn *by r from s", "learn * by r from s"),
        ("learn b1 .. b8 ,flow * . wide by r( 2 )", "learn b1..b8, flow*.wide by r(2)"),
        ("learn . h_* . by . k = 3", "learn.h_*.by.k = 3"),
        ("freeze a,b .c", "freeze a, b.c"),
        ("record a,b . c", "record a, b.c"),
        ("for x in[1,2]", "for x in [1, 2]"),
        ("gradient y . weight=x", "gradient y.weight = x"),
        ("x = 1#one", "x = 1  #one"),
    ],
)  # fmt: skip
def test_spaces_become_canonical(written: str, canonical: str) -> None:
    assert body(written) == canonical


def test_headers_and_uses_become_canonical() -> None:
    text = 'snc   1\nuse a . b :c,d\nexperiment  e( k=1 )=b( 2 )with :\n  x=1\nfunction f ( ) = 1 "one"\n'
    assert formatted(text) == (
        "snc 1\nuse a.b: c, d\n\nexperiment e(k = 1) = b(2) with:\n    x = 1\n\n"
        'function f() = 1   "one"\n'
    )


# Blocks and blank lines ---------------------------------------------------------------------------


def test_blocks_are_indented_by_four_spaces_whatever_they_had() -> None:
    text = "snc 1\nexperiment e:\n\ttrain:\n\t\tx = 1\n\ty = 2\n"
    assert formatted(text).splitlines()[2:] == [
        "experiment e:",
        "    train:",
        "        x = 1",
        "    y = 2",
    ]


def test_many_blank_lines_become_one_and_declarations_are_parted_by_one() -> None:
    text = "snc 1\n\n\n\nrule a():\n\n\n    x = 1\n\n\n    y = 2\nrule b():\n    x = 1\n\n\n\n"
    assert formatted(text) == (
        "snc 1\n\nrule a():\n    x = 1\n\n    y = 2\n\nrule b():\n    x = 1\n"
    )


def test_functions_of_one_line_may_stand_together() -> None:
    text = "snc 1\n\nfunction f(x) = x\nfunction g(x) = x\n\nfunction h(x) = x\n"
    assert formatted(text) == text


def test_a_comment_stays_on_its_declaration() -> None:
    text = "snc 1\nrule a():\n    x = 1\n# about b\nrule b():\n    x = 1\n"
    assert "    x = 1\n\n# about b\nrule b():" in formatted(text)


def test_a_comment_belongs_to_the_block_it_is_indented_like() -> None:
    text = (
        "snc 1\n\nexperiment e:\n  # first\n  train:\n      x = 1\n      # last\n  # after\n# end\n"
    )
    assert formatted(text).splitlines()[3:] == [
        "    # first",
        "    train:",
        "        x = 1",
        "        # last",
        "    # after",
        "# end",
    ]


def test_comments_inside_brackets_are_kept() -> None:
    text = "x = f(a, # one\n      # two\n      b)  # three"
    assert body(text) == "x = f(a,  # one\n      # two\n      b)  # three"


def test_text_in_quotes_and_comments_is_not_touched() -> None:
    text = '"a  =b+ #c"\nx = f("a,b")  # x=1+ 2'
    assert body(text) == text


def test_files_of_other_systems_become_plain() -> None:
    assert formatted("\ufeffsnc 1\r\n\r\nrule a():\r\n    x = 1  # y\r\n") == (
        "snc 1\n\nrule a():\n    x = 1  # y\n"
    )


# Columns ------------------------------------------------------------------------------------------


def test_the_equals_of_adjacent_definitions_stand_in_one_column() -> None:
    assert (
        body("a = 1\nlong.name = 2\nnetwork = 3") == "a         = 1\nlong.name = 2\nnetwork   = 3"
    )


@pytest.mark.parametrize("between", ["\n", "# remark\n", "init a = 2\n", "output a\n", '"text"\n'])
def test_what_stands_between_definitions_ends_a_column(between: str) -> None:
    assert body(f"a = 1\n{between}bcd = 2") == f"a = 1\n{between}bcd = 2"


def test_a_column_does_not_go_on_into_another_block() -> None:
    assert body("a = 1\ntrain:\n    bcd = 2") == "a = 1\ntrain:\n    bcd = 2"


def test_extra_spaces_are_kept_where_the_line_above_or_below_has_the_same_column() -> None:
    text = "learn h, g by r(1)    from s\nlearn out  by q(1, 2) from t"
    assert body(text) == text


def test_a_kept_column_moves_with_its_text() -> None:
    text = "p = f(a,b)  * x\nq = f(abcd) * y"
    assert body(text) == "p = f(a, b) * x\nq = f(abcd) * y"
    assert body("pq = a(b)    * x\nq = f( abcd) * y") == "pq = a(b)    * x\nq  = f(abcd) * y"


def test_extra_spaces_without_a_column_go_away() -> None:
    assert body("p =  a    * x\nq = bc + y") == "p = a * x\nq = bc + y"


# Lines in brackets and long lines -----------------------------------------------------------------


def test_line_breaks_in_brackets_stay_and_follow_what_they_stood_under() -> None:
    text = "x=(a | b\n     | c)\nlong = 1"
    assert body(text) == "x    = (a | b\n          | c)\nlong = 1"


def test_a_row_in_brackets_is_never_left_of_its_statement() -> None:
    assert body("x = f(\na,\nb\n)") == "x = f(\n    a,\n    b\n)"


LONG = ", ".join(f"argument{n} = {n}" for n in range(4))


def test_a_long_pipeline_is_put_in_brackets_and_broken_before_a_step() -> None:
    steps = [f"step{n}({LONG})" for n in range(3)]
    result = body(f"x = y | {' | '.join(steps)}")
    assert result.splitlines() == [
        f"x = (y | {steps[0]}",
        f"       | {steps[1]}",
        f"       | {steps[2]})",
    ]


def test_a_long_learn_goes_on_with_a_clause_per_line() -> None:
    result = body(f"learn h by r({LONG}) from s({LONG}) using adam(1)")
    assert result.splitlines() == [
        f"learn h by r({LONG})",
        f"    from s({LONG})",
        "    using adam(1)",
    ]


def test_a_long_call_goes_on_under_its_first_argument() -> None:
    first, second = body(f"x = f({LONG}, {LONG.replace('arg', 'brg')})").splitlines()
    assert first.endswith(",")
    assert second.startswith("      brg")
    assert max(len(first), len(second)) <= 116


def test_a_line_that_cannot_be_broken_stays() -> None:
    text = f'"{"x" * 150}"'
    assert body(text) == text


# Anything at all ----------------------------------------------------------------------------------

TEXTS = [path.read_text(encoding="utf-8") for path in SPECS]
SPLINTERS = [
    *("\n", "\n\n", "    ", "\t", " ", "#", '"', "(", ")", "[", "]", ",", ":", "=", "|", "+", "-"),
    *("*", "/", "^", ".", "..", "%", "+-", "<", "==", "_", "x", "3", ".5", "\0", "é", "'", "\\"),
    *("if", "every", "last", "learn", "by", "output", "rule r():", "\r\n", "\x0c", "$", "{", "%%"),
]


@st.composite
def edited_specs(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 3, 40])))
        text = text[:start] + draw(st.sampled_from([*SPLINTERS, ""])) + text[end:]
    return text


@settings(max_examples=250, deadline=None)
@given(edited_specs())
def test_an_edited_spec_parses_and_formats_or_has_a_mistake_with_a_place(text: str) -> None:
    try:
        tree = parse(Source("x", text))
    except SpecError as error:
        (diagnostic,) = error.diagnostics
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        assert render(diagnostic).startswith(f"error[{diagnostic.code}]: ")
        return
    once = formatted(text)
    assert parse(Source("x", once)) == tree
    assert comments(once) == comments(text)
    assert formatted(once) == once


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SPLINTERS), max_size=25))
def test_rubbish_has_a_mistake_or_parses(rubbish: list[str]) -> None:
    text = "snc 1\n\nrule r():\n    x = " + " ".join(rubbish)
    mistakes = []
    try:
        parse(Source("x", text))
    except SpecError as error:
        mistakes = list(error.diagnostics)
    assert len(mistakes) <= 1
    assert all(0 <= d.span.start <= d.span.end <= len(text) and render(d) for d in mistakes)


def leaf() -> st.SearchStrategy[str]:
    return st.sampled_from(
        ["a", "b.c", "2", "1e-3", "10 ms", "80 %", '"t"', "x[t-1]", "f()", "[1, a]"]
    )


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from([*"+-*/^|", "and", "or", "==", "<"])
    two = st.builds(
        lambda a, o, b: f"({a}) {o} ({b})" if o != "|" else f"({a}) | f({b})",
        inner,
        operator,
        inner,
    )
    broken = st.builds(lambda a, b: f"f({a},\n  k={b})", inner, inner)
    return st.one_of(
        two,
        broken,
        st.builds(lambda a: f"-({a})", inner),
        st.builds(lambda a: f"not({a})", inner).map(lambda t: f"({t})"),
        st.builds(lambda a: f"({a}).m", inner),
        st.builds(lambda a, b: f"each[{a},{b}]", inner, inner),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.recursive(leaf(), grown, max_leaves=12), min_size=1, max_size=4))
def test_any_expressions_keep_their_meaning_and_settle_at_once(values: list[str]) -> None:
    names = ["a", "long.name", "b1", "out"]
    lines = [f"    {name}={value}\n" for name, value in zip(names, values, strict=False)]
    text = "snc 1\nnetwork n():\n" + "".join(lines)
    once = formatted(text)
    assert parse(Source("x", once)) == parse(Source("x", text))
    assert formatted(once) == once
