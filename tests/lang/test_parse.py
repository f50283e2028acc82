"""Text to tree: every rule of the grammar, exact places, and texts from other systems."""

from pathlib import Path

import pytest
from lark import Lark

from snc.diagnostics import SpecError
from snc.lang import ast
from snc.lang.parse import Indentation, parse, parser, tokens
from snc.lang.read import read
from snc.source import Source, Span

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.snc"))

X, Y = ast.Name("x"), ast.Name("y")


def ident(text: str) -> ast.Ident:
    return ast.Ident(text)


def path(text: str) -> ast.Path:
    return ast.Path(tuple(map(ident, text.split("."))))


def number(digits: str, unit: str | None = None) -> ast.Quantity:
    return ast.Quantity(digits, unit)


def spec(text: str) -> ast.Spec:
    return parse(Source("x.snc", "snc 1\n" + text))


def declaration(text: str):
    (found,) = spec(text).declarations
    return found


def statement(text: str):
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    (found,) = declaration(f"experiment e:\n{lines}").body
    return found


def expression(text: str):
    return declaration(f"function f() = {text}\n").value


def call(name: str, *values: ast.Expr, **named: ast.Expr) -> ast.Call:
    given = [ast.Argument(None, v) for v in values]
    given += [ast.Argument(ident(k), v) for k, v in named.items()]
    return ast.Call(ast.Name(name), tuple(given))


def selector(text: str) -> ast.Selector:
    return ast.Selector(tuple(text.split(".")))


# The file -----------------------------------------------------------------------------------------


def test_the_grammar_is_lalr_without_a_single_conflict_of_rules_or_terminals() -> None:
    grammar = (ROOT / "grammar" / "snc.lark").read_text(encoding="utf-8")
    options = {"parser": "lalr", "postlex": Indentation(), "maybe_placeholders": True}
    assert Lark(grammar, strict=True, **options).rules


def test_a_spec_has_a_version_and_its_uses_and_declarations_in_order() -> None:
    found = spec("use a: b, c\nfunction f() = 1\nuse d.e: g\nfunction h() = 2\n")
    assert found.version == "1"
    assert [str(use.path) for use in found.uses] == ["a", "d.e"]
    assert [name.text for name in found.uses[0].names] == ["b", "c"]
    assert [d.name.text for d in found.declarations] == ["f", "h"]


