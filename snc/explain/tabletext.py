"""The table of certificates as text, in Markdown, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from snc.explain.plain import verdict_data
from snc.explain.symbols import Polynomial
from snc.explain.table import Cost, Row
from snc.explain.text import TITLES

SHOWN = ("time", "space", "unlocked", "transport_free", "samples")
ORDERS = """\
L layers of n neurons, C classes (at most n), T steps, B samples in a batch. For one sample: memory is what a rule
keeps beside the network's own state; time is the work of a step for the signal and at the synapses, without the
products that change the weights; what goes back through time does it for all T steps at once. Auxiliary: numbers
stored once, which only the learning needs."""
EXACT = """\
The same counted: for one layer between two others, or for all layers together where these are not alike.
Multiply-accumulates of a step: for the signal, at the synapses, in the products that change the weights.
Numbers stand where the layers are pictures, or sizes do not tell outputs from other layers."""


def table_text(rows: Sequence[Row], left_out: Sequence[tuple[str, str]]) -> str:
    """Both tables, and what has no row with its reason."""
    head = ("experiment", "memory", "time", "auxiliary", *(TITLES[q] for q in SHOWN))
    counted = ("experiment", "learns by", "keeps", "signal", "at synapses", "products", "auxiliary")
    parts = [
        ORDERS,
        _grid(head, [_order_cells(row) for row in rows]),
        EXACT,
        _grid(counted, [_exact_cells(row) for row in rows]),
    ]
    if left_out:
        parts.append("\n".join(f"left out: {name}: {reason}" for name, reason in left_out))
    return "\n\n".join(parts)


def table_data(rows: Sequence[Row], left_out: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The same as plain data for `--json`, with the cause of every verdict."""
    return {
        "rows": [_row_data(row) for row in rows],
        "left_out": [{"experiment": name, "reason": reason} for name, reason in left_out],
    }


def _row_data(row: Row) -> dict[str, Any]:
    costs = {**row.costs, "time": row.time}
    return {
        "experiment": row.experiment,
        "title": row.title,
        "rule": row.rule,
        "signal": row.signal or None,
        "layers": list(row.layers),
        "locality": {q: verdict_data(getattr(row.locality, q)) for q in SHOWN},
        "costs": {name: _cost_data(cost) for name, cost in costs.items()},
    }


def _cost_data(cost: Cost) -> dict[str, Any]:
    """`order` for L layers, `layer` for one between two others, `network` for all that learn."""
    return {
        "order": cost.order,
        "layer": None if cost.inner is None else _terms(cost.inner),
        "network": _terms(cost.total.plain()),
    }


def _terms(polynomial: Polynomial) -> dict[str, int]:
    """`{"C n": 2}` for 2 C n; a plain number stands under the empty name."""
    return {" ".join(term): count for term, count in polynomial.terms}


def _order_cells(row: Row) -> list[str]:
    costs = [row.costs["memory"], row.time, row.costs["auxiliary"]]
    grades = [getattr(row.locality, q).grade for q in SHOWN]
    return [row.experiment, *(c.order for c in costs), *grades]


def _exact_cells(row: Row) -> list[str]:
    names = ("memory", "signal", "synapses", "products", "auxiliary")
    costs = [row.costs[name] for name in names]
    shown = [str(c.total.plain() if c.inner is None else c.inner) for c in costs]
    return [row.experiment, f"{row.rule} from {row.signal}" if row.signal else row.rule, *shown]


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    from rich import box  # a tenth of a second, which no other command needs
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, box=box.MARKDOWN)
    for line in lines:
        table.add_row(*(Text(cell.replace("|", r"\|")) for cell in line))
    console = Console(file=StringIO(), width=1000, color_system=None)
    with console.capture() as text:
        console.print(table)
    return "\n".join(line.rstrip() for line in text.get().splitlines() if line.strip())
