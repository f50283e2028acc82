"""The pipelines of the papers on a few events, against what their loaders' rules give by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pipelines import pipe
from recordings import write_cochlea, write_gestures, write_objects, write_saccades

from snc.data import prepare
from snc.data.fixtures import formats
from snc.datasets import plan_of


def prepared(root, name, part="train"):
    return prepare(getattr(plan_of(name), part), root, dt=1e-3)


def where(values):
    """Places and values of what is not zero."""
    return {tuple(int(i) for i in at): float(values[tuple(at)]) for at in np.argwhere(values)}


def test_saccades_give_windows_from_the_first_event_flat_and_padded(tmp_path):
    """x, y, microseconds, polarity; place = 1156 polarity + 34 y + x."""
    long = [(1, 2, 500, 1), (1, 2, 1499, 1), (3, 0, 1500, 0), (0, 0, 2600, 1), (9, 9, 100_000, 1)]
    short = [(33, 33, 50, 1), (0, 0, 1050, 0), (0, 0, 1080, 0)]
    write_saccades(tmp_path, "Train", {"4/00001": long, "7/00002": short})
    data = prepared(tmp_path, "nmnist")
    fields, labels, lengths = data.batch([0, 1])
    assert (labels.tolist(), lengths.tolist()) == ([4, 7], [2, 1])
    # the first saccade ends at 100 ms; windows 500-1500, 1500-2500; 2600 is in the incomplete rest
    assert where(fields["input"][:, 0]) == {(0, 1156 + 34 * 2 + 1): 2, (1, 3): 1}
    # 50-1050; the second window would end at 2050, after the last event
    assert where(fields["input"][:, 1]) == {(0, 1156 + 34 * 33 + 33): 1}
    clean, *_ = prepared(tmp_path, "nmnist_clean").batch([0, 1])
    assert clean["input"].shape == (100, 2, 2312)
    assert where(clean["input"][:, 0]) == {
        (0, 1156 + 69): 1,
        (1, 1156 + 69): 1,
        (1, 3): 1,
        (2, 1156): 1,
    }


def test_cochlea_recordings_are_cut_to_a_second_and_lose_their_last_bin(tmp_path):
    times = [[0.25, 0.2578125, 0.26171875, 0.5, 1.2421875, 1.25], [0.0, 0.015625, 0.03125]]
    units = [[7, 7, 699, 3, 1, 2], [0, 1, 2]]
    write_cochlea(tmp_path, "train", times, units, [19, 0])
    data = prepared(tmp_path, "shd")
    fields, labels, lengths = data.batch([0, 1])
    # from 0.25 s on: the second ends before 1.25 s; the last event is at 992.1875 ms, so 99 whole
    # windows of 10 ms, which it is not in
    assert lengths.tolist() == [99, 3]
    assert where(fields["input"][:, 0]) == {(0, 7): 2, (1, 699): 1, (25, 3): 1}
    assert where(fields["input"][:, 1]) == {(0, 0): 1, (1, 1): 1}
    assert labels.tolist() == [19, 0]
    whole = prepared(tmp_path, "shd_whole").batch([0])[0]["input"][:, 0]
    assert where(whole) == {(0, 7): 2, (1, 699): 1, (25, 3): 1, (99, 1): 1}
    clean = prepared(tmp_path, "shd_clean").batch([0])[0]["input"][:, 0]
    assert where(clean) == {(25, 7): 2, (26, 699): 1, (50, 3): 1}


def block(x, y, count, time, polarity):
    return [(x, y, time, polarity)] * count


def test_gestures_are_sliced_framed_resized_and_rounded(tmp_path):
    """128 to 32 by a triangle 4 wide to each side: a place weighs 4 - distance, over the sum."""
    first = block(0, 0, 100, 0, 0) + block(64, 64, 300, 80_000, 1)
    first += block(64, 64, 3, 1_500_000, 1)
    second = block(1, 1, 1, 1_575_000, 1) + block(9, 9, 1, 3_150_000, 1)
    write_gestures(tmp_path, "Train", {"user01_lab/3": first + second})
    write_gestures(tmp_path, "Test", {"user24_lab/3": first + second})
    data = prepared(tmp_path, "gesture")
    # [0, 1575) and [1575, 3150) ms; the event at 3150 ms is outside. The first slice lasts until
    # 1500 ms: 20 whole frames of 75 ms, the last ending there. The second has one event: one frame.
    fields, _, lengths = data.batch([0, 1])
    assert lengths.tolist() == [20, 1]
    found = fields["input"][:, 0]
    # Place 0 is 1.5 from the middle of pixel 0, whose places weigh 2.5, 3.5, 3.5, 2.5, 1.5, 0.5;
    # place 64 is 2.5 from that of pixel 15 and 1.5 from that of pixel 16, whose places weigh 16.
    corner, middle = np.zeros((32, 32)), np.zeros((32, 32))
    corner[0, 0] = round(100 * (2.5 / 14) ** 2)
    middle[15:17, 15:17] = [
        [round(300 * 1.5 * 1.5 / 256), round(300 * 1.5 * 2.5 / 256)],
        [round(300 * 2.5 * 1.5 / 256), round(300 * 2.5 * 2.5 / 256)],
    ]
    assert (corner.max(), middle.max()) == (3, 7)
    assert np.array_equal(found[0], np.stack([corner, np.zeros((32, 32))]))
    assert np.array_equal(found[1], np.stack([np.zeros((32, 32)), middle]))
    assert not found[2:].any(), "three events at one place are rounded away"
    assert not fields["input"][1:, 1].any(), "zeros after a sample's end"
    clean = prepared(tmp_path, "gesture_clean").batch([0])[0]["input"][:, 0]
    assert clean[1, 1].sum() == pytest.approx(300 / 16, rel=1e-5)
    test = prepared(tmp_path, "gesture", "test").batch([0])[0]["input"][:, 0]
    assert test.shape == (42, 2, 32, 32), "not sliced: 3150 ms"
    augmented = [data.batch([0], training=True, epoch=k)[0]["input"][1, 0, 1] for k in range(12)]
    moved = {tuple(np.argwhere(a == 7)[0]) for a in augmented}
    assert moved <= {(16 + dy, 16 + dx) for dy in range(-4, 5) for dx in range(-4, 5)}
    assert len(moved) > 6


def test_the_other_loader_of_gestures_keeps_the_last_frame_and_does_not_smooth(tmp_path):
    rows = block(0, 0, 40, 0, 0) + block(65, 65, 100, 80_000, 1) + block(64, 64, 3, 1_574_000, 1)
    write_gestures(tmp_path, "Train", {"user01_lab/3": rows})
    found = prepared(tmp_path, "gesture_21").batch([0])[0]["input"][:, 0]
    assert found.shape == (21, 2, 32, 32)
    # pixel 16 lies between places 65 and 66: half of each, in both axes
    assert where(found[1]) == {(1, 16, 16): 25}
    assert not found[0].any(), "place 0 is between no two that are read (1 and 2)"


def write_photographs(root, recordings):
    for name, events in recordings.items():
        path = root / "CIFAR10DVS" / f"{name}.aedat4"
        formats.write(path, formats.aedat4(events, 128, 128))


def rectangle(left, top, width, height, time, polarity):
    places = [(left + x, top + y) for y in range(height) for x in range(width)]
    return [(x, y, time, polarity) for x, y in places]


def test_photographs_in_ten_frames_of_equal_count_with_the_two_quirks(tmp_path):
    """12,809 events: frames of 1,280, the last of 1,289. Counts 1, 2, 3 become 255, 254, 253."""
    rows = [e for k in range(9) for e in rectangle(0, 0, 80, 16, k, 1)]
    rows += 3 * rectangle(64, 64, 16, 16, 20, 1) + 2 * rectangle(64, 64, 16, 16, 21, 0)
    rows += rectangle(120, 120, 3, 3, 22, 1)
    names = [f"bird/bird_{k}" for k in range(10)]
    write_photographs(tmp_path, dict.fromkeys(names, rows))
    data, test = prepared(tmp_path, "cifar10_dvs"), prepared(tmp_path, "cifar10_dvs", "test")
    assert (len(data), len(test)) == (9, 1)
    assert data.manifest.samples[0][0] == "bird/bird_0.aedat4"
    assert test.manifest.samples == [["bird/bird_9.aedat4", 2]]
    found = test.batch([0])[0]["input"][:, 0]
    assert found.shape == (10, 2, 48, 48)
    mean, deviation = np.array([0.2728, 0.1295]), np.array([0.2225, 0.1290])
    assert found[0, :, 40, 40] == pytest.approx(-mean / deviation, rel=1e-5)
    raw = np.round((np.moveaxis(found, 1, -1) * deviation + mean) * 255)
    # places 0 to 79 and 0 to 15 are pixels 0 to 29 and 0 to 5; channel 0 is empty
    for frame in raw[:9]:
        assert (frame[:5, :29, 1] == 255).all()
        assert not frame[:, :, 0].any()
        assert not frame[8:].any()
    # In the middle of the square, channel 1 is 253. Channel 0, 254, is 254 x 253 / 255 = 252 while
    # it is resized, then 255 x 252 / 253, cut: 253.
    assert raw[9, 27, 27].tolist() == [253, 253]
    # at its edge channel 1 fades, and channel 0 does not, but for what bytes round
    edge = raw[9, 27, 23:32]
    assert edge[0, 1] < 100 < edge[1, 1] <= 253
    assert (edge[:8, 0] > 250).all()
    assert raw[9, 45, 45, 1] > 100, "the remainder is in the last frame"


def test_the_clean_photographs_have_frames_of_equal_time(tmp_path):
    rows = [(127, 0, 7, 1), (127, 0, 17, 1), (0, 127, 27, 0), (0, 127, 113, 0)]
    write_photographs(tmp_path, {f"ship/ship_{k}": rows for k in range(10)})
    found = prepared(tmp_path, "cifar10_dvs_clean", "test").batch([0])[0]["input"][:, 0]
    # 106 us in 10 windows of 10; corners keep their place and value; the last event is lost
    assert found.shape == (10, 2, 48, 48)
    corners = {(0, 1, 0, 47): 1.0, (1, 1, 0, 47): 1.0, (2, 0, 47, 0): 1.0}
    assert where(found) == corners


def test_objects_stand_on_one_sensor_and_are_split_at_random(tmp_path):
    """180 x 240 to 45 x 60, antialiased; the recordings' coordinates begin at 0."""
    rows = [(12, 22, 0, 1)] + [(14, 24, 40_000, 1)] * 200 + [(10, 20, 70_000, 0)]
    write_objects(tmp_path, {f"ant/image_{k:04d}": rows for k in range(10)})
    train, test = prepared(tmp_path, "ncaltech101"), prepared(tmp_path, "ncaltech101", "test")
    assert (len(train), len(test)) == (9, 1)
    paths = [path for path, _ in train.manifest.samples + test.manifest.samples]
    assert len(set(paths)) == 10
    found = train.batch([0])[0]["input"][:, 0]
    assert found.shape == (2, 2, 45, 60)
    # 200 events at (4, 4) once the recording begins at 0: 2.5 from the middle of pixel 0, whose
    # places weigh 14, and 1.5 from that of pixel 1, whose places weigh 16
    expected = {
        (1, 1, 0, 0): round(200 * (1.5 / 14) ** 2),
        (1, 1, 0, 1): round(200 * (1.5 / 14) * (2.5 / 16)),
        (1, 1, 1, 0): round(200 * (1.5 / 14) * (2.5 / 16)),
        (1, 1, 1, 1): round(200 * (2.5 / 16) ** 2),
    }
    assert where(found) == expected


