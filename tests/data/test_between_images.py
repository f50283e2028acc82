"""A moving camera's files: events between images, the images, and the way each place goes meanwhile."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from pipelines import pipe, step

from snc.data import describe, prepare
from snc.diagnostics import DataError

HEIGHT, WIDTH = 260, 346
FRAMES = step("frames_by_count", n=2)


def write(folder, name="indoor_1", images=4, flow=None, events=None, flow_times=None):
    """Images at 0, 1, 2, ... s; flow from -0.5 s on, every second."""
    folder.mkdir(exist_ok=True)
    if events is None:
        events = [(10 + k, 20, k + 0.5, (-1) ** k) for k in range(images - 1)]
    with h5py.File(folder / f"{name}_data.hdf5", "w") as file:
        left = file.create_group("davis/left")
        left["events"] = np.array(events, float)
        grey = np.arange(images, dtype=np.uint8)[:, None, None]
        left["image_raw"] = np.broadcast_to(grey, (images, HEIGHT, WIDTH))
        left["image_raw_ts"] = np.arange(images) * 1.0
    with h5py.File(folder / f"{name}_gt.hdf5", "w") as file:
        left = file.create_group("davis/left")
        maps = np.zeros((images + 1, 2, HEIGHT, WIDTH)) + np.reshape([2.0, -4.0], (2, 1, 1))
        left["flow_dist"] = maps if flow is None else flow
        left["flow_dist_ts"] = np.arange(images + 1) - 0.5 if flow_times is None else flow_times
    return folder


def read(root, *words, name="indoor_1", **arguments):
    source = step("mvsec_files", rest=(name,), **arguments)
    return prepare(pipe(source, *(words or (FRAMES,))), root)


def test_a_sample_is_what_lies_between_two_images(tmp_path):
    events = [(3, 1, 0.0, 1), (3, 1, 0.2, 1), (345, 259, 0.9, -1), (4, 2, 1.0, 1), (4, 2, 1.1, 1)]
    write(tmp_path / "any", events=events)
    data = read(tmp_path)
    assert len(data) == 2, "the last pair has no events"
    fields, labels, lengths = data.batch([0, 1])
    assert labels is None
    assert lengths.tolist() == [2, 2]
    # 3 events in 2 frames: 1, and the rest; polarity -1 is channel 0
    assert np.argwhere(fields["input"][:, 0]).tolist() == [
        [0, 1, 1, 3],
        [1, 0, 259, 345],
        [1, 1, 1, 3],
    ]
    assert fields["input"][0, 1, 1, 2, 4] == 1
    assert fields["grey_first"].shape == (2, 1, HEIGHT, WIDTH)
    assert fields["grey_first"][:, 0, 0, 0].tolist() == [0, 1]
    assert fields["grey_second"][:, 0, 0, 0].tolist() == [1, 2]
    assert fields["flow"].shape == (2, 2, HEIGHT, WIDTH)
    assert fields["valid"].shape == (2, HEIGHT, WIDTH)
    assert np.argwhere(fields["valid"][0]).tolist() == [[1, 3], [259, 345]]


def test_fields_and_their_shapes_are_known_without_the_files():
    found = describe(
        pipe(step("mvsec_files", rest=("x",)), FRAMES, step("centre_crop", size=64)), None
    )
    assert found.fields == ("input", "grey_first", "grey_second", "flow", "valid")
    assert found.shapes == {
        "input": (2, 64, 64),
        "grey_first": (1, 64, 64),
        "grey_second": (1, 64, 64),
        "flow": (2, 64, 64),
        "valid": (64, 64),
    }


def test_the_flow_between_images_is_their_share_of_the_intervals(tmp_path):
    flow = np.zeros((5, 2, HEIGHT, WIDTH))
    flow[:, 0] = np.reshape([2, 6, 10, 0, 0], (5, 1, 1))
    write(tmp_path / "a", flow=flow)
    fields, *_ = read(tmp_path).batch([0, 1])
    assert fields["flow"][:, 0, 100, 100].tolist() == [(2 + 6) / 2, (6 + 10) / 2]
    assert not fields["flow"][:, 1].any()
    # one long interval: a quarter of it
    write(tmp_path / "a", flow=flow[:3], flow_times=[-1.0, 3.0, 7.0])
    assert read(tmp_path).batch([0])[0]["flow"][0, 0, 0, 0] == 0.5


def test_a_place_is_carried_along_and_takes_the_flow_where_it_is_then(tmp_path):
    flow = np.zeros((5, 2, HEIGHT, WIDTH))
    flow[0, 0] = 20  # 10 to the right in half an interval ...
    flow[1, 1, :, 50] = 8  # ... where it goes down, in one column only
    write(tmp_path / "a", flow=flow)
    found = read(tmp_path).batch([0])[0]["flow"][0]
    assert found[:, 7, 40].tolist() == [10, 4]
    assert found[:, 7, 50].tolist() == [10, 0]
    assert found[:, 7, 340].tolist() == [10, 0], "what leaves the picture keeps what it had"


def test_places_without_a_flow_are_not_valid(tmp_path):
    flow = np.full((5, 2, HEIGHT, WIDTH), 1.0)
    flow[:, :, 20, 10] = 0
    flow[:, :, 20, 11] = np.nan
    events = [(x, 20, 0.1, 1) for x in (10, 11, 12)]
    write(tmp_path / "a", flow=flow, events=events)
    fields, *_ = read(tmp_path).batch([0])
    assert np.argwhere(fields["valid"][0]).tolist() == [[20, 12]]
    assert np.isfinite(fields["flow"]).all()


def test_the_bonnet_of_the_car_does_not_count(tmp_path):
    events = [(5, 191, 0.1, 1), (5, 192, 0.2, 1)]
    write(tmp_path / "a", "outdoor_9", events=events)
    write(tmp_path / "a", "indoor_9", events=events)
    road = read(tmp_path, name="outdoor_9").batch([0])[0]["valid"][0]
    room = read(tmp_path, name="indoor_9").batch([0])[0]["valid"][0]
    assert np.argwhere(road).tolist() == [[191, 5]]
    assert np.argwhere(room).tolist() == [[191, 5], [192, 5]]


def test_start_and_stop_select_images_and_the_flow_must_cover_them(tmp_path):
    write(tmp_path / "a", images=8)
    paths = lambda **more: [name for name, _ in read(tmp_path, **more).manifest.samples]  # noqa: E731
    assert paths() == [f"indoor_1/{k:06d}" for k in range(7)]
    assert paths(start=2, stop=-3) == [f"indoor_1/{k:06d}" for k in (2, 3, 4)]
    write(tmp_path / "a", images=8, flow_times=np.arange(9) * 0.5 + 0.5)
    assert paths() == [f"indoor_1/{k:06d}" for k in (1, 2, 3)]


def test_augmentations_move_everything_alike(tmp_path):
    """An event, its flow and both images stay together, whatever is drawn."""
    flow = np.zeros((5, 2, HEIGHT, WIDTH))
    flow[:, :, 100:110, 60:70] = np.reshape([3.0, 5.0], (2, 1, 1))
    events = [(x, y, 0.5, 1) for x in range(60, 70) for y in range(100, 110)]
    write(tmp_path / "a", flow=flow, events=events)
    words = (
        FRAMES,
        step("random_flip", direction="horizontal"),
        step("random_flip", direction="vertical"),
        step("random_rotation", degrees=30),
        step("random_resized_crop", size=256, scale=(0.5, 1)),
    )
    data = read(tmp_path, *words)
    directions, seen = set(), 0
    for epoch in range(12):
        fields, *_ = data.batch([0], epoch=epoch, training=True)
        assert fields["input"].shape[3:] == fields["valid"].shape[1:] == (256, 256)
        lit = fields["input"].sum(0)[0].sum(0) > 0.5
        valid = fields["valid"][0] > 0
        if valid.sum() < 20:
            continue
        seen += 1
        assert (lit & valid).sum() > 0.7 * valid.sum()
        u, v = fields["flow"][0][:, valid & lit].mean(1)
        directions.add((u > 0, v > 0))
        assert 0.6 * np.hypot(3, 5) < np.hypot(u, v) < 2 * np.hypot(3, 5)
    assert seen >= 4
    assert len(directions) > 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda f: f.pop("davis/left/events"), "no-such-array"),
        (lambda f: f.__delitem__("davis"), "damaged-file"),
    ],
)
def test_a_file_without_its_arrays(tmp_path, change, code):
    write(tmp_path / "a")
    with h5py.File(tmp_path / "a/indoor_1_data.hdf5", "a") as file:
        change(file)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert caught.value.code == code
    assert caught.value.place.endswith("indoor_1_data.hdf5")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no `indoor_1_data\.hdf5`"):
        read(tmp_path)
    with pytest.raises(DataError, match="needs the names"):
        prepare(pipe(step("mvsec_files"), FRAMES), tmp_path)
    with pytest.raises(DataError, match="would leave `grey_first`"):
        describe(pipe(step("mvsec_files", rest=("x",)), FRAMES, step("resize", size=4)), None)
    write(tmp_path / "a", events=[(346, 2, 0.5, 1)])
    with pytest.raises(DataError, match="outside the sensor"):
        read(tmp_path)


def test_planes_are_in_files_that_are_checked_and_nothing_is_left_of_a_failure(tmp_path, cache):
    write(tmp_path / "a")
    before = read(tmp_path)
    flow = before.packed.fields["flow"]
    assert isinstance(flow, np.memmap)
    (file,) = cache.glob("*.flow.bin")
    again = read(tmp_path)
    assert np.array_equal(again.batch([1])[0]["flow"], before.batch([1])[0]["flow"])
    assert again.batch([1])[0]["flow"].any()
    whole, last = file.read_bytes(), before.batch([2])[0]["flow"]
    file.unlink()
    file.write_bytes(whole[:-4])
    assert np.array_equal(read(tmp_path).batch([2])[0]["flow"], last)
    assert file.read_bytes() == whole, "made anew"
    assert not list(cache.glob("*.tmp"))
    write(tmp_path / "a", events=[(5, 5, 0.1, 1), (346, 2, 1.5, 1)])
    with pytest.raises(DataError, match="outside the sensor"):
        read(tmp_path)
    assert not list(cache.glob("*.tmp"))
    assert len(list(cache.glob("*.bin"))) == 4


@pytest.mark.parametrize("nearest", [None, "right", "wrong"])
def test_events_between_images_are_found_among_many(tmp_path, nearest):
    """50,000 events: more than are read at once, with and without the file's own hint."""
    count = 50_000
    times = np.sort(np.random.default_rng(0).uniform(0, 3, count))
    write(tmp_path / "a", events=[(0, 0, t, 1) for t in times])
    edges = np.searchsorted(times, [0, 1, 2, 3])
    if nearest is not None:
        with h5py.File(tmp_path / "a/indoor_1_data.hdf5", "a") as file:
            hint = edges if nearest == "right" else [count, count, 0, 17]
            file["davis/left/image_raw_event_inds"] = np.array(hint)
    data = read(tmp_path)
    counted = [int(data.batch([k])[0]["input"].sum()) for k in range(3)]
    assert counted == np.diff(edges).tolist()
