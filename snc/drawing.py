"""Graphs as drawings: the values a spec names, and which of them is computed from which.

Values without a name are left out; an arrow stands for all ways through them. Dashed arrows lead from
the step before, thick ones are updates. States are boxes, what is stored are cylinders, what comes
from outside is rounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from snc.graph.graph import Graph, Node


@dataclass(frozen=True)
class Arrow:
    """From a shown value to one computed from it. kind: now, late (the step before is read) or update."""

    start: str
    end: str
    kind: str


@dataclass(frozen=True)
class Drawing:
    """What is drawn: text and kind (state, stored, input, output, value) of each, and the arrows."""

    boxes: dict[str, tuple[str, str]]
    arrows: tuple[Arrow, ...]


def drawing(graph: Graph) -> Drawing:
    """The named values of a graph."""
    boxes = _boxes(graph)
    arrows: dict[Arrow, None] = {}
    for name in boxes:
        for operand in graph.by_name[name].args if name in graph.by_name else ():
            for source, kind in _shown(graph, operand, boxes):
                arrows[Arrow(source, name, kind)] = None
    for name, value in (*graph.outputs, *graph.records):
        for source, kind in _shown(graph, value, boxes):
            arrows[Arrow(source, f"output:{name}", kind)] = None
    stored = {text: key for key, (text, kind) in boxes.items() if kind == "stored"}
    for write in graph.writes:
        if write.stored in stored:
            for source, _ in _shown(graph, write.gradient or write.value, boxes):
                arrows[Arrow(source, stored[write.stored], "update")] = None
    return Drawing(boxes, tuple(a for a in arrows if a.kind != "update" or a.start != a.end))


def _boxes(graph: Graph) -> dict[str, tuple[str, str]]:
    states = {s.value: s for s in graph.states}
    boxes: dict[str, tuple[str, str]] = {}
    for node in graph.nodes:
        if node.name in states:
            name = node.note or states[node.name].name.replace("@total:", "sum of ").replace(
                ":", "."
            ).strip(".")
            boxes[node.name] = (name, "state")
        elif node.op == "stored":
            if not _of_an_optimiser(graph, node):
                boxes[node.name] = (str(node.get("name")), "stored")
        elif node.op in ("field", "random"):
            boxes[node.name] = (node.note or str(node.get("name", node.op)), "input")
        elif node.note:
            boxes[node.name] = (node.note, "value")
    for name, _ in (*graph.outputs, *graph.records):
        boxes[f"output:{name}"] = (name, "output")
    return boxes


def _of_an_optimiser(graph: Graph, node: Node) -> bool:
    roles = {s.name: s.role for s in graph.stored}
    return roles.get(node.get("name")) == "optimiser"


def _shown(graph: Graph, name: str, boxes: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """A value if it is shown, else the nearest shown values below it."""
    found: dict[tuple[str, str], None] = {}
    stack, seen = [name], set[str]()
    while stack:
        inner = stack.pop()
        if inner in seen:
            continue
        seen.add(inner)
        node = graph.by_name[inner]
        if inner in boxes:
            found[inner, "now"] = None
        elif node.op in ("previous", "later"):
            value = graph.state[node.get("state")].value
            if value in boxes:
                found[value, "late"] = None
        else:
            stack += reversed(node.args)
    return list(found)


def _plain(text: str) -> str:
    return text.replace('"', "'")


def dot(graph: Graph) -> str:
    """For Graphviz."""
    shapes = {
        "state": "shape=box",
        "stored": "shape=cylinder",
        "input": "shape=box, style=rounded",
        "output": "shape=doubleoctagon",
        "value": "shape=plaintext",
    }
    styles = {"now": "", "late": ' [style=dashed, label="t-1"]', "update": " [penwidth=3]"}
    made = drawing(graph)
    ids = _ids(made)
    lines = ["digraph step {", "    rankdir=LR;", '    node [fontname="sans-serif"];']
    lines += [
        f'    {ids[k]} [label="{_plain(text)}", {shapes[kind]}];'
        for k, (text, kind) in made.boxes.items()
    ]
    for arrow in made.arrows:
        lines.append(f"    {ids[arrow.start]} -> {ids[arrow.end]}{styles[arrow.kind]};")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: Graph) -> str:
    """For Mermaid, which Git hosts and notebooks draw."""
    brackets = {
        "state": ("[", "]"),
        "stored": ("[(", ")]"),
        "input": ("([", "])"),
        "output": ("{{", "}}"),
        "value": ("(", ")"),
    }
    lines_of = {"now": "-->", "late": "-. t-1 .->", "update": "==>"}
    made = drawing(graph)
    ids = _ids(made)
    lines = ["flowchart LR"]
    for key, (text, kind) in made.boxes.items():
        left, right = brackets[kind]
        lines.append(f'    {ids[key]}{left}"{_plain(text)}"{right}')
    for arrow in made.arrows:
        lines.append(f"    {ids[arrow.start]} {lines_of[arrow.kind]} {ids[arrow.end]}")
    return "\n".join(lines) + "\n"


def _ids(made: Drawing) -> dict[str, str]:
    """Identifiers that both languages take, made of the text and different from each other."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for key, (text, _) in made.boxes.items():
        base = name = "v_" + re.sub(r"\W", "_", text)
        count = 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        taken.add(name)
        ids[key] = name
    return ids
