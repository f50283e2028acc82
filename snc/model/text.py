"""A resolved experiment as text: what a run folder keeps."""

from __future__ import annotations

from snc.model.library import File
from snc.model.resolve import Experiment


def experiment_text(experiment: Experiment) -> str:
    """What the experiment says after derivation and `--set`, as comments, and then its file.

    A function of what is written only, not of where the files are.
    """
    lines = [f"{experiment.name}, resolved:", *(f"    {line}" for line in said(experiment))]
    own = experiment.declared.file
    for file in _others(experiment, own):
        lines += ["", f"{_name(file)}, which it uses:", *file.source.text.splitlines()]
    head = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return f"{head}\n{own.source.text}"


def said(experiment: Experiment) -> list[str]:
    """What an experiment says after derivation and `--set`, a line for each part."""
    lines = []
    for title in ("parameters", "settings", "arguments", "equations", "metrics"):
        for name, scoped in sorted(getattr(experiment, title).items()):
            lines.append(f"{title}: {name} = {_flat(scoped.value.span.text)}")
    for learn in experiment.learns:
        part = learn.statement or learn.override
        text = _flat(part.span.text) if part else ""
        given = f" = {_flat(learn.value.span.text)}" if learn.value is not None else ""
        lines.append(f"{text}{given}")
    return [*lines, *(_flat(s.span.text) for s, _ in experiment.statements)]


def sources(experiment: Experiment) -> dict[str, str]:
    """The texts an experiment is written in, by file name, its own first; what ships with snc is left out.

    Shipped files stay out unless the experiment stands in one: then those beside it belong to it.
    """
    own = experiment.declared.file
    found: dict[str, str] = {}
    waiting = [own]
    while waiting:
        file = waiting.pop(0)
        if _name(file) not in found and _beside(file, own):
            found[_name(file)] = file.source.text
            waiting += [d.file for d in (*file.taken.values(), *file.own.values())]
    return found


def _beside(file: File, own: File) -> bool:
    paths = file.source.path, own.source.path
    return file is own or (None not in paths and paths[0].parent == paths[1].parent)  # type: ignore[union-attr]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _name(file: File) -> str:
    return file.source.path.name if file.source.path else file.source.name


def _others(experiment: Experiment, own: File) -> list[File]:
    """The files besides its own that settings and declarations come from, the library left out."""
    found = {id(s.file): s.file for s in experiment.settings.values()}
    found |= {id(d.file): d.file for d in own.taken.values()}
    return sorted((f for f in found.values() if f is not own), key=_name)
