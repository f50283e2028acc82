"""`snc data`: what is printed, as text and as JSON, and how it ends."""

from __future__ import annotations

import json
import socket

import pytest
from click.testing import CliRunner

from snc.cli import main
from snc.data.fixtures import write_fixtures


@pytest.fixture
def snc(tmp_path, monkeypatch):
    monkeypatch.setenv("SNC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SNC_DATA", raising=False)

    def refuse(*_, **__):
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return lambda *words: CliRunner().invoke(main, ["data", *map(str, words)])


def test_list_says_what_there_is_and_what_is_here(snc, tmp_path):
    write_fixtures(tmp_path / "d", ["shd"])
    text = snc("list", "--data-root", tmp_path / "d")
    assert text.exit_code == 0
    assert f"{tmp_path / 'd' / 'SHD'} (here); read by shd, shd_whole and shd_clean" in text.output
    assert f"{tmp_path / 'd' / 'SSC'} (not here)" in text.output
    rows = json.loads(snc("list", "--json").output)["data"]
    assert {r["name"] for r in rows if "CC BY 4.0" in r["licence"]} >= {"shd", "speech_commands"}
    assert not any(r["here"] for r in rows)


def test_check_prints_counts_classes_steps_and_hashes(snc, tmp_path):
    write_fixtures(tmp_path / "d", ["nmnist"])
    text = snc("check", "nmnist", "--data-root", tmp_path / "d")
    assert text.exit_code == 0, text.output
    assert "train  40 samples from 40 of 60,000 recordings, incomplete" in text.output
    assert "0: 4, 1: 4" in text.output
    words = ("check", "nmnist(window = 5 ms)", "nmnist_clean", "--data-root", tmp_path / "d")
    short, clean = json.loads(snc(*words, "--json").output)["data"]
    part = short["parts"]["test"]
    assert (part["samples"], part["of"], part["shape"]) == (20, 10000, [2312])
    assert part["steps"]["most"] < 21
    assert clean["parts"]["test"]["steps"] == {
        "least": 100,
        "median": 100,
        "mean": 100,
        "most": 100,
    }
    assert clean["parts"]["test"]["split"] == part["split"]
    manifest = json.loads((tmp_path / part["manifest"]).read_text())
    assert manifest["split"] == part["split"]
    assert manifest["samples"][0] == ["Test/0/00001.bin", 0]


def test_check_takes_the_data_of_an_experiment(snc, tmp_path):
    spec = tmp_path / "mine.snc"
    spec.write_text("""snc 1

dataset few():
    train   = sklearn("digits") | per_class(first = 3) | flatten | repeat(4 steps)
    test    = sklearn("digits") | per_class(final = 2) | flatten | repeat(4 steps)
    classes = 10

experiment mine:
    data = few()
""")
    found = json.loads(snc("check", f"{spec}:mine", "--json").output)["data"][0]
    assert found["parts"]["train"]["samples"] == 30
    assert found["parts"]["test"]["classes"] == {str(k): 2 for k in range(10)}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("check", "shdd"), "no-such-data-set"),
        (("check", "shd"), "no-data"),
        (("check", "shd(windw = 3 ms)"), "unknown-argument"),
        (("check", "shd(("), "unclosed-bracket"),
        (("prepare", "shdd"), "no-such-data-set"),
        (("prepare", "shd"), "no-data-root"),
        (("prepare", "shd", "--data-root", "new"), "no-network"),
        (("prepare", "cifar10", "--data-root", "new"), "no-network"),
        (("prepare", "mvsec", "--data-root", "new"), "by-hand"),
    ],
)
def test_mistakes_end_with_one_message(snc, words, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = snc(*words, "--json")
    assert found.exit_code == 1
    (error,) = json.loads(found.stdout.splitlines()[-1])["errors"]
    assert error["code"] == code
    assert "Traceback" not in found.output
    assert not (tmp_path / "new").exists()
