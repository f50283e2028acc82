"""Every stage as text."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from snc.diagnostics import BackendError, DataError
from snc.lang.parse import parse
from snc.passes import PASSES
from snc.show import show, tree
from snc.source import Source

CONFORMANCE = Path(__file__).parents[1] / "specs" / "conformance"
SPEC = CONFORMANCE / "stllr_recurrent_bp.snc"


def test_tokens_have_places_kinds_and_texts(tmp_path):
    path = tmp_path / "a.snc"
    path.write_text("snc 1\nfunction f(x) = x + 1\n")
    lines = show(path, stage="tokens").splitlines()
    assert lines[0].split() == ["1:1", "SNC", "'snc'"]
    assert re.fullmatch(r"2:10 +NAME +'f'", lines[4])


def test_the_syntax_tree_is_indented_and_short():
    text = "snc 1\nneuron n(i, leak = 0.5):\n    v = leak * v[t-1] + i\n    output v\n"
    assert tree(parse(Source("a.snc", text))).splitlines() == [
        "Spec   # line 1",
        "  version: '1'",
        "  declarations:",
        "    Component   # line 2",
        "      kind: 'neuron'",
        "      name: n",
        "      parameters: [Parameter(name = i), Parameter(name = leak, default = 0.5)]",
        "      body:",
        "        Definition(path = v, value = ((leak * v[(t - 1)]) + i))",
        "        Output(value = v)",
    ]


def test_the_model_is_the_resolved_experiment():
    text = show(SPEC, stage="model", settings={"train.update": "every step"})
    assert text.startswith("# stllr_recurrent_bp, resolved")
    assert "settings: train.update = every step" in text


def test_the_graph_as_built_and_after_passes():
    built = show(SPEC, stage="graph")
    assert "gradient(" in built
    lowered = show(SPEC, stage="graph", after="expand_gradients")
    assert "gradient(" not in lowered
    assert "project_x(" in lowered
    assert "project_w(" in show(SPEC, stage="graph", after="factorise")
    assert show(SPEC, stage="graph", after="all") == show(
        SPEC, stage="graph", after=PASSES[-1].__name__
    )


@pytest.mark.parametrize("name", sorted({p.__name__ for p in PASSES}))
def test_the_graph_after_every_pass(name):
    assert "output loss" in show(SPEC, stage="graph", after=name)


def test_program_and_kernel():
    assert show(SPEC, stage="program").startswith("program stllr_recurrent_bp, float32")
    assert "learn:" in show(SPEC, stage="kernel", backend="reference")


def test_mermaid_draws_states_as_boxes_and_delays_dashed():
    lines = [line.strip() for line in show(SPEC, stage="graph", format="mermaid").splitlines()]
    assert lines[0] == "flowchart LR"
    assert 'v_h_u["h.u"]' in lines
    assert 'v_h_in_weight[("h_in.weight")]' in lines
    assert "v_h_u -. t-1 .-> v_h_v" in lines
    assert "v_h_v --> v_h_u" in lines
    assert "v_h_in_stllr_e ==> v_h_in_weight" in lines
    names = {
        line.split("[")[0].split("(")[0].split("{")[0] for line in lines[1:] if ">" not in line
    }
    arrows = [re.split(r" (?:-->|==>|-\. t-1 \.->) ", line) for line in lines[1:] if ">" in line]
    assert arrows
    assert all(end in names for arrow in arrows for end in arrow)


def test_dot_draws_states_as_boxes():
    text = show(SPEC, stage="graph", format="dot")
    assert text.startswith("digraph step {")
    assert text.endswith("}")
    assert 'v_h_u [label="h.u", shape=box];' in text
    assert 'v_h_u -> v_h_v [style=dashed, label="t-1"];' in text


def test_svg_needs_graphviz_and_says_so(monkeypatch):
    if shutil.which("dot"):
        assert "<svg" in show(SPEC, stage="graph", format="svg")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendError, match="Graphviz"):
        show(SPEC, stage="graph", format="svg")


@pytest.mark.parametrize(
    ("asked", "code", "hint"),
    [
        ({"stage": "graph", "after": "factorize"}, "unknown-pass", "did you mean `factorise`?"),
        (
            {"stage": "graph", "format": "png"},
            "unknown-format",
            "there are text, dot, mermaid, svg",
        ),
        ({"stage": "model", "ptx": "sm_90"}, "only-kernels", "say `--stage kernel`"),
        ({"stage": "model", "format": "dot"}, "only-graphs", "say `--stage graph`"),
        (
            {"stage": "trees"},
            "unknown-stage",
            "there are tokens, ast, model, graph, program, kernel",
        ),
    ],
)
def test_what_cannot_be_shown(asked, code, hint):
    with pytest.raises(DataError) as caught:
        show(SPEC, **asked)
    assert (caught.value.code, caught.value.help) == (code, hint)
