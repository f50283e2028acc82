"""How the command line ends: diagnostics on stderr, exit codes, no traceback for a mistake.

0 fine   1 the spec or the data is wrong   2 usage   3 our bug   130 stopped by the user
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from snc.diagnostics import DataError, Diagnostic, SncError, SpecError

WRONG, BUG, STOPPED = 1, 3, 130
JSON = "snc.json"


class Commands(click.Group):
    """A group of commands whose mistakes become diagnostics and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SncError as error:
            show_error(error, as_json=bool(ctx.meta.get(JSON)))
            ctx.exit(WRONG)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(STOPPED)
        except OSError as error:
            name = re.sub(r"^\.(.+)\.\w+\.tmp$", r"\1", Path(str(error.filename or "stdout")).name)
            reason = (error.strerror or str(error)).lower()
            place = str(Path(str(error.filename)).with_name(name)) if error.filename else ""
            show_error(DataError("cannot-write", f"`{name}`: {reason}", place), False)
            ctx.exit(WRONG)
        except MemoryError as error:
            detail = f": {str(error)[:1].lower()}{str(error)[1:]}" if str(error) else ""
            message = f"there is not enough memory for this{detail}"
            show_error(DataError("out-of-memory", message), False)
            ctx.exit(WRONG)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception:  # the one place where everything else ends: it is our bug
            traceback.print_exc()
            click.echo("This is a bug in snc. Please report it with the spec.", err=True)
            ctx.exit(BUG)


def _note_json(ctx: click.Context, option: click.Parameter, given: bool) -> bool:
    ctx.meta[JSON] = given
    return given


def _threads(ctx: click.Context, option: click.Parameter, given: int | None) -> None:
    """Set threads in the environment, which numerical libraries read when they are imported."""
    if given is not None:
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = str(given)


def _device(ctx: click.Context, option: click.Parameter, given: int | None) -> None:
    """Say in the environment which of several GPUs is meant."""
    if given is not None:
        os.environ["SNC_CUDA_DEVICE"] = str(given)


def _backend(ctx: click.Context, option: click.Parameter, given: str) -> str:
    """Refuse what is no backend as what is no choice of another flag."""
    if given != option.default:
        from snc.backend import unknown  # the compiler takes a moment to import

        if (problem := unknown(given)) is not None:
            raise click.BadParameter(problem)
    return given


def _backends(
    ctx: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    for name in given:
        _backend(ctx, option, name)
    return given


def _settings(
    ctx: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for path, equals, value in pairs:
        if not (path.strip() and equals and value.strip()):
            raise click.BadParameter("say NAME=VALUE, such as train.epochs=3")
    return {path.strip(): value.strip() for path, _, value in pairs}


def _without(
    ctx: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    if given:
        from snc.diagnostics import DataError
        from snc.program.optional import refuse_unknown

        try:
            refuse_unknown(given)
        except DataError as error:
            raise click.BadParameter(f"{error}; {error.help}") from None
    return given


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_note_json, help="Print one JSON object."
)
root_option = click.option(
    "--data-root", type=click.Path(path_type=Path), envvar="SNC_DATA", help="Where data sets are."
)
backend_option = click.option(
    "--backend", default="cpu", show_default=True, callback=_backend, help="What runs it."
)
backends_option = click.option(
    "--backend",
    "backends",
    multiple=True,
    default=("cpu",),
    show_default=True,
    callback=_backends,
    help="What runs it; give several to compare them.",
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="What is computed in: float32 unless the backend has only the other.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    callback=_threads,
    expose_value=False,
    is_eager=True,
    help="Number of threads; results do not depend on it.",
)
device_option = click.option(
    "--device",
    type=click.IntRange(min=0),
    callback=_device,
    expose_value=False,
    is_eager=True,
    help="The number of the GPU, of several.",
)

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="Change the experiment: a parameter, a setting (train.epochs=3), a clause of a learn.",
)
without_option = click.option(
    "--without",
    multiple=True,
    callback=_without,
    metavar="PASS",
    help="Leave a compiler pass out.",
)


def silent_or_stderr(as_json: bool) -> Callable[[str], None]:
    """Tells how far something is, on one line of a terminal; silent with `--json` or without one."""
    if as_json or not sys.stderr.isatty():
        return lambda text: None
    return lambda text: click.echo(f"\r\x1b[K{text}", err=True, nl=False)


def show_error(error: SncError, as_json: bool) -> None:
    """Show what a user can mend on stderr; with `--json` also as one object on stdout."""
    if isinstance(error, SpecError):
        show_diagnostics(error.diagnostics)
    else:
        click.echo(error_text(error, colour()), err=True)
    if as_json:
        click.echo(json.dumps({"errors": error_data(error)}, ensure_ascii=False))


def show_diagnostics(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> None:
    """Diagnostics on stderr, with the lines they are about."""
    from snc.render import render  # only where there is something to render

    for diagnostic in diagnostics:
        click.echo(render(diagnostic, colour()), err=True)


def error_text(error: SncError, coloured: bool) -> str:
    """An error without a place in a spec, in the form that diagnostics have."""
    code = error.code if isinstance(error, DataError) else "backend"
    head = click.style(f"error[{code}]", fg="red", bold=True) if coloured else f"error[{code}]"
    lines = [f"{head}: {error}"]
    if isinstance(error, DataError):
        lines += [f" --> {error.place}"] if error.place else []
        lines += [f"  = help: {error.help}"] if error.help else []
    return "\n".join(lines)


def error_data(error: SncError) -> list[dict[str, Any]]:
    """An error as plain values, one for each mistake."""
    if isinstance(error, SpecError):
        from snc.render import as_data  # only where there is something to render

        return [dict(as_data(d)) for d in error.diagnostics]
    if isinstance(error, DataError):
        keys = ("code", "message", "place", "help")
        return [{key: getattr(error, key) for key in keys}]
    return [{"code": "backend", "message": str(error)}]


def colour() -> bool:
    """Whether stderr is a terminal that wants colour (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def without_collector() -> Iterator[None]:
    """For what is over in a second and throws nothing away: looking for it is an eighth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def split_spec(text: str) -> tuple[Path, str | None]:
    """`a/b.snc:mine` is the file `a/b.snc` and the experiment `mine`.

    What `snc list experiments` names, `specs/user/keyboard.snc:ours`, is found from any folder.
    """
    head, colon, tail = text.rpartition(":")
    if colon and head and re.fullmatch(r"\w+", tail) and not Path(text).exists():
        return _or_shipped(Path(head)), tail
    return _or_shipped(Path(text)), None


def _or_shipped(path: Path) -> Path:
    """The path; if nothing is there and it begins with `specs`, the shipped spec that is listed under it."""
    if path.exists() or path.parts[:1] != ("specs",) or ".." in path.parts:
        return path
    from snc.resources import data_dir  # only where a file is missing

    shipped = data_dir("specs").joinpath(*path.parts[1:])
    return shipped if shipped.is_file() else path


def show_result(text: str, data: Any, as_json: bool) -> None:
    """What a command answers: text for a person, or one line of JSON."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False))
    elif text:
        click.echo(text)
