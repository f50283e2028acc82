"""Files on disk: where they are looked for, what is in them, and writing whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from snc.data.given import Given
from snc.diagnostics import DataError
from snc.resources import cache_dir

Progress = Callable[[str], None]
FileMark = tuple[str, int, str]
"""Relative path, size in bytes, SHA-256 of the content."""

# A file that changed this recently could change again without a new time of change.
SETTLED_NS = 2_000_000_000


def data_root(root: Path | None) -> Path | None:
    """The folder of data sets: the one given, else the environment variable SNC_DATA, else None."""
    found = root if root is not None else os.environ.get("SNC_DATA") or None
    return None if found is None else Path(found).expanduser()


def find_file(given: Given, name: str, root: Path | None) -> Path:
    """A user's file: an absolute path, or below the data root, or beside the spec, or here.

    Raises DataError `no-data`, which lists where it was looked for.
    """
    folders = [f for f in (root, given.spec_folder()) if f is not None] or [Path.cwd()]
    path = Path(name).expanduser()
    tried = [path] if path.is_absolute() else [f / path for f in folders]
    for candidate in tried:
        if candidate.is_file():
            return candidate
    looked = " nor ".join(f"`{p}`" for p in tried)
    raise given.error(
        "no-data",
        f"there is no file {looked}",
        "say where data is with `--data-root DIR` or the environment variable SNC_DATA",
    )


def hash_files(files: Sequence[Path], base: Path, progress: Progress) -> tuple[FileMark, ...]:
    """The mark of every file, sorted by its path relative to `base`.

    A content is hashed once and then remembered by (path, size, time of change).
    """
    memory = cache_dir("data") / f"hashes-{_digest(str(base.resolve()))[:16]}.json"
    known = read_json(memory)
    marks, fresh, said = [], {}, time.monotonic()
    for number, path in enumerate(files):
        relative = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
        stat = path.stat()
        entry = known.get(relative)
        if not (isinstance(entry, list) and entry[:2] == [stat.st_size, stat.st_mtime_ns]):
            entry = [stat.st_size, stat.st_mtime_ns, _content(path)]
            if time.time_ns() - stat.st_mtime_ns > SETTLED_NS:
                fresh[relative] = entry
        marks.append((relative, stat.st_size, str(entry[2])))
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            progress(f"reading {number + 1:,} of {len(files):,} files")
    if fresh:
        write_json(memory, {**known, **fresh})
    return tuple(sorted(marks))


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def remembered(key: str, make: Callable[[], Any]) -> Any:
    """What `make` gave for this key, as plain JSON; asked once, then kept in the cache folder."""
    path = cache_dir("data") / f"known-{_digest(key)[:16]}.json"
    entry = read_json(path)
    if entry.get("key") != key:
        entry = {"key": key, "value": make()}
        write_json(path, entry)
    return entry["value"]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: object) -> None:
    """A JSON file, whole or not at all."""
    write_whole(path, lambda file: file.write(json.dumps(value).encode()))


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """A file under its name only when it is complete. Raises DataError `cannot-write`."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as reason:
        raise DataError(
            "cannot-write",
            f"the cache cannot be written: {reason}",
            str(path),
            "the environment variable SNC_CACHE moves the cache",
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
