"""What all rules of an experiment cost together: the columns that published tables print."""

from __future__ import annotations

from dataclasses import dataclass

from snc.explain.certificate import Report


@dataclass(frozen=True)
class Totals:
    """Sums over the rules, for one sample.

    signal, weights: multiply-accumulates in a step of the window. kept: values kept from step to step
    (also outside the window). tape: values kept of every step until the sequence ends.
    """

    signal: int
    weights: int
    kept: int
    tape: int

    @property
    def macs(self) -> int:
        """All multiply-accumulates of learning in a step of the window."""
        return self.signal + self.weights


def totals(report: Report) -> Totals:
    """The sums of a report's certificates."""
    found = report.certificates
    return Totals(
        signal=sum(c.work.signal for c in found),
        weights=sum(c.work.weights for c in found),
        kept=sum(k.count for c in found for k in c.memory.kept if k.per_sample),
        tape=sum(k.count for c in found for k in c.memory.tape),
    )
