"""The shapes of projections: what is connected to what, by which weight."""

from __future__ import annotations

from dataclasses import dataclass

from snc.graph.graph import Axes, Axis, canonical


@dataclass(frozen=True, slots=True)
class Geometry:
    """A bilinear map y = A(w, x) from the features `pre` to the features `post`, w having `weight`.

    kind `dense`: y[o] = sum_i w[o, i] x[i]. kind `conv`: y[o, r, c] = sum over i, k, l of
    w[o, i, k, l] x[g(o) + i, r s + k d - p, c s + l d - p], zero outside, g(o) the first channel of o's
    group. kind `conv_transpose`: the transpose of a convolution in x, from y to x.
    """

    kind: str
    pre: Axes
    post: Axes
    weight: Axes
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1
    groups: int = 1

    def __str__(self) -> str:

        def shape(axes: Axes) -> str:
            return "x".join(str(a.size) for a in axes)

        more = "" if self.kind == "dense" else f" {self.kernel[0]}x{self.kernel[1]}/{self.stride}"
        return f"<{self.kind} {shape(self.pre)} -> {shape(self.post)}{more}>"

    @property
    def fan_in(self) -> int:
        """Number of weights that meet one output, as initialisers count it (torch's convention)."""
        total = 1
        for axis in self.weight:
            if axis.role != "post":
                total *= axis.size
        if self.kind == "conv_transpose":  # torch counts the second dimension of [in, out, kh, kw]
            total = self.channels("post") // self.groups * self.kernel[0] * self.kernel[1]
        return total

    @property
    def fan_out(self) -> int:
        """Number of outputs one input reaches through a kernel."""
        area = self.kernel[0] * self.kernel[1] if self.kind != "dense" else 1
        return self.channels("post") // self.groups * area

    def channels(self, side: str) -> int:
        """Channels of one side."""
        axes = self.pre if side == "pre" else self.post
        return next(a.size for a in axes if a.kind == "channel")

    def extent(self, side: str) -> tuple[int, int]:
        """Height and width of one side."""
        axes = {a.kind: a.size for a in (self.pre if side == "pre" else self.post)}
        return axes["height"], axes["width"]

    def file_order(self) -> Axes:
        """The weight's axes as files have them: out, in, kernel."""
        order = ["post", "pre", "kernel_height", "kernel_width"]
        if self.kind == "conv_transpose":
            order[:2] = ["pre", "post"]
        return tuple(
            sorted(self.weight, key=lambda a: order.index(a.role or a.kind)),
        )


def dense(inputs: int, outputs: int) -> Geometry:
    """All to all."""
    pre, post = (Axis("channel", inputs),), (Axis("channel", outputs),)
    weight = (Axis("channel", inputs, "pre"), Axis("channel", outputs, "post"))
    return Geometry("dense", pre, post, canonical(weight))


def convolution(
    pre: Axes,
    channels: int,
    kernel: tuple[int, int],
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
    groups: int = 1,
    transposed: bool = False,
) -> Geometry:
    """A convolution, or its transpose; raises ValueError if nothing is left of the picture."""
    sizes = {a.kind: a.size for a in pre}
    extent = []
    for length, k, p in zip((sizes["height"], sizes["width"]), kernel, padding, strict=True):
        if transposed:
            whole = (length - 1) * stride + dilation * (k - 1) + 1
            out = whole - 2 * p
            if out < 1:
                raise ValueError(f"a padding of {p} on both sides leaves nothing of {whole} pixels")
        else:
            out = (length + 2 * p - dilation * (k - 1) - 1) // stride + 1
        if out < 1:
            raise ValueError(f"a kernel of {k} does not fit into {length} pixels")
        extent.append(out)
    post = canonical(
        (Axis("channel", channels), Axis("height", extent[0]), Axis("width", extent[1]))
    )
    weight = canonical(
        (
            Axis("channel", sizes["channel"] // (1 if transposed else groups), "pre"),
            Axis("channel", channels // (groups if transposed else 1), "post"),
            Axis("kernel_height", kernel[0]),
            Axis("kernel_width", kernel[1]),
        )
    )
    kind = "conv_transpose" if transposed else "conv"
    return Geometry(kind, pre, post, weight, kernel, stride, padding, dilation, groups)
