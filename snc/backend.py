"""Backends: what one must offer, and how they are found."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol

from snc.codegen import KernelSource
from snc.diagnostics import BackendError, did_you_mean, listing
from snc.module import Module
from snc.program.program import Program


class Backend(Protocol):
    """A guest that turns programs into something that runs. The core never imports one."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...

    def unavailable(self) -> str | None:
        """Why it cannot run here, in one sentence, or None."""
        ...

    def emit(self, program: Program) -> KernelSource:
        """The kernels as text; needs no device."""
        ...

    def load(self, kernel: KernelSource) -> Module:
        """Compile and load; needs the device."""
        ...


GROUP = "snc.backends"


def names() -> list[str]:
    """The names of all installed backends."""
    return sorted({e.name for e in entry_points(group=GROUP)})


def find(name: str) -> Backend:
    """The backend called `name`. Raises BackendError if there is none; a broken one raises its own."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            found: Backend = entry.load()
            return found
    known = names()
    if not known:
        raise BackendError("no backend is installed; install snc with `pip install .`")
    hint = did_you_mean(name, known) or f"installed are {listing(known)}"
    raise BackendError(f"no backend is called `{name}`; {hint}")