def test_colour_images_are_scaled_after_they_are_augmented(tmp_path):
    pixels = np.full((1, 3072), 255, np.uint8)
    for k in range(1, 6):
        content = formats.batch_pickle({"labels": [k], "data": pixels})
        formats.write(tmp_path / "cifar-10-batches-py" / f"data_batch_{k}", content)
    data = prepared(tmp_path, "cifar")
    mean, deviation = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])
    white, black = (1 - mean) / deviation, -mean / deviation
    still = data.batch([0])[0]["input"]
    assert still.shape == (6, 1, 3, 32, 32)
    assert still[5, 0, :, 9, 9] == pytest.approx(white, rel=1e-5)
    colours = set()
    for epoch in range(8):
        found = data.batch([0], training=True, epoch=epoch)[0]["input"]
        assert (found == found[:1]).all(), "the same at all steps"
        pixel = found[0, 0].reshape(3, -1).T
        back = np.round((pixel * deviation + mean) * 255).astype(int)
        colours |= {tuple(c) for c in back.tolist()}
    # white, the zeros around it, and the rectangles: red of some strength
    assert {(255, 255, 255), (0, 0, 0)} <= colours
    rest = colours - {(255, 255, 255), (0, 0, 0)}
    assert rest
    assert all(g == b == 0 for _, g, b in rest)
    assert black[0] < 0


