"""Lists of the inputs that are not silent, for products that a block makes of a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snc.graph.geometry import Geometry
from snc.graph.graph import Node, size
from snc_cuda.shapes import At

if TYPE_CHECKING:
    from snc_cuda.function import CudaFunction

LISTED = range(64, 8192)  # inputs of which the silent ones are not looked at by every owner
FEW = 64  # outputs of a sum, of which a list is not worth making at all steps at once
TOGETHER = range(8)  # events whose weights are on their way at the same time


def is_listed(f: CudaFunction, node: Node) -> bool:
    """Whether a dense product lists its inputs: a rule on sizes, where a block works on one sample."""
    g: Geometry = node.get("geometry")
    few = f.at_once and size(g.post) < FEW
    return f.fixed(f.node(node.args[1]).axes) and size(g.pre) in LISTED and not few


def events_of(f: CudaFunction, node: Node, x: At, n: int) -> str:
    """Of a list of the places of x that are not 0, in their order, the name; all threads of a block make it."""
    ident, groups = f.arrays.identifier(node), -(-n // 32)
    events, masks, count = f"events_{ident}", f"masks_{ident}", f"count_{ident}"
    f.body(f"{masks} = cuda.shared.array({groups}, np.uint32)")
    f.body(f"{events} = cuda.shared.array({n}, np.uint16)")
    with f.body.block(f"for group in range(cuda.threadIdx.x, {groups}, cuda.blockDim.x)"):
        f.body("mask = 0")
        with f.body.block(f"for j in range(32 * group, min(32 * group + 32, {n}))"):
            f.body(f"mask |= (1 if {x('j')} != 0 else 0) << (j - 32 * group)")
        f.body(f"{masks}[group] = mask")
    f.body("cuda.syncthreads()")
    with (
        f.body.block(f"for j in range(cuda.threadIdx.x, {n}, cuda.blockDim.x)"),
        f.body.block(f"if {masks}[j // 32] >> (j % 32) & 1"),
    ):
        f.body(f"{events}[ones_before(j, {masks})] = j")
    f.body(f"{count} = ones_before({n}, {masks})")
    f.body("cuda.syncthreads()")
    f.body()
    return ident


def listed_sum(f: CudaFunction, ident: str, w: At, x: At, post: int, zero: str) -> None:
    """Add the weights of listed inputs in their order, of several at a time; what is behind the last counts nothing."""
    events, count, step = f"events_{ident}", f"count_{ident}", len(TOGETHER)

    def weight(j: str) -> str:
        return w(f"{j} * {post} + i")

    with f.body.block(f"for e in range(0, {count}, {step})"):
        for u in TOGETHER:
            f.body(f"j{u} = int({events}[min(e + {u}, {count} - 1)])")
        for u in TOGETHER:
            value = f"{x(f'j{u}')} if e + {u} < {count} else {zero}" if u else x("j0")
            f.body(f"x{u}, w{u} = {value}, {weight(f'j{u}')}")
        for u in TOGETHER:
            f.body(f"total = {f.fma}(x{u}, w{u}, total)")
