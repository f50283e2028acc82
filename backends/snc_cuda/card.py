"""Which card there is, if any: its age, its memory, and the sentence that says why nothing can run."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from snc.diagnostics import BackendError

DEVICE = "SNC_CUDA_DEVICE"  # the number of a card, which `--device` sets
OLDEST = (7, 5)  # compute capability that the compilers of CUDA 13 still know


def unavailable() -> str | None:
    """Why nothing can run here, in a few words, or None."""
    if not find_spec("numba_cuda"):
        return "numba-cuda is not installed (pip install 'snc[cuda]')"
    # Imported here: listing or emitting must not look for a driver.
    try:
        from numba import config, cuda
    except ImportError as error:
        return f"numba-cuda cannot be imported ({str(error).splitlines()[0]})"
    if config.ENABLE_CUDASIM:
        return None
    return _no_driver(cuda) or _no_card(cuda)


def _no_driver(cuda: Any) -> str | None:
    if cuda.is_available():
        return None
    from numba.cuda.cudadrv.error import CudaSupportError

    try:
        count = len(cuda.gpus)
    except CudaSupportError as error:
        words = " ".join(str(error).split()).removeprefix("Error at driver init: ")
        if "cannot be found" in words:
            return "no NVIDIA driver is installed"
        return f"the NVIDIA driver does not start: {words.rstrip('.')}"
    return "there is no NVIDIA GPU" if count == 0 else "the driver is too old for this numba-cuda"


def _no_card(cuda: Any) -> str | None:
    count = len(cuda.gpus)
    try:
        number = chosen()
    except BackendError as error:
        return str(error)
    if number >= count:
        known = "there is only device 0" if count == 1 else f"there are devices 0 to {count - 1}"
        return f"there is no device {number}; {known}"
    card = cuda.gpus[number]
    if card.compute_capability < OLDEST:
        name = card.name.decode() if isinstance(card.name, bytes) else card.name
        has, needs = (".".join(map(str, x)) for x in (card.compute_capability, OLDEST))
        return f"the {name} is too old: it has compute capability {has}, and {needs} is needed"
    return None


def chosen() -> int:
    """The number of the card to run on."""
    text = os.environ.get(DEVICE, "0")
    if not text.isdigit():
        raise BackendError(f"{DEVICE} must be the number of a device, not `{text}`")
    return int(text)


def free_memory(cuda: Any) -> tuple[int, int] | None:
    """Bytes of memory that are free, and that there are; None where memory is the host's."""
    from numba import config

    if config.ENABLE_CUDASIM:
        return None
    context = cuda.current_context()
    context.deallocations.clear()  # what is no longer used is given back late
    free, total = context.get_memory_info()
    return int(free), int(total)


def select(cuda: Any) -> None:
    """Run on the chosen card."""
    from numba.cuda.core import config

    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # one thread is what some kernels are for
    cuda.select_device(chosen())