def test_sounds_become_features_of_101_frames(tmp_path):
    """A click in the middle of silence: all power in the frames around it, and none elsewhere."""
    base = tmp_path / "speech_commands_v0.02"
    sound = np.zeros(16_000)
    sound[8_000] = 12_000
    formats.write_wav(base / "yes/ann_nohash_0.wav", sound)
    formats.write(base / "validation_list.txt", b"")
    formats.write(base / "testing_list.txt", b"")
    steps = plan_of("speech_clean").train.steps
    source, upto_share = steps[0], steps[: [s.word for s in steps].index("log1p_of_share") + 1]
    assert source.word == "speech_commands"
    found = prepare(pipe(*upto_share), tmp_path).batch([0])[0]["input"][:, 0]
    assert found.shape == (101, 40)
    # the click is in the middle of frame 50 (window 1) and 160 samples from that of 49 and 51
    # (window 0.5 - 0.5 cos(2 pi 80 / 480) = 0.25); a click has the same power at all frequencies
    assert sorted({int(t) for t, _ in np.argwhere(found > 1e-9)}) == [49, 50, 51]
    ratio = np.expm1(found[49]) / np.expm1(found[50])
    assert ratio == pytest.approx(0.25**2, rel=1e-4)
    whole = prepared(tmp_path, "speech_clean").batch([0])[0]["input"][:, 0]
    assert whole.shape == (101, 120)
    assert whole.std(0) == pytest.approx(1, rel=1e-4)
