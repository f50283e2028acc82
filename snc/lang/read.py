"""Files to sources."""

from __future__ import annotations

from pathlib import Path

from snc.diagnostics import DataError, nearest
from snc.source import Source

LONGEST_FILE = 1_000_000


def read(path: Path | str) -> Source:
    """The text of a file, shown under the path as given, without a byte order mark.

    Raises DataError if there is no such file, it is a folder, too long or no UTF-8 text.
    """
    path, shown = Path(path), str(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError("not-a-file", f"`{shown}` is no file with a text", shown)
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE + 1)
    except FileNotFoundError:
        raise DataError("no-such-file", f"there is no file `{shown}`", shown, _near(path)) from None
    except IsADirectoryError:
        raise DataError("not-a-file", f"`{shown}` is a folder", shown, _inside(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            "cannot-read", f"`{shown}` cannot be read: {reason.lower()}", shown
        ) from None
    if len(data) > LONGEST_FILE:
        message = f"`{shown}` has more than {LONGEST_FILE // 1_000_000} MB; a spec is a short text"
        raise DataError("too-long", message, shown, "is this a data file?")
    try:
        return Source(shown, data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"`{shown}` is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}"
        raise DataError("not-text", message, shown, "save it as UTF-8") from None


def _specs_in(folder: Path) -> list[str]:
    try:
        return sorted(p.name for p in folder.iterdir() if p.suffix == ".snc")
    except OSError:
        return []


def _near(path: Path) -> str:
    """Which file beside the missing one may be meant."""
    if not path.parent.is_dir():
        return f"there is no folder `{path.parent}`"
    names = _specs_in(path.parent)
    near = f"{path.name}.snc" if f"{path.name}.snc" in names else nearest(path.name, names)
    return f"did you mean `{path.with_name(near)}`?" if near else _inside(path.parent)


def _inside(folder: Path) -> str:
    """The specs in a folder, at most six of them."""
    names = _specs_in(folder)
    if not names:
        return ""
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"specs in `{folder}`: {', '.join(names[:6])}{more}"
