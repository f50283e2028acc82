"""Where the data that ships with snc is: beside the package in a wheel, one level up in a checkout."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def data_dir(name: str) -> Path:
    """The folder `grammar`, `specs` or `docs`."""
    packaged = Path(__file__).parent / name
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / name


def cache_dir(kind: str) -> Path:
    """The folder for cached files of a kind, made if missing; `SNC_CACHE` moves it."""
    root = os.environ.get("SNC_CACHE")
    path = (Path(root) if root else user_cache_path("snc", appauthor=False)) / kind
    path.mkdir(parents=True, exist_ok=True)
    return path
