"""In which order a chunk is computed, and how long what is kept for its steps is needed.

Sums over steps are made as soon as what they read is there, and stages that run against time as soon as they can:
both end what is kept. Values that are not needed at the same time may stand at the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from snc.graph.graph import SAMPLE, Graph, Node, features, size
from snc.program.demand import at_first

LINE = 16  # numbers: values begin where a line of the cache does
Action = int | str  # the number of a stage, or the name of a sum over steps


@dataclass(frozen=True)
class Kept:
    """A value of one stage that others read: numbers of a sample and step, and its first and last action."""

    node: str
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Order:
    """Actions of a chunk, what is kept for its steps, and where: in numbers of a sample and step.

    Only values of samples have a place; `total` is the end of the last one.
    """

    actions: tuple[Action, ...]
    kept: tuple[Kept, ...]
    places: Mapping[str, int]
    total: int


def order_of(graph: Graph, stage: Mapping[str, int], turn: int, apart: bool = False) -> Order:
    """The order of a chunk. apart: every value has a place of its own."""
    actions = _actions(graph, stage, turn)
    kept = tuple(_kept(graph, stage, actions))
    mine = [k for k in kept if SAMPLE in graph.by_name[k.node].axes]
    places = _places([replace(k, first=0, last=len(actions)) for k in mine] if apart else mine)
    total = max((places[k.node] + k.size for k in kept if k.node in places), default=0)
    return Order(actions, kept, places, total)


# actions ----------------------------------------------------------------------------------------------


def _actions(graph: Graph, stage: Mapping[str, int], turn: int) -> tuple[Action, ...]:
    needs = _needs(graph, stage)
    sums = {
        n.name: {stage[a] for a in _summed(graph, stage, n) if a in stage}
        for n in graph.nodes
        if n.op == "collect"
    }
    found: list[Action] = []
    done: set[int] = set()
    waiting = sorted(needs)
    while waiting or sums:
        made = [name for name, read in sums.items() if read <= done]
        found += made
        for name in made:
            del sums[name]
        if not waiting:
            continue
        ready = [s for s in waiting if needs[s] <= done]
        now = next((s for s in ready if s >= turn), ready[0])
        waiting.remove(now)
        done.add(now)
        found.append(now)
    return tuple(found)


def _needs(graph: Graph, stage: Mapping[str, int]) -> dict[int, set[int]]:
    """The stages that each stage reads in the same chunk."""
    found: dict[int, set[int]] = {s: set() for s in stage.values()}
    for node in graph.nodes:
        if node.name in stage:
            mine = stage[node.name]
            read = {stage[a] for a in _sources(graph, node) if a in stage}
            found[mine] |= {s for s in read if s < mine}
    return found


def _sources(graph: Graph, node: Node) -> Iterator[str]:
    """What a node reads, at this step or through a state at another."""
    for name in node.args:
        source = graph.by_name[_behind(graph, name)]
        if source.op in ("previous", "later"):
            yield _behind(graph, graph.state[source.get("state")].value)
        else:
            yield source.name


def _summed(graph: Graph, stage: Mapping[str, int], node: Node) -> Iterator[str]:
    """What a sum over steps reads: its value, or the two factors of one that no stage makes; and its gates."""
    value = graph.by_name[node.args[0]]
    made = value.op != "project_w" or value.name in stage
    read = (value.name,) if made else value.args
    for name in (*read, *node.args[1:]):
        yield _behind(graph, name)


def _behind(graph: Graph, name: str) -> str:
    node = graph.by_name[name]
    while node.op == "rename":
        node = graph.by_name[node.args[0]]
    return node.name


# what is kept -----------------------------------------------------------------------------------------


def _kept(graph: Graph, stage: Mapping[str, int], actions: Sequence[Action]) -> Iterator[Kept]:
    """Values that are read by other actions than the one that computes them, or after all of them."""
    at = {action: k for k, action in enumerate(actions)}
    first: dict[str, int] = {}
    last: dict[str, int] = {}

    def read(name: str, when: int) -> None:
        made = at[stage[name]] if name in stage else when
        if when != made:
            first[name] = min(first.get(name, made), when)  # before: a chunk of one step
            last[name] = max(last.get(name, made), when)

    for node in graph.nodes:
        if node.op == "collect":
            for name in _summed(graph, stage, node):
                if not at_first(graph, node.args[1]):
                    read(name, at[node.name])
        elif node.name in stage:
            when = at[stage[node.name]]
            for name in _sources(graph, node):
                read(name, when)
            for name in node.args:
                source = graph.by_name[_behind(graph, name)]
                if source.op == "previous":  # of another stage: the last step is carried on
                    value = _behind(graph, graph.state[source.get("state")].value)
                    if value in stage and stage[value] != stage[node.name]:
                        read(value, len(actions))
    after = [x for w in graph.writes for x in (w.value, w.gate, w.gradient) if x]
    for name in (*after, *(g.gate for g in graph.groups)):
        read(_behind(graph, name), len(actions))
    for name, end in last.items():
        node = graph.by_name[name]
        room = -(-size(features(node.axes)) // LINE) * LINE
        yield Kept(name, room, first[name], end)


def _places(kept: Sequence[Kept]) -> dict[str, int]:
    """Where each value stands: the largest first, each as low as those allow that are needed with it."""
    placed: list[tuple[Kept, int]] = []
    for value in sorted(kept, key=lambda k: (-k.size, k.first)):
        beside = sorted(
            (low, low + k.size)
            for k, low in placed
            if k.first <= value.last and value.first <= k.last
        )
        place = 0
        for low, high in beside:
            if place + value.size <= low:
                break
            place = max(place, high)
        placed.append((value, place))
    return {k.node: place for k, place in placed}
