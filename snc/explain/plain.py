"""Certificates as plain data, for `--json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from snc.explain.certificate import QUESTIONS, Certificate, Report
from snc.explain.locality import Verdict
from snc.explain.memory import Kept
from snc.explain.network import Site, shown_name
from snc.explain.text import chain
from snc.explain.totals import totals


def report_data(report: Report) -> dict[str, Any]:
    """A report as plain data for `--json`."""
    return {
        "experiment": report.name,
        "network": chain(report),
        "layers": [_site_data(s) for s in report.sites],
        "parameters": report.parameters,
        "steps": report.steps,
        "batch": report.batch,
        "forward_macs": report.forward,
        "schedule": report.schedule,
        "not_compiled": report.not_compiled,
        "buffers": asdict(report.buffers) if report.buffers else None,
        "rules": [_certificate_data(c) for c in report.certificates],
        "totals": asdict(totals(report)),
        "untrained": list(report.untrained),
        "trained_by_signals": list(report.by_signals),
    }


def _site_data(site: Site) -> dict[str, Any]:
    return {
        "name": shown_name(site.name),
        "shape": list(site.shape),
        "projections": list(site.projections),
        "reads": sorted(shown_name(n) for n in site.below),
    }


def _certificate_data(c: Certificate) -> dict[str, Any]:
    return {
        "rule": c.rule,
        "projections": list(c.projections),
        "arguments": dict(c.arguments),
        "signal": c.signal or None,
        "place": str(c.place) if c.place else None,
        "locality": {q: verdict_data(getattr(c.locality, q)) for q in QUESTIONS},
        "memory": {
            "order": c.memory.order,
            "states": [_kept_data(k) for k in c.memory.kept],
            "matrices": [
                {"name": m.name, "shape": list(m.shape), "changing": m.changing}
                for m in c.memory.matrices
            ],
            "grows_with_t": bool(c.memory.tape),
            "per_step": [_kept_data(k) for k in c.memory.tape],
        },
        "eligibility": c.eligibility.text or None,
        "products": c.eligibility.products,
        "macs": {**asdict(c.work), "total": c.work.total},
        "update": c.update,
        "not_learned": list(c.not_learned),
    }


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """A verdict with its cause as plain data."""
    cause = verdict.cause
    if cause is None:
        return {"grade": verdict.grade}
    places = [{"place": str(p), "text": " ".join(p.text.split())} for p in cause.places]
    return {
        "grade": verdict.grade,
        "cause": " ".join(p for p in (cause.text, ", ".join(cause.values)) if p),
        "values": list(cause.values),
        "places": places,
    }


def _kept_data(kept: Kept) -> dict[str, Any]:
    return {
        "name": kept.name,
        "count": kept.count,
        "where": kept.where,
        "per_sample": kept.per_sample,
        "place": str(kept.place),
    }
