"""Every test has its own cache and no network."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SNC_CACHE", str(cache))
    monkeypatch.delenv("SNC_DATA", raising=False)

    def refuse(*_):
        raise AssertionError("a test wanted the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return cache


@pytest.fixture
def cache(alone):
    """The folder of prepared data."""
    return alone / "data"


@pytest.fixture
def entries(cache):
    """The prepared entries in the cache."""
    return lambda: sorted(cache.glob("*.npz"))
