"""What the engine needs of a compiled phase: this file alone knows how `snc.compile` names it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from snc.model.plan import RunPlan, Stored
from snc.module import Module
from snc.program.program import Needs

if TYPE_CHECKING:
    from snc.compile import Compiled


@dataclass(frozen=True)
class Phase:
    """One phase of an experiment, compiled.

    `experiment` is its name, `spec` the resolved spec as text, `program` a hash of what was compiled,
    `seconds` the time that took, `dtype` what it computes in. `trained` are those of the stored arrays
    that learning changes.
    """

    experiment: str
    plan: RunPlan
    module: Module
    stored: tuple[Stored, ...]
    trained: tuple[Stored, ...]
    spec: str
    program: str
    seconds: float = 0.0
    dtype: str = "float32"
    needs: Needs = field(default_factory=Needs)
    sources: dict[str, str] = field(
        default_factory=dict
    )  # file name -> text, the experiment's first

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum(prod(s.shape) for s in self.trained)


def from_compiled(compiled: Compiled) -> Phase:
    """The engine's view of a compiled phase."""
    return Phase(
        experiment=compiled.model.name,
        plan=compiled.plan,
        module=compiled.module,
        stored=compiled.program.stored,
        trained=compiled.program.trained,
        spec=compiled.model.text(),
        program=compiled.kernel.key,
        seconds=compiled.seconds,
        dtype=compiled.program.dtype,
        needs=compiled.program.needs,
        sources=compiled.model.sources(),
    )


def spec_hash(phases: tuple[Phase, ...]) -> str:
    """Hash of what was meant: equal for specs that differ in comments or layout only."""
    return text_hash(p.spec for p in phases)


def program_hash(phases: tuple[Phase, ...]) -> str:
    """Hash of what was compiled; equal programs give equal bits."""
    return text_hash(p.program for p in phases)


def text_hash(texts: Iterable[str]) -> str:
    """Hash of the resolved texts of all phases: that of the spec."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]
