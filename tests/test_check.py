"""`snc check`: one diagnostic for each mistake, none for what follows from it, none for a right spec."""

import re
import subprocess
import sys
from pathlib import Path

import goldens_of_errors as goldens
import pytest

from snc.check import check_file
from snc.diagnostics import DataError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
SAYS = re.compile(r'(?:simple|Diagnostic|_one)\(\s*"([a-z][a-z0-9-]+)"')

NET = """snc 1

network net(hidden = 3):
    input x[4]
    h   = x | dense(hidden) | lif()
    out = h | dense(2) | integrator()

experiment run(rate = 0.1):
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h   by stllr() from backprop(loss)
    learn out by readout() from backprop(loss)
    train.optimiser = sgd(rate)
"""


def codes_in_use() -> set[str]:
    files = [*(ROOT / "snc/model").rglob("*.py"), *(ROOT / "snc/build").rglob("*.py")]
    files += [ROOT / "snc/compile.py", ROOT / "snc/check.py"]
    return {code for file in files for code in SAYS.findall(file.read_text(encoding="utf-8"))}


@pytest.fixture
def check(tmp_path):
    """The diagnostics of a text, as `code line`."""

    def run(text, settings=None):
        path = tmp_path / "spec.snc"
        path.write_text(text, encoding="utf-8")
        return [f"{d.code} {d.span.line}" for d in check_file(path, settings)]

    return run


# Wrong programs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", goldens.programs(), ids=lambda p: p.code)
def test_a_wrong_program_gets_the_answer_in_its_first_line_and_no_other(program, monkeypatch):
    monkeypatch.chdir(goldens.FOLDER)
    (said,) = goldens.said_of(program)
    assert (said.severity, said.code, said.message) == (
        program.severity,
        program.code,
        program.message,
    )
    assert program.path.stem == program.code
    assert goldens.rendered([said]) == program.answer.read_text(encoding="utf-8")


def test_every_code_has_a_program_and_a_page():
    assert codes_in_use() <= {p.code for p in goldens.programs()}
    pages = set(re.findall(r"^## ([a-z0-9-]+)$", PAGE, re.MULTILINE))
    assert codes_in_use() <= pages