@pytest.mark.parametrize("shipped", SPECS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_shipped_spec_parses(shipped: Path) -> None:
    assert parse(read(shipped)).declarations


def rules_of(text: str) -> set[str]:
    return {str(tree.data) for tree in parser().parse(text + "\n").iter_subtrees()}


def test_the_specs_and_the_tests_below_use_every_rule_of_the_grammar() -> None:
    rules = parser().rules
    named = {rule.alias or rule.origin.name for rule in rules if not rule.options.expand1}
    named -= {str(name) for name in named if name.startswith("_")}
    used = set().union(*(rules_of(p.read_text(encoding="utf-8")) for p in SPECS))
    missing = {str(name) for name in named} - used
    assert missing <= {"at_place", "during_window", "update_schedule"}, missing


def test_line_ends_and_marks_of_other_systems_change_nothing() -> None:
    text = 'snc 1\n# a\n\nrule r():\n    "doc"\n\n    x = f(1,\n  2)\n    # b\n\nfunction g() = 1\n'
    plain = parse(Source("x", text))
    assert parse(Source("x", text.replace("\n", "\r\n"))) == plain
    assert parse(Source("x", "\ufeff" + text)) == plain
    assert parse(Source("x", text.rstrip())) == plain
    assert parse(Source("x", text + "# end")) == plain
    assert parse(Source("x", text.replace("    ", "\t"))) == plain


def test_a_byte_order_mark_moves_no_place() -> None:
    found = parse(Source("x", "\ufeffsnc 1\nfunction f() = 1\n"))
    assert found.declarations[0].span.text == "function f() = 1"


def test_spans_are_left_out_of_equality() -> None:
    assert spec("function f() = 1\n") == spec("\n\n# far down\nfunction   f( )=1\n")


def test_tokens_are_those_the_parser_takes() -> None:
    found = tokens(Source("x", "snc 1\nfunction f(last) = 2\n"))
    assert [(t.type, str(t)) for t in found[3:8]] == [
        ("FUNCTION", "function"),
        ("NAME", "f"),
        ("LPAR", "("),
        ("NAME", "last"),
        ("RPAR", ")"),
    ]


# Declarations -------------------------------------------------------------------------------------


def test_a_function_has_parameters_defaults_and_a_text() -> None:
    two = (ast.Parameter(ident("x"), None), ast.Parameter(ident("k"), number("2")))
    expected = ast.Function(ident("f"), two, X, "doc")
    assert declaration('function f(x, k = 2,) = x   "doc"\n') == expected


@pytest.mark.parametrize("kind", ["neuron", "block", "rule", "signal", "network", "dataset"])
def test_a_component_has_a_kind_parameters_and_a_body(kind: str) -> None:
    body = (ast.Definition(path("a"), number("1")),)
    expected = ast.Component(kind, ident("c"), (ast.Parameter(ident("n"), None),), body)
    assert declaration(f"{kind} c(n):\n    a = 1\n") == expected
    assert declaration(f"{kind} c:\n    a = 1\n").parameters == ()


def test_an_experiment_stands_alone_or_derives_from_another() -> None:
    assert declaration("experiment e:\n    a = 1\n").base is None
    derived = declaration("experiment e(k = 1) = b(2) with:\n    a = 1\n")
    assert derived.base == call("b", number("2"))
    assert len(derived.parameters) == len(derived.body) == 1
    assert declaration("experiment e = b\n").body == ()


# Statements ---------------------------------------------------------------------------------------


STATEMENTS = {
    '"A text."': ast.Documentation("A text."),
    'cite "Somebody"': ast.Citation("Somebody"),
    "input x[2, y]": ast.Storage("input", ident("x"), (number("2"), Y), None, None),
    "label x": ast.Storage("label", ident("x"), None, None, None),
    "constant x[y] = 1": ast.Storage("constant", ident("x"), (Y,), number("1"), None),
    "parameter x = y": ast.Storage("parameter", ident("x"), None, Y, None),
    "random x[y] = 1 every step": ast.Storage(
        "random", ident("x"), (Y,), number("1"), ident("step")
    ),
    "init x = y": ast.Initial(ident("x"), Y),
    "x = y": ast.Definition(path("x"), Y),
    "train.epochs = 3": ast.Definition(path("train.epochs"), number("3")),
    "learn.h_*.by.rate = y": ast.Definition(ast.Override(selector("h_*.by.rate")), Y),
    "output x": ast.Output(X),
    "gradient weight = x": ast.Update("gradient", path("weight"), X),
    "next stored.weight = x": ast.Update("next", path("stored.weight"), X),
    "metric x = y": ast.Metric(ident("x"), Y),
    "record h.u, h": ast.Record((path("h.u"), path("h"))),
    "for x in [1, 2]": ast.Sweep(ident("x"), ast.ListOf((number("1"), number("2")))),
    "train:\n    x = y": ast.Settings(ident("train"), (ast.Definition(path("x"), Y),)),
    "phase one:\n    x = y": ast.Phase(ident("one"), (ast.Definition(path("x"), Y),)),
    "x = always": ast.Definition(path("x"), ast.Always()),
    "x = last 9 steps": ast.Definition(path("x"), ast.Last(number("9", "steps"))),
    "x = last step": ast.Definition(path("x"), ast.Last(ast.Name("step"))),
    "x = after 6 ms": ast.Definition(path("x"), ast.After(number("6", "ms"))),
    "x = when y": ast.Definition(path("x"), ast.When(Y)),
    "x = every step": ast.Definition(path("x"), ast.Schedule(ast.Name("step"))),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_becomes_its_node(text: str) -> None:
    assert statement(text) == STATEMENTS[text]


CLAUSES = {
    "by r(1)": ast.ByRule(call("r", number("1"))),
    "from s": ast.FromSignal(ast.Name("s")),
    "at h.s": ast.AtPlace(path("h.s")),
    "during last step": ast.DuringWindow(ast.Last(ast.Name("step"))),
    "update every step": ast.UpdateSchedule(ast.Schedule(ast.Name("step"))),
    "using adam(1)": ast.UsingOptimiser(call("adam", number("1"))),
}


@pytest.mark.parametrize("text", CLAUSES)
def test_a_clause_may_stand_in_the_line_of_its_learn_or_below_it(text: str) -> None:
    expected = (CLAUSES[text],)
    assert statement(f"learn x {text}").clauses == expected
    assert statement(f"learn x\n    {text}").clauses == expected


def test_clauses_go_on_over_several_lines() -> None:
    text = "learn x by r(1)\n    from s\n    at h.s using adam(1)"
    assert [type(c).__name__ for c in statement(text).clauses] == [
        "ByRule",
        "FromSignal",
        "AtPlace",
        "UsingOptimiser",
    ]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a, b.c", [("a", None), ("b.c", None)]),
        ("b1..b8", [("b1", "b8")]),
        ("*", [("*", None)]),
        ("flow*.wide, *x", [("flow*.wide", None), ("*x", None)]),
    ],
)
def test_a_selection_has_names_ranges_and_stars(text: str, items: list) -> None:
    expected = [ast.Item(selector(a), b and selector(b)) for a, b in items]
    assert list(statement(f"learn {text} by r").selection.items) == expected
    assert list(statement(f"freeze {text}").selection.items) == expected


def test_an_expected_number_keeps_its_digits() -> None:
    found = statement('expect accuracy(x = y) = -78.20 +- 1.84 % "Table 3"')
    assert found.measure == ast.Measure("-78.20", "1.84", True)
    assert (found.name, found.case, found.note) == (
        ident("accuracy"),
        call("f", x=Y).arguments,
        "Table 3",
    )
    assert statement("expect parameters = 7").measure == ast.Measure("7", None, False)


