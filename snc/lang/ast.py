"""The syntax tree: what was written, before anything is known about what it means.

    Spec        = version, use*, declaration*
    declaration = Function | Component | Experiment
    statement   = Documentation | Citation | Storage | Initial | Definition | Output | Update | Learn
                | Freeze | Metric | Expect | Record | Sweep | Settings | Phase
    clause      = ByRule | FromSignal | AtPlace | DuringWindow | UpdateSchedule | UsingOptimiser
    window      = Always | Last | After | When
    expression  = Name | Quantity | Text | ListOf | Each | Pipe | Binary | Unary | Member | Call | Index

Spans are left out of equality: two specs that say the same are equal, wherever their text stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from snc.source import NOWHERE, Span


@dataclass(frozen=True, kw_only=True)
class Node:
    """What every node has: the place it was written at."""

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Ident(Node):
    """A name being given, or looked up inside something (`leak` in `post.leak`)."""

    text: str

    def __str__(self) -> str:
        return self.text


# Expressions ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Name(Node):
    """A name being read."""

    text: str


@dataclass(frozen=True)
class Quantity(Node):
    """A number, perhaps with a unit: `0.5`, `10 ms`, `90 steps`, `80 %`. `digits` is as written."""

    digits: str
    unit: str | None

    @property
    def value(self) -> float:
        """The number before its unit."""
        return float(self.digits)


@dataclass(frozen=True)
class Text(Node):
    """A string, without its quotes."""

    value: str


@dataclass(frozen=True)
class ListOf(Node):
    """`[a, b, c]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Each(Node):
    """`each [a, b]`: one value for each selected projection, in order."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Pipe(Node):
    """`value | step`: the value becomes the first argument of the step."""

    value: Expr
    step: Expr


@dataclass(frozen=True)
class Binary(Node):
    """`left operator right`; operator is one of `or and < <= > >= == != + - * / ^`."""

    left: Expr
    operator: str
    right: Expr


@dataclass(frozen=True)
class Unary(Node):
    """`-operand` or `not operand`."""

    operator: str
    operand: Expr


@dataclass(frozen=True)
class Member(Node):
    """`owner.name`."""

    owner: Expr
    name: Ident


@dataclass(frozen=True)
class Call(Node):
    """`function(arguments)`."""

    function: Expr
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Index(Node):
    """`value[t-1]`."""

    value: Expr
    index: Expr


Expr = Name | Quantity | Text | ListOf | Each | Pipe | Binary | Unary | Member | Call | Index


@dataclass(frozen=True)
class Argument(Node):
    """One argument of a call; `name` is None if it is given by position."""

    name: Ident | None
    value: Expr


# Windows and schedules --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Always(Node):
    """Every step of the sequence."""


@dataclass(frozen=True)
class Last(Node):
    """The last steps: `last 90 steps`; `last step` is one."""

    length: Expr


@dataclass(frozen=True)
class After(Node):
    """From a time on: `after 60 ms`."""

    start: Expr


@dataclass(frozen=True)
class When(Node):
    """At steps where a global value is not 0."""

    condition: Expr


Window = Always | Last | After | When


@dataclass(frozen=True)
class Schedule(Node):
    """`every step`, `every 10 steps`, `every sequence`, `every 4 sequences`."""

    period: Expr


# Statements -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Documentation(Node):
    """A docstring."""

    text: str


@dataclass(frozen=True)
class Citation(Node):
    """`cite "..."`: the source."""

    text: str


@dataclass(frozen=True)
class Storage(Node):
    """`input`, `label`, `constant`, `parameter` or `random` NAME [shape] = value every PERIOD."""

    kind: str
    name: Ident
    shape: tuple[Expr, ...] | None
    value: Expr | None
    every: Ident | None


@dataclass(frozen=True)
class Initial(Node):
    """`init v = rest`: the value of v[t-1] at the first step."""

    name: Ident
    value: Expr


@dataclass(frozen=True)
class Path(Node):
    """`a.b.c` on the left of `=`, in `record` or after `at`."""

    parts: tuple[Ident, ...]

    def __str__(self) -> str:
        return ".".join(p.text for p in self.parts)


@dataclass(frozen=True)
class Override(Node):
    """`learn.h_*.by.lambda_pre` on the left of `=`."""

    selector: Selector

    def __str__(self) -> str:
        return f"learn.{self.selector}"


@dataclass(frozen=True)
class Definition(Node):
    """`path = value`: an equation in a component, a setting or an equation in an experiment."""

    path: Path | Override
    value: Expr | Window | Schedule


@dataclass(frozen=True)
class Output(Node):
    """`output value`."""

    value: Expr


@dataclass(frozen=True)
class Update(Node):
    """`gradient path = value` or `next path = value`."""

    target: str
    path: Path
    value: Expr


@dataclass(frozen=True)
class Selector(Node):
    """A dotted name in which a part may hold one `*`."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Item(Node):
    """One selector, or a range of them: `b1..b8`."""

    first: Selector
    last: Selector | None


@dataclass(frozen=True)
class Selection(Node):
    """What a `learn` or `freeze` is about."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class ByRule(Node):
    """`by rule(...)`."""

    call: Expr


@dataclass(frozen=True)
class FromSignal(Node):
    """`from signal(...)`."""

    call: Expr


@dataclass(frozen=True)
class AtPlace(Node):
    """`at path`: where the signal is handed over."""

    path: Path


@dataclass(frozen=True)
class DuringWindow(Node):
    """`during window`."""

    window: Window


@dataclass(frozen=True)
class UpdateSchedule(Node):
    """`update every ...`."""

    schedule: Schedule


@dataclass(frozen=True)
class UsingOptimiser(Node):
    """`using optimiser(...)`."""

    call: Expr


Clause = ByRule | FromSignal | AtPlace | DuringWindow | UpdateSchedule | UsingOptimiser


@dataclass(frozen=True)
class Learn(Node):
    """`learn SELECTION clause*`."""

    selection: Selection
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Freeze(Node):
    """`freeze SELECTION`."""

    selection: Selection


@dataclass(frozen=True)
class Metric(Node):
    """`metric NAME = value`."""

    name: Ident
    value: Expr


@dataclass(frozen=True)
class Measure(Node):
    """A published number: `78.24 +- 1.84 %`. Digits are kept as written."""

    value: str
    spread: str | None
    percent: bool


@dataclass(frozen=True)
class Expect(Node):
    """`expect NAME(case) = measure "where it was published"`."""

    name: Ident
    case: tuple[Argument, ...]
    measure: Measure
    note: str | None


@dataclass(frozen=True)
class Record(Node):
    """`record a, b.c`."""

    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Sweep(Node):
    """`for NAME in list`."""

    name: Ident
    values: Expr


@dataclass(frozen=True)
class Settings(Node):
    """`train:` or `report:` and its body."""

    name: Ident
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Phase(Node):
    """`phase NAME:` and its body."""

    name: Ident
    body: tuple[Statement, ...]


Statement = (
    Documentation
    | Citation
    | Storage
    | Initial
    | Definition
    | Output
    | Update
    | Learn
    | Freeze
    | Metric
    | Expect
    | Record
    | Sweep
    | Settings
    | Phase
)

# Declarations -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter(Node):
    """An argument being declared; without default it must be given."""

    name: Ident
    default: Expr | None


@dataclass(frozen=True)
class Function(Node):
    """`function NAME(parameters) = value "doc"`."""

    name: Ident
    parameters: tuple[Parameter, ...]
    value: Expr
    doc: str | None

    kind = "function"


@dataclass(frozen=True)
class Component(Node):
    """A neuron, block, rule, signal, network or dataset."""

    kind: str
    name: Ident
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Experiment(Node):
    """A run; `base` is the experiment it is derived from, called or not."""

    name: Ident
    parameters: tuple[Parameter, ...]
    base: Expr | None
    body: tuple[Statement, ...]

    kind = "experiment"


Declaration = Function | Component | Experiment


@dataclass(frozen=True)
class Use(Node):
    """`use path: names`."""

    path: Path
    names: tuple[Ident, ...]


@dataclass(frozen=True)
class Spec(Node):
    """One file."""

    version: str
    uses: tuple[Use, ...]
    declarations: tuple[Declaration, ...]
