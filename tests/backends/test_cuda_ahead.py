"""The next batch is copied while one runs: in the simulator, and with a device that only notes what it is told."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import snc_cuda.ahead
from cuda_cases import here
from networks import Net, net_of
from odd_specs import odd
from snc_cuda.ahead import Ahead

from snc.module import staying

pytestmark = here


@pytest.fixture
def made(tmp_path: Path) -> Net:
    return net_of(odd("stdp").text, tmp_path, backend="cuda", dtype="float32")


def feeds(made: Net, batches: tuple[int, ...]) -> list:
    random = np.random.default_rng(0)
    return [
        made.feed((random.random((9, b, 6)) < 0.4).astype(float), random.integers(0, 3, b))
        for b in batches
    ]


def run(made: Net, *, ahead: bool, spoiled: bool) -> bytes:
    """What is learned from three batches; spoiled: of what is sent ahead the host's copy is lost."""
    store = made.store(batch=4)
    for number, feed in enumerate(feeds(made, (4, 4, 4))):
        given = copy.deepcopy(feed)
        if ahead:
            made.module.upload(given, learning=True)  # type: ignore[attr-defined]
        if spoiled and number:
            given.fields["input"][...] = 0
        made.module.learn(store, given)
    return b"".join(np.ascontiguousarray(store[k]).tobytes() for k in sorted(store))


def test_what_was_sent_ahead_is_what_is_learned(made: Net) -> None:
    want = run(made, ahead=False, spoiled=False)
    assert run(made, ahead=False, spoiled=True) != want  # the input matters
    assert run(made, ahead=True, spoiled=False) == want
    assert run(made, ahead=True, spoiled=True) == want  # and is read where it was sent


def test_a_batch_of_another_size_waits_for_its_turn(made: Net) -> None:
    first, second = feeds(made, (4, 3))
    made.module.learn(made.store(batch=4), first)
    made.module.upload(second, learning=True)  # type: ignore[attr-defined]
    ahead = made.module.runs["learn"].ahead  # type: ignore[attr-defined]
    assert (ahead.size, ahead.arrays(second)) == ((9, 4), {})


def test_two_places_take_turns_in_a_stream_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class There:
        def copy_to_device(self, value: np.ndarray, stream: object) -> None:
            told.append("copy")
            self.value, self.stream = value.copy(), stream

    streams = iter("abc")
    cuda = SimpleNamespace(
        stream=lambda: SimpleNamespace(name=next(streams), synchronize=lambda: told.append("wait")),
        pinned_array=np.empty,
        device_array=lambda shape, dtype: There(),
    )
    monkeypatch.setattr(snc_cuda.ahead, "select", lambda cuda: told.append("select"))
    ahead, found = Ahead(cuda, None, (9, 4)), []
    for number in range(3):
        feed = SimpleNamespace()
        ahead.send(feed, {"x_input": np.full((2, 3), number)})  # type: ignore[arg-type]
        found.append(ahead.arrays(feed)["x_input"])  # type: ignore[arg-type]
        assert (found[-1].value == number).all()
        assert ahead.arrays(SimpleNamespace()) == {}  # type: ignore[arg-type]
    assert told == ["select", "copy", "wait"] * 3
    assert found[0] is found[2] is not found[1]


# What stays on the device -------------------------------------------------------------------------------


def bytes_of(store: dict[str, np.ndarray]) -> bytes:
    return b"".join(np.ascontiguousarray(store[k]).tobytes() for k in sorted(store))


def weights(store: dict[str, np.ndarray]) -> bytes:
    return bytes_of({k: v for k, v in store.items() if k.endswith(".weight")})


@pytest.mark.parametrize(
    "name", ["stdp", "updates every 2 and every 3 steps", "states that are kept"]
)
def test_what_is_learned_stays_on_the_device_until_it_is_brought(name: str, tmp_path: Path) -> None:
    """The same bytes as batch by batch, with batches of several sizes; the store is old until it is asked for."""
    made = net_of(odd(name).text, tmp_path, backend="cuda", dtype="float32")
    plain, kept = made.store(batch=4), made.store(batch=4)
    first = weights(kept)
    for feed in feeds(made, (4, 4, 3, 4)):
        made.module.learn(plain, feed)
    with staying(made.module, kept) as bring:
        for number, feed in enumerate(feeds(made, (4, 4, 3, 4))):
            made.module.learn(kept, feed)
            if number == 1:
                assert weights(kept) == first
                bring()
                assert weights(kept) != first
    assert bytes_of(kept) == bytes_of(plain)


def test_what_is_learned_is_brought_when_something_fails(made: Net) -> None:
    (feed,) = feeds(made, (4,))
    plain, kept = made.store(batch=4), made.store(batch=4)
    made.module.learn(plain, feed)

    def fail() -> None:
        with staying(made.module, kept):
            made.module.learn(kept, feed)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert bytes_of(kept) == bytes_of(plain)


ADAPTIVE = """
neuron adaptive(i):
    parameter theta[i] = fill(0.4)
    v = 0.9 * v[t-1] + i - theta * stop(s[t-1])
    s = spike(v > theta, slope = triangle(v - theta))
    next theta = theta + 0.1 * (mean(s, over = batch) - 0.2)
    output s

network net():
    input x[6]
    h   = x | dense(8) | adaptive()
    out = h | dense(3)

experiment e:
    network = net()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
    learn out by descent(loss)
    freeze h
    train.optimiser = sgd(0.1)
"""


def test_what_was_evaluated_is_not_brought_for_what_was_learned(tmp_path: Path) -> None:
    """Both graphs have the threshold that `next` moves on the device; the store gets that of learning."""
    made = net_of(ADAPTIVE, tmp_path, backend="cuda", dtype="float32")
    plain, kept = made.store(batch=4), made.store(batch=4)
    first = kept["h.theta"].copy()
    for feed in feeds(made, (4, 4)):
        made.module.learn(plain, feed)
        made.module.evaluate(dict(plain), feed)
    with staying(made.module, kept) as bring:
        for feed in feeds(made, (4, 4)):
            made.module.learn(kept, feed)
        bring()
        assert np.abs(kept["h.theta"] - first).max() > 1e-3
        assert bytes_of(kept) == bytes_of(plain)
