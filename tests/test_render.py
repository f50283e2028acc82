"""Diagnostics as text and as data."""

import pytest

from snc.diagnostics import BackendError, DataError, Diagnostic, Label, SpecError
from snc.render import WIDTH, as_data, render, render_all
from snc.source import NOWHERE, Source, Span

TEXT = """snc 1

neuron lif(i, tau = 10 ms):
    v = (i - v[t-1]) / taw
\tw = \tx\ty
"""
SOURCE = Source("specs/lif.snc", TEXT)


def at(words: str, source: Source = SOURCE, label: str = "") -> Label:
    start = source.text.index(words)
    return Label(Span(start, start + len(words), source), label)


def unknown(related: tuple[Label, ...] = (), hint: str = "", label: str = "") -> Diagnostic:
    message = "nothing called `taw` is in scope here"
    return Diagnostic("unknown-name", message, at("taw", label=label), related, hint)


def test_a_diagnostic_shows_its_line_the_place_the_related_places_and_the_help() -> None:
    other = at("tau", label="`tau` is declared here")
    text = render(unknown((other,), "did you mean `tau`?", "not a parameter of `lif`"))
    assert text == (
        "error[unknown-name]: nothing called `taw` is in scope here\n"
        " --> specs/lif.snc:4:24\n"
        "  |\n"
        "4 |     v = (i - v[t-1]) / taw\n"
        "  |                        ^^^ not a parameter of `lif`\n"
        " --> specs/lif.snc:3:15\n"
        "  |\n"
        "3 | neuron lif(i, tau = 10 ms):\n"
        "  |               --- `tau` is declared here\n"
        "  = help: did you mean `tau`?"
    )


def test_line_numbers_of_different_width_share_one_gutter() -> None:
    source = Source("x.snc", "first\n" * 11 + "last")
    text = render(Diagnostic("a", "b", at("last", source), (at("first", source),)))
    assert text.splitlines()[1:6] == [
        "  --> x.snc:12:1",
        "   |",
        "12 | last",
        "   | ^^^^",
        "  --> x.snc:1:1",
    ]
    assert " 1 | first" in text.splitlines()


def test_tabs_are_kept_so_that_the_mark_stays_under_its_word() -> None:
    lines = render(Diagnostic("a", "b", at("y\n"))).splitlines()
    assert lines[-2:] == ["5 | \tw = \tx\ty", "  | \t    \t \t^"]


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    source = Source("x.snc", "前e\u0301 bad")
    assert (
        render(Diagnostic("a", "b", at("bad", source))).splitlines()[-1] == "  | " + " " * 4 + "^^^"
    )


def test_a_place_without_characters_gets_one_mark() -> None:
    end = TEXT.index(":\n")
    lines = render(Diagnostic("a", "b", Label(Span(end, end, SOURCE)))).splitlines()
    assert lines[-1] == "  | " + " " * 26 + "^"


def test_a_place_over_several_lines_shows_its_first() -> None:
    start = TEXT.index("neuron")
    lines = render(Diagnostic("a", "b", Label(Span(start, len(TEXT), SOURCE)))).splitlines()
    assert lines[-2:] == ["3 | neuron lif(i, tau = 10 ms):", "  | " + "^" * 27]


@pytest.mark.parametrize("before", [0, 30, 500, 990])
def test_a_long_line_is_cut_around_the_place(before: int) -> None:
    source = Source("x.snc", "x" * before + "BAD" + "x" * (1000 - before))
    *_, shown, marks = render(Diagnostic("a", "b", at("BAD", source))).splitlines()
    assert len(shown) <= len("1 | ") + WIDTH + 2 * len("...")
    assert [c for c, mark in zip(shown, marks, strict=False) if mark == "^"] == list("BAD")


def test_a_mark_is_never_longer_than_the_line_that_is_shown() -> None:
    source = Source("x.snc", "x" * 1000)
    *_, shown, marks = render(Diagnostic("a", "b", Label(Span(0, 1000, source)))).splitlines()
    assert len(marks) <= len(shown)


def test_control_characters_do_not_reach_the_terminal() -> None:
    source = Source("x.snc", "a \x1b[31m bad")
    assert "\x1b" not in render(Diagnostic("a", "b", at("bad", source)))


def test_a_line_end_of_another_system_is_not_shown() -> None:
    source = Source("x.snc", "bad\r\nnext\r\n")
    assert render(Diagnostic("a", "b", at("bad", source))).splitlines()[-2] == "1 | bad"


def test_a_mistake_without_a_place_is_its_message() -> None:
    assert render(Diagnostic("a", "b", Label(NOWHERE))) == "error[a]: b"


def test_an_empty_text_shows_where_but_no_line() -> None:
    diagnostic = Diagnostic("a", "b", Label(Span(0, 0, Source("x.snc", ""))))
    assert render(diagnostic) == "error[a]: b\n --> x.snc:1:1"


def test_help_of_several_lines_is_indented() -> None:
    text = render(unknown(hint="first\nsecond"))
    assert text.endswith("  = help: first\n          second")


def test_colour_adds_nothing_but_colour() -> None:
    import re

    diagnostic = unknown((at("tau", label="here"),), "did you mean `tau`?")
    coloured = render(diagnostic, colour=True)
    assert coloured.startswith("\x1b[1;31merror[unknown-name]\x1b[0m")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render(diagnostic)


def test_all_mistakes_of_a_text_are_shown_in_its_order() -> None:
    first, second = Diagnostic("a", "one", at("neuron")), Diagnostic("b", "two", at("taw"))
    error = SpecError([second, first])
    assert render_all(error) == render(first) + "\n\n" + render(second)


def test_an_error_of_the_data_shows_its_place_and_help() -> None:
    error = DataError("no-such-file", "there is no file `a.h5`", "a.h5", "look elsewhere")
    assert render_all(error) == (
        "error[no-such-file]: there is no file `a.h5`\n --> a.h5\n  = help: look elsewhere"
    )


def test_an_error_of_a_backend_is_its_message() -> None:
    assert render_all(BackendError("no device")) == "error[backend]: no device"


def test_a_diagnostic_as_data_has_every_place_in_lines_and_columns() -> None:
    other = at("tau", label="declared here")
    assert as_data(unknown((other,), "did you mean `tau`?")) == {
        "severity": "error",
        "code": "unknown-name",
        "message": "nothing called `taw` is in scope here",
        "label": "",
        "file": "specs/lif.snc",
        "line": 4,
        "column": 24,
        "end_line": 4,
        "end_column": 27,
        "related": [
            {
                "label": "declared here",
                "file": "specs/lif.snc",
                "line": 3,
                "column": 15,
                "end_line": 3,
                "end_column": 18,
            }
        ],
        "help": "did you mean `tau`?",
    }
