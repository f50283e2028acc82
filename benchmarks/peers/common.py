"""What the peers in PyTorch do: read the batch file, run once and write what came of it, then run again and again.

A formulation of a peer is a function `step(inputs, labels, weights, update) -> rates`, which calls `update(gradients)`
with the gradients of the stored weights, by the names snc has for them. The update is Adam's, fused, on all weights.
"""

from __future__ import annotations

import time

import protocol
import torch

FIRST = 8
"""How many gradients are written where there is one for every step."""


def arguments(formulations):
    args = protocol.parser(formulations).parse_args()
    torch.set_num_threads(args.threads)
    torch.set_default_dtype(getattr(torch, args.dtype))
    torch.set_default_device(args.device)
    torch.backends.cudnn.benchmark = True  # the fastest of its convolutions
    torch.backends.cudnn.allow_tf32 = False  # in single precision, as snc computes
    return args


def write(path, inputs, labels, weights):
    named = {name: value.numpy() for name, value in weights.items()}
    protocol.write(path, inputs.numpy(), labels.numpy(), named)


def read(path):
    inputs, labels, weights = protocol.read(path)
    there, dtype = torch.get_default_device(), torch.get_default_dtype()
    return (
        torch.from_numpy(inputs).to(dtype),
        torch.from_numpy(labels).long(),
        {name: torch.from_numpy(value).to(there, dtype) for name, value in weights.items()},
    )


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


def adam(weights, rate, layers):
    """One fused Adam of all weights; or for every layer one as PyTorch makes it by default."""
    for value in weights.values():
        value.grad = torch.zeros_like(value)
    if layers:
        return [torch.optim.Adam([weights[name] for name in names], lr=rate) for names in layers]
    return [torch.optim.Adam(list(weights.values()), lr=rate, fused=True)]


def main(args, step, learned, rate, versions=None, layers=()):
    """`step(inputs, labels, weights, update)`: `update(gradients)` is called as often as weights change.

    The batch and the weights are on the device before, as they are for snc. layers: names of the weights that have an
    optimiser of their own.
    """
    inputs, labels, first = read(args.batch)
    there = torch.get_default_device()
    wait = torch.cuda.synchronize if there.type == "cuda" else lambda: None
    inputs, labels = inputs.to(there), labels.to(there)
    times, rates = [], {}
    for number in range(args.repeat + 1):
        weights = {name: value.clone() for name, value in first.items()}
        trained = {name: weights[name] for name in learned(weights)}
        optimisers = adam(trained, rate, layers) if trained else []
        kept = {name: [] for name in trained}
        keep = FIRST if not number and args.out else 0

        def update(gradients, trained=trained, optimisers=optimisers, kept=kept, keep=keep):
            for name, value in trained.items():
                value.grad.copy_(gradients[name])
                if len(kept[name]) < keep:
                    kept[name].append(gradients[name].clone())
            for optimiser in optimisers:
                optimiser.step()

        wait()
        start = time.perf_counter()
        rates = step(inputs, labels, weights, update)
        wait()
        seconds = time.perf_counter() - start
        if number:
            times.append(seconds)
        elif args.out:
            gradients = {n: torch.stack(v).cpu().numpy() for n, v in kept.items() if v}
            after = {n: v.detach().cpu().numpy() for n, v in trained.items()}
            protocol.keep(args.out, gradients, after)
    device = torch.cuda.get_device_name() if there.type == "cuda" else "cpu"
    versions = {"torch": torch.__version__} | (versions or {})
    protocol.report(times, rates, torch.get_num_threads(), versions, device)
