"""VGG-9 at 32 x 32, batch 16, 20 steps: S-TLLR, TESS and inference, without autograd, layer by layer over all steps.

Nothing of a layer waits for the layer above, so each convolution of all 20 steps is one call, channels last. S-TLLR:
weight products over the five steps that have a signal. TESS: traces exchanged with the signal, one weight product over
all steps.
"""

import math

import common
import torch
import torch.nn.functional as F  # noqa: N812

T, B, CLASSES = 20, 16, 11
CHANNELS, POOLS = (2, 64, 128, 256, 256, 512, 512, 512, 512), (1, 2, 1, 2, 1, 2, 1, 1)
LAYERS = list(zip(CHANNELS[:-1], CHANNELS[1:], POOLS, strict=True))
GRID = [4, 2, 2, 2, 2, 2, 2, 1]
LEAK, THETA = 0.5, 0.6
CONVS = [f"c{k}" for k in range(1, 9)]


def last(x):
    return x.contiguous(memory_format=torch.channels_last)


def fire(current):
    """[T * B, ...] of input, which becomes v - theta; the spikes."""
    spikes, u = torch.empty_like(current), None
    for v, s in zip(current.split(B), spikes.split(B), strict=True):
        if u is not None:
            v.add_(u, alpha=LEAK)
        s.copy_(v > THETA)
        u = torch.sub(v, s, alpha=THETA)
    return current.sub_(THETA), spikes


def slope(distance):
    return distance.abs().neg_().add_(1).clamp_(min=0).mul_(0.3)


def make(path, rate):
    g = torch.Generator().manual_seed(2)
    x = torch.poisson(torch.full((T, B, 2, 32, 32), 0.15), generator=g)
    labels = torch.randint(0, CLASSES, (B,), generator=g)
    weights, a = {}, last(x.flatten(0, 1))
    for name, (i, o, pool) in zip(CONVS, LAYERS, strict=True):
        w = torch.randn(o, i, 3, 3, generator=g) * math.sqrt(2 / (9 * o))
        unit = F.conv2d(a, last(common.standardise(w, torch.ones(o))), padding=1)
        low, high = 0.02, 100.0
        for _ in range(24):  # the gain at which the layer fires as asked
            gain = math.sqrt(low * high)
            spikes = fire(unit * gain)[1]
            low, high = (gain, high) if spikes.mean() < rate else (low, gain)
        weights[f"{name}/weight"], weights[f"{name}/gain"] = w, torch.full((o,), gain)
        a = F.max_pool2d(spikes, pool) if pool > 1 else spikes
    weights["out/weight"] = torch.randn(CLASSES, 512, generator=g) * math.sqrt(2 / 512)
    weights["out/bias"] = torch.zeros(CLASSES)
    common.write(path, x, labels, weights)


def forward(x, p, signals):
    """Input, slopes and spikes of every layer where `signals`, and the rates."""
    a, kept, rates = last(x.flatten(0, 1)), [], {}
    for name, (_, _, pool) in zip(CONVS, LAYERS, strict=True):
        w = last(common.standardise(p[f"{name}/weight"], p[f"{name}/gain"]))
        distance, spikes = fire(F.conv2d(a, w, padding=1))
        rates[name] = spikes.mean().item()
        if signals:
            kept.append((w, a, slope(distance), spikes))
        a = F.max_pool2d(spikes, pool) if pool > 1 else spikes
    pooled = a.mean((2, 3))
    return kept, pooled, torch.addmm(p["out/bias"], pooled, p["out/weight"].T), rates


def infer(x, labels, p, update):
    _, _, logits, rates = forward(x, p, False)
    logits.view(T, B, CLASSES).sum(0).argmax(1)
    return rates


def error_of(logits, labels, steps):
    target = F.one_hot(labels, CLASSES).to(logits.dtype).repeat(steps, 1)
    return (torch.softmax(logits, 1) - target) / B


def post_traces(psi, decay, steps):
    """The trace of psi one step earlier, at the last `steps` steps."""
    q, found = torch.zeros_like(psi[:B]), []
    for t, now in enumerate(psi.split(B)):
        if t >= T - steps:
            found.append(q.clone())
        q.mul_(decay).add_(now)
    return torch.cat(found)