def test_words_that_begin_statements_are_names_elsewhere() -> None:
    assert expression("label + input") == ast.Binary(ast.Name("label"), "+", ast.Name("input"))
    assert expression("gradient(x, y)") == call("gradient", X, Y)


# Expressions --------------------------------------------------------------------------------------


EXPRESSIONS = {
    "10 ms": number("10", "ms"),
    "2e-4": number("2e-4"),
    "80 %": number("80", "%"),
    '"text"': ast.Text("text"),
    "[]": ast.ListOf(()),
    "[x, y,]": ast.ListOf((X, Y)),
    "each [x, y]": ast.Each((X, Y)),
    "x.y": ast.Member(X, ident("y")),
    "x[y]": ast.Index(X, Y),
    "f(x, k = y)": call("f", X, k=Y),
    "f()": call("f"),
    "x | f | y": ast.Pipe(ast.Pipe(X, ast.Name("f")), Y),
    "-x": ast.Unary("-", X),
    "not x": ast.Unary("not", X),
    "(x)": X,
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_becomes_its_node(text: str) -> None:
    assert expression(text) == EXPRESSIONS[text]


OPERATORS = ("or", "and", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "^")


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_becomes_a_binary_node(operator: str) -> None:
    assert expression(f"x {operator} y") == ast.Binary(X, operator, Y)


@pytest.mark.parametrize(
    ("plain", "meant"),
    [
        ("a | b(c) | d", "(a | b(c)) | d"),
        ("a + b | c", "(a + b) | c"),
        ("a or b | c", "(a or b) | c"),
        ("a or b and c", "a or (b and c)"),
        ("not a and b", "(not a) and b"),
        ("not a == b", "not (a == b)"),
        ("a < b + c", "a < (b + c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("a + b * c", "a + (b * c)"),
        ("-a * b", "(-a) * b"),
        ("-a^b", "-(a^b)"),
        ("a^-b", "a^(-b)"),
        ("a^b^c", "a^(b^c)"),
        ("a.b(c)[d].e", "(((a.b)(c))[d]).e"),
        ("-f(a)", "-(f(a))"),
    ],
)
def test_operators_bind_as_the_reference_says(plain: str, meant: str) -> None:
    assert expression(plain) == expression(meant)


# Places -------------------------------------------------------------------------------------------

TEXT = """snc 1

rule r(a = 1):   # a remark
    "A text."
    p = a  *  (p[t-1] + pre)
    gradient weight = signal * f(p,
                                 2)  # another

experiment e:
    learn h1..h3 by r(2) from s
    train:
        epochs = 3

function last() = -x
"""


def spans(node: object) -> list[Span]:
    found = [node.span] if isinstance(node, ast.Node) else []
    inner = node if isinstance(node, tuple) else vars(node).values() if found else ()
    return found + [span for child in inner for span in spans(child)]


def texts(node: object) -> list[str]:
    return [span.text for span in spans(node)]


def test_a_statement_has_the_place_of_its_text_without_remarks_and_line_ends() -> None:
    rule, experiment, function = parse(Source("x", TEXT)).declarations
    assert [s.span.text for s in rule.body] == [
        '"A text."',
        "p = a  *  (p[t-1] + pre)",
        "gradient weight = signal * f(p,\n                                 2)",
    ]
    assert experiment.body[1].span.text == "train:\n        epochs = 3"
    assert function.span.text == "function last() = -x"
    assert rule.span.text.startswith("rule r(a = 1):")


def test_names_arguments_and_operators_have_their_own_places() -> None:
    rule, experiment, function = parse(Source("x", TEXT)).declarations
    product = rule.body[1].value
    assert product.left.span.text == "a"
    assert product.right.left.span.text == "p[t-1]"
    assert rule.parameters[0].span.text == "a = 1"
    learn = experiment.body[0]
    assert learn.selection.span.text == "h1..h3"
    assert [c.span.text for c in learn.clauses] == ["by r(2)", "from s"]
    assert (function.value.span.text, function.value.span.line) == ("-x", 14)


@pytest.mark.parametrize("shipped", SPECS[:12], ids=lambda p: p.stem)
def test_every_node_has_a_place_inside_its_text_and_inside_its_parent(shipped: Path) -> None:
    source = read(shipped)
    for declared in parse(source).declarations:
        for span in spans(declared):
            assert span.source == source
            assert declared.span.start <= span.start < span.end <= declared.span.end
            assert span.text == span.text.strip()


def test_line_and_column_count_from_one() -> None:
    span = parse(Source("x", TEXT)).declarations[0].body[1].span
    assert (span.line, span.column) == (5, 5)


def test_parsing_stops_at_the_first_mistake() -> None:
    with pytest.raises(SpecError) as raised:
        spec("function f() = 1 +\nfunction g() = * 2\n")
    assert [d.span.line for d in raised.value.diagnostics] == [2]


@pytest.mark.parametrize(
    "glued", ["learn h bydescent(loss)", "learn h by r() fromx()", "randomr = f() every step"]
)
def test_a_word_of_the_language_ends_where_a_name_would(glued: str) -> None:
    with pytest.raises(SpecError):
        parse(Source("x", f"snc 1\nexperiment e:\n    {glued}\n"))
