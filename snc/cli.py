"""The command line: flags only, the work is done elsewhere.

Imports stand inside the commands that need them: `snc check` must answer in well under a second,
and numba, h5py, matplotlib and the data libraries take several to import.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from snc.cli_bench import bench
from snc.cli_data import data
from snc.cli_reproduce import reproduce
from snc.console import (
    STOPPED,
    WRONG,
    Commands,
    backend_option,
    device_option,
    dtype_option,
    json_option,
    root_option,
    set_option,
    show_diagnostics,
    show_result,
    split_spec,
    threads_option,
    without_collector,
    without_option,
)

COMMAND_LINE = click.core.ParameterSource.COMMANDLINE
STAGES = ("tokens", "ast", "model", "graph", "program", "kernel")
KINDS = ("experiments", "rules", "neurons", "signals", "datasets", "backends")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="snc", prog_name="snc")
def main() -> None:
    """Compile and run spiking networks and their learning rules, written as short text files.

    SPEC is a file; SPEC:EXPERIMENT names an experiment in it.
    """


main.add_command(bench)
main.add_command(data)
main.add_command(reproduce)


@main.command()
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@set_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, specs: tuple[str, ...], settings: dict[str, str], as_json: bool
) -> None:
    """Look for mistakes; shows all independent ones in one go."""
    from snc.check import check_file
    from snc.model.library import choose, load_file
    from snc.render import as_data

    found = {}
    for spec in specs:
        path, experiment = split_spec(spec)
        with without_collector():
            found[spec] = check_file(path, settings)
        if (
            experiment is not None
            and path.is_file()
            and not any(d.severity == "error" for d in found[spec])
        ):
            choose(load_file(path), experiment)  # raises if there is none of that name
    for spec, diagnostics in found.items():
        show_diagnostics(diagnostics)
        if not as_json:
            count = sum(d.severity == "error" for d in diagnostics)
            words = "fine" if not count else f"{count} mistake{'s' if count > 1 else ''}"
            click.echo(f"{spec}: {words}")
    if as_json:
        files = [{"spec": s, "errors": [as_data(d) for d in ds]} for s, ds in found.items()]
        show_result("", {"files": files}, as_json)
    if any(d.severity == "error" for diagnostics in found.values() for d in diagnostics):
        ctx.exit(WRONG)


@main.command()
@click.argument("spec")
@click.option("--stage", type=click.Choice(STAGES), default="model", show_default=True)
@click.option(
    "--format", "form", type=click.Choice(["text", "dot", "mermaid", "svg"]), default="text"
)
@click.option(
    "--ptx", metavar="ARCH", help="Kernels compiled for a GPU, such as sm_90; needs none."
)
@click.option("--after", metavar="PASS", help="The graph behind this pass; `all` for the last one.")
@backend_option
@set_option
@json_option
def show(
    spec: str,
    stage: str,
    form: str,
    after: str | None,
    backend: str,
    settings: dict[str, str],
    ptx: str | None,
    as_json: bool,
) -> None:
    """Show any stage of the compiler as text; the graph also as a drawing."""
    from snc.show import show as show_stage

    path, experiment = split_spec(spec)
    text = show_stage(path, experiment, stage, backend, settings, after, form, ptx)
    show_result(text, {"stage": stage, "text": text}, as_json)


@main.command()
@click.argument("subject", metavar="SPEC|CODE", required=False)
@click.option("--value", metavar="NAME", help="Say where a value lives, e.g. `h.u`.")
@click.option("--table", is_flag=True, help="A row per rule: of SPEC, or of the whole library.")
@set_option
@json_option
def explain(
    subject: str | None, value: str | None, table: bool, settings: dict[str, str], as_json: bool
) -> None:
    """Say how local a rule is and what it costs; or what an error CODE means."""
    from snc.explain import explain as explain_spec
    from snc.explain import explain_code, explain_data, explain_table

    if table and value is not None:
        raise click.UsageError("--table and --value do not go together")
    if table:
        path, experiment = split_spec(subject) if subject is not None else (None, None)
        show_result(*explain_table(path, experiment, settings), as_json)
        return
    if subject is None:
        raise click.UsageError("name a SPEC or an error CODE, or say --table")
    if re.fullmatch(r"[a-z][a-z0-9-]*", subject) and not Path(subject).exists():
        text = explain_code(subject)
        show_result(text, {"code": subject, "text": text}, as_json)
        return
    spec = split_spec(subject)
    if as_json and value is None:
        show_result("", explain_data(*spec, settings), as_json)
        return
    text = explain_spec(*spec, settings, value=value)
    show_result(text, {"text": text}, as_json)


@main.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--markdown", is_flag=True, help="The rows of published tables, as a table.")
@json_option
def list_entries(kind: str, markdown: bool, as_json: bool) -> None:
    """List what the library offers."""
    from snc.catalogue import entries

    if markdown:
        from snc.catalogue import rows_markdown

        if kind != "experiments":
            raise click.UsageError("--markdown goes with `snc list experiments`")
        text = rows_markdown()
        show_result(text, {"markdown": text}, as_json)
        return
    found = entries(kind)
    width = max((len(name) for name, _, _ in found), default=0)
    rows = [{"name": name, "line": line, "place": place} for name, line, place in found]
    show_result(
        "\n".join(f"{n:<{width}}  {line}".rstrip() for n, line, _ in found), {kind: rows}, as_json
    )


@main.command()
@click.argument("spec")
@set_option
@click.option("--epochs", type=click.IntRange(min=0), help="Instead of the spec's.")
@click.option("--limit-batches", type=click.IntRange(min=1), help="At most so many per epoch.")
@backend_option
@dtype_option
@without_option
@threads_option
@device_option
@click.option("--seed", type=click.IntRange(min=0), help="One trial with this seed.")
@root_option
@click.option("--out", type=click.Path(path_type=Path), help="The run folder.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --out, or with the newest, as it was begun.",
)
@json_option
@click.pass_context
def train(ctx: click.Context, /, spec: str, as_json: bool, **flags: Any) -> None:
    """Train an experiment; prints a line per epoch."""
    from snc.engine.progress import watcher
    from snc.engine.run import result_lines
    from snc.engine.runfolder import finite
    from snc.session import Interrupted, last_line, run_training

    given = {name for name in flags if ctx.get_parameter_source(name) is COMMAND_LINE}
    try:
        outcome = run_training(spec, flags, watcher(silent=as_json), given)
    except Interrupted as stop:
        go_on = f"; the same command with `--out {stop.folder} --resume` goes on"
        click.echo(f"stopped{go_on if stop.folder else ''}", err=True)
        ctx.exit(STOPPED)
    text = "\n".join([*result_lines(outcome), last_line(outcome)])
    show_result(text, finite(outcome), as_json)


@main.command("eval")
@click.argument("run", type=click.Path(path_type=Path))
@threads_option
@device_option
@root_option
@json_option
def evaluate(run: Path, data_root: Path | None, as_json: bool) -> None:
    """Evaluate the checkpoints of a run folder on the test data."""
    from snc.engine.progress import watcher
    from snc.engine.run import evaluate_run
    from snc.engine.runfolder import RunFolder, finite, read_run
    from snc.session import PlannedData, cases_of, last_line, options_of

    about, watch = read_run(run), watcher(silent=as_json)
    data = PlannedData(data_root)
    folder, flags = RunFolder(run), {**about, "data_root": data_root}
    spec = folder.source_of(about["spec"])
    cases = {case.name: case for case in cases_of(spec, flags, planned=data.plan)}
    phases = cases[about["case"]].phases
    outcome = evaluate_run(folder, phases, data.sets, options_of(about), watch)
    show_result(last_line(outcome), finite(outcome), as_json)


@main.command()
@click.argument("spec")
@click.option("--batch", type=click.Path(path_type=Path), required=True, metavar="FILE.h5")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.h5")
@click.option("--record", default="", metavar="a,b.c", help="Values to record at every step.")
@click.option("--no-learn", is_flag=True, help="Only run the network.")
@backend_option
@dtype_option
@without_option
@threads_option
@device_option
@root_option
@set_option
@json_option
def run(spec: str, batch: Path, out: Path, as_json: bool, **flags: Any) -> None:
    """Run one batch from a file."""
    from snc.engine.batchfile import features_in, run_batch
    from snc.engine.runfolder import finite
    from snc.session import cases_of

    record = [name.strip() for name in flags["record"].split(",") if name.strip()]
    phase = cases_of(spec, flags, record, fed=features_in(batch))[0].phases[0]
    learn = not flags["no_learn"]
    outcome = run_batch(phase, batch, out, dtype=phase.dtype, record=record, learn=learn)
    loss = outcome.loss / outcome.loss_steps if outcome.loss_steps else None
    text = f"wrote {out}" if loss is None else f"loss {loss:.6g}; wrote {out}"
    data = {"loss": loss, "out": str(out), "seconds_compile": phase.seconds}
    show_result(text, finite(data), as_json)


@main.command("format")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if it would.")
@json_option
@click.pass_context
def format_specs(
    ctx: click.Context, specs: tuple[str, ...], only_check: bool, as_json: bool
) -> None:
    """Write specs in the canonical layout, in place."""
    from snc.engine.files import write_text
    from snc.lang.format import format_spec
    from snc.lang.read import read

    changed = []
    for spec in specs:
        source = read(Path(spec))
        text = format_spec(source)
        if text != source.text:
            changed.append(spec)
            if not only_check:
                write_text(Path(spec), text)
    words = "would change" if only_check else "formatted"
    show_result("\n".join(f"{words} {spec}" for spec in changed), {"changed": changed}, as_json)
    if changed and only_check:
        ctx.exit(WRONG)


@main.group()
def new() -> None:
    """Write a file to start from."""


@new.command()
@click.argument("name")
@json_option
def rule(name: str, as_json: bool) -> None:
    """A learning rule of your own, NAME.snc, with an experiment that tries it."""
    from snc.newrule import write_rule

    path = write_rule(name, Path())
    show_result(
        f"wrote {path}; try `snc explain {path}` and `snc train {path}`",
        {"out": str(path)},
        as_json,
    )
