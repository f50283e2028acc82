"""snnTorch on 700 inputs, 450 recurrent neurons, 20 leaky readouts: back-propagation through time.

Its neurons fire above a threshold; the reset, without a derivative, is subtracted one step later and not leaked:
the spec says `lif_undecayed`. Formulation `hoisted`: input and readout of all steps are one layer each, the readout is
its `StateLeaky`, and only `RLeaky` is called step by step. `stepwise`: every layer is called at every step, as its
tutorials do. The weights of the layers are standardised as in `torch_shd.py`, and handed in by `functional_call`.
"""

import math

import common
import snntorch
import torch
from snntorch import surrogate
from torch import nn
from torch.nn.functional import cross_entropy
from torch_shd import CLASSES, HIDDEN, INPUTS, LEAK, LEARNED, THETA, make

STEEP = surrogate.fast_sigmoid(slope=100)


def slope(distance):
    """The spikes of the library are single precision whatever came in, and so is what comes back: 2e-8 at a check."""
    return STEEP(distance).to(distance.dtype)


class Recurrent(nn.Module):
    """What both formulations share; the recurrent weights of `RLeaky` have no bias here."""

    def __init__(self):
        super().__init__()
        self.h_in = nn.Linear(INPUTS, HIDDEN)
        self.h = snntorch.RLeaky(LEAK, linear_features=HIDDEN, threshold=THETA, spike_grad=slope)
        self.h.recurrent = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, CLASSES)


class Hoisted(Recurrent):
    """`StateLeaky` leaks by exp(beta - 1) in a step."""

    def __init__(self):
        super().__init__()
        self.sums = snntorch.StateLeaky(1 + math.log(LEAK), CLASSES, output=False)

    def forward(self, inputs):
        """Summed readout [batch, classes] and the share that spikes, of inputs [steps, batch, inputs]."""
        spikes, membrane = self.h.reset_mem()
        fired = []
        for current in self.h_in(inputs).unbind():
            spikes, membrane = self.h(current, spikes, membrane)
            fired.append(spikes)
        fired = torch.stack(fired)
        return self.sums(self.out(fired)).sum(0), fired.detach().mean()


class Stepwise(Recurrent):
    def __init__(self):
        super().__init__()
        self.sums = snntorch.Leaky(LEAK, reset_mechanism="none", spike_grad=slope)

    def forward(self, inputs):
        """The same, one step of all layers after the other."""
        spikes, membrane = self.h.reset_mem()
        score, total, rate = self.sums.reset_mem(), 0, 0
        for x in inputs:
            spikes, membrane = self.h(self.h_in(x), spikes, membrane)
            _, score = self.sums(self.out(spikes), score)
            total = total + score
            rate = rate + spikes.detach().mean()
        return total, rate / len(inputs)


def with_layers_of(kind):
    """The formulation whose forward pass is that of a module."""
    made = []

    def step(inputs, labels, p, update):
        if not made:
            made.append(kind())
        w = {name: p[name].detach().requires_grad_() for name in LEARNED}
        layers = {
            "h_in.weight": common.standardise(w["h_in/weight"], w["h_in/gain"]),
            "h_in.bias": w["h_in/bias"],
            "h.recurrent.weight": common.standardise(w["h_rec/weight"], w["h_rec/gain"]),
            "out.weight": w["out/weight"],
            "out.bias": w["out/bias"],
        }
        total, rate = torch.func.functional_call(made[0], layers, (inputs,))
        found = torch.autograd.grad(cross_entropy(total, labels), list(w.values()))
        update(dict(zip(w, found, strict=True)))
        return {"h": rate.item()}

    return step


FORMULATIONS = {"hoisted": with_layers_of(Hoisted), "stepwise": with_layers_of(Stepwise)}

if __name__ == "__main__":
    args = common.arguments(list(FORMULATIONS))
    if args.write:
        make(args.batch)
    else:
        common.main(
            args,
            FORMULATIONS[args.formulation],
            lambda weights: LEARNED,
            2e-4,
            {"snntorch": snntorch.__version__},
        )
