"""The Python interface: what the command line does, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Experiment:
    """An experiment of a spec, not compiled yet."""

    path: Path
    name: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def explain(self) -> str:
        """How local its rules are and what they cost. Raises SpecError."""
        from snc.explain import explain  # the compiler takes a moment to import

        return explain(self.path, self.name, self.settings)

    def train(
        self,
        *,
        backend: str = "cpu",
        dtype: str | None = None,
        epochs: int | None = None,
        limit_batches: int | None = None,
        seed: int | None = None,
        data_root: Path | str | None = None,
        out: Path | str | None = None,
        resume: bool = False,
    ) -> dict[str, Any]:
        """Train it as `snc train` does; the outcome that `--json` prints. Raises SncError."""
        # numba and the data libraries take seconds to import
        from snc.engine.progress import watcher
        from snc.session import run_training

        flags = {
            "settings": dict(self.settings), "backend": backend, "dtype": dtype, "without": (),
            "epochs": epochs, "limit_batches": limit_batches, "seed": seed,
            "data_root": None if data_root is None else Path(data_root),
            "out": None if out is None else Path(out), "resume": resume,
        }  # fmt: skip
        spec = f"{self.path}:{self.name}" if self.name else str(self.path)
        given = {name for name, value in flags.items() if value not in (None, {}, ())}
        return run_training(spec, flags, watcher(silent=True), given)


def load(path: Path | str, name: str | None = None, **settings: object) -> Experiment:
    """The experiment of a spec: the one called `name`, the one named like the file, or the only one.

    Further arguments are its parameters, e.g. `load("mine.snc", hidden=200)`.
    """
    return Experiment(Path(path), name, {k: str(v) for k, v in settings.items()})
