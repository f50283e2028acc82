"""A process that trains the fake network: killable.py CHECKPOINT PAUSE."""

import sys
from pathlib import Path

from engine_fakes import Regression, Toy, phase

from snc.engine.progress import Lines
from snc.engine.train import Options, PhaseData, train


class Said(Lines):
    def batch(self, samples, sums):
        self.say("batch")


if __name__ == "__main__":
    data = PhaseData(Toy(50), Toy(20, "toy-test", part=1))
    options = Options(save_batches=2)
    phases = (phase(Regression(pause=float(sys.argv[2]))),)
    train(phases, [data], 5, options, Path(sys.argv[1]), Said())
