"""A program's graphs to Numba source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from snc.codegen.arrays import Arrays, ArraySpec, widths
from snc.codegen.prepare import prepared, refuse_lost_records, refuse_short_sweeps
from snc.codegen.stages import Emitted
from snc.graph.geometry import Geometry
from snc.graph.graph import Graph
from snc.program.schedule import schedule
from snc_cpu.calls import Call, lists_of
from snc_cpu.code import CpuCode
from snc_cpu.driver import Driver


@dataclass
class CpuEmitted(Emitted):
    """The code of one graph.

    tasks: name -> text, in the order in which the driver is given them. numbers: name -> what it stands for.
    places: history -> its place in the room that histories share, in numbers of a sample and step.
    """

    tasks: dict[str, str] = field(default_factory=dict)
    driver: str = ""
    calls: tuple[Call, ...] = ()
    numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    room: int = 0
    products: tuple[Geometry, ...] = ()  # dense projections of which weight products are made

    def own(self) -> list[ArraySpec]:
        """All arrays but the stored ones, those fed by the data, and histories, which share a room."""
        return [s for s in super().own() if s.name not in self.places]

    def memory(self, dtype: str, steps: int, batch: int) -> int:
        """Bytes of all arrays but the stored ones and those fed by the data, and of the longest lists of a product."""
        each, chunk = np.dtype(dtype).itemsize, self.chunk.of(steps)
        lists = (lists_of(g, each, chunk, batch) for g in self.products)
        room = self.room * chunk * batch * each
        return super().memory(dtype, steps, batch) + room + max(lists, default=0)


def emit_graph(name: str, graph: Graph, without: Sequence[str] = ()) -> CpuEmitted:
    """The code of one graph. without: what of the schedule is left out, or a way to make products."""
    graph = prepared(graph)
    plan = schedule(graph, without)
    refuse_short_sweeps(plan, "cpu")
    refuse_lost_records(graph, plan, "cpu")
    code = CpuCode(name, plan, Arrays(graph, crowded=_crowded(without)), widths(graph))
    for k, nodes in enumerate(plan.stages):
        if nodes:
            code.stage(k)
    stages, known = code.stage_calls(), code.known_calls()
    refresh = code.phase(f"{name}_refresh", plan.of("fixed"))
    driver = Driver(code, refresh, stages, known)
    text = driver.text()
    specs = tuple(code.arrays.specs[a] for a in code.places)
    recorded: dict[str, list[str]] = {}
    for record, value in graph.records:
        recorded.setdefault(code.resolved(value), []).append(record)
    numbers = dict(sorted(code.arrays.tuples.items()))
    heads = [number_text(n, v) for n, v in numbers.items()]
    parts = [*(["\n".join(heads) + "\n"] if heads else []), *code.tasks.values(), text]
    rates, calls = tuple(code.arrays.rates), tuple(code.calls)
    return CpuEmitted(
        name=name,
        text="\n\n".join(parts),
        specs=specs,
        rates=rates,
        chunk=plan.chunk,
        graph=graph,
        recorded=recorded,
        tasks=code.tasks,
        driver=text,
        calls=calls,
        numbers=numbers,
        places=code.shared(),
        room=plan.order.total,
        products=tuple(g for g in code.products if g.kind == "dense"),
    )


def _crowded(without: Sequence[str]) -> int:
    """From how many tenths of what is not 0 on matrices are multiplied: without lists always."""
    if "lists" in without:
        return 0
    return 10 if "matrices" in without else Arrays.crowded


def number_text(name: str, values: Sequence[int]) -> str:
    """The line that makes numbers known by a name."""
    return f"{name} = np.array({list(values)})"
