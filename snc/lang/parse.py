"""Source to syntax tree: lark's LALR parser and one method for each rule of the grammar."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Transformer, lexer, v_args
from lark.exceptions import UnexpectedInput
from lark.indenter import DedentError, Indenter
from lark.lexer import PatternRE, PatternStr, TerminalDef

from snc.diagnostics import SpecError
from snc.lang import ast
from snc.lang.mistakes import bad_dedent, explain_syntax, text_problems, too_deep
from snc.lang.scan import pieces
from snc.resources import data_dir
from snc.source import Source, Span


class Indentation(Indenter):
    """Blocks by indentation; inside brackets a statement goes on."""

    NL_type = "_NEWLINE"
    OPEN_PAREN_types = ["LPAR", "LSQB"]  # noqa: RUF012
    CLOSE_PAREN_types = ["RPAR", "RSQB"]  # noqa: RUF012
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 8


@cache
def parser() -> Lark:
    """The parser, made from `grammar/snc.lark`."""
    grammar = (data_dir("grammar") / "snc.lark").read_text(encoding="utf-8")
    # Where interegular is installed, lark compares all terminals: a check for the tests, which build the
    # grammar with `strict`, and a third of a second here.
    compares, lexer.has_interegular = lexer.has_interegular, False
    try:
        return Lark(
            grammar,
            parser="lalr",
            postlex=Indentation(),
            propagate_positions=True,
            maybe_placeholders=True,
            edit_terminals=_whole_word,
        )
    finally:
        lexer.has_interegular = compares


def _whole_word(terminal: TerminalDef) -> None:
    """A word of the language ends where a name would: `bydescent` is not `by descent`."""
    if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha():
        terminal.pattern = PatternRE(terminal.pattern.value + r"(?!\w)")
        terminal.priority = 1  # before names, which have the same letters


def tokens(source: Source) -> list[Token]:
    """The tokens of a source as the parser takes them. Raises SpecError."""
    _refuse_bad_text(source)
    try:
        return list(parser().parse_interactive(_closed(source)).iter_parse())
    except UnexpectedInput as error:
        raise SpecError([explain_syntax(source, error)]) from None
    except DedentError:
        raise SpecError([bad_dedent(source)]) from None


@lru_cache(maxsize=256)  # trees do not change, and every case of a sweep uses the same files
def parse(source: Source) -> ast.Spec:
    """The syntax tree of a source. Raises SpecError with the first mistake in the text."""
    _refuse_bad_text(source)
    try:
        tree = parser().parse(_closed(source))
    except UnexpectedInput as error:
        raise SpecError([explain_syntax(source, error)]) from None
    except DedentError:
        raise SpecError([bad_dedent(source)]) from None
    if problem := too_deep(source, tree):
        raise SpecError([problem])
    spec: ast.Spec = _Build(source).transform(tree)
    return spec


def _refuse_bad_text(source: Source) -> None:
    if problems := text_problems(source):
        raise SpecError(problems)


def _closed(source: Source) -> str:
    """The text without a byte order mark and with an end of its last line, maybe a comment."""
    return " " * source.text.startswith("\ufeff") + source.text.removeprefix("\ufeff") + "\n"


@v_args(meta=True)
class _Build(Transformer[Token, Any]):
    """One method for each rule; `c` are the children, None where something optional is absent."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        written = (p for p in pieces(source.text) if p.kind not in ("newline", "comment"))
        self.ends = [piece.end for piece in written]

    def span(self, meta: Any) -> Span:
        """From the first character to the last that is no line end and no comment."""
        end = self.ends[bisect_right(self.ends, meta.end_pos) - 1]
        return Span(meta.start_pos, end, self.source)

    def token(self, token: Token) -> Span:
        start = token.start_pos or 0
        return Span(start, start + len(token), self.source)

    # the file
    def start(self, meta: Any, c: list[Any]) -> ast.Spec:
        version, rest = c[0], c[1:]
        return ast.Spec(
            version,
            tuple(x for x in rest if isinstance(x, ast.Use)),
            tuple(x for x in rest if not isinstance(x, ast.Use)),
            span=self.span(meta),
        )

    def version(self, meta: Any, c: list[Any]) -> str:
        return str(c[0])

    def use(self, meta: Any, c: list[Any]) -> ast.Use:
        return ast.Use(c[0], tuple(c[1:]), span=self.span(meta))

    # declarations
    def function(self, meta: Any, c: list[Any]) -> ast.Function:
        name, parameters, value, doc = c
        return ast.Function(name, parameters, value, _unquoted(doc), span=self.span(meta))

    def component(self, meta: Any, c: list[Any]) -> ast.Component:
        kind, name, parameters, body = c
        return ast.Component(kind, name, parameters or (), body, span=self.span(meta))

    def kind(self, meta: Any, c: list[Any]) -> str:
        return str(c[0])

    def experiment(self, meta: Any, c: list[Any]) -> ast.Experiment:
        name, parameters, body = c
        return ast.Experiment(name, parameters or (), None, body, span=self.span(meta))

    def derived(self, meta: Any, c: list[Any]) -> ast.Experiment:
        name, parameters, base, *body = c
        statements = body[0] if body else ()
        return ast.Experiment(name, parameters or (), base, statements, span=self.span(meta))

    def parameters(self, meta: Any, c: list[Any]) -> tuple[ast.Parameter, ...]:
        return tuple(x for x in c if x is not None)

    def parameter(self, meta: Any, c: list[Any]) -> ast.Parameter:
        return ast.Parameter(c[0], c[1], span=self.span(meta))

    def body(self, meta: Any, c: list[Any]) -> tuple[ast.Statement, ...]:
        return tuple(c)

    # statements
    def documentation(self, meta: Any, c: list[Any]) -> ast.Documentation:
        return ast.Documentation(_unquoted(c[0]) or "", span=self.span(meta))

    def citation(self, meta: Any, c: list[Any]) -> ast.Citation:
        return ast.Citation(_unquoted(c[0]) or "", span=self.span(meta))

    def storage(self, meta: Any, c: list[Any]) -> ast.Storage:
        kind, name, shape, value, every = c
        return ast.Storage(kind, name, shape, value, every, span=self.span(meta))

    def storage_kind(self, meta: Any, c: list[Any]) -> str:
        return str(c[0])

    def shape(self, meta: Any, c: list[Any]) -> tuple[ast.Expr, ...]:
        return tuple(x for x in c if x is not None)

    def initial(self, meta: Any, c: list[Any]) -> ast.Initial:
        return ast.Initial(c[0], c[1], span=self.span(meta))

    def definition(self, meta: Any, c: list[Any]) -> ast.Definition:
        return ast.Definition(c[0], c[1], span=self.span(meta))

    def override(self, meta: Any, c: list[Any]) -> ast.Override:
        return ast.Override(c[0], span=self.span(meta))

    def output(self, meta: Any, c: list[Any]) -> ast.Output:
        return ast.Output(c[0], span=self.span(meta))

    def update(self, meta: Any, c: list[Any]) -> ast.Update:
        return ast.Update(c[0], c[1], c[2], span=self.span(meta))

    def target(self, meta: Any, c: list[Any]) -> str:
        return str(c[0])

    def learn(self, meta: Any, c: list[Any]) -> ast.Learn:
        return ast.Learn(c[0], tuple(x for x in c[1:] if x is not None), span=self.span(meta))

    def by_rule(self, meta: Any, c: list[Any]) -> ast.ByRule:
        return ast.ByRule(c[0], span=self.span(meta))

    def from_signal(self, meta: Any, c: list[Any]) -> ast.FromSignal:
        return ast.FromSignal(c[0], span=self.span(meta))

    def at_place(self, meta: Any, c: list[Any]) -> ast.AtPlace:
        return ast.AtPlace(c[0], span=self.span(meta))

    def during_window(self, meta: Any, c: list[Any]) -> ast.DuringWindow:
        return ast.DuringWindow(c[0], span=self.span(meta))

    def update_schedule(self, meta: Any, c: list[Any]) -> ast.UpdateSchedule:
        return ast.UpdateSchedule(c[0], span=self.span(meta))

    def using_optimiser(self, meta: Any, c: list[Any]) -> ast.UsingOptimiser:
        return ast.UsingOptimiser(c[0], span=self.span(meta))

    def freeze(self, meta: Any, c: list[Any]) -> ast.Freeze:
        return ast.Freeze(c[0], span=self.span(meta))

    def metric(self, meta: Any, c: list[Any]) -> ast.Metric:
        return ast.Metric(c[0], c[1], span=self.span(meta))

    def expect(self, meta: Any, c: list[Any]) -> ast.Expect:
        name, case, measure, note = c
        return ast.Expect(name, case or (), measure, _unquoted(note), span=self.span(meta))

    def measure(self, meta: Any, c: list[Any]) -> ast.Measure:
        return ast.Measure(c[0], c[1], c[2] is not None, span=self.span(meta))

    def number(self, meta: Any, c: list[Any]) -> str:
        return ("-" if c[0] else "") + str(c[1])

    def record(self, meta: Any, c: list[Any]) -> ast.Record:
        return ast.Record(tuple(c), span=self.span(meta))

    def sweep(self, meta: Any, c: list[Any]) -> ast.Sweep:
        return ast.Sweep(c[0], c[1], span=self.span(meta))

    def settings(self, meta: Any, c: list[Any]) -> ast.Settings:
        return ast.Settings(c[0], c[1], span=self.span(meta))

    def phase(self, meta: Any, c: list[Any]) -> ast.Phase:
        return ast.Phase(c[0], c[1], span=self.span(meta))

    def always(self, meta: Any, c: list[Any]) -> ast.Always:
        return ast.Always(span=self.span(meta))

    def last(self, meta: Any, c: list[Any]) -> ast.Last:
        return ast.Last(c[0], span=self.span(meta))

    def after(self, meta: Any, c: list[Any]) -> ast.After:
        return ast.After(c[0], span=self.span(meta))

    def when(self, meta: Any, c: list[Any]) -> ast.When:
        return ast.When(c[0], span=self.span(meta))

    def schedule(self, meta: Any, c: list[Any]) -> ast.Schedule:
        return ast.Schedule(c[0], span=self.span(meta))

    def selection(self, meta: Any, c: list[Any]) -> ast.Selection:
        return ast.Selection(tuple(c), span=self.span(meta))

    def item(self, meta: Any, c: list[Any]) -> ast.Item:
        return ast.Item(c[0], c[1], span=self.span(meta))

    def selector(self, meta: Any, c: list[Any]) -> ast.Selector:
        return ast.Selector(tuple(c), span=self.span(meta))

    def part(self, meta: Any, c: list[Any]) -> str:
        return "".join(str(t) for t in c)

    def path(self, meta: Any, c: list[Any]) -> ast.Path:
        return ast.Path(tuple(c), span=self.span(meta))

    def ident(self, meta: Any, c: list[Any]) -> ast.Ident:
        return ast.Ident(str(c[0]), span=self.token(c[0]))

    # expressions
    def pipe(self, meta: Any, c: list[Any]) -> ast.Pipe:
        return ast.Pipe(c[0], c[1], span=self.span(meta))

    def binary(self, meta: Any, c: list[Any]) -> ast.Binary:
        left, operator, right = c
        span = Span(left.span.start, right.span.end, self.source)
        return ast.Binary(left, str(operator), right, span=span)

    comparison = binary
    sum = binary
    product = binary
    power = binary

    def unary(self, meta: Any, c: list[Any]) -> ast.Unary:
        return ast.Unary(str(c[0]), c[1], span=self.span(meta))

    negation = unary

    def member(self, meta: Any, c: list[Any]) -> ast.Member:
        return ast.Member(c[0], c[1], span=self.span(meta))

    def call(self, meta: Any, c: list[Any]) -> ast.Call:
        return ast.Call(c[0], c[1], span=self.span(meta))

    def index(self, meta: Any, c: list[Any]) -> ast.Index:
        return ast.Index(c[0], c[1], span=self.span(meta))

    def name(self, meta: Any, c: list[Any]) -> ast.Name:
        return ast.Name(str(c[0]), span=self.token(c[0]))

    def quantity(self, meta: Any, c: list[Any]) -> ast.Quantity:
        return ast.Quantity(str(c[0]), None if c[1] is None else str(c[1]), span=self.span(meta))

    def text(self, meta: Any, c: list[Any]) -> ast.Text:
        return ast.Text(_unquoted(c[0]) or "", span=self.span(meta))

    def list_of(self, meta: Any, c: list[Any]) -> ast.ListOf:
        return ast.ListOf(tuple(x for x in c if x is not None), span=self.span(meta))

    def each(self, meta: Any, c: list[Any]) -> ast.Each:
        return ast.Each(tuple(x for x in c if x is not None), span=self.span(meta))

    def arguments(self, meta: Any, c: list[Any]) -> tuple[ast.Argument, ...]:
        return tuple(x for x in c if x is not None)

    def positional(self, meta: Any, c: list[Any]) -> ast.Argument:
        return ast.Argument(None, c[0], span=c[0].span)

    def named(self, meta: Any, c: list[Any]) -> ast.Argument:
        return ast.Argument(c[0], c[1], span=self.span(meta))


def _unquoted(text: str | None) -> str | None:
    return None if text is None else str(text)[1:-1]
