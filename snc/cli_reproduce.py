"""`snc reproduce`: flags only, the work is done in `snc.reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snc.console import (
    STOPPED,
    WRONG,
    backend_option,
    device_option,
    dtype_option,
    json_option,
    root_option,
    show_result,
    threads_option,
)


@click.command()
@click.argument("rows", nargs=-1, metavar="[ROW...]")
@click.option("--paper", metavar="NAME", help="Only rows of specs/NAME.")
@click.option("--epochs", type=click.IntRange(min=0), help="Instead of the spec's.")
@click.option("--limit-batches", type=click.IntRange(min=1), help="At most so many per epoch.")
@click.option("--seed", type=click.IntRange(min=0), help="One trial with this seed.")
@click.option("--trials", type=click.IntRange(min=1), help="At most so many trials of each row.")
@click.option("--fixtures", is_flag=True, help="On tiny made-up data sets: does every row run?")
@backend_option
@dtype_option
@threads_option
@device_option
@root_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/reproduce"),
    show_default=True,
    help="The folder of all run folders; a stopped command goes on there.",
)
@json_option
@click.pass_context
def reproduce(
    ctx: click.Context,
    /,
    rows: tuple[str, ...],
    paper: str | None,
    fixtures: bool,
    out: Path,
    as_json: bool,
    **flags: Any,
) -> None:
    """Train rows of published tables and compare them with what is printed.

    ROW is a row as `snc list experiments --markdown` lists them; without any, all rows are trained.
    """
    from snc.comparison import Compared, lines, summary_line
    from snc.engine.progress import watcher
    from snc.engine.runfolder import finite
    from snc.reproduce import How, chosen_rows, reproduce
    from snc.session import Interrupted

    how = How(out, {**flags, "without": ()}, fixtures)
    watch = watcher(silent=as_json)

    def tell(one: Compared) -> None:
        for line in lines(one):
            watch.say(line)

    try:
        found = reproduce(chosen_rows(rows, paper), how, watch, tell)
    except Interrupted:
        click.echo("stopped; the same command goes on", err=True)
        ctx.exit(STOPPED)
    data = {"runs": [one.data() for one in found]}
    text = "\n".join([*(t for one in found for t in lines(one)), summary_line(found)])
    show_result(text, finite(data), as_json)
    if not all(one.ended for one in found):
        ctx.exit(WRONG)
