"""Certificates as text for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from snc.diagnostics import listing
from snc.explain.buffers import Buffers
from snc.explain.certificate import QUESTIONS, Certificate, Report
from snc.explain.locality import NO, YES, Verdict
from snc.explain.memory import Kept, Memory
from snc.explain.network import shown_name
from snc.explain.symbols import grouped
from snc.explain.totals import Totals, totals
from snc.explain.work import Work
from snc.source import Span

FITS = 46  # a longer text has its places on lines of their own
MANY = 4  # more names than this are counted
TITLES = {
    "time": "local in time",
    "transport_free": "transport-free",
    "unlocked": "update-unlocked",
    "space": "local in space",
    "samples": "across samples",
}
MEANING = {
    "time": "reads this step and the one before",
    "transport_free": "no weight of the network carries a signal backward",
    "unlocked": "reads nothing that is computed after this layer",
    "space": "reads only its pre, its post, its own layer and labels",
    "samples": "every sample learns by itself",
}
GOOD = {q: NO if q == "samples" else YES for q in QUESTIONS}


def report_text(report: Report) -> str:
    """A report as `snc explain` prints it."""
    head = [f"experiment {report.name}", chain(report), f"{grouped(report.parameters)} parameters"]
    run = f"T = {report.steps}, batch {report.batch}" if report.steps else f"batch {report.batch}"
    lines = ["   ".join(p for p in (*head, run) if p)]
    lines.append(f"forward   {millions(report.forward)} MAC per sample and step, dense")
    lines.append(f"schedule  {report.schedule}")
    if report.buffers is not None:
        lines.append(f"buffers   {buffers_text(report.buffers)}")
    if report.not_compiled:
        lines.append(
            "backends  reference only: others take a derivative through time over whole stretches between updates"
        )
        lines.append(f"          but {report.not_compiled}")
    for certificate in report.certificates:
        lines += ["", *_certificate_lines(certificate)]
    if report.certificates:
        lines += ["", f"all rules   {totals_text(totals(report))}"]
    else:
        lines += ["", "nothing learns by a rule"]
    if report.by_signals:
        lines += ["", f"trained by a signal: {_names(report.by_signals)}"]
    if report.untrained:
        lines += ["", f"not trained: {_names(report.untrained)}"]
    return "\n".join(lines)


def buffers_text(found: Buffers) -> str:
    """What a backend allocates, by the number of steps."""
    run = f"{found.backend}, {found.dtype}, batch {found.batch}"
    always = megabytes(found.always)
    if found.per_step:
        return f"{always} and {megabytes(found.per_step)} for each of the T steps ({run})"
    if found.most == found.least:
        return f"{always} for any T{f' from {found.least} on' if found.least > 1 else ''} ({run})"
    largest = megabytes(found.largest)
    return f"{always} for T = {found.least} and any T above {found.most}, at most {largest}, at {found.most} ({run})"


def megabytes(count: int) -> str:
    """`36.4 MB`, with three digits."""
    return f"{grouped(count)} bytes" if count < 1000 else f"{float(f'{count / 1e6:.3g}'):g} MB"


def totals_text(cost: Totals) -> str:
    """The costs of all rules in words; a value takes four bytes."""
    text = f"{millions(cost.macs)} MAC per sample and step that learns; {_kept_bytes(cost.kept)} per sample"
    return f"{text}, {_kept_bytes(cost.tape)} more for each of the T steps" if cost.tape else text


def _kept_bytes(count: int) -> str:
    """`641 024 values (2.45 MB)`."""
    size = f" ({count * 4 / 2**20:.2f} MB)" if count * 4 >= 2**20 // 100 else ""
    return f"{grouped(count)} values{size}"


def chain(report: Report) -> str:
    """`700 -> 450 recurrent -> 20`, or the layers with what they read where they are no chain."""
    parts, before = [_shape(s) for _, s in report.inputs], {n for n, _ in report.inputs}
    for site in report.sites:
        if site.below - {site.name} != before:
            return _layers(report)
        parts.append(_shape(site.shape) + (" recurrent" if site.name in site.below else ""))
        before = {site.name}
    return " -> ".join(parts)


def _layers(report: Report) -> str:
    if len(report.sites) > MANY + 2:
        inputs = " and ".join(_shape(shape) for _, shape in report.inputs)
        outputs = [
            s for s in report.sites if not any(s.name in t.below - {t.name} for t in report.sites)
        ]
        return f"{inputs} -> {len(report.sites)} layers -> {' and '.join(_shape(s.shape) for s in outputs)}"
    parts = [f"{name} {_shape(shape)}" for name, shape in report.inputs]
    for site in report.sites:
        below = listing(sorted(shown_name(n) for n in site.below))
        parts.append(f"{shown_name(site.name)} {_shape(site.shape)} from {below or 'nothing'}")
    return "; ".join(parts)


def _shape(shape: Sequence[int]) -> str:
    return "x".join(str(n) for n in shape) or "1"


@dataclass(frozen=True)
class Row:
    """One line of a certificate: `places` stand behind the text, or below it if there is no room."""

    name: str
    short: str
    text: str
    places: tuple[str, ...] = ()


def _certificate_lines(c: Certificate) -> list[str]:
    title = f"rule {c.rule} on {_names(c.projections, ticks=False)}"
    title += f"   from {c.signal}" if c.signal else ""
    rows = [_verdict_row(q, getattr(c.locality, q)) for q in QUESTIONS]
    keeps = memory_parts(c.memory)
    rows.append(Row("memory", c.memory.order, keeps[0]))
    grade = max(len(row.short) for row in rows)
    rows += [Row("", " " * grade, part) for part in keeps[1:]]
    times = "   times the signal" if c.eligibility.signal else ""
    rows.append(Row("eligibility", "", f"{c.eligibility.text or c.eligibility.reason}{times}"))
    rows.append(Row("work", "", work_text(c.work)))
    rows.append(Row("update", "", c.update))
    if c.arguments:
        rows.append(Row("arguments", "", ", ".join(f"{k} = {v}" for k, v in c.arguments)))
    if c.not_learned:
        rows.append(Row("left alone", "", _names(c.not_learned)))
    width = max(len(row.name) for row in rows)
    column = max((len(r.text) for r in rows if r.places and len(r.text) <= FITS), default=0)
    place = f"   {c.place}" if c.place else ""
    return [title + place, *(line for row in rows for line in _lines(row, width, grade, column))]


def _lines(row: Row, width: int, grade: int, column: int) -> list[str]:
    start = f"  {row.name:<{width}}  "
    start += f"{row.short:<{grade}}  " if row.short else ""
    if not row.places:
        return [f"{start}{row.text}".rstrip()]
    first, *rest = row.places
    if len(row.text) > column:
        return [f"{start}{row.text}", *(" " * (len(start) + 2) + p for p in row.places)]
    below = [" " * (len(start) + column + 3) + p for p in rest]
    return [f"{start}{row.text:<{column}}   {first}", *below]


def _verdict_row(question: str, verdict: Verdict) -> Row:
    title = TITLES[question]
    if verdict.cause is None:
        return Row(
            title, verdict.grade, MEANING[question] if verdict.grade == GOOD[question] else ""
        )
    cause = verdict.cause
    text = f"{cause.text} {_names(cause.values)}".strip() + (
        f", {cause.tail}" if cause.tail else ""
    )
    width = max(len(str(p)) for p in cause.places)
    places = tuple(f"{p!s:<{width}}  {_one_line(p)}" for p in cause.places)
    return Row(title, verdict.grade, text, places)


def _one_line(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 48 else text[:45] + "..."


def _names(names: Iterable[str], ticks: bool = True) -> str:
    shown = [f"`{n}`" if ticks else n for n in names]
    if len(shown) > MANY:
        shown = [*shown[: MANY - 1], f"{len(shown) - MANY + 1} more"]
    return listing(shown) if ticks else ", ".join(shown)


# Memory and work ----------------------------------------------------------------------------------------


def memory_parts(memory: Memory) -> list[str]:
    """What is kept, in words: lines."""
    each = [k for k in memory.kept if k.per_sample and k.where != "synapse"]
    once = [k for k in memory.kept if not k.per_sample]
    synapse = [k for k in memory.kept if k.per_sample and k.where == "synapse"]
    parts = [
        f"keeps {_kept(each)} per sample"
        if each
        else "keeps nothing from step to step"
        if not synapse
        else ""
    ]
    if once:
        parts.append(f"{_kept(once)} once")
    if not synapse:
        parts.append("nothing per synapse")
    if not memory.tape:
        parts.append("the same for any T")
    lines = ["; ".join(p for p in parts if p)]
    lines += [
        f"{_kept([k])} at synapses, per sample   {k.place}  {_line(k.place)}" for k in synapse
    ]
    if memory.tape:
        total = sum(k.count for k in memory.tape)
        lines.append(
            f"and {grouped(total)} values per sample and step for all T steps: {_kept(memory.tape)}"
        )
    for words, changing in (
        ("its own matrices", False),
        ("changed by the rule, once for all samples", True),
    ):
        shown = [f"{m.name} ({_shape(m.shape)})" for m in memory.matrices if m.changing == changing]
        if shown:
            lines.append(f"{words}: {_some(shown)}")
    return lines


def _kept(values: Sequence[Kept]) -> str:
    """`p (700 + 450) and q (450)`: values of several projections under one name."""
    counts: dict[str, list[int]] = {}
    for value in values:
        counts.setdefault(value.name, []).append(value.count)
    return _some([f"{name} ({_sum(found)})" for name, found in counts.items()])


def _sum(counts: list[int]) -> str:
    if len(counts) > MANY - 1:
        return f"{grouped(sum(counts))} in {len(counts)} layers"
    return " + ".join(grouped(n) for n in counts)


def _some(shown: list[str]) -> str:
    if len(shown) > MANY + 2:
        shown = [*shown[: MANY + 1], f"{len(shown) - MANY - 1} more"]
    return listing(shown)


def _line(span: Span) -> str:
    return " ".join(span.source.line(span.line).split())


def work_text(work: Work) -> str:
    """Multiply-accumulates in words."""
    parts = [
        ("signal", work.signal),
        ("weight products", work.weights),
        ("at synapses", work.synapses),
    ]
    shown = ", ".join(f"{name} {millions(n)}" for name, n in parts if n)
    text = f"{millions(work.total)} MAC per sample and step, dense"
    text += f": {shown}" if shown else ""
    return f"{text}; {millions(work.pairs)} for each pair of samples" if work.pairs else text


def millions(number: int) -> str:
    """1.04 M for large numbers."""
    if number >= 1_000_000_000:
        return f"{number / 1e9:.2f} G"
    return f"{number / 1e6:.2f} M" if number >= 100_000 else grouped(number)
