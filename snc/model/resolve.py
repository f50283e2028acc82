"""An experiment with its bases, arguments and `--set` values put together: what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snc.diagnostics import Diagnostic, Label, SpecError, did_you_mean
from snc.lang import ast
from snc.lang.parse import parse
from snc.model import mistakes
from snc.model.library import Declared, File, space_of
from snc.source import Source

SETTINGS = ("network", "data", "test_data", "dt", "predict")
TRAIN = (
    *("during", "update", "optimiser", "epochs", "batch", "test_batch"),
    *("drop_last", "shuffle", "trials", "seed", "seeds"),
)
REPORT = ("epoch", "trials", "spread")
Value = ast.Expr | ast.Window | ast.Schedule


@dataclass(frozen=True)
class Scoped:
    """Something written, and the file in which its names are looked up."""

    value: Value
    file: File
    name: ast.Ident | None = None


@dataclass(frozen=True)
class LearnText:
    """A `learn` statement, or an argument of one given anew (`learn.h_*.by.lambda_pre = 0.9`)."""

    statement: ast.Learn | None
    file: File
    override: ast.Override | None = None
    value: Value | None = None


@dataclass
class Experiment:
    """A resolved experiment. Settings are kept by dotted name (`train.epochs`)."""

    name: str
    declared: Declared
    documentation: str = ""
    parameters: dict[str, Scoped] = field(default_factory=dict)
    settings: dict[str, Scoped] = field(default_factory=dict)
    arguments: dict[str, Scoped] = field(
        default_factory=dict
    )  # network.hidden, train.optimiser.rate
    equations: dict[str, Scoped] = field(default_factory=dict)
    statements: list[tuple[ast.Statement, File]] = field(default_factory=list)
    metrics: dict[str, Scoped] = field(default_factory=dict)
    learns: list[LearnText] = field(default_factory=list)
    freezes: list[tuple[ast.Freeze, File]] = field(default_factory=list)
    records: list[ast.Path] = field(default_factory=list)
    phases: dict[str, Experiment] = field(default_factory=dict)
    expectations: list[tuple[ast.Expect, File]] = field(default_factory=list)
    sweeps: list[tuple[ast.Sweep, File]] = field(default_factory=list)

    def copy(self) -> Experiment:
        """An experiment that can be changed without changing this one."""
        made = Experiment(self.name, self.declared, self.documentation)
        for name in ("parameters", "settings", "arguments", "equations", "metrics"):
            setattr(made, name, dict(getattr(self, name)))
        for name in ("statements", "learns", "freezes", "records", "expectations", "sweeps"):
            setattr(made, name, list(getattr(self, name)))
        made.phases = {k: v.copy() for k, v in self.phases.items()}
        return made


def resolve(declared: Declared, settings: Mapping[str, str] | None = None) -> Experiment:
    """The experiment with everything it is derived from. Raises SpecError."""
    made = _flatten(declared, ())
    for path, text in (settings or {}).items():
        _set(made, path, text)
    return made


def _flatten(declared: Declared, on_the_way: tuple[Declared, ...]) -> Experiment:
    node = declared.node
    assert isinstance(node, ast.Experiment)
    if node.base is None:
        made = Experiment(declared.name, declared)
    else:
        base = _base(declared, node.base, on_the_way)
        made = _flatten(base, (*on_the_way, declared)).copy()
        made.name, made.declared, made.documentation = declared.name, declared, ""
        made.expectations, made.sweeps = [], []
        for phase in made.phases.values():
            phase.expectations = []
        _give_arguments(made, declared, node.base)
    for parameter in node.parameters:
        if parameter.default is not None:
            made.parameters[parameter.name.text] = Scoped(
                parameter.default, declared.file, parameter.name
            )
    _apply(made, node.body, declared.file)
    return made


def phases_of(experiment: Experiment) -> list[Experiment]:
    """The phases in order, each with the settings outside it as defaults; one if there are none."""
    if not experiment.phases:
        return [experiment]
    made = []
    for name, phase in experiment.phases.items():
        one = experiment.copy()
        one.phases = {}
        one.name = f"{experiment.name}.{name}"
        for part in ("parameters", "settings", "arguments", "equations", "metrics"):
            getattr(one, part).update(getattr(phase, part))
        for part in ("statements", "learns", "freezes", "records", "expectations"):
            getattr(one, part).extend(getattr(phase, part))
        made.append(one)
    return made


def base_name(expression: ast.Expr) -> ast.Name:
    """The name of the experiment that another is derived from."""
    called = expression.function if isinstance(expression, ast.Call) else expression
    if not isinstance(called, ast.Name):
        text = "a derived experiment names its base: `experiment new = base(...) with:`"
        raise SpecError([Diagnostic("not-an-experiment", text, Label(expression.span))])
    return called


def _base(declared: Declared, expression: ast.Expr, seen: tuple[Declared, ...]) -> Declared:
    name = base_name(expression)
    found = declared.file.find("experiment", name.text)
    if found is None:
        known = declared.file.known("experiment")
        raise SpecError([mistakes.unknown_of_kind(name.span, "experiment", name.text, known)])
    if found is declared or found in seen:
        raise SpecError([_derived_from_itself((*seen, declared), found)])
    return found


def _derived_from_itself(seen: tuple[Declared, ...], found: Declared) -> Diagnostic:
    """Said of the first experiment of the circle, from whichever of them it is noticed."""
    circle = sorted(seen[seen.index(found) :], key=lambda d: d.node.span.start)
    first, base = circle[0], circle[0].node.base  # type: ignore[union-attr]
    through = f", through `{'`, `'.join(d.name for d in circle[1:])}`" if circle[1:] else ""
    text = f"`{first.name}` is derived from itself{through}"
    assert base is not None
    return Diagnostic("derived-from-itself", text, Label(base_name(base).span))


def _give_arguments(made: Experiment, declared: Declared, base: ast.Expr) -> None:
    if not isinstance(base, ast.Call):
        return
    order = list(made.parameters)
    for position, argument in enumerate(base.arguments):
        if argument.name is not None:
            name = argument.name.text
        elif position < len(order):
            name = order[position]
        else:
            name = base_name(base).text
            raise SpecError([mistakes.too_many_arguments(argument.span, name, order)])
        if name not in made.parameters:
            shown = base_name(base).text
            raise SpecError([mistakes.unknown_argument(argument.span, shown, name, order)])
        made.parameters[name] = Scoped(argument.value, declared.file, argument.name)


def _apply(made: Experiment, body: tuple[ast.Statement, ...], file: File) -> None:
    doc: list[str] = []
    for statement in body:
        match statement:
            case ast.Documentation(text=text):
                doc.append(text)
            case ast.Citation():
                pass
            case ast.Definition(path=path, value=value):
                _assign(made, path, value, file)
            case ast.Settings(name=name, body=inner):
                for part in inner:
                    if isinstance(part, ast.Definition) and isinstance(part.path, ast.Path):
                        whole = ast.Path((name, *part.path.parts), span=part.path.span)
                        _assign(made, whole, part.value, file)
                    else:
                        _misplaced(part, f"`{name.text}:` holds settings, `name = value`")
            case ast.Phase(name=name, body=inner):
                phase = made.phases.setdefault(name.text, Experiment(name.text, made.declared))
                _apply(phase, inner, file)
            case ast.Learn():
                made.learns.append(LearnText(statement, file))
            case ast.Freeze():
                made.freezes.append((statement, file))
            case ast.Metric(name=name, value=value):
                made.metrics[name.text] = Scoped(value, file, name)
            case ast.Record(paths=paths):
                made.records.extend(p for p in paths if p not in made.records)
            case ast.Expect():
                made.expectations.append((statement, file))
            case ast.Sweep():
                made.sweeps.append((statement, file))
            case ast.Storage() | ast.Initial() | ast.Update():
                made.statements.append((statement, file))
            case ast.Output():
                _misplaced(statement, "an experiment has no `output`; say `predict = ...`")
    if doc:
        made.documentation = " ".join(doc)


def _misplaced(statement: ast.Statement, text: str) -> None:
    raise SpecError([Diagnostic("misplaced-statement", text, Label(statement.span))])


def _assign(made: Experiment, path: ast.Path | ast.Override, value: Value, file: File) -> None:
    if isinstance(path, ast.Override):
        made.learns.append(LearnText(None, file, path, value))
        return
    parts = [p.text for p in path.parts]
    scoped = Scoped(value, file, path.parts[-1])
    head, dotted = parts[0], ".".join(parts)
    if head in made.phases and len(parts) > 1:
        rest = ast.Path(path.parts[1:], span=path.span)
        _assign(made.phases[head], rest, value, file)
    elif len(parts) == 1 and head in made.parameters:
        made.parameters[head] = scoped
    elif len(parts) == 1:
        if head in SETTINGS:
            made.settings[head] = scoped
            _drop_arguments(made, head)
        else:
            made.equations[head] = scoped
    elif head in ("train", "report"):
        known = TRAIN if head == "train" else REPORT
        if parts[1] not in known:
            _no_such_setting(path, head, parts[1], known)
        if len(parts) == 2:
            made.settings[dotted] = scoped
            _drop_arguments(made, dotted)
        else:
            made.arguments[dotted] = scoped
    elif head in SETTINGS or head in made.equations:
        made.arguments[dotted] = scoped
    else:
        _no_such_setting(path, "the experiment", head, (*SETTINGS, "train", "report", *made.phases))


def _drop_arguments(made: Experiment, setting: str) -> None:
    """A setting given anew starts afresh: arguments set for its former call are gone."""
    for name in [n for n in made.arguments if n.startswith(setting + ".")]:
        del made.arguments[name]


def _no_such_setting(path: ast.Path, where: str, name: str, known: tuple[str, ...]) -> None:
    hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
    text = f"`{where}` has no setting `{name}`"
    raise SpecError([Diagnostic("no-such-setting", text, Label(path.span), help=hint)])


def _set(made: Experiment, path: str, text: str) -> None:
    """`--set path=text`, read as if it stood at the end of the experiment."""
    source = Source(f"--set {path}={text}", f"snc 1\nexperiment set:\n    {path} = {text}\n")
    spec = parse(source)
    statement = spec.declarations[0].body[0]  # type: ignore[union-attr]
    if not isinstance(statement, ast.Definition):
        raise SpecError(
            [Diagnostic("no-such-setting", "`--set` takes NAME=VALUE", Label(statement.span))]
        )
    head = path.split(".")[0]
    known = [*made.parameters, *SETTINGS, *made.equations, "train", "report", "learn", *made.phases]
    if head not in known:
        hint = did_you_mean(head, known) or f"there are {', '.join(known)}"
        text = f"`{made.name}` has nothing called `{head}` to set"
        raise SpecError([Diagnostic("no-such-setting", text, Label(statement.span), help=hint)])
    if head == "learn" and isinstance(statement.path, ast.Path):
        parts = tuple(p.text for p in statement.path.parts[1:])
        selector = ast.Selector(parts, span=statement.path.span)
        override = ast.Override(selector, span=statement.path.span)
        made.learns.append(LearnText(None, made.declared.file, override, statement.value))
        return
    _assign(made, statement.path, statement.value, made.declared.file)


__all__ = [
    "REPORT",
    "SETTINGS",
    "TRAIN",
    "Experiment",
    "LearnText",
    "Scoped",
    "phases_of",
    "resolve",
    "space_of",
]
