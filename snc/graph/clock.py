"""How often a value changes: the clock of every node.

`fixed` between updates of what is stored (weights, constants, rates); `forward` at every step; `backward`
at every step of a sweep against time; `commit` when a group of parameters is updated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snc.graph.graph import Graph, Node

CLOCKS = ("fixed", "forward", "backward", "commit")
FIXED_SCALARS = ("batch", "steps", "epoch", "training")


def leaf_clock(node: Node) -> str:
    """The clock of a node without operands."""
    match node.op:
        case "scalar":
            name = node.get("name")
            return "fixed" if name in FIXED_SCALARS or name.startswith("rate:") else "forward"
        case "field" | "previous" | "random":
            return "forward"
        case "later":
            return "backward"
    return "fixed"


def clock_of(node: Node, known: Mapping[str, str]) -> str:
    """The clock of a node, given those of its operands."""
    if node.op == "collect":
        return "commit"
    own = leaf_clock(node) if not node.args or node.op == "random" else "fixed"
    return max((own, *(known[a] for a in node.args)), key=CLOCKS.index)


def clocks(nodes: Iterable[Node]) -> dict[str, str]:
    """The clock of every node, in causal order."""
    found: dict[str, str] = {}
    for node in nodes:
        found[node.name] = clock_of(node, found)
    return found


def clocks_of(graph: Graph) -> dict[str, str]:
    """The clock of every node of a graph."""
    return clocks(graph.nodes)
