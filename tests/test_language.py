"""docs/language.md: its examples hold, and every construct of the language stands in one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from language_page import Example, examples, whole
from lark import Lark, Token, Tree
from networks import Net

from snc.backend import find
from snc.build.evaluate import RATES, TIMES
from snc.build.learn import walk
from snc.check import check_file
from snc.compile import program_of
from snc.engine.batchfile import paths_of, write_outcome
from snc.lang import ast
from snc.lang.format import format_spec
from snc.lang.parse import Indentation, parse, parser
from snc.model.belongs import ALLOWED, word_of
from snc.model.library import choose, load_file
from snc.model.resolve import REPORT, SETTINGS, TRAIN, resolve
from snc.model.signatures import OPTION_WORDS, OPTIONS, SIGNATURES, VALUES
from snc.model.words import WORDS
from snc.resources import data_dir
from snc.source import Source

EXAMPLES = examples()
COMPILED = [(e, n) for e in EXAMPLES if e.kind in ("", "run") for n in e.experiments()]
REPRESENTED_BY_NOTHING = {
    "start: _NEWLINE version": "an empty line or comment before the first line",
    "start: _NEWLINE version __start_star_0": "an empty line or comment before the first line",
    "start: version": "a file without anything in it",
    "storage: storage_kind ident shape EVERY ident _NEWLINE": "a `random` without a draw is refused",
    "storage: storage_kind ident EVERY ident _NEWLINE": "a `random` without a draw is refused",
    "learn: LEARN selection _NEWLINE": "a `learn` that says nothing",
    "atom -> list_of: LSQB RSQB": "an empty list fits nothing",
}
"""What the grammar lets pass and no example can show, with the reason."""


def place(example: Example) -> str:
    return f"line {example.line}"


# The examples hold ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=place)
def test_an_example_is_canonical(example: Example) -> None:
    assert example.kind in ("", "run", "check", "alone")
    assert format_spec(Source("language.md", example.file)) == example.file


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "language.snc"
    path.write_text(whole(), encoding="utf-8")
    return path


def test_the_examples_have_no_mistakes(page: Path, tmp_path: Path) -> None:
    found = check_file(page)
    for number, example in enumerate(e for e in EXAMPLES if e.kind == "alone"):
        path = tmp_path / f"{number}.snc"
        path.write_text(example.file, encoding="utf-8")
        found += check_file(path)
    assert [str(d) for d in found if d.severity == "error"] == []
    uncompiled = "".join(e.text for e in EXAMPLES if e.kind == "check")
    for note in found:
        assert note.span.text in uncompiled, f"{note.code}: mark the example as `check`"


@pytest.mark.parametrize(("example", "name"), COMPILED, ids=[n for _, n in COMPILED])
def test_an_experiment_of_an_example_compiles_and_runs(
    example: Example, name: str, page: Path, tmp_path: Path
) -> None:
    plan, program = program_of(resolve(choose(load_file(page), name)), "float64")
    backend = find("reference")
    made = Net(plan, program, backend.load(backend.emit(program)))
    if example.kind != "run":
        return
    random = np.random.default_rng(0)
    inputs = (random.random((7, 4, *program.needs.fields["input"])) < 0.5).astype(float)
    ran = made.learn(inputs, np.array([0, 1, 2, 0]))
    assert np.isfinite(ran.outcome.loss)
    changed = [n for n, v in ran.before.items() if not np.array_equal(v, ran.after[n])]
    assert changed, "nothing was learned"
    assert all(np.isfinite(v).all() for v in ran.after.values())
    write_outcome(tmp_path / "out.h5", ran.outcome, ran.after, program.stored)
    with h5py.File(tmp_path / "out.h5") as file:
        for record, path in paths_of(ran.outcome.records).items():
            assert np.array_equal(file[f"record/{path}"], ran.outcome.records[record])
        assert "params_after" in file


# Every construct stands in an example ---------------------------------------------------------------------


def trees() -> list[ast.Spec]:
    return [e.tree() for e in EXAMPLES]


def alternatives(texts: list[str]) -> tuple[set[str], set[str]]:
    """All alternatives of the grammar's rules, and those that some texts need."""
    grammar = (data_dir("grammar") / "snc.lark").read_text(encoding="utf-8")
    lark = Lark(
        grammar,
        parser="lalr",
        postlex=Indentation(),
        propagate_positions=True,
        maybe_placeholders=True,
    )
    callbacks = lark.parser.parser.parser.callbacks
    used: set[str] = set()

    def shown(rule: Any) -> str:
        alias = f" -> {rule.alias}" if rule.alias else ""
        return f"{rule.origin.name}{alias}: {' '.join(s.name for s in rule.expansion)}"

    def noting(rule: Any, call: Any) -> Any:
        def run(children: list[Any]) -> Any:
            used.add(shown(rule))
            return call(children)

        return run

    for rule in list(callbacks):
        callbacks[rule] = noting(rule, callbacks[rule])
    for text in texts:
        lark.parse(text)
    return {shown(rule) for rule in callbacks}, used


def test_every_alternative_of_the_grammar_stands_in_an_example() -> None:
    every, used = alternatives([e.file for e in EXAMPLES])
    assert len(every) > 150
    assert every - used == set(REPRESENTED_BY_NOTHING)
    without = [e.file for e in EXAMPLES if "conv_transpose" not in e.text and "alone" not in e.kind]
    assert every - alternatives(without)[1] > set(REPRESENTED_BY_NOTHING), "it would notice nothing"