@pytest.mark.parametrize(
    "program",
    [p for p in goldens.programs() if p.stage != "run" and p.code != "use-cycle"],
    ids=lambda p: p.code,
)
def test_the_page_of_a_code_shows_it_and_its_remedy(program, check):
    section = re.search(rf"^## {program.code}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert section
    wrong, right = re.findall(r"```snc\n(.*?)```", section[1], re.DOTALL)
    if program.code != "reserved-word":  # whose page shows one that already fails to parse
        assert {line.split()[0] for line in check("snc 1\n" + wrong)} == {program.code}
    assert check("snc 1\n" + right) == []


# Right ones ---------------------------------------------------------------------------------------------


def test_a_folder_stands_for_all_specs_below_it(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.snc").write_text(NET + "    train.epoks = 3\n", encoding="utf-8")
    (tmp_path / "b.snc").write_text(NET, encoding="utf-8")
    assert [d.code for d in check_file(tmp_path)] == ["no-such-setting"]


def test_an_empty_folder_and_a_missing_file_are_said_to_be_so(tmp_path):
    with pytest.raises(DataError):
        check_file(tmp_path)
    with pytest.raises(DataError):
        check_file(tmp_path / "missing.snc")


# All mistakes in one go, and no more --------------------------------------------------------------------


def test_independent_mistakes_of_all_stages_come_in_one_go(check):
    text = NET.replace("dense(2)", "dense(2, size = 3)") + (
        "\nneuron cell(i):\n    v = 0.9 * w[t-1] + i\n    output v\n"
        "\nrule odd():\n    p = 0.9 * p[t-1] + pre\n    gradient weight = signal * (p + post)\n"
        "\nnetwork other():\n    input x[4]\n    h = dense(x, 3) + dense(x, 4)\n"
    )
    assert check(text) == [
        "unknown-argument 6",
        "unknown-name 16",
        "mixed-places 21",
        "two-unnamed-projections 25",
    ]


def test_a_mistake_in_a_neuron_is_not_repeated_where_it_is_used(check):
    text = NET.replace("lif()", "cell()") + "\nneuron cell(i):\n    output i + j\n"
    assert check(text) == ["unknown-name 16"]


def test_a_mistake_in_the_network_is_not_repeated_for_what_is_learned(check):
    assert check(NET.replace("dense(hidden)", "conv(hidden, kernel = 3)")) == ["needs-space 5"]


def test_a_mistake_seen_from_two_experiments_is_said_once(check):
    text = NET.replace("0.1", '"a"') + "\nexperiment again = run with:\n    train.epochs = 3\n"
    assert check(text) == ["not-a-number 13"]


def test_the_same_words_at_two_places_are_one_diagnostic_with_two_places(tmp_path):
    path = tmp_path / "a.snc"
    path.write_text("snc 1\nneuron cell(i):\n    v = i + j\n    w = i - j\n    output v + w\n")
    (said,) = check_file(path)
    assert [label.text for label in said.related] == ["and here"]


def test_a_rule_is_looked_at_by_itself_when_the_experiment_cannot_be_built(check):
    text = NET.replace("dense(hidden)", "conv(hidden, kernel = 3)").replace("stllr()", "odd()")
    text += "\nrule odd():\n    gradient weight = signal * (pre + post)\n"
    assert check(text) == ["needs-space 5", "mixed-places 16"]


def test_a_mistake_found_in_the_library_is_one_of_the_call(check):
    text = NET.replace("lif()", "lif(theta = lif)")
    assert check(text) == ["not-a-value 5"]


def test_wrong_settings_are_all_found_beside_a_wrong_network(check):
    text = (
        NET.replace("dense(hidden)", "dense(2.5)")
        + "    train:\n        epochs = 0.5\n        batch  = 0\n"
    )
    assert check(text) == ["not-whole 5", "not-whole 15", "not-whole 16"]


def test_names_that_use_could_not_find_are_not_unknown_as_well(check):
    text = NET.replace("snc 1\n", "snc 1\nuse stllr.shd: cell\n").replace("lif()", "cell()")
    assert check(text) == ["not-in-file 2"]


def test_data_that_is_not_there_is_no_mistake(check):
    assert check(NET.replace("    loss", "    data    = shd()\n    loss")) == []


def test_the_length_of_a_step_is_read_from_the_pipeline(check):
    slow = NET.replace("lif()", "lif(leak = decay(20 ms))")
    assert check(slow) == ["no-dt 5"]
    assert check(slow.replace("    loss", "    data    = shd()\n    loss")) == []


@pytest.mark.parametrize(
    ("predict", "found"),
    [
        ("argmax(out)", []),
        ("argmax(onehot(label, 2))", ["predict-reads-label 12"]),
        ("argmax(late)", ["predict-reads-label 12"]),
        ("argmax(gradient(loss, out))", ["predict-reads-label 12"]),
        ("argmax(out + training * late)", []),
        ("argmax(where(training, late, out))", []),
        ("argmax(where(training, out, late))", ["predict-reads-label 12"]),
        ("argmax(where(length < 3, out, -out))", []),
    ],
)
def test_a_prediction_may_not_come_from_the_label(check, predict, found):
    text = NET.replace("    learn h ", f"    predict = {predict}\n    learn h ", 1)
    late = "    late = onehot(label, 2)[t-1]\n    loss"
    assert check(text.replace("    loss", late, 1)) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("dense(hidden)", "held_dropout(1.5) | dense(hidden)", "out-of-range 5"),
        ("dense(hidden)", "dense(hidden, init = gamma(-1, 2))", "out-of-range 5"),
        ("dense(hidden)", "dense(hidden, init = gamma(1, 0))", "out-of-range 5"),
        ("dense(hidden)", "dense(hidden, init = poisson(-1))", "out-of-range 5"),
        ("sgd(rate)", "adam(-1)", "out-of-range 13"),
        ("rate = 0.1", "rate = infinity", "out-of-range 13"),
        ("sgd(rate)", "sgd(rate, momentum = 2)", "out-of-range 13"),
        ("sgd(rate)", "adam(rate, betas = [0.9, 1])", "out-of-range 13"),
        ("sgd(rate)", "adam(rate, eps = -1)", "out-of-range 13"),
        ("sgd(rate)", "rmsprop(rate, decay = 1.5)", "out-of-range 13"),
        ("sgd(rate)", "sgd(rate, schedule = cosine(0 epochs))", "out-of-range 13"),
        ("sgd(rate)", "sgd(rate, schedule = cosine(9 epochs, floor = 2))", "out-of-range 13"),
        ("sgd(rate)", "sgd(rate, schedule = drops(0, 0.1))", "out-of-range 13"),
        ("sgd(rate)", "sgd(rate, schedule = plateau(loss, patience = -1))", "out-of-range 13"),
        ("dense(hidden)", "dense(true)", "not-whole 5"),
        ("dense(hidden)", "dense(hidden, norm = lif)", "bad-norm 5"),
        ("dense(hidden)", "dense(hidden, init = kaiming_uniform(fan = red))", "unknown-option 5"),
        ("dense(hidden)", "dense(hidden, init = kaiming_uniform(fan = 2))", "unknown-option 5"),
        ("x | dense", "5 | dense", "not-a-value 5"),
        ("x | dense(hidden)", "dense(2 * 2, 4)", "not-a-value 5"),
    ],
)
def test_a_number_that_makes_no_sense_is_said_to(check, old, new, found):
    assert old in NET
    assert check(NET.replace(old, new)) == [found]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("warp(x, x, outside = zero)", []),
        ("warp(x, x, outside = red)", ["unknown-option 5"]),
        ("warp(x, x, outside = 1)", ["unknown-option 5"]),
        ("conv(x, 3, 3, padding = same)", []),
        ("conv(x, 3, 3, padding = zero)", ["unknown-option 5"]),
        ("conv(x, 3, 3, padding = [1, 0])", []),
        ("conv(x, 3, 3, padding = [1, -1])", ["not-whole 5"]),
        ("conv(x, 3, 3, padding = [1, 2, 3])", ["bad-shape 5"]),
        ("conv(x, 3, 3, stride = [2, 1])", ["bad-geometry 5"]),
        ("conv(x, 3, 3, dilation = [1, 2])", ["bad-geometry 5"]),
    ],
)
def test_an_option_takes_its_own_words_only(check, call, found):
    text = f"snc 1\n\nnetwork n():\n    input x[2, 5, 5]\n    y = {call}\n"
    assert check(text) == found


