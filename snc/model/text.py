"""A resolved experiment as text: what a run folder keeps."""

from __future__ import annotations

from snc.model.library import File
from snc.model.resolve import Experiment


def experiment_text(experiment: Experiment) -> str:
    """What the experiment says after derivation and `--set`, as comments, and then its file.

    A function of what is written only, not of where the files are.
    """
    lines = [f"{experiment.name}, resolved:"]
    for title in ("parameters", "settings", "arguments", "equations", "metrics"):
        for name, scoped in sorted(getattr(experiment, title).items()):
            lines.append(f"    {title}: {name} = {_flat(scoped.value.span.text)}")
    for learn in experiment.learns:
        part = learn.statement or learn.override
        text = _flat(part.span.text) if part else ""
        given = f" = {_flat(learn.value.span.text)}" if learn.value is not None else ""
        lines.append(f"    {text}{given}")
    lines += [f"    {_flat(s.span.text)}" for s, _ in experiment.statements]
    own = experiment.declared.file
    for file in _others(experiment, own):
        lines += ["", f"{_name(file)}, which it uses:", *file.source.text.splitlines()]
    head = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    return f"{head}\n{own.source.text}"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _name(file: File) -> str:
    return file.source.path.name if file.source.path else file.source.name


def _others(experiment: Experiment, own: File) -> list[File]:
    """The files besides its own that settings and declarations come from, the library left out."""
    found = {id(s.file): s.file for s in experiment.settings.values()}
    found |= {id(d.file): d.file for d in own.taken.values()}
    return sorted((f for f in found.values() if f is not own), key=_name)