def test_every_terminal_with_several_texts_stands_with_each_of_them() -> None:
    grammar = (data_dir("grammar") / "snc.lark").read_text(encoding="utf-8")
    written = {t.value for e in EXAMPLES for t in _tokens(e.file)}
    for name, right in re.findall(r"^([A-Z]+): +(\".*)$", grammar, re.MULTILINE):
        for text in re.findall(r'"([^"]+)"', right):
            assert text in written, f"{name}: {text}"


def _tokens(text: str) -> Iterator[Token]:
    tree: Tree[Token] = parser().parse(text)
    yield from tree.scan_values(lambda value: isinstance(value, Token))


@pytest.mark.parametrize("kind", ALLOWED)
def test_every_statement_stands_in_every_body_that_may_have_it(kind: str) -> None:
    found: set[str] = set()
    for node in (n for tree in trees() for n in walk(tree)):
        body_of = getattr(node, "kind", type(node).__name__.lower())
        if body_of == kind and hasattr(node, "body"):
            found |= {word_of(s) for s in node.body}
    assert ALLOWED[kind] - found == set()
    assert {"documentation", "citation"} & found or kind == "phase"


def test_every_setting_stands_in_an_example() -> None:
    set_by_name: set[str] = set()
    for node in (n for tree in trees() for n in walk(tree)):
        if isinstance(node, ast.Settings):
            set_by_name |= {f"{node.name.text}.{s.path}" for s in node.body}  # type: ignore[union-attr]
        elif isinstance(node, ast.Definition):
            set_by_name.add(str(node.path))
    wanted = {*SETTINGS, *(f"train.{n}" for n in TRAIN), *(f"report.{n}" for n in REPORT)}
    assert wanted - set_by_name == set()


# Words: (function, argument) -> the option words it was given; "" where it was given anything ---------------

Given = dict[tuple[str, str], set[str]]


@cache
def given() -> Given:
    """All arguments of builtins and data words that the examples give."""
    found: Given = {}
    for tree in trees():
        piped = {id(n.step) for n in walk(tree) if isinstance(n, ast.Pipe)}
        for node in walk(tree):
            if isinstance(node, ast.Call):
                _note_call(found, node.function, node.arguments, id(node) in piped)
            elif isinstance(node, ast.Pipe) and isinstance(node.step, ast.Name):
                _note_call(found, node.step, (), True)
    return found


def _note_call(
    found: Given, function: ast.Expr, arguments: tuple[ast.Argument, ...], piped: bool
) -> None:
    if not isinstance(function, ast.Name):
        return
    called = function.text
    for names in _parameters(called, piped):
        found.setdefault((called, ""), set())
        if piped and names:
            found.setdefault((called, names[0]), set())
        for position, argument in enumerate(arguments):
            at = position + piped
            name = argument.name.text if argument.name else names[at] if at < len(names) else "*"
            texts = [n.text for n in walk(argument.value) if isinstance(n, ast.Name)]
            found.setdefault((called, name), set()).update(texts)


def _parameters(called: str, piped: bool) -> list[list[str]]:
    """The parameters of a word, as a builtin and as a step or source of data."""
    made = [[s.name for s in SIGNATURES[called]]] if called in SIGNATURES else []
    if called in WORDS:
        before = [] if WORDS[called].kind == "source" else ["x"]
        made.append([*before, *(a.name for a in WORDS[called].arguments)])
    return made


@pytest.mark.parametrize("word", SIGNATURES)
def test_every_argument_of_a_builtin_stands_in_an_example(word: str) -> None:
    assert (word, "") in given() or (word, "*") in given()
    missing = [s.name for s in SIGNATURES[word] if (word, s.name) not in given() and not s.rest]
    assert missing == []


@pytest.mark.parametrize("word", WORDS)
def test_every_argument_and_option_of_a_data_word_stands_in_an_example(word: str) -> None:
    for argument in WORDS[word].arguments:
        assert (word, argument.name) in given(), argument.name
        for option in argument.options:
            everywhere = set().union(*(t for (_, a), t in given().items() if a == argument.name))
            assert option in everywhere, f"{argument.name} = {option}"


def test_every_option_word_and_value_stands_in_an_example() -> None:
    names = {n.text for tree in trees() for n in walk(tree) if isinstance(n, ast.Name)}
    assert VALUES - names == set()
    assert OPTION_WORDS - names == set()
    for argument, words in OPTIONS.items():
        found = set().union(*(texts for (_, a), texts in given().items() if a == argument))
        assert words - found == set(), argument


def test_every_unit_stands_in_an_example() -> None:
    units = {n.unit for tree in trees() for n in walk(tree) if isinstance(n, ast.Quantity)}
    more = {"%", "step", "steps", "sequences", "epochs"}
    assert {*TIMES, *RATES, *more} - units == set()


def test_what_has_no_example_is_noticed() -> None:
    """The lists above are those the compiler itself uses: a new word has no example until one is written."""
    assert ("dense", "self") in given()
    assert ("dense", "no_such") not in given()
    assert parse(Source("x", "snc 1\n")).declarations == ()
