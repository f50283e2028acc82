"""700 inputs, 450 recurrent neurons, 20 leaky readouts: S-TLLR, and back-propagation through time.

stllr, formulation `batched`: no autograd. Only the recurrence runs step by step; input, readout, errors, signals and
slopes of all steps are one operation each, traces are exchanged with the signal, so that every weight gradient is one
product. `online`: matrix products at every step, memory independent of T. bptt: autograd through the unrolled loop,
with the input products of all steps in one.
"""

import math

import common
import torch
from torch.nn.functional import cross_entropy, one_hot

T, B, INPUTS, HIDDEN, CLASSES, SIGNAL = 100, 128, 700, 450, 20, 90
LEAK, THETA, POST, PRE, OUT_TRACE = 1 / (1 + math.exp(-5)), 0.6, 0.5, 1.0, 0.99
LEARNED = [
    "h_in/weight",
    "h_in/bias",
    "h_in/gain",
    "h_rec/weight",
    "h_rec/gain",
    "out/weight",
    "out/bias",
]


def make(path):
    g = torch.Generator().manual_seed(1)
    inputs = (torch.rand(T, B, INPUTS, generator=g) < 0.11).float()
    labels = torch.randint(0, CLASSES, (B,), generator=g)
    common.write(path, inputs, labels, {
        "h_in/weight": torch.randn(HIDDEN, INPUTS, generator=g),
        "h_in/bias": torch.zeros(HIDDEN),
        "h_in/gain": torch.full((HIDDEN,), 1.0),
        "h_rec/weight": torch.randn(HIDDEN, HIDDEN, generator=g),
        "h_rec/gain": torch.full((HIDDEN,), 0.5),
        "out/weight": torch.randn(CLASSES, HIDDEN, generator=g) * math.sqrt(2 / HIDDEN),
        "out/bias": torch.zeros(CLASSES),
    })  # fmt: skip


def slope(distance):
    return distance.abs().mul_(100).add_(1).square_().reciprocal_()


def raw(weights, w_in, w_rec, others):
    """All gradients, those of standardised weights traced back to what is stored."""
    found = dict(others)
    for name, gradient in (("h_in", w_in), ("h_rec", w_rec)):
        weight, gain = weights[f"{name}/weight"], weights[f"{name}/gain"]
        found[f"{name}/weight"], found[f"{name}/gain"] = common.through_standardise(
            weight, gain, gradient
        )
    return found


def batched(x, labels, p, update):
    w_in = common.standardise(p["h_in/weight"], p["h_in/gain"])
    w_rec = common.standardise(p["h_rec/weight"], p["h_rec/gain"])
    w_out, flat = p["out/weight"], x.view(T * B, INPUTS)
    current = torch.addmm(p["h_in/bias"], flat, w_in.T).view(T, B, HIDDEN)
    fired = torch.empty(T, B, HIDDEN)
    u, s = torch.zeros(B, HIDDEN), torch.zeros(B, HIDDEN)
    for t in range(T):  # `current` becomes v - theta, the distance from the threshold
        v = current[t].add_(u, alpha=LEAK).addmm_(s, w_rec.T)
        s = fired[t].copy_(v > THETA)
        u = torch.sub(v, s, alpha=THETA)
    psi = slope(current.sub_(THETA))
    score = torch.addmm(p["out/bias"], fired.view(T * B, HIDDEN), w_out.T).view(T, B, CLASSES)
    for t in range(1, T):
        score[t].add_(score[t - 1], alpha=LEAK)
    first = T - SIGNAL
    error = torch.softmax(score[first:], 2).sub_(one_hot(labels, CLASSES)).div_(B)
    signal = (error.view(-1, CLASSES) @ w_out).view(SIGNAL, B, HIDDEN)
    causal = signal * psi[first:]
    bias = causal.sum((0, 1))
    q = torch.zeros(B, HIDDEN)
    for t in range(T):  # the signal becomes its product with the post trace of the step before
        if t >= first:
            signal[t - first].mul_(q)
        q.mul_(POST).add_(psi[t])
    back = torch.zeros(T, B, HIDDEN)
    f, g = torch.zeros(B, HIDDEN), torch.zeros(B, CLASSES)
    head = torch.empty(T, B, CLASSES)
    for t in range(T - 1, -1, -1):
        f.mul_(PRE)
        g.mul_(OUT_TRACE)
        if t >= first:
            f.add_(causal[t - first])
            g.add_(error[t - first])
            torch.add(f, signal[t - first], out=back[t])
        else:
            back[t] = f
        head[t] = g
    rows = back.view(T * B, HIDDEN)
    spikes = fired.view(T * B, HIDDEN)
    update(raw(p, rows.T @ flat, rows[B:].T @ spikes[:-B], {
        "h_in/bias": bias,
        "out/weight": head.view(T * B, CLASSES).T @ spikes,
        "out/bias": error.sum((0, 1)),
    }))  # fmt: skip
    return {"h": fired.mean().item()}


