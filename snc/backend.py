"""Backends: what one must offer, and how they are found."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol

from snc.codegen import KernelSource
from snc.diagnostics import BackendError, did_you_mean, listing
from snc.module import Module
from snc.program.program import Program


class Backend(Protocol):
    """A guest that turns programs into something that runs. The core never imports one.

    It may say in `dtypes` what it computes in, the usual one first; without, see DTYPES.
    """

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
DTYPES = ("float32", "float64")
"""What a backend computes in; one that has no choice, or another usual one, says so in `dtypes`."""


def names() -> list[str]:
    """The names of all installed backends."""
    return sorted({e.name for e in entry_points(group=GROUP)})


def find(name: str) -> Backend:
    """The backend called `name`. Raises BackendError if there is none; a broken one raises its own."""
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            found: Backend = entry.load()
            return found
    raise BackendError(unknown(name) or "")


def unknown(name: str) -> str | None:
    """That no backend is called `name`, and what there is; None if one is. Loads none."""
    known = names()
    if not known:
        return "no backend is installed; install snc with `pip install .`"
    hint = did_you_mean(name, known) or f"installed are {listing(known)}"
    return None if name in known else f"no backend is called `{name}`; {hint}"


def dtype_of(backend: Backend, asked: str | None) -> str:
    """What a backend computes in: what is asked for, or its usual one. Raises BackendError."""
    known: tuple[str, ...] = getattr(backend, "dtypes", DTYPES)
    if asked is None:
        return known[0]
    if asked not in known:
        have = listing(known)
        raise BackendError(
            f"backend `{backend.name}` computes in {have}, not in {asked}; leave --dtype away, or name another backend"
        )
    return asked
