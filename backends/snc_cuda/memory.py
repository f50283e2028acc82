"""Arrays on the device, or on the host for the simulator; and whether they fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snc.diagnostics import BackendError
from snc_cuda.card import free_memory


class DeviceMemory:
    """Arrays on the device, which are copied and worked on in one stream: another one may copy meanwhile."""

    def __init__(self, cuda: Any) -> None:
        self.cuda = cuda
        self.stream = cuda.stream()

    def new(self, value: Any) -> Any:
        """A copy of an array."""
        return self.cuda.to_device(value, stream=self.stream)

    def write(self, array: Any, value: Any) -> None:
        """Overwrite an array."""
        array.copy_to_device(value.reshape(array.shape), stream=self.stream)

    def read(self, array: Any) -> Any:
        """A copy on the host."""
        value = array.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return value


class HostMemory:
    """Arrays of the simulator: its own take microseconds for each element, memory views a twentieth of that.

    Elements are Python's numbers, so this is for double precision.
    """

    stream = 0

    def new(self, value: Any) -> Any:
        """A copy of an array."""
        return memoryview(np.array(value, order="C").data)

    def write(self, array: Any, value: Any) -> None:
        """Overwrite an array."""
        np.asarray(array)[...] = np.asarray(value).reshape(array.shape)

    def read(self, array: Any) -> Any:
        """A copy on the host."""
        return np.array(array)


def refuse_too_large(cuda: Any, sizes: Mapping[str, int], steps: int, batch: int) -> None:
    """Raise BackendError before anything is allocated that the device cannot hold. sizes: bytes by array."""
    known, wanted = free_memory(cuda), sum(sizes.values())
    if known is None or wanted <= known[0]:
        return
    free, total = (f"{n / 2**20:.0f}" for n in known)
    top = sorted(sizes, key=lambda n: (-sizes[n], n))[:3]
    largest = ", ".join(f"`{n}` {sizes[n] / 2**20:.0f} MiB" for n in top)
    raise BackendError(
        f"a batch of {batch} samples and {steps} steps needs {wanted / 2**20:.0f} MiB on the device, "
        f"where {free} of {total} MiB are free; the largest arrays are {largest}; "
        "make the batch smaller, or record less"
    )