@pytest.mark.parametrize(
    "new",
    ["sgd(0)", "sgd(0.1, momentum = 0)", "adam(1, betas = [0, 0.99], eps = 0)", "rmsprop(1, 1)"],
)
def test_the_ends_of_a_range_are_allowed(check, new):
    assert check(NET.replace("sgd(rate)", new)) == []


def test_a_padding_that_leaves_nothing_is_what_is_told(tmp_path):
    path = tmp_path / "a.snc"
    path.write_text(
        "snc 1\nnetwork n():\n    input x[2, 7, 5]\n    y = conv_transpose(x, 4, 3, padding = 5)\n"
    )
    (said,) = check_file(path)
    assert said.message == "a padding of 5 on both sides leaves nothing of 9 pixels"


def test_a_rate_set_elsewhere_is_told_there(check):
    text = NET + "\nexperiment again = run with:\n    train.optimiser.rate = -1\n"
    assert check(text) == ["out-of-range 16"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("weight", []),
        ("parameters", []),
        ("bias", ["not-a-parameter 18"]),
        ("wieght", ["not-a-parameter 18"]),
    ],
)
def test_a_signal_changes_parameters_that_it_has(check, target, found):
    text = NET.replace("backprop(loss)", "mine(label)", 1) + (
        "\nsignal mine(target):\n    y    = layer | dense(2)\n"
        "    loss = mean(cross_entropy(y, target))\n"
        f"    gradient y.{target} = gradient(loss, y.weight)\n    output gradient(loss, layer)\n"
    )
    assert check(text) == found


def test_an_experiment_without_network_is_there_to_be_derived_from(check):
    assert check("snc 1\n\nexperiment base:\n    loss = mean(cross_entropy(out, label))\n") == []


def test_settings_from_the_command_line_are_checked_too(check):
    assert check(NET, {"network.hidden": "2.5"}) == ["not-whole 5"]
    assert check(NET, {"network.hiden": "2"}) == ["unknown-argument 3"]
    assert check(NET, {"rate": "0.5", "train.epochs": "3"}) == []
    assert check(NET, {"rates": "0.5"}) == ["no-such-setting 3"]


def test_a_setting_need_fit_one_experiment_only(check):
    text = NET + "\nexperiment other:\n    network = net()\n    record h\n"
    assert check(text, {"rate": "0.5"}) == []


@pytest.mark.parametrize(
    "line",
    [
        "y = concat(y[t-1], x)",
        "y = y[t-1] | average_pool(2)",
        "y = softmax(y[t-1]) + x",
        "y = dot(y[t-1], m) + x",
        "y = dense(y[t-1], 4, self = false, fixed = true) + x",
        "y = sum(y[t-1], over = neuron) + x",
    ],
)
def test_a_state_is_read_before_its_shape_is_known(check, line):
    text = NET.replace("    h   = x", f"    constant m[4, 4] = normal(1)\n    {line}\n    h   = x")
    wrong = {"concat": ["never-settles 6"], "average_pool": ["needs-space 6"]}
    assert check(text) == next((said for word, said in wrong.items() if word in line), [])


