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
from snc.explain.table import Row, rows_of
from snc.explain.tabletext import table_data, table_text
from snc.explain.text import report_text
from snc.model.library import Declared, choose, load_file
from snc.model.resolve import Experiment, phases_of, resolve
from snc.resources import data_dir

Table = tuple[tuple[Row, ...], tuple[tuple[str, str], ...]]  # rows; what is left out, and why


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


def explain_table(
    path: str | Path | None = None,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    data_root: Path | None = None,
) -> tuple[str, dict[str, Any]]:
    """The certificates of many rules side by side, as text and as plain data. Raises as `table` does."""
    found = table(path, experiment, settings, data_root=data_root)
    return table_text(*found), table_data(*found)


def table(
    path: str | Path | None = None,
    experiment: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    data_root: Path | None = None,
) -> Table:
    """The rows of all experiments of a spec, or of one; without a spec, of all rules of the library.

    Experiments that cannot be built here, for want of data or because the language is ahead of the
    compiler, are left out with the reason; raises SpecError or DataError if nothing else is there.
    """
    path = reference() if path is None else Path(path)
    rows, left_out = list[Row](), list[tuple[str, str]]()
    failures = list[SpecError | DataError]()
    for declared in _to_tabulate(path, experiment):
        try:
            for phase in phases_of(resolve(declared, settings)):
                built, _ = _build(phase, data_root)
                rows += rows_of(built, declared.documentation())
        except (SpecError, DataError) as failed:
            if not _is_for_want(failed):
                raise
            failures.append(failed)
            left_out.append((declared.name, str(failed)))
    if failures and not rows:
        raise failures[0]
    return tuple(rows), tuple(left_out)


def _is_for_want(failed: SpecError | DataError) -> bool:
    """Whether nothing is wrong with the text: data is missing, or a word is not compiled yet."""
    return isinstance(failed, DataError) or all(d.code == "not-yet" for d in failed.diagnostics)


def reference() -> Path:
    """The shipped spec with one network and an experiment for every rule of the library."""
    return data_dir("specs") / "certificates.snc"


def _to_tabulate(path: Path, experiment: str | None) -> list[Declared]:
    """One experiment, or all of a file that have a network, of their own or from what they derive from."""
    file = load_file(path)
    if file.problems:
        raise SpecError(file.problems)
    if experiment is not None:
        return [choose(file, experiment)]
    found = [d for d in file.experiments() if "network" in resolve(d).settings]
    return found or [choose(file, None)]


def _built(
    path: str | Path, experiment: str | None, settings: Mapping[str, str] | None, root: Path | None
) -> Iterator[tuple[Built, Surroundings]]:
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
    "Row",
    "explain",
    "explain_code",
    "explain_data",
    "explain_table",
    "known_names",
    "place_in_words",
    "place_of",
    "reference",
    "reports",
    "table",
]
