"""The command line with everything behind it replaced; as a script it is such an `snc`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent / "engine"))

from engine_fakes import STORED, Regression, plan, prepare

from snc.diagnostics import BackendError, DataError, Diagnostic, Label, SpecError
from snc.program.program import Needs
from snc.source import Source, Span

SOURCE = Source("toy.snc", "snc 1\nexperiment toy:\n    loss = los\n")
MISTAKE = Diagnostic("unknown-name", "nothing is called `los`", Label(Span(33, 36, SOURCE)))


def load(path, experiment=None, settings=None, **asked):
    """Stands for snc.compile.load; the name of the file decides what happens."""
    settings = settings or {}
    match path.stem:
        case "wrong":
            raise SpecError([MISTAKE])
        case "nodevice":
            raise BackendError("backend `cuda` cannot run here: there is no GPU")
        case "bug":
            raise ZeroDivisionError("division by zero")
        case "ctrl_c":
            raise KeyboardInterrupt
    (text,) = texts_of(path, experiment, settings)
    module = Regression(
        pause=float(os.environ.get("FAKE_PAUSE", "0")),
        bad_at=int(settings.get("bad_at", -1)),
        records=tuple(asked.get("record", ())),
    )
    data = None if path.stem == "nodata" else plan().data
    changed = plan(data=data, epochs=int(settings.get("train.epochs", 2)))
    return (
        SimpleNamespace(
            model=SimpleNamespace(
                name=experiment or path.stem, text=lambda: text, sources=lambda: {path.name: text}
            ),
            plan=changed,
            program=SimpleNamespace(
                stored=STORED, trained=STORED[:2], needs=Needs(), dtype=asked["dtype"] or "float32"
            ),
            kernel=SimpleNamespace(key=f"{asked['backend']} {asked['without']}"),
            module=module,
            seconds=0.125,
        ),
    )


def texts_of(path, experiment, settings):
    """Stands for snc.compile.texts_of."""
    return (f"snc 1\nexperiment {experiment or path.stem}: {settings}\n",)


def fakes() -> dict[str, ModuleType]:
    """The modules that are replaced, by name."""
    contents = {
        "snc.compile": {
            "load": load,
            "sweep": lambda path, name, settings: [("", settings)],
            "texts_of": texts_of,
        },
        "snc.data": {"prepare": lambda pipeline, root, say, dt, classes: prepare(pipeline)},
        "snc.check": {"check_file": lambda path, _: [MISTAKE] if path.stem == "wrong" else []},
        "snc.show": {"show": lambda *given: f"shown {[str(g) for g in given]}"},
        "snc.explain": {
            "explain": lambda path, experiment, _, value: f"explained {path} {experiment}",
            "explain_data": lambda path, experiment, _: {"phases": [str(path)]},
            "explain_code": _explain_code,
            "explain_table": lambda path, experiment, _: (f"table of {path} {experiment}", {}),
        },
        "snc.catalogue": {
            "entries": lambda kind: [("stllr", "Three factors", "specs/std/rules.snc:9")]
        },
        "snc.render": {
            "render": lambda d, colour: f"error[{d.code}]: {d.message}\n --> {d.span}",
            "as_data": lambda d: {"code": d.code, "message": d.message},
        },
    }
    made = {}
    for name, content in contents.items():
        made[name] = ModuleType(name)
        made[name].__dict__.update(content)
    return made


def _explain_code(code):
    if code != "unknown-name":
        raise DataError("unknown-code", f"no error has the code `{code}`")
    return f"page of {code}"


if __name__ == "__main__":
    sys.modules.update(fakes())
    from snc.__main__ import main

    main()
