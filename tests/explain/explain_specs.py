"""Small specs whose certificates are known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import snc.explain
from snc.explain import Certificate, Report, Table
from snc.explain.locality import Verdict

CONFORMANCE = Path(__file__).parents[2] / "specs" / "conformance"

LAYERS = """snc 1
network layers(cell = lif(_, leak = 0.9)):
    input x[6]
    h1  = x  | dense(5) | cell
    h2  = h1 | dense(4) | cell
    h3  = h2 | dense(3) | cell
    out = h3 | dense(2, bias = true) | integrator()

network adaptive():
    input x[6]
    h1  = x  | dense(5) | alif()
    h2  = h1 | dense(4) | alif()
    h3  = h2 | dense(3) | alif()
    out = h3 | dense(2) | integrator()

rule nosy(other):
    gradient weight = signal * post.psi * pre * mean(other)

rule weights_only():
    gradient weight = signal * pre

signal through_matrix(value):
    constant matrix[value, layer] = kaiming_uniform()
    output dot(value, matrix)

experiment base:
    network = layers()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    target  = onehot(label, 2)
    learn out by readout() from backprop(loss)
    train:
        during = last 3 steps

experiment this = base with:
"""


def reports(tmp_path: Path, lines: str, name: str = "this") -> list[Report]:
    """The certificates of the base experiment with more lines."""
    path = tmp_path / "this.snc"
    body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
    path.write_text(LAYERS + body)
    return snc.explain.reports(path, name)


def rule_on(projection: str, found: list[Report]) -> Certificate:
    """The certificate of the rule at a projection."""
    hits = [c for r in found for c in r.certificates if projection in c.projections]
    assert len(hits) == 1
    return hits[0]


def conformance(name: str, projection: str) -> Certificate:
    """A certificate of a shipped spec."""
    return rule_on(projection, snc.explain.reports(CONFORMANCE / f"{name}.snc"))


def grades(c: Certificate) -> str:
    """time, update-unlocked, transport-free, space, across samples, as in the table of SEMANTICS 8."""
    verdicts = c.locality
    order = (
        verdicts.time,
        verdicts.unlocked,
        verdicts.transport_free,
        verdicts.space,
        verdicts.samples,
    )
    return " ".join(v.grade for v in order)


def places(verdict: Verdict) -> list[tuple[int, str]]:
    """Line and text of each place of a verdict's cause."""
    assert verdict.cause is not None
    return [(p.line, " ".join(p.text.split())) for p in verdict.cause.places]


def line_of(text: str, tmp_path: Path) -> int:
    """The line of the spec that holds a text."""
    lines = (tmp_path / "this.snc").read_text().splitlines()
    return next(k for k, line in enumerate(lines, 1) if text in line)


@cache
def library_table() -> Table:
    """The table of all rules of the library, which takes seconds to make."""
    return snc.explain.table()
