"""Text of kernels: what backends share."""

from snc.codegen.kernel import KernelSource
from snc.codegen.writer import Writer

__all__ = ["KernelSource", "Writer"]
