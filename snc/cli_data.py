"""`snc data`: flags only, the work is done in `snc.datasets` and `snc.data.fetch`."""

from __future__ import annotations

from pathlib import Path

import click

from snc.console import json_option, root_option, show_result, silent_or_stderr


@click.group()
def data() -> None:
    """Data sets: which there are, fetching them, looking into them."""


@data.command("list")
@root_option
@json_option
def list_sets(data_root: Path | None, as_json: bool) -> None:
    """What can be had: size, licence, where it goes, and what reads it."""
    from snc.datasets import list_text, listed

    rows = listed(data_root)
    show_result(list_text(rows), {"data": rows}, as_json)


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@root_option
@json_option
def prepare(names: tuple[str, ...], data_root: Path | None, as_json: bool) -> None:
    """Fetch data sets into the data root; a download that was stopped goes on."""
    from snc.datasets import fetched

    found = [fetched(name, data_root, silent_or_stderr(as_json)) for name in names]
    lines = [f"{row['name']}: {', '.join(row['places'])}" for row in found]
    show_result("\n".join(lines), {"data": found}, as_json)


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...|SPEC[:EXPERIMENT]...")
@root_option
@json_option
def check(names: tuple[str, ...], data_root: Path | None, as_json: bool) -> None:
    """Prepare data sets of the library or of a spec, and say what is in them.

    NAME is a data set of the library (`snc list datasets`), with arguments if need be:
    `snc data check "digits(duration = 10 steps)"`.
    """
    from snc.datasets import check_text, checked

    found = [checked(name, data_root, silent_or_stderr(as_json)) for name in names]
    show_result("\n".join(check_text(f) for f in found), {"data": found}, as_json)
