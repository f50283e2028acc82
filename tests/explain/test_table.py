"""`snc explain --table`: cells are counts of the graph, and change when a rule does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from explain_specs import library_table

import snc.explain
from snc.diagnostics import DataError, SpecError
from snc.explain.table import COSTS
from snc.model.library import standard

SPECS = Path(__file__).parents[2] / "specs"
REFERENCE = SPECS / "certificates.snc"
SIZES = {"n0": 31, "n1": 37, "n2": 41, "n3": 43, "n4": 47, "C": 10, "B": 1, "T": 1}
WIDTHS = [37, 41, 43, 47, 53, 59]

TWO = """snc 1
network plain(leak = 0.9):
    input x[4]
    out = x | dense(3) | integrator(leak)

dataset recorded():
    train = npz("nowhere.npz")
    test  = npz("nowhere.npz")

experiment here:
    network = plain()
    loss    = mean(cross_entropy(out, label))
    learn out by descent(loss)

experiment away = here with:
    network = plain(decay(20 ms))
    data    = recorded()

experiment parts:
    loss = mean(cross_entropy(out, label))
"""


RECURRENT = """snc 1
network recurrent():
    input x[5]
    h_in  = dense(x, 4)
    h_rec = dense(h[t-1], 4)
    h     = h_in + h_rec | lif()
    out   = h | dense(3) | integrator()

experiment complete:
    network = recurrent()
    loss    = mean(cross_entropy(out, label))
    learn out by readout() from backprop(loss)
"""


@pytest.fixture(scope="module")
def library():
    rows, left_out = library_table()
    assert left_out == ()
    return {row.experiment: row for row in rows}


def row_of(path: Path, experiment: str):
    [row] = snc.explain.table(path, experiment)[0]
    return row


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The reference with a piece of text replaced."""
    text = REFERENCE.read_text()
    assert old in text
    path = tmp_path / "certificates.snc"
    path.write_text(text.replace(old, new))
    return path


def deeper(tmp_path: Path, layers: int) -> Path:
    """The reference with another number of hidden layers."""
    text = REFERENCE.read_text()
    numbers = range(1, layers + 1)

    def lines(first: str, other: str, last: str = "") -> str:
        made = [(first if k == 1 else other).format(k=k, j=k - 1, n=WIDTHS[k - 1]) for k in numbers]
        return "\n".join([*made, last.format(k=layers)] if last else made)

    parts = [
        lines("    h1    = x  | synapse | dense({n}, bias = true) | cell",
              "    h{k}    = h{j} | synapse | dense({n}, bias = true) | cell",
              "    out   = h{k} | dense(10, bias = true) | integrator(leak = 0.95)"),
        lines("    g1    = y  | dense({n}, fixed = true) | cell",
              "    g{k}    = g{j} | dense({n}, weights = h{k}) | cell"),
        lines("    t{k}    = trace(g{k}, 0.9)", "    t{k}    = trace(g{k}, 0.9)"),
        lines("    pull1 = contrast(trace(h1, 0.9), t1, trace(y, 0.9))",
              "    pull{k} = contrast(trace(h{k}, 0.9), t{k}, t{j})"),
    ]  # fmt: skip
    network = re.compile(r"    h1    = x .*?(?=\n\nexperiment)", re.DOTALL)
    made = network.sub("\n".join(parts), text, count=1)
    made = made.replace("h1..h4", f"h1..h{layers}")
    pulls = ", ".join(f"pull{k}" for k in numbers)
    made = made.replace("each [pull1, pull2, pull3, pull4]", f"each [{pulls}]")
    path = tmp_path / f"certificates_{layers}.snc"
    path.write_text(made)
    return path


def names(path: Path = REFERENCE) -> list[str]:
    return re.findall(r"^experiment (\w+)", path.read_text(), re.MULTILINE)


# The cells are counts


def test_every_rule_of_the_library_is_in_the_table(library):
    known = {d.name for d in standard() if d.kind == "rule"}
    shown = {row.rule for row in library.values()}
    assert known - shown == set()
    assert list(library) == names()


