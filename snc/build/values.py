"""What an expression can be while the graph is built."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from snc.graph.geometry import Geometry
from snc.graph.graph import Axes
from snc.lang import ast
from snc.model.library import Declared
from snc.model.plan import Draw, Pipeline
from snc.source import NOWHERE, Span

if TYPE_CHECKING:
    from snc.build.frame import Frame


class Failed(Exception):  # noqa: N818 (control flow: the mistake is already reported)
    """A definition cannot be evaluated; the reason has been reported."""


@dataclass(frozen=True)
class Num:
    """A number known when the graph is built. `dim` is its power of time; times are in seconds.

    `steps` is set for a time given in steps, `unit` for counts of sequences, epochs and shares (%), and
    `flag` for true and false.
    """

    value: float
    dim: int = 0
    steps: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Val:
    """A node of the graph. `path` is the instance it is the output of, for look-up of members."""

    node: str
    axes: Axes
    dim: int = 0
    path: str = ""

    def named(self, path: str) -> Val:
        """The same value, as the output of an instance."""
        return replace(self, path=path)


@dataclass(frozen=True)
class Instance:
    """An instance that is no value: a block without output, or a name that only has parts."""

    path: str


@dataclass(frozen=True)
class Fun:
    """A function, neuron, block or builtin, perhaps with arguments fixed; or a pipeline `_ | ...`."""

    name: str
    declared: Declared | None = None
    bound: tuple[tuple[str, Any], ...] = ()
    lambda_: ast.Expr | None = None
    frame: Frame | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Word:
    """An option word."""

    text: str


@dataclass(frozen=True)
class Str:
    """A string."""

    text: str


@dataclass(frozen=True)
class Lst:
    """A list."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class EachOf:
    """One value for each selected projection."""

    items: tuple[Any, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class Hole:
    """`_`."""


@dataclass(frozen=True)
class Unknown:
    """What a declaration that is checked by itself would be given: nothing can be said of it."""


@dataclass(frozen=True)
class First:
    """A first value or draw: `normal(0.1)`, `bernoulli(p)`."""

    draw: Draw


@dataclass(frozen=True)
class Config:
    """An optimiser, a schedule or a report option, with its arguments by name."""

    word: str
    arguments: tuple[tuple[str, Any], ...]
    span: Span = NOWHERE
    places: tuple[tuple[str, Span], ...] = field(default=(), compare=False, repr=False)

    def place(self, name: str) -> Span:
        """Where the argument called `name` was written."""
        return dict(self.places).get(name, self.span)

    def get(self, name: str, default: Any = None) -> Any:
        """The argument called `name`."""
        return dict(self.arguments).get(name, default)


@dataclass(frozen=True)
class Data:
    """A data pipeline."""

    pipeline: Pipeline


@dataclass
class Projection:
    """A projection with what it reads, what it computes with and what it owns."""

    path: str
    geometry: Geometry
    pre: Val
    output: Val
    raw: Val
    effective: Val
    owned: dict[str, str]  # weight, bias, gain ... -> stored name
    bias: Val | None
    fixed: bool
    owner: str  # the path whose weights these are; path itself unless borrowed
    block: str  # path of the innermost block instance around it, or ""
    span: Span = NOWHERE


@dataclass
class Population:
    """A neuron instance: its input, its output, and its names."""

    path: str
    declared: Declared
    input: Val
    output: Val
    block: str
    frame: Frame | None = None


Object = (
    Num | Val | Instance | Fun | Word | Str | Lst | EachOf | Hole | Unknown | First | Config | Data
)
