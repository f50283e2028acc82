"""`snc show`: any stage of the compiler as text a person can read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from snc.backend import find
from snc.build.experiment import build
from snc.build.plan import describe_data
from snc.codegen.kernel import KernelSource
from snc.compile import phases_of, program_of
from snc.diagnostics import BackendError, DataError, SpecError, did_you_mean
from snc.drawing import dot, mermaid
from snc.graph.graph import Graph
from snc.lang import ast
from snc.lang.parse import parse, tokens
from snc.lang.read import read
from snc.model.library import choose, load_file
from snc.model.resolve import Experiment, resolve
from snc.model.text import experiment_text
from snc.passes import PASSES, name_of, run_passes

BODIES = (ast.Function, ast.Component, ast.Experiment, ast.Spec, ast.Settings, ast.Phase)
FORMATS = ("text", "dot", "mermaid", "svg")


def show(
    path: str | Path,
    experiment: str | None = None,
    stage: str = "model",
    backend: str = "cpu",
    settings: Mapping[str, str] | None = None,
    after: str | None = None,
    format: str = "text",  # noqa: A002 (the name of the flag)
    ptx: str | None = None,
) -> str:
    """A stage of the compiler as text.

    after: the pass behind which the graph is shown, `all` for the last one; None is the graph as built.
    format: of a graph. ptx: the architecture kernels are compiled for. Raises SpecError, DataError, BackendError.
    """
    path = Path(path)
    _check_format(stage, format)
    if ptx is not None and stage != "kernel":
        raise DataError("only-kernels", "only kernels have PTX", help="say `--stage kernel`")
    if stage == "tokens":
        return _token_lines(path)
    if stage == "ast":
        return tree(parse(read(path)))
    file = load_file(path)
    if file.problems:
        raise SpecError(file.problems)
    phases = phases_of(resolve(choose(file, experiment), settings))
    drawn = _drawing(format)
    makers: dict[str, Callable[[Experiment], str]] = {
        "model": experiment_text,
        "graph": lambda phase: drawn(_graph(phase, after)),
        "program": lambda phase: program_of(phase)[1].text(),
        "kernel": lambda phase: _kernel(phase, backend, ptx),
    }
    if stage not in makers:
        known = ", ".join(("tokens", "ast", *makers))
        raise DataError("unknown-stage", f"no stage is called `{stage}`", help=f"there are {known}")
    return "\n".join(makers[stage](phase).rstrip("\n") for phase in phases)


def _check_format(stage: str, format: str) -> None:  # noqa: A002
    if format not in FORMATS:
        raise DataError(
            "unknown-format",
            f"no format is called `{format}`",
            help=f"there are {', '.join(FORMATS)}",
        )
    if format != "text" and stage != "graph":
        raise DataError(
            "only-graphs",
            f"only a graph can be drawn; `{stage}` is text",
            help="say `--stage graph`",
        )


def _kernel(phase: Experiment, backend: str, ptx: str | None) -> str:
    found = find(backend)
    kernel = found.emit(program_of(phase)[1])
    if ptx is None:
        return kernel.text
    compiled: Callable[[KernelSource, str], str] | None = getattr(found, "ptx", None)
    if compiled is None:
        raise BackendError(f"the {backend} backend has no PTX; say `--backend cuda`")
    return compiled(kernel, ptx)


# Tokens and syntax tree ---------------------------------------------------------------------------------


def _token_lines(path: Path) -> str:
    """Line, column, kind and text of every token."""
    rows = [(f"{t.line}:{t.column}", t.type, repr(str(t))) for t in tokens(read(path))]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(2)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows)


def tree(node: ast.Node) -> str:
    """A syntax tree, indented; small parts stand on one line."""
    return "\n".join(_branch("", node, 0))


def _branch(label: str, value: object, depth: int) -> Iterator[str]:
    start = "  " * depth + (f"{label}: " if label else "")
    short = _on_one_line(value)
    if short is not None and len(start) + len(short) <= 100:
        yield start + short
    elif isinstance(value, tuple):
        yield f"{start.rstrip()}"
        for item in value:
            yield from _branch("", item, depth + 1)
    elif isinstance(value, ast.Node):
        yield (
            start
            + type(value).__name__
            + (f"   # line {value.span.line}" if value.span.source.text else "")
        )
        for name, inner in _parts(value):
            yield from _branch(name, inner, depth + 1)
    else:
        yield start + repr(value)


def _parts(node: ast.Node) -> list[tuple[str, object]]:
    """What a node holds, without its span and what is absent."""
    return [(k, v) for k, v in vars(node).items() if k != "span" and v is not None and v != ()]


def _on_one_line(value: object) -> str | None:
    """Names, expressions and what is made of them; None for declarations and bodies."""
    if isinstance(value, ast.Argument):
        return _argument(value)
    if isinstance(value, BODIES):
        return None
    if isinstance(value, ast.Node):
        if (text := _expression(value)) is not None:
            return text
        parts = [(k, _on_one_line(v)) for k, v in _parts(value)]
        if any(inner is None for _, inner in parts):
            return None
        return f"{type(value).__name__}({', '.join(f'{k} = {inner}' for k, inner in parts)})"
    if isinstance(value, tuple):
        if any(isinstance(item, ast.Statement | ast.Declaration | ast.Use) for item in value):
            return None
        items = [_on_one_line(item) for item in value]
        return None if None in items else f"[{', '.join(i for i in items if i)}]"
    return repr(value)


def _expression(node: ast.Node) -> str | None:
    """An expression or a name with its operations in brackets: what belongs to what is seen.

    >>> # leak * v[t-1] + i  is  ((leak * v[(t - 1)]) + i)
    """
    match node:
        case ast.Ident(text=text) | ast.Name(text=text):
            return text
        case ast.Path() | ast.Selector() | ast.Override():
            return str(node)
        case ast.Quantity(digits=digits, unit=unit):
            return f"{digits} {unit}" if unit else digits
        case ast.Text(value=text):
            return f'"{text}"'
        case ast.Binary(left=left, operator=sign, right=right):
            return f"({_on_one_line(left)} {sign} {_on_one_line(right)})"
        case ast.Pipe(value=left, step=right):
            return f"({_on_one_line(left)} | {_on_one_line(right)})"
        case ast.Unary(operator=sign, operand=operand):
            return f"({sign} {_on_one_line(operand)})"
        case ast.Member(owner=owner, name=name):
            return f"{_on_one_line(owner)}.{name}"
        case ast.Index(value=inner, index=index):
            return f"{_on_one_line(inner)}[{_on_one_line(index)}]"
        case ast.Call(function=function, arguments=arguments):
            return f"{_on_one_line(function)}({', '.join(_argument(a) for a in arguments)})"
    return None


def _argument(argument: ast.Argument) -> str:
    value = _on_one_line(argument.value) or ""
    return f"{argument.name} = {value}" if argument.name else value


# Graphs -------------------------------------------------------------------------------------------------


def _graph(phase: Experiment, after: str | None) -> Graph:
    """The graph of a phase as built, or as a pass leaves it."""
    built = build(phase, describe_data(phase, None), training=True)
    if after is None:
        return built.graph
    names = [name_of(p) for p in PASSES]
    if after not in (*names, "all"):
        hint = (
            did_you_mean(after, names) or f"there are {', '.join(dict.fromkeys(names))}, and `all`"
        )
        raise DataError("unknown-pass", f"no pass is called `{after}`", help=hint)
    seen: dict[str, Graph] = {}

    def note(name: str, value: object) -> None:
        if isinstance(value, Graph):
            seen[name] = value

    last = run_passes(built.graph, seen=note)
    return last if after == "all" else seen[f"graph after {after}"]


def _drawing(format: str) -> Callable[[Graph], str]:  # noqa: A002
    drawings: dict[str, Callable[[Graph], str]] = {
        "text": lambda graph: graph.text(),
        "dot": dot,
        "mermaid": mermaid,
        "svg": _svg,
    }
    return drawings[format]


def _svg(graph: Graph) -> str:
    """A picture, laid out by Graphviz if it is installed."""
    program = shutil.which("dot")
    if program is None:
        text = "pictures are laid out by Graphviz, whose program `dot` is not installed"
        raise BackendError(f"{text}; install it, or use --format mermaid or --format dot")
    done = subprocess.run(
        [program, "-Tsvg"], input=dot(graph), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackendError(f"Graphviz could not draw the graph: {done.stderr.strip()}")
    return done.stdout


__all__ = ["FORMATS", "show", "tree"]
