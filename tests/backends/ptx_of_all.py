"""Compiles every kernel of specs to PTX and assembles it, which needs no GPU: `make ptx`.

python tests/backends/ptx_of_all.py sm_80,sm_90 [SPEC...]; without specs, every case of every experiment of
every shipped file, with tiny made-up data where data must be there. Kernels that are the same but for names, and
for numbers that decide nothing, are compiled once; of what is compiled for several architectures the compiler's first
half is done once, since it makes the same for all (a test compares). The last line is a JSON object of counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cuda.bindings import nvjitlink
from numba.cuda.cudadrv import nvvm
from snc_cuda import backend
from snc_cuda.ptx import Entry, entries

from snc.compile import phases_of, program_of, sweep
from snc.data.fixtures import write_fixtures
from snc.diagnostics import SncError
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.program.program import Program

ROOT = Path(__file__).parents[2]
FED = {"keyboard": {"input": (8,)}, "masked": {"input": (64,), "label": (), "mask": ()}}
"""The features of recordings that only their owner has."""
UNROLLED = 32


def experiments(paths: Sequence[str], data: Path) -> Iterator[tuple[str, Program]]:
    """Every program of every experiment of some files, by name; those that cannot be made are told."""
    files = [Path(p) for p in paths] or sorted(
        p for folder in ("specs", "examples") for p in (ROOT / folder).rglob("*.snc")
    )
    for path in files:
        file = load_file(path)
        for name in [d.node.name.text for d in file.experiments()]:
            try:
                for _, settings in sweep(path, name):
                    for phase in phases_of(resolve(choose(file, name), settings)):
                        made = program_of(phase, data_root=data, fed=FED.get(path.stem))
                        yield f"{path.stem}:{name}", made[1]
            except SncError as error:
                print(
                    f"{path.stem}:{name} is not compiled: {str(error).splitlines()[0]}", flush=True
                )


def form(entry: Entry) -> tuple[Any, ...]:
    """What a kernel has in common with those that compile as it does: all but larger sizes, and parameters.

    Numbers below UNROLLED remain: by them the compiler decides which loops it unrolls.
    """
    code, numbers, *rest = entry.code
    return (
        code,
        *(
            kind if kind is float or (kind is int and int(n) >= UNROLLED) else n
            for kind, n in numbers
        ),
        *rest,
    )


def ptx_of(entry: Entry, architectures: Sequence[str]) -> list[str]:
    """A kernel compiled for some architectures. What is made for the first is translated for all of them."""
    first, *others = architectures
    given: list[tuple[Any, dict[str, Any]]] = []
    compile_ir = nvvm.compile_ir

    def seen(text: Any, **options: Any) -> bytes:
        given.append((text, options))
        return bytes(compile_ir(text, **options))

    with patch.object(nvvm, "compile_ir", seen):
        found = [entry.ptx(first)]
    ((text, options),) = given
    for other in others:
        arch = f"compute_{other.removeprefix('sm_')}"
        found.append(compile_ir(text, **{**options, "arch": arch}).decode().strip("\0").strip())
    return found


def assemble(ptx: str, architecture: str) -> None:
    """Make machine code of PTX; raises what the assembler says."""
    linker = nvjitlink.create(1, [f"-arch={architecture}"])
    try:
        code = ptx.encode()
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, code, len(code), "kernel")
        nvjitlink.complete(linker)
        assert nvjitlink.get_linked_cubin_size(linker) > 1000
    except nvjitlink.nvJitLinkError as error:
        log = bytearray(nvjitlink.get_error_log_size(linker))
        nvjitlink.get_error_log(linker, log)
        raise RuntimeError(log.decode().strip("\0\n")) from error
    finally:
        nvjitlink.destroy(linker)


def compile_all(architectures: Sequence[str], paths: Sequence[str], data: Path) -> Counter[str]:
    """Compile for each architecture; how many programs there were, and kernels: all, different, failed."""
    count: Counter[str] = Counter(programs=0, kernels=0, distinct=0, failed=0)
    programs: set[str] = set()
    seen: set[tuple[Any, ...]] = set()
    for name, program in experiments(paths, data):
        source = backend.emit(program)
        if source.key in programs:
            continue
        programs.add(source.key)
        every = entries(source)
        new = {form(e): e for e in reversed(every) if form(e) not in seen}
        seen |= new.keys()
        start = time.perf_counter()
        for entry in new.values():
            try:
                for ptx, architecture in zip(
                    ptx_of(entry, architectures), architectures, strict=True
                ):
                    assemble(ptx, architecture)
            except Exception:
                count["failed"] += 1
                print(f"{name} {entry.name}: {traceback.format_exc(limit=-2)}", flush=True)
        took = time.perf_counter() - start
        print(f"{name}: {len(every)} kernels, {len(new)} of them new, {took:.1f} s", flush=True)
        count["kernels"] += len(every) * len(architectures)
    count["programs"], count["distinct"] = len(programs), len(seen) * len(architectures)
    return count


def main() -> int:
    """Compile, and tell."""
    with tempfile.TemporaryDirectory() as folder:
        if not sys.argv[2:]:
            write_fixtures(Path(folder))
        count = compile_all(sys.argv[1].split(","), sys.argv[2:], Path(folder))
    print(json.dumps({**count, "seconds": round(time.process_time())}))
    return 1 if count["failed"] or not count["kernels"] else 0


if __name__ == "__main__":
    sys.exit(main())
