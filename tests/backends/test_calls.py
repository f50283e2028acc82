"""What one compiled function serves: layers that differ in their sizes only share it, others do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from snc_cpu.calls import SPLIT, Piece, in_parts, task_of
from snc_cpu.module import emit_program

from snc.compile import program_of
from snc.model.library import choose, load_file
from snc.model.resolve import resolve

LAYERS = """snc 1
network net():
    input x[20]
    h1  = x  | dense(16, norm = standardise) | lif(leak = 0.8, theta = 0.4)
    h2  = h1 | dense({second}, norm = standardise) | lif(leak = 0.8, theta = 0.4)
    h3  = h2 | dense(9, {last}) | lif(leak = 0.8, theta = 0.4)
    out = h3 | dense(3)
experiment layers:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h1, h2, h3 by stllr(0.2, 0.75, -1, 1) from backprop(loss)
    learn out        by descent(loss)
    train:
        update    = every sequence
        optimiser = adam(1e-3)
"""


def tasks(folder: Path, second: int = 12, last: str = "norm = standardise") -> dict[str, str]:
    """The emitted functions of three layers, by name."""
    path = folder / "layers.snc"
    path.write_text(LAYERS.format(second=second, last=last))
    text = emit_program(program_of(resolve(choose(load_file(path), None)))[1]).text
    return {m[1]: m[0] for m in re.finditer(r"@task\ndef (\w+)\(.*?\n\n\n", text, re.DOTALL)}


def updates(found: dict[str, str]) -> list[str]:
    return [name for name in found if re.match(r"learn_update_g1_\d", name)]


def test_layers_of_different_sizes_share_their_update(tmp_path: Path) -> None:
    found = tasks(tmp_path)
    shared = [text for text in found.values() if "# 320, 192, 108" in text]
    assert any("learn_update" in text for text in shared)
    assert any("learn_refresh" in text for text in shared)
    assert "320" not in "".join(line.split("#")[0] for line in shared[0].splitlines())


def test_another_size_needs_no_other_function_and_another_layer_does(tmp_path: Path) -> None:
    alike, bare = updates(tasks(tmp_path)), updates(tasks(tmp_path, last="bias = true"))
    assert updates(tasks(tmp_path, second=14)) == alike
    assert len(bare) > len(alike)


def test_equal_numbers_stay_in_the_text() -> None:
    one = Piece(("x = array(memory, 6, F, (4,))", "x[0] = F(0.5)"), ("x",))
    other = Piece(("y = array(memory, 6, F, (7,))", "y[0] = F(0.5)"), ("y",))
    assert one.form == other.form
    text, calls = task_of("f", [one, other])
    assert "size_1 = number(memory, 7)  # 4, 7" in text
    assert "F(0.5)" in text
    assert [call.table[-2:] for call in calls] == [("x", 4), ("y", 7)]


@pytest.mark.parametrize(
    "changed",
    [
        ("x = array(memory, 6, F, (4,))", "x[0] = -F(0.5)"),
        ("x = array(memory, 6, D, (4,))", "x[0] = F(0.5)"),
        ("x = array(memory, 6, F, (4,))", "x[0] = F(5)"),
        ("x = array(memory, 6, F, (4,))", "x[0] = x[0] + F(0.5)"),
    ],
)
def test_other_text_is_another_form(changed: tuple[str, ...]) -> None:
    one = Piece(("x = array(memory, 6, F, (4,))", "x[0] = F(0.5)"), ("x",))
    assert one.form != Piece(changed, ("x",)).form


def test_the_same_names_in_another_order_are_another_form() -> None:
    one = Piece(("x[0] = y[0] - y[1]",), ("x", "y"))
    assert one.form == Piece(("y[0] = x[0] - x[1]",), ("y", "x")).form
    assert one.form != Piece(("x[0] = y[0] - x[1]",), ("x", "y")).form


LOOP = Piece(
    (
        "p = array(memory, 6, F, (12000,))",
        "u = array(memory, 7, F, (12000,))",
        "l = array(memory, 8, F, (12800,))",
        "for i in range(12000):",
        "    p[i] = p[i] - u[i]",
        "rows_to_panels(p, l, 0, 400, 400, 30, 16)",
    ),
    ("p", "u", "l"),
)


def test_a_long_loop_is_cut_where_rows_begin_and_each_part_lays_out_its_own() -> None:
    assert LOOP.loop() == 12000
    assert LOOP.unit() == 240
    part = LOOP.part(4800, 7200)
    assert part.lines[0] == "p = rows_from(memory, 6, F, (2400,), 4800)"
    assert part.lines[2] == LOOP.lines[2]
    assert part.lines[-1] == "rows_to_panels(p, l, 160, 80, 400, 30, 16)"
    long = Piece(tuple(re.sub(r"\b12000\b", "120000", line) for line in LOOP.lines), LOOP.arrays)
    ends = [int(p.lines[0].split(", ")[-1][:-1]) for p in in_parts([long], {})]
    assert len(ends) == 120000 // SPLIT
    assert all(end % 240 == 0 for end in ends)


def test_a_sum_is_set_to_0_in_the_loop_that_reads_it_last() -> None:
    made = LOOP.emptying("u")
    assert made is not None
    assert made.lines == (*LOOP.lines[:5], "    u[i] = 0.0", LOOP.lines[5])
    assert made.loop() == 12000
    assert LOOP.emptying("l") is None
    twice = Piece((*LOOP.lines, "x = row_sum(u)"), LOOP.arrays)
    assert twice.emptying("u") is None
