"""What every peer does, whatever it computes with: flags, the batch file, what it writes and prints.

Nothing here needs PyTorch; `common.py` adds what the peers in PyTorch share.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource

import h5py
import numpy as np


def parser(formulations, devices=("cpu", "cuda")):
    """The flags of every peer; the first formulation is what runs if none is named."""
    flags = argparse.ArgumentParser()
    flags.add_argument("batch", help="the batch file")
    flags.add_argument("--write", action="store_true", help="only make the batch file")
    flags.add_argument(
        "--rate", type=float, default=0.1, help="the share that spikes, where it can be chosen"
    )
    flags.add_argument("--formulation", choices=formulations, default=formulations[0])
    flags.add_argument("--threads", type=int, default=2)
    flags.add_argument("--repeat", type=int, default=5)
    flags.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    flags.add_argument("--device", choices=devices, default="cpu")
    flags.add_argument("--out", help="where gradients and weights after one step go")
    return flags


def write(path, inputs, labels, weights):
    """A batch file: input [steps, batch, ...], labels [batch], weights by the names snc has for them."""
    with h5py.File(path, "w") as file:
        file["input"], file["labels"] = inputs, labels
        for name, value in weights.items():
            file[f"params/{name}"] = value


def read(path):
    """The same three, as they are stored."""
    with h5py.File(path) as file:
        names = [f"{a}/{b}" for a in file["params"] for b in file[f"params/{a}"]]
        weights = {name: file[f"params/{name}"][()] for name in names}
        return file["input"][()], file["labels"][()], weights


def keep(path, gradients, weights):
    """Gradients [updates, ...] and weights after a step, by their names."""
    with h5py.File(path, "w") as file:
        for name, value in gradients.items():
            file[f"gradient_per_step/{name}"] = value
        for name, value in weights.items():
            file[f"params_after/{name}"] = value


def report(times, rates, threads, versions, device="cpu"):
    """The line of JSON that `run.py` reads."""
    print(json.dumps({
        "seconds": float(np.median(times)) if times else None, "times": times, "rates": rates,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device": device, "threads": threads,
        "versions": {**versions, "python": platform.python_version()},
    }))  # fmt: skip
