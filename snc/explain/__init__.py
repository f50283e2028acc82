"""`snc explain`: how local a rule is and what it costs, derived from the graph before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snc.build.context import Context
from snc.build.evaluate import evaluate
from snc.build.experiment import Built, Surroundings, build
from snc.build.plan import describe_data, settings_frame
from snc.build.values import Num
from snc.diagnostics import DataError, SpecError
from snc.explain.certificate import Certificate, Report, certify
from snc.explain.pages import explain_code
from snc.explain.places import known_names, place_in_words, place_of
from snc.explain.plain import report_data
from snc.explain.text import report_text
from snc.model.library import choose, load_file
from snc.model.resolve import Experiment, resolve


def explain(
    path: str | Path,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    value: str | None = None,
    data_root: Path | None = None,
) -> str:
    """The certificates of an experiment as text, or where a value lives. Raises SpecError, DataError."""
    if value is not None:
        places = [
            place_of(built, value) for built, _ in _built(path, experiment, settings, data_root)
        ]
        return f"{value}: {places[0]}"
    return "\n\n".join(report_text(r) for r in reports(path, experiment, settings, data_root))


def explain_data(
    path: str | Path,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    data_root: Path | None = None,
) -> dict[str, Any]:
    """The same as plain data, one entry for each phase."""
    return {"phases": [report_data(r) for r in reports(path, experiment, settings, data_root)]}


def reports(
    path: str | Path,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    data_root: Path | None = None,
) -> list[Report]:
    """The certificates of every phase."""
    return [
        certify(built, around) for built, around in _built(path, experiment, settings, data_root)
    ]


def _built(
    path: str | Path, experiment: str | None, settings: Mapping[str, str] | None, root: Path | None
) -> Iterator[tuple[Built, Surroundings]]:
    from snc.compile import phases_of

    file = load_file(Path(path))
    if file.problems:
        raise SpecError(file.problems)
    for phase in phases_of(resolve(choose(file, experiment), settings)):
        yield _build(phase, root)


def _build(experiment: Experiment, root: Path | None) -> tuple[Built, Surroundings]:
    """A phase, built. Where the data is missing, what the text says may be enough."""
    try:
        around = describe_data(experiment, root)
    except DataError as missing:
        around = Surroundings(dt=_written_dt(experiment))
        try:
            return build(experiment, around, training=True), around
        except SpecError:
            raise missing from None
    return build(experiment, around, training=True), around


def _written_dt(experiment: Experiment) -> float | None:
    """The `dt` of the experiment, if it is a plain time."""
    setting = experiment.settings.get("dt")
    if setting is None:
        return None
    value = evaluate(Context({}, None), setting.value, settings_frame(experiment))  # type: ignore[arg-type]
    return value.value if isinstance(value, Num) else None


__all__ = [
    "Certificate",
    "Report",
    "explain",
    "explain_code",
    "explain_data",
    "known_names",
    "place_in_words",
    "place_of",
    "reports",
]
