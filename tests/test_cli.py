"""The command line: flags, exit codes, what is printed where, no traceback for a mistake."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from fake_snc import fakes

from snc.cli import main
from snc.console import split_spec
from snc.engine import checkpoint
from snc.lang.parse import parse
from snc.newrule import write_rule
from snc.resources import data_dir
from snc.source import Source

SCRIPT = Path(__file__).with_name("fake_snc.py")
SPECS = Path(__file__).parents[1] / "specs"
HEAVY = ("numba", "matplotlib", "h5py", "tonic", "sklearn", "scipy", "rich")


@pytest.fixture
def snc(tmp_path, monkeypatch):
    """Runs a command in an empty folder, with the compiler and the data replaced."""
    for name, module in fakes().items():
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules.pop("snc.session", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNC_DATA", raising=False)
    yield lambda *words: CliRunner().invoke(main, [str(w) for w in words])
    sys.modules.pop("snc.session", None)


def real(*words, script=("-m", "snc"), **more):
    command = [sys.executable, *map(str, script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **more)


# Exit codes and errors


def test_check_is_fine(snc):
    done = snc("check", "toy.snc", "other.snc:exp")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "toy.snc: fine\nother.snc:exp: fine\n"


def test_a_check_leaves_the_garbage_collector_as_it_was(snc):
    assert gc.isenabled()
    seen = []
    sys.modules["snc.check"].check_file = lambda path, _: seen.append(gc.isenabled()) or []
    assert snc("check", "toy.snc").exit_code == 0
    assert (seen, gc.isenabled()) == ([False], True)


def test_check_shows_every_file_and_exits_1(snc):
    done = snc("check", "wrong.snc", "toy.snc")
    assert done.exit_code == 1
    assert done.stdout == "wrong.snc: 1 mistake\ntoy.snc: fine\n"
    assert done.stderr == "error[unknown-name]: nothing is called `los`\n --> toy.snc:3\n"


def test_check_as_json(snc):
    done = snc("check", "wrong.snc", "toy.snc", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "files": [
            {"spec": "wrong.snc", "errors": [
                {"code": "unknown-name", "message": "nothing is called `los`"}]},
            {"spec": "toy.snc", "errors": []},
        ]
    }  # fmt: skip


def test_a_wrong_spec_exits_1_on_every_command_that_compiles(snc):
    done = snc("train", "wrong.snc")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "error[unknown-name]" in done.stderr
    done = snc("train", "wrong.snc", "--json")
    assert json.loads(done.stdout)["errors"][0]["code"] == "unknown-name"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ("--backend", "cpuu"),
            "Invalid value for '--backend': no backend is called `cpuu`; did you",
        ),
        (
            ("--without", "factorize"),
            "Invalid value for '--without': no pass is called `factorize`; did",
        ),
        (("--dtype", "float16"), "Invalid value for '--dtype'"),
    ],
)
def test_what_is_no_choice_of_a_flag_is_a_usage_error(snc, flags, words):
    done = snc("train", "toy.snc", *flags)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert list(Path().iterdir()) == []


def test_a_backend_that_cannot_run_exits_1(snc):
    done = snc("train", "nodevice.snc")
    assert (done.exit_code, done.stderr) == (
        1,
        "error[backend]: backend `cuda` cannot run here: there is no GPU\n",
    )


def test_our_bug_exits_3_with_a_traceback_and_a_request(snc):
    done = snc("train", "bug.snc")
    assert done.exit_code == 3
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith("This is a bug in snc. Please report it with the spec.\n")


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["train", "a.snc", "--epochs", "-1"],
        ["train", "a.snc", "--dtype", "int8"],
        ["train", "a.snc", "--set", "epochs"],
        ["train", "a.snc", "--set", "=3"],
        ["train", "a.snc", "--nonsense"],
        ["show", "a.snc", "--stage", "nowhere"],
        ["list", "things"],
        ["nonsense"],
        ["check"],
        ["run", "a.snc"],
    ],
)
def test_usage_exits_2(snc, words):
    done = snc(*words)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr


def test_data_mistakes_name_place_and_help(snc, tmp_path):
    done = snc("eval", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith("error[no-run]: this is not the folder of a run\n --> ")
    assert "  = help: give a folder that `snc train` wrote" in done.stderr
    assert json.loads(snc("eval", tmp_path, "--json").stdout)["errors"][0]["code"] == "no-run"


def test_stopped_before_anything_ran(snc):
    done = snc("train", "ctrl_c.snc")
    assert (done.exit_code, done.stderr) == (130, "stopped\n")


# show, explain, list, format, new


def test_show_passes_everything_on(snc):
    more = ("--set", "k=1 ms", "--ptx", "sm_90")
    done = snc("show", "a.snc:b", "--stage", "kernel", "--backend", "reference", *more)
    assert done.stdout == (
        "shown ['a.snc', 'b', 'kernel', 'reference', \"{'k': '1 ms'}\", 'None', 'text', 'sm_90']\n"
    )
    assert json.loads(snc("show", "a.snc", "--json").stdout)["stage"] == "model"


def test_explain_a_spec_or_a_code(snc):
    assert snc("explain", "a.snc:b").stdout == "explained a.snc b\n"
    assert json.loads(snc("explain", "a.snc", "--json").stdout) == {"phases": ["a.snc"]}
    assert snc("explain", "unknown-name").stdout == "page of unknown-name\n"
    assert snc("explain", "unknown-nam").exit_code == 1
    Path("plain").write_text("snc 1\n")
    assert snc("explain", "plain").stdout == "explained plain None\n"


def test_explain_a_table_of_a_spec_or_of_the_library(snc):
    assert snc("explain", "a.snc:b", "--table").stdout == "table of a.snc b\n"
    assert snc("explain", "--table").stdout == "table of None None\n"
    assert json.loads(snc("explain", "--table", "--json").stdout) == {}
    assert snc("explain").exit_code == 2
    assert snc("explain", "a.snc", "--table", "--value", "h.u").exit_code == 2


def test_list(snc):
    assert snc("list", "rules").stdout == "stllr  Three factors\n"
    [row] = json.loads(snc("list", "rules", "--json").stdout)["rules"]
    assert row == {"name": "stllr", "line": "Three factors", "place": "specs/std/rules.snc:9"}


@pytest.mark.parametrize(
    ("text", "path", "experiment"),
    [
        ("a/b.snc", "a/b.snc", None),
        ("a/b.snc:shd_dfa", "a/b.snc", "shd_dfa"),
        (":x", ":x", None),
        ("a:b/c.snc", "a:b/c.snc", None),
    ],
)
def test_spec_and_experiment(text, path, experiment):
    assert split_spec(text) == (Path(path), experiment)


def test_a_shipped_spec_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed = "specs/user/keyboard.snc"
    assert split_spec(f"{listed}:theirs") == (data_dir("specs") / "user/keyboard.snc", "theirs")
    assert split_spec("specs/user/none.snc") == (Path("specs/user/none.snc"), None)
    Path("specs/user").mkdir(parents=True)
    Path(listed).write_text("snc 1\n")
    assert split_spec(f"{listed}:theirs") == (Path(listed), "theirs"), "one's own comes first"


def test_a_new_rule_is_ten_lines_that_parse_and_is_never_overwritten(snc):
    done = snc("new", "rule", "mine")
    assert (done.exit_code, done.stderr) == (0, "")
    text = Path("mine.snc").read_text()
    spec = parse(Source("mine.snc", text))
    assert len(spec.declarations) == 3
    body = text[text.index("rule mine") : text.index("network")].strip().splitlines()
    assert len(body) <= 10
    done = snc("new", "rule", "mine")
    assert (done.exit_code, Path("mine.snc").read_text()) == (1, text)
    assert "this file exists already" in done.stderr


@pytest.mark.parametrize("name", ["1a", "a-b", "a/b", "", "a b", "learn", "every", "../x"])
def test_a_bad_name_for_a_rule_is_refused(snc, name):
    done = snc("new", "rule", "--", name)
    assert done.exit_code == 1
    assert "error[bad-name]" in done.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.skipif(find_spec("snc.check") is None, reason="snc.check is not written yet")
def test_a_new_rule_is_free_of_mistakes(tmp_path):
    from snc.check import check_file

    assert check_file(write_rule("mine", tmp_path), {}) == []


# train and eval


def test_train_prints_a_line_per_epoch_and_where_the_run_is(snc):
    done = snc("train", "toy.snc")
    lines = done.stdout.splitlines()
    assert (done.exit_code, done.stderr, len(lines)) == (0, "", 3)
    assert lines[0].startswith("epoch 1/2  train loss ")
    assert lines[-1].startswith("accuracy ")
    assert lines[-1].endswith(" s (compiled in 0.1 s): runs/toy-1")
    assert "2 epochs" in lines[-1]
    assert snc("train", "toy.snc").stdout.splitlines()[-1].endswith("runs/toy-2")


def test_train_as_json_is_one_object(snc):
    done = snc("train", "toy.snc:other", "--json", "--out", "here", "--seed", "3", "--epochs", "1")
    assert len(done.stdout.splitlines()) == 1
    found = json.loads(done.stdout)
    wanted = {
        "accuracy",
        "loss",
        "epochs",
        "seconds",
        "seconds_compile",
        "peak_memory_bytes",
        "out",
    }
    assert wanted <= set(found)
    assert (found["out"], found["epochs"], found["seeds"]) == ("here", 1, [3])
    assert (found["experiment"], found["seconds_compile"]) == ("other", 0.125)
    assert [phase["seeds"] for phase in found["phases"]] == [[3]]


def test_set_and_limit_batches_reach_the_run(snc):
    done = snc("train", "toy.snc", "--set", "train.epochs=1", "--limit-batches", 2, "--json")
    assert json.loads(done.stdout)["epochs"] == 1
    about = json.loads(Path("runs/toy-1/run.json").read_text())
    assert about["settings"] == {"train.epochs": "1"}
    assert about["limit_batches"] == 2


def test_a_folder_in_use_is_refused_and_resume_goes_on(snc):
    assert snc("train", "toy.snc", "--out", "here", "--epochs", 1).exit_code == 0
    done = snc("train", "toy.snc", "--out", "here")
    assert done.exit_code == 1
    assert "error[folder-in-use]" in done.stderr
    done = snc("train", "toy.snc", "--out", "here", "--resume", "--epochs", 2)
    assert [line.split()[1] for line in done.stdout.splitlines()[:-1]] == ["2/2"]
    whole = snc("train", "toy.snc", "--out", "whole")
    assert whole.exit_code == 0
    stores = [
        checkpoint.read(Path(f, "trial-5", "checkpoint.h5"))[1].store for f in ("here", "whole")
    ]
    assert all(stores[0][n].tobytes() == stores[1][n].tobytes() for n in stores[1])


def test_resume_with_a_changed_spec_is_refused(snc):
    Path("toy.snc").write_text("snc 1\nexperiment toy:\n    dt = 1 ms\n")
    snc("train", "toy.snc", "--epochs", 1)
    done = snc("train", "toy.snc", "--resume", "--set", "train.epochs=3")
    assert done.exit_code == 1
    assert "error[other-spec]" in done.stderr


def test_resume_goes_on_with_the_run_as_it_was_begun(snc):
    begun = ("--seed", 4, "--limit-batches", 2, "--dtype", "float64", "--set", "train.epochs=3")
    assert snc("train", "toy.snc", "--out", "here", *begun).exit_code == 0
    Path("here/trial-4/checkpoint.h5").unlink()
    found = json.loads(snc("train", "toy.snc", "--out", "here", "--resume", "--json").stdout)
    assert (found["seeds"], found["epochs"]) == ([4], 3)
    _, standing = checkpoint.read(Path("here/trial-4/checkpoint.h5"))
    assert {a.dtype.name for a in standing.store.values()} == {"float64"}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--set", "train.epochs=3"), "other-spec"),
        (("--dtype", "float64"), "other-settings"),
        (("--limit-batches", 2), "other-settings"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused_before_anything_is_compiled(
    snc, monkeypatch, more, code
):
    Path("toy.snc").write_text("snc 1\nexperiment toy:\n    dt = 1 ms\n")
    snc("train", "toy.snc", "--epochs", 1)
    Path("runs/toy-1/trial-5/checkpoint.h5").unlink()  # as if it was killed before its first one
    asked = []
    monkeypatch.setattr("snc.session.load", lambda *given, **more: asked.append(given))
    done = snc("train", "toy.snc", "--resume", *more)
    assert (done.exit_code, asked) == (1, [])
    assert f"error[{code}]" in done.stderr
    assert "runs/toy-1" in done.stderr


@pytest.mark.parametrize("begun", [(), ("--seed", 4)])
def test_resume_with_another_seed_is_refused_and_nothing_is_lost(snc, begun):
    snc("train", "toy.snc", "--out", "here", "--epochs", 1, *begun)
    before = Path("here/metrics.jsonl").read_text()
    done = snc("train", "toy.snc", "--out", "here", "--resume", "--seed", 77)
    assert done.exit_code == 1
    assert "error[other-settings]" in done.stderr
    assert Path("here/metrics.jsonl").read_text() == before
    assert not Path("here/trial-77").exists()


def test_a_mistake_in_the_data_leaves_no_folder(snc):
    assert snc("train", "nodata.snc").exit_code == 1
    assert not Path("runs").exists()


def test_numbers_out_of_range_name_the_place(snc):
    done = snc("train", "toy.snc", "--set", "bad_at=3")
    assert done.exit_code == 1
    assert "`h.u at step 3, net.snc:7` is not a finite number in batch 4 of epoch 1" in done.stderr


def test_eval_agrees_with_training(snc):
    trained = json.loads(snc("train", "toy.snc", "--json", "--out", "here").stdout)
    found = json.loads(snc("eval", "here", "--json").stdout)
    assert found["accuracy"] == trained["accuracy"]
    assert found["loss"] == pytest.approx(trained["loss"], rel=1e-12)
    assert snc("eval", "here").stdout.splitlines()[-1].endswith(": here")


def test_eval_needs_only_the_run_folder(snc):
    snc("train", "toy.snc", "--out", "here", "--epochs", 1)
    assert Path("here/source/toy.snc").read_text().startswith("snc 1")
    about = json.loads(Path("here/run.json").read_text())
    Path("here/run.json").write_text(json.dumps({**about, "spec": "/gone/toy.snc"}))
    assert snc("eval", "here").exit_code == 0
    Path("here/run.json").write_text("[]")
    assert "error[damaged-run]" in snc("eval", "here").stderr


def test_eval_says_which_trial_is_missing(snc):
    snc("train", "toy.snc", "--out", "here", "--epochs", 1)
    about = json.loads(Path("here/run.json").read_text())
    Path("here/run.json").write_text(json.dumps({**about, "seeds": [*about["seeds"], 9]}))
    done = snc("eval", "here")
    assert done.exit_code == 0
    assert "note: seed 9 has no checkpoint" in done.stdout


def test_eval_does_not_depend_on_the_current_folder(snc, monkeypatch, tmp_path):
    snc("train", "toy.snc", "--out", "here", "--epochs", 1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert snc("eval", "../here").exit_code == 0
    assert json.loads((tmp_path / "here" / "run.json").read_text())["spec"].startswith("/")


# run


@pytest.fixture
def batch(tmp_path):
    with h5py.File(tmp_path / "batch.h5", "w") as file:
        file["input"], file["labels"] = np.ones((4, 2, 6), dtype=np.uint8), [0, 2]
        file["params/out/weight"], file["params/out/bias"] = np.zeros((3, 6)), np.zeros(3)
        file["params/h_feedback/matrix"] = np.zeros((3, 6))
    return tmp_path / "batch.h5"


def test_run_writes_what_was_asked_for(snc, batch):
    done = snc("run", "toy.snc", "--batch", batch, "--out", "o.h5", "--record", "h.u, out")
    assert (done.exit_code, done.stdout) == (0, "loss 1.09861; wrote o.h5\n")
    with h5py.File("o.h5") as file:
        assert sorted(file) == ["gradient", "gradient_per_step", "params_after", "record"]
        assert file["record/h/u"].shape == (4, 2, 3)
        assert file["params_after/out/bias"].dtype == np.float32


def test_run_without_learning_in_float64(snc, batch):
    done = snc(
        "run",
        "toy.snc",
        "--batch",
        batch,
        "--out",
        "o.h5",
        "--no-learn",
        "--dtype",
        "float64",
        "--json",
    )
    assert json.loads(done.stdout)["loss"] == pytest.approx(np.log(3))
    with h5py.File("o.h5") as file:
        assert list(file) == []


def test_run_refuses_a_batch_that_does_not_fit(snc, batch):
    with h5py.File(batch, "a") as file:
        del file["params/out/bias"]
    done = snc("run", "toy.snc", "--batch", batch, "--out", "o.h5")
    assert done.exit_code == 1
    assert "error[missing-params]: the file has no /params/out/bias" in done.stderr
    assert not Path("o.h5").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("input", np.ones((0, 2, 6)), "0 steps and 2 samples"),
        ("labels", np.array([b"a", b"b"]), "`/labels` holds |S1, not real numbers"),
        ("input", np.ones((4, 2, 6), complex), "not real numbers"),
        ("params/out/weight", np.full((3, 6), np.nan), "`/params/out/weight` has values"),
    ],
)
def test_run_refuses_values_that_are_no_numbers(snc, batch, name, value, words):
    with h5py.File(batch, "a") as file:
        del file[name]
        file[name] = value
    done = snc("run", "toy.snc", "--batch", batch, "--out", "o.h5")
    assert done.exit_code == 1
    assert words in done.stderr
    assert not Path("o.h5").exists()


def test_run_refuses_a_link_to_nothing(snc, batch):
    with h5py.File(batch, "a") as file:
        del file["input"]
        file["input"] = h5py.SoftLink("/nowhere")
    done = snc("run", "toy.snc", "--batch", batch, "--out", "o.h5")
    assert (done.exit_code, "Traceback" in done.stderr) == (1, False)


# format


def test_format_keeps_the_mode_of_a_file_and_a_link_to_it(snc, tmp_path):
    file, link = tmp_path / "a.snc", tmp_path / "b.snc"
    file.write_text("snc 1\nfunction f(x)=x\n")
    file.chmod(0o600)
    link.symlink_to(file)
    assert snc("format", "b.snc").exit_code == 0
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == (
        "snc 1\n\nfunction f(x) = x\n",
        0o600,
    )


def test_what_new_rule_writes_is_formatted(snc):
    for name in ("mine", "a_rule_of_a_longer_name"):
        assert snc("new", "rule", name).exit_code == 0
        assert snc("format", "--check", f"{name}.snc").exit_code == 0


# Real processes


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_no_bug():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "snc", "list", "rules"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    assert "error[cannot-write]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_is_not_read_as_a_spec(tmp_path):
    os.mkfifo(tmp_path / "pipe.snc")
    done = real("check", tmp_path / "pipe.snc")
    assert (done.returncode, "error[not-a-file]" in done.stderr) == (1, True)


def test_the_program_and_the_module_answer(tmp_path):
    done = real("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "snc,")
    done = real("train", "--help")
    assert all(
        flag in done.stdout
        for flag in ("--set", "--epochs", "--limit-batches", "--backend", "--threads", "--seed",
                     "--data-root", "--out", "--resume", "--json", "--dtype", "--without")
    )  # fmt: skip
    assert real("train").returncode == 2


def test_check_and_new_rule_import_nothing_heavy(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['snc', *sys.argv[2:]]\n"
        f"try: runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = real("x", "new", "rule", "mine", script=("-c", code), cwd=tmp_path)
    # The stand-in itself imports the engine's types; these are the libraries that take seconds.
    loaded = [m for m in HEAVY if f"'{m}'" in done.stdout.splitlines()[-1]]
    assert [m for m in loaded if m not in ("h5py",)] == [], done.stderr


@pytest.mark.skipif(find_spec("snc.check") is None, reason="snc.check is not written yet")
def test_a_real_check_imports_nothing_heavy():
    spec = SPECS / "stllr" / "shd.snc"
    code = (
        "import sys; from snc.cli import main\n"
        "try: main(['check', sys.argv[1]])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = real(spec, script=("-c", code))
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_ctrl_c_says_how_to_go_on_and_the_run_goes_on(tmp_path):
    command = [sys.executable, str(SCRIPT), "train", "toy.snc", "--out", "here", "--epochs", "60"]
    environment = {
        "FAKE_PAUSE": "0.05",
        "PATH": "",
        "SNC_DATA": "",
        "PYTHONPATH": ":".join(sys.path),
    }
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell starts what it puts into the background deaf to Ctrl-C, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch  1/60")
    for _ in range(40):  # an interrupt may fall into a library's callback and be lost: press again
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            continue
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == "stopped; the same command with `--out here --resume` goes on\n"
    done = real(
        "train", "toy.snc", "--out", "here", "--resume", "--epochs", 60, "--json",
        script=(SCRIPT,), cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(done.stdout)["epochs"] == 60
