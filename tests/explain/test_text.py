"""What `snc explain` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snc.diagnostics import DataError, SpecError
from snc.explain import explain, explain_code, explain_data
from snc.explain.pages import pages

SPECS = Path(__file__).parents[2] / "specs"

STLLR = """\
experiment stllr_recurrent_bp   30 -> 24 recurrent -> 5   1 493 parameters   batch 32
forward   1 416 MAC per sample and step, dense
schedule  100 steps at a time, 20 of longer sequences: as many as fit; traces exchanged with the signal (exact)
buffers   1.07 MB for T = 20 and any T above 100, at most 4.03 MB, at 100 (cpu, float32, batch 32)

rule stllr on h_in, h_rec   from backprop(loss)   stllr_recurrent.snc:15
  local in time    yes   reads this step and the one before
  transport-free   no    its signal reads `out.weight`              stllr_recurrent.snc:15  from backprop(loss)
  update-unlocked  no    its signal reads `out`, after this layer   stllr_recurrent.snc:15  from backprop(loss)
                                                                    stllr_recurrent.snc:14  cross_entropy(out, label)
  local in space   no    its signal reads `out.weight`              stllr_recurrent.snc:15  from backprop(loss)
  across samples   no    every sample learns by itself
  memory           O(n)  keeps p (30 + 24) and q (24) per sample; nothing per synapse; the same for any T
  eligibility      post.psi x p  +  q[t-1] x pre   times the signal
  work             2 712 MAC per sample and step, dense: signal 120, weight products 2 592
  update           every sequence
  arguments        lambda_post = 0.5, lambda_pre = 1, alpha_post = 1, alpha_pre = 1

rule readout on out   from backprop(loss)   stllr_recurrent.snc:16
  local in time    yes   reads this step and the one before
  transport-free   yes   no weight of the network carries a signal backward
  update-unlocked  yes   reads nothing that is computed after this layer
  local in space   yes   reads only its pre, its post, its own layer and labels
  across samples   no    every sample learns by itself
  memory           O(n)  keeps p (24) per sample; nothing per synapse; the same for any T
  eligibility      p   times the signal
  work             120 MAC per sample and step, dense: weight products 120
  update           every sequence
  arguments        lambda = 0.99

all rules   2 832 MAC per sample and step that learns; 102 values per sample"""


def test_the_certificate_of_a_recurrent_network(monkeypatch):
    monkeypatch.chdir(SPECS / "conformance")
    assert explain("stllr_recurrent_bp.snc") == STLLR


@pytest.mark.parametrize(
    "path", sorted((SPECS / "conformance").glob("*_*.snc")), ids=lambda p: p.stem
)
def test_every_conformance_spec_has_a_certificate(path):
    if not any(
        line.startswith(f"experiment {path.stem}") for line in path.read_text().splitlines()
    ):
        pytest.skip("shared parts only")
    text, data = explain(path), explain_data(path)
    assert text.startswith(f"experiment {path.stem}")
    assert "None" not in text
    assert json.loads(json.dumps(data)) == data
    for rule in data["phases"][0]["rules"]:
        for verdict in rule["locality"].values():
            assert verdict["grade"] in ("yes", "no", "broadcast")
            assert "cause" not in verdict or verdict["places"]


def test_settings_change_the_certificate():
    path = SPECS / "conformance" / "tess_local_apost_plus1.snc"
    assert "post.psi x p   times the signal\n" in explain(path, settings={"alpha_post": "0"})
    assert "every step" in explain(path, settings={"train.update": "every step"})


def test_phases_are_explained_one_after_the_other():
    data = explain_data(SPECS / "tp" / "speech.snc", "speech_finetuned")
    assert [p["experiment"] for p in data["phases"]] == [
        "speech_finetuned.pretrain",
        "speech_finetuned.finetune",
    ]


def test_a_wrong_spec_is_a_spec_error(tmp_path):
    path = tmp_path / "wrong.snc"
    path.write_text("snc 1\nexperiment wrong:\n    network = nothing()\n")
    with pytest.raises(SpecError):
        explain(path)


def test_missing_data_is_said_where_the_text_is_not_enough():
    with pytest.raises(DataError):
        explain(SPECS / "user" / "keyboard.snc", "mine")


def test_the_page_of_a_code():
    assert explain_code("empty-file").startswith("empty-file\n\n")
    assert len(pages()) > 20
    with pytest.raises(DataError) as caught:
        explain_code("empty-fil")
    assert caught.value.help == "did you mean `empty-file`?"


def test_the_schedule_says_why_nothing_is_exchanged_at_every_step():
    text = explain(SPECS / "conformance" / "stllr_recurrent_bp_online.snc")
    assert "\nschedule  one step at a time: weights change at every step\n" in text


def test_what_only_the_reference_runs_is_told_before_a_run(tmp_path):
    text = (
        "snc 1\nnetwork n():\n    input x[4]\n    h = x | dense(3) | lif()\n    out = h | dense(2)\n"
        "experiment e:\n    network = n()\n    loss = mean(cross_entropy(out, label))\n"
        "    learn h by through_time(loss)\n    learn out by descent(loss){update}\n"
    )
    path = tmp_path / "e.snc"
    path.write_text(text.format(update=" update every step"), encoding="utf-8")
    told = explain(path)
    assert "\nbackends  reference only: " in told
    assert "several schedules; give all of it the same `update`\n" in told
    path.write_text(text.format(update=""), encoding="utf-8")
    assert "reference only" not in explain(path)
