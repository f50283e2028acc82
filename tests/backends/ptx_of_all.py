"""Compiles every kernel of specs to PTX and assembles it, which needs no GPU: `make ptx`.

python tests/backends/ptx_of_all.py sm_80,sm_90 [SPEC...]; without specs, every experiment of every
shipped file. The last line is a JSON object with what was counted.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from cuda.bindings import nvjitlink
from numba.cuda.cudadrv.libs import get_cudalib
from snc_cuda import backend
from snc_cuda.ptx import compiled

from snc.compile import phases_of, program_of
from snc.diagnostics import SncError
from snc.model.library import choose, load_file
from snc.model.resolve import resolve
from snc.program.program import Program

ROOT = Path(__file__).parents[2]


def experiments(paths: list[str]) -> Iterator[tuple[str, Program]]:
    """Every program of every experiment of some files, by name; those that need missing data are told."""
    files = [Path(p) for p in paths] or sorted(
        p for folder in ("specs", "examples") for p in (ROOT / folder).rglob("*.snc")
    )
    for path in files:
        file = load_file(path)
        names = [d.node.name.text for d in file.experiments()]
        for name in names:
            try:
                for phase in phases_of(resolve(choose(file, name))):
                    yield f"{path.stem}:{name}", program_of(phase)[1]
            except SncError as error:
                print(
                    f"{path.stem}:{name} is not compiled: {str(error).splitlines()[0]}", flush=True
                )


def assemble(ptx: str, architecture: str) -> None:
    """Make machine code of PTX; raises what the assembler says."""
    linker = nvjitlink.create(1, [f"-arch={architecture}"])
    try:
        code = ptx.encode()
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, code, len(code), "kernel")
        if "cudaCG" in ptx:  # the barrier of a grid is in the runtime's library for devices
            with Path(get_cudalib("cudadevrt", static=True)).open("rb") as file:
                library = file.read()
            kind = nvjitlink.InputType.LIBRARY
            nvjitlink.add_data(linker, kind, library, len(library), "cudadevrt")
        nvjitlink.complete(linker)
        assert nvjitlink.get_linked_cubin_size(linker) > 1000
    except nvjitlink.nvJitLinkError as error:
        log = bytearray(nvjitlink.get_error_log_size(linker))
        nvjitlink.get_error_log(linker, log)
        raise RuntimeError(log.decode().strip("\0\n")) from error
    finally:
        nvjitlink.destroy(linker)


def main() -> int:
    """Compile for each architecture."""
    kernels = failed = 0
    seen: set[str] = set()
    known: dict[str, str] = {}
    assembled: set[str] = set()
    for name, program in experiments(sys.argv[2:]):
        source = backend.emit(program)
        if source.key in seen:
            continue
        seen.add(source.key)
        mine = 0
        for architecture in sys.argv[1].split(","):
            try:
                for _, ptx in compiled(source, architecture, known):
                    mine += 1
                    if ptx not in assembled:
                        assemble(ptx, architecture)
                        assembled.add(ptx)
            except Exception:
                failed += 1
                print(f"{name} {architecture}: {traceback.format_exc(limit=-2)}", flush=True)
        kernels += mine
        print(f"{name}: {mine} kernels", flush=True)
    print(
        json.dumps(
            {
                "programs": len(seen),
                "kernels": kernels,
                "distinct": len(assembled),
                "failed": failed,
            }
        )
    )
    return 1 if failed or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