# As a process -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (NET.replace("x |", "x + mean(label) |"), 5, "write `label y[3]` for 3 classes: then"),
        (NET + "\nrule r():\n    gradient weight = pre * label\n", 16, "give it to the rule as an"),
    ],
)
def test_label_outside_an_experiment_gets_a_hint(tmp_path, text, line, hint):
    (tmp_path / "spec.snc").write_text(text)
    (found,) = check_file(tmp_path / "spec.snc")
    assert (found.code, found.span.line) == ("unknown-name", line)
    assert found.help.startswith(hint)


def test_a_network_has_one_label(check):
    one = NET.replace("x[4]", "x[4]\n    label y[2]").replace("x |", "x + mean(y) |")
    assert check(one) == []
    for second, code in (("z[2]", "defined-twice 6"), ("z[3]", "defined-twice 6")):
        assert check(one.replace("y[2]", f"y[2]\n    label {second}")) == [code]
    assert check(one.replace("y[2]", "y[2]\n    label y[2]")) == ["defined-twice 6"]


def test_only_the_first_input_may_be_called_like_a_field_of_the_batch(check):
    second = NET.replace("x[4]", "x[4]\n    input {}[4]").replace("x |", "x + {} |")
    assert check(second.format("y", "y")) == []
    assert check(second.format("length", "length")) == ["reserved-word 5"]


SAME = (
    NET.replace("x[4]", "x[2, 7, 6]")
    .replace("x | dense(hidden)", "x + {}")  # only what has the same shape can be added
    .replace("h | dense", "h | flatten | dense")
)


@pytest.mark.parametrize("kernel", ["4", "[3, 2]", "2, dilation = 3", "2, stride = 2"])
def test_no_padding_keeps_the_size_under_an_even_kernel(check, kernel):
    assert check(SAME.format(f"conv(x, 2, {kernel}, padding = same)")) == ["bad-geometry 5"]


@pytest.mark.parametrize(
    "call", ["conv(x, 2, 3", "conv(x, 2, [5, 1]", "conv(x, 2, 3, dilation = 2",
             "conv(x, 2, 2, dilation = 2", "conv_transpose(x, 2, [3, 5]"],
)  # fmt: skip
def test_padding_that_is_same_keeps_the_size(check, call):
    assert check(SAME.format(f"{call}, padding = same)")) == []
    assert check(SAME.format(f"{call})")) != [], "without padding it is smaller or larger"


def snc(*given, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "snc", *map(str, given)],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_exit_codes_are_0_for_notes_and_1_for_mistakes():
    note = snc("check", "not-yet.snc", cwd=goldens.FOLDER)
    assert (note.returncode, "note[not-yet]" in note.stderr) == (0, True)
    wrong = snc("check", "not-whole.snc", cwd=goldens.FOLDER)
    assert (wrong.returncode, "error[not-whole]" in wrong.stderr) == (1, True)


def test_a_check_imports_nothing_that_only_a_run_needs():
    code = (
        "import sys; from snc.check import check_file; from pathlib import Path;"
        "check_file(Path('specs/stllr/shd.snc'));"
        "print([m for m in ('numba', 'h5py', 'matplotlib', 'tonic', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


FAMILY = """snc 1
network net(n, hidden):
    input x[n]
    constant bias[10] = normal(1)
    h   = x | dense(hidden) | lif(leak = 0.9, theta = 0.5)
    z   = h + bias
    out = z | dense(3)
experiment first:
    network = net(7, 10)
    loss    = mean(cross_entropy(out, label))
    learn h   by stllr(0.2, 0.75, -1, 1) from backprop(loss)
    learn out by descent(loss)
experiment second = first with:
    network = net(7, {hidden})
"""


def test_an_experiment_that_differs_in_numbers_is_checked_for_itself(tmp_path: Path) -> None:
    """What the first was found to be is tried for the second, and must not hide its mistakes."""
    path = tmp_path / "family.snc"
    path.write_text(FAMILY.format(hidden=10))
    assert check_file(path) == []
    path.write_text(FAMILY.format(hidden=12))
    (found,) = check_file(path)
    alone = tmp_path / "alone.snc"
    alone.write_text(FAMILY.format(hidden=12).replace("net(7, 10)", "net(7, 12)"))
    (same,) = check_file(alone)
    assert (found.code, found.message) == (same.code, same.message)