def online(x, labels, p, update):
    w_in = common.standardise(p["h_in/weight"], p["h_in/gain"])
    w_rec = common.standardise(p["h_rec/weight"], p["h_rec/gain"])
    w_out, target = p["out/weight"], one_hot(labels, CLASSES).to(torch.get_default_dtype())
    u, s, q, px, ps, po = (
        torch.zeros(B, n) for n in (HIDDEN, HIDDEN, HIDDEN, INPUTS, HIDDEN, HIDDEN)
    )
    score, rate = torch.zeros(B, CLASSES), 0.0
    g_in, g_rec, g_out = torch.zeros_like(w_in), torch.zeros_like(w_rec), torch.zeros_like(w_out)
    g_bias, g_head = torch.zeros(HIDDEN), torch.zeros(CLASSES)
    for t in range(T):
        before = s
        u = u.mul_(LEAK).add_(torch.addmm(p["h_in/bias"], x[t], w_in.T)).addmm_(s, w_rec.T)
        s = (u > THETA).to(torch.get_default_dtype())
        psi = slope(u - THETA)
        score = score.mul_(LEAK).add_(torch.addmm(p["out/bias"], s, w_out.T))
        px, po = px.mul_(PRE).add_(x[t]), po.mul_(OUT_TRACE).add_(s)
        if T - t <= SIGNAL:
            error = torch.softmax(score, 1).sub_(target).div_(B)
            signal = error @ w_out
            causal, other = psi * signal, q * signal
            g_in.addmm_(causal.T, px).addmm_(other.T, x[t])
            g_rec.addmm_(causal.T, ps).addmm_(other.T, before)
            g_out.addmm_(error.T, po)
            g_bias.add_(causal.sum(0))
            g_head.add_(error.sum(0))
        ps = ps.mul_(PRE).add_(s)
        q = q.mul_(POST).add_(psi)
        u = u.sub_(s, alpha=THETA)
        rate += s.mean().item() / T
    others = {"h_in/bias": g_bias, "out/weight": g_out, "out/bias": g_head}
    update(raw(p, g_in, g_rec, others))
    return {"h": rate}


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance > 0).to(torch.get_default_dtype())

    @staticmethod
    def backward(ctx, given):
        (distance,) = ctx.saved_tensors
        return given * slope(distance)


def bptt(x, labels, p, update):
    with torch.enable_grad():
        w = {name: p[name].detach().requires_grad_() for name in LEARNED}
        w_in = common.standardise(w["h_in/weight"], w["h_in/gain"])
        w_rec = common.standardise(w["h_rec/weight"], w["h_rec/gain"]).T.contiguous()
        current = torch.addmm(w["h_in/bias"], x.view(T * B, INPUTS), w_in.T).view(T, B, HIDDEN)
        u, s, fired = torch.zeros(B, HIDDEN), torch.zeros(B, HIDDEN), []
        for now in current.unbind():
            v = torch.addmm(torch.add(now, u, alpha=LEAK), s, w_rec)
            s = Spike.apply(v - THETA)
            u = torch.sub(v, s.detach(), alpha=THETA)
            fired.append(s)
        # The readout is linear: the sum of a leaky sum over T steps is one weighted sum of spikes.
        factors = torch.tensor([(1 - LEAK ** (T - t)) / (1 - LEAK) for t in range(T)])
        spikes = torch.stack(fired)
        mixed = torch.tensordot(factors, spikes, 1)
        total = torch.addmm(w["out/bias"] * factors.sum(), mixed, w["out/weight"].T)
        loss = cross_entropy(total, labels)
        found = torch.autograd.grad(loss, list(w.values()))
    update(dict(zip(w, found, strict=True)))
    return {"h": spikes.detach().mean().item()}


FORMULATIONS = {"batched": batched, "online": online, "bptt": bptt}

if __name__ == "__main__":
    args = common.arguments(list(FORMULATIONS))
    torch.set_grad_enabled(False)
    if args.write:
        make(args.batch)
    else:
        common.main(args, FORMULATIONS[args.formulation], lambda weights: LEARNED, 2e-4)
