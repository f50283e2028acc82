"""How much memory a training step will need, beside the data and what is stored, before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass

from snc.backend import find
from snc.diagnostics import SncError
from snc.graph.graph import Graph
from snc.program.program import Program
from snc.program.schedule import Chunk

BACKEND, DTYPE = "cpu", "float32"
LONG = 10_000  # steps; chunks are shorter


@dataclass(frozen=True)
class Buffers:
    """Bytes of a backend's buffers for a batch, by the steps T of a sequence.

    They are `always` + T `per_step` for sequences of more than `most` steps, which have more than one chunk,
    and of `least` steps; in between they grow to `largest`, at T = `most`. `most` is 0 where a sequence is one
    chunk, however long.
    """

    backend: str
    dtype: str
    batch: int
    always: int
    per_step: int
    least: int
    most: int
    largest: int


def buffers(name: str, graph: Graph, chunk: Chunk, batch: int) -> Buffers | None:
    """What the CPU backend will allocate for a lowered graph; None if it cannot run it."""
    try:
        memory = find(BACKEND).emit(Program(name, DTYPE, None, graph)).memory
    except SncError:
        return None
    long, longer = memory(LONG, batch), memory(2 * LONG, batch)
    per_step = (longer - long) // LONG
    return Buffers(
        backend=BACKEND,
        dtype=DTYPE,
        batch=batch,
        always=long - LONG * per_step,
        per_step=per_step,
        least=chunk.longer,
        most=chunk.most,
        largest=memory(max(chunk.most, 1), batch),
    )
