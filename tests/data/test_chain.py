"""Pipelines that make no sense are refused before anything is read; the words of the language."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pipelines import ms, pipe, step, steps

from snc.data import WORDS, describe, prepare
from snc.data.chain import chain_of
from snc.diagnostics import DataError
from snc.model.plan import Pipeline, Step
from snc.resources import data_dir

EVENTS = step("tonic", name="NMNIST", part="train")
FRAMES = step("frames", window=ms(10))


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ((), "no-source", "empty"),
        ((FRAMES,), "no-source", "`frames` needs a source"),
        ((EVENTS, EVENTS), "wrong-order", "is a source"),
        ((EVENTS,), "no-frames", "ends with events"),
        ((EVENTS, step("shuffle")), "no-frames", "ends with events"),
        ((EVENTS, step("flatten")), "wrong-order", "takes frames, these are events"),
        ((EVENTS, step("random_flip")), "wrong-order", "takes frames, these are events"),
        ((EVENTS, FRAMES, step("slices", duration=ms(1))), "wrong-order", "takes events"),
        ((EVENTS, FRAMES, FRAMES), "wrong-order", "takes events"),
        ((EVENTS, step("farmes", window=ms(1))), "unknown-word", "farmes"),
        ((EVENTS, step("frames", windw=ms(1))), "unknown-argument", "windw"),
        ((EVENTS, FRAMES, step("repeat", duration=steps(2))), "not-an-image", "sequences"),
        ((EVENTS, FRAMES, step("flatten"), step("random_flip")), "no-space", "height and width"),
    ],
)
def test_pipelines_that_make_no_sense(words, code, text):
    with pytest.raises(DataError, match=text) as caught:
        describe(pipe(*words), None)
    assert caught.value.code == code
    assert caught.value.place == ("toy.snc:2" if words else "")


def test_a_near_miss_is_suggested():
    with pytest.raises(DataError) as caught:
        describe(pipe(EVENTS, step("farmes", window=ms(1))), None)
    assert caught.value.help == "did you mean `frames`?"
    with pytest.raises(DataError) as caught:
        describe(pipe(EVENTS, step("frames", windw=ms(1))), None)
    assert caught.value.help == "did you mean `window`?"


def test_a_step_that_was_written_nowhere_has_no_place():
    with pytest.raises(DataError) as caught:
        describe(Pipeline((Step("nothing"),)), None)
    assert caught.value.place == ""


def test_every_word_of_the_shipped_data_sets_is_known_with_its_arguments():
    text = (data_dir("specs") / "std" / "datasets.snc").read_text(encoding="utf-8")
    text = re.sub(r"#.*|^ +\".*|\"Mel.*", "", text, flags=re.M)
    bare = set(re.findall(r"\|\s*(\w+)", text))
    called = re.findall(r"(\w+)\(([^()]*)\)", text)
    own = set(re.findall(r"^(?:dataset|function) (\w+)", text, re.M))
    own |= set(re.findall(r"^ {4}(\w+)\s+=", text, re.M))
    used = (bare | {name for name, _ in called}) - own
    assert used <= set(WORDS)
    for name, arguments in called:
        if name in WORDS:
            given = set(re.findall(r"(\w+) = ", arguments))
            assert given <= {a.name for a in WORDS[name].arguments}, name


def test_words_have_a_kind_and_defaults_only_where_they_may_be_left_out():
    kinds = {"source", "events", "frames", "selection", "drawn"}
    for word in WORDS.values():
        assert word.kind in kinds
        assert word.summary
        for argument in word.arguments:
            assert not (argument.needed and argument.default is not None)
            assert (
                argument.default is None
                or not argument.options
                or (argument.default in argument.options)
            )


def test_fields_of_recordings_survive_the_steps(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3, 4)), label=[0, 1], m=np.ones((2, 3)))
    words = (step("npz", file="a.npz", mask="m"), step("divide", by=2), step("first", n=2))
    assert describe(pipe(*words), tmp_path).fields == ("input", "label", "mask")
    fields, _, lengths = prepare(pipe(*words), tmp_path).batch([0, 1])
    assert lengths.tolist() == [2, 2]
    assert fields["mask"].shape == (2, 2)


def test_the_libraries_of_the_source_and_of_the_steps_are_part_of_an_entrys_name():
    quirk = step("resize", size=4, antialias=True, premultiplied=True)
    found = chain_of(pipe(EVENTS, FRAMES, quirk), None, None).versions
    assert [v.split()[0] for v in found] == ["tonic", "pillow"]
    assert all(v.split()[1][0].isdigit() for v in found)
