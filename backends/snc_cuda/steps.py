"""How a stage that a state runs through goes through the steps of a chunk, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from snc.codegen.function import Function
from snc.codegen.writer import Writer
from snc_cuda.function import NAMED, CudaFunction, Part

WORD = re.compile(r"[A-Za-z_]\w*")
STATE = re.compile(r"\b[sl]_\w+\[(?:b, )?i\]")
OWN = re.compile(r"\[(?:[kt], )?(?:b, )?i\]")  # an owner's own place


def controls(f: Function, lines: Iterable[str]) -> list[str]:
    """The numbers that some lines read, each after those that it reads."""
    wanted = {m for line in lines for m in WORD.findall(line)}
    found: list[str] = []
    for name, value in reversed(f.controls.items()):
        if name in wanted:
            found.insert(0, f"{name} = {value}")
            wanted |= set(WORD.findall(value))
    return found


def in_order(f: CudaFunction, parts: Sequence[Part], backward: bool, barrier: str) -> list[str]:
    """A loop over the steps of a chunk, with a barrier behind each part."""
    w = Writer()
    with w.block(f"for t in {steps_of_chunk(backward)}"):
        w("k = t - t0")
        for line in controls(f, [line for part in parts for line in part.lines]):
            w(line)
        for part in parts:
            w.lines += ["    " + line if line else "" for line in part.lines]
            w(barrier)
            w()
    while not w.lines[-1]:
        w.lines.pop()
    return w.lines


def by_owner(f: CudaFunction, parts: Sequence[Part], backward: bool) -> list[str]:
    """For each place a loop over the steps of a chunk; states stay in registers."""
    lines = [line for part in parts for line in part.lines if line]
    head = lines[0]
    inside = [line.removeprefix("    ") for line in lines if line != head]
    states = list(dict.fromkeys(m[0] for line in inside for m in STATE.finditer(line)))
    w = Writer()
    with w.block(head.removesuffix(":")):
        for state in states:
            w(f"now_{state.partition('[')[0]} = {state}")
        with w.block(f"for t in {steps_of_chunk(backward)}"):
            w("k = t - t0")
            for line in (*controls(f, inside), *forwarded(inside)):
                w(STATE.sub(lambda m: f"now_{m[0].partition('[')[0]}", line))
        for state in states:
            w(f"{state} = now_{state.partition('[')[0]}")
    return w.lines


def forwarded(lines: Iterable[str]) -> Iterator[str]:
    """Lines that read a value where it was computed, not where it was put."""
    known: dict[str, str] = {}
    for line in lines:
        target, equals, value = line.partition(" = ")
        for place, name in known.items():
            value = re.sub(rf"\b{re.escape(place)}", name, value)
        yield target + equals + value
        if target.startswith(("h_", "a_")) and value.startswith("v_") and WORD.fullmatch(value):
            known[target] = value


def steps_of_chunk(backward: bool) -> str:
    """The steps of a chunk in the order of a stage."""
    return "range(t1 - 1, t0 - 1, -1)" if backward else "range(t0, t1)"


def alone(parts: Sequence[Part]) -> bool:
    """Whether every owner reads only what it has written itself, so that no thread waits for another.

    All loops are over the same places, and what is written here is read at the same place.
    """
    if len({width for part in parts for width, _ in part.loops}) != 1:
        return False
    written = {a for part in parts for a in part.written}
    for line in [line.strip().split("  # ")[0] for part in parts for line in part.lines]:
        if "for " in line and not line.startswith("for i in range(first, "):
            return False
        for found in NAMED.finditer(line):
            if found[0] in written and not OWN.match(line, found.end()):
                return False
    return True
