"""Traces Propagation on 700-450-20 with recurrence: an Adam step at every one of 100 steps, batch 128.

`by_hand`: no autograd; the label's layer, whose weights are fixed, is run once per class and not per sample; the input
products cannot be batched over time, as weights move at every step. `autograd`: the losses of each step are sent back
by autograd, with everything of the step before detached, as one would write it in a framework. `layerwise` is the same
with an optimiser of its own for every layer, of PyTorch's default kind, which is how the authors' code goes about it.
"""

import common
import torch
from torch.nn.functional import cross_entropy, one_hot, pairwise_distance

T, B, INPUTS, HIDDEN, CLASSES = 100, 128, 700, 450, 20
LEAK, BETA, THETA = 0.85, 0.85, 0.5
LEARNED = ["h_in/weight", "h_rec/weight", "out/weight"]


def make(path):
    g = torch.Generator().manual_seed(3)

    def uniform(units, inputs):
        return (torch.rand(units, inputs, generator=g) * 2 - 1) / inputs**0.5

    x = (torch.rand(T, B, INPUTS, generator=g) < 0.11).float()
    labels = torch.randint(0, CLASSES, (B,), generator=g)
    shapes = {"h_in": INPUTS, "h_rec": HIDDEN, "g_in": CLASSES, "g_rec": HIDDEN}
    weights = {f"{n}/weight": uniform(HIDDEN, inputs) for n, inputs in shapes.items()}
    # Drawn as usual these neurons hardly fire: stronger weights give the rate that is reported.
    weights["h_in/weight"] *= 2
    weights["g_in/weight"] *= 4
    common.write(path, x, labels, {**weights, "out/weight": uniform(CLASSES, HIDDEN)})


def fire(u, current):
    v = torch.add(current, u, alpha=LEAK)
    s = (v >= THETA).to(torch.get_default_dtype())
    return v, s, torch.sub(v, s, alpha=THETA)


def slope(distance):
    return (torch.pi * distance).square_().add_(1).reciprocal_()


def wanted(ey):
    """How alike the labels' traces are, as a distribution over partners."""
    apart = pairwise_distance(ey[:, None], ey[None], eps=1e-9)
    return torch.softmax(-apart, 1)


def by_hand(x, labels, p, update):
    w_in, w_rec, w_out = (p[n] for n in LEARNED)
    u, s, eh, po = (torch.zeros(B, HIDDEN) for _ in range(4))
    gu, gs, eg = (torch.zeros(CLASSES, HIDDEN) for _ in range(3))
    g_in, g_rec = p["g_in/weight"].T.contiguous(), p["g_rec/weight"].T.contiguous()
    out, target = torch.zeros(B, CLASSES), one_hot(labels, CLASSES).to(torch.get_default_dtype())
    trace, ey, rate, rate_g = 0.0, target, 0.0, 0.0
    for t in range(T):
        before = s
        v, s, u = fire(u, (x[t] @ w_in.T).addmm_(s, w_rec.T))
        _, gs, gu = fire(gu, torch.addmm(g_in, gs, g_rec))
        eh.mul_(BETA).add_(s)
        eg.mul_(BETA).add_(gs)
        trace = BETA * trace + 1
        every = eg[labels]
        pull = torch.softmax(eh @ every.T, 1).sub_(wanted(trace * ey)).div_(B) @ every
        local = pull.mul_(slope(v - THETA))
        po.mul_(BETA).add_(s)
        out.addmm_(s, w_out.T)
        error = torch.softmax(out, 1).sub_(target).div_(B)
        update({
            "h_in/weight": local.T @ x[t], "h_rec/weight": local.T @ before, "out/weight": error.T @ po,
        })  # fmt: skip
        rate += s.mean().item() / T
        rate_g += gs[labels].mean().item() / T
    return {"h": rate, "g": rate_g}


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance >= 0).to(torch.get_default_dtype())

    @staticmethod
    def backward(ctx, given):
        (distance,) = ctx.saved_tensors
        return given * slope(distance)


def autograd(x, labels, p, update):
    u, s, eh, gu, gs, eg, po = (torch.zeros(B, HIDDEN) for _ in range(7))
    y = one_hot(labels, CLASSES).to(torch.get_default_dtype())
    out, ey, rate, rate_g = torch.zeros(B, CLASSES), torch.zeros(B, CLASSES), 0.0, 0.0
    w = [p[n] for n in LEARNED]
    for value in w:
        value.requires_grad_()
    for t in range(T):
        with torch.enable_grad():
            v = LEAK * u + x[t] @ w[0].T + s @ w[1].T
            fired = Spike.apply(v - THETA)
            eh = BETA * eh + fired
            with torch.no_grad():
                _, gs, gu = fire(gu, y @ p["g_in/weight"].T + gs @ p["g_rec/weight"].T)
                eg, ey = BETA * eg + gs, BETA * ey + y
            loss = cross_entropy(eh @ eg.T, wanted(ey))
            found = torch.autograd.grad(loss, w[:2])
            s, eh = fired.detach(), eh.detach()
            u = v.detach() - THETA * s
            out = (out + s @ w[2].T).detach().requires_grad_()
            (error,) = torch.autograd.grad(cross_entropy(out, labels), out)
        po = BETA * po + s
        out = out.detach()
        update(dict(zip(LEARNED, (*found, error.T @ po), strict=True)))
        rate += s.mean().item() / T
        rate_g += gs.mean().item() / T
    for value in w:
        value.requires_grad_(False)
    return {"h": rate, "g": rate_g}


FORMULATIONS = {"by_hand": by_hand, "autograd": autograd, "layerwise": autograd}
LAYERS = {"layerwise": [LEARNED[:2], LEARNED[2:]]}

if __name__ == "__main__":
    args = common.arguments(list(FORMULATIONS))
    torch.set_grad_enabled(False)
    if args.write:
        make(args.batch)
    else:
        common.main(
            args,
            FORMULATIONS[args.formulation],
            lambda weights: LEARNED,
            1e-4,
            layers=LAYERS.get(args.formulation, ()),
        )
