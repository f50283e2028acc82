"""The launches of a sequence, recorded once and then repeated by the card alone.

A launch costs the host some 50 us where a kernel takes dozens of arrays. All sequences of one size launch the same
kernels on the same arrays: they are recorded as a graph of the driver, which launches them without the host.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from snc.diagnostics import BackendError


class Recorded:
    """Recorded launches. `launches` must launch nothing that was not launched before: nothing may be compiled."""

    def __init__(self, stream: Any, launches: Callable[[], None]) -> None:
        # Imported here: only a machine with a driver comes here.
        from cuda.bindings import driver

        self.driver, self.stream = driver, int(stream.handle)
        # Relaxed: other threads, and this one, may allocate and copy meanwhile in other streams.
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        self._checked(driver.cuStreamBeginCapture(self.stream, mode))
        try:
            launches()
        finally:
            graph = self._checked(driver.cuStreamEndCapture(self.stream))
        self.made = self._checked(driver.cuGraphInstantiate(graph, 0))
        self._checked(driver.cuGraphDestroy(graph))
        weakref.finalize(self, driver.cuGraphExecDestroy, self.made)

    def launch(self) -> None:
        """Launch all of them, in the stream in which they were recorded."""
        self._checked(self.driver.cuGraphLaunch(self.made, self.stream))

    def _checked(self, answer: Any) -> Any:
        error, *found = answer
        if int(error):
            raise BackendError(f"the NVIDIA driver refuses to record launches: {error.name}")
        return found[0] if found else None
