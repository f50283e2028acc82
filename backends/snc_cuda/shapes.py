"""The numbers of a convolution; a dense projection is one of pictures of one pixel."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from snc.graph.geometry import Geometry
from snc.graph.graph import size

At = Callable[[str], str]
"""The code of an array's element, from that of its index."""


class Shape(NamedTuple):
    """The numbers of a convolution from `height x width x inputs` to `rows x columns x outputs`."""

    height: int
    width: int
    inputs: int
    rows: int
    columns: int
    outputs: int
    kh: int
    kw: int
    stride: int
    ph: int
    pw: int
    dilation: int
    groups: int

    @property
    def mine(self) -> int:
        """Inputs of a group."""
        return self.inputs // self.groups

    @property
    def per(self) -> int:
        """Outputs of a group."""
        return self.outputs // self.groups

    def product(self, down: bool) -> tuple[int, int, int]:
        """Pixels, terms of a sum and channels of what a convolution makes of a sample, or its transpose."""
        places = self.kh * self.kw
        if down:
            return self.rows * self.columns, places * self.mine, self.outputs
        return self.height * self.width, places * self.per, self.inputs


def shape_of(g: Geometry) -> Shape:
    """The convolution of a geometry; that of a transposed one goes from post to pre."""
    if g.kind == "dense":
        return Shape(1, 1, size(g.pre), 1, 1, size(g.post), 1, 1, 1, 0, 0, 1, 1)
    big, small = ("pre", "post") if g.kind == "conv" else ("post", "pre")
    return Shape(
        *g.extent(big), g.channels(big), *g.extent(small), g.channels(small), *g.kernel, g.stride,
        *g.padding, g.dilation, g.groups,
    )  # fmt: skip
