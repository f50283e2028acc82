"""Spoken words in their folders: who says what, in which part; and the features of the library."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pipelines import pipe, step

from snc.data import prepare
from snc.data.fixtures.formats import write, write_wav
from snc.data.sources.spoken import WORDS
from snc.datasets import plan_of
from snc.diagnostics import DataError

REAL = Path(os.environ.get("SNC_DATA", "/nowhere"))  # before a fixture takes it away
FOLDER = "speech_commands_v0.02"


@pytest.fixture
def spoken(tmp_path):
    """Ann and Bob say some words; one of them none of the 35."""
    base = tmp_path / "SpeechCommands" / FOLDER
    for name in ("yes/ann_nohash_0", "yes/bob_nohash_0", "yes/ann_nohash_1", "no/bob_nohash_0",
                 "zebra/ann_nohash_0", "_background_noise_/hum"):  # fmt: skip
        write_wav(base / f"{name}.wav", [100, -200, 300])
    write(base / "testing_list.txt", b"yes/bob_nohash_0.wav\nyes/not_here_nohash_0.wav\n")
    write(base / "validation_list.txt", b"no/bob_nohash_0.wav\n")
    return tmp_path


def names(root, *words, **arguments):
    source = step("speech_commands", **arguments)
    found = prepare(pipe(source, *words, step("centre_pad", n=4)), root)
    return [name for name, _ in found.manifest.samples]


def test_recordings_in_order_with_the_classes_of_the_published_list(spoken):
    data = prepare(pipe(step("speech_commands"), step("centre_pad", n=4)), spoken)
    assert names(spoken) == [
        "no/bob_nohash_0.wav",
        "yes/ann_nohash_0.wav",
        "yes/ann_nohash_1.wav",
        "yes/bob_nohash_0.wav",
    ]
    assert data.labels.tolist() == [WORDS[2].index("no")] + [WORDS[2].index("yes")] * 3
    assert (len(WORDS[1]), len(WORDS[2]), WORDS[2][33]) == (30, 35, "yes")
    found = data.batch([0])[0]["input"][:, 0]
    assert found.tolist() == [v / 2**15 for v in (100, -200, 300, 0)]


def test_other_words_are_unknown_only_if_asked_for(spoken):
    assert "zebra/ann_nohash_0.wav" in names(spoken, unknown=True)
    data = prepare(pipe(step("speech_commands", unknown=True), step("centre_pad", n=4)), spoken)
    assert data.labels.max() == 35


def test_official_parts_and_speakers(spoken):
    assert names(spoken, step("official", part="test")) == ["yes/bob_nohash_0.wav"]
    assert names(spoken, step("official", part="valid")) == ["no/bob_nohash_0.wav"]
    train = ["yes/ann_nohash_0.wav", "yes/ann_nohash_1.wav"]
    assert names(spoken, step("official", part="train")) == train
    assert names(spoken, step("only", speaker="ann")) == train
    assert names(spoken, step("without", speaker="ann")) == [
        "no/bob_nohash_0.wav",
        "yes/bob_nohash_0.wav",
    ]
    with pytest.raises(DataError, match="leaves no sample"):
        names(spoken, step("only", speaker="eve"))


def test_what_knows_no_speaker_says_so(tmp_path):
    np.savez(tmp_path / "a.npz", input=np.ones((2, 3, 4)), label=[0, 1])
    with pytest.raises(DataError) as caught:
        prepare(pipe(step("npz", file="a.npz"), step("only", speaker="ann")), tmp_path)
    assert caught.value.code == "no-such-trait"


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "no wav file"), (b"RIFF1234", "no wav file"), (None, "8000 Hz")]
)
def test_a_file_that_is_no_such_sound(spoken, content, message):
    path = spoken / "SpeechCommands" / FOLDER / "no" / "bob_nohash_0.wav"
    if content is None:
        write_wav(path, [1, 2], rate=8000)
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        names(spoken)
    assert (caught.value.code, caught.value.place) == ("damaged-file", str(path))


def test_a_folder_without_the_lists_or_the_words(spoken, tmp_path):
    (spoken / "SpeechCommands" / FOLDER / "testing_list.txt").unlink()
    with pytest.raises(DataError, match=r"no `testing_list\.txt`"):
        names(spoken)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty/testing_list.txt", b"")
    with pytest.raises(DataError, match="no recordings"):
        names(tmp_path, folder="empty")
    with pytest.raises(DataError, match="no folder"):
        names(tmp_path, version=1)
    with pytest.raises(DataError, match="1 or 2"):
        names(tmp_path, version=3)


@pytest.mark.skipif(
    not (REAL / "speech_commands_sample").is_dir(), reason="SNC_DATA holds no sample of speech"
)
def test_real_recordings_have_the_published_parts_and_features():
    source = step("speech_commands", version=1, folder="speech_commands_sample")
    features = plan_of("speech").train.steps[4:]
    assert features[0].word == "centre_pad"
    sizes = {}
    for part in ("train", "valid", "test"):
        data = prepare(pipe(source, step("official", part=part), *features), REAL, classes=30)
        sizes[part] = len(data)
        assert data.shape == (120,)
        assert set(data.lengths.tolist()) == {101}
        found = data.batch(range(len(data)))[0]["input"]
        assert np.allclose(found.std((0, 1)), 1, atol=1e-3)
    assert sum(sizes.values()) == 300
    assert sizes["train"] > 150
