"""Exchanged traces on the CPU: compiled, in chunks of any length."""

from __future__ import annotations

from pathlib import Path

import pytest
from exchanged import chunks_agree


@pytest.mark.parametrize(
    "chunk", [3, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in (1, 4, 11))]
)
def test_chunks_of_any_length_agree(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks_agree("cpu", chunk, tmp_path, monkeypatch)
