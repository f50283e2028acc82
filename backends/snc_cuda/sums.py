"""Sums over the steps since the last update: what a chunk adds to them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from snc.codegen.arrays import length
from snc.codegen.nest import variable
from snc.graph.geometry import Geometry
from snc.graph.graph import Node
from snc_cuda.code import CudaCode, Launch
from snc_cuda.function import CudaFunction
from snc_cuda.products import At, weight_place, weight_terms

NUMBERS = ("t0", "steps", "T", "B")


def collect(code: CudaCode, node: Node, opened: str) -> list[Launch]:
    """Add the values of all open steps of a chunk to a sum; `opened` is a condition on step k."""
    graph = code.plan.graph
    value = graph.by_name[node.args[0]]
    wide = code.wide[node.name]
    total = "u_" + code.arrays.identifier(node)
    code.arrays.add(total, "total", node.name, (length(node.axes),), "D" if wide else "F")
    if opened == "False":
        return []
    f = code.function(f"{code.name}_{total}")
    if value.op == "project_w" and value.name not in code.plan.stage:
        product(code, f, value, total, wide, opened)
    else:
        steps(f, value, total, wide, opened, length(node.axes))
    return code.launches(f, NUMBERS)


def when(f: CudaFunction, opened: str) -> AbstractContextManager[None]:
    """What is done at open steps only."""
    return nullcontext() if opened == "True" else f.body.block(f"if {opened}")


def steps(f: CudaFunction, value: Node, total: str, wide: bool, opened: str, places: str) -> None:
    """A value without samples, step by step."""

    def body() -> None:
        f.body(f"total = {total}[i]")
        with f.body.block("for k in range(steps)"), when(f, opened):
            index = {a: variable(a) for a in value.axes}
            flat = "i" if value.axes else None
            name = value.name if value.name not in f.plan.stage else f.behind(value.name)
            text = f.operand(name, index, flat, wide)
            if f.controls:
                f.body("t = t0 + k")
            for number, given in f.controls.items():
                f.body(f"{number} = {given}")
            f.body(f"total += {text}")
        f.body(f"{total}[i] = total")

    f.spread([("i", places)], body)
    f.controls.clear()


def product(
    code: CudaCode, f: CudaFunction, value: Node, total: str, wide: bool, opened: str
) -> None:
    """A weight product over the steps and samples of a chunk: the owner of a weight adds all of them."""
    geometry: Geometry = value.get("geometry")
    a, z = (code.resolved(x) for x in value.args)
    inner = wide or f.stored_wide(a) or f.stored_wide(z)
    read = [operand(f, x, inner) for x in (a, z)]
    f.fma = "fma_d" if inner else "fma_f"

    def body() -> None:
        f.body(f"total = {total}[i]" if wide == inner else f"total = D({total}[i])")
        weight_place(f, geometry)
        with (
            f.body.block("for k in range(steps)"),
            when(f, opened),
            f.body.block("for b in range(B)"),
        ):
            weight_terms(f, geometry, *read)
        f.body(f"{total}[i] = {'total' if wide == inner else 'F(total)'}")

    f.spread([("i", length(value.axes))], body)


def operand(f: CudaFunction, name: str, wide: bool) -> At:
    """An operand of a weight product, of sample b at step k of the chunk."""
    node = f.node(name)
    f.array_of(name)
    if node.op == "field":
        place = f"x_{node.get('name')}[t0 + k, b"
    else:
        place = f"h_{f.arrays.identifier(node)}[k, b"
    kind = "D" if wide else "F"

    def at(index: str) -> str:
        text = f"{place}, {index}]"
        return text if f.stored_wide(name) == wide else f"{kind}({text})"

    return at
