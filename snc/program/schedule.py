"""Graph to schedule: which values are computed together, in what order, over how many steps at a time.

A *stage* is a set of nodes that one sweep over a chunk of steps can compute: either for each sample by
itself (parallel over samples, steps in order), or once for the whole batch. A value that needs other
samples, or a whole-batch value of the same step, begins a new stage. Stages run one after another over a
chunk of K steps (loop distribution, SEMANTICS 7.1); K is 1 where a state would have to travel from a later
stage to an earlier one, or where an update falls between steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import NamedTuple

from snc.graph.clock import clocks_of
from snc.graph.graph import PARTNER, SAMPLE, Graph, Node
from snc.program.demand import gates
from snc.program.layers import in_layers
from snc.program.order import Order, order_of
from snc.program.time import in_time

OPTIONAL = ("gates", "in_layers", "shared_room")
"""What may be left out: closed windows spare work, layers take turns, values share places."""
LEAVES = ("field", "previous", "later")
ROOM = (
    2**19
)  # numbers that one sample may hold for the products of a chunk: 2 MiB in single precision
ROOM_AT_ONCE = 2**25  # the same, where all steps of a chunk are computed at once: 128 MiB
NEXT = "`next` changes values at every step"
KEPT = "a value is kept per synapse"
LEAST, MOST = 10, 100  # steps of a chunk where nothing forces another number
LONG = 20  # steps of a chunk of sequences of more than that: what is kept does not grow with them


class Chunk(NamedTuple):
    """Steps that are computed at a time: all of a sequence of at most `most` (0: of any), else `longer`."""

    most: int
    longer: int

    def of(self, steps: int) -> int:
        """Steps of a chunk of a sequence of this length."""
        return steps if not self.most or steps <= self.most else self.longer

    def __str__(self) -> str:
        if not self.most:
            return "a whole sequence at a time"
        steps = f"{self.most} steps" if self.most > 1 else "one step"
        longer = f", {self.longer} of longer sequences" if self.longer != self.most else ""
        return f"{steps} at a time{longer}"


@dataclass(frozen=True)
class Schedule:
    """The order of one graph. Stages are numbered from 0; those from `turn` on run against time.

    place: fixed, control (a number recomputed wherever it is used), sample, batch, or update.
    """

    graph: Graph
    clock: Mapping[str, str]
    place: Mapping[str, str]
    stage: Mapping[str, int]
    turn: int
    chunk: Chunk
    why: str
    gate: Mapping[str, str]  # of nodes that are computed only while a number is not 0: that number
    order: Order

    @cached_property
    def stages(self) -> tuple[tuple[Node, ...], ...]:
        """Nodes of every stage in causal order, leaves left out."""
        count = max(self.stage.values(), default=-1) + 1
        found: list[list[Node]] = [[] for _ in range(count)]
        for node in self.graph.nodes:
            if node.name in self.stage:
                found[self.stage[node.name]].append(node)
        return tuple(tuple(s) for s in found)

    def of(self, place: str) -> tuple[Node, ...]:
        """All nodes of a place, in causal order."""
        return tuple(n for n in self.graph.nodes if self.place[n.name] == place)

    @cached_property
    def readers(self) -> Mapping[str, tuple[Node, ...]]:
        """Who reads a node."""
        found: dict[str, list[Node]] = {n.name: [] for n in self.graph.nodes}
        for node in self.graph.nodes:
            for a in dict.fromkeys(node.args):
                found[a].append(node)
        return {k: tuple(v) for k, v in found.items()}

    def text(self) -> str:
        """The schedule in words."""
        lines = [f"{self.chunk}: {self.why}"]
        for number, nodes in enumerate(self.stages):
            way = "backward" if number >= self.turn else "forward"
            place = self.place[nodes[0].name] if nodes else "sample"
            each = "each sample by itself" if place == "sample" else "the whole batch"
            lines.append(f"stage {number} {way}, {each}:")
            lines += [f"    {n}" for n in nodes]
        return "\n".join(lines) + "\n"


def schedule(
    graph: Graph, without: Sequence[str] = (), apart: bool = False, at_once: bool = False
) -> Schedule:
    """Find the stages and the chunk length of a graph.

    without: what of OPTIONAL is left out, which changes speed and memory only. apart: no two values share a place.
    at_once: stages that no state runs through are computed at all steps of a chunk at the same time.
    """
    clock = clocks_of(graph)
    place: dict[str, str] = {}
    for node in graph.nodes:
        place[node.name] = _place(node, clock[node.name], place)
    _only_for_updates(graph, place)
    stage = _stages(graph, clock, place)
    turn = _turn(clock, stage)
    stage = {n: s + (turn if clock[n] == "backward" else 0) for n, s in stage.items()}
    if "in_layers" not in without:
        stepwise = any(g.unit == "steps" and g.every == 1 for g in graph.groups)
        stage = in_layers(graph, place, stage, stepwise)
        turn = _turn(clock, stage)
    forced = _forced(graph, stage)
    if at_once and (forced is None or forced[0] != 1):
        stage = in_time(graph, stage)
        turn = _turn(clock, stage)
    order = order_of(graph, stage, turn, apart or "shared_room" in without)
    chunk, why = _chunk(forced, order.total, at_once)
    gate = gates(graph, place, stage) if "gates" not in without else {}
    return Schedule(graph, clock, place, stage, turn, chunk, why, gate, order)


def _turn(clock: Mapping[str, str], stage: Mapping[str, int]) -> int:
    """The number of stages that go with time."""
    return max((s for n, s in stage.items() if clock[n] != "backward"), default=-1) + 1


def _place(node: Node, clock: str, known: Mapping[str, str]) -> str:
    if clock == "fixed" and not any(a in (SAMPLE, PARTNER) for a in node.axes):
        return "fixed"
    if clock == "commit":
        return "update"
    if SAMPLE in node.axes:
        return "sample"
    plain = not node.axes and node.op not in ("sum", "dot", "previous", "later", "random")
    if plain and all(known[a] in ("control", "fixed") for a in node.args):
        return "control"
    return "batch"


def _only_for_updates(graph: Graph, place: dict[str, str]) -> None:
    """What is fixed between updates but read by updates only is computed with them."""
    read: dict[str, set[str]] = {n.name: set() for n in graph.nodes}
    for w in graph.writes:
        for name in (w.value, w.gradient):
            if name:
                read[name].add("update" if w.group else "step")
        read[w.gate].add("step")
    for name in [*(v for _, v in graph.outputs), *(v for _, v in graph.records)]:
        read[name].add("step")
    for s in graph.states:
        for used in (s.value, s.first):
            if used:
                read[used].add("step")
    for node in reversed(graph.nodes):
        if place[node.name] == "fixed" and node.args and read[node.name] == {"update"}:
            place[node.name] = "update"
        for a in node.args:
            read[a].add("update" if place[node.name] == "update" else "step")


def _stages(graph: Graph, clock: Mapping[str, str], place: Mapping[str, str]) -> dict[str, int]:
    """The earliest stage of every node that is computed at each step."""
    stage: dict[str, int] = {}
    for node in graph.nodes:
        if (
            place[node.name] not in ("sample", "batch")
            or node.op in LEAVES
            or _summed_later(graph, node)
        ):
            continue
        first = 0
        for a in node.args:
            if a not in stage or (clock[node.name] == "backward") != (clock[a] == "backward"):
                continue
            crossing = place[a] != place[node.name] or _other_samples(node)
            first = max(first, stage[a] + crossing)
        if not node.args and place[node.name] == "batch":
            first = 1
        stage[node.name] = _parity(first, place[node.name])
    return stage


def _parity(stage: int, place: str) -> int:
    """Even stages go over samples, odd ones over the batch, so that a stage is of one place."""
    wanted = 0 if place == "sample" else 1
    return stage if stage % 2 == wanted else stage + 1


def _other_samples(node: Node) -> bool:
    """Whether a node reads values of samples other than its own."""
    if node.op == "rename":
        return any(PARTNER in pair for pair in node.get("names"))
    return False


def _summed_later(graph: Graph, node: Node) -> bool:
    """Products that are only read by a sum over steps are made by that sum, not at each step."""
    if node.op != "project_w":
        return False
    readers = [n for n in graph.nodes if node.name in n.args]
    written = {w.value for w in graph.writes} | {v for _, v in (*graph.records, *graph.outputs)}
    return (
        bool(readers)
        and node.name not in written
        and all(n.op == "collect" and n.args[0] == node.name for n in readers)
    )


def _chunk(forced: tuple[int, str] | None, kept: int, at_once: bool) -> tuple[Chunk, str]:
    """How many steps a chunk has, of each of which some numbers of a sample are kept, and why."""
    if forced is not None:
        return Chunk(forced[0], forced[0]), forced[1]
    room, least = (ROOM_AT_ONCE, 1) if at_once else (ROOM, LEAST)
    most = min(max(room // max(kept, 1), least), MOST)
    return Chunk(most, min(most, LONG)), "as many as fit"


def _forced(graph: Graph, stage: Mapping[str, int]) -> tuple[int, str] | None:
    """How many steps a chunk must have and why, if anything says so."""
    every = [g.every for g in graph.groups if g.unit == "steps"]
    if 1 in every:
        return 1, "weights change at every step"
    if any(not w.group for w in graph.writes):
        return 1, NEXT
    if any(n.op == "uses" for n in graph.nodes):
        return 1, KEPT
    for node in graph.nodes:
        if node.op not in ("previous", "later"):
            continue
        state = graph.state[node.get("state")]
        made = stage.get(state.value)
        if made is None:
            continue
        read = [stage[n.name] for n in graph.nodes if node.name in n.args and n.name in stage]
        if any(r < made for r in read):
            return 1, f"`{state.name}` travels from a later stage to an earlier one"
    if any(s.ahead and not s.chunked for s in graph.states):
        if every:
            return gcd(*every), "a derivative through time between updates"
        return 0, "a derivative through time"
    if every:
        return gcd(*every), f"updates every {' and '.join(map(str, sorted(set(every))))} steps"
    return None


def cut_sweep(plan: Schedule) -> tuple[str, str] | None:
    """Why a sweep against time, which goes over one chunk, would not see all steps between two updates.

    Emitted kernels cannot run such a graph. The answer is the reason, and what helps; None if nothing is cut.
    """
    graph = plan.graph
    if not any(s.ahead and not s.chunked for s in graph.states):
        return None
    periods = {(g.every, g.unit) for g in graph.groups}
    wanted = {0 if unit == "sequences" else every for every, unit in periods}
    if len(wanted) > 1:
        return "what is learned has several schedules", "give all of it the same `update`"
    always = all(graph.by_name[g.gate].op == "const" for g in graph.groups)
    if periods == {(1, "steps")} and not always:
        return "between the updates of a window that closes are many steps", "update every sequence"
    if wanted == {plan.chunk.most}:
        return None
    helps = {
        KEPT: "learn what keeps it by a rule that has a product form (`snc explain` tells)",
        NEXT: "learn what it changes by `gradient`",
    }
    return plan.why, helps.get(plan.why, "learn by a rule without `bptt`")
