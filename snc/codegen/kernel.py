"""Kernel text, and loading it from a real file so that compilers can cache it and errors have lines."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from snc.resources import cache_dir

if TYPE_CHECKING:
    from snc.program.program import Program


@dataclass(frozen=True)
class KernelSource:
    """The emitted text of a program's kernels.

    memory: bytes of all arrays but the stored ones and those fed by the data, for sequences of so many steps and
    samples; known before anything is compiled.
    """

    name: str
    text: str
    program: Program
    memory: Callable[[int, int], int]

    @property
    def key(self) -> str:
        """Hash of the text."""
        return hashed(self.text)


def written(text: str) -> Path:
    """The file of a text, named by its hash: equal text is compiled once."""
    path = cache_dir("kernels") / f"snc_{hashed(text)}.py"
    if not path.exists():
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    return path


def hashed(text: str) -> str:
    """A short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_file(path: Path) -> ModuleType:
    """Import a file of kernels.

    The module is put into `sys.modules` before it is executed: a compiler's on-disk cache needs to find
    it there by name in the next process.
    """
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module
