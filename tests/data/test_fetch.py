"""Fetching: goes on where it stopped, checks what came, and says in one message why it cannot."""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.error
import zipfile
from email.message import Message

import pytest

from snc.data.fetch import fetch, transfer, unpack
from snc.data.fixtures import write_fixtures
from snc.data.known import Known, Remote, known, known_as
from snc.diagnostics import DataError

CONTENT = bytes(range(256)) * 20_000  # five blocks
MD5 = hashlib.md5(CONTENT).hexdigest()
URL = "https://example.org/set.bin"


class Server:
    """Answers like a web server; breaks off after `limit` bytes; `ranges` says if it can go on."""

    def __init__(self, content=CONTENT, limit=None, ranges=True):
        self.content, self.limit, self.ranges = content, limit, ranges
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, request):
        wanted = request.get_header("Range")
        self.asked.append((request.full_url, wanted))
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if begin >= len(self.content):
            raise urllib.error.HTTPError(request.full_url, 416, "no more", Message(), None)
        return Response(self.content[begin:], 206 if begin else 200, self.limit)


class Response(io.BytesIO):
    def __init__(self, content, status, limit):
        super().__init__(content)
        self.status, self.limit = status, limit
        self.headers = {"Content-Length": str(len(content))}

    def read(self, size=-1):
        if self.limit is not None and self.tell() >= self.limit:
            raise ConnectionResetError("the line went dead")
        return super().read(size)


def refuse(request):
    raise urllib.error.URLError("Network is unreachable")


def get(path, server, checksum=MD5, kind="md5"):
    said = []
    transfer(URL, path, kind, checksum, said.append, server)
    return said


def test_a_file_comes_whole_and_is_not_fetched_twice(tmp_path):
    server, path = Server(), tmp_path / "deep" / "set.bin"
    said = get(path, server)
    assert path.read_bytes() == CONTENT
    assert said[-1] == "set.bin: 5 of 5 MB"
    assert get(path, server) == []
    assert len(server.asked) == 1
    assert [p.name for p in path.parent.iterdir()] == ["set.bin"]


def test_a_download_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "set.bin"
    with pytest.raises(DataError, match="the line went dead") as caught:
        get(path, Server(limit=2 << 20))
    assert caught.value.code == "no-network"
    assert "goes on from 2 MB" in caught.value.help
    assert not path.exists()
    server = Server()
    get(path, server)
    assert server.asked == [(URL, f"bytes={2 << 20}-")]
    assert path.read_bytes() == CONTENT


def test_a_connection_that_ends_early_without_a_word_is_gone_on_with(tmp_path):
    path = tmp_path / "set.bin"

    def server(request):
        response = Response(CONTENT[: 1 << 20], 200, None)
        response.headers["Content-Length"] = str(len(CONTENT))
        return response

    with pytest.raises(DataError, match="ended early"):
        get(path, server)
    again = Server()
    get(path, again)
    assert again.asked[0][1] == f"bytes={1 << 20}-"
    assert path.read_bytes() == CONTENT


def test_a_source_that_cannot_go_on_starts_again(tmp_path):
    path = tmp_path / "set.bin"
    path.with_name("set.bin.part").write_bytes(b"something else")
    get(path, Server(ranges=False))
    assert path.read_bytes() == CONTENT


def test_a_file_that_was_complete_but_not_renamed(tmp_path):
    path = tmp_path / "set.bin"
    path.with_name("set.bin.part").write_bytes(CONTENT)
    get(path, Server())
    assert path.read_bytes() == CONTENT


def test_what_is_not_the_published_file_is_thrown_away(tmp_path):
    path = tmp_path / "set.bin"
    with pytest.raises(DataError, match="md5 differs") as caught:
        get(path, Server(b"<html>come back later</html>"))
    assert caught.value.code == "wrong-checksum"
    assert list(tmp_path.iterdir()) == []
    get(path, Server(), hashlib.sha256(CONTENT).hexdigest(), "sha256")