@pytest.mark.parametrize("name", names())
def test_the_polynomials_are_what_is_counted(library, name):
    [report] = snc.explain.reports(REFERENCE, name)
    [certificate] = [c for c in report.certificates if "h2" in c.projections]
    assert certificate.projections == library[name].layers == ("h1", "h2", "h3", "h4")
    work, kept = certificate.work, certificate.memory
    counts = {
        "memory": sum(k.count for k in (*kept.kept, *kept.tape)),
        "signal": work.signal + work.pairs,
        "synapses": work.synapses,
        "products": work.weights,
        "auxiliary": sum(m.shape[0] * m.shape[1] for m in kept.matrices),
    }
    assert {c: library[name].costs[c].total.at(SIZES) for c in COSTS} == counts
    assert sum(counts.values()) > 0


def test_four_layers_are_the_shipped_network(tmp_path):
    assert deeper(tmp_path, 4).read_text() == REFERENCE.read_text()


@pytest.mark.parametrize(
    "name", ["bptt", "eprop_random", "stllr", "tess", "stsf", "fptt", "traces_propagation"]
)
def test_what_is_said_of_l_layers_holds_for_six(tmp_path, library, name):
    six = row_of(deeper(tmp_path, 6), name)
    assert six.layers[-1] == "h6"
    at = {"L": 6, "n": 101, "C": 7, "B": 11, "T": 13}
    for cost in COSTS:
        told, counted = library[name].costs[cost], six.costs[cost]
        assert told.inner == counted.inner
        assert told.of_depth.at(at) == counted.total.plain().at(at)
        assert told.order == counted.order


def test_every_cost_of_the_reference_is_known_for_any_depth(library):
    for row in library.values():
        assert all(cost.inner is not None for cost in row.costs.values()), row.experiment


# Another rule has other cells


@pytest.mark.parametrize(
    ("name", "old", "new", "cost", "before", "after"),
    [
        ("eprop", "by eprop() from backprop", "by eprop(0.8) from backprop", "memory", "Ln", "Ln^2"),
        ("eprop_filtered", "by eprop(0.8) from backprop", "by eprop() from backprop", "memory",
         "Ln^2", "Ln"),
        ("stllr", "by stllr() from backprop(loss)", "by stllr() from target_feedback(target)", "signal",
         "Ln^2", "LCn"),
        ("tess", "from square_wave(label, 10, grid = 1)", "from backprop(loss)", "auxiliary", "LCn", "-"),
        ("ostl_soft", "network = reference()", "network = reference(lif_per_neuron)", "memory", "Ln",
         "Ln^2"),
        ("within_step", "by descent(loss)", "by through_time(loss)", "memory", "-", "TLn"),
    ],
)  # fmt: skip
def test_a_changed_rule_changes_its_cell(tmp_path, library, name, old, new, cost, before, after):
    path = changed(tmp_path, old, new)
    neuron = (
        "\nneuron lif_per_neuron(i):\n    parameter leak[i] = fill(0.9)\n    v = leak * v[t-1] + i\n"
        "    psi = triangle(v - 1)\n    s = spike(v > 1, slope = psi)\n    output s\n"
    )
    path.write_text(path.read_text() + neuron)
    assert library[name].costs[cost].order == before
    assert row_of(path, name).costs[cost].order == after


def test_a_factor_of_zero_halves_what_is_kept(library):
    halves = {n: library[n].costs for n in ("tess", "tess_causal")}
    assert [str(c["memory"].inner) for c in halves.values()] == ["2 n", "n"]
    assert [str(c["products"].inner) for c in halves.values()] == ["2 n^2", "n^2"]


def test_a_rule_that_peeks_in_one_layer_spoils_its_row(tmp_path):
    path = changed(
        tmp_path, "by ottt() from backprop(loss)", "by peek(h3) from target_feedback(target)"
    )
    peek = "\nrule peek(other):\n    gradient weight = signal * pre * mean(other, over = neuron)\n"
    path.write_text(path.read_text() + peek)
    verdicts = row_of(path, "ottt").locality
    assert (verdicts.space.grade, verdicts.unlocked.grade) == ("no", "no")
    assert verdicts.space.cause.values == ("h3",)


# Other specs


