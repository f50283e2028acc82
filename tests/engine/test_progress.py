"""What is printed while a network trains."""

from __future__ import annotations

import io

from snc.engine.measure import Sums
from snc.engine.progress import Bar, Lines, Silent, epoch_line, watcher
from snc.engine.standing import EpochRecord

RECORD = EpochRecord(
    "toy", 3, {"loss": 1.25, "accuracy": 0.5}, {"loss": 2.0, "accuracy": 0.4567}, {}, 12.34
)


def use(watch) -> None:
    watch.start_trial(5, 1, 2)
    watch.start_epoch("toy", 3, 20, 16)
    sums = Sums()
    sums.add("loss", 10.0, 8)
    watch.batch(8, sums)
    watch.batch(8, sums)
    watch.end_epoch(RECORD)
    watch.close()


def test_a_log_has_one_line_per_epoch():
    out = io.StringIO()
    use(Lines(out))
    assert out.getvalue() == (
        "trial 1 of 2, seed 5\n"
        "epoch  3/20  train loss 1.2500 accuracy 50.00 %  "
        "test loss 2.0000 accuracy 45.67 %  12.3 s\n"
    )


def test_a_bar_prints_the_same_lines():
    out = io.StringIO()
    use(Bar(out))
    assert epoch_line(RECORD, 20) in out.getvalue()


def test_silence(capsys):
    use(watcher(silent=True))
    assert capsys.readouterr().out == ""
    assert isinstance(watcher(silent=True), Silent)
    assert type(watcher(silent=False)) is Lines
