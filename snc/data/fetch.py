"""Fetching a data set: a download that goes on where it stopped, a checksum, and unpacking.

What tonic has a class for goes to where that class looks for it, unpacked by tonic itself; only the
transfer is ours, because tonic's starts again from nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from snc.data.known import Known, Remote
from snc.diagnostics import DataError

Progress = Callable[[str], None]
OpenUrl = Callable[[urllib.request.Request], Any]
BLOCK = 1 << 20


def open_url(request: urllib.request.Request) -> Any:
    """The response to a request, within a minute."""
    return urllib.request.urlopen(request, timeout=60)


def fetch(entry: Known, root: Path, say: Progress, open_: OpenUrl = open_url) -> list[str]:
    """Get a data set below the data root; the places it is in.

    Raises DataError: no-network, wrong-checksum, by-hand, damaged-file, cannot-write.
    """
    with storing(root):
        if entry.tonic:
            return _by_tonic(entry, root, say, open_)
        if entry.files:
            return [str(_remote(entry, file, root, say, open_)) for file in entry.files]
    raise DataError(
        "by-hand",
        f"{entry.title} cannot be fetched by a program",
        entry.home,
        f"{entry.how}; put them into `{root / entry.folder}`",
    )


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """What goes wrong here is not the network's fault: DataError `cannot-write`."""
    try:
        yield
    except OSError as reason:
        message = f"the data cannot be stored: {reason}"
        raise DataError("cannot-write", message, str(path), "choose another data root") from None


def _by_tonic(entry: Known, root: Path, say: Progress, open_: OpenUrl) -> list[str]:
    """Every part of a data set that tonic has a class for."""
    # Late, because it takes half a second.
    import tonic.datasets as sets

    base = getattr(sets, entry.tonic)

    def download(self: Any) -> None:
        place = Path(self.location_on_system)
        transfer(self.url, place / self.filename, "md5", self.file_md5, say, open_)
        say(f"unpacking {self.filename}")
        base.download(self)  # finds the archive whole, and unpacks it

    local = type(base.__name__, (base,), {"download": download})
    places = []
    for part in entry.counts:
        options: dict[str, Any] = {}
        if part != "all":
            by_name = "valid" in entry.counts
            options = {"split": part} if by_name else {"train": part == "train"}
        with contextlib.redirect_stdout(sys.stderr):
            places.append(str(local(str(root), **options).location_on_system))
    return list(dict.fromkeys(places))


def _remote(entry: Known, file: Remote, root: Path, say: Progress, open_: OpenUrl) -> Path:
    """A file of its own, unpacked if it is an archive; the folder it is in."""
    kind, checksum = ("sha256", file.sha256) if file.sha256 else ("md5", file.md5)
    folder = root / file.into
    if not file.unpack:
        transfer(file.url, folder / file.name, kind, checksum, say, open_)
        return folder
    archive = root / file.name
    transfer(file.url, archive, kind, checksum, say, open_)
    say(f"unpacking {file.name}")
    unpack(archive, folder)
    return root / entry.folder


def transfer(
    url: str, path: Path, kind: str, checksum: str, say: Progress, open_: OpenUrl = open_url
) -> None:
    """Get a file, or what is missing of it; under its name only when its checksum is right.

    kind: md5 or sha256. Raises DataError: no-network, wrong-checksum.
    """
    if path.is_file() and _digest(path, kind) == checksum:
        return
    partial = path.with_name(path.name + ".part")
    try:
        for size, total in _pieces(url, partial, open_):
            of = f" of {total / 1e6:,.0f}" if total else ""
            say(f"{path.name}: {size / 1e6:,.0f}{of} MB")
    except (OSError, http.client.HTTPException) as reason:
        raise _unreachable(url, path, partial, reason) from None
    if _digest(partial, kind) != checksum:
        partial.unlink()
        message = f"what came from `{url}` is not the published file: its {kind} differs"
        hint = (
            "the source may answer with a page instead of the file; try again, or fetch it by hand"
        )
        raise DataError("wrong-checksum", message, str(path), hint)
    partial.replace(path)


def _unreachable(url: str, path: Path, partial: Path, reason: Exception) -> DataError:
    text = getattr(reason, "reason", None) or reason
    kept = partial.is_file() and partial.stat().st_size > 0
    hint = f"get it by other means and put it to `{path}`; the same command unpacks it"
    if kept:
        hint = f"the same command goes on from {partial.stat().st_size / 1e6:,.0f} MB; or {hint}"
    return DataError("no-network", f"`{url}` cannot be reached: {text}", str(path), hint)


def _pieces(url: str, partial: Path, open_: OpenUrl) -> Iterator[tuple[int, int]]:
    """Append to a partial file; bytes so far and in all (0 if not known), now and then."""
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "snc"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = open_(request)
    except urllib.error.HTTPError as reason:
        if reason.code == 416 and have:  # there is no more than what is here
            return
        raise
    with response:
        if have and response.status != 206:
            have = 0  # the source gives the whole file only
        total = have + int(response.headers.get("Content-Length") or 0)
        with storing(partial):
            partial.parent.mkdir(parents=True, exist_ok=True)
            file = partial.open("ab" if have else "wb")
        with file:
            while block := response.read(BLOCK):
                with storing(partial):
                    file.write(block)
                    file.flush()
                have += len(block)
                yield have, total
        if have < total:
            raise ConnectionError("the connection ended early")


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive, nothing outside the folder. Raises DataError `damaged-file`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(folder)
            return
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as reason:
        message = f"the archive cannot be unpacked: {reason}"
        raise DataError("damaged-file", message, str(archive)) from None