def test_pictures_are_counted_in_numbers():
    [row] = snc.explain.table(SPECS / "conformance" / "tess_local_apost_plus1.snc")[0]
    kept = 2 * 64 + 8 * 64 + 8 * 64 + 12 * 64 + 12 * 16 + 16 * 16
    assert row.costs["memory"].total.terms == (((), kept),)
    assert row.costs["memory"].order == f"{kept // 1000} {kept % 1000}"
    assert row.time.total.terms == (((), 2 * 4 * (8 * 16 + 12 * 4 + 16)),)


def test_one_hidden_layer_says_nothing_of_many():
    [row] = snc.explain.table(SPECS / "conformance" / "stllr_recurrent_bp.snc")[0]
    assert (row.layers, row.costs["memory"].order, row.time.order) == (("h",), "n", "Cn")
    assert str(row.costs["products"].total.plain()) == "4 n^2"


@pytest.mark.parametrize("signal", ["backprop(loss)", "target_feedback(onehot(label, 3))"])
def test_the_complete_jacobian_of_a_recurrent_layer(tmp_path, signal):
    # Apolinario and Roy 2025 (S-TLLR), Table 1, real-time recurrent learning: memory n^3, time n^4
    path = tmp_path / "complete.snc"
    path.write_text(RECURRENT + f"    learn h_in, h_rec by ostl_recurrent() from {signal}\n")
    row = row_of(path, "complete")
    assert (row.costs["memory"].order, row.time.order) == ("n^3", "n^4")
    # even with a signal of its own a layer needs all its recurrent weights
    assert "h_rec.weight" in row.locality.transport_free.cause.values
    assert (row.locality.time.grade, row.locality.space.grade) == ("yes", "no")


def test_layers_of_equal_size_share_a_symbol():
    row = row_of(Path(__file__).parents[2] / "examples" / "rules.snc", "rules")
    assert (str(row.costs["memory"].total), row.costs["memory"].inner) == ("4 n", None)


def test_what_cannot_be_built_here_is_left_out_with_its_reason():
    rows, left_out = snc.explain.table(SPECS / "user" / "etlp.snc")
    assert ([r.experiment for r in rows], left_out) == (["etlp_shd"], ())
    with pytest.raises(DataError) as caught:
        snc.explain.table(SPECS / "user" / "keyboard.snc")
    assert caught.value.code == "no-data"


def test_one_of_several_that_cannot_be_built_does_not_hide_the_others(tmp_path):
    path = tmp_path / "two.snc"
    path.write_text(TWO)
    rows, [(name, reason)] = snc.explain.table(path)
    assert (name, [r.experiment for r in rows]) == ("away", ["here"])
    assert "nowhere.npz" in reason
    assert f"left out: away: {reason}" in snc.explain.explain_table(path)[0]
    with pytest.raises(DataError):
        snc.explain.table(path, "away")


def test_a_call_is_shown_as_it_is_written(tmp_path):
    path = tmp_path / "calls.snc"
    call = "backprop(each [bold] | mean)"
    path.write_text(TWO.replace("by descent(loss)", f"by readout() from {call}", 1))
    path.write_text(path.read_text().replace("    learn", "    bold = loss\n    learn", 1))
    text = snc.explain.explain_table(path, "here")[0]
    assert "readout from backprop(each [bold] \\| mean)" in text


def test_a_mistake_is_a_mistake_in_a_table_too(tmp_path):
    path = changed(tmp_path, "by through_time(loss)", "by through_tim(loss)")
    with pytest.raises(SpecError) as caught:
        snc.explain.table(path)
    assert caught.value.diagnostics[0].code == "unknown-name"


def test_the_table_as_data_has_the_causes():
    data = snc.explain.explain_table(REFERENCE, "stllr")[1]
    assert json.loads(json.dumps(data)) == data
    [row] = data["rows"]
    assert (row["rule"], row["signal"], row["title"]) == ("stllr", "backprop(loss)", "S-TLLR")
    assert row["costs"]["memory"] == {"order": "Ln", "layer": {"n": 2}, "network": {"n": 8}}
    assert row["costs"]["time"]["network"] == {"n n": 3, "C n": 1}
    assert row["locality"]["space"]["values"] == [
        "out.weight",
        "h4.weight",
        "h3.weight",
        "h2.weight",
    ]
    [place] = row["locality"]["space"]["places"]
    assert place["text"] == "from backprop(loss)"