def test_without_a_network_nothing_is_written(tmp_path):
    with pytest.raises(DataError, match="Network is unreachable") as caught:
        get(tmp_path / "new" / "set.bin", refuse)
    assert caught.value.code == "no-network"
    assert str(tmp_path / "new" / "set.bin") in caught.value.help
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_not_blamed_on_the_network(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError) as caught:
        get(tmp_path / "file" / "deep" / "set.bin", Server())
    assert caught.value.code == "cannot-write"
    (tmp_path / "set.bin.part").mkdir()
    with pytest.raises(DataError) as caught:
        get(tmp_path / "set.bin", Server())
    assert caught.value.code == "cannot-write"


def archive(tmp_path, files):
    path = tmp_path / "made.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return path


def test_an_archive_is_unpacked_where_its_reader_looks(tmp_path):
    write_fixtures(tmp_path / "from", ["cifar10"])
    folder = tmp_path / "from" / "cifar-10-batches-py"
    content = archive(
        tmp_path, {f"{folder.name}/{p.name}": p.read_bytes() for p in folder.iterdir()}
    ).read_bytes()
    remote = Remote(URL, md5=hashlib.md5(content).hexdigest(), unpack=True)
    entry = Known("x", "X", "", "", "", "", folder.name, {"word": "none"}, files=(remote,))
    assert fetch(entry, tmp_path / "to", lambda text: None, Server(content)) == [
        str(tmp_path / "to" / folder.name)
    ]
    for path in folder.iterdir():
        assert (tmp_path / "to" / folder.name / path.name).read_bytes() == path.read_bytes()


def test_nothing_is_unpacked_outside_the_folder(tmp_path):
    with pytest.raises(DataError) as caught:
        unpack(archive(tmp_path, {"../out": b"x"}), tmp_path / "in")
    assert caught.value.code == "damaged-file"
    assert not (tmp_path / "out").exists()
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(tmp_path / "bad.tar", tmp_path / "in")


def test_tonic_unpacks_what_it_has_a_class_for(tmp_path, monkeypatch, capsys):
    """The transfer is ours, the rest is tonic's own."""
    import tonic.datasets

    write_fixtures(tmp_path / "from", ["shd"])
    contents = {}
    for part in ("train", "test"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as zipped:
            zipped.write(tmp_path / "from" / "SHD" / f"shd_{part}.h5", f"shd_{part}.h5")
        contents[part] = packed.getvalue()
        checksum = hashlib.md5(contents[part]).hexdigest()
        monkeypatch.setattr(tonic.datasets.SHD, f"{part}_md5", checksum)

    def server(request):
        return Server(contents["train" if "train" in request.full_url else "test"])(request)

    assert fetch(known_as("shd"), tmp_path / "to", lambda text: None, server) == [
        str(tmp_path / "to" / "SHD")
    ]
    for part in ("train", "test"):
        made = (tmp_path / "to" / "SHD" / f"shd_{part}.h5").read_bytes()
        assert made == (tmp_path / "from" / "SHD" / f"shd_{part}.h5").read_bytes()
    assert capsys.readouterr().out == ""
    fetch(
        known_as("shd"), tmp_path / "to", lambda text: None, refuse
    )  # all there: nothing is asked


@pytest.mark.parametrize("name", sorted(known()))
def test_every_data_set_says_in_one_message_why_it_cannot_be_fetched(name, tmp_path):
    with pytest.raises(DataError) as caught:
        fetch(known_as(name), tmp_path, lambda text: None, refuse)
    assert caught.value.code == ("by-hand" if name == "mvsec" else "no-network")
    assert caught.value.help
    assert list(tmp_path.iterdir()) == []


def test_every_data_set_can_be_had_in_some_way_and_checked():
    for entry in known().values():
        assert bool(entry.tonic) + bool(entry.files) + bool(entry.how) == 1
        for file in entry.files:
            assert len(file.md5) == 32 or len(file.sha256) == 64
            assert file.url.startswith("https://")


def test_an_unknown_name_is_corrected():
    with pytest.raises(DataError) as caught:
        known_as("gestur")
    assert caught.value.help == "did you mean `gesture`?"
