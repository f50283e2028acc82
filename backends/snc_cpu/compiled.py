"""What is compiled of a task: its code without the names and numbers in which experiments differ.

Names that the task makes are numbered, and real numbers are read from the table that the task is given: experiments
that differ in these only do not compile the task again, which would take seconds.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Compiled:
    """The text to compile, and the real numbers that the task reads behind the table of its call."""

    text: str
    reals: tuple[float, ...]


def compiled(text: str, table: int | None = None) -> Compiled:
    """What is compiled of a function.

    table: the length of the tables it is called with; None: it has none of its own, and keeps its numbers.
    """
    tree = ast.parse(text)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    rename = Rename(function)
    rename.visit(function)
    function.name = "task"
    reals: tuple[float, ...] = ()
    if table is not None:
        lift = Lift()
        lift.visit(function)
        reals = tuple(lift.reals)
        reads = (f"r{k} = real(memory, {table + k})" for k in range(len(reals)))
        function.body[:0] = ast.parse("\n".join(reads)).body
    return Compiled(ast.unparse(tree), reals)


class Rename(ast.NodeTransformer):
    """Names that a function makes, numbered in the order in which they occur; arguments remain."""

    def __init__(self, function: ast.FunctionDef) -> None:
        made = (n for n in ast.walk(function) if isinstance(n, ast.Name))
        self.made = {n.id for n in made if isinstance(n.ctx, ast.Store)}
        self.names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """A name."""
        if node.id in self.made:
            node.id = self.names.setdefault(node.id, f"v{len(self.names)}")
        return node


class Lift(ast.NodeTransformer):
    """Real numbers become names. 0 and powers of two remain: of them the compiler makes simpler operations."""

    def __init__(self) -> None:
        self.reals: dict[float, str] = {}

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A number."""
        value = node.value
        if not isinstance(value, float) or math.frexp(value)[0] in (0.0, 0.5):
            return node
        return ast.Name(self.reals.setdefault(value, f"r{len(self.reals)}"), ast.Load())