def through_pool(delta, spikes, pool):
    if pool == 1:
        return delta
    _, where = F.max_pool2d(spikes, pool, return_indices=True)
    return F.max_unpool2d(delta, where, pool, output_size=spikes.shape[2:])


def finish(p, found, pooled, error, steps, update):
    gradients = {"out/weight": error.T @ pooled[-steps * B :], "out/bias": error.sum(0)}
    for name, gradient in found.items():
        weight, gain = p[f"{name}/weight"], p[f"{name}/gain"]
        made = common.through_standardise(weight, gain, gradient)
        gradients[f"{name}/weight"], gradients[f"{name}/gain"] = made
    update(gradients)


def stllr(x, labels, p, update, steps=5, post=0.2, pre=0.75, a_post=-1.0):
    kept, pooled, logits, rates = forward(x, p, True)
    rows = steps * B
    error = error_of(logits[-rows:], labels, steps)
    size = LAYERS[-1][1]
    delta = last((error @ p["out/weight"]).view(rows, size, 1, 1).expand(-1, -1, 4, 4) / 16)
    found = {}
    for k in range(7, -1, -1):
        w, a, psi, spikes = kept[k]
        m = through_pool(delta, spikes[-rows:], LAYERS[k][2])
        local = m * psi[-rows:]
        other = m.mul_(post_traces(psi, post, steps)).mul_(a_post)
        trace, traces = torch.zeros_like(a[:B]), []
        for t, now in enumerate(a.split(B)):
            trace = trace.mul_(pre).add_(now)
            if t >= T - steps:
                traces.append(trace.clone())
        both = torch.cat([torch.cat(traces), a[-rows:]]), torch.cat([local, other])
        found[CONVS[k]] = torch.nn.grad.conv2d_weight(
            last(both[0]), w.shape, last(both[1]), padding=1
        )
        if k:
            delta = F.conv_transpose2d(local, w, padding=1)
    finish(p, found, pooled, error, steps, update)
    return rates


def square_waves(cells):
    """One wave per class, by their signs in single precision, as published."""
    frequencies = torch.linspace(50, 512, CLASSES, dtype=torch.float32)
    return torch.sign(torch.sin(frequencies[:, None] * torch.arange(cells, dtype=torch.float32)))


def tess(x, labels, p, update, post=0.2, pre=0.5, a_post=1.0):
    kept, pooled, logits, rates = forward(x, p, True)
    error = error_of(logits, labels, T)
    found = {}
    for k, (w, a, psi, spikes) in enumerate(kept):
        pool, grid = LAYERS[k][2], GRID[k]
        out = F.max_pool2d(spikes, pool) if pool > 1 else spikes
        cells = out.shape[1] * grid**2
        z = F.adaptive_avg_pool2d(out, grid).flatten(1)
        wave = square_waves(cells).to(z.dtype) / cells
        back = (error_of(z @ wave.T, labels, T) @ wave).view(T * B, -1, grid, grid)
        width = out.shape[2] // grid
        delta = last(back.repeat_interleave(width, 2).repeat_interleave(width, 3) / width**2)
        m = through_pool(delta, spikes, pool)
        signal = (m * post_traces(psi, post, T)).mul_(a_post)
        f = torch.zeros_like(psi[:B])
        local = m.mul_(psi)
        for now, total in zip(reversed(local.split(B)), reversed(signal.split(B)), strict=True):
            f.mul_(pre).add_(now)
            total.add_(f)
        found[CONVS[k]] = torch.nn.grad.conv2d_weight(a, w.shape, last(signal), padding=1)
    finish(p, found, pooled, error, T, update)
    return rates


FORMULATIONS = {"stllr": stllr, "tess": tess, "infer": infer}

if __name__ == "__main__":
    args = common.arguments(list(FORMULATIONS))
    torch.set_grad_enabled(False)
    if args.write:
        make(args.batch, args.rate)
    else:
        nothing = args.formulation == "infer"
        common.main(
            args, FORMULATIONS[args.formulation], lambda w: [] if nothing else list(w), 1e-3
        )
