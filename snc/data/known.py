"""The data sets that can be had, as the catalogue `known.toml` describes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from snc.diagnostics import DataError, did_you_mean
from snc.model.plan import Step


@dataclass(frozen=True)
class Remote:
    """A file to fetch. `into` is a folder below the data root; an archive is unpacked there."""

    url: str
    md5: str = ""
    sha256: str = ""
    unpack: bool = False
    into: str = ""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Known:
    """A data set: what it is, where it comes from, where it goes below the data root.

    tonic: the class that fetches it, or "". files: what is fetched without tonic. how: what to do
    by hand where neither is possible. counts: samples of each part of the whole set. source: the
    word and arguments of a pipeline that reads it. fixture: what a tiny one holds.
    """

    name: str
    title: str
    about: str
    licence: str
    size: str
    home: str
    folder: str
    source: Mapping[str, Any]
    tonic: str = ""
    files: tuple[Remote, ...] = ()
    how: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    fixture: Mapping[str, Any] = field(default_factory=dict)

    def is_read_by(self, step: Step) -> bool:
        """Whether a pipeline's source reads this data set."""
        wanted = {k: v for k, v in self.source.items() if k != "word"}
        return step.word == self.source["word"] and all(
            step.get(k, 2 if k == "version" else None) == v for k, v in wanted.items()
        )

    def is_at(self, root: Path | None) -> bool:
        """Whether something of it is below the data root."""
        return root is not None and any((root / self.folder).rglob("*"))


@cache
def known() -> dict[str, Known]:
    """All data sets of the catalogue by name."""
    text = (files("snc.data") / "known.toml").read_text(encoding="utf-8")
    made = {}
    for name, entry in tomllib.loads(text).items():
        remote = tuple(Remote(**file) for file in entry.pop("files", ()))
        made[name] = Known(name=name, files=remote, **entry)
    return made


def how_to_fetch(step: Step) -> str:
    """What to type to get what a pipeline's source reads; empty if the catalogue does not know it."""
    entry = next((e for e in known().values() if e.is_read_by(step)), None)
    return "" if entry is None else f"`snc data prepare {entry.name}` fetches it"


def known_as(name: str) -> Known:
    """The data set called so. Raises DataError `no-such-data-set`."""
    if name not in known():
        hint = did_you_mean(name, known()) or f"there are {', '.join(sorted(known()))}"
        raise DataError("no-such-data-set", f"no data set `{name}` is known", "", hint)
    return known()[name]
