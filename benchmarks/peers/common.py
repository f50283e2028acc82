"""What every peer does: read the batch file, run once and write what came of it, then run again and again.

A formulation of a peer is a function `step(inputs, labels, weights, update) -> rates`, which calls `update(gradients)`
with the gradients of the stored weights, by the names snc has for them. The update is Adam's, fused, on all weights.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time

import h5py
import numpy as np
import torch

FIRST = 8
"""How many gradients are written where there is one for every step."""


def arguments(formulations):
    parser = argparse.ArgumentParser()
    parser.add_argument("batch", help="the batch file")
    parser.add_argument("--write", action="store_true", help="only make the batch file")
    parser.add_argument(
        "--rate", type=float, default=0.1, help="the share that spikes, where it can be chosen"
    )
    parser.add_argument("--formulation", choices=formulations, default=formulations[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--out", help="where gradients and weights after one step go")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_default_dtype(getattr(torch, args.dtype))
    torch.set_default_device(args.device)
    torch.backends.cudnn.benchmark = True  # the fastest of its convolutions
    torch.backends.cudnn.allow_tf32 = False  # in single precision, as snc computes
    return args


def write(path, inputs, labels, weights):
    with h5py.File(path, "w") as file:
        file["input"], file["labels"] = inputs.numpy(), labels.numpy()
        for name, value in weights.items():
            file[f"params/{name}"] = value.numpy()


def read(path):
    with h5py.File(path) as file:
        inputs = torch.from_numpy(file["input"][()]).to(torch.get_default_dtype())
        labels = torch.from_numpy(file["labels"][()]).long()
        names = [f"{a}/{b}" for a in file["params"] for b in file[f"params/{a}"]]
        there = torch.get_default_device()
        weights = {
            n: torch.from_numpy(file[f"params/{n}"][()]).to(there, torch.get_default_dtype())
            for n in names
        }
    return inputs, labels, weights


def standardise(weight, gain):
    """Zero mean and variance 1 / n for each unit, times the gain."""
    rows = weight.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    scale = gain / (rows.var(1) * rows.shape[1] + 1e-4).sqrt()
    return (rows * scale[:, None]).view_as(weight)


def through_standardise(weight, gain, gradient):
    """From the gradient of standardised weights to those of the stored weights and of the gain."""
    with torch.enable_grad():
        w, g = weight.detach().requires_grad_(), gain.detach().requires_grad_()
        return torch.autograd.grad(standardise(w, g), (w, g), gradient)


def adam(weights, rate):
    for value in weights.values():
        value.grad = torch.zeros_like(value)
    return torch.optim.Adam(list(weights.values()), lr=rate, fused=True)


def main(args, step, learned, rate):
    """`step(inputs, labels, weights, update)`: `update(gradients)` is called as often as weights change.

    The batch goes up while the time is taken, as it does for snc; weights stay on the device.
    """
    inputs, labels, first = read(args.batch)
    there = torch.get_default_device()
    wait = torch.cuda.synchronize if there.type == "cuda" else lambda: None
    if there.type == "cuda":
        inputs, labels = inputs.pin_memory(), labels.pin_memory()
    times, rates, peer = [], {}, {}
    for number in range(args.repeat + 1):
        weights = {name: value.clone() for name, value in first.items()}
        trained = {name: weights[name] for name in learned(weights)}
        optimiser = adam(trained, rate) if trained else None
        kept = {name: [] for name in trained}
        keep = FIRST if not number and args.out else 0

        def update(gradients, trained=trained, optimiser=optimiser, kept=kept, keep=keep):
            for name, value in trained.items():
                value.grad.copy_(gradients[name])
                if len(kept[name]) < keep:
                    kept[name].append(gradients[name].clone())
            optimiser.step()

        wait()
        start = time.perf_counter()
        rates = step(inputs.to(there), labels.to(there), weights, update)
        wait()
        seconds = time.perf_counter() - start
        if number:
            times.append(seconds)
        else:
            peer = {f"params_after/{n}": v.detach().clone() for n, v in trained.items()}
            peer |= {f"gradient_per_step/{n}": torch.stack(v) for n, v in kept.items() if v}
    if args.out:
        with h5py.File(args.out, "w") as file:
            for name, value in peer.items():
                file[name] = value.cpu().numpy()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({
        "seconds": float(np.median(times)) if times else None, "times": times, "rates": rates,
        "peak_memory_bytes": peak,
        "device": torch.cuda.get_device_name() if there.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }))  # fmt: skip
