"""`snc bench`: flags only, the work is done in `snc.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from snc.console import (
    backends_option,
    device_option,
    dtype_option,
    json_option,
    root_option,
    set_option,
    show_result,
    threads_option,
    without_option,
)


@click.command()
@click.argument("spec")
@click.option(
    "--batch",
    type=click.Path(path_type=Path),
    metavar="FILE.h5",
    help="The batch and the parameters, as for `snc run`. Without it: the first batch of the spec's own data.",
)
@click.option(
    "--repeat", type=click.IntRange(min=1), default=9, show_default=True, help="How many times."
)
@click.option("--eval", "evaluate", is_flag=True, help="Time the evaluation; nothing is learned.")
@backends_option
@dtype_option
@without_option
@threads_option
@device_option
@root_option
@set_option
@json_option
def bench(spec: str, backends: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Time one training step, gradients and update, or the evaluation of a network that learns nothing.

    Compiles, runs once to warm up, then times the same batch from the same weights again and again.
    """
    from snc.bench import bench as measure
    from snc.bench import result_text
    from snc.engine.runfolder import finite

    found = [measure(spec, {**flags, "backend": name}) for name in backends]
    data = found[0] if len(found) == 1 else {**found[0], "runs": found}
    show_result("\n\n".join(result_text(one) for one in found), finite(data), as_json)
